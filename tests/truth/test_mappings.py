#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Holds mmap_objects and mmap_space against tests/truth/mappings.c, which maps, remaps, splits and unmaps at random: equal to the
byte at each site, in one thread, in four, with signal handlers that map, and in a forked child."""
import glob
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import pprof  # noqa: E402

BUILD = os.environ.get("HEAPTAP_BUILD", os.path.join(ROOT, "build"))
PROGRAM = os.path.join(BUILD, "tests", "truth", "mappings")
OPERATIONS = 34000  # three times


def by_site(path):
    """mmap_objects and mmap_space by the site_ function, and what other sites have."""
    p, names, sums = pprof.Profile(path), pprof.Names(PROGRAM), {}
    at = [t[0] for t in p.types].index("mmap_objects")
    for s in p.samples:
        found = [names.at(p.mapping[p.locations[i].mapping], p.locations[i].address) for i in s.locations]
        name = next((n for n in found if n.startswith("site_")), "elsewhere")
        t = sums.setdefault(name, [0, 0])
        t[0] += s.values[at]
        t[1] += s.values[at + 1]
    return p, sums


class Mappings(unittest.TestCase):
    def run_(self, seed, threads, mode, rate):
        """On a machine that is busy with others a thread may wait in vain for one that was preempted; then it says so."""
        for tries in range(3):
            if self.once(seed, threads, mode, rate, tries == 2):
                return

    def once(self, seed, threads, mode, rate, last):
        tmp = tempfile.TemporaryDirectory(prefix="heaptap-mappings.")
        self.addCleanup(tmp.cleanup)
        env = {k: v for k, v in os.environ.items() if not k.startswith("HEAPTAP_")}
        env.update(LD_PRELOAD=os.path.join(BUILD, "libheaptap.so"), HEAPTAP_RATE=rate, HEAPTAP_MMAP="1",
                   HEAPTAP_OUTPUT=os.path.join(tmp.name, "%p.pb.gz"))
        r = subprocess.run([PROGRAM, str(seed), str(threads), str(OPERATIONS // threads), mode], env=env, capture_output=True, text=True,
                           timeout=300)
        self.assertEqual((r.returncode, r.stderr), (0, ""))
        truth = {}
        for line in r.stdout.splitlines():
            pid, site, objects, size = line.split()
            if int(size):
                truth.setdefault(pid, {})[site] = [int(objects), int(size)]
        self.assertEqual(len(truth), 2 if mode == "fork" else 1)
        self.assertEqual(len(glob.glob(os.path.join(tmp.name, "*"))), len(truth))
        for pid, sites in truth.items():
            p, sums = by_site(os.path.join(tmp.name, pid + ".pb.gz"))
            lost = [c for c in p.comments if c.startswith("lost: ") and not c.startswith("lost: signal handler inside a hook: ")]
            if not last and lost and all(c.startswith("lost: table busy: ") for c in lost):
                return False
            self.assertEqual(lost, [])
            sums.pop("elsewhere", None) if mode == "signals" else None
            self.assertEqual({k: v for k, v in sums.items() if v != [0, 0]}, sites)
            self.assertEqual(pprof.check(p, mappings=True), [])
            self.assertGreater(sum(v[0] for v in sites.values()), 100)
        return True

    def test_one_thread(self):
        self.run_(1, 1, "plain", "1")

    def test_threads(self):
        self.run_(3, 4, "plain", "512k")

    def test_signals(self):
        self.run_(5, 4, "signals", "1")

    def test_fork(self):
        self.run_(6, 1, "fork", "512k")
        self.run_(7, 1, "fork", "1")


if __name__ == "__main__":
    unittest.main()
