#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `heaptap run` costs where programs are short: a shell that starts /bin/true, and make that compiles small files.

bench/short.py [--processes N] [--files N] [--rounds N] [LIMIT]

Each round runs a load bare and under `run`, one after the other, and takes the processor time of all its processes,
`run` itself with them. Prints the median of the rounds' ratios and their quartiles; exits 1 when a median is over its
limit (LIMIT for both; else none is held). Processor time, so that other programs make it noisy, and not wrong.
"""
import os
import resource
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from table import ROOT  # noqa: E402
from words import Words, positive  # noqa: E402
import regions  # noqa: E402

BUILD = os.path.abspath(os.environ.get("HEAPTAP_BUILD", os.path.join(ROOT, "build")))
HEAPTAP = os.path.join(BUILD, "heaptap")


def options():
    a = Words(__doc__)
    a.add_argument("--processes", type=positive, default=5000, help="starts of /bin/true (5000)")
    a.add_argument("--files", type=positive, default=500, help="files that make compiles (500)")
    a.add_argument("--rounds", type=positive, default=5, help="pairs of each load (5)")
    a.add_argument("limit", nargs="?", type=float, help="the highest ratio that passes")
    return a.parse_args()


def used(argv, cwd):
    """Processor seconds of a command and its descendants."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(argv, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit("bench/short.py: %s: %s" % (" ".join(argv), done.stderr.strip()[-400:]))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def start_many(n):
    """A shell that starts /bin/true n times."""
    loop = "i=0; while [ $i -lt %d ]; do /bin/true; i=$((i+1)); done" % n
    return lambda work: ["sh", "-c", loop]


def compile_many(n):
    """make -j2 of n small files in `work`."""
    def prepare(work):
        names = ["f%d" % i for i in range(n)]
        for i, name in enumerate(names):
            with open(os.path.join(work, name + ".c"), "w") as out:
                out.write("#include <stdio.h>\nint %s(int a) { return printf(\"%%d\", a + %d); }\n" % (name, i))
        with open(os.path.join(work, "Makefile"), "w") as out:
            out.write("all: %s\n%%.o: %%.c\n\t/usr/bin/gcc -O1 -c -o $@ $<\n" % " ".join(n + ".o" for n in names))
        return ["make", "-s", "-B", "-j2"]
    return prepare


def ratios(prepare, rounds):
    seen = []
    with regions.temporary("heaptap-short") as work:
        argv = prepare(work)
        for _ in range(rounds):
            bare = used(argv, work)
            seen.append((used([HEAPTAP, "run", "--quiet", "--no-symbolize", "--output=%s/%%p.pb.gz" % work, "--", *argv], work) / bare, bare))
    return seen


def main():
    o = options()
    bad = False
    print("| load | bare, s | ratio |\n| --- | ---: | --- |")
    for name, prepare in (("%d x /bin/true" % o.processes, start_many(o.processes)),
                          ("make -j2 of %d files" % o.files, compile_many(o.files))):
        seen = ratios(prepare, o.rounds)
        r = sorted(x for x, _ in seen)
        q = statistics.quantiles(r, n=4) if len(r) > 1 else [r[0]] * 3
        bad |= o.limit is not None and q[1] > o.limit
        print("| %s | %.2f | %.3f (%.3f-%.3f) |" % (name, statistics.median(b for _, b in seen), q[1], q[0], q[2]), flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
