#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run.py LIBRARY SOAK PLUGIN [SECONDS]: the soak at 512k, 4k and exact, a third of the time each. Half
an hour: tests/soak/run.py build/libheaptap.so build/tests/soak/soak build/tests/soak/libsoak-plugin.so 1800"""
import json, os, subprocess, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import pprof

lib, soak, plugin = sys.argv[1:4]
seconds = int(sys.argv[4]) if len(sys.argv) > 4 else 45
bad = []


def site_totals(path, program):
    """[alloc_objects, alloc_bytes, inuse_objects, inuse_bytes] of the stacks whose leaf is in site()."""
    out = subprocess.run(["nm", "-S", program], capture_output=True, text=True).stdout
    start, size = next((int(l.split()[0], 16), int(l.split()[1], 16)) for l in out.splitlines()
                       if l.endswith(" site"))
    p = pprof.Profile(path)
    total = [0] * 4
    for sample in p.samples:
        leaf = p.locations[sample.locations[0]]
        m = p.mapping.get(leaf.mapping)
        # The text segment of the program lies at its own offset in the file.
        if m and os.path.basename(m.path) == os.path.basename(program) and \
                start <= leaf.address - m.start + m.offset < start + size:
            total = [a + b for a, b in zip(total, sample.values)]
    return total


for rate in ("512k", "4k", "1"):
    with tempfile.TemporaryDirectory(prefix="heaptap-soak") as work:
        env = {k: v for k, v in os.environ.items() if not k.startswith("HEAPTAP_")}
        env.update(LD_PRELOAD=lib, HEAPTAP_RATE=rate, HEAPTAP_OUTPUT=work + "/p.%p.pb.gz",
                   HEAPTAP_REGION_DIR=work + "/regions")
        r = subprocess.Popen([soak, str(seconds // 3), plugin], env=env, stdout=subprocess.PIPE)
        out = r.communicate(timeout=seconds + 120)[0]
        if r.returncode:
            bad.append(f"{rate}: exit {r.returncode}: {out!r}")
            continue
        truth = json.loads(out)
        print(rate, out.decode().strip())
        if truth["end_kib"] > truth["third_kib"] * 1.15 + 2048:
            bad.append(f"{rate}: memory grew from {truth['third_kib']} to {truth['end_kib']} KiB")
        if truth["pair_after"] > truth["pair_before"] * 1.5 + 20:
            bad.append(f"{rate}: a pair went from {truth['pair_before']} to {truth['pair_after']} ns")
        got = site_totals(f"{work}/p.{r.pid}.pb.gz", soak)
        print(rate, "profile of site():", got)
        error = abs(got[1] / truth["bytes"] - 1) if truth["bytes"] else 1
        # 512 KiB: one sample in so many bytes; six standard errors.
        limit = {"512k": 6 / max(1, truth["bytes"] / 524288) ** .5,
                 "4k": 6 / max(1, truth["bytes"] / 4096) ** .5, "1": 0}[rate]
        if error > limit:
            bad.append(f"{rate}: {got[1]} bytes of {truth['bytes']}: off by {error:.2e}, limit {limit:.2e}")
        if rate == "1" and got != [truth["objects"], truth["bytes"], 0, 0]:
            bad.append(f"exact: {got}, truth {truth['objects']} {truth['bytes']} 0 0")
for line in bad:
    print("FAIL", line)
sys.exit(1 if bad else 0)
