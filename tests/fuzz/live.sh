#!/bin/sh
# SPDX-License-Identifier: MIT
# Fuzzes for HEAPTAP_FUZZ_SECONDS (60) from the corpus, in the same order each time; what is found is kept beside the binary.
# To add what a run found worth keeping: fuzz_profile -merge=1 tests/fuzz/corpus found/
set -eu
target=$1 corpus=$2
seconds=${HEAPTAP_FUZZ_SECONDS:-60}
if [ -n "${HEAPTAP_TEST_QUICK:-}" ]; then seconds=10; fi
found=$(dirname "$target")/found
mkdir -p "$found"
exec "$target" -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=3000 \
  -seed=1 -print_final_stats=1 -artifact_prefix="$found/" "$found" "$corpus"
