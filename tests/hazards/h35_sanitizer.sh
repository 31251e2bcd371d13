#!/bin/bash
# SPDX-License-Identifier: MIT
# only: glibc
# Hazard 35: a program built with a sanitizer: "ASan runtime does not come first in initial library list", and exit 1.
# Shows: heaptap run runs programs of the address, thread and leak sanitizers, from a library or linked in, by gcc and clang; their
# status and output are their own, one line says which sanitizer it was. The undefined-behaviour sanitizer has no allocator: profiled.
# A child of the program that is run, which nobody looks at first, runs and is told of its errors all the same.
# Seen failing without "a sanitizer is told by its functions and libraries" and "a child need not have its runtime first" (mutants).
printf '#include <stdio.h>\n#include <stdlib.h>\nint main(void) { void *volatile p = malloc(1000000); p = malloc(1000); free(p); puts("ran"); fflush(stdout); _Exit(3); }\n' >"$H_TMP/a.c"
[ -x "$H_BUILD/heaptap" ] || { echo "heaptap is not built"; exit 77; }
tried=0
try() { # WORD COMPILER OPTION...
  local word=$1
  shift
  "$@" -o "$H_TMP/a" "$H_TMP/a.c" 2>/dev/null || return 0
  # The thread sanitizer wants an address space laid out its way, which not every kernel gives.
  [ "$("$H_TMP/a" 2>/dev/null)" = ran ] || return 0
  rm -f "$H_TMP/p.pb.gz"
  "$H_BUILD/heaptap" run --rate="$H_RATE" -o "$H_TMP/p.pb.gz" -- "$H_TMP/a" >"$H_TMP/said" 2>"$H_TMP/err"
  local rc=$?
  [ $rc = 3 ] && [ "$(cat "$H_TMP/said")" = ran ] || { echo "$*: exit $rc"; cat "$H_TMP/err"; exit 1; }
  if [ "$word" ]; then
    [ "$(grep -c "$word" "$H_TMP/err")" = 1 ] && [ "$(wc -l <"$H_TMP/err")" = 1 ] || { echo "$*: not one line with $word:"; cat "$H_TMP/err"; exit 1; }
  elif [ "$H_RATE" = 1 ]; then
    [ -s "$H_TMP/p.pb.gz" ] || { echo "$*: no profile"; cat "$H_TMP/err"; exit 1; }
  fi
  "$H_BUILD/heaptap" run -q --rate="$H_RATE" -o "$H_TMP/child.pb.gz" -- sh -c "$H_TMP/a; exit \$?" >"$H_TMP/said" 2>"$H_TMP/err"
  rc=$?
  [ $rc = 3 ] && [ "$(cat "$H_TMP/said")" = ran ] && [ ! -s "$H_TMP/err" ] || { echo "$* as a child: exit $rc"; cat "$H_TMP/err"; exit 1; }
  tried=$((tried + 1))
}
try AddressSanitizer gcc -fsanitize=address
try AddressSanitizer gcc -fsanitize=address -static-libasan
try ThreadSanitizer gcc -fsanitize=thread
try LeakSanitizer gcc -fsanitize=leak
try "" gcc -fsanitize=undefined
try AddressSanitizer clang -fsanitize=address
try ThreadSanitizer clang -fsanitize=thread
printf '#include <stdlib.h>\nint main(void) { char *volatile p = malloc(10000); p[10000] = 1; return 0; }\n' >"$H_TMP/b.c"
if gcc -fsanitize=address -o "$H_TMP/b" "$H_TMP/b.c" 2>/dev/null; then
  "$H_BUILD/heaptap" run -q --rate="$H_RATE" -o "$H_TMP/child.pb.gz" -- sh -c "$H_TMP/b; exit \$?" >/dev/null 2>"$H_TMP/err"
  grep -q heap-buffer-overflow "$H_TMP/err" || { echo "a child's overflow is not found:"; cat "$H_TMP/err"; exit 1; }
fi
[ $tried -gt 0 ] || { echo "no compiler here has a sanitizer"; exit 77; }
