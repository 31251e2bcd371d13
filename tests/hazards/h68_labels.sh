#!/bin/bash
# SPDX-License-Identifier: MIT
# only: glibc
# Hazard 68: labels are read from what the program and its libraries point to: records that are gone, cut or torn, threads that have come
# in another's place, signal handlers in between, a seccomp filter that kills.
# Shows: the tests of labels (tests/labels), with the library that is tried here: figures by label are exact, and nothing faults.
# Seen failing without "a page is asked for before it is read", "a handler makes the label be written again", "a thread's labels go with
# it", "names that others give", "the program's block below the thread pointer", "nothing is read under a filter" and "no name is asked
# for under a filter" (mutants).
cd "$H_TMP" || exit 1
for name in threads own published; do
  "$(dirname "$0")/../labels/test_$name.py" "$H_BUILD/heaptap" "$H_BUILD/libheaptap.so" "$H_PROGRAMS/../labels" >"$H_TMP/said" 2>&1 || {
    cat "$H_TMP/said"
    exit 1
  }
done
