#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Shows: reports say how sure their figures are, in text and JSON; without --intervals they do not
change; what has no intervals says why in a line; profiles as Go and tcmalloc write them have them too.

usage: test_reports.py HEAPTAP"""
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import unittest

HEAPTAP = os.path.abspath(sys.argv[1])
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "compat"))
import pprofgen  # noqa: E402

RATE = 524288


def run(*argv):
    return subprocess.run([HEAPTAP] + list(argv), capture_output=True, text=True)


def chance(size, one):
    return -math.expm1(-(size + one) / RATE)

PROGRAM = """#include <stdlib.h>
static void *volatile keep;
int main(int argc, char **argv)
{
    for (int n = atoi(argv[1]), size = atoi(argv[2]); argc > 2 && n > 0; n--)
        keep = malloc((size_t)size);
    return 0;
}
"""


class Intervals(unittest.TestCase):
    def setUp(self):
        d = tempfile.TemporaryDirectory(prefix="heaptap-evidence.")
        self.addCleanup(d.cleanup)
        self.dir = d.name
        self.ours, self.go = (self.profile(n, c) for n, c in (("ours", ["heaptap 0.1.0"]), ("go", [])))

    def profile(self, name, comments=(), label=True, types=None, sites=None):
        """Sites of so many sampled objects of a size."""
        path = "%s/%s.pb.gz" % (self.dir, name)
        p = pprofgen.Profile(**({"types": types} if types else {}))
        m = p.mapping(0x400000, 0x500000, 0, "/bin/app")
        one = 1 if "heaptap 0.1.0" in comments else 0
        main = p.location(m, 0x400001, [(p.function("main"), 1)])
        for i, (site, size, samples) in enumerate(sites or (("many", 64, 100), ("few", 48, 4),
                                                            ("once", 64, 1), ("large", 1 << 26, 10))):
            l = p.location(m, 0x400100 + i, [(p.function(site, "/src/app.c"), i + 2)])
            n, b = samples / chance(size, one), samples * size / chance(size, one)
            values = [round(n), round(b)] * (2 if not types else 1)
            p.sample([l, main], values, [("bytes", size, "bytes")] if label else [])
        p.write(path, comments=comments)
        return path

    def rows(self, *argv):
        r = run(*argv, "--json", "--trim=false", "--symbolize=none")
        self.assertEqual(r.returncode, 0, r.stderr)
        out = json.loads(r.stdout)
        return out, {row["name"]: row for row in out["rows"]}

    def test_json(self):
        for path, one in (self.ours, 1), (self.go, 0):
            out, rows = self.rows("top", path)
            self.assertEqual((out["confidence"], out["samples"]), (0.95, 115))
            self.assertEqual(out["unlisted_below"], round(-math.log(0.05) * RATE))
            unit = 64 / chance(64, one)
            many, few, once, large = (rows[n] for n in ("many", "few", "once", "large"))
            self.assertEqual([r["samples"] for r in (many, few, once, large)], [100, 4, 1, 10])
            # Garwood's limits of 100 and, one more sample being of the rate, of 4 and of 1.
            self.assertAlmostEqual(many["flat_low"] / unit, 81.364, delta=0.05)
            self.assertAlmostEqual(many["flat_high"] / unit, 121.63, delta=0.05)
            self.assertAlmostEqual(few["flat_low"] / RATE, 1.0899, delta=0.03)
            self.assertAlmostEqual(few["flat_high"] / RATE, 10.242, delta=0.25)
            self.assertAlmostEqual(once["flat_high"] / RATE, 5.572, delta=0.1)
            self.assertEqual((large["flat_low"], large["flat_high"]), (10 << 26, 10 << 26))
            total = sum(r["flat"] for r in (many, few, once, large))
            self.assertEqual(rows["main"]["cum"], total)
            self.assertTrue(10 << 26 < rows["main"]["cum_low"] < total < rows["main"]["cum_high"])
            self.assertNotIn("flat_low", rows["main"])
            for row in rows.values():
                self.assertTrue(row.get("flat_low", 0) <= row["flat"] <= row.get("flat_high", 1 << 60))

    def test_confidence(self):
        widths = []
        for c in "90", "95", "99":
            row = self.rows("top", "--confidence=" + c, self.ours)[1]["many"]
            widths.append(row["flat_high"] - row["flat_low"])
        self.assertTrue(widths[0] < widths[1] < widths[2], widths)
        for c in "0", "100", "95.5", "x", "-1", "1e9":
            r = run("top", "--confidence=" + c, self.ours)
            self.assertEqual((r.returncode, r.stdout, r.stderr.count("\n")), (2, "", 1), r.stderr)

    def test_text(self):
        text = run("top", "--intervals", "--trim=false", self.ours, "--symbolize=none").stdout
        self.assertIn("\n115 samples; a site that holds less than 1.50MB may not be listed (95 %)\n", text)
        row = {l.split()[-1]: l for l in text.splitlines() if "%" in l}
        self.assertRegex(row["many"], r"^ *[\d.]+MB \u00b12[12]% +[\d.]+%")
        self.assertRegex(row["few"], r"^ *[\d.]+MB \([\d.]+\u2013[\d.]+\) +[\d.]+%")
        self.assertRegex(row["large"], r"^ *640MB +[\d.]+% ")
        column = row["many"].index("\u00b1")
        self.assertEqual(row["few"].index("("), column)
        for report in (["tree"], ["peek", "many"], ["tags"], ["top", "--sizes"], ["list", "many"]):
            r = run(*report, "--intervals", self.ours, "--symbolize=none")
            self.assertIn("\u00b1", r.stdout, r.stderr)
        r = run("top", "--intervals", "-i", "inuse_objects", self.ours, "--symbolize=none")
        self.assertIn("\u00b1", r.stdout)

    def test_off_by_default(self):
        for report in (["top"], ["tree"], ["peek", "many"], ["tags"], ["top", "--sizes"], ["list", "many"]):
            r = run(*report, self.ours, "--symbolize=none")
            self.assertFalse(re.search("\u00b1|may not be listed", r.stdout), r.stdout)
            self.assertEqual(run(*report, "--intervals=false", self.ours, "--symbolize=none").stdout, r.stdout)

    def test_json_everywhere(self):
        for report in (["tree"], ["peek", "many"], ["tags"], ["top", "--sizes"], ["list", "many"], ["dot"]):
            r = run(*report, "--json", self.ours, "--symbolize=none")
            self.assertTrue(re.search(r'"(flat|weight|space)_low"', r.stdout), (report, r.stdout))

    def test_none(self):
        no_label = self.profile("no-label", label=False)
        cpu = self.profile("cpu", types=(("samples", "count"), ("cpu", "nanoseconds")))
        for path, why in ((no_label, 'label "bytes"'), (cpu, "neither a heap")):
            r = run("top", "--intervals", path, "--symbolize=none")
            self.assertEqual(r.returncode, 0)
            line = [l for l in r.stdout.splitlines() if l.startswith("No intervals: ")]
            self.assertEqual(len(line), 1, r.stdout)
            self.assertIn(why, line[0])
            self.assertNotIn("\u00b1", r.stdout)
            out, rows = self.rows("top", path)
            self.assertIn(why, out["no_intervals"])
            self.assertFalse([k for row in rows.values() for k in row if k.endswith("_low")])
        text = "heap profile: 3: 300 [3: 300] @ heapprofile\n1: 100 [1: 100] @ 0x1\n2: 200 [2: 200] @ 0x2\n"
        with open(self.dir + "/exact.heap", "w") as f:
            f.write(text)
        r = run("top", "--intervals", self.dir + "/exact.heap")
        self.assertIn("No intervals: every allocation was recorded\n", r.stdout)
        with open(self.dir + "/none.heap", "w") as f:
            f.write(text.replace("heapprofile", "heap_v2/0"))
        r = run("top", "--intervals", self.dir + "/none.heap")
        self.assertIn("No intervals: the profile does not say how many bytes", r.stdout)
        r = run("top", "--intervals", "--mean", self.ours, "--symbolize=none")
        self.assertIn("No intervals: a mean has none", r.stdout)

    def advice(self, rate, n, size):
        """What run says last of n objects of one size, and its profile."""
        out = "%s/%s-%d-%d.pb.gz" % (self.dir, rate, n, size)
        if not os.path.exists(self.dir + "/p"):
            with open(self.dir + "/p.c", "w") as f:
                f.write(PROGRAM)
            subprocess.run(["gcc", "-O1", "-g", "-fno-builtin", "-o", self.dir + "/p", self.dir + "/p.c"], check=True)
        r = run("run", "--rate=" + rate, "-o", out, "--", self.dir + "/p", str(n), str(size))
        self.assertEqual(r.returncode, 0, r.stderr)
        return re.findall("^For \u00b110% of main: --(.*)$", r.stderr, re.M), out, r.stderr

    def test_advice(self):
        """run names the largest halved rate that brings its first site within 10 %, and none where that is so."""
        words, out, text = self.advice("512k", 400000, 64)
        self.assertEqual(len(words), 1, text)
        advised = int(re.fullmatch(r"rate=(\d+)k?", words[0])[1]) * (1024 if words[0].endswith("k") else 1)
        held = self.rows("top", "-i", "alloc_space", out)[1]["main"]["flat"]
        margin = [1.96 * math.sqrt(64 * (1 - p) / p / held) for p in (-math.expm1(-65 / r) for r in (advised, advised * 2))]
        self.assertTrue(margin[0] <= 0.1001 and 0.0999 < margin[1], (advised, held, margin))
        # The rate it says does it: 400 samples and more are within 10 % by 1.96 / sqrt(n).
        self.assertEqual(self.advice("4k", 400000, 64)[0], [])
        self.assertEqual(self.advice("4", 40, 1)[0], ["exact"])
        for rate, n, size in ("1", 400, 64), ("512k", 10, 1 << 26):
            words, out, text = self.advice(rate, n, size)
            self.assertIn("main", text)
            self.assertEqual(words, [], text)

    def test_difference(self):
        out, rows = self.rows("top", "--base=" + self.profile(
            "old", ["heaptap 0.1.0"], sites=(("many", 80, 40), ("gone", 64, 30))), self.ours)
        self.assertTrue(rows["gone"]["flat"] < 0 and
                        rows["gone"]["flat_low"] < rows["gone"]["flat"] < rows["gone"]["flat_high"] < 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
