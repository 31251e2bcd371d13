#!/bin/bash
# SPDX-License-Identifier: MIT
# Hazard 36: the dump's directory is missing or cannot be written, the disk is full, the name is taken.
# Shows: output and status are the program's, one line is said, and an older file stays whole when the new one cannot be
# written; the region still has the profile, and recover writes it.
# Seen failing without "the old file stays until the new one is whole" and "what is not written stays in the region" (mutants).
export HEAPTAP_REGION_DIR=$H_TMP/regions
kept() { # WORDS
  local region=("$H_TMP"/regions/*)
  [ ${#region[@]} = 1 ] && [ -s "$region" ] || { echo "$1: the region does not have it:"; ls "$H_TMP/regions"; exit 1; }
  if [ -x "$H_BUILD/heaptap" ]; then
    LD_PRELOAD= "$H_BUILD/heaptap" recover -q --raw -o "$H_TMP/recovered.pb.gz" "$region" 2>"$H_TMP/err" && [ -s "$H_TMP/recovered.pb.gz" ] || { echo "$1: not recovered:"; cat "$H_TMP/err"; exit 1; }
  fi
  rm -rf "$H_TMP/regions" "$H_TMP/recovered.pb.gz"
}
"$H_PROGRAMS/h17_workload" >"$H_TMP/bare" || exit 1
try() { # WORDS PATTERN [COMMAND]...
  local words=$1 pattern=$2
  shift 2
  LD_PRELOAD="$H_PRELOAD" HEAPTAP_RATE="$H_RATE" HEAPTAP_OUTPUT="$pattern" "$@" "$H_PROGRAMS/h17_workload" >"$H_TMP/with" 2>"$H_TMP/err"
  local rc=$?
  [ $rc = 0 ] || { echo "$words: exit $rc"; cat "$H_TMP/err"; exit 1; }
  cmp -s "$H_TMP/bare" "$H_TMP/with" || { echo "$words: other output"; exit 1; }
  [ "$(grep -c '^heaptap: ' "$H_TMP/err")" = 1 ] && [ "$(wc -l <"$H_TMP/err")" = 1 ] || { echo "$words: not one line:"; cat "$H_TMP/err"; exit 1; }
  kept "$words"
}
try "a directory that is not there" "$H_TMP/nowhere/p.pb.gz"
mkdir -p "$H_TMP/taken.pb.gz/inside"
sleep 0.1 # younger than the process, it would be a relative's file, which is stepped aside for
try "a directory has the name" "$H_TMP/taken.pb.gz"
[ -d "$H_TMP/taken.pb.gz/inside" ] || { echo "it took the directory away"; exit 1; }
try "a file as a directory" /dev/null/p.pb.gz
if unshare -m true 2>/dev/null; then
  export H_PROGRAMS
  unshare -m bash -c '
    mkdir -p "$H_TMP/small"
    mount -t tmpfs -o size=8k none "$H_TMP/small" || exit 77
    echo older >"$H_TMP/small/p.pb.gz"
    cat /dev/zero >"$H_TMP/small/full" 2>/dev/null
    sleep 0.1 # as above
    LD_PRELOAD="$H_PRELOAD" HEAPTAP_RATE="$H_RATE" HEAPTAP_OUTPUT="$H_TMP/small/p.pb.gz" "$H_PROGRAMS/h17_workload" >"$H_TMP/with" 2>"$H_TMP/err" || { echo "disk full: exit $?"; exit 1; }
    [ "$(cat "$H_TMP/small/p.pb.gz")" = older ] || { echo "disk full: the older file is gone"; exit 1; }
    [ "$(ls "$H_TMP/small" | wc -l)" = 2 ] || { echo "disk full: left behind:"; ls "$H_TMP/small"; exit 1; }
    [ "$(wc -l <"$H_TMP/err")" = 1 ] || { echo "disk full: not one line:"; cat "$H_TMP/err"; exit 1; }'
  rc=$?
  [ $rc = 77 ] || [ $rc = 0 ] || exit 1
  [ $rc = 77 ] || kept "disk full"
fi
exit 0
