#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Children that are forked alike are sampled independently of each other, on the thread that forked and on new ones.

Each child allocates the same, so each profile's number of samples has the same binomial law. Of 64 independent ones the sum lies within five
standard errors of what is expected, and so does their variance; children that draw the same numbers have a variance of 0.
"""
import math
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import pprof  # noqa: E402

BUILD = os.environ["HEAPTAP_BUILD"]
CHILDREN, BLOCKS, SIZE, RATE = 64, 512, 4096, 64 << 10
SIBLINGS = os.path.join(BUILD, "tests", "truth", "siblings")


def counts(words, seed):
    """How many samples each child has."""
    weight = -1 / math.expm1(-(SIZE + 1) / RATE)
    names, out = pprof.Names(SIBLINGS), []
    with tempfile.TemporaryDirectory(prefix="heaptap-siblings-") as folder:
        env = {k: v for k, v in os.environ.items() if not k.startswith("HEAPTAP_") and k != "LD_PRELOAD"}
        env.update(LD_PRELOAD=os.path.join(BUILD, "libheaptap.so"), HEAPTAP_RATE=str(RATE), HEAPTAP_SEED=str(seed),
                   HEAPTAP_OUTPUT=os.path.join(folder, "%p.pb.gz"))
        with subprocess.Popen([SIBLINGS, str(CHILDREN), str(BLOCKS), str(SIZE)] + words, env=env) as p:
            if p.wait() != 0:
                sys.exit("FAIL siblings: exit %d" % p.returncode)
            parent = "%d.pb.gz" % p.pid
        for f in sorted(os.listdir(folder)):
            if f == parent:
                continue
            profile = pprof.Profile(os.path.join(folder, f))
            at = {l.id for l in profile.locations.values() if names.at(profile.mapping[l.mapping], l.address) == "site"
                  and os.path.basename(profile.mapping[l.mapping].path) == "siblings"}
            out.append(round(sum(s.values[0] for s in profile.samples if at & set(s.locations)) / weight))
    return out + [0] * (CHILDREN - len(out))  # one without a sample writes no profile


bad = 0
for words in ([], ["threads"]):
    p = -math.expm1(-(SIZE + 1) / RATE)
    mean, var = BLOCKS * p, BLOCKS * p * (1 - p)
    seen = counts(words, 7)
    z = (sum(seen) - CHILDREN * mean) / math.sqrt(CHILDREN * var)
    own = sum(seen) / len(seen)
    spread = sum((n - own) ** 2 for n in seen) / var
    z_spread = (spread - CHILDREN + 1) / math.sqrt(CHILDREN * (2 + (1 - 6 * p * (1 - p)) / (BLOCKS * p * (1 - p))))
    ok = len(seen) == CHILDREN and abs(z) < 5 and abs(z_spread) < 5
    bad += not ok
    print("%s siblings%s: %d children, %d samples, z %.2f; spread %.1f, z %.2f" % ("ok  " if ok else "FAIL", " " + words[0] if words else "", len(seen),
                                                                                  sum(seen), z, spread, z_spread))
sys.exit(bad != 0)
