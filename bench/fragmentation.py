#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/fragmentation.py: resident memory under the library less bare, of five loads that are apt to tear a heap (fragmentation.c).

  bench/fragmentation.py [--operations=160M] [--rate=512k] [--share=1] [--fixed=1024] [LOAD]...

--operations: malloc, realloc and free, of all loads together. A load's figure is taken after each fifth of it. Exit 1 when more than
--share % and --fixed KiB are taken over bare at any of them, or when that grows: from the second fifth to the last by more than --share % and 256 KiB.
"""
import re
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


def resident(way, work, load, operations):
    return [int(n) for n in way.run([FRAGMENTATION, load, str(operations)], work, patience=1800)[0].split()]


def main():
    words = Words(__doc__)
    words.add_argument("--operations", type=millions, default=millions("160M"))
    words.add_argument("--rate", default="512k")
    words.add_argument("--share", type=float, default=1)
    words.add_argument("--fixed", type=positive, default=1024)
    words.names(LOADS)
    o = words.parse_args()
    loads = [l for l in LOADS if not o.names or any(n in l for n in o.names)]
    bare, ours = Way("bare", ONE), Way("ours", {"LD_PRELOAD": LIB, "HEAPTAP_RATE": o.rate, **ONE})
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="heaptap-fragmentation") as work:
        for load in loads:
            a, b = (resident(w, work, load, o.operations // len(loads)) for w in (bare, ours))
            over = [y - x for x, y in zip(a, b)]
            excess = max(d - o.share / 100 * x for x, d in zip(a, over))
            growth = over[-1] - over[1] - o.share / 100 * max(0, a[-1] - a[1])
            bad = len(a) != 5 or excess > o.fixed or growth > 256
            wrong += bad
            print("%-4s %-10s bare %7d KiB at the end; over it after each fifth: %s; at most %.1f %% and %d KiB"
                  % ("FAIL" if bad else "ok", load, a[-1], " ".join("%+d" % d for d in over), o.share, max(excess, 0)), flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
