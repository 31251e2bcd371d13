#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The server under load: bench/serve.py [--seconds=N] [--clients=N] BUILD

64 clients fetch the heap of a process with 100,000 stacks for 30 s: errors, memory of the server,
and what the process's malloc and free cost meanwhile and before. Then one profile by itself, raw and
with names. The bars: no error; memory flat; p99.9 at most 1.1 times; 300 ms raw."""
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/lib"))
from words import Words, above_0, folder_with, positive  # noqa: E402

a = Words(__doc__)
a.add_argument("--seconds", type=above_0, default=30)
a.add_argument("--clients", type=positive, default=64)
a.add_argument("build", type=folder_with("heaptap"))
a = a.parse_args()
heaptap = os.path.join(a.build, "heaptap")
tmp = tempfile.mkdtemp(prefix="heaptap-bench-")
target = os.path.join(tmp, "target")
root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
subprocess.run(["cc", "-O1", "-g", "-fno-optimize-sibling-calls", "-I", root + "/include", "-o", target,
                root + "/bench/serve_target.c"], check=True)
p = subprocess.Popen([heaptap, "run", "-q", "-o", tmp + "/p.pb.gz", "--", target], stdin=subprocess.PIPE,
                     stdout=subprocess.PIPE, text=True)
p.stdout.readline()
s = subprocess.Popen([heaptap, "serve", "--listen", ":0"], stdout=subprocess.PIPE, text=True)
port = int(re.search(r":(\d+)/$", s.stdout.readline().strip()).group(1))


def get(path):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        c.request("GET", path)
        r = c.getresponse()
        body = r.read()
        if r.status != 200:
            raise OSError("%d %s" % (r.status, body[:100]))
        return body
    finally:
        c.close()


def measure(seconds):
    p.stdin.write("measure %g\n" % seconds)
    p.stdin.flush()
    return [int(x) for x in p.stdout.readline().split()]


def cpu():
    with open("/proc/%d/stat" % s.pid) as f:
        return sum(int(x) for x in f.read().rsplit(")", 1)[1].split()[11:13]) * 1000 / os.sysconf("SC_CLK_TCK")


def rss():
    with open("/proc/%d/statm" % s.pid) as f:
        return int(f.read().split()[1]) * 4096 / 2**20


pid = next(t["id"] for t in json.loads(get("/api/targets"))["targets"] if t["command"] == target)
print("load average", os.getloadavg()[0], "on", os.cpu_count(), "processors")
for what, path in (("raw", "?symbolize=none"), ("with names, first", ""), ("with names", "")):
    times, before, n = [], cpu(), 1 if "first" in what else 5
    for _ in range(n):
        at = time.monotonic()
        size = len(get("/%s/debug/pprof/heap%s" % (pid, path)))
        times.append((time.monotonic() - at) * 1000)
    print("heap %s: %.0f ms (%.0f ms of processor), %.1f MB" % (
        what, sorted(times)[n // 2], (cpu() - before) / n, size / 1e6))

# Quiet and loaded spells alternate, so that both see the machine's other work.
quiet, loaded, errors, fetched, memory = [], [], [], [0], []
running = threading.Event()
stop = False


def client():
    while not stop:
        running.wait()
        if stop:
            return
        try:
            get("/%s/debug/pprof/heap?symbolize=none" % pid)
            fetched[0] += 1
        except OSError as e:
            errors.append(e)


threads = [threading.Thread(target=client) for _ in range(a.clients)]
for t in threads:
    t.start()
for _ in range(5):
    running.clear()
    time.sleep(a.seconds / 5 * 0.3)
    quiet.append(measure(a.seconds / 10))
    running.set()
    time.sleep(a.seconds / 50)
    loaded.append(measure(a.seconds / 5))
    memory.append(rss())
stop = True
running.set()
for t in threads:
    t.join()
middle = lambda rows, i: sorted(r[i] for r in rows)[len(rows) // 2]
for i, name in ((1, "p50"), (2, "p99"), (3, "p99.9")):
    q, l = middle(quiet, i), middle(loaded, i)
    print("malloc+free %s: quiet %d ns, loaded %d ns (%.2fx)" % (name, q, l, l / max(q, 1)))
print("%d profiles to %d clients, %d errors; server's memory after each fifth: %s MiB" % (
    fetched[0], a.clients, len(errors), " ".join("%.0f" % m for m in memory)))
s.terminate()
p.stdin.close()
p.wait()
s.wait()
sys.exit(1 if errors else 0)
