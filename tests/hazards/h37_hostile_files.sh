#!/bin/bash
# SPDX-License-Identifier: MIT
# only: glibc
# Hazard 37: a region or a profile that is truncated or hostile.
# Shows: a reader refuses it with one line and status 1, within seconds. (The decoders are fuzzed beside this.)
# Not yet seen failing.
[ -x "$H_BUILD/heaptap" ] || { echo "no build/heaptap"; exit 77; }
export LD_PRELOAD=
LD_PRELOAD="$H_PRELOAD" HEAPTAP_RATE="$H_RATE" HEAPTAP_OUTPUT="$H_TMP/good.pb.gz" "$H_PROGRAMS/h17_workload" >/dev/null || exit 1
size=$(stat -c %s "$H_TMP/good.pb.gz")
head -c $((size / 2)) "$H_TMP/good.pb.gz" >"$H_TMP/half.pb.gz"
head -c 10 "$H_TMP/good.pb.gz" >"$H_TMP/head.pb.gz"
: >"$H_TMP/empty.pb.gz"
head -c 5000 /dev/urandom >"$H_TMP/noise.pb.gz"
gzip -dc "$H_TMP/good.pb.gz" | head -c -3 >"$H_TMP/short.pb"
head -c 100000 /dev/zero >"$H_TMP/zero.pb"
for f in half.pb.gz head.pb.gz empty.pb.gz noise.pb.gz short.pb zero.pb missing.pb; do
  timeout 10 "$H_BUILD/heaptap" top "$H_TMP/$f" >"$H_TMP/said" 2>"$H_TMP/err"
  rc=$?
  [ $rc = 1 ] && [ "$(grep -c '^heaptap: ' "$H_TMP/err")" = 1 ] && [ "$(wc -l <"$H_TMP/err")" = 1 ] || { echo "top $f: exit $rc"; cat "$H_TMP/err"; exit 1; }
done
exit 0
