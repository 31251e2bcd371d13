#!/bin/bash
# SPDX-License-Identifier: MIT
# Hazard 17: chroot, no /proc, no /dev/shm, pid namespaces.
# Shows: with neither, the program's output and status are the same and its profile is written; in an empty root the program
# goes on though nothing can be written, and its region has the profile.
# In a pid namespace, with the /proc of the one outside and with its own, the profile has the number the process has there; a process of
# the same number and start in another one is not taken for an image that exec replaced.
# Seen failing without "private memory where there is no file" (mutants).
unshare -m true 2>/dev/null || { echo "unshare -m is not permitted"; exit 77; }
"$H_PROGRAMS/h17_workload" >"$H_TMP/bare" || exit 1
for hide in "/proc" "/dev/shm" "/proc /dev/shm"; do
  rm -rf "$H_TMP/out"; mkdir "$H_TMP/out"
  hide="$hide" unshare -m bash -c '
    for d in $hide; do mount -t tmpfs -o mode=0,ro none $d; done
    LD_PRELOAD="$H_PRELOAD" HEAPTAP_RATE="$H_RATE" HEAPTAP_OUTPUT="$H_TMP/out/p.pb.gz" exec "$H_PROGRAMS/h17_workload"' >"$H_TMP/with" 2>"$H_TMP/err"
  rc=$?
  [ $rc = 0 ] || { echo "without $hide: exit $rc"; cat "$H_TMP/err"; exit 1; }
  cmp -s "$H_TMP/bare" "$H_TMP/with" || { echo "without $hide: other output"; exit 1; }
  python3 "$H_LIB/pprof.py" "$H_TMP/out/p.pb.gz" --main="$H_PROGRAMS/h17_workload" >"$H_TMP/check" || { echo "without $hide:"; cat "$H_TMP/check"; exit 1; }
done
for proc in "" --mount-proc; do
  unshare -p -f true 2>/dev/null || break
  rm -rf "$H_TMP/out"; mkdir "$H_TMP/out"
  LD_PRELOAD= unshare -m -p -f $proc bash -c '
    LD_PRELOAD="$H_PRELOAD" HEAPTAP_RATE="$H_RATE" HEAPTAP_OUTPUT="$H_TMP/out/%p.pb.gz" "$H_PROGRAMS/h17_workload"; exit $?' >"$H_TMP/with" 2>"$H_TMP/err"
  rc=$?
  words="in a pid namespace ${proc:-with the /proc of another}"
  [ $rc = 0 ] && [ ! -s "$H_TMP/err" ] || { echo "$words: exit $rc"; cat "$H_TMP/err"; exit 1; }
  cmp -s "$H_TMP/bare" "$H_TMP/with" || { echo "$words: other output"; exit 1; }
  [ "$(ls "$H_TMP/out")" = 2.pb.gz ] || { echo "$words: not 2.pb.gz:"; ls "$H_TMP/out"; exit 1; }
  python3 "$H_LIB/pprof.py" "$H_TMP/out/2.pb.gz" --main="$H_PROGRAMS/h17_workload" >"$H_TMP/check" || { echo "$words:"; cat "$H_TMP/check"; exit 1; }
done
# A region that a killed process of another namespace left under this process's number and start is not that of the image before.
if unshare -p -f true 2>/dev/null; then
  mkdir -m 700 "$H_TMP/regions"
  export HEAPTAP_REGION_DIR="$H_TMP/regions"
  LD_PRELOAD= unshare -p -f bash -c 'LD_PRELOAD="$H_PRELOAD" HEAPTAP_RATE=1 HEAPTAP_OUTPUT="$H_TMP/other.pb.gz" python3 -c "import os
os.kill(os.getpid(), 9)"; true' 2>/dev/null
  LD_PRELOAD= bash -c 'read -r stat </proc/$$/stat; field=(${stat##*) }); mv "$H_TMP"/regions/* "$H_TMP/regions/$$.${field[19]}.0" || exit 9
    export LD_PRELOAD="$H_PRELOAD" HEAPTAP_RATE="$H_RATE" HEAPTAP_OUTPUT="$H_TMP/own.pb.gz"; exec "$H_PROGRAMS/h17_workload"' >"$H_TMP/with" 2>"$H_TMP/err" ||
    { echo "beside a region of another namespace: exit $?"; cat "$H_TMP/err"; exit 1; }
  [ "$(ls "$H_TMP/regions" | wc -l)" = 1 ] || { echo "the region of another namespace was taken"; exit 1; }
  unset HEAPTAP_REGION_DIR
  rm -rf "$H_TMP"/regions "$H_TMP"/own.* "$H_TMP"/other.*
