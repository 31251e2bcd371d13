#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/fragmentation.py: resident memory under the library less bare, of five loads that are apt to tear a heap (fragmentation.c).

  bench/fragmentation.py [--operations=160M] [--starts=7] [--rate=512k] [--share=1] [--fixed=1024] [LOAD]...

--operations: malloc, realloc and free, of all loads together. A load's figure is taken after each fifth of it. A few blocks more at its
start make a bare heap of some of these loads larger or smaller by MiB: so each load runs with several starts, bare and under the library,
and a figure is the median of the one less that of the other; beside it stands the range that bare's own figures have at the end. Exit 1
when more than --share % and --fixed KiB are taken over bare after any fifth, or when that grows: from the second fifth to the last by more
than --share % and 256 KiB, where bare's own range is not larger.
"""
import re
import statistics
import sys
import tempfile

from table import FRAGMENTATION, LIB
from table.ways import Way
from words import Words, positive

LOADS = ["sparse", "mixed", "resized", "handed-on", "sweep"]
ONE = {"MALLOC_ARENA_MAX": "1"}  # two arenas are two heaps, and which is torn is chance


def millions(text):
    m = re.fullmatch(r"([1-9]\d*)M?", text)
    if not m:
        raise ValueError
    return int(m[1]) * (1000000 if text.endswith("M") else 1)


def resident(way, work, load, operations, start):
    return [int(n) for n in way.run([FRAGMENTATION, load, str(operations), str(start)], work, patience=1800)[0].split()]


def way(name, start, o):
    ours = {"LD_PRELOAD": LIB, "HEAPTAP_RATE": o.rate, "HEAPTAP_SEED": str(start + 1)}
    return Way(name, dict(ONE, **(ours if name == "ours" else {})))


def main():
    words = Words(__doc__)
    words.add_argument("--operations", type=millions, default=millions("160M"))
    words.add_argument("--starts", type=positive, default=7)
    words.add_argument("--rate", default="512k")
    words.add_argument("--share", type=float, default=1)
    words.add_argument("--fixed", type=positive, default=1024)
    words.names(LOADS)
    o = words.parse_args()
    loads = [l for l in LOADS if not o.names or any(n in l for n in o.names)]
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="heaptap-fragmentation") as work:
        for load in loads:
            seen = {name: [resident(way(name, start, o), work, load, o.operations // len(loads), start) for start in range(o.starts)]
                    for name in ("bare", "ours")}
            bare, ours = ([statistics.median(run[i] for run in seen[name]) for i in range(5)] for name in ("bare", "ours"))
            ends = [run[-1] for run in seen["bare"]]
            over = [y - x for x, y in zip(bare, ours)]
            excess = max(d - o.share / 100 * x for x, d in zip(bare, over))
            growth = over[-1] - over[1] - o.share / 100 * max(0, bare[-1] - bare[1])
            bad = excess > o.fixed or growth > max(256, max(ends) - min(ends))
            wrong += bad
            print("%-4s %-10s bare %7d KiB at the end (%d to %d); over it after each fifth: %s; at most %.1f %% and %d KiB"
                  % ("FAIL" if bad else "ok", load, bare[-1], min(ends), max(ends), " ".join("%+d" % d for d in over), o.share,
                     max(excess, 0)), flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
