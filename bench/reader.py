#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`heaptap REPORT` beside `go tool pprof -REPORT` on one symbolised profile, paired in one run.

bench/reader.py [--samples N] [--rounds N] [REPORT...]      (1000000, 3, top tree traces)

Runs alternate; a ratio is pprof's wall time over ours in the run beside it. Exits 1 when the
median of top's is below 5 or our peak memory is above half of pprof's, or when the outputs differ."""
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

from table import CLI
import pprofgen
from compat import pprof_path
from words import Words, one_of, positive


def large_profile(path, samples):
    """Stacks of a program: a tree of calls 8 to 30 deep, each leaf met with many sizes."""
    r = random.Random(1)
    p = pprofgen.Profile()
    m = p.mapping(0x400000, 0x4000000, 0, "/usr/bin/large", "cafe")
    fns = [p.function("ns%d::Class%d::method%d" % (i % 20, i % 700, i), "src/file%d.cc" % (i % 500))
           for i in range(8000)]
    locs = [p.location(m, 0x400000 + 16 * i, [(r.choice(fns), r.randrange(1, 900))
                                             for _ in range(r.choice((1, 1, 1, 2, 3)))])
            for i in range(30000)]
    stack = []
    for i in range(samples):
        if i % 8 == 0:
            stack = stack[-r.randrange(4, 12):]
            stack = [r.choice(locs) for _ in range(r.randrange(4, 18))] + stack
        n, size = 1 + i % 9, 16 << (i % 8)
        p.sample(stack, [n, n * size, 1, size], [("bytes", size, "bytes")])
    p.write(path)


def measure(argv, out):
    with open(out, "wb") as f:
        start = time.monotonic()
        child = subprocess.Popen(argv, stdout=f, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit("reader: %s exits %d" % (" ".join(argv), child.returncode))
    return time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def same(a, b):
    with open(a, "rb") as x, open(b, "rb") as y:
        return x.read() == y.read()


def compared(pprof, report, path, d, rounds):
    """Two lists of (wall s, processor s, peak MB), pprof's and ours, of runs by turns."""
    theirs, ours = [], []
    for _ in range(rounds):
        theirs.append(measure([pprof, "-symbolize=none", "-" + report, path], d + "/a"))
        ours.append(measure([CLI, report, "--symbolize=none", path], d + "/b"))
    return theirs, ours


def main():
    a = Words(__doc__)
    a.add_argument("--samples", type=positive, default=1000000)
    a.add_argument("--rounds", type=positive, default=3)
    a.add_argument("reports", nargs="*", type=one_of("top", "tree", "traces", "raw", "tags", "dot"), default=["top", "tree", "traces"])
    o = a.parse_args()
    pprof, good = pprof_path(), True
    with tempfile.TemporaryDirectory(prefix="heaptap-bench.") as d:
        path = d + "/large.pb.gz"
        large_profile(path, o.samples)
        print("%d samples, %.1f MB gzipped; %d rounds" %
              (o.samples, os.path.getsize(path) / 1e6, o.rounds))
        print("%-8s %14s %14s %12s %12s" % ("report", "pprof s (cpu)", "heaptap s (cpu)", "times faster",
                                           "memory"))
        for report in o.reports:
            theirs, ours = compared(pprof, report, path, d, o.rounds)
            ratio = statistics.median(t[0] / h[0] for t, h in zip(theirs, ours))
            t, h = ([statistics.median(c) for c in zip(*runs)] for runs in (theirs, ours))
            print("%-8s %6.2f (%5.2f) %7.2f (%5.2f) %12.1f %5.0f/%.0f MB%s" %
                  (report, t[0], t[1], h[0], h[1], ratio, h[2], t[2],
                   "" if same(d + "/a", d + "/b") else "  OUTPUTS DIFFER"), flush=True)
            good &= same(d + "/a", d + "/b")
            if report == "top":
                good &= ratio >= 5 and h[2] <= t[2] / 2
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
