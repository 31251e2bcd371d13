#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run.py [--update]: instructions by callgrind against the kept figures, within 3 %.

The figures hold for one compiler and libc (kept.json says which); elsewhere the test is skipped.
A figure is raised or lowered in the commit that has a reason for it: --update writes what is there now.
Seen failing, one figure each: with 8 nops in malloc, 200 in ht_unwind, 60 in ht_live_insert, 1,200 in the graph's
add_stack; realloc's without ht_cold_realloc's look at the filter."""
import json, os, shutil, subprocess, sys, tempfile

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "..", "bench"))
from table import CLI, LIB, LOAD
import callgrind
import reader
import unwind
from words import Words

words = Words(__doc__)
words.flag("--update")
update = words.parse_args().update
kept_path = os.path.join(here, "kept.json")
MARGIN = 0.03

if not shutil.which("valgrind"):
    print("SKIP: valgrind is not installed")
    sys.exit(77)
compiler = subprocess.run(["gcc", "-dumpfullversion"], capture_output=True, text=True).stdout.strip()
machine = f"gcc {compiler}, {os.confstr('CS_GNU_LIBC_VERSION')}"
kept = json.load(open(kept_path)) if os.path.exists(kept_path) else {}
if not update and kept.get("machine") != machine:
    print(f"SKIP: the kept figures are for {kept.get('machine')}, this is {machine}")
    sys.exit(77)


def figures(work):
    def pair(rate, few, many, load="churn"):
        ours = callgrind.environment(LD_PRELOAD=LIB, HEAPTAP_RATE=rate, HEAPTAP_SEED="1",
                                     HEAPTAP_OUTPUT=work + "/p.pb.gz", HEAPTAP_REGION_DIR=work + "/r")
        return callgrind.per_operation(LOAD, load, ours, work, few, many)
    # Made by a generator of fixed seed: the library has no part in it.
    profile = os.path.join(work, "top.pb.gz")
    reader.large_profile(profile, 5000)
    top = callgrind.environment(XDG_CACHE_HOME=work + "/cache")
    return {
        "churn, a pair at 512k": pair("512k", 50000, 250000),
        "a sample and its free at 30 frames": unwind.instructions(work, 30),
        "the same, with the heap at its peak": unwind.instructions(work, 30, peak=True),
        "churn, a pair in exact mode": pair("1", 20000, 80000),
        "a block grown to 1 MiB by realloc at 512k": pair("512k", 500, 2500, "realloc"),
        "top of 5,000 samples": callgrind.count([CLI, "top", "--symbolize=none", profile], top, work),
    }


with tempfile.TemporaryDirectory(prefix="heaptap-instructions") as work:
    got = figures(work)
if update:
    with open(kept_path, "w") as f:
        json.dump({"machine": machine, "figures": {k: round(v, 1) for k, v in got.items()}}, f, indent=1)
        f.write("\n")
    kept = json.load(open(kept_path))
bad = len(set(kept.get("figures", {})) ^ set(got))
if bad:
    print("FAIL kept.json has %s" % ", ".join(kept.get("figures", {})))
for name, value in got.items():
    was = kept["figures"].get(name, 0)
    off = value / was - 1 if was else 1
    bad += abs(off) > MARGIN
    print("%s %s: %.1f, kept %.1f (%+.2f %%)" % ("ok  " if abs(off) <= MARGIN else "FAIL", name, value, was, off * 100))
sys.exit(1 if bad else 0)
