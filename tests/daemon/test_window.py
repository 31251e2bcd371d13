#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A dump from outside reads a region as it is needed: its memory is that of a window, not of the region; live records
are read for ages alone; and what the process adds meanwhile is in a dump whole or not at all."""
import os
import re
import subprocess
import sys

from common import DIR, HEAPTAP, check, finish, kill, pprof, start

out = os.path.join(DIR, "out.pb.gz")
# A process of its own, for a child counts the memory of what it was forked from.
MEASURE = """import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:])
_, status, usage = os.wait4(child.pid, 0)
print(status, usage.ru_maxrss)"""


def dump(pid, *options):
    """KiB that it had at most, the file's size in KiB, and how many sites it says."""
    r = subprocess.run([sys.executable, "-c", MEASURE, HEAPTAP, "dump", *options, str(pid), "-o", out],
                       capture_output=True, text=True)
    status, memory = map(int, r.stdout.split())
    check("dump " + " ".join(options), not status, r.stderr)
    sites = re.search(r"\((\d+) site", r.stderr)
    return memory, os.path.getsize(out) // 1024, int(sites.group(1)) if sites else -1


def region_size(pid):
    """KiB that the process has of files and shared memory: of the region, nearly all."""
    with open("/proc/%d/status" % pid) as f:
        return sum(int(line.split()[1]) for line in f if line.startswith(("RssShmem", "RssFile")))


# Stacks: while they are made, and then.
p = start("many_stacks", 18, 1, ready=False)
last = 0
for _ in range(2):
    dump(p.pid, "--raw")
    profile = pprof.Profile(out)
    check("a growing region's profile is closed", not pprof.check(profile, rate=1), pprof.check(profile, rate=1))
    now = profile.totals()[0]
    check("it only grows", now >= last, (last, now))
    last = now
last = 0
for _ in range(3):
    now = dump(p.pid, "--raw")[2]
    check("so do its sites", now >= last, (last, now))
    last = now
p.stdout.readline()
memory, size, sites = dump(p.pid, "--raw")
check("the region is larger than the bound", region_size(p.pid) > 70 << 10, region_size(p.pid))
check("memory of a raw dump", memory < (64 << 10) + size, (memory, size))
check("all stacks are in it", 1 << 18 <= sites < (1 << 18) + 8, sites)
raw = pprof.Profile(out)
memory, size, named = dump(p.pid)
check("memory of a dump with names", memory < (64 << 10) + size, (memory, size))
profile = pprof.Profile(out)
check("it has the same sites and sums", named == sites and profile.totals() == raw.totals(), (named, sites))
check("it is whole, and has names", not pprof.check(profile, rate=1, symbolized=True), pprof.check(profile, rate=1, symbolized=True))
memory, size, _ = dump(p.pid, "--min-age=1us")
check("memory of a dump by age", memory < (128 << 10) + size, (memory, size))
kill(p)

# Live objects: their records are not read.
p = start("many_stacks", 4, 100000)
memory, _, _ = dump(p.pid, "--raw")
check("there are many live records", region_size(p.pid) > 48 << 10, region_size(p.pid))
check("memory of a dump over live objects", memory < 16 << 10, memory)
totals = pprof.Profile(out).totals()
check("of all objects", totals[2] >= 1600000, totals)
memory, _, _ = dump(p.pid, "--raw", "--ages")
check("ages read them, not all at once", memory < 64 << 10, memory)
check("of all objects, too", pprof.Profile(out).totals() == totals, (pprof.Profile(out).totals(), totals))
dump(p.pid, "--raw", "--min-age=1h")
check("none is that old", pprof.Profile(out).totals()[2] == 0, pprof.Profile(out).totals())
kill(p)
finish("window")
