#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each runner of a suite or a measurement refuses an option, or a word, that it does not know with one line and exit status 2, and
none begins to measure, build or install first; each explains itself. Seen failing: tests/soak/run.py of before words.py ended in a
traceback, and bench/memory.py measured; bench/serve.py compiled its target, and bench/reader.py made a profile, for a wrong word;
tests/foreign/matrix installed packages; the mutants refused --help."""
import glob
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.chdir(ROOT)
sys.path.insert(0, os.path.join(ROOT, "bench"))
from table import figures  # noqa: E402

runners = ["quickstart", ".ci/run", "bench/run", "tests/run", "tests/fresh", "tests/loaded", "tests/foreign/matrix", "packaging/deb",
           "packaging/portable", "packaging/rpm"] + glob.glob("tests/*/mutants") + glob.glob("tests/*/run")
runners += ["tests/remote/against_gdb", "tests/remote/against_perf", "tests/remote/undisturbed"]
runners += glob.glob("bench/*.py") + ["tests/%s.py" % name for name in (
    "calls/run", "compat/allocators", "compat/compat", "foreign/compare_test", "foreign/page", "inject/inject",
    "instructions/run", "soak/run")]
HERE = "LICENSE"  # a file that is there
# Words that are none, where a first one is good or is not taken.
WRONG = [("bench/run", "scaling", "nonsense"), ("bench/run", "--rounds=0"), ("bench/serve.py", "nowhere"), ("bench/serve.py", "--clients=0", "."),
         ("bench/serve.py", "tests"), ("bench/serve.py", "--seconds=soon", "."), ("bench/symbolize.py", "nowhere"),
         ("bench/symbolize.py", HERE, HERE), ("bench/symbolize.py", HERE, "nowhere/below"), ("bench/reader.py", "nonsense"),
         ("bench/reader.py", "top", "nonsense"), ("tests/foreign/matrix", "nonsense"), ("tests/foreign/matrix", "--rates=2M"),
         ("tests/foreign/run", "sqlite", "nonsense"), ("tests/hazards/run", "h01", "nonsense"), ("tests/hazards/mutants", "h01", "nonsense"),
         ("tests/tables/mutants", "nonsense"), ("tests/calls/mutants", "nonsense"), ("tests/layers/mutants", "nonsense"), ("tests/layers/run", "nonsense"),
         ("tests/style/mutants", "nonsense"), ("tests/style/run", "nonsense"), ("tests/calls/run.py", "nowhere"),
         ("tests/compat/compat.py", "nowhere"), ("tests/compat/allocators.py", HERE, "nowhere"),
         ("tests/soak/run.py", HERE, HERE, HERE, "long"), ("tests/inject/inject.py", "nowhere", HERE), ("tests/truth/run", "--seeds=0"),
         ("tests/run", "nonsense"), ("tests/fresh", "nonsense"), ("tests/loaded", "nonsense"), ("tests/loaded", "3", "4", "unit"),
         ("tests/fresh", "--only=nonsense", "sid"), ("tests/golden/run", "nonsense"), ("tests/sanitize/run", "nonsense")]
failed = 0


def run(path, *words):
    return subprocess.run(([sys.executable] if path.endswith(".py") else []) + ["./" + path, *words], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60)


def check(what, good, r):
    global failed
    if not good:
        failed += 1
        print("FAIL %s: exit %d, %r" % (what, r.returncode, (r.stdout + r.stderr)[-500:]))


def refused(path, *words):
    r = run(path, *words)
    check(" ".join((path,) + words), r.returncode == 2 and not r.stdout and r.stderr.count("\n") == 1, r)


for path in sorted(runners):
    refused(path, "--foo")
    r = run(path, "--help")
    check(path + " --help", r.returncode == 0 and os.path.basename(path).split(".")[0] in r.stdout and not r.stderr, r)
for case in WRONG:
    refused(*case)
said = run("bench/run", "--help")
for name, about, _ in figures.GROUPS:
    check("bench/run --help names " + name, "  %s " % name in said.stdout and about in said.stdout, said)
    check("a name to read: " + name, name.isalpha() and name.islower(), said)
    r = run("bench/run", name, "nonsense")
    check("bench/run knows " + name, r.returncode == 2 and name not in r.stderr.replace("bench/run", ""), r)
print("%d runners, %d wrong words, %d failed" % (len(runners), len(WRONG), failed))
sys.exit(1 if failed else 0)
