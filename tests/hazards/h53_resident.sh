#!/bin/bash
# SPDX-License-Identifier: MIT
# only: glibc
# Hazard 53: a sampled block that is put on a page of its own tears the heap: pieces before and behind it are pinned by small blocks,
# and pages become resident that nobody would have touched, more and more of them.
# Shows: a cache of mostly untouched buffers takes at most 1 % and 2 MiB more than bare, in the same run, of which the library's own
# tables and code are 1.2 MiB.
# Seen failing without "large blocks are not placed" (mutants): 5 MiB more, and growing.
bare=$("$H_PROGRAMS/h53_cache")
ours=$(LD_PRELOAD=$H_LIBRARY HEAPTAP_RATE=$H_RATE HEAPTAP_OUTPUT=$H_OUT/%p.pb.gz HEAPTAP_REGION_DIR=$H_TMP/regions "$H_PROGRAMS/h53_cache")
[ "$H_RATE" = 512k ] || exit 0 # below it the records of samples are the larger part
[ "$ours" -le $((bare + bare / 100 + 2048)) ] || { echo "resident: $ours KiB, bare $bare KiB"; exit 1; }
