#!/bin/bash
# SPDX-License-Identifier: MIT
# only: glibc
# Hazard 64: the working directory was removed, or its path is very long, so that a relative name has no place.
# Shows: the profile goes to $TMPDIR, and a line says so.
# Seen failing without "a directory without a path is not the root's" and "and a line says so" (mutants).
export HEAPTAP_REGION_DIR=$H_TMP/regions TMPDIR=$H_TMP/tmp HEAPTAP_RATE=1
mkdir -m 700 "$H_TMP/regions" "$H_TMP/tmp"
try() { # WHAT WORDS
  LD_PRELOAD="$H_PRELOAD" "$H_PROGRAMS/h31_until_eof" </dev/null 2>"$H_TMP/err" || { echo "$1: exit $?"; exit 1; }
  [ "$(ls "$TMPDIR" | wc -l)" = 1 ] || { echo "$1: no profile in TMPDIR"; rm -f /heaptap.h31_until_eof.*; exit 1; }
  grep -q "^heaptap: wrote $TMPDIR/heaptap\.h31_until_eof\..*: $2" "$H_TMP/err" || { echo "$1: it says: $(cat "$H_TMP/err")"; exit 1; }
  rm "$TMPDIR"/*
}
mkdir "$H_TMP/gone" && cd "$H_TMP/gone" && rmdir "$H_TMP/gone" || exit 1
try removed "the working directory has no path"
deep=$H_TMP
for i in 1 2 3 4 5 6; do deep=$deep/$(printf 'd%.0s' {1..200}); done
mkdir -p "$deep" && cd "$deep" || exit 1
try deep "the path of the working directory is too long"
