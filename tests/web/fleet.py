#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""serve --push against stores that check what the real ones check. fleet.py HEAPTAP CHURN DIR"""
import collections
import gzip
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import pprofile
from server import Server, check, done
from stores import Store

heaptap, churn, tmp = sys.argv[1:]
# A name of our own: serve sends every process of this user, whoever started it.
program = "fleet++%d" % os.getpid()
shutil.copy(churn, tmp + "/" + program)
regions = tmp + "/regions"
os.mkdir(regions, 0o700)
env = {"HEAPTAP_REGION_DIR": regions, "XDG_CACHE_HOME": tmp}


def start(seconds):
    p = subprocess.Popen([heaptap, "run", "-q", "-r", "16k", "-o", tmp + "/%p.pb.gz", "--", tmp + "/" + program, str(seconds)],
                         stdout=subprocess.PIPE, env=dict(os.environ, **env))
    p.stdout.readline()
    return p


def wait_for(what, test, seconds=40):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        v = test()
        if v:
            return v
        time.sleep(0.1)
    check(what, False)
    return None


def metrics(s):
    text = s.get("/metrics")[2].decode()
    return {m[1]: int(m[2]) for m in re.finditer(r"^heaptap_push_(\w+) (\d+)$", text, re.M)}


def wait_for_metrics(what, s, test):
    """The metrics of s, once test holds of them."""
    def look():
        m = metrics(s)
        return m if test(m) else None
    return wait_for(what, look)


def buffered():
    """The files of profiles that wait in the buffer, oldest first."""
    return sorted(f for f in os.listdir(buffer) if f.endswith(".push"))


def serve(store, *options, path=""):
    return Server(heaptap, "serve", "--listen", ":0", "--push", store.url + path, "--every=1s", *options, env=env)


def allocations(totals):
    return {k: v for k, v in totals.items() if k.startswith("alloc")}


def allocated(got):
    sums = collections.Counter()
    for g in got:
        sums.update(allocations(pprofile.totals(g[4])))
    return dict(sums)


# What is sent of a process adds up to its last profile, to the byte: from its first sample to its end.
for path in ("", "/push.v1.PusherService/Push", "/any/store"):
    store = Store()
    with serve(store, "--label=region=eu", "--label=pid=%p", path=path) as s:
        p = start(300)
        wait_for("two profiles", lambda: len(store.of(program)) >= 2)
        p.terminate()
        p.wait()
        end = [f for f in os.listdir(tmp) if f.endswith(".pb.gz") and f[0].isdigit()]
        whole = pprofile.totals(open(tmp + "/" + end[0], "rb").read())
        wait_for("sums of %s" % (path or "/ingest"), lambda: allocated(store.of(program)) == allocations(whole))
        got = store.of(program)
        check("in-use is as it is", pprofile.totals(got[-1][4])["inuse_space"] == whole["inuse_space"], whole)
        name, labels, _, _, profile = got[-1]
        check("labels", name == program.replace("+", "_") and labels["host"] == re.sub(r"[^!-~]", "_", socket.gethostname()) and
              labels["region"] == "eu" and labels["pid"] == end[0].split(".")[0], (name, labels))
        check("names", b"leaky_cache" in gzip.decompress(profile))
        check("nothing was refused", not store.bad, store.bad)
        if not path:
            check("one after the other", all(a[3] <= b[2] + 1 for a, b in zip(got, got[1:])), [g[2:4] for g in got])
        else:
            check("no differences by the store", path != "/push.v1.PusherService/Push" or labels["__delta__"] == "false", labels)
        m = metrics(s)
        check("counted", m["sent_total"] >= len(got) and m["sent_bytes_total"] > 0 and not m["refused_total"] and not m["failures_total"], m)
        check("no metrics of one process", b"heaptap_push" not in s.get("/%d/metrics" % os.getpid())[2])
    os.remove(tmp + "/" + end[0])

# A killed process, and a store that is away: everything comes when it is back, in order.
buffer = tmp + "/buffer"
store = Store("503")
with serve(store, "--push-buffer", buffer) as s:
    p = start(300)
    wait_for("files", lambda: len(buffered()) >= 2)
    pid = int(open("/proc/%d/task/%d/children" % (p.pid, p.pid)).read().split()[0])
    p.send_signal(signal.SIGKILL)
    p.wait()
    os.kill(pid, signal.SIGKILL)
    m = wait_for_metrics("failures are counted", s, lambda m: m["failures_total"] >= 2 and m["waiting"] >= 3)
    check("nothing dropped", not m["dropped_total"] and not m["refused_total"] and not m["sent_total"], m)
