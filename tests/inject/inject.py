#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each of the library's own system calls fails in turn, alone and with all behind it: the program's
output and exit status are the same, at most one line is said, and no file is left half-written."""
import gzip, os, subprocess, sys, tempfile

lib, load = sys.argv[1:3]
env = {k: v for k, v in os.environ.items() if not k.startswith("HEAPTAP_") and k != "LD_PRELOAD"}
bare = subprocess.run([load], env=env, capture_output=True, timeout=60)
bad, runs = [], 0
with tempfile.TemporaryDirectory(prefix="heaptap-inject") as work:
    def attempt(inject, rate):
        global runs
        runs += 1
        for f in os.listdir(work):
            if f != "shm":
                os.unlink(os.path.join(work, f))
        e = dict(env, LD_PRELOAD=lib, HEAPTAP_INJECT=inject, HEAPTAP_RATE=rate, HEAPTAP_SEED="1",
                 HEAPTAP_OUTPUT=work + "/p.%p.%n.pb.gz", HEAPTAP_REGION_DIR=work + "/shm")
        r = subprocess.run([load], env=e, capture_output=True, timeout=120)
        if (r.stdout, r.returncode) != (bare.stdout, bare.returncode):
            bad.append(f"{inject} at {rate}: exit {r.returncode}, {r.stdout!r}, {r.stderr[-200:]!r}")
        if r.stderr.count(b"\n") > 2 or any(not l.startswith(b"heaptap: ") for l in r.stderr.splitlines()):
            bad.append(f"{inject} at {rate}: said {r.stderr!r}")
        for f in os.listdir(work):
            if f.endswith(".pb.gz"):
                gzip.open(os.path.join(work, f)).read()
            elif f != "shm" and "unlink" not in f:
                # A temporary file may only stay when the very unlink was made to fail.
                if not inject.endswith("+"):
                    size = os.path.getsize(os.path.join(work, f))
                    bad.append(f"{inject} at {rate}: left {f} of {size} bytes")
        return r
    calls = 110
    for rate in ("4k", "1"):
        for n in range(1, calls + 1):
            attempt(str(n), rate)
        for n in range(1, calls + 1, 5):
            attempt(f"{n}+", rate)
print(f"{runs} runs, {len(bad)} bad")
for line in bad[:20]:
    print(line)
sys.exit(1 if bad or bare.returncode != 5 else 0)
