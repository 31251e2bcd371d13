#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Shows: the page's intervals and verdicts are those of the reports, for profiles of one process and of two.

usage: test_page.py HEAPTAP ROOT"""
import json
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

HEAPTAP, ROOT = map(os.path.abspath, sys.argv[1:3])
sys.path.insert(0, os.path.join(ROOT, "tests", "compat"))
import pprofgen  # noqa: E402

RATE = 524288
SIZES = [16, 64, 300, 4096, 60000, 300000, RATE, 700000, 900000, 4 << 20]
OURS = ["heaptap 0.1.0", "pid: 77"]
VERDICTS = {"grew": 1, "shrank": -1}


class Page(unittest.TestCase):
    def setUp(self):
        d = tempfile.TemporaryDirectory(prefix="heaptap-page.")
        self.addCleanup(d.cleanup)
        self.dir = d.name

    def profile(self, name, stacks, label=True, comments=OURS, types=None, **write):
        """stacks: by number, {size: (objects sampled of all, of those in use)}."""
        path = "%s/%s.pb.gz" % (self.dir, name)
        p = pprofgen.Profile(**({"types": types} if types else {}))
        m = p.mapping(0x400000, 0x500000, 0, "/bin/app", "abcd")
        main = p.location(m, 0x400001, [(p.function("main"), 1)])
        middle = [p.location(m, 0x400010 + i, [(p.function("middle%d" % i), 1)]) for i in range(4)]
        sites = [p.location(m, 0x400100 + i, [(p.function("site%d" % i), 1)]) for i in range(40)]
        for k, sizes in stacks.items():
            for size, (born, live) in sizes.items():
                chance = -math.expm1(-(size + (1 if comments else 0)) / RATE)
                values = [round(born / chance), round(born * size / chance), round(live / chance), round(live * size / chance)]
                p.sample([sites[k % 40], middle[k % 4], middle[k % 3], main], values[:2] if types else values,
                         [("bytes", size, "bytes")] if label else [])
        p.write(path, comments=comments, **write)
        return path

    def heaptap(self, *argv):
        r = subprocess.run([HEAPTAP] + list(argv) + ["--symbolize=none"], capture_output=True, text=True)
        self.assertEqual(r.returncode, 0, (argv, r.stderr))
        return r.stdout

    def page(self, *argv):
        self.heaptap("flame", *argv, "-o", self.dir + "/f.html")
        r = subprocess.run(["node", ROOT + "/tests/web/evidence.mjs", self.dir + "/f.html", ROOT + "/src/serve/assets"],
                           capture_output=True, text=True)
        self.assertEqual(r.returncode, 0, r.stderr)
        return json.loads(r.stdout)

    def close(self, row, key, ends):
        for end, value in zip(("low", "high"), ends or ()):
            self.assertAlmostEqual(row["%s_%s" % (key, end)], value, delta=2 + 1e-6 * abs(value), msg=(row, ends))
        self.assertEqual("%s_low" % key in row, bool(ends), (row, ends))

    def test_confidence(self):
        """The page's intervals of 90, 95 and 99 %, chosen by --confidence, are the reports'; the page says which they are."""
        path = self.profile("p", {k: {SIZES[k % 10]: (3 + k, 1 + k % 7), 16: (2, 2)} for k in range(40)})
        widths = []
        for percent, least in (("90", "1.15MB"), ("95", "1.50MB"), ("99", "2.30MB")):
            page = self.page(path, "--confidence=" + percent)
            rows = json.loads(self.heaptap("top", "--json", "--trim=false", "--confidence=" + percent, path))["rows"]
            for row in rows:
                self.close(row, "flat", page["rows"][row["name"]]["flatEnds"])
                self.close(row, "cum", page["rows"][row["name"]]["cumEnds"])
            self.assertIn("Intervals of %s %%; a site that holds less than %s " % (percent, least), page["sureness"])
            widths.append(sum(row["cum_high"] - row["cum_low"] for row in rows if "cum_low" in row))
        self.assertTrue(widths[0] * 1.1 < widths[1] and widths[1] * 1.1 < widths[2], widths)

    def test_intervals(self):
        r = random.Random(18)
        stacks = {k: {r.choice(SIZES): (n, n) for n in [r.choice([1, 2, 5, 6, 30, 400])] for _ in range(r.choice([1, 1, 3]))}
                  for k in range(60)}
        for comments in (OURS, []):
            path = self.profile("p", stacks, comments=comments)
            page = self.page(path)
            rows = json.loads(self.heaptap("top", "--json", "--trim=false", path))["rows"]
            self.assertEqual(len(rows), len(page["rows"]))
            for row in rows:
                got = page["rows"][row["name"]]
                self.assertEqual((row["flat"], row["cum"]), (got["flat"], got["cum"]))
                self.close(row, "flat", got["flatEnds"])
                self.close(row, "cum", got["cumEnds"])
            main = next(row for row in rows if row["name"] == "main")
            self.close(main, "cum", next(n for n in page["nodes"] if n["root"])["ends"])
            for leaf in (n for n in page["nodes"] if n["own"]):
                self.assertTrue(leaf["ends"][0] <= leaf["value"] <= leaf["ends"][1], leaf)
        self.assertIn("holds less than 1.50MB may not be listed", page["sureness"])
        self.assertEqual(page["margins"], ["\u00b118%", "(8.9\u201317)", ""])

    def compare(self, old, new, same):
        page = self.page(new, "--base=" + old)
        report = json.loads(self.heaptap("diff", "--json", old, new))
        self.assertEqual((report["same_process"], page["paired"], page["why"]), (same, same, ""))
        seen = {row["name"]: row for row in report["rows"]}
        for name, got in page["rows"].items():
            row = seen.get(name)
            self.assertEqual(VERDICTS.get(row["verdict"], 0) if row else 0, got["believed"], (row, got))
            if row:
                self.assertEqual(row["flat"], got["flat"], row)
                self.close(row, "flat", got["flatEnds"])
        verdicts = [row["verdict"] for row in report["rows"]]
        for node in page["nodes"]:
            if node["own"]:
                self.assertEqual(not page["rows"][node["name"]]["believed"], node["faint"], node)
        return verdicts

    def test_verdicts(self):
        """Every verdict occurs, and each is the report's: two processes, two moments of one, a page without the +1."""
        for comments, same in (OURS, False), (OURS, True), ([], False):
            r = random.Random(5)
            old, new = {}, {}
            for k in range(40):
                sizes = r.sample(SIZES, r.choice([1, 1, 4]))
                old[k] = {s: (n + 5, n) for s in sizes for n in [r.choice([1, 3, 10, 60])]}
                new[k] = dict(old[k])
                for s in sizes:
                    born, live = old[k][s]
                    more = r.choice([0, 0, 1, -1, 3, 40])
                    new[k][s] = (born + abs(more), max(0, live + more) if k % 7 else 0)
            # Large objects whose labels are near each other may be the same ones: that is no change.
            old[47], new[47] = {700000: (65, 60)}, {900000: (65, 60)}
            verdicts = self.compare(self.profile("old", old, comments=comments, time_nanos=10**18),
                                    self.profile("new", new, comments=comments, time_nanos=10**18 + (10**10 if same else 0)), same)
            self.assertTrue({"grew", "shrank", "may have changed"} <= set(verdicts), verdicts)

    def test_none(self):
        """Without what intervals need there is none and one line says why; of what is no heap nobody expects any."""
        some = {0: {64: (30, 30)}, 1: {4096: (2, 2)}}
        cpu = (("samples", "count"), ("cpu", "nanoseconds"))
        for path, why in ((self.profile("bare", some, label=False), 'numeric label "bytes"'),
                          (self.profile("cpu", some, types=cpu), "neither a heap's bytes nor its objects")):
            page = self.page(path)
            self.assertTrue(why in page["sureness"] or (path.endswith("cpu.pb.gz") and not page["sureness"]), page["sureness"])
            self.assertFalse([row for row in page["rows"].values() if row["flatEnds"] or row["cumEnds"]])
            page = self.page(path, "--base=" + path)
            self.assertRegex(page["sureness"], "^No verdicts: .*" + why)
            self.assertFalse([n for n in page["nodes"] if n["faint"] or n["ends"]])


if __name__ == "__main__":
    if not shutil.which("node"):
        print("SKIP: no node on this machine")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
