#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/memory.py: resident memory under the library at 512k less bare, paired; fixed, for each thread, and as a
share of the heap. Limits: 1 MiB fixed, 1 KiB a thread, 1 % of the heap. Exit 1 when one is exceeded."""
import os, statistics, subprocess, sys, tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("HEAPTAP_BUILD", os.path.join(ROOT, "build"))
PROGRAM = os.path.join(BUILD, "bench-memory")


def resident(threads, mib, work, preload):
    env = {k: v for k, v in os.environ.items() if not k.startswith("HEAPTAP_") and k != "LD_PRELOAD"}
    # One arena: glibc's own choice of arenas would vary by more than what is measured.
    env["MALLOC_ARENA_MAX"] = "1"
    if preload:
        env.update(LD_PRELOAD=os.path.join(BUILD, "libheaptap.so"), HEAPTAP_OUTPUT=work + "/p.pb.gz")
    return int(subprocess.run([PROGRAM, str(threads), str(mib)], env=env, check=True,
                              capture_output=True, text=True).stdout)


def more(threads, mib, work):
    return statistics.median(resident(threads, mib, work, True) - resident(threads, mib, work, False)
                             for _ in range(5))


with tempfile.TemporaryDirectory(prefix="heaptap-memory") as work:
    at = {n: more(n, 0, work) for n in (1, 100, 1000)}
    heap = more(1, 800, work)
for n, kib in at.items():
    print(f"{n} threads: {kib:.0f} KiB more than bare")
each = (at[1000] - at[1]) / 999
share = (heap - at[1]) / (800 * 1024) * 100
print(f"fixed {at[1]:.0f} KiB (limit 1024); a thread {each:.2f} KiB (limit 1); "
      f"of an 800 MiB heap {share:.2f} % (limit 1)")
sys.exit(at[1] > 1024 or each > 1 or share > 1)
