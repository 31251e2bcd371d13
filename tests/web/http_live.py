#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""HTTP for processes: they come, are read, compared over seconds, scraped, and go.
http_live.py HEAPTAP CHURN DIR"""
import concurrent.futures
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pprofile
from server import Server, check, done

heaptap, churn, tmp = sys.argv[1:]
# Regions of our own, so that nobody else's processes are listed or disturbed.
regions = tmp + "/regions"
os.mkdir(regions, 0o700)
env = {"HEAPTAP_REGION_DIR": regions, "TMPDIR": tmp, "PPROF_TMPDIR": tmp, "XDG_CACHE_HOME": tmp}


def start(seconds, *options):
    p = subprocess.Popen([heaptap, "run", "-q", "-r", "16k", "-o", tmp + "/%p.pb.gz", *options, "--", churn, str(seconds)],
                         stdout=subprocess.PIPE, env=dict(os.environ, **env))
    p.stdout.readline()
    return p


def targets(s):
    return [t for t in json.loads(s.get("/api/targets")[2])["targets"] if t["command"].startswith(churn)]


def wait_for(what, test, seconds=100):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        v = test()
        if v:
            return v
        time.sleep(0.1)
    check(what, False)
    return None


with Server(heaptap, "serve", "--listen", ":0", env=env) as s:
    check("none yet", targets(s) == [])
    one = start(300)
    two = start(300)
    both = wait_for("two processes appear", lambda: len(targets(s)) == 2 and targets(s))
    # They may be listed in any order: a is the first one's, whose runner is killed below.
    a, b = sorted((t["id"] for t in both), key=lambda i: int(open("/proc/%s/stat" % i).read().rsplit(")", 1)[1].split()[1]) != one.pid)
    check("alive, with figures", all(t["alive"] and t["inuse_space"] > 0 and t["command"].startswith(churn) for t in both), both)
    code, _, body = s.get("/debug/pprof/heap")
    check("which of the two?", code == 404 and b"say which" in body, body)

    heap = s.get("/%s/debug/pprof/heap" % a)[2]
    open(tmp + "/heap.pb.gz", "wb").write(heap)
    r = json.loads(subprocess.run([heaptap, "top", "--json", tmp + "/heap.pb.gz"], capture_output=True, env=dict(os.environ, **env)).stdout)
    names = {x["name"] for x in r["rows"]}
    check("names are in", {"leaky_cache", "steady_ring", "main"} <= names, names)
    check("cmdline", s.get("/%s/debug/pprof/cmdline" % a)[2] == b"\0".join([churn.encode(), b"300"]))
    raw = s.get("/%s/debug/pprof/heap?symbolize=none" % a)[2]
    check("without names when asked", b"leaky_cache" not in __import__("gzip").decompress(raw))
    strings, addresses = [], []
    for f, v in pprofile.fields(__import__("gzip").decompress(heap)):
        if f == 4:
            addresses.append(dict(pprofile.fields(v)).get(3, 0))
    body = s.get("/%s/debug/pprof/symbol" % a, "POST", "+".join("%#x" % x for x in addresses))[2].decode()
    check("symbol names them", "leaky_cache" in body and body.startswith("num_symbols: 1\n"), body)

    # What grew in a second or two is the leak. On a busy machine the process may hardly run, or another request take as long as
    # those that wait: then it is asked for longer.
    for seconds in (2, 8, 30):
        t0 = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            waits = [pool.submit(s.get, "/%s/debug/pprof/heap?seconds=%d" % (a, seconds), timeout=120) for _ in range(3)]
            time.sleep(0.3)
            apart = s.get("/%s/debug/pprof/heap?symbolize=none" % b, timeout=120)[0] == 200 and not any(w.done() for w in waits)
            answers = [w.result() for w in waits]
        check("seconds=", all(c == 200 and h["content-disposition"].endswith('"heap-delta"') for c, h, _ in answers))
        delta = answers[0][2]
        top = {f: v for f, v in pprofile.fields(__import__("gzip").decompress(delta)) if f in (9, 10)}
        check("its duration", (seconds - 0.1) * 1e9 < top[10] < (time.monotonic() - t0) * 1e9, top)
        open(tmp + "/delta.pb.gz", "wb").write(delta)
        r = json.loads(subprocess.run([heaptap, "top", "--json", tmp + "/delta.pb.gz"], capture_output=True, env=dict(os.environ, **env)).stdout)
        leads = r["rows"] and r["rows"][0]["name"] == "leaky_cache" and r["rows"][0]["flat"] > 0
        if apart and leads:
            break
    check("others do not wait", apart)
    check("the leak leads", leads, r["rows"][:3])

    if shutil.which("go"):
        for args, words in ((["-top", "http://127.0.0.1:%d/%s/debug/pprof/heap" % (s.port, a)], ["leaky_cache", "inuse_space"]),
                            (["-top", "-sample_index=alloc_space", "http://127.0.0.1:%d/%s/debug/pprof/allocs" % (s.port, a)], ["steady_ring"]),
                            (["-list", "leaky_cache", "http://127.0.0.1:%d/%s/debug/pprof/heap" % (s.port, a)], ["malloc(sizeof *e)"]),
                            (["-top", "-seconds=1", "http://127.0.0.1:%d/%s/debug/pprof/heap" % (s.port, a)], ["leaky_cache", "Duration: 1"])):
            r = subprocess.run(["go", "tool", "pprof", *args], capture_output=True, text=True, env=dict(os.environ, **env))
            check("go tool pprof %s" % args[:-1], all(w in r.stdout for w in words), (r.stdout[-600:], r.stderr[-300:]))
        r = subprocess.run(["go", "tool", "pprof", "-top", "http://127.0.0.1:%d/%s/debug/pprof/heap?seconds=x" % (s.port, a)],
                           capture_output=True, text=True, env=dict(os.environ, **env))
        check("pprof shows our error", "whole number" in r.stderr, r.stderr)

    # Whose memory it is: the same rows as the command's, of the sample type asked for.
    code, headers, body = s.get("/%s/debug/owners?type=alloc_space&n=2" % a)
    owners = json.loads(body)
    check("owners as JSON", code == 200 and headers["content-type"] == "application/json" and owners["sample_type"] == "alloc_space" and
          len(owners["rows"]) == 2, (code, headers, body[:300]))
    told = json.loads(subprocess.run([heaptap, "owners", "--json", "-i", "alloc_space", a], capture_output=True, env=dict(os.environ, **env)).stdout)
    check("the same owners as the command's", [set(x) for x in owners["rows"]] == [set(x) for x in told["rows"][:2]] and
          {x["name"] for x in owners["rows"]} <= {x["name"] for x in told["rows"]}, (owners, told))
    check("what is in use, when nothing is said", json.loads(s.get("/%s/debug/owners" % a)[2])["sample_type"] == "inuse_space")
    for query in ("type=nosuch", "n=x", "n=-1", "n=1x", "n=99999999999"):
        check("owners, " + query, s.get("/%s/debug/owners?%s" % (a, query))[0] == 400)
    check("owners of which?", s.get("/debug/owners")[0] == 404)

    # A look for leaks: only when asked for, by the rules of the rest; what the command says (one at a time: leaks.mjs).
    body = s.get("/%s/debug/leaks/progress" % a)[2]
    check("nobody looks", json.loads(body) == {"looking": False, "pass": 0, "done": 0, "all": 0, "left": -1}, body)
    code, headers, body = s.get("/%s/debug/leaks?passes=1" % a, timeout=120)
    found = json.loads(body)
    check("leaks as JSON", code == 200 and headers["content-type"] == "application/json" and found["pid"] == int(a), (code, headers, body[:300]))
    told = json.loads(subprocess.run([heaptap, "leaks", "--json", "--fast", "--passes=1", a], capture_output=True, env=dict(os.environ, **env)).stdout)
    check("the same object as the command's", set(found) == set(told) and len(found["candidates"]) >= 1 and found["registers"] is None, (found, told))
    for query in ("0", "101", "x", "1x", "-1"):
        check("passes=" + query, s.get("/%s/debug/leaks?passes=%s" % (a, query))[0] == 400)
    check("of which of the two?", s.get("/debug/leaks")[0] == 404)
    check("no such process", s.get("/999999999/debug/leaks")[0] == 404)
    check("not for another site", s.get("/%s/debug/leaks" % a, headers={"Sec-Fetch-Site": "cross-site"})[0] == 403)
    check("not by POST", s.get("/%s/debug/leaks" % a, "POST", "")[0] == 405)

    # The list's history begins with the server: points of each are there before any page is.
    def history(query):
        return [t["history"] for t in json.loads(s.get("/api/targets?" + query)[2])["targets"] if t["id"] in (a, b)]
    past = wait_for("a history", lambda: [h for h in [history("history=1")] if all(len(x["ago"]) > 1 for x in h)] or None)[0]
    for h in past:
        check("the oldest first", h["ago"] == sorted(h["ago"], reverse=True) and h["ago"][-1] >= 0 and h["ago"][0] < 600000, h["ago"])
        check("a figure at each", all(len(h[k]) == len(h["ago"]) and min(h[k]) > 0 for k in ("inuse_space", "resident", "threads")), h)
    check("only for who asks", all("history" not in t for t in targets(s)))

    # Scraped while they allocate.
    def metric(name):
        text = s.get("/metrics")[2].decode()
        return next(float(l.rsplit(" ", 1)[1]) for l in text.splitlines() if l.startswith(name + "{") and 'pid="%s"' % a in l)
    first = metric("heaptap_allocated_bytes_total")
    wait_for("counters rise", lambda: metric("heaptap_allocated_bytes_total") > first)
    check("rate", metric("heaptap_rate_bytes") == 16384 and metric("heaptap_up") == 1)
    check("threads", metric("heaptap_threads") == 1)
    check("nothing is lost", metric("heaptap_lost_samples_total") == 0)

    # A stopped process is read like any other; one that was killed stays.
    os.kill(int(b), signal.SIGSTOP)
    check("stopped", s.get("/%s/debug/pprof/heap" % b)[0] == 200)
    # Its figures stay: those of instructions, of ages and of owners are the report's.
    open(tmp + "/b.pb.gz", "wb").write(s.get("/%s/debug/pprof/heap" % b)[2])
    rows = {x["name"]: x for x in json.loads(subprocess.run([heaptap, "top", "--json", tmp + "/b.pb.gz"], capture_output=True, env=dict(os.environ, **env)).stdout)["rows"]}
    if shutil.which("objdump"):
        code, h, body = s.get("/%s/api/disassembly?function=leaky_cache" % b)
        asm = json.loads(body) if code == 200 else {"instructions": []}
        at = [int(x["at"], 16) for x in asm["instructions"]]
        check("instructions", code == 200 and [x["file"] for x in asm["binaries"]] == [churn] and len(at) > 5 and at == sorted(at), (code, body[:300]))
        # Each has the lines that it belongs to, those without figures too.
        stacks = [asm["stacks"][x["stack"]] for x in asm["instructions"]]
        check("lines of all", all(x[-3] == "leaky_cache" and x[-2].endswith("churn.c") and x[-1] > 0 for x in stacks) and len({x[-1] for x in stacks}) > 2, stacks)
        p = asm["profile"]
        hot = {c for c in p["frames"]["code"] if c >= 0}
        check("the call is where the memory is", len(hot) == 1 and "call" in asm["instructions"][min(hot)]["text"], hot)
        flat = sum(v for n, v in zip(p["sums"]["node"], p["sums"]["values"][3]) if p["frames"]["code"][p["nodes"]["frame"][n]] in hot)
        check("with the function's figures", (flat, sum(p["sums"]["values"][3])) == (rows["leaky_cache"]["flat"], rows["leaky_cache"]["cum"]), (flat, rows["leaky_cache"]))
    for query, status in (("?function=no_such", 404), ("", 400), ("?function=", 400)):
        code, _, body = s.get("/%s/api/disassembly%s" % (b, query))
        check("disassembly" + query, code == status and body.count(b"\n") == 1, (code, body))
    # It may have been stopped between its site's figures and its record of a block: then it is stopped elsewhere.
    for _ in range(20):
        aged = json.loads(s.get("/%s/api/profile?profile=ages" % b)[2])
        plain = json.loads(s.get("/%s/api/profile" % b)[2])
        if all(sum(aged["sums"]["values"][t]) == sum(plain["sums"]["values"][t]) for t in range(4)):
            break
        os.kill(int(b), signal.SIGCONT)
        time.sleep(0.05)
        os.kill(int(b), signal.SIGSTOP)
        while open("/proc/%s/stat" % b).read().rsplit(")", 1)[1].split()[0] != "T":
            time.sleep(0.01)
    known = (0, 1, 10, 60, 600, 3600, 21600, 86400, 604800)
    live = [(v, age) for v, age in zip(aged["sums"]["values"][3], aged["sums"]["age"]) if v]
    check("what is in use has an age", live and all(age in known for _, age in live), live[:5])
    for t in range(4):
        check("ages leave the sum of %d" % t, sum(aged["sums"]["values"][t]) == sum(plain["sums"]["values"][t]), t)
    check("each stack has an owner", len(plain["sums"]["owner"]) == len(plain["sums"]["node"]) and all(plain["sums"]["owner"]), plain["sums"]["owner"][:5])
    check("ages are no thread's", "owner" not in json.loads(s.get("/%s/api/profile?profile=threads" % b)[2])["sums"])
    os.kill(int(b), signal.SIGCONT)
    one.send_signal(signal.SIGKILL)  # the runner first: it would write the profile and clear away
    one.wait()
    os.kill(int(a), signal.SIGKILL)
    gone = wait_for("the killed one is listed as ended", lambda: [t for t in targets(s) if t["id"] == a and not t["alive"]])
    if gone:
        code, _, body = s.get("/%s/debug/pprof/heap" % a)
        check("its profile is there still", code == 200 and pprofile.totals(body)["inuse_space"] > 0, (code, body[:300]))
        check("metrics say so", 'heaptap_up{pid="%s",program="churn"} 0' % a in s.get("/metrics")[2].decode())
    two.send_signal(signal.SIGTERM)
    two.wait()
    wait_for("the other one goes", lambda: all(t["id"] != b for t in targets(s)))
    code, _, body = s.get("/%s/debug/pprof/heap" % b)
    check("gone is 404", code == 404, (code, body))

r = subprocess.run([heaptap, "serve", "--listen", ":0", "999999999"], capture_output=True, text=True, env=dict(os.environ, **env))
check("a PID that is none", r.returncode == 1 and r.stderr.count("\n") == 1, (r.returncode, r.stderr))
r = subprocess.run([heaptap, "serve", "--listen", ":0", str(os.getpid()), tmp + "/heap.pb.gz"], capture_output=True, text=True, env=dict(os.environ, **env))
check("processes or profiles", r.returncode == 2 and r.stderr.count("\n") == 1, (r.returncode, r.stderr))
done()
