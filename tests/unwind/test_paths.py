#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""test_paths.py LIBRARY PROGRAM HEAPTAP: what paths.c counts, a profile of all its allocations must say, path by path, in exact
mode, at a rate at which nearly all is sampled, and by plain walks."""
import collections
import os
import re
import subprocess
import sys
import tempfile

LIBRARY, PROGRAM, HEAPTAP = sys.argv[1:]


def profiled(rate):
    """{path: objects}, the truth and the profile's."""
    with tempfile.TemporaryDirectory(prefix="heaptap-paths.") as tmp:
        out = os.path.join(tmp, "p.pb.gz")
        env = {k: v for k, v in os.environ.items() if not k.startswith("HEAPTAP_")}
        env.update(LD_PRELOAD=LIBRARY, HEAPTAP_RATE=rate, HEAPTAP_OUTPUT=out, HEAPTAP_REGION_DIR=tmp + "/r", HEAPTAP_SEED="7")
        os.mkdir(tmp + "/r", 0o700)
        said = subprocess.run([PROGRAM], env=env, capture_output=True, text=True, check=True).stdout
        text = subprocess.run([HEAPTAP, "traces", "-i", "alloc_objects", out], capture_output=True, text=True, check=True,
                              env=dict(os.environ, XDG_CACHE_HOME=tmp)).stdout
    truth, got = collections.Counter(), collections.Counter()
    for line in said.splitlines():
        count, *path = line.split()
        truth[tuple(path)] += int(count)
    for block in re.split(r"-+\+-+\n", text)[1:]:
        lines = [l for l in block.splitlines() if l.strip() and not re.match(r" *\w+: ", l)]
        if not lines:
            continue
        count, leaf = lines[0].split(None, 1)
        names = [leaf] + [l.strip() for l in lines[1:]]
        path = tuple(n for n in names if n.startswith("path_"))
        if path:
            got[path] += int(count)
    return truth, got


truth, got = profiled("1")
assert sum(truth.values()) >= 45000 and len(truth) > 10000, (sum(truth.values()), len(truth))
wrong = [(p, truth[p], got[p]) for p in truth.keys() | got.keys() if truth[p] != got[p]]
assert not wrong, "%d of %d paths differ, such as %r" % (len(wrong), len(truth), wrong[:3])
print("exact: %d allocations on %d paths" % (sum(truth.values()), len(truth)))

# Sampled stacks are not counted one by one, but there is none that was not there.
truth, got = profiled("5000")
assert len(got) > 200 and not got.keys() - truth.keys(), (len(got), list(got.keys() - truth.keys())[:3])
print("sampled: %d paths, all of them real" % len(got))
