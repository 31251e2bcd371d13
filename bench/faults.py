#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a load of all sizes costs by the luck of its seed: page faults, time and peak resident memory, bare and with libraries.

bench/faults.py [--seeds N] [--rounds N] [--load sizes|sizes1] [LIBRARY...]

glibc's heap grows and shrinks at its end. How often it does depends on which block lies there, so on the sequence of
sizes: one seed says little. Each seed is run bare, with the working tree's library and with each LIBRARY (that of an
earlier commit), in a changing order. Prints for each the mean over the seeds, the least and the most page faults, and
the median of the seeds' ratios of time over bare.
"""
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from table import LIB, LOAD, environment  # noqa: E402
from words import Words, positive  # noqa: E402
import regions  # noqa: E402


def options():
    a = Words(__doc__)
    a.add_argument("--seeds", type=positive, default=60, help="sequences of sizes (60)")
    a.add_argument("--rounds", type=positive, default=100000, help="allocations of each (100,000)")
    a.add_argument("--load", default="sizes", choices=("sizes", "sizes1"), help="sizes1: beside a small block (sizes)")
    a.add_argument("libraries", metavar="LIBRARY", nargs="*")
    return a.parse_args()


def run(argv, library, work):
    """(page faults, seconds, peak resident KiB) of one run."""
    env = environment(HEAPTAP_OUTPUT=os.path.join(work, "%p.pb.gz"), **({"LD_PRELOAD": library} if library else {}))
    out = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    begin = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, env, file_actions=out)
    _, status, used = os.wait4(pid, 0)
    if status:
        sys.exit("bench/faults.py: %s: exit %d" % (" ".join(argv), os.waitstatus_to_exitcode(status)))
    return used.ru_minflt, time.perf_counter() - begin, used.ru_maxrss


def main():
    o = options()
    ways = {"bare": None, "512k": LIB, **{os.path.abspath(p): os.path.abspath(p) for p in o.libraries}}
    seen = {name: [] for name in ways}
    with regions.temporary("heaptap-faults") as work:
        for seed in range(o.seeds):
            names = list(ways)
            for name in names[seed % len(names):] + names[:seed % len(names)]:
                argv = [LOAD, o.load, "1", "%d,0,%d" % (o.rounds, seed)]
                seen[name].append(run(argv, ways[name], work))
    print("| %s, %d seeds | page faults | least, most | ms | over bare | peak KiB |" % (o.load, o.seeds))
    print("| --- | --- | --- | --- | --- | --- |")
    for name, runs in seen.items():
        faults, took, peak = zip(*runs)
        over = statistics.median(t / b[1] for t, b in zip(took, seen["bare"]))
        print("| %s | %.0f | %d, %d | %.1f | %.2f | %.0f |" % (name, statistics.mean(faults), min(faults), max(faults),
              1000 * statistics.mean(took), over, statistics.mean(peak)))


main()
