#!/bin/bash
# SPDX-License-Identifier: MIT
# Hazard 29: a shared mapping on a full tmpfs: the write is SIGBUS.
# Shows: with /dev/shm too small for the region, with one that gets full in the midst of a chunk (68 KiB), and with one full to the last
# page, the program's output and status are the same and its profile is written; the same under a filter by which the kernel is one of
# before 5.14, without MADV_POPULATE_WRITE. And that a target that looks for what may be folded reads no page that is not there. Seen
# failing without "pages are reserved before they are written", "more of a chunk is reserved before it is written", "the kernel stores
# before the library does" and "folding looks at what is present" (mutants).
unshare -m true 2>/dev/null || { echo "unshare -m is not permitted"; exit 77; }
"$H_PROGRAMS/h17_workload" >"$H_TMP/bare" || exit 1
filter=$H_PROGRAMS/../doctor/doctor-filter # madvise with that advice is EINVAL
[ -x "$filter" ] || { echo "$filter is not built"; exit 77; }
old="$filter 28 23 22"
$old /bin/true; [ $? = 77 ] && old=
for size in 4k 24k 68k 1m; do
  for full in "" 1 ${old:+old}; do
    rm -rf "$H_TMP/out"; mkdir "$H_TMP/out"
    size=$size full=$full old="$old" unshare -m bash -c '
      mount -t tmpfs -o size=$size none /dev/shm || exit 77
      [ "$full" = old ] && export HEAPTAP_SECCOMP=trust || old=
      [ "$full" != 1 ] || cat /dev/zero >/dev/shm/full 2>/dev/null
      HEAPTAP_RATE="$H_RATE" HEAPTAP_OUTPUT="$H_TMP/out/p.pb.gz" exec $old /usr/bin/env LD_PRELOAD="$H_PRELOAD" "$H_PROGRAMS/h17_workload"' >"$H_TMP/with" 2>"$H_TMP/err"
    rc=$?
    [ $rc = 77 ] && { echo "cannot mount a tmpfs"; exit 77; }
    [ $rc = 0 ] || { echo "/dev/shm of $size${full:+, full}: exit $rc"; cat "$H_TMP/err"; exit 1; }
    cmp -s "$H_TMP/bare" "$H_TMP/with" || { echo "/dev/shm of $size: other output"; exit 1; }
    python3 "$H_LIB/pprof.py" "$H_TMP/out/p.pb.gz" >"$H_TMP/check" || { echo "/dev/shm of $size${full:+, full}:"; cat "$H_TMP/check"; exit 1; }
  done
done
size=68k unshare -m bash -c '
  mount -t tmpfs -o size=$size none /dev/shm || exit 77
  HEAPTAP_FOLD=2 HEAPTAP_RATE=1000 HEAPTAP_OUTPUT="$H_TMP/out/folds.pb.gz" LD_PRELOAD="$H_PRELOAD" exec "$H_PROGRAMS/h29_folds"' >"$H_TMP/with" 2>"$H_TMP/err"
rc=$?
[ $rc = 0 ] && [ "$(cat "$H_TMP/with")" = all ] || { echo "folding with /dev/shm of 68k: exit $rc"; cat "$H_TMP/err"; exit 1; }
