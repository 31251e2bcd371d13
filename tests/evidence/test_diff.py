#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Shows: diff lists what is more than chance first, and folds the rest; two moments of one process, two
processes and several profiles a side are told apart.

usage: test_diff.py HEAPTAP LIBRARY"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

HEAPTAP, LIBRARY = map(os.path.abspath, sys.argv[1:3])
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "compat"))
import pprofgen  # noqa: E402

RATE = 524288
PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
static void *volatile keep;
__attribute__((noinline)) static void steady_site(int n) { while (n--) keep = malloc(1000); }
__attribute__((noinline)) static void leaky_site(int n) { while (n--) keep = malloc(3000); }
int main(void)
{
    steady_site(100000);
    leaky_site(1000);
    puts("ready");
    fflush(stdout);
    getchar();
    leaky_site(5000);
    steady_site(50);
    puts("grown");
    fflush(stdout);
    getchar();
    return 0;
}
"""


def run(*argv):
    return subprocess.run([HEAPTAP] + list(argv), capture_output=True, text=True)


class Diff(unittest.TestCase):
    def setUp(self):
        d = tempfile.TemporaryDirectory(prefix="heaptap-diff.")
        self.addCleanup(d.cleanup)
        self.dir = d.name

    def profile(self, name, sites, size=64, rate=RATE, **write):
        """Sites of so many sampled objects."""
        path = "%s/%s.pb.gz" % (self.dir, name)
        p = pprofgen.Profile()
        m = p.mapping(0x400000, 0x500000, 0, "/bin/app")
        main = p.location(m, 0x400001, [(p.function("main"), 1)])
        for i, (site, samples) in enumerate(sites.items()):
            l = p.location(m, 0x400100 + i, [(p.function(site), i + 2)])
            chance = min(1, size / rate)
            n, b = round(samples / chance), round(samples * size / chance)
            if n:
                p.sample([l, main], [n, b] * 2, [("bytes", size, "bytes")])
        p.write(path, **write)
        return path

    def rows(self, *argv):
        r = run("diff", "--json", "--symbolize=none", *argv)
        self.assertEqual(r.returncode, 0, r.stderr)
        return {row["name"]: row for row in json.loads(r.stdout)["rows"]}, r

    def test_verdicts(self):
        before = {"steady": 50, "leaky": 20, "gone": 60, "noisy": 30}
        after = {"steady": 50, "leaky": 90, "gone": 5, "noisy": 36}
        paths = [self.profile(n, s) for n, s in (("old", before), ("new", after))]
        rows, _ = self.rows(*paths)
        self.assertEqual({n: r["verdict"] for n, r in rows.items()},
                         {"leaky": "grew", "gone": "shrank", "noisy": "may have changed"})
        self.assertEqual(list(rows), ["leaky", "gone", "noisy"])
        for name, row in rows.items():
            self.assertEqual(row["flat"], row["after"] - row["before"])
            self.assertTrue(row["flat_low"] < row["flat"] < row["flat_high"])
            self.assertEqual(row["stack"], [name, "main"])
        self.assertTrue(rows["leaky"]["flat_low"] > 0 > rows["gone"]["flat_high"])
        self.assertTrue(rows["leaky"]["p"] < 1e-6 < rows["noisy"]["p"])
        text = run("diff", "--symbolize=none", *paths).stdout
        self.assertIn("\ngrew\n", text)
        self.assertIn("\nshrank\n", text)
        self.assertIn("\n1 site may have changed: +3MB in all (--all lists them)\n", text)
        self.assertNotIn("noisy", text)
        self.assertNotIn("steady", text)
        self.assertIn("noisy", run("diff", "--all", "--symbolize=none", *paths).stdout)
        self.assertIn("Two processes", text)
        text = run("diff", "--symbolize=none", paths[0], paths[0]).stdout
        self.assertIn("nothing that is more than chance", text)
        self.assertNotIn("may have changed", text)

    def test_large_objects(self):
        """What is sampled for certain changes for certain; a class's mean that moves is no change."""
        paths = [self.profile(n, s, size=64 << 20, rate=RATE) for n, s in (
            ("old", {"buffer": 1, "same": 3}), ("new", {"buffer": 2, "same": 3}))]
        rows, _ = self.rows(*paths)
        self.assertEqual({n: r["verdict"] for n, r in rows.items()}, {"buffer": "grew"})

    def test_several(self):
        """Runs that differ among themselves: their spread decides."""
        wild = [[10, 60, 30, 75], [30, 95, 50, 60]]
        sides = [[], []]
        for side in 0, 1:
            for i in range(4):
                sides[side].append(self.profile("s%d-%d" % (side, i), {
                    "wild": wild[side][i], "leaky": 30 + 60 * side}))
        pair, _ = self.rows(sides[0][0], sides[1][1])
        self.assertEqual(pair["wild"]["verdict"], "grew")
        bases = ["--base=" + p for p in sides[0]]
        rows, out = self.rows(*bases, *sides[1])
        self.assertEqual(rows["leaky"]["verdict"], "grew")
        self.assertEqual(rows["wild"]["verdict"], "may have changed")
        self.assertEqual(rows["leaky"]["before"], round(30 * RATE))
        self.assertIn("4 profiles against 4", run("diff", "--symbolize=none", *bases, *sides[1]).stdout)
        self.assertEqual(run("diff", *bases).returncode, 2)
        self.assertEqual(run("diff", sides[0][0]).returncode, 2)

    def test_rates(self):
        """A finer profile of the same heap is no growth."""
        fine = {n: 16 * k for n, k in {"a": 30, "b": 40, "c": 50}.items()}
        rows, _ = self.rows(self.profile("coarse", {"a": 30, "b": 40, "c": 50}),
                            self.profile("fine", fine, rate=RATE // 16))
        self.assertFalse([r for r in rows.values() if r["verdict"] != "may have changed"], rows)

    def test_one_process(self):
        with open(self.dir + "/p.c", "w") as f:
            f.write(PROGRAM)
        subprocess.run(["gcc", "-O1", "-g", "-o", self.dir + "/p", self.dir + "/p.c"], check=True)
        env = dict(os.environ, LD_PRELOAD=LIBRARY, HEAPTAP_OUTPUT=self.dir + "/end.pb.gz")
        p = subprocess.Popen([self.dir + "/p"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
        self.addCleanup(p.stdout.close)
        self.assertEqual(p.stdout.readline(), b"ready\n")
        one, two = self.dir + "/one.pb.gz", self.dir + "/two.pb.gz"
        r = run("dump", "-o", one, str(p.pid))
        self.assertEqual(r.returncode, 0, r.stderr)
        p.stdin.write(b"x")
        p.stdin.flush()
        self.assertEqual(p.stdout.readline(), b"grown\n")
        run("dump", "-o", two, str(p.pid))
        results = [json.loads(run("diff", "--json", one, new).stdout) for new in (two, str(p.pid))]
        p.stdin.close()
        self.assertEqual(p.wait(), 0)
        for out in results:
            self.assertTrue(out["same_process"])
            rows = {row["name"]: row for row in out["rows"]}
            leaky = rows["leaky_site"]
            # 5,000 of 3,000 bytes: 28 samples expected; below 7 once in a million.
            self.assertEqual(leaky["verdict"], "grew", leaky)
            self.assertTrue(leaky["flat_low"] > 0)
            self.assertNotEqual(rows.get("steady_site", {"verdict": "same"})["verdict"], "grew")
            self.assertEqual(out["rows"][0]["name"], "leaky_site")

    def moments(self, name, folded, pid=7):
        """One process at two moments: a site of 40 samples allocated and 30 live, then, when it has been folded in between and
        begun anew, of 41 allocated and 40 live. The counter rose by one, and ten and more were born."""
        paths = []
        for i, (born, live, n) in enumerate(((40, 30, 0), (41, 40, folded))):
            p = pprofgen.Profile()
            m = p.mapping(0x400000, 0x500000, 0, "/bin/app")
            values = [v * k for v in (born, live) for k in (RATE // 64, RATE)]
            p.sample([p.location(m, 0x400100, [(p.function("site"), 2)])], values, [("bytes", 64, "bytes")])
            paths.append("%s/%s.%d.pb.gz" % (self.dir, name, i))
            p.write(paths[-1], time_nanos=(i + 1) * 10**9,
                    comments=["pid: %d" % (pid + i * (name == "two"))] + ["folded: %d sites, whose sums are at [folded]" % n] * (n > 0))
        row = self.rows(*paths)[0]["site"]
        return row["flat_low"], row["flat_high"], run("diff", *paths).stdout

    def test_folded(self):
        one, two, folded = self.moments("one", 0), self.moments("two", 0), self.moments("folded", 5)
        self.assertEqual(folded[:2], two[:2])
        self.assertLess(one[1] - one[0], (two[1] - two[0]) / 2)
        self.assertIn("between which sites were folded", folded[2])
        self.assertNotIn("sites were folded", one[2] + two[2])

    def test_watch(self):
        """The live table says how sure it is, and marks what grew by more than chance."""
        with open(self.dir + "/p.c", "w") as f:
            f.write(PROGRAM)
        subprocess.run(["gcc", "-O1", "-g", "-o", self.dir + "/p", self.dir + "/p.c"], check=True)
        env = dict(os.environ, LD_PRELOAD=LIBRARY, HEAPTAP_OUTPUT=self.dir + "/end.pb.gz")
        p = subprocess.Popen([self.dir + "/p"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
        self.addCleanup(p.stdout.close)
        self.assertEqual(p.stdout.readline(), b"ready\n")
        w = subprocess.Popen([HEAPTAP, "watch", "--interval=2s", "--count=2", "--sort=growth", str(p.pid)],
                             stdout=subprocess.PIPE, text=True)
        first = [w.stdout.readline()]
        while first[-1] != "\n":
            first.append(w.stdout.readline())
        p.stdin.write(b"x")
        p.stdin.flush()
        self.assertEqual(p.stdout.readline(), b"grown\n")
        second = w.communicate()[0].splitlines()
        p.stdin.close()
        p.wait()
        self.assertIn("a site of less than 1.5MB may not be listed (95 %); ! grew more than chance", first[1])
        for head in first[1:3] + second[1:3]: # the line of sums has what there is room for
            self.assertLessEqual(len(head.rstrip()), 80, head)
        steady = next(l for l in first if "steady_site" in l)
        self.assertRegex(steady, r"^ *[\d.]+MB \u00b1\d+% ")
        leaky = next(l for l in second if "leaky_site" in l)
        self.assertRegex(leaky, r"MB/s! ")
        self.assertFalse([l for l in second if "steady_site" in l and "/s!" in l], second)
        self.assertFalse([l for l in first if "/s!" in l], first)
        self.assertEqual(second.index(leaky), 3, second)

    def test_no_verdicts(self):
        text = "heap profile: 3: 300 [3: 300] @ heap_v2/0\n1: 100 [1: 100] @ 0x1\n2: %d [2: 200] @ 0x2\n"
        paths = []
        for n in 200, 900:
            paths.append("%s/%d.heap" % (self.dir, n))
            with open(paths[-1], "w") as f:
                f.write(text % n)
        r = run("diff", *paths)
        self.assertEqual((r.returncode, r.stderr.count("\n")), (0, 1), r.stderr)
        self.assertIn("no verdicts: the profile does not say how many bytes", r.stderr)
        self.assertIn("700B", r.stdout)
        for name, labels, types, why in (("bare", [], None, 'label "bytes"'),
                                         ("cpu", [("bytes", 64, "bytes")], (("samples", "count"), ("cpu", "nanoseconds")), "neither a heap")):
            p = pprofgen.Profile(**({"types": types} if types else {}))
            l = p.location(p.mapping(0x400000, 0x500000, 0, "/bin/app"), 0x400001, [(p.function("main"), 1)])
            p.sample([l], [3, 300] if types else [3, 300, 3, 300], labels)
            p.write(self.dir + "/" + name)
            r = run("diff", self.dir + "/" + name, self.dir + "/" + name)
            self.assertEqual((r.returncode, r.stderr.count("\n")), (0, 1), r.stderr)
            self.assertRegex(r.stderr, "no verdicts: .*" + why)

    def test_unusable(self):
        path = self.profile("p", {"site": 20})
        for c in "0", "100", "95.5", "-1", "":
            r = run("diff", "--confidence=" + c, path, path)
            self.assertEqual((r.returncode, r.stdout, r.stderr.count("\n")), (2, "", 1), r.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
