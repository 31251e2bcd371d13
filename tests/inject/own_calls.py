#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""own_calls.py LIBRARY PROGRAM: every system call made to fail, one after another and from one on, in a program that is linked with an
allocator and bound at its start, so that references to the allocator's own calls lie in memory that must be opened for writing
(mprotect). The program says and does what it does bare. Seen failing with the result of mprotect not looked at: SIGSEGV."""
import os, struct, subprocess, sys, tempfile
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from words import Words, there

MPROTECT = 10
COUNTS = 64 * 32 + 2 * 512 * 8
line = Words(__doc__)
line.add_argument("library", type=there)
line.add_argument("program", type=there)
words = line.parse_args()
clean = {k: v for k, v in os.environ.items() if not k.startswith("HEAPTAP_") and k != "LD_PRELOAD"}
bare = subprocess.run([words.program], env=clean, capture_output=True, timeout=60)
if bare.returncode:
    print("fails bare: %s" % bare.stderr[-200:].decode(errors="replace"))
    sys.exit(77)


def attempt(inject):
    """(what is wrong, system calls made in all, mprotect made, mprotect failed)"""
    with tempfile.TemporaryDirectory(prefix="heaptap-inject") as work:
        counts = os.path.join(work, "counts")
        with open(counts, "wb") as f:
            f.write(bytes(COUNTS))
        env = dict(clean, LD_PRELOAD=words.library, HEAPTAP_RATE="4k", HEAPTAP_SEED="1", HEAPTAP_OUTPUT=work + "/p.%p.pb.gz",
                   HEAPTAP_REGION_DIR=work + "/shm", HEAPTAP_INJECT_COUNTS=counts, **({"HEAPTAP_INJECT": inject} if inject else {}))
        r = subprocess.run([words.program], env=env, capture_output=True, timeout=60)
        raw = open(counts, "rb").read()
        times = {raw[i:i + 24].rstrip(b"\0").decode(): struct.unpack_from("q", raw, i + 24)[0] for i in range(0, 64 * 32, 32) if raw[i]}
        made, failed = (struct.unpack_from("512q", raw, 64 * 32 + k * 4096) for k in (0, 1))
        wrong = [] if (r.returncode, r.stdout) == (bare.returncode, bare.stdout) else \
            ["exit %s, %r, %r" % (r.returncode, r.stdout[-200:], r.stderr[-200:])]
        wrong += ["said %r" % l for l in r.stderr.splitlines() if not l.startswith(b"heaptap: ")]
        return wrong, times.get("system", 0), made[MPROTECT], failed[MPROTECT]


wrong, calls, made, _ = attempt("")
bad = ["nothing injected: " + w for w in wrong]
failed = 0
tries = ["system:%d%s" % (k, how) for k in range(1, calls + 1) for how in ("", "+")]
with ThreadPoolExecutor(os.cpu_count()) as pool:
    for inject, (wrong, _, _, times) in zip(tries, pool.map(attempt, tries)):
        bad += ["%s: %s" % (inject, w) for w in wrong]
        failed += times
if not made or failed < made:
    bad.append("mprotect was made %d times, and made to fail %d times" % (made, failed))
for b in bad[:20]:
    print("FAIL", b)
print("%d system calls, %d of them mprotect; mprotect failed %d times; %d bad" % (calls, made, failed, len(bad)))
sys.exit(1 if bad else 0)
