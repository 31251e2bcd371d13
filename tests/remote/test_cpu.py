#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_cpu.py HEAPTAP BURN: `heaptap cpu` against a program that knows where it spends its time. With n samples a share p has a
standard deviation of sqrt(p(1-p)/n); bounds are five of those and one percentage point. Exit 77 where perf events are refused."""
import json, math, os, re, shutil, subprocess, sys, tempfile

heaptap, burn = map(os.path.abspath, sys.argv[1:3])
failed = []
HZ = 997


def check(what, ok, seen=""):
    if not ok:
        failed.append("%s: %s" % (what, str(seen)[:1500]))


def run(*words, status=0, lines=None):
    r = subprocess.run([heaptap, "cpu", *words], capture_output=True, text=True)
    check("status of cpu %s" % (words,), r.returncode == status, (r.returncode, r.stderr))
    if lines is not None:
        check("one line of cpu %s" % (words,), r.stderr.count("\n") == lines and not r.stdout, (r.stderr, r.stdout))
    return r


def shares(what, weights, expected):
    total = sum(weights.values())
    for name, p in expected.items():
        n = total / (1e9 / HZ)
        bound = 5 * math.sqrt(p * (1 - p) / max(n, 1)) + 0.01
        check("%s: %s" % (what, name), abs(weights.get(name, 0) / max(total, 1) - p) < bound, (weights, bound))


def rows(text):
    return {r["function"]: r["cum"] for r in json.loads(text)["rows"]}


probe = subprocess.run([heaptap, "cpu", "--", burn, "0.2"], capture_output=True, text=True)
if probe.returncode == 1 and "perf_event_open" in probe.stderr:
    print("perf events are refused here: " + probe.stderr)
    sys.exit(77)
work = tempfile.mkdtemp()
out = work + "/cpu.pb.gz"

r = run("--frequency=%d" % HZ, "--json", "-o", out, "--", burn, "2", status=3)
three = {"seventy": 0.7, "twenty": 0.2, "ten": 0.1}
weights = {k: v for k, v in rows(r.stdout).items() if k in three}
shares("a program", weights, three)
used = sum(weights.values()) / 1e9
check("as much as it used", 1.8 < used < 2.3, used)
if shutil.which("go"):
    g = subprocess.run(["go", "tool", "pprof", "-raw", out], capture_output=True, text=True).stdout
    check("as Go writes it", "samples/count cpu/nanoseconds" in g and "PeriodType: cpu nanoseconds" in g, g[:300])
    top = subprocess.run(["go", "tool", "pprof", "-top", out], capture_output=True, text=True).stdout
    check("go tool pprof names it", re.search(r"\bseventy\b", top), top)

run("--frequency=%d" % HZ, "-o", out, "--", burn, "2", "threads", status=3)
tags = json.loads(subprocess.run([heaptap, "tags", "--json", out], capture_output=True, text=True).stdout)
by = {v["value"]: v["weight"] for t in tags["tags"] if t["key"] == "thread" for v in t["values"]}
shares("four threads", by, {"part-a": 0.4, "part-b": 0.3, "part-c": 0.2, "part-d": 0.1})

r = subprocess.run([heaptap, "top", "--by=thread", "--json", out], capture_output=True, text=True)
check("one row a thread", {row["function"]: row["flat"] for row in json.loads(r.stdout)["rows"]} == by, (r.stdout, r.stderr, by))
r = subprocess.run([heaptap, "top", "--by=nothing", out], capture_output=True, text=True)
check("a label that no sample has", "By expression matched no samples" in r.stderr and "(no nothing)" in r.stdout, r.stderr + r.stdout)

# Threads that live shorter than a period have no sample: it is said, and a higher frequency finds them.
said = "of processor time have samples"
r = run("--frequency=99", "--", burn, "1", "short", status=3)
check("short threads are told", said in r.stderr, r.stderr)
r = run("--frequency=4000", "--", burn, "1", "short", status=3)
check("and are found", said not in r.stderr and "seventy" in r.stdout, r.stderr + r.stdout)
r = run("--frequency=99", "--", burn, "1", status=3)
check("where most has samples, nothing is said", said not in r.stderr, r.stderr)

# What a shell starts is followed, and a place is one place in all processes.
r = run("--frequency=%d" % HZ, "--json", "--", "sh", "-c", '"$1" 0.5; "$1" 0.5; exit 4', "sh", burn, status=4)
weights = {k: v for k, v in rows(r.stdout).items() if k in three}
shares("children", weights, three)
check("both children", sum(weights.values()) / 1e9 > 0.85, weights)

p = subprocess.Popen([burn, "30"])
r = run("--frequency=%d" % HZ, "--seconds=1.5", "--json", str(p.pid))
shares("a process that runs", {k: v for k, v in rows(r.stdout).items() if k in three}, three)
r = run("--ptrace", "--frequency=97", "--seconds=1", "--json", str(p.pid))
check("by stops", "seventy" in rows(r.stdout), r.stdout)
if os.getuid() == 0:
    r = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", heaptap, "cpu", "--seconds=1", str(p.pid)], capture_output=True, text=True)
    check("another user's", r.returncode in (1, 126, 127) and r.stderr.count("\n") == 1, (r.returncode, r.stderr))
p.kill()
p.wait()
r = run("--frequency=%d" % HZ, "--", "sleep", "0.1")
check("nothing to sample is said", "no samples" in r.stderr or r.stdout, r.stderr)

run("4194303", status=1, lines=1)
run("--", "/nonexistent/program", status=127, lines=1)
run("--", "no-such-program-at-all", status=127, lines=1)
run("--", "/tmp", status=126, lines=1)
for words in ([], ["--"], ["--frequency=0", "1"], ["--seconds=-1", "1"], ["--seconds=x", "1"], ["--kernel", "--ptrace", "1"]):
    run(*words, status=2, lines=1)
shutil.rmtree(work)
for f in failed:
    print("FAIL", f)
sys.exit(bool(failed))
