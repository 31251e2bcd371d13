#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/scale.py [--short]: what grows with the number of stacks, objects, processes, and with time, as tables in markdown
(docs/scale.md). --short: small numbers, and only what does not hang on the machine's load; exit 1 when a limit is exceeded."""
import glob, json, os, resource, subprocess, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "lib"))
from words import Words

BUILD = os.path.abspath(os.environ.get("HEAPTAP_BUILD", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "build")))
LIB, CLI, SCALE = BUILD + "/libheaptap.so", BUILD + "/heaptap", BUILD + "/bench/bench-scale"
MIB = 1 << 20


class Place:
    """A directory for regions, where the kernel keeps them in memory."""

    def __init__(self):
        self.work = tempfile.TemporaryDirectory(prefix="heaptap-scale", dir="/dev/shm")
        self.regions = self.work.name + "/regions"

    def environment(self, **more):
        return dict({k: v for k, v in os.environ.items() if not k.startswith("HEAPTAP_") and k != "LD_PRELOAD"},
                    HEAPTAP_REGION_DIR=self.regions, **more)

    def load(self, rate, *args):
        env = self.environment(LD_PRELOAD=LIB, HEAPTAP_RATE=rate, HEAPTAP_OUTPUT=self.work.name + "/p.pb.gz")
        out = subprocess.run([SCALE, *map(str, args)], env=env, capture_output=True, text=True, check=True).stdout
        return [tuple(map(int, line.split())) for line in out.splitlines()]

    def dead(self, stacks):
        """The region of a process that was killed with so many stacks."""
        env = self.environment(LD_PRELOAD=LIB, HEAPTAP_RATE="1", HEAPTAP_OUTPUT=self.work.name + "/p.pb.gz")
        p = subprocess.Popen([SCALE, "hold", str(stacks)], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        while "held" not in p.stdout.readline():
            pass
        p.kill()
        p.wait()
        return glob.glob(f"{self.regions}/{p.pid}.*")[0]

    def listing(self):
        """Of `ps --all --json`: what it says, seconds of processor time, KiB of memory at most."""
        pid = os.fork()
        if not pid:
            os.dup2(os.open(self.work.name + "/list", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
            os.execve(CLI, [CLI, "ps", "--all", "--json"], self.environment())
        _, status, used = os.wait4(pid, 0)
        if status:
            sys.exit("ps failed")
        with open(self.work.name + "/list") as f:
            return json.load(f), used.ru_utime + used.ru_stime, used.ru_maxrss


def link(path, n):
    """So many regions in all, of which each reads like this one."""
    for i in range(1, n):
        os.link(path, os.path.join(os.path.dirname(path), f"{4000000 + i}.1.0"))


def listed(said, stacks):
    """How many of the dead are listed whole: of so many objects of 64 bytes, and few others. (What lives is other people's.)"""
    return sum(r["state"] == "dead" and stacks <= r["inuse_objects"] <= stacks + 100 and r["inuse_bytes"] >= 64 * stacks for r in said)


def processes(stacks, numbers):
    print("| regions | stacks in each | MiB each | processor time of `ps`, s | its memory, MiB |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    bad = 0
    for n in numbers:
        place = Place()
        path = place.dead(stacks)
        size = os.stat(path).st_blocks * 512 / MIB
        link(path, n)
        said, seconds, kib = place.listing()
        print(f"| {n} | {stacks} | {size:.1f} | {seconds:.2f} | {kib / 1024:.1f} |")
        if listed(said, stacks) != n:
            bad = 1
            print(f"FAIL {listed(said, stacks)} of {n} regions are listed whole")
        if kib > 20 * 1024:
            bad = 1
            print("FAIL more than 20 MiB")
    return bad


def by_stacks(n):
    print("| stacks | ns of processor time a new one |\n| ---: | ---: |")
    for stacks, ns in Place().load("1", "stacks", n):
        print(f"| {stacks} | {ns} |")


def by_time(million):
    print("| million allocations | KiB of the region, 512k |\n| ---: | ---: |")
    rows = Place().load("512k", "again", million)
    for n, kib in rows:
        print(f"| {n} | {kib} |")


# Paths, bits of the largest size, and words.
LOADS = [(1000, 20, "1,000 stacks, sizes to 1 MiB"), (20000, 20, "20,000 stacks, sizes to 1 MiB"),
         (20000, 10, "20,000 stacks, sizes to 1 KiB"), (100000, 20, "100,000 stacks, sizes to 1 MiB"),
         (1000000, 14, "1,000,000 stacks, sizes to 16 KiB"), (1000000, 20, "1,000,000 stacks, sizes to 1 MiB")]


def variety(loads, million):
    """The region at 512k after each million allocations. Limit: 1 % of what lives, and 4 MiB."""
    bad = 0
    print("| load | MiB that live | " + " | ".join(f"{n} million" for n in range(1, million + 1)) + " | limit, KiB |")
    print("| --- | ---: |" + " ---: |" * (million + 1))
    for paths, bits, words in loads:
        rows = Place().load("512k", "vary", paths, bits, million)
        live, sizes = rows[-1][1], [r[2] for r in rows]
        limit = live // 100 + 4096
        print(f"| {words} | {live / 1024:.0f} | " + " | ".join(map(str, sizes)) + f" | {limit} |", flush=True)
        if max(sizes) > limit:
            bad = 1
            print(f"FAIL {words}: more than {limit} KiB")
    return bad


if __name__ == "__main__":
    words = Words(__doc__)
    words.flag("--short")
    if words.parse_args().short:
        sys.exit(processes(100000, [20]) or variety([LOADS[5]], 1))
    print("A region's size and listing it:\n")
    status = processes(1000, [1, 10, 100, 1000]) or processes(200000, [1000])
    print("\nA new stack (with its site, its object and the pages that are touched), exact mode:\n")
    by_stacks(5000000)
    print("\nTime: 1,000 stacks, sizes over six decades, 2,000 objects kept:\n")
    by_time(30)
    print("\nTime and variety, KiB of the region at 512k, 10,000 objects kept:\n")
    status |= variety(LOADS, 6)
    sys.exit(status)
