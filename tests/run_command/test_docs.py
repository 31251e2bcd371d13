# SPDX-License-Identifier: MIT
"""The man pages, the guide and the example keep up with the command."""
import os
import re
import subprocess

from common import Case, HEAPTAP, PROG, main

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def text(*path):
    with open(os.path.join(ROOT, *path)) as f:
        return f.read()


def said(*args):
    return subprocess.run([HEAPTAP, *args], capture_output=True, text=True).stdout


class Docs(Case):
    def test_every_command_in_the_man_page(self):
        page = text("docs", "man", "heaptap.1")
        for command in re.findall(r"(?m)^  ([a-z]+) ", said("--help")):
            self.assertRegex(page, r"(?m)^\.B[RI]?\b.*\b%s\b" % command)

    def test_every_option_of_run(self):
        options = set(re.findall(r"--([a-z-]+)", said("run", "--help")))
        self.assertGreater(len(options), 12)
        for page in (text("docs", "man", "heaptap-run.1").replace("\\-", "-"), text("docs", "run.md")):
            self.assertEqual([o for o in sorted(options) if "--" + o not in page], [])

    def test_every_option_of_env(self):
        options = set(re.findall(r"--([a-z-]+)", said("env", "--help")))
        self.assertGreater(len(options), 15)
        page = text("docs", "man", "heaptap-env.1").replace("\\-", "-")
        self.assertEqual([o for o in sorted(options) if "--" + o not in page], [])

    def test_man_pages_are_sound(self):
        for page in ("heaptap.1", "heaptap-env.1", "heaptap-run.1"):
            try:
                r = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z",
                                    os.path.join(ROOT, "docs", "man", page)],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            except FileNotFoundError:
                self.skipTest("man is not installed")
            self.assertEqual(r.stderr, "")

    def test_example(self):
        program = os.path.join(self.dir, "api")
        for compiler in (["gcc", "-std=gnu99", "-Wall", "-Werror"], ["g++", "-xc++", "-Wall", "-Werror"]):
            subprocess.run([*compiler, "-O0", "-I", os.path.join(ROOT, "include"),
                            os.path.join(ROOT, "docs", "examples", "api.c"), "-o", program], check=True,
                           cwd=self.dir)
            bare = subprocess.run([program, "never.pb.gz"], capture_output=True, text=True, cwd=self.dir)
            self.assertEqual((bare.returncode, bare.stdout), (0, "not profiled: Function not implemented\n"))
            r = self.run_("--start=off", "--exact", "-o", "last.pb.gz", program, "mine.pb.gz")
            self.assertEqual(r.returncode, 0, r.stderr)
            self.assertIn("active: 1\nmine.pb.gz: written\n", r.stdout)
            self.assertEqual(self.files(), ["last.pb.gz", "mine.pb.gz"])
            top = said("top", "-i", "inuse_objects", os.path.join(self.dir, "mine.pb.gz"))
            self.assertRegex(top, r"1000 +\S+  serve\b")
            self.assertNotIn("load_configuration", top)


if __name__ == "__main__":
    main()
