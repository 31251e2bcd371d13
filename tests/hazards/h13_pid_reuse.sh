#!/bin/bash
# SPDX-License-Identifier: MIT
# Hazard 13: a process has the number of one that died.
# Shows: the second takes the first's region neither for its own nor for that of an image before it: the first is recovered whole, the
# second writes its own profile, and both have the figures of one.
# Seen failing without "a region's name has the time its process began" (mutants).
unshare -m -p -f --mount-proc true 2>/dev/null || { echo "unshare -p is not permitted"; exit 77; }
[ -x "$H_BUILD/heaptap" ] || { echo "heaptap is not built"; exit 77; }
mkdir -m 700 "$H_TMP/regions"
export HEAPTAP_REGION_DIR=$H_TMP/regions HEAPTAP_RATE=1
cd "$H_TMP" || exit 1
# In a pid namespace of its own the next number can be said.
unshare -m -p -f --mount-proc bash -c '
  echo 399 >/proc/sys/kernel/ns_last_pid 2>/dev/null || exit 77
  LD_PRELOAD="$H_PRELOAD" HEAPTAP_OUTPUT="$H_TMP/second.%p.pb.gz" H_DIE=9 "$H_PROGRAMS/h17_workload" >/dev/null &
  [ $! = 400 ] || exit 77
  wait $! 2>/dev/null
  sleep 0.05
  echo 399 >/proc/sys/kernel/ns_last_pid
  LD_PRELOAD="$H_PRELOAD" HEAPTAP_OUTPUT="$H_TMP/second.%p.pb.gz" "$H_PROGRAMS/h17_workload" >/dev/null &
  [ $! = 400 ] || exit 77
  wait $! || exit 1' 2>"$H_TMP/err"
rc=$?
[ $rc = 77 ] && { echo "the next process number cannot be set"; exit 77; }
[ $rc = 0 ] || { echo "exit $rc"; cat "$H_TMP/err"; exit 1; }
[ "$(ls "$H_TMP/regions" | wc -l)" = 1 ] || { echo "not the first one's region alone:"; ls "$H_TMP/regions"; exit 1; }
LD_PRELOAD= "$H_BUILD/heaptap" recover -q --raw -o "$H_TMP/first.pb.gz" "$H_TMP"/regions/* || exit 1
for f in first.pb.gz second.400.pb.gz; do
  LD_PRELOAD= "$H_BUILD/heaptap" top -alloc_space -unit=B "$H_TMP/$f" >"$H_TMP/top" 2>&1 || { cat "$H_TMP/top"; exit 1; }
  grep -q '^ *8000000B .* site_work$' "$H_TMP/top" || { echo "$f:"; head "$H_TMP/top"; exit 1; }
done
