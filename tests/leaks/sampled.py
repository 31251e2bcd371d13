#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""sampled.py [--seeds=N] HEAPTAP LIBRARY HEAPS: what `heaptap leaks` estimates of a sampled process, over N seeds (200), against the truth.

Of each site the error over the estimator's own standard deviation must have mean 0 and variance 1, and the 95 % intervals must hold the truth as
often as they say. 1,024 bytes from sample to sample."""
import concurrent.futures
import json
import math
import os
import subprocess
import sys
import tempfile

SEEDS, RATE, TIMES = 200, 1024, 200
args = sys.argv[1:]
if args and args[0].startswith("--seeds="):
    SEEDS = int(args.pop(0)[8:])
HEAPTAP, LIBRARY, HEAPS = (os.path.abspath(a) for a in args)
DIR = tempfile.mkdtemp(prefix="heaptap-leaks-")
# By site and grade: the blocks that nothing points to, which are all of a site's and the head of each structure; and those that only these lead to.
# Of a circle the block with the lowest address is the head.
HEADS = {"lost_plain": [100 + 16 * i for i in range(20)], "lost_self": [48], "lost_list": [48], "lost_tree": [64], "lost_cycle": [40], "lost_hash": [256],
         "lost_ring": [128], "lost_sizes": [64]}
BELOW = {"lost_list": [48] * 9, "lost_tree": [64] * 62, "lost_cycle": [40] * 6, "lost_hash": [72, 24] * 64, "lost_ring": [200] * 13}  # not lost_sizes: of blocks that are all sampled one that an old pointer hides is many deviations
SIZES = {(name, grade): sizes for grade, of in (("unreferenced", HEADS), ("unreachable", BELOW)) for name, sizes in of.items()}


def one(seed):
    env = dict(os.environ, LD_PRELOAD=LIBRARY, HEAPTAP_RATE=str(RATE), HEAPTAP_SEED=str(seed + 1), HEAPTAP_OUTPUT="%s/%d.pb.gz" % (DIR, seed))
    p = subprocess.Popen([HEAPS, str(TIMES)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
    while p.stdout.readline() not in ("ready\n", ""):
        pass
    r = subprocess.run([HEAPTAP, "leaks", "--json", "--fast", "--every=0", "--budget=0", str(p.pid)], capture_output=True, text=True)
    p.stdin.close()
    p.wait()
    out = json.loads(r.stdout)
    if not out["unreachable_told"]:
        sys.exit("sampled: glibc's heap was not walked: %s" % out["not_told_because"])
    return {(s["site"], s["leak"]): s for s in out["sites"]}


with concurrent.futures.ThreadPoolExecutor(4) as pool:
    runs = list(pool.map(one, range(SEEDS)))
zs, held, looked, wrong = [], 0, 0, []
for name, sizes in SIZES.items():
    p = {a: 1 - math.exp(-(a + 1) / RATE) for a in sizes}
    truth = TIMES * sum(sizes)
    deviation = math.sqrt(sum(TIMES * a * a * (1 - p[a]) / p[a] for a in sizes))
    z = [(r[name]["bytes"] if name in r else 0) - truth for r in runs]
    z = [e / deviation for e in z]
    within = sum(r[name]["bytes_low"] <= truth <= r[name]["bytes_high"] for r in runs if name in r)
    zs += z
    held += within
    looked += SEEDS
    mean = sum(z) / SEEDS
    print("%-12s %-12s %8d bytes; z: mean %+.3f, variance %.3f; within the interval: %.1f %%"
          % (*name, truth, mean, sum((x - mean) ** 2 for x in z) / max(1, SEEDS - 1), 100 * within / SEEDS))
wrong = sorted({n for r in runs for n in r if n[0].startswith("kept_")})
mean = sum(zs) / len(zs)
variance = sum((x - mean) ** 2 for x in zs) / (len(zs) - 1)
# Five standard errors.
far_mean, far_variance = max(0.2, 5 / math.sqrt(len(zs))), max(0.3, 5 * math.sqrt(2 / len(zs)))
least = 0.95 - 5 * math.sqrt(0.95 * 0.05 / looked)
print("all: %d z-scores: mean %+.3f (within %.2f), variance %.3f (1 within %.2f); intervals hold %.1f %% (at least %.1f); called leaked and reachable: %s"
      % (len(zs), mean, far_mean, variance, far_variance, 100 * held / looked, 100 * least, wrong or "none"))
sys.exit(abs(mean) > far_mean or abs(variance - 1) > far_variance or held / looked < least or bool(wrong))
