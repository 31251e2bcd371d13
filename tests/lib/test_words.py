#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each runner of a suite or a measurement refuses an option that it does not know with one line and exit status 2, and
none begins to measure first. Seen failing: tests/soak/run.py of before words.py ended in a traceback, and
bench/memory.py measured. tests/foreign/matrix installs packages first and is left out."""
import glob
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.chdir(ROOT)
runners = ["quickstart", ".ci/run", "bench/run"] + glob.glob("tests/*/mutants") + glob.glob("tests/*/run") + ["tests/run"]
runners += glob.glob("bench/*.py") + ["tests/%s.py" % name for name in (
    "calls/run", "compat/allocators", "compat/compat", "foreign/compare_test", "foreign/page", "inject/inject",
    "instructions/run", "soak/run")]
failed = 0
for path in sorted(runners):
    r = subprocess.run(([sys.executable] if path.endswith(".py") else []) + ["./" + path, "--foo"], stdin=subprocess.DEVNULL,
                       capture_output=True, text=True, timeout=60)
    if r.returncode != 2 or r.stdout.count("\n") + r.stderr.count("\n") != 1:
        failed += 1
        print("FAIL %s --foo: exit %d, %r" % (path, r.returncode, (r.stdout + r.stderr)[-500:]))
print("%d runners, %d failed" % (len(runners), failed))
sys.exit(1 if failed else 0)
