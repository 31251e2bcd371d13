#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_stacks.py LIBRARY PROGRAM PLUGIN [FILTER]: the profile's stacks against libunwind's (stacks.c). FILTER (tests/doctor/filter.c):
on a kernel of before 5.14, where MADV_POPULATE_READ is EINVAL. Seen failing there without ht_page_readable (ht_ensure_readable)."""
import collections, os, re, subprocess, sys, tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pprof

library, program, plugin = (os.path.abspath(a) for a in sys.argv[1:4])
old = [os.path.abspath(sys.argv[4]), "28", "22", "22"] if sys.argv[4:] else []  # madvise, MADV_POPULATE_READ, EINVAL
if old and subprocess.run(old + ["/bin/true"]).returncode == 77:
    print("SKIP: no seccomp here")
    sys.exit(77)


def run(**settings):
    with tempfile.TemporaryDirectory() as d:
        env = dict(os.environ, LD_PRELOAD=library, HEAPTAP_OUTPUT=d + "/out.pb.gz",
                   **{"HEAPTAP_RATE": "1", "HEAPTAP_SECCOMP": "trust", **settings})
        env.pop("LD_BIND_NOW", None)
        r = subprocess.run(old + [program, plugin], env=env, capture_output=True, text=True, timeout=60)
        if r.returncode or r.stderr:
            sys.exit("%s: status %d: %s" % (settings, r.returncode, r.stderr))
        return r.stdout, pprof.Profile(d + "/out.pb.gz")


def hexes(list):
    return " ".join("%x" % a for a in list)


def compare(out, profile, all_sampled=True):
    by_size = collections.defaultdict(list)
    for s in profile.samples:
        by_size[s.size].append(s)
    whole = {tuple(s.addresses[2:]) for s in profile.samples}
    starts = {stack[:2] for stack in whole}
    counts, bad, missing = (collections.Counter() for _ in range(3))
    for line in out.splitlines():
        m = re.match(r"STACK (.*) (\d+) (equal|starts)((?: \w+)*)$", line)
        if not m:
            continue
        name, size, rule = m[1], int(m[2]), m[3]
        expected = [int(x, 16) for x in m[4].split()]
        found = by_size[size]
        counts[name] += 1
        # not every one is a sample
        if not found and not all_sampled:
            missing[name] += 1
            continue
        # one stack's many sizes become classes
        if not found and tuple(expected) in (whole if rule == "equal" else starts):
            continue
        # the allocating call itself and the call of allocate() are the two leaves
        if len(found) == 1:
            got = found[0].addresses[2:]
            if got == expected or (rule == "starts" and got[:len(expected)] == expected):
                continue
        bad[name] += 1
        if bad[name] <= 2:
            print("%s, size %d: expected\n  %s\ngot" % (name, size, hexes(expected)))
            for s in found:
                print("  " + hexes(s.addresses[2:]))
    for name in counts:
        print("%-36s %6d stacks, %d not sampled, %d wrong" %
              (name, counts[name], missing[name], bad[name]))
    print([c for c in profile.comments if ":" in c])
    if sum(counts.values()) - sum(missing.values()) < 1000:
        sys.exit("too few stacks: the program did not do what it should")
    if bad:
        sys.exit("%d stacks are wrong" % sum(bad.values()))


compare(*run())
# at this rate nine in ten are samples, and none is remembered by its words (exact mode's way)
compare(*run(HEAPTAP_RATE="4097"), all_sampled=False)
for way in "fp", "dwarf":
    out, profile = run(HEAPTAP_UNWIND=way)  # shorter stacks, but the program lives
    samples = sum(s.values[0] for s in profile.samples)
    if samples < out.count("STACK"):
        sys.exit("HEAPTAP_UNWIND=%s: only %d samples" % (way, samples))
