#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_churn.py LIBRARY PROGRAM PLUGIN...: while libraries come and go, with and without our knowing, and other threads take
samples, each library's samples are in its own file, and none of the program's own frames loses its module."""
import os, subprocess, sys, tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pprof

library, program, *plugins = map(os.path.abspath, sys.argv[1:])
with tempfile.TemporaryDirectory() as work:
    out = work + "/out.pb.gz"
    env = dict(os.environ, LD_PRELOAD=library, HEAPTAP_RATE="1", HEAPTAP_OUTPUT=out)
    r = subprocess.run([program] + plugins, env=env, capture_output=True, text=True, timeout=100)
    if r.returncode or r.stderr:
        sys.exit("status %d %s" % (r.returncode, r.stderr))
    samples = pprof.Profile(out).samples
failed = []
for line in r.stdout.splitlines():
    path, size, times = line.rsplit(" ", 2)
    found = [s for s in samples if s.size == int(size)]
    count = sum(s.values[0] for s in found)
    elsewhere = {m.path for s in found for m in s.mappings[:1] if m and m.path != os.path.realpath(path)}
    if count != int(times) or elsewhere or any(not s.mappings[0] for s in found):
        failed.append("%s: %d samples of %s, and %s" % (os.path.basename(path), count, times, elsewhere or "some in no file"))
own = [s for s in samples if s.size == 100]
unknown = sum(s.values[0] for s in own if not s.mappings[0] or s.mappings[0].path != os.path.realpath(program))
if not own or unknown:
    failed.append("%d of the threads' samples are not in the program" % unknown)
print("%d samples of the threads, %d files" % (sum(s.values[0] for s in own), len(r.stdout.splitlines())))
for f in failed:
    print("FAIL", f)
sys.exit(bool(failed))
