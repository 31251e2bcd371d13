#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Shows: the intervals of real runs cover what the program holds, site by site and in all.

usage: real_runs.py HEAPTAP LIBRARY [RUNS]
Prints how many of each site's intervals at 95 % cover its truth; exit 1 when fewer than promised by more than
four standard errors (seeds are the sampler's own, so that one run in ten thousand is allowed to fail)."""
import json
import math
import os
import subprocess
import sys
import tempfile

HEAPTAP, LIBRARY = map(os.path.abspath, sys.argv[1:3])
RUNS = int(sys.argv[3]) if len(sys.argv) > 3 else 60
PROGRAM = r"""
#include <stdlib.h>
static void *volatile keep;
#define SITE(name) __attribute__((noinline)) static void name(size_t size, int n, int freed) \
    { for (int i = 0; i < n; i++) { void *p = malloc(size); if (i < freed) free(p); else keep = p; } }
SITE(small) SITE(medium) SITE(rate) SITE(large) SITE(churn)
__attribute__((noinline)) static void mixed(int n)
{ for (int i = 0; i < n; i++) keep = malloc(64 + 977 * (size_t)(i % 101)); }
int main(void)
{
    small(64, 20000, 0); medium(5000, 200, 0); rate(65536, 12, 0); large(1 << 20, 8, 0);
    churn(1000, 3000, 2000); mixed(60);
    return 0;
}
"""
TRUTH = {"small": 64 * 20000, "medium": 5000 * 200, "rate": 65536 * 12, "large": 8 << 20, "churn": 10**6,
         "mixed": sum(64 + 977 * (i % 101) for i in range(60))}
TRUTH["main"] = sum(TRUTH.values())


def main():
    covered, listed = dict.fromkeys(TRUTH, 0), dict.fromkeys(TRUTH, 0)
    with tempfile.TemporaryDirectory(prefix="heaptap-real.") as d:
        with open(d + "/p.c", "w") as f:
            f.write(PROGRAM)
        subprocess.run(["gcc", "-O1", "-g", "-fno-inline", "-o", d + "/p", d + "/p.c"], check=True)
        env = dict(os.environ, LD_PRELOAD=LIBRARY, HEAPTAP_RATE="64k", HEAPTAP_OUTPUT=d + "/o.pb.gz", XDG_CACHE_HOME=d)
        for _ in range(RUNS):
            subprocess.run([d + "/p"], env=env, check=True)
            out = json.loads(subprocess.run([HEAPTAP, "top", "--json", "--trim=false", d + "/o.pb.gz"],
                                            capture_output=True, check=True, env=dict(os.environ, XDG_CACHE_HOME=d)).stdout)
            for row in out["rows"]:
                if row["name"] in TRUTH:
                    low, high = (row["%s_%s" % ("cum" if row["name"] == "main" else "flat", e)] for e in ("low", "high"))
                    listed[row["name"]] += 1
                    covered[row["name"]] += low <= TRUTH[row["name"]] * 1.0001 and TRUTH[row["name"]] * 0.9999 <= high
    bad = 0
    for name, n in listed.items():
        share, least = covered[name] / max(n, 1), 0.95 - 4 * math.sqrt(0.95 * 0.05 / max(n, 1))
        bad += n < RUNS * 0.5 or share < least
        print("%s%s: %.1f %% of %d" % ("FAIL " if share < least else "", name, 100 * share, n))
    total, of = sum(covered.values()), sum(listed.values())
    print("real runs: %.1f %% of %d intervals of %d runs cover the truth" % (100 * total / of, of, RUNS))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
