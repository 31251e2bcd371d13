# SPDX-License-Identifier: MIT
"""Options, each checked and passed on; the summary; the allocators."""
import os
import re
import shutil
import stat
import subprocess

from common import Case, HEAPTAP, PROG, main, names, types

UNUSABLE = [
    ["--rate=0"], ["--rate=abc"], ["--rate=-1"], ["--rate", "9999G"], ["-r", ""], ["--signal=KILL"], ["--signal=FOO"],
    ["--interval=0"], ["--interval=soon"], ["--growth=0"], ["--growth=x"], ["--depth=0"], ["--depth=513"],
    ["--depth=1x"], ["--unwind=magic"], ["--start=maybe"], ["--allocator=nosuch"], ["--allocator=/etc/passwd"],
    ["--allocator=./nosuch.so"], ["-o", ""], ["-o", "-"], ["-o", "dir/"], ["-o", "%q"], ["-o", "x%"], ["-o", "x" * 2000],
    ["--nosuch"], ["--nosuch=1"], ["-o", "/dev/null"], ["-o", "/tmp"],
]


class Unusable(Case):
    def test_exit_2_and_the_value_named(self):
        for options in UNUSABLE:
            r = self.run_(*options, PROG, "exit")
            self.assertEqual(r.returncode, 2, options)
            self.assertEqual(r.stderr.count("\n"), 1, (options, r.stderr))
            self.assertTrue(r.stderr.startswith("heaptap: "), r.stderr)
            value = options[-1].split("=")[-1]
            self.assertIn(value[:100] if len(value) < 1000 else "too long", r.stderr)
        self.assertEqual(self.files(), [])

    def test_a_device_is_not_replaced(self):
        lib = os.path.join(os.path.dirname(HEAPTAP), "libheaptap.so")
        fifo = os.path.join(self.dir, "fifo")
        os.mkfifo(fifo)
        r = subprocess.run([PROG, "exit", "3"], env=dict(self.env, LD_PRELOAD=lib, HEAPTAP_RATE="1", HEAPTAP_OUTPUT=fifo),
                           capture_output=True, text=True)
        self.assertEqual(r.returncode, 3)
        self.assertIn("cannot write %s: it is no regular file" % fifo, r.stderr)
        self.assertTrue(stat.S_ISFIFO(os.stat(fifo).st_mode))

    def test_a_path_that_the_loader_would_split(self):
        """Seen failing: "cannot be preloaded" where the build folder had a space or a colon in its path."""
        there = os.path.join(self.dir, "with space:and colon")
        os.mkdir(there)
        for name in ("heaptap", "libheaptap.so"):
            shutil.copy(os.path.join(os.path.dirname(HEAPTAP), name), there)
        link = None
        try:
            r = subprocess.run([os.path.join(there, "heaptap"), "run", "--exact", "-o", "split.pb.gz", "--", "sh", "-c",
                                'echo "$LD_PRELOAD"; exec "$0" exit 3', PROG], cwd=self.dir, env=self.env, capture_output=True, text=True)
            link = os.path.dirname(r.stdout.strip())
            self.assertEqual(r.returncode, 3, r.stderr)
            self.assertEqual(os.path.realpath(link), os.path.realpath(there))
            self.assertEqual(self.blocks("split.pb.gz"), 10)
        finally:
            if link and os.path.islink(link):
                os.unlink(link)

    def test_no_program(self):
        for options in ([], ["--"], ["-q"]):
            r = self.run_(*options)
            self.assertEqual((r.returncode, r.stderr), (2, "heaptap: run needs a program (heaptap run --help)\n"))
        self.assertEqual(self.run_("--rate").returncode, 2)

    def test_bare_library_says_so_and_goes_on(self):
        lib = os.path.join(os.path.dirname(HEAPTAP), "libheaptap.so")
        r = self.run_("env", "HEAPTAP_RATE=abc", "LD_PRELOAD=" + lib, PROG, "exit", "3")
        self.assertEqual(r.returncode, 3)
        self.assertIn("HEAPTAP_RATE=abc", r.stderr)


