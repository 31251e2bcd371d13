#!/bin/bash
# SPDX-License-Identifier: MIT
# only: glibc
# Hazard 52: another library is preloaded for its malloc, and we go past it: it has its functions in a version that is not the default
# (glibc's libc_malloc_debug.so), or in one that the program does not ask for. Or what finds a program's faults is hidden from by us.
# Shows: with each of them, and with glibc's debugging (MALLOC_CHECK_, GLIBC_TUNABLES, mtrace), the program prints what it prints bare.
# Seen failing without "a version that is not the default", "a version that nobody asks for" and "no room behind a block" (mutants).
set -u
program=$H_PROGRAMS/h52_whose
same() { # WORDS LIBRARIES ARGUMENT
  local bare ours
  bare=$(LD_PRELOAD=$2 MALLOC_TRACE=$H_TMP/trace.bare "$program" ${3-} 2>&1; echo "status $?")
  ours=$(LD_PRELOAD=$H_LIBRARY:$2 MALLOC_TRACE=$H_TMP/trace.ours HEAPTAP_RATE=$RATE HEAPTAP_OUTPUT=$H_OUT/%e.%p.pb.gz \
    HEAPTAP_REGION_DIR=$H_TMP/regions "$program" ${3-} 2>&1; echo "status $?")
  [ "$bare" = "$ours" ] || { echo "$1, rate $RATE: other output than without the library:"; diff <(echo "$bare") <(echo "$ours") | head -5; exit 1; }
}
case $H_RATE in 512k) RATE=128k ;; *) RATE=$H_RATE ;; esac
for kind in hidden default other; do
  same "an allocator, $kind version" "$H_PROGRAMS/libh52_$kind.so"
done
same "an allocator without versions" "$H_PROGRAMS/libh20_allocator.so"
same "glibc" ""
debug=libc_malloc_debug.so.0
if LD_PRELOAD=$debug true 2>&1 | grep -q .; then exit 0; fi # before glibc 2.34
same "$debug" $debug
MALLOC_CHECK_=3 same "MALLOC_CHECK_" $debug
MALLOC_CHECK_=3 same "MALLOC_CHECK_" $debug overflow
GLIBC_TUNABLES=glibc.malloc.check=3 same "GLIBC_TUNABLES" $debug overflow
same "mtrace" $debug trace
bare=$(cut -d' ' -f3,5 "$H_TMP/trace.bare" | grep -c '^+ .*0x15$') ours=$(cut -d' ' -f3,5 "$H_TMP/trace.ours" | grep -c '^+ .*0x15$')
[ "$bare" -ge 300 ] && [ "$bare" = "$ours" ] || { echo "mtrace, rate $RATE: $ours blocks traced, without the library $bare"; exit 1; }
exit 0
