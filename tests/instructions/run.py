#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run.py LIBRARY LOAD HEAPTAP [--update]: instructions by callgrind against the kept figures, within 3 %.

The figures hold for one compiler and libc (kept.json says which); elsewhere the test is skipped.
A figure is raised or lowered in the commit that has a reason for it."""
import json, os, shutil, subprocess, sys, tempfile

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "lib"))
import callgrind

lib, load, heaptap = map(os.path.abspath, sys.argv[1:4])
kept_path = os.path.join(here, "kept.json")
MARGIN = 0.03

if not shutil.which("valgrind"):
    print("SKIP: valgrind is not installed")
    sys.exit(77)
compiler = subprocess.run(["gcc", "-dumpfullversion"], capture_output=True, text=True).stdout.strip()
machine = f"gcc {compiler}, {os.confstr('CS_GNU_LIBC_VERSION')}"
kept = json.load(open(kept_path)) if os.path.exists(kept_path) else {}
if "--update" not in sys.argv and kept.get("machine") != machine:
    print(f"SKIP: the kept figures are for {kept.get('machine')}, this is {machine}")
    sys.exit(77)

# Samples come every RATE / (size + 1) allocations; above 4 KiB stacks are walked, not remembered.
WALK_RATE = 5000


def figures(work):
    def ours(rate):
        return callgrind.environment(LD_PRELOAD=lib, HEAPTAP_RATE=rate, HEAPTAP_SEED="1",
                                     HEAPTAP_OUTPUT=work + "/p.pb.gz", HEAPTAP_REGION_DIR=work + "/r")
    bare = callgrind.environment()
    deep_bare = callgrind.per_operation(load, "deep30", bare, work, 2000, 42000)
    deep = callgrind.per_operation(load, "deep30", ours(str(WALK_RATE)), work, 2000, 42000)
    profile = os.path.join(work, "top.pb.gz")
    # A profile of the load itself: its stacks, and what the libraries allocate at the start.
    subprocess.run([load, "sizes", "1", "20000"], env=dict(ours("1"), HEAPTAP_OUTPUT=profile),
                   check=True, stdout=subprocess.DEVNULL)
    top = callgrind.environment(XDG_CACHE_HOME=work + "/cache")
    return {
        "churn, a pair at 512k": callgrind.per_operation(load, "churn", ours("512k"), work,
                                                         50000, 250000),
        "a sample at 30 frames and 77 frees by the filter": (deep - deep_bare) * WALK_RATE / 65,
        "churn, a pair in exact mode": callgrind.per_operation(load, "churn", ours("1"), work,
                                                               20000, 80000),
        "top of a profile": callgrind.count([heaptap, "top", "--symbolize=none", profile], top, work),
    }


with tempfile.TemporaryDirectory(prefix="heaptap-instructions") as work:
    got = figures(work)
if "--update" in sys.argv:
    json.dump({"machine": machine, "figures": {k: round(v, 1) for k, v in got.items()}},
              open(kept_path, "w"), indent=1)
bad = 0
for name, value in got.items():
    was = kept.get("figures", {}).get(name, value)
    off = value / was - 1
    ok = abs(off) <= MARGIN or "--update" in sys.argv
    bad += not ok
    print("%s %s: %.1f, kept %.1f (%+.2f %%)" % ("ok  " if ok else "FAIL", name, value, was, off * 100))
sys.exit(1 if bad else 0)
