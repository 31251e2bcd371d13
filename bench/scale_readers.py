#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How the reading half grows with samples, files, stacks and live objects: the second part of docs/scale.md.

bench/scale_readers.py [--most N] [samples files dump]      (10000000; all)

Processor time and peak memory of one run each: times on a busy machine are upper bounds."""
import os
import subprocess
import sys

from table import BUILD, CLI, LIB, MANY_STACKS, environment
from words import Words, one_of, positive
import regions

GENERATE = os.path.join(BUILD, "bench", "bench-profiles")
MEASURE = """import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
print(status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)"""


def measure(*words):
    """(processor s, MB); by a process of its own, for a child counts the memory of what it was forked from."""
    r = subprocess.run([sys.executable, "-c", MEASURE, *map(str, words)], capture_output=True, text=True, check=True)
    status, seconds, memory = r.stdout.split()
    if int(status):
        sys.exit("scale_readers: %s fails" % " ".join(map(str, words)))
    return float(seconds), float(memory)


def make(path, *words):
    with open(path, "wb") as out:
        subprocess.run([GENERATE, *map(str, words)], stdout=out, check=True)
    return path


def row(*cells):
    print("| " + " | ".join(cells) + " |", flush=True)


def head(*cells):
    print()
    row(*cells)
    row(*["---:"] * len(cells))


def samples(work, most):
    commands = {"top": ["top", "--symbolize=none"], "tree": ["tree", "--symbolize=none"], "dot": ["dot", "--symbolize=none"],
                "merge": ["merge", "-o", work + "/out.pb.gz"], "diff": ["diff", "--symbolize=none"],
                "flame": ["flame", "--symbolize=none", "-o", work + "/out.html"]}
    head("samples, 8 a stack", *["%s: s, MB" % c for c in commands], "page, MB")
    for n in (100000, 1000000, 2000000, 10000000):
        if n > most:
            continue
        profile, cells = make(work + "/n.pb.gz", n, 8), []
        for name, words in commands.items():
            sources = [profile]
            if name == "diff": # as many samples, in two profiles
                sources = [make(work + "/a.pb.gz", n // 2, 8), make(work + "/b.pb.gz", n // 2, 8)]
            cells.append("%.1f, %.0f" % measure(CLI, *words, *sources))
        row(str(n), *cells, "%.1f" % (os.path.getsize(work + "/out.html") / 1e6))


def files(work, most):
    head("files of 300 samples", "merge, s", "MB")
    parts = [make(work + "/%d.pb.gz" % i, 300, 8, 20, i) for i in range(7)]
    for n in (10, 100, 1000, 10000):
        names = [work + "/f%d" % i for i in range(n)]
        for i, name in enumerate(names):
            os.symlink(parts[i % 7], name)
        row(str(n), *("%.1f" % x for x in measure(CLI, "merge", "-o", work + "/out.pb.gz", *names)))
        for name in names:
            os.unlink(name)


def dump(work, most):
    head("stacks", "live objects of each", "region, MB", "dump --raw: s, MB", "dump: s, MB", "written, MB")
    for levels, objects in ((10, 1), (14, 1), (17, 1), (20, 1), (10, 100), (10, 1000), (10, 10000)):
        if (1 << levels) * objects > most * 1.1:
            continue
        p = subprocess.Popen([MANY_STACKS, str(levels), str(objects)], stdout=subprocess.PIPE, cwd=work,
                             env=environment(LD_PRELOAD=LIB, HEAPTAP_RATE="1", HEAPTAP_OUTPUT=work + "/%p.pb.gz"))
        try:
            p.stdout.readline()
            with open("/proc/%d/status" % p.pid) as f:
                size = sum(int(x.split()[1]) for x in f if x.startswith(("RssShmem", "RssFile"))) / 1024
            out = work + "/dump.pb.gz"
            raw = measure(CLI, "dump", "-q", "--raw", p.pid, "-o", out)
            written = os.path.getsize(out) / 1e6
            named = measure(CLI, "dump", "-q", p.pid, "-o", out)
            row(str(1 << levels), str(objects), "%.0f" % size, "%.2f, %.0f" % raw, "%.2f, %.0f" % named, "%.1f" % written)
        finally:
            p.kill()
            p.wait()


PARTS = {"samples": samples, "files": files, "dump": dump}


def main():
    a = Words(__doc__)
    a.add_argument("--most", type=positive, default=10000000)
    a.add_argument("parts", nargs="*", type=one_of(*PARTS), default=list(PARTS))
    o = a.parse_args()
    for part in o.parts:
        with regions.temporary("heaptap-bench-") as work:
            PARTS[part](work, o.most)


if __name__ == "__main__":
    main()
