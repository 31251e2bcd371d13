#!/bin/bash
# SPDX-License-Identifier: MIT
# Hazard 21: a program that ends by a signal, by _exit or by abort runs no handler of ours.
# Shows: its status is its own, and to the last sample nothing is lost: by _exit the profile is written, after a signal it is in the
# region, from which it is recovered.
# Seen failing without "_exit writes the profile" and "the region outlives its process" (mutants).
[ -x "$H_BUILD/heaptap" ] || { echo "heaptap is not built"; exit 77; }
export HEAPTAP_REGION_DIR=$H_TMP/regions HEAPTAP_RATE=1
mkdir -m 700 "$H_TMP/regions"
cd "$H_TMP" || exit 1
ulimit -c 0
end() { # H_DIE STATUS
  rm -f "$H_TMP"/*.pb.gz
  # In a shell of its own, which says nothing of the signal.
  H_DIE=$1 bash -c 'LD_PRELOAD="$H_PRELOAD" HEAPTAP_OUTPUT="$H_TMP/p.pb.gz" "$H_PROGRAMS/h17_workload" >/dev/null; exit $?' 2>/dev/null
  local rc=$?
  [ $rc = "$2" ] || { echo "H_DIE=$1: exit $rc, not $2"; exit 1; }
  [ "$1" = _exit ] || LD_PRELOAD= "$H_BUILD/heaptap" recover -q --raw -o "$H_TMP/p.pb.gz" "$H_TMP"/regions/* || { echo "H_DIE=$1: not recovered"; exit 1; }
  [ -z "$(ls "$H_TMP/regions")" ] || { echo "H_DIE=$1: a region stays:"; ls "$H_TMP/regions"; exit 1; }
  LD_PRELOAD= "$H_BUILD/heaptap" top -unit=B "$H_TMP/p.pb.gz" >"$H_TMP/top" 2>&1 || { echo "H_DIE=$1:"; cat "$H_TMP/top"; exit 1; }
  grep -q '^ *4000000B .* site_work$' "$H_TMP/top" || { echo "H_DIE=$1:"; head "$H_TMP/top"; exit 1; }
}
end _exit 9
end 6 134  # abort
end 9 137  # the OOM killer's
end 11 139 # a fault
end 15 143
