#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The claims of docs/security.md that no other suite shows: modes, links and traps."""
import os, signal, stat, subprocess, sys, tempfile, time

lib, load = sys.argv[1:3]
bad = []


def claim(ok, what):
    print(("ok   " if ok else "FAIL ") + what)
    if not ok:
        bad.append(what)


def start(work, **more):
    env = {k: v for k, v in os.environ.items() if not k.startswith("HEAPTAP_") and k != "LD_PRELOAD"}
    env.update(LD_PRELOAD=lib, HEAPTAP_RATE="4k", HEAPTAP_OUTPUT=work + "/p.pb.gz",
               HEAPTAP_REGION_DIR=work + "/regions", **more)
    # Reads its standard input after it has allocated: alive until we close it.
    return subprocess.Popen([load], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def ready(p):
    return p.stdout.readline().strip() == b"ready"


def finish(p):
    p.stdin.close()
    p.wait(60)
    return p.returncode


old = os.umask(0)  # the program's own umask must not be what keeps others out
with tempfile.TemporaryDirectory(prefix="heaptap-security") as work:
    p = start(work)
    claim(ready(p), "the program runs")
    regions = os.listdir(work + "/regions")
    claim(len(regions) == 1, "one region")
    claim(stat.S_IMODE(os.stat(work + "/regions").st_mode) == 0o700, "the directory is 0700")
    claim(stat.S_IMODE(os.stat(f"{work}/regions/{regions[0]}").st_mode) == 0o600, "the region is 0600")
    os.symlink("/nonexistent/heaptap", work + "/p.pb.gz")
    claim(finish(p) == 5, "exit status is the program's")
    claim(not os.path.islink(work + "/p.pb.gz") and os.path.getsize(work + "/p.pb.gz") > 100,
          "a link that has the dump's name is replaced, not followed")
    claim(stat.S_IMODE(os.stat(work + "/p.pb.gz").st_mode) == 0o600, "the dump is 0600")

for trap in ("open to others", "a link", "a file"):
    with tempfile.TemporaryDirectory(prefix="heaptap-security") as work:
        at = work + "/regions"
        if trap == "a link":
            os.mkdir(work + "/elsewhere", 0o700)
            os.symlink(work + "/elsewhere", at)
        elif trap == "a file":
            open(at, "w").close()
        else:
            os.mkdir(at)
            os.chmod(at, 0o777)
        p = start(work)
        ok = ready(p)
        inside = os.listdir(work + "/elsewhere") if trap == "a link" else \
            os.listdir(at) if os.path.isdir(at) else []
        claim(ok and not inside, f"region directory {trap}: nothing is put there")
        claim(finish(p) == 5 and os.path.exists(work + "/p.pb.gz"),
              f"region directory {trap}: the program and its profile are as ever")

if os.geteuid() == 0:
    with tempfile.TemporaryDirectory(prefix="heaptap-security") as work:
        os.mkdir(work + "/regions", 0o700)
        os.chown(work + "/regions", 65534, 65534)
        p = start(work)
        claim(ready(p) and not os.listdir(work + "/regions"),
              "region directory another user's: nothing is put there")
        claim(finish(p) == 5, "region directory another user's: the program is as ever")

with tempfile.TemporaryDirectory(prefix="heaptap-security") as work:
    p = start(work)
    ready(p)
    link = work + "/p.pb.gz.tmp.%d" % p.pid
    victim = work + "/victim"
    with open(victim, "w") as f:
        f.write("precious")
    os.symlink(victim, link)
    claim(finish(p) == 5 and open(victim).read() == "precious",
          "a link that has the temporary name is not written through")
os.umask(old)
sys.exit(1 if bad else 0)
