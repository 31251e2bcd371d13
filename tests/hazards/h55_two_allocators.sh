#!/bin/bash
# SPDX-License-Identifier: MIT
# only: glibc
# Hazard 55: two allocators in a process: one that the program is linked with or loads later, another that is preloaded. What one of
# them has besides malloc's family must go to it, and not to whoever malloc is (Debian's swipl, linked with tcmalloc, over jemalloc).
# Shows: of every such pair the program prints what it prints bare, and ends as it does.
# Seen failing without "a second allocator keeps its own calls" (mutants).
set -u
allocators="glibc libjemalloc.so.2 libtcmalloc_minimal.so.4 libmimalloc.so.2"
failed=0 done=0
for linked in glibc jemalloc tcmalloc mimalloc now_glibc now_jemalloc now_tcmalloc now_mimalloc; do
  program=$H_PROGRAMS/h55_linked_$linked
  [ -x "$program" ] || continue
  for preloaded in $allocators; do
    [ "$preloaded" != glibc ] && ! LD_PRELOAD=$preloaded true 2>&1 | grep -q . || [ "$preloaded" = glibc ] || continue
    for later in "" libmimalloc.so.2 "libjemalloc.so.2 global" libtcmalloc_minimal.so.4; do
      case $linked,$later in now_*,?*) continue ;; esac # what is loaded later is the same for both
      below=$preloaded
      [ "$preloaded" = glibc ] && below=
      bare=$(LD_PRELOAD=$below timeout 60 "$program" $later 2>&1; echo "status $?")
      case $bare in *"status 0") ;; *) continue ;; esac # that pair does not work
      ours=$(LD_PRELOAD=$H_LIBRARY${below:+:$below} HEAPTAP_RATE=$H_RATE HEAPTAP_OUTPUT=$H_OUT/%e.%p.pb.gz \
        HEAPTAP_REGION_DIR=$H_TMP/regions timeout 60 "$program" $later 2>&1; echo "status $?")
      done=$((done + 1))
      [ "$bare" = "$ours" ] && continue
      failed=$((failed + 1))
      echo "linked with $linked, over $preloaded${later:+, loads $later}: other output than without the library:"
      diff <(echo "$bare") <(echo "$ours") | head -3
    done
  done
done
[ $done -gt 0 ] || { echo "no pair of allocators works here"; exit 77; }
echo "$done pairs, $failed differ"
exit $((failed > 0))
