#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a dump costs: from outside, from inside, and the target meanwhile.

bench/outside.py [--rounds N]

1. heaptap dump of 131,072 stacks and 1,310,720 live samples: processor time and wall clock, raw and with names.
2. The same process's own dump, on SIGUSR1: until the file is there.
3. malloc's latency in a target that is dumped all the while, over the same without, in pairs.
"""
import os, resource, signal, statistics, subprocess, time

from table import CLI, LIB, MANY_STACKS, OUTSIDE, environment
from table.ways import on_cpu
from words import Words, positive
import regions

RAW, NAMED, LATENCY = 0.2, 2.0, 1.10


def start(work, *argv, **more):
    return subprocess.Popen(argv, env=environment(LD_PRELOAD=LIB, HEAPTAP_OUTPUT=work + "/%e.%p.pb.gz", **more),
                            stdout=subprocess.PIPE, cwd=work)


def dump(work, pid, *options):
    """(wall, processor) seconds"""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([CLI, "dump", "-q", *options, str(pid), "-o", work + "/out.pb.gz"], check=True)
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def dump_inside(work, pid):
    """Seconds from the signal until a new file has its final name."""
    there, begin = set(os.listdir(work)), time.perf_counter()
    os.kill(pid, signal.SIGUSR1)
    while not [f for f in set(os.listdir(work)) - there if f.endswith(".pb.gz")]:
        if time.perf_counter() - begin > 60:
            raise RuntimeError("no dump within 60 s of SIGUSR1")
        time.sleep(0.001)
    return time.perf_counter() - begin


def dumps(work, rounds, levels=17):
    """{name: [(wall, processor or None)]}"""
    p = start(work, MANY_STACKS, str(levels), "10", HEAPTAP_RATE="1")
    try:
        p.stdout.readline()
        return {"raw": [dump(work, p.pid, "--raw") for _ in range(rounds)],
                "with names": [dump(work, p.pid) for _ in range(rounds)],
                "inside": [(dump_inside(work, p.pid), None) for _ in range(rounds)]}
    finally:
        p.kill()
        p.wait()


def latencies(work, rounds, seconds=3):
    """[(p50, p99, p99.9)] while dumped over not. The dump has a processor of its own: being taken off one is not
    what is measured."""
    ratios = []
    for _ in range(rounds):
        figures = []
        for dumping in (False, True):
            with on_cpu(0):
                p = start(work, OUTSIDE, "latency", str(seconds), HEAPTAP_RATE="64k")
            p.stdout.readline()
            while dumping and p.poll() is None:
                with on_cpu(1):
                    subprocess.run([CLI, "dump", "-q", "--raw", str(p.pid), "-o", work + "/l.pb.gz"],
                                   stderr=subprocess.DEVNULL)
                time.sleep(0.05)
            figures.append([float(x) for x in p.stdout.readline().split()])
            p.wait()
        ratios.append([b / a for a, b in zip(*figures)])
    return ratios


def main():
    a = Words(__doc__)
    a.add_argument("--rounds", type=positive, default=5)
    rounds = a.parse_args().rounds
    with regions.temporary("heaptap-bench-") as work:
        bars = {"raw": RAW, "with names": NAMED}
        for name, times in dumps(work, rounds).items():
            wall, cpu = (min((t[i] for t in times if t[i] is not None), default=None) for i in (0, 1))
            print("dump %-11s %swall %4.0f ms at best of %d%s" % (
                name, "" if cpu is None else "processor %4.0f ms, " % (cpu * 1e3), wall * 1e3, rounds,
                "   (bar %4.0f ms)" % (bars[name] * 1e3) if name in bars else ""))
        ratios = latencies(work, rounds)
        print("malloc while dumped, over not: p50 %.2f, p99 %.2f, p99.9 %.2f   (median of %d pairs; bar for p99.9 %.2f)"
              % (*(statistics.median(r[i] for r in ratios) for i in range(3)), rounds, LATENCY))


if __name__ == "__main__":
    main()
