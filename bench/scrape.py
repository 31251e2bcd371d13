#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What it costs to look at many living processes, and a server that is asked for a day: docs/scale.md.

bench/scrape.py [--processes N] [--requests N] [--short] [living day]    (1000; 86400, one a second for a day; both)

living: `ps`, and a scrape of /metrics, for up to N processes. day: memory and descriptors of a server that is scraped so
often, while processes come and go. Exit 1: more than 0.3 s or 20 MB of `ps`, 0.1 s of a scrape, or a server that grows.
--short: few of each, and no limit that hangs on the machine's load."""
import http.client
import os
import re
import subprocess
import sys
import tempfile
import time

from table import CLI, LIB, environment
from words import Words, one_of, positive

MEASURE = """import os, subprocess, sys, time
began = time.monotonic()
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
lines = child.stdout.read().count(b"\\n")
_, status, usage = os.wait4(child.pid, 0)
print(status, lines, usage.ru_utime + usage.ru_stime, time.monotonic() - began, usage.ru_maxrss / 1024)"""
PROGRAM = ["cat"]  # it ends as it should, with its region, when its input does
bad = 0


def limit(what, value, most):
    global bad
    if value > most:
        bad = 1
        print("FAIL %s: %.2f, at most %.2f" % (what, value, most))


def row(*cells):
    print("| " + " | ".join(cells) + " |", flush=True)


def head(*cells):
    print()
    row(*cells)
    row(*["---:"] * len(cells))


class Place:
    """A directory of regions."""

    def __init__(self, work):
        os.mkdir(work + "/regions", 0o700)
        self.env = environment(HEAPTAP_REGION_DIR=work + "/regions", XDG_CACHE_HOME=work)
        self.run = dict(self.env, LD_PRELOAD=LIB, HEAPTAP_RATE="1", HEAPTAP_OUTPUT=work + "/%p.pb.gz")
        self.work = work

    def regions(self):
        return os.listdir(self.work + "/regions")


class Group:
    """Profiled processes that end together."""

    def __init__(self, place):
        self.place, self.processes = place, []
        self.read_end, self.write_end = os.pipe()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.write_end)
        for p in self.processes:
            p.wait()
        os.close(self.read_end)

    def grow(self, n):
        """Until there are n, each with its region."""
        while len(self.processes) < n:
            self.processes.append(subprocess.Popen(PROGRAM, env=self.place.run, stdin=self.read_end))
        there = set()
        while not {p.pid for p in self.processes} <= there:
            time.sleep(0.02)
            there = {int(name.split(".")[0]) for name in self.place.regions()}
            if any(p.poll() is not None for p in self.processes):
                sys.exit("scrape: %s ended" % PROGRAM[0])


class Server:
    def __init__(self, env):
        self.p = subprocess.Popen([CLI, "serve", "--listen", ":0"], env=env, stdout=subprocess.PIPE, text=True)
        self.port = int(re.search(r":(\d+)/$", self.p.stdout.readline().strip())[1])
        self.connection = None

    def scrape(self):
        """As Prometheus asks: one connection that stays open, and gzip."""
        if not self.connection:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=100)
        self.connection.request("GET", "/metrics", headers={"Accept-Encoding": "gzip"})
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200 or not body:
            sys.exit("scrape: the server answers %d" % answer.status)
        return body

    def hang_up(self):
        self.connection.close()
        self.connection = None

    def processor(self):
        with open("/proc/%d/stat" % self.p.pid) as f:
            return sum(int(x) for x in f.read().rsplit(")", 1)[1].split()[11:13]) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        with open("/proc/%d/statm" % self.p.pid) as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.p.pid))

    def end(self):
        self.p.terminate()
        self.p.wait()


def living(place, most, short):
    head("living processes", "`ps`: s of processor time", "s by the clock", "MB", "a scrape: s of processor time", "server, MB")
    with Group(place) as group:
        for n in (1, 10, 100, 1000):
            if n <= most:
                group.grow(n)
                of_living(place, n, short)


def of_living(place, n, short):
    r = subprocess.run([sys.executable, "-c", MEASURE, CLI, "ps"], env=place.env, capture_output=True, text=True, check=True)
    status, lines, used, took, memory = map(float, r.stdout.split())
    if status or lines < n:
        sys.exit("scrape: ps shows %d lines of %d processes" % (lines, n))
    s, times = Server(place.env), 2 if short else 30
    s.scrape()
    before = s.processor()
    for _ in range(times):
        s.scrape()
    each, resident = (s.processor() - before) / times, s.memory()
    s.end()
    row(str(n), "%.3f" % used, "%.2f" % took, "%.1f" % memory, "%.3f" % each, "%.1f" % resident)
    limit("MB of ps", memory, 20)
    if not short:
        limit("s of ps", used, 0.3)
        limit("s of a scrape", each, 0.1)


def day(place, requests, short):
    """A few processes stay, and a few others are there for an hour each."""
    stay, pass_by, parts = (2, 1, 4) if short else (5, 5, 24)
    head("requests", "server, MB", "descriptors", "ms of processor time each", "regions")
    with Group(place) as group:
        group.grow(stay)
        s, seen, times = Server(place.env), [], requests // parts
        for part in range(1, parts + 1):
            with Group(place) as others:
                others.grow(pass_by)
                before = s.processor()
                for _ in range(times):
                    s.scrape()
                each = (s.processor() - before) * 1000 / times
                seen.append((s.memory(), s.descriptors()))
                row(str(part * times), "%.2f" % seen[-1][0], str(seen[-1][1]), "%.2f" % each, str(len(place.regions())))
                s.hang_up()
        s.end()
    limit("MB that the server grew after the first sixth", seen[-1][0] - seen[parts // 6][0], 1)
    limit("descriptors", seen[-1][1], seen[0][1])


def main():
    a = Words(__doc__)
    a.add_argument("--processes", type=positive, default=1000)
    a.add_argument("--requests", type=positive, default=86400)
    a.flag("--short")
    a.add_argument("parts", nargs="*", type=one_of("living", "day"), default=["living", "day"])
    o = a.parse_args()
    for part in o.parts:
        with tempfile.TemporaryDirectory(prefix="heaptap-bench-", dir="/dev/shm") as work:
            place = Place(work)
            if part == "living":
                living(place, 10 if o.short else o.processes, o.short)
            else:
                day(place, 60 if o.short else max(o.requests, 24), o.short)
    sys.exit(bad)


if __name__ == "__main__":
    main()
