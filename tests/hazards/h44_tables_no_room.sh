#!/bin/bash
# SPDX-License-Identifier: MIT
# only: glibc
# Hazard 44: memory is out when our tables are made at the first sample: their nodes have room, the arrays of the live table do not.
# Shows: whatever there is room for (0 to 512 KiB), what is counted is what was allocated, 60 MB, or less; nothing is counted twice, and the program has its blocks.
# Seen failing without "an array of one head" (mutants): 2,048 samples lost, and as many of 512 KiB in the totals, 1 GB in all.
exec python3 - <<'P'
import os, subprocess, sys
sys.dont_write_bytecode = True
sys.path.insert(0, os.environ["H_LIB"])
import pprof
tmp, bad = os.environ["H_TMP"], 0
profile = os.path.join(tmp, "p.pb.gz")
env = dict(os.environ, LD_PRELOAD=os.environ["H_LIBRARY"], HEAPTAP_RATE="512k", HEAPTAP_OUTPUT=profile, HEAPTAP_REGION_DIR=tmp + "/regions")
for room in range(0, 513, 16):
    if os.path.exists(profile):
        os.unlink(profile)
    r = subprocess.run([os.environ["H_PROGRAMS"] + "/h44_room", str(room)], env=env, capture_output=True, text=True, timeout=100)
    if r.returncode:
        bad += 1
        print("%d KiB: exit %d, %r" % (room, r.returncode, r.stderr))
    elif os.path.exists(profile):
        space = pprof.Profile(profile).totals()[1]
        if space > 120e6: # 60 MB are 114 samples: ten standard deviations
            bad += 1
            print("%d KiB: %.0f MB counted of 60" % (room, space / 1e6))
sys.exit(bad != 0)
P
