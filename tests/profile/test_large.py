#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Large profiles and many: the memory that a report needs of a sample, and merge of many files.

usage: test_large.py HEAPTAP BENCH-PROFILES"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HEAPTAP, GENERATE = (os.path.abspath(word) for word in sys.argv[1:3])


class Large(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="heaptap-large.")
        self.addCleanup(shutil.rmtree, self.dir)

    def make(self, name, *words):
        path = os.path.join(self.dir, name)
        with open(path, "wb") as out:
            subprocess.run([GENERATE, *map(str, words)], stdout=out, check=True)
        return path

    def memory(self, *words):
        """KiB that the command had at most."""
        child = subprocess.Popen([HEAPTAP, *words], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(child.returncode, 0, words)
        return usage.ru_maxrss

    def grown(self, words, small, large, samples):
        """Bytes a sample, between two profiles that are else alike."""
        return (self.memory(*words, large) - self.memory(*words, small)) * 1024 / samples

    def test_a_report_keeps_equal_stacks_once(self):
        small, large = self.make("s.pb.gz", 50000, 8), self.make("l.pb.gz", 450000, 8)
        for words in (["top", "--symbolize=none"], ["tree", "--symbolize=none"]):
            self.assertLess(self.grown(words, small, large, 400000), 180, words)

    def test_merge_and_flame_keep_nothing_beside_it(self):
        """Seen failing: merge with 190 bytes a sample, while it held a model of the source and the sum."""
        small, large = self.make("s.pb.gz", 50000, 8), self.make("l.pb.gz", 450000, 8)
        for words in (["merge"], ["flame", "--symbolize=none"]):
            self.assertLess(self.grown([*words, "-o", os.path.join(self.dir, "out")], small, large, 400000), 150, words)

    def test_merge_needs_no_more_for_more_files(self):
        one = self.make("one.pb.gz", 2000, 8)
        out = os.path.join(self.dir, "out.pb.gz")
        few = self.memory("merge", "-o", out, *[one] * 10)
        many = self.memory("merge", "-o", out, *[one] * 200)
        self.assertLess(many, few + 1024)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
