#!/bin/bash
# SPDX-License-Identifier: MIT
# only: glibc
# Hazard 62: the program lies at a path that is not UTF-8, which a string of a profile must be.
# Shows: the profile has a text for the path, heaptap and go tool pprof read it, and the functions are named.
# Seen failing without "a path that is no UTF-8 is written as text" (mutants).
dir=$H_TMP/$'caf\xe9 \xc3\xa9 \xff'
mkdir "$dir"
cp "$H_PROGRAMS/h31_until_eof" "$dir/program"
export HEAPTAP_REGION_DIR=$H_TMP XDG_CACHE_HOME=$H_TMP/cache
LD_PRELOAD="$H_PRELOAD" HEAPTAP_RATE=1 HEAPTAP_OUTPUT="$H_TMP/p.pb.gz" "$dir/program" </dev/null || exit 1
gzip -dc "$H_TMP/p.pb.gz" | LC_ALL=C grep -aqF 'caf\xe9 é \xff/program' || { echo "the profile has no text for the path"; exit 1; }
if command -v go >/dev/null; then
  HOME=$H_TMP PPROF_TMPDIR=$H_TMP go tool pprof -raw "$H_TMP/p.pb.gz" >"$H_TMP/raw" 2>/dev/null
  grep -qF 'caf\xe9 é \xff/program' "$H_TMP/raw" || { echo "go tool pprof does not read it"; exit 1; }
fi
[ -x "$H_BUILD/heaptap" ] || exit 0
"$H_BUILD/heaptap" top "$H_TMP/p.pb.gz" >"$H_TMP/top" 2>&1
grep -q ' site_early$' "$H_TMP/top" || { echo "heaptap top does not name its function:"; head -n 9 "$H_TMP/top"; exit 1; }
# run, and names that were put into the file
cd "$dir" && "$H_BUILD/heaptap" run -q --exact -o run.pb.gz -- ./program </dev/null || exit 1
"$H_BUILD/heaptap" top run.pb.gz >"$H_TMP/top" 2>&1
grep -q ' site_early$' "$H_TMP/top" || { echo "after run heaptap top does not name its function:"; head -n 9 "$H_TMP/top"; exit 1; }
