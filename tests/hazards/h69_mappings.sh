#!/bin/bash
# SPDX-License-Identifier: MIT
# only: glibc jemalloc
# Hazard 69: with --mmap the library stands in front of mmap, munmap, mremap, brk and sbrk, which are called before any constructor, in
# signal handlers, by vfork's and fork's children, on small stacks, and under filters that let nothing else through.
# Shows: results, errno and exit status are those without it, nothing waits for ever, nor for long when a thread has left mmap by
# longjmp, and what is kept is in the profile; with jemalloc underneath, none of its own mappings.
# Seen failing without "the next mmap is found on first use", "a handler does not wait for the table", "nobody waits again for a
# thread that has left", "no other call under a filter" and "the allocator's own mappings are left out" (mutants).
export HEAPTAP_REGION_DIR=$H_TMP/regions HEAPTAP_RATE=$H_RATE HEAPTAP_MMAP=1
mkdir -m 700 "$HEAPTAP_REGION_DIR"
for what in errno signals forks vfork left small sandbox; do
  said=$(LD_PRELOAD=$H_PRELOAD HEAPTAP_OUTPUT=$H_TMP/$what.%e.%p.pb.gz timeout 60 "$H_PROGRAMS/h69_maps" $what 2>&1 </dev/null)
  status=$?
  [ $status = 0 ] && [ "$said" = $what ] || { echo "$what: exit $status: $said"; exit 1; }
done
[ -x "$H_BUILD/heaptap" ] || exit 77
has() { # FILE KEPT
  HEAPTAP_REGION_DIR='' "$H_BUILD/heaptap" top -unit=B -nodecount=1000 -i mmap_space "$1" >"$H_TMP/top" 2>"$H_TMP/err" || { cat "$H_TMP/err"; exit 1; }
  grep -qE "^ *${2}B .* site_kept$" "$H_TMP/top" || { echo "$1: no ${2}B of site_kept"; cat "$H_TMP/top"; exit 1; }
  grep -qE 'pages_map|os_pages|jemalloc' "$H_TMP/top" && { echo "$1: the allocator's own"; cat "$H_TMP/top"; exit 1; }
  return 0
}
has "$(ls "$H_TMP"/vfork.h69_maps.*.pb.gz)" 12288
has "$(ls "$H_TMP"/small.h69_maps.*.pb.gz)" 61440
