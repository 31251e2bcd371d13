#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Shows: check fails with evidence only, says what it cannot decide, and refuses what it cannot use; the
commands of docs/check.md work.

usage: test_check.py HEAPTAP ROOT"""
import os
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml

HEAPTAP, ROOT = map(os.path.abspath, sys.argv[1:3])
sys.path.insert(0, os.path.join(ROOT, "tests", "compat"))
import pprofgen  # noqa: E402

RATE = 524288
MB = 1 << 20


def run(*argv, **kw):
    return subprocess.run([HEAPTAP, "check"] + list(argv), capture_output=True, text=True, **kw)


class Check(unittest.TestCase):
    def setUp(self):
        d = tempfile.TemporaryDirectory(prefix="heaptap-check.")
        self.addCleanup(d.cleanup)
        self.dir = d.name
        self.path = self.profile("p", {"parse": 20, "cache": 200})

    def profile(self, name, sites, label=True):
        path = "%s/%s.pb.gz" % (self.dir, name)
        p = pprofgen.Profile()
        m = p.mapping(0x400000, 0x500000, 0, "/bin/app")
        main = p.location(m, 0x400001, [(p.function("main"), 1)])
        for i, (site, samples) in enumerate(sites.items()):
            l = p.location(m, 0x400100 + i, [(p.function(site, "/src/%s.c" % site), i + 2)])
            n = round(samples * RATE / 64)
            p.sample([l, main], [n, n * 64] * 2, [("bytes", 64, "bytes")] if label else [])
        p.write(path)
        return path

    def check(self, status, *argv):
        r = run(*argv)
        self.assertEqual(r.returncode, status, (argv, r.stdout, r.stderr))
        if status == 2:
            self.assertEqual((r.stdout, r.stderr.count("\n")), ("", 1), (argv, r.stderr))
        return r.stdout, r.stderr

    def test_budgets(self):
        """parse holds 10 MB of 20 samples: 6.1 to 15.4 MB with 95 %."""
        self.assertIn("holds ", self.check(0, "--max-inuse=parse:16M", self.path)[0])
        self.assertIn("BROKEN ", self.check(1, "--max-inuse=parse:5MB", self.path)[0])
        out, _ = self.check(0, "--max-inuse=parse:12M", self.path)
        self.assertRegex(out, r"^undecided max-inuse parse:12M: 10MB in use \(6\.\d+MB to 15\.\d+MB "
                              r"with 95 %\) cannot be told from 12MB: --rate=\d+k would tell\n$")
        self.assertIn("holds", self.check(0, "--max-inuse=^(parse|cache)$:150M", self.path)[0])
        self.assertIn("BROKEN", self.check(1, "--max-inuse=main:90M", self.path)[0])
        out, _ = self.check(1, "--max-total=90M", "--max-inuse=parse:16M", "--max-inuse=cache:50M", self.path)
        self.assertEqual([l.split()[0] for l in out.splitlines()], ["BROKEN", "holds", "BROKEN"])
        # 6.7 MB is below 90 %'s lower end of 6.6 only.
        self.check(0, "--confidence=99", "--max-inuse=parse:6M", self.path)
        self.check(1, "--confidence=90", "--max-inuse=parse:6500k", self.path)

    def test_growth(self):
        more = self.profile("more", {"parse": 60, "cache": 240})
        self.assertIn("BROKEN", self.check(1, "--fail-if-grew=5%", self.path, more)[0])
        self.assertIn("undecided", self.check(0, "--fail-if-grew=30%", self.path, more)[0])
        self.assertIn("holds", self.check(0, "--fail-if-grew=100%", self.path, more)[0])
        self.assertIn("undecided", self.check(0, "--fail-if-grew=5", self.path, self.path)[0])
        self.assertIn("holds", self.check(0, "--fail-if-grew=50%", self.path, self.path)[0])

    def test_suppressions(self):
        def file(text):
            with open(self.dir + "/s", "w") as f:
                f.write(text)
            return "--suppressions=" + self.dir + "/s"
        for text in ("leak:cache", "# known\n\nleak:^cac*e$\n", "leak:/src/cache", "stack:cache < main", "stack:^cache*main$",
                     "leak:cache \t\n", "leak:*cac*$", "leak:cache$ignored"):
            out, err = self.check(0, file(text), "--max-total=16M", self.path)
            self.assertIn("10MB in use", out)
            self.assertIn("1 sample is suppressed", err)
        for text in ("leak:^ache", "leak:cach$", "leak:cach$e", "stack:main < cache", "leak:[c]ache"):
            self.check(1, file(text), "--max-total=16M", self.path)
        for text in ("cache\n", "leak:\n"):
            self.assertIn("line 1", self.check(2, file(text), "--max-total=16M", self.path)[1])
        self.check(2, "--suppressions=" + self.dir + "/none", "--max-total=16M", self.path)

    def test_machines(self):
        out = self.dir + "/out.xml"
        budgets = ["--max-inuse=parse:5M", "--max-inuse=parse:12M", "--max-inuse=parse|<&\":16M"]
        self.check(1, "--junit=" + out, *budgets, self.path)
        suite = xml.parse(out).getroot()
        self.assertEqual((suite.get("tests"), suite.get("failures"), suite.get("skipped")), ("3", "1", "1"))
        cases = suite.findall("testcase")
        self.assertEqual([c[0].tag if len(c) else "" for c in cases], ["failure", "skipped", ""])
        self.assertEqual(cases[2].get("name"), 'max-inuse parse|<&":16M')
        text, _ = self.check(1, "--github", *budgets, self.path)
        self.assertEqual([l.split(" ")[0] for l in text.splitlines()], ["::error", "::warning"])
        self.assertIn("title=max-inuse parse%3A5M::", text)

    def test_unusable(self):
        bare = self.profile("bare", {"parse": 20}, label=False)
        unsampled, cpu = self.dir + "/unsampled.heap", self.dir + "/cpu.pb.gz"
        with open(unsampled, "w") as f:
            f.write("heap profile: 3: 300 [3: 300] @ heap_v2/0\n1: 100 [1: 100] @ 0x1\n2: 200 [2: 200] @ 0x2\n")
        p = pprofgen.Profile(types=(("samples", "count"), ("cpu", "nanoseconds")))
        p.sample([p.location(p.mapping(0x400000, 0x500000, 0, "/bin/app"), 0x400001)], [1, 100], [("bytes", 64, "bytes")])
        p.write(cpu)
        for argv in ((self.path,), ("--max-total=x", self.path), ("--max-total=", self.path), ("--max-total=16M",),
                     ("--max-inuse=parse", self.path), ("--max-inuse=:16M", self.path),
                     ("--max-inuse=parse:", self.path), ("--max-inuse=(:1M", self.path),
                     ("--max-inuse=nobody:1M", self.path), ("--max-total=16M", bare),
                     ("--max-total=16M", unsampled), ("--max-total=16M", cpu), ("--fail-if-grew=5%", cpu, cpu),
                     ("--max-total=16M", self.dir + "/none"), ("--confidence=0", "--max-total=16M", self.path),
                     ("--confidence=100", "--max-total=16M", self.path), ("--fail-if-grew=5%", self.path),
                     ("--fail-if-grew=x", self.path, self.path), ("--fail-if-grew=-1", self.path, self.path),
                     ("--fail-if-grew=5%", "--max-total=1G", self.path, self.path), ("--nonsense", self.path)):
            self.check(2, *argv)
        self.assertIn("holds", self.check(0, "--allow-missing", "--max-inuse=nobody:2M", self.path)[0])
        self.assertIn("undecided", self.check(0, "--allow-missing", "--max-inuse=nobody:1M", self.path)[0])

    def test_page(self):
        with open(os.path.join(ROOT, "docs", "check.md")) as f:
            blocks = re.findall(r"^```sh\n(.*?)^```$", f.read(), re.M | re.S)
        os.symlink(os.path.join(ROOT, "docs"), self.dir + "/docs")
        r = subprocess.run(["bash", "-ec", "".join(blocks)], cwd=self.dir, capture_output=True, text=True, timeout=60,
                           env=dict(os.environ, PATH=os.path.dirname(HEAPTAP) + ":" + os.environ["PATH"]))
        self.assertEqual(r.returncode, 0, r.stdout + r.stderr)
        self.assertEqual([l.split()[0] for l in r.stdout.splitlines()], ["holds", "holds", "BROKEN", "holds", "BROKEN", "holds"], r.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