class Options(Case):
    def test_ways_to_write_them(self):
        for i, words in enumerate((["--rate=1"], ["--rate", "1"], ["-rate=1"], ["-r", "1"], ["-r1"], ["--exact"], ["-exact"])):
            name = "w%d.pb.gz" % i
            r = self.run_(*words, "--output=" + name, PROG, "exit")
            self.assertEqual(r.returncode, 0, r.stderr)
            self.assertEqual((self.profile(name).period, self.blocks(name)), (1, 10))

    def test_help(self):
        r = self.run_("--help")
        self.assertEqual((r.returncode, r.stderr), (0, ""))
        for option in ("output", "rate", "exact", "signal", "interval", "growth", "peak", "depth", "unwind", "no-children",
                       "start", "allocator", "quiet"):
            self.assertIn("--" + option, r.stdout)

    def test_rate(self):
        self.run_("--rate=64k", "-o", "r.pb.gz", PROG, "exit")
        self.assertEqual(self.profile("r.pb.gz").period, 65536)

    def test_depth(self):
        self.run_("--exact", "--depth=2", "-o", "d.pb.gz", PROG, "exit")
        p = self.profile("d.pb.gz")
        self.assertEqual(max(len(s.locations) for s in p.samples), 3)
        self.assertEqual({s.locations[-1] for s in p.samples if len(s.locations) > 2}, set(p.marks("[truncated]")))

    def test_unwind(self):
        for how in ("auto", "fp", "dwarf"):
            self.run_("--exact", "--unwind=" + how, "-o", "u.pb.gz", PROG, "exit")
            self.assertEqual(self.blocks("u.pb.gz"), 10, how)

    def test_start_off(self):
        self.run_("--exact", "--start=off", "-o", "s.pb.gz", PROG, "started")
        self.assertEqual(self.blocks("s.pb.gz"), 2)
        r = self.run_("--exact", "--start=off", "-o", "t.pb.gz", PROG, "exit")
        self.assertIn("no sample was seen: --start=off", r.stderr)

    def test_users_preload_stays(self):
        r = self.run_("-q", "sh", "-c", 'echo "$LD_PRELOAD"', env={"LD_PRELOAD": "libm.so.6"})
        self.assertRegex(r.stdout, r"^/.*/libheaptap\.so:libm\.so\.6$")
        lib = os.path.join(os.path.dirname(HEAPTAP), "libheaptap.so")
        r = self.run_("-q", "sh", "-c", 'echo "$LD_PRELOAD"', env={"LD_PRELOAD": lib + " libm.so.6:" + lib})
        self.assertEqual(r.stdout.count("libheaptap"), 1)
        self.assertTrue(r.stdout.endswith(":libm.so.6\n"), r.stdout)

    def test_run_in_a_run(self):
        r = self.run_("-q", HEAPTAP, "run", "--exact", "-o", "in.pb.gz", PROG, "exit", "5")
        self.assertEqual(r.returncode, 5)
        self.assertEqual(self.blocks("in.pb.gz"), 10)

    def test_allocators(self):
        found = 0
        for name in ("system", "jemalloc", "tcmalloc", "mimalloc"):
            r = self.run_("--exact", "--allocator=" + name, "-o", name + ".pb.gz", "sh", "-c",
                          "exec %s exit 0" % PROG)
            if "is not installed (apt-get install" in r.stderr:
                self.assertEqual(r.returncode, 1)
                continue
            found += 1
            self.assertEqual(r.returncode, 0, r.stderr)
            self.assertEqual(self.blocks(name + ".pb.gz"), 10)
            maps = self.run_("-q", "--allocator=" + name, "cat", "/proc/self/maps").stdout
            self.assertIn("libc.so" if name == "system" else name, maps)
        self.assertGreater(found, 0)

    def test_a_path_as_allocator(self):
        maps = self.run_("-q", "cat", "/proc/self/maps").stdout
        libc = re.search(r"/\S*/libc\.so\.6|/\S*/libc-2\S*", maps).group(0)
        r = self.run_("--exact", "--allocator=" + libc, "-o", "a.pb.gz", PROG, "exit")
        self.assertEqual((r.returncode, self.blocks("a.pb.gz")), (0, 10), r.stderr)


class Summary(Case):
    def test_what_it_says(self):
        r = self.run_("--exact", "-o", "s.pb.gz", PROG, "exit")
        lines = r.stderr.splitlines()
        self.assertRegex(lines[0], r"^heaptap: wrote s\.pb\.gz: run-prog \(pid \d+\), \d+ samples \(every allocation\), "
                                   r"0 lost, 0 stacks truncated$")
        self.assertRegex(r.stderr, r"\nin use at the end \(at most [\d.]+MB were resident\): [\d.]+kB by \d+ owners?\n")
        self.assertRegex(r.stderr, r"\n +[\d.]+kB +[\d.]+%  keep_blocks \u2190 main\n")
        self.assertLessEqual(len(lines), 16)
        self.assertEqual(r.stdout, "")

    def test_quiet(self):
        r = self.run_("-q", "--exact", "-o", "q.pb.gz", PROG, "exit")
        self.assertEqual(r.stderr, "")
        self.assertEqual(self.blocks("q.pb.gz"), 10)

    def test_no_symbolize(self):
        r = self.run_("--no-symbolize", "--exact", "-o", "n.pb.gz", PROG, "exit")
        p = self.profile("n.pb.gz")
        self.assertFalse(any(names(p, s) for s in p.samples))
        self.assertIn("keep_blocks", r.stderr)  # the report's own copy has them

    def test_peak_types(self):
        self.run_("--peak", "--exact", "-o", "p.pb.gz", PROG, "exit")
        self.assertEqual(types(self.profile("p.pb.gz"))[-2:], ["peak_objects", "peak_space"])



class Variables(Case):
    def test_unknown_ones_are_said(self):
        """By run, not inside the program; and of those that there are nothing is said."""
        r = self.run_("-q", PROG, "exit", "0", env={"HEAPTAP_RAET": "4k", "HEAPTAP_XYZZY": "1", "HEAPTAPE": "1"})
        self.assertEqual(sorted(r.stderr.splitlines()), [
            "heaptap: HEAPTAP_RAET is no variable of heaptap's; did you mean HEAPTAP_RATE?",
            "heaptap: HEAPTAP_XYZZY is no variable of heaptap's"])
        sources = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "src")
        read = set()
        for directory, _, names in os.walk(sources):
            for name in names:
                with open(os.path.join(directory, name), errors="replace") as f:
                    read |= set(re.findall(r"""(?:variable|getenv|is_on)\("(HEAPTAP_[A-Z_]+)"[,)]""", f.read()))
        self.assertGreater(len(read), 15)
        usable = {"HEAPTAP_RATE": "4k", "HEAPTAP_SIGNAL": "none", "HEAPTAP_INTERVAL": "1h", "HEAPTAP_GROWTH": "1G", "HEAPTAP_DEPTH": "9",
                  "HEAPTAP_UNWIND": "auto", "HEAPTAP_LABELS": "thread", "HEAPTAP_OUTPUT": "x.pb.gz", "HEAPTAP_REGION_DIR": self.regions}
        env = {name: usable.get(name, "0") for name in read - {"HEAPTAP_RUN"}}
        self.assertEqual(self.run_("-q", PROG, "exit", "0", env=env).stderr, "")


if __name__ == "__main__":
    main()
