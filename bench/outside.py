#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What reading from outside costs, and what memory the target pays.

bench/outside.py [--rounds N]

1. heaptap dump of 131,072 stacks and 1,310,720 live samples: the reader's processor time and wall clock, raw and with names.
2. malloc's latency in a target that is dumped all the while, over the same without, in pairs.
3. Resident memory with the library less that without, at 1, 100 and 1,000 threads and 256 MiB of live heap.
"""
import argparse, os, resource, statistics, subprocess, sys, tempfile, time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("HEAPTAP_BUILD", os.path.join(ROOT, "build"))
LIB, CLI = os.path.join(BUILD, "libheaptap.so"), os.path.join(BUILD, "heaptap")
TARGET, MANY = os.path.join(BUILD, "bench-outside"), os.path.join(BUILD, "tests", "daemon", "many_stacks")

a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
a.add_argument("--rounds", type=int, default=5)
rounds = a.parse_args().rounds
work = tempfile.mkdtemp(prefix="heaptap-bench-")
base = {k: v for k, v in os.environ.items() if not k.startswith("HEAPTAP_") and k != "LD_PRELOAD"}
base["HEAPTAP_OUTPUT"] = os.path.join(work, "%e.%p.pb.gz")


def start(*argv, preload=True, **env):
    e = dict(base, **env)
    if preload:
        e["LD_PRELOAD"] = LIB
    p = subprocess.Popen(argv, env=e, stdout=subprocess.PIPE, cwd=work)
    return p


def dump(pid, *options):
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([CLI, "dump", "-q", *options, str(pid), "-o", os.path.join(work, "out.pb.gz")], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - begin, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


p = start(MANY, "17", "10", HEAPTAP_RATE="1")
p.stdout.readline()
for name, options, bar in (("raw", ["--raw"], 0.2), ("with names", [], 2.0)):
    times = [dump(p.pid, *options) for _ in range(rounds)]
    wall, cpu = (min(t[i] for t in times) for i in (0, 1))
    print("dump %-11s processor %4.0f ms, wall %4.0f ms at best of %d   (bar %4.0f ms)" % (name, cpu * 1e3, wall * 1e3, rounds, bar * 1e3))
p.kill()
p.wait()

ratios = []
for i in range(rounds):
    figures = []
    for dumping in (False, True):
        p = start(TARGET, "latency", "3", HEAPTAP_RATE="64k")
        p.stdout.readline()
        while dumping and p.poll() is None:
            subprocess.run([CLI, "dump", "-q", "--raw", str(p.pid), "-o", os.path.join(work, "l.pb.gz")], stderr=subprocess.DEVNULL)
            time.sleep(0.05)
        figures.append([float(x) for x in p.stdout.readline().split()])
        p.wait()
    ratios.append([b / a for a, b in zip(*figures)])
print("malloc while dumped, over not: p50 %.2f, p99 %.2f, p99.9 %.2f   (median of %d pairs; bar for p99.9 1.10)"
      % (*(statistics.median(r[i] for r in ratios) for i in range(3)), rounds))

for threads in (1, 100, 1000):
    for megabytes in (0, 256):
        kb = [min(int(start(TARGET, "memory", str(threads), str(megabytes), preload=pre).communicate()[0]) for _ in range(3))
              for pre in (False, True)]
        extra = kb[1] - kb[0]
        bar = 1024 + threads + megabytes * 1024 / 100
        print("memory at %4d threads, %3d MiB live: %+6d kB   (bar %d)" % (threads, megabytes, extra, bar))
sys.exit(0)
