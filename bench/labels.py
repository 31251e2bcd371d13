#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What labels cost: instructions of a malloc and free of 100 bytes (callgrind), at 512k and in exact mode.

bench/labels.py [--check]

--check: exits 1 when labels that are not asked for cost anything, or the thread's name more than a tenth of a pair in exact mode. The
kernel's part is not in the figures: names are asked for once a second and thread, and what was published costs a call for each
page that it lies in."""
import os
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.abspath(os.environ.get("HEAPTAP_BUILD", os.path.join(ROOT, "build")))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import callgrind  # noqa: E402
from words import Words  # noqa: E402

line = Words(__doc__)
line.flag("--check")
check = line.parse_args().check
LOAD = os.path.join(BUILD, "bench", "bench-labels")
ROWS = [("none asked for", "", "plain"), ("none asked for, a scope for each pair", "", "scoped"), ("thread", "thread", "plain"),
        ("thread and route, none set", "thread,route", "plain"), ("thread and route, within one scope", "thread,route", "within"),
        ("thread and route, a scope for each pair", "thread,route", "scoped"), ("route and tenant, published", "route,tenant", "published")]


def pair(work, keys, way, rate):
    env = callgrind.environment(LD_PRELOAD=os.path.join(BUILD, "libheaptap.so"), HEAPTAP_RATE=rate, HEAPTAP_SEED="1",
                                HEAPTAP_OUTPUT=work + "/p.pb.gz", HEAPTAP_REGION_DIR=work + "/r", **({"HEAPTAP_LABELS": keys} if keys else {}))
    return callgrind.per_operation(LOAD, way, env, work, 5000, 25000)


got = {}
with tempfile.TemporaryDirectory(prefix="heaptap-labels") as work:
    print("| labels | 512k | exact |\n| --- | --- | --- |")
    for name, keys, way in ROWS:
        got[name] = [pair(work, keys, way, rate) for rate in ("512k", "1")]
        print("| %s | %.1f | %.1f |" % (name, *got[name]), flush=True)
off, thread = got["none asked for"], got["thread"]
bad = thread[0] - off[0] > 0.1 or thread[1] > 1.1 * off[1]
print("the thread's name: %+.2f instructions a pair at 512k, %+.1f %% in exact mode%s" %
      (thread[0] - off[0], 100 * (thread[1] / off[1] - 1), ": too much" if bad else ""))
sys.exit(1 if check and bad else 0)
