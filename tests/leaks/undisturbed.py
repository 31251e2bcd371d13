#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""undisturbed.py [--scans=N] [--threads=N] [--megabytes=N] HEAPTAP LIBRARY WAITING: a daemon whose threads wait and allocate, looked at N times (100)
without --stop: no wait ends early, and no descriptor, mapping or thread of ours is in it. Then once with a budget, which is kept. 1,000 threads and
4,000 MB."""
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time

options = {"scans": 100, "threads": 1000, "megabytes": 4000}
args = sys.argv[1:]
while args and args[0].startswith("--"):
    key, _, value = args.pop(0)[2:].partition("=")
    if key not in options or not value.isdigit():
        print("undisturbed.py: unknown argument --" + key, file=sys.stderr)
        sys.exit(2)
    options[key] = int(value)
heaptap, library, waiting = (os.path.abspath(a) for a in args)
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
wanted = options["threads"] + 200
if hard != resource.RLIM_INFINITY and hard < wanted:
    print("SKIP %d descriptors are needed, %d allowed" % (wanted, hard))
    sys.exit(77)
resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
work = tempfile.mkdtemp(prefix="heaptap-leaks-")
env = dict(os.environ, LD_PRELOAD=library, HEAPTAP_RATE="64k", HEAPTAP_OUTPUT=work + "/out.pb.gz")
p = subprocess.Popen([waiting, str(options["threads"]), str(options["megabytes"])], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
assert p.stdout.readline() == "ready\n"


def inside():
    """Descriptors, threads and mappings; those of the program's malloc may grow."""
    maps = [l.split(None, 5)[5:] for l in open("/proc/%d/maps" % p.pid)]
    return len(os.listdir("/proc/%d/fd" % p.pid)), len(os.listdir("/proc/%d/task" % p.pid)), sorted(m[0].strip() for m in maps if m)


before, wrong = inside(), []
for i in range(options["scans"]):
    r = subprocess.run([heaptap, "leaks", "--json", "--fast", "--every=0", "--budget=0", "--passes=1", str(p.pid)], capture_output=True, text=True)
    out = json.loads(r.stdout) if not r.returncode else None
    if not out or out["registers"] is not None or [s["site"] for s in out["sites"] if s["site"] != "main"]:
        wrong.append((i, r.returncode, r.stdout[-600:], r.stderr))
budget = 2 * options["megabytes"] << 20
began = time.monotonic()
r = subprocess.run([heaptap, "leaks", "--json", "--fast", "--every=0", "--budget=%d" % budget, "--passes=1", str(p.pid)], capture_output=True, text=True)
took, least = time.monotonic() - began, json.loads(r.stdout)["read_bytes"] / budget
if took < 0.9 * least:
    wrong.append("with a budget it took %.2f s, and should have taken at least %.2f s" % (took, least))
if inside() != before:
    wrong.append((before, inside()))
p.stdin.close()
said = p.stdout.read()
p.wait()
waits, early = map(int, re.match(r"(\d+) waits, (\d+) ended early", said).groups())
if early or not waits or p.returncode:
    wrong.append((said, p.returncode))
for w in wrong[:5]:
    print("FAIL", w)
print("%d scans of %d threads and %d MB: %d waits, %d ended early; %d wrong" % (options["scans"], options["threads"], options["megabytes"], waits, early, len(wrong)))
sys.exit(bool(wrong))
