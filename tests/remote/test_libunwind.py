#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_libunwind.py BESIDE WAITS-O2 WAITS-O0: stacks of stopped threads by our rules and by libunwind, over the same copy and by its own ptrace."""
import os, subprocess, sys
import programs

beside, fast, slow = map(os.path.abspath, sys.argv[1:4])
failed = False
stage = programs.Stage()
try:
    started = [stage.says(stage.spawn(p, "places")).pid for p in (fast, slow)] + [stage.says(stage.spawn(fast, "many", "200")).pid]
    for pid in started + programs.python3(stage, None):
        r = subprocess.run([beside, str(pid), "2"], capture_output=True, text=True)
        print(r.stdout + r.stderr)
        failed = failed or r.returncode != 0
finally:
    stage.close()
sys.exit(failed)
