# SPDX-License-Identifier: MIT
"""The parts of bench/run: where things are."""
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("HEAPTAP_BUILD", os.path.join(ROOT, "build"))
LIB = os.path.join(BUILD, "libheaptap.so")
CLI = os.path.join(BUILD, "heaptap")
LOAD, CONTAINERS, MEMORY, FRAGMENTATION, OUTSIDE, FLOOR, UNWIND = (
    os.path.join(BUILD, "bench", name) for name in
    ("bench-load", "bench-containers", "bench-memory", "bench-fragmentation", "bench-outside", "bench-floor.so", "unwind-bench"))
MANY_STACKS = os.path.join(BUILD, "tests", "daemon", "many_stacks")

for folder in ("bench", "tests/lib", "tests/compat"):
    sys.path.insert(0, os.path.join(ROOT, folder))


def environment(**more):
    """The caller's, without what steers heaptap, an allocator or a peer."""
    e = {k: v for k, v in os.environ.items()
         if not k.startswith(("HEAPTAP_", "MALLOC_", "HEAP_PROFILE", "HEAPPROFILE", "ASPROF_"))}
    e.pop("LD_PRELOAD", None)
    e["LC_ALL"] = "C"
    e.update(more)
    return e
