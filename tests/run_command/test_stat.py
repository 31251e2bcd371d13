# SPDX-License-Identifier: MIT
"""stat's counts are valgrind's and arithmetic's, of runs and by operation; what cannot be used is refused in a line."""
import json
import os
import re
import shutil
import subprocess
import sys
import unittest

from common import Case, HEAPTAP, main

STAT_PROG = os.path.abspath(sys.argv[5])
STAT_TEMPORARY = os.path.abspath(sys.argv[6])
ADAPTER = os.path.abspath(sys.argv[7]) if len(sys.argv) > 7 else None
TITLES = {"allocations": "allocs", "bytes allocated": "bytes", "frees": "frees", "temporary blocks": "temporary",
          "temporary bytes": "temporary_bytes", "objects at the end": "left",
          "bytes at the end": "left_bytes", "bytes at the peak": "peak"}


def number(text):
    return int(text.replace(",", ""))


def figures(text):
    return {TITLES[t]: number(n) for t, n in re.findall(r"(?m)^  ([a-z ]+?)  +([\d,]+)(?:  \(.*)?$", text)}


class Stat(Case):
    def stat(self, *words, status=0):
        r = self.heaptap("stat", *words, env={"TMPDIR": self.dir})
        self.assertEqual(r.returncode, status, (words, r.stdout, r.stderr))
        self.assertFalse([n for n in os.listdir(self.dir) if n.startswith("heaptap-stat")])
        self.assertEqual(self.leftovers(), [])
        return r

    @unittest.skipUnless(shutil.which("valgrind"), "no valgrind on this machine")
    def test_valgrind(self):
        got = figures(self.stat("--", STAT_PROG, "plain").stderr)
        text = subprocess.run(["valgrind", "--run-libc-freeres=no", "--run-cxx-freeres=no", STAT_PROG, "plain"], env=self.env,
                              capture_output=True, text=True, timeout=60).stderr
        allocs, frees, size = map(number, re.search(r"usage: ([\d,]+) allocs, ([\d,]+) frees, ([\d,]+) bytes", text).groups())
        left_bytes, left = map(number, re.search(r"in use at exit: ([\d,]+) bytes in ([\d,]+) blocks", text).groups())
        peak = got.pop("peak")
        del got["temporary"], got["temporary_bytes"]  # valgrind has none
        self.assertEqual(got, {"allocs": allocs, "frees": frees, "bytes": size, "left": left, "left_bytes": left_bytes})
        subprocess.run(["valgrind", "--tool=dhat", "--run-libc-freeres=no", "--dhat-out-file=" + self.dir + "/dhat", STAT_PROG,
                        "plain"], env=self.env, capture_output=True, timeout=60)
        with open(self.dir + "/dhat") as f:
            most = sum(pp["gb"] for pp in json.load(f)["pps"])
        self.assertTrue(most * 0.998 <= peak <= most, (peak, most))

    def test_peak_at_end(self):
        got = figures(self.stat("--", STAT_PROG, "grow").stderr)
        self.assertGreater(got["left_bytes"], (1 << 20) + 1000)
        self.assertEqual(got["peak"], got["left_bytes"])

    def test_operations(self):
        """32 freed objects of 62 bytes and one of 64 that stays; one of 10 in every fourth."""
        r = self.stat("-r", "2", "--", STAT_PROG, "op")
        rows = {m[0]: m[1:] for m in re.findall(r"(?m)^  (\S+) +([\d,]+) ops +(\S+) allocs/op +(\S+) B/op +(\S+) frees/op"
                                                  r"(?: +(\S+) temporary/op +(\S+) temporary-B/op)?$", r.stderr)}
        self.assertEqual(rows, {"33_at_once": ("2,000", "33", "2,048", "32", "32", "1,984"),
                                "seldom": ("2,000", "0.25", "2.50", "0", "", "")}, r.stderr)
        got = figures(r.stderr)
        bare = figures(self.stat(STAT_PROG, "0").stderr)  # what starting a program takes, and 100 bytes
        self.assertEqual(got["allocs"] - bare["allocs"], 33000 + 250 + 2 - 1)
        self.assertEqual(got["bytes"] - bare["bytes"], 2048000 + 2500 + 12345 + 54321 - 100)
        self.assertEqual(got["temporary"] - bare["temporary"], 32000)
        self.assertEqual(got["temporary_bytes"] - bare["temporary_bytes"], 32000 * 62)
        self.assertIn("2 runs, medians", r.stderr)
        self.assertNotIn(" to ", r.stderr)

    def test_temporary(self):
        """A block is temporary when its free is the next call of its thread, and of no other case."""
        truth = {"malloc": (1, 100), "calloc": (1, 150), "aligned": (1, 512), "memalign": (1, 200), "new": (1, 8), "new[]": (1, 33),
                 "new aligned": (1, 128), "new nothrow": (1, 44), "large": (1, 3 << 20), "none": (1, 0), "nested": (1, 20),
                 "a free between": (0, 0), "free of NULL between": (1, 13), "a failure between": (1, 14), "loop": (1000, 500500),
                 "in place": (2, 201), "moved": (2, 100024), "realloc fails": (1, 40), "realloc to 0": (1, 41),
                 "realloc to 0 between": (0, 0), "realloc of another": (0, 0), "rate set elsewhere": (0, 0), "handler allocates": (0, 0), "freed elsewhere": (0, 0),
                 "allocated elsewhere": (1, 71), "same address and node": (0, 0), "another thread's number": (0, 0),
                 "before a fork": (1, 80), "child": (0, 0), "not sampled between": (0, 0), "rate between": (0, 0)}
        r = self.stat("--", STAT_TEMPORARY)
        rows = {m[0]: (int(m[1]), int(m[2])) for m in re.findall(r"(?m)^([^:]+): (\d+) (\d+)$", r.stdout)}
        self.assertEqual(rows, truth)
        got = figures(r.stderr)
        self.assertGreaterEqual(got["temporary"], sum(n for n, _ in truth.values()))
        # Without stat they are not counted, and nothing says that there were none.
        self.heaptap("run", "--exact", "-o", "x.pb.gz", "--", STAT_TEMPORARY)
        self.assertFalse([c for c in self.profile("x.pb.gz").comments if c.startswith("temporary")])

    @unittest.skipUnless(shutil.which("heaptrack") and shutil.which("sqlite3"), "no heaptrack, or no sqlite3, on this machine")
    def test_heaptrack(self):
        """The figure that heaptrack prints when a program with one thread ends."""
        query = ("create table t(a integer primary key, b text); with recursive c(x) as (select 1 union all select x+1 from c where "
                 "x<2000) insert into t select x, hex(x*x) from c; select count(*) from t where b like '%A%';"
                 "select length(group_concat(b)) from t group by a%7;")
        for words in ((STAT_PROG, "op"), ("sqlite3", ":memory:", query)):
            r = subprocess.run(["heaptrack", "-o", self.dir + "/heaptrack", *words], env=self.env, capture_output=True, text=True,
                               timeout=60)
            theirs = re.search(r"temporary allocations:\s+(\d+)", r.stdout + r.stderr)
            self.assertTrue(theirs, (r.stdout, r.stderr))
            got = figures(self.stat("--", *words).stderr)
            self.assertEqual(got["temporary"], int(theirs[1]))
            self.assertGreater(got["temporary"], 10)

    def test_benchstat(self):
        """Lines of Go's benchmark format, each a name, a count, and values with their units."""
        r = self.stat("-r", "3", "--benchstat", "--", STAT_PROG, "op")
        lines = r.stdout.splitlines()
        self.assertEqual(lines, ["Benchmark33_at_once 1000 2048 B/op 33 allocs/op 32 frees/op 32 temporary/op 1984 temporary-B/op",
                                 "Benchmarkseldom 1000 2.5 B/op 0.25 allocs/op 0 frees/op 0 temporary/op 0 temporary-B/op"] * 3)
        r = self.stat("-r", "2", "--benchstat", "--", STAT_PROG, "plain")
        self.assertEqual(len(r.stdout.splitlines()), 2, r.stdout)
        for line in r.stdout.splitlines():
            self.assertRegex(line, r"^Benchmark\S+ 1( [\d.e+]+ [\w/-]+){6}$")
        self.assertEqual(r.stderr, "")

    def test_processes(self):
        """What the program becomes is counted, what it starts is not."""
        alone, became = (figures(self.stat(*words, STAT_PROG, "plain").stderr) for words in ((), ("env", "A=1")))
        started = figures(self.stat("sh", "-c", STAT_PROG + " plain; :").stderr)
        self.assertTrue(alone["allocs"] <= became["allocs"] < alone["allocs"] + 500, (alone, became))
        self.assertLess(started["allocs"], 1000)

    def test_memprofile(self):
        r = self.stat("--memprofile=m.pb.gz", "--", STAT_PROG, "op")
        p = self.profile("m.pb.gz")
        kinds = [t for t, _ in p.types]
        self.assertEqual(sum(s.values[kinds.index("alloc_objects")] for s in p.samples), figures(r.stderr)["allocs"])

    def test_adapter(self):
        if not ADAPTER:
            self.skipTest("no libbenchmark-dev on this machine")
        words = (ADAPTER, "--benchmark_format=json", "--benchmark_min_time=0.001")
        row = json.loads(self.stat("--", *words).stdout)["benchmarks"][0]
        # At most 16 runs, fewer on a busy machine, each 1 array and 16 strings of a head and 61 bytes; and some 400 bytes of Google
        # Benchmark's own.
        n = min(16, row["iterations"])
        self.assertTrue(0 <= (row["allocs_per_iter"] - 33) * n <= 3, row)
        self.assertTrue(n * (16 * (32 + 61) + 16 * 8) <= row["total_allocated_bytes"] < n * 1616 + 4096, row)
        bare = json.loads(subprocess.run(words, env=self.env, capture_output=True, text=True).stdout)["benchmarks"][0]
        self.assertNotIn("allocs_per_iter", bare)

    def test_status(self):
        r = self.stat("-r", "5", "--", STAT_PROG, "3", status=3)
        self.assertIn("run 1 of 5 ended with status 3; it is the last", r.stderr)
        self.assertEqual(figures(r.stderr)["left_bytes"] >= 100, True)
        self.stat("--", "./none", status=127)
        self.assertIn("cannot write", self.stat("--memprofile=/none/x.pb.gz", STAT_PROG, "op", status=1).stderr)

    def test_unusable(self):
        for words in ((), ("-r", "0", STAT_PROG), ("-r", "x", STAT_PROG), ("--repeat=1001", STAT_PROG), ("--repeat=", STAT_PROG),
                      ("-r",), ("--nonsense", STAT_PROG), ("--benchstat=1", STAT_PROG)):
            r = self.stat(*words, status=2)
            self.assertEqual((r.stdout, r.stderr.count("\n")), ("", 1), (words, r.stderr))

    def test_hostile(self):
        """Lines that are not bench.h's count for nothing, and names reach no terminal as commands."""
        r = self.stat("--", "sh", "-c", r"""printf 'x\033[2J 5 50 500 5\nzero 0 1 1 1\nx\n%05000d 1 1 1 1\nfine 5 50 500 5\n' 0 >>"$HEAPTAP_BENCH"; """ + STAT_PROG + " 0")
        self.assertNotIn("\033", r.stderr)
        self.assertRegex(r.stderr, r"(?m)^  fine +5 ops +10 allocs/op +100 B/op +1 frees/op$")
        self.assertNotIn("zero", r.stderr)


if __name__ == "__main__":
    del sys.argv[5:]
    main()