check("one line, without control characters", s.err.count("answers 503") == 1 and "\x1b" not in s.err and "they are in" in s.err, s.err)
files = buffered()
check("modes", all(os.stat(buffer + "/" + f).st_mode & 0o777 == 0o600 for f in files) and os.stat(buffer).st_mode & 0o777 == 0o700)
ours = sum(b"\nprogram=%s\n" % program.encode() in open(buffer + "/" + f, "rb").read() for f in files)
check("the process is among them", ours >= 1, files)
open(buffer + "/00000000000000000001.push", "w").write("no item\n\n")
open(buffer + "/00000000000000000002.new", "w").write("cut short")
os.symlink("/etc/passwd", buffer + "/00000000000000000003.push")
store.mode = ""
secret = tmp + "/headers"
open(secret, "w").write("# for the store\nAuthorization: Bearer hidden\nX-Scope-OrgID: t1\n")
os.chmod(secret, 0o600)
with serve(store, "--push-buffer", buffer, "--push-headers", secret) as s:
    r = subprocess.run([heaptap, "serve", "--listen", ":0", "--push", store.url, "--push-buffer", buffer], capture_output=True, text=True, timeout=100)
    check("a buffer is of one server", r.returncode == 1 and "another heaptap serve" in r.stderr, r.stderr)
    wait_for("the buffer is sent", lambda: not [f for f in os.listdir(buffer) if not os.path.islink(buffer + "/" + f)])
    got = store.of(program)
    check("all of them", len(got) >= ours and not store.bad, (len(got), ours, store.bad))
    check("in order", [g[3] for g in got] == sorted(g[3] for g in got), [g[2:4] for g in got])
    check("headers", store.headers[-1]["Authorization"] == "Bearer hidden" and store.headers[-1]["X-Scope-OrgID"] == "t1")
    check("secrets are in no arguments", b"hidden" not in open("/proc/%d/cmdline" % s.p.pid, "rb").read())
    check("damage is counted", metrics(s)["unread_total"] >= 1)
os.unlink(buffer + "/00000000000000000003.push")

# A buffer that is full: the oldest goes.
store = Store("429")
with serve(store, "--push-buffer", buffer, "--push-buffer-size=2K") as s:
    p = start(300)
    m = wait_for_metrics("dropped", s, lambda m: m["dropped_total"] and m["dropped_bytes_total"])
    check("within its limit", sum(os.path.getsize(buffer + "/" + f) for f in os.listdir(buffer)) <= 2048)

# What is refused is not tried again; a store leads nowhere and keeps nobody.
for mode, counter in (("400", "refused_total"), ("file", "refused_total"), ("endless", "failures_total")):
    store = Store(mode)
    with serve(store, path="/") as s:
        m = wait_for_metrics(mode, s, lambda m: m[counter])
        check("%s: not sent" % mode, not m["sent_total"], m)
        check("%s: memory" % mode, int(re.search(r"VmRSS:\s+(\d+)", open("/proc/%d/status" % s.p.pid).read())[1]) < 100000)
    store.released.set()

# A password in the URL is used, and seen by nobody.
store = Store()
with Server(heaptap, "serve", "--listen", ":0", "--push", store.url.replace("//", "//joe:pa55word@"), "--every=1s", env=env) as s:
    check("hidden", b"pa55word" not in open("/proc/%d/cmdline" % s.p.pid, "rb").read())
    wait_for("sent", lambda: store.of(program))
    check("basic", store.headers[-1]["Authorization"].startswith("Basic am9l"), store.headers[-1].items())
check("nor in messages", "pa55word" not in s.err, s.err)
p.terminate()
p.wait()

open(tmp + "/bad-headers", "w").write("no header\n")
for status, words in ((2, ["--push", "ftp://x"]), (2, ["--push", "http://x", "--every", "0.5s"]), (2, ["--push", "http://x", "--label", "a-b=c"]),
                      (2, ["--push", "http://x", "--label", "__a=c"]), (2, ["--push", "http://x", "--push-buffer-size", "1M"]),
                      (2, ["--every", "5s"]), (2, ["--push", "http://x", tmp + "/new.pb.gz"]),
                      (1, ["--push", "http://x", "--push-headers", tmp + "/bad-headers"]), (1, ["--push", "http://x", "--push-headers", "/nonexistent"]),
                      (1, ["--push", "http://x", "--push-buffer", "/dev/null"]), (1, ["--push", "http://x", "--push-buffer", "/tmp"])):
    r = subprocess.run([heaptap, "serve", "--listen", ":0", *words], capture_output=True, text=True, timeout=100)
    lines = [l for l in r.stderr.splitlines() if "others can read" not in l]
    check("%r" % words, r.returncode == status and len(lines) == 1, (r.returncode, r.stderr))
done()
