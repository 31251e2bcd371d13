#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""checks.py [--checks=N] [--at-once=N] [--seconds=N] [--ending] HEAPTAP LIBRARY HEAPS: many verdicts on heaps of known truth (heaps.cc) whose 8 threads
move pointers as fast as they can, over four allocators in turn: nothing reachable may ever be called leaked, and 98 % of what leaked must be found
(over jemalloc 96 % where the process goes on).

A check is one verdict of heaptap on such a process: a whole `heaptap leaks --stop PID` (all its passes, by the hundred to a process), or with
--ending one process under `heaptap run --leaks`, whose threads are held at whatever moment its end comes. Ends after N checks (10,000) or N
seconds, and says how many there were; and every minute how many there are."""
import concurrent.futures
import glob
import json
import os
import re
import subprocess
import sys
import tempfile
import time

options, flags, args = {"checks": 10000, "at-once": 2, "seconds": 10**9}, set(), sys.argv[1:]
while args and args[0].startswith("--"):
    key, _, value = args.pop(0)[2:].partition("=")
    if key == "ending" and not value:
        flags.add(key)
    elif key in options and value.isdigit():
        options[key] = int(value)
    else:
        print("checks.py: unknown argument --" + key, file=sys.stderr)
        sys.exit(2)
HEAPTAP, LIBRARY, HEAPS = (os.path.abspath(a) for a in args)
DIR = tempfile.mkdtemp(prefix="heaptap-checks-")
ALLOCATORS = {"glibc": (None, 0.98), "jemalloc": ("libjemalloc.so.2", 0.96), "tcmalloc": ("libtcmalloc_minimal.so.4", 0.98), "mimalloc": ("libmimalloc.so.2*", 0.98)}
paths = {}
for name, (pattern, _) in ALLOCATORS.items():
    found = sorted(glob.glob("/usr/lib/x86_64-linux-gnu/" + pattern) + glob.glob("/usr/lib64/" + pattern)) if pattern else [None]
    if found:
        paths[name] = found[0]
    else:
        print("SKIP %s: it is not installed" % name)
began, wrong = time.monotonic(), []
done, lost, seen, unstopped = ({n: 0 for n in paths} for _ in range(4))


def over():
    return sum(done.values()) >= options["checks"] or time.monotonic() - began > options["seconds"]


def judge(name, truth, found, what):
    """found: objects by site. What a thread lost with its end is no false leak: heaps.cc ends with its threads moving."""
    kept = {n: found[n] for n in found if n.startswith(("kept_", "register_"))}
    if kept:
        wrong.append((name, kept, what))
    done[name] += 1
    lost[name] += sum(n for site, n in truth.items() if site.startswith("lost_"))
    seen[name] += sum(n for site, n in found.items() if site.startswith("lost_"))


def truth_of(lines):
    truth = {}
    for line in lines:
        if line == "ready\n":
            break
        site, blocks, _ = line.split()
        truth[site] = int(blocks)
    return truth


def looks(name, count):
    env = dict(os.environ, LD_PRELOAD=LIBRARY + (":" + paths[name] if paths[name] else ""), HEAPTAP_RATE="1", HEAPTAP_OUTPUT=DIR + "/out.pb.gz")
    p = subprocess.Popen([HEAPS, "1", "8"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
    truth = truth_of(p.stdout)
    for _ in range(count):
        if over():
            break
        r = subprocess.run([HEAPTAP, "leaks", "--json", "--fast", "--stop", "--every=0", "--budget=0", str(p.pid)], capture_output=True, text=True)
        if r.returncode:
            wrong.append((name, r.returncode, r.stderr))
            continue
        out, found = json.loads(r.stdout), {}
        for s in out["sites"]:
            found[s["site"]] = found.get(s["site"], 0) + s["objects"]
        if out["registers"]["not_stopped"]:
            # It got no processor for 150 ms, and what it holds in a register was not seen: the report says so.
            unstopped[name] += 1
            found.pop("kept_moving", None)
        judge(name, truth, found, out["candidates"])
    p.stdin.close()
    p.wait()


def endings(name, count):
    for _ in range(count):
        if over():
            break
        allocator = ["--allocator=" + paths[name]] if paths[name] else []
        r = subprocess.run([HEAPTAP, "run", "-q", "--exact", "--leaks", "--no-symbolize", "-o", DIR + "/%p.pb.gz", *allocator, "--", HEAPS, "1", "8", "moving"],
                           stdin=subprocess.DEVNULL, capture_output=True, text=True)
        truth, found = truth_of(l + "\n" for l in r.stdout.splitlines()), {}
        for m in re.finditer(r"(?m)^ *[\d.]+[kMG]?B? +([\d.]+)k? +\d+s +\d+%  (\w+)", r.stderr):
            found[m[2]] = found.get(m[2], 0) + int(m[1])
        if r.returncode or "were held for" not in r.stderr:
            wrong.append((name, r.returncode, r.stderr[-600:]))
        judge(name, truth, found, r.stderr[:600])
        for f in re.findall(r"wrote (\S+\.pb\.gz)", r.stderr):
            os.unlink(f)
            whole = f.replace(".leaks.", ".")
            if os.path.exists(whole):
                os.unlink(whole)


with concurrent.futures.ThreadPoolExecutor(options["at-once"]) as pool:
    turn, said = 0, began
    while not over() and len(wrong) < 20:
        jobs = []
        for _ in range(options["at-once"]):
            name = list(paths)[turn % len(paths)]
            turn += 1
            jobs.append(pool.submit(endings if "ending" in flags else looks, name, 25))
        for j in jobs:
            j.result()
        if time.monotonic() - said >= 60:
            said = time.monotonic()
            print("%5.0f s: %d checks, %d wrong" % (said - began, sum(done.values()), len(wrong)), flush=True)
for w in wrong[:5]:
    print("FAIL", w)
bad = bool(wrong)
for name, (_, least) in ALLOCATORS.items():
    if done.get(name):
        least = 0.98 if "ending" in flags else least
        share = seen[name] / lost[name]
        bad |= share < least
        print("%-9s %6d checks: %.2f %% of %d leaked blocks found (at least %.0f %%)%s" % (
            name, done[name], 100 * share, lost[name], 100 * least, "; in %d a thread could not be stopped" % unstopped[name] if unstopped[name] else ""))
print("%d checks in %.0f s, %s, %d wrong" % (sum(done.values()), time.monotonic() - began, "each a process's end" if "ending" in flags else "each a look", len(wrong)))
sys.exit(bad)