fi
# Nor is a living one's, where neither has a /proc that would tell the two apart.
if unshare -p -f true 2>/dev/null; then
  mkdir -m 700 "$H_TMP/regions"
  export HEAPTAP_REGION_DIR="$H_TMP/regions"
  bare() { # OUTPUT COMMAND...: the third process of a namespace, without /proc
    LD_PRELOAD= HEAPTAP_OUTPUT=$1 exec unshare -m -p -f --kill-child bash -c '
      mount -t tmpfs -o mode=0,ro none /proc
      LD_PRELOAD="$H_PRELOAD" HEAPTAP_RATE=1 "$@"; exit $?' x "${@:2}"
  }
  (bare "$H_TMP/other.pb.gz" sleep 100) &
  other=$!
  trap 'kill -KILL $other' EXIT
  until cmp -s -n 8 "$H_TMP/regions/3.0.0" <(printf '\0\0\0\0\0\0\0\0'); [ $? = 1 ] && [ -s "$H_TMP/regions/3.0.0" ]; do sleep 0.05; done
  (bare "$H_TMP/own.pb.gz" "$H_PROGRAMS/h17_workload") >"$H_TMP/with" 2>"$H_TMP/err" || { echo "beside a living one: exit $?"; cat "$H_TMP/err"; exit 1; }
  [ -e "$H_TMP/regions/3.0.0" ] || { echo "the region of a living process was taken"; exit 1; }
  kill -KILL $other # and with it what it started
  wait $other 2>/dev/null
  trap - EXIT
  unset HEAPTAP_REGION_DIR
  rm -rf "$H_TMP"/regions "$H_TMP"/own.* "$H_TMP"/other.*
fi
# Ten at once have one number, and some of them one start to the tick.
for i in 0 1 2 3 4 5 6 7 8 9; do
  mkdir "$H_TMP/at$i"
  LD_PRELOAD= unshare -m -p -f bash -c '
    LD_PRELOAD="$H_PRELOAD" HEAPTAP_RATE="$H_RATE" HEAPTAP_OUTPUT="$1/%p.pb.gz" "$H_PROGRAMS/h17_workload"; exit $?' x "$H_TMP/at$i" >"$H_TMP/with$i" 2>"$H_TMP/err$i" &
done
wait
for i in 0 1 2 3 4 5 6 7 8 9; do
  [ ! -s "$H_TMP/err$i" ] || { echo "ten pid namespaces:"; cat "$H_TMP/err$i"; exit 1; }
  [ "$(ls "$H_TMP/at$i")" = 2.pb.gz ] || { echo "ten pid namespaces: not 2.pb.gz:"; ls "$H_TMP/at$i"; exit 1; }
done
mkdir -p "$H_TMP/empty"
LD_PRELOAD="$H_PRELOAD" HEAPTAP_RATE="$H_RATE" HEAPTAP_OUTPUT="$H_TMP/out/q.pb.gz" HEAPTAP_REGION_DIR="$H_TMP/regions" "$H_PROGRAMS/h17_workload" "$H_TMP/empty" >"$H_TMP/with" 2>"$H_TMP/err" ||
  { echo "in an empty root: exit $?"; cat "$H_TMP/err"; exit 1; }
cmp -s "$H_TMP/bare" "$H_TMP/with" || { echo "in an empty root: other output"; exit 1; }
[ "$(wc -l <"$H_TMP/err")" -le 1 ] || { echo "in an empty root: more than one line"; cat "$H_TMP/err"; exit 1; }
region=("$H_TMP"/regions/*)
[ ${#region[@]} = 1 ] && [ -s "$region" ] || { echo "in an empty root: the region does not have it:"; ls "$H_TMP/regions"; exit 1; }
