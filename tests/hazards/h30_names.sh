#!/bin/bash
# SPDX-License-Identifier: MIT
# only: glibc
# Hazard 30: names of what was in a library that has been closed, with another at its addresses since.
# Shows: go tool pprof and heaptap top name both generations' functions, with the same figures.
# Seen failing without "a library is told from the next at its place" (mutants).
export HEAPTAP_REGION_DIR=$H_TMP
LD_PRELOAD="$H_PRELOAD" HEAPTAP_RATE=1 HEAPTAP_OUTPUT="$H_TMP/p.pb.gz" "$H_PROGRAMS/h30_dlclose" || exit 1
has() { # WHAT-SAID-IT FILE
  for k in a:100000B b:120000B; do
    grep -qE "^ *${k#*:}? .* site_plugin_${k%%:*}$" "$2" || { echo "$1 has not ${k#*:} at site_plugin_${k%%:*}:"; head -n 12 "$2"; exit 1; }
  done
}
if command -v go >/dev/null; then
  HOME=$H_TMP PPROF_TMPDIR=$H_TMP go tool pprof -top -unit=B "$H_TMP/p.pb.gz" >"$H_TMP/top" 2>/dev/null
  has "go tool pprof -top" "$H_TMP/top"
fi
[ -x "$H_BUILD/heaptap" ] || exit 0
"$H_BUILD/heaptap" top -unit=B "$H_TMP/p.pb.gz" >"$H_TMP/top" || exit 1
has "heaptap top" "$H_TMP/top"
