#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/unwind.py [--check]: what a sample costs in time, instructions and stack, with the bare allocator's own
share taken off. --check measures only what does not depend on the clock and fails over the limits."""
import shutil, statistics, subprocess, sys, tempfile

from table import LIB, UNWIND, environment
import callgrind
from words import Words

STACK_LIMIT = 3072
INSTRUCTIONS_LIMIT = {10: 1430, 30: 1700, 100: 2650}  # gcc 12 -O2: 1356, 1616, 2526


def surroundings(work, preload, peak=False):
    ours = {"HEAPTAP_PEAK": "1" if peak else "0", "LD_PRELOAD": LIB, "HEAPTAP_RATE": "5000", "HEAPTAP_SEED": "1", "HEAPTAP_OUTPUT": work + "/%p.pb.gz"}
    return environment(**(ours if preload else {}))


def run(work, args, preload):
    return subprocess.run([UNWIND, *map(str, args)], env=surroundings(work, preload), check=True,
                          capture_output=True, text=True).stdout


def pairs(work, args, rounds):
    """[(preloaded, bare)] of runs by turns."""
    return [tuple(float(run(work, args, preload)) for preload in (True, False)) for _ in range(rounds)]


def medians(seen):
    return tuple(statistics.median(x) for x in zip(*[(a, b, a - b) for a, b in seen]))


def instructions(work, depth, peak=False):
    """Of a sample and its free, the allocator's own left out; peak: where the heap at its peak is kept."""
    def each(preload):
        few, many = (callgrind.count([UNWIND, "warm", str(depth), "nofp", str(n)], surroundings(work, preload, peak), work)
                     for n in (200, 400))
        return (many - few) / 8000  # five rounds at eight places
    return each(True) - each(False)


def main(work, check):
    failed = []
    print("stack of a malloc, bytes: bare  first  warm")
    for depth in 10, 30, 100:
        bare = int(run(work, ["stack", depth], False).split()[1])
        first, warm = map(int, run(work, ["stack", depth], True).split())
        print("  %3d frames             %5d %6d %5d" % (depth, bare, first, warm))
        if warm > STACK_LIMIT:
            failed.append("%d bytes of stack" % warm)
    if shutil.which("valgrind"):
        print("instructions of a sample and its free, the allocator's own left out:")
        for depth in 10, 30, 100:
            n = instructions(work, depth)
            print("  %3d frames             %5.0f" % (depth, n))
            if n > INSTRUCTIONS_LIMIT[depth]:
                failed.append("%.0f instructions at %d frames" % (n, depth))
    if not check:
        print("a sample and its free, ns:  preloaded  bare  difference")
        for way in "nofp", "fp":
            for depth in 10, 30, 100:
                print("  %3d frames %-12s %7.0f %7.0f %7.0f" %
                      (depth, way, *medians(pairs(work, ["warm", depth, way, 20000], 5))))
        print("  30 new functions         %7.0f %7.0f %7.0f" % medians(pairs(work, ["cold"], 15)))
    if failed:
        sys.exit("over the limit: " + ", ".join(failed))


if __name__ == "__main__":
    words = Words(__doc__)
    words.flag("--check")
    words = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="heaptap-unwind") as work:
        main(work, words.check)
