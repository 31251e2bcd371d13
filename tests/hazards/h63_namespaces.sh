#!/bin/bash
# SPDX-License-Identifier: MIT
# only: glibc
# Hazard 63: processes of one run in several pid namespaces, each with pid 1, and in a time namespace.
# Shows: each has its profile, one that outlives the run removes its region, and what lives in a time namespace is found by the start that it has outside.
# Seen failing without "a relative's file stays" and "starts are of the first time namespace" (mutants),
# and "a process that outlives the run removes its region".
[ -x "$H_BUILD/heaptap" ] || exit 77
[ "$(id -u)" = 0 ] && unshare -pf --mount-proc true 2>/dev/null || { echo "needs root and pid namespaces"; exit 77; }
export HEAPTAP_REGION_DIR=$H_TMP/regions XDG_CACHE_HOME=$H_TMP/cache
mkdir -m 700 "$H_TMP/regions"
cd "$H_TMP" || exit 1
"$H_BUILD/heaptap" run --exact -o y.pb.gz -- sh -c "for i in 1 2 3; do unshare -pf --mount-proc $H_PROGRAMS/h31_until_eof </dev/null; done" 2>said
grep -q 'h31_until_eof (pid 1 in a pid namespace of its own)' said || { echo "a pid is told as if it were one here:"; cat said; exit 1; }
n=0
for f in y*.pb.gz; do
  "$H_BUILD/heaptap" top "$f" 2>/dev/null | grep -q ' site_early$' && n=$((n + 1))
done
[ $n = 3 ] || { echo "$n profiles of 3 processes in namespaces: $(ls y*.pb.gz | tr '\n' ' ')"; exit 1; }
[ -z "$(ls regions)" ] || { echo "left: $(ls regions)"; exit 1; }
mkfifo go
# One that outlives the run writes its profile, and removes its region.
"$H_BUILD/heaptap" run --exact -o z.pb.gz -- sh -c "unshare -pf --mount-proc $H_PROGRAMS/h31_until_eof <go >/dev/null 2>&1 & sleep 0.5" 2>said &
exec 5>go
wait $!
pid=$(sed -n 's/.*h31_until_eof (pid \([0-9]*\)) still runs.*/\1/p' said)
[ -n "$pid" ] && [ "$(readlink "/proc/$pid/exe")" = "$H_PROGRAMS/h31_until_eof" ] || { echo "who lives on is not named:"; cat said; exit 1; }
exec 5>&-
for i in $(seq 200); do
  [ -d "/proc/$pid" ] || [ -n "$(ls regions)" ] || break # unshare, too
  sleep 0.05
done
[ -z "$(ls regions)" ] || { echo "it outlived the run, and left $(ls regions)"; exit 1; }
"$H_BUILD/heaptap" top z*.pb.gz 2>/dev/null | grep -q ' site_early$' || { echo "it outlived the run, and left no profile"; exit 1; }
unshare -T --boottime 1000 true 2>/dev/null || exit 0
unshare -T --boottime 1000 -f env LD_PRELOAD="$H_PRELOAD" HEAPTAP_RATE=1 HEAPTAP_OUTPUT="$H_TMP/t.pb.gz" "$H_PROGRAMS/h31_until_eof" <go &
exec 5>go
for i in $(seq 100); do
  [ -n "$(ls regions)" ] && break
  sleep 0.05
done
sleep 0.2
"$H_BUILD/heaptap" ps | grep -q " alive .*$H_TMP/t.pb.gz" || { echo "in a time namespace it is taken for dead:"; "$H_BUILD/heaptap" ps; exit 1; }
exec 5>&-
wait
[ -e t.pb.gz ] || { echo "no profile from the time namespace"; exit 1; }
