# SPDX-License-Identifier: MIT
"""Asks heaptap doctor and reads its findings. argv: heaptap, libheaptap.so, the programs' directory."""
import atexit
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import regions  # noqa: E402

BUILT, LIBRARY_BUILT, PROGRAMS = (os.path.abspath(a) for a in sys.argv[1:4])
ROOT = os.geteuid() == 0
NOBODY = 65534

# Copies that every user can reach.
DIR = tempfile.mkdtemp(prefix="heaptap-doctor-", dir="/tmp")
os.chmod(DIR, 0o755)
for path in BUILT, LIBRARY_BUILT, PROGRAMS + "/doctor-prog", PROGRAMS + "/doctor-filter":
    shutil.copy(path, DIR)
HEAPTAP, LIBRARY, PROG, FILTER = (os.path.join(DIR, n) for n in ("heaptap", "libheaptap.so", "doctor-prog", "doctor-filter"))
for name in [n for n in os.environ if n.startswith("HEAPTAP_")] + ["LD_PRELOAD"]:
    os.environ.pop(name, None)
os.environ["LC_ALL"] = "C"


@atexit.register
def clear():
    regions.clear(DIR)
    shutil.rmtree(DIR, ignore_errors=True)


def as_nobody():
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


class Said:
    """What doctor said: of JSON the findings, of text the lines; both must agree."""

    def __init__(self, status, text, err):
        self.status, self.text, self.err = status, text, err
        self.findings = json.loads(text)["findings"] if text.startswith("{") else []

    def of(self, check):
        return [(f["level"], f["what"], f["why"], f["remedy"]) for f in self.findings if f["check"] == check]


class Case(unittest.TestCase):
    longMessage = True

    def setUp(self):
        self.tmp = tempfile.mkdtemp(dir=DIR)
        os.chmod(self.tmp, 0o755)
        self.running = []

    def tearDown(self):
        for p in self.running:
            p.kill()
            p.wait()
            for f in p.stdin, p.stdout, p.stderr:
                if f:
                    f.close()

    def call(self, *words, prefix=(), **more):
        more.setdefault("cwd", self.tmp)
        env = dict(os.environ, **more.pop("env", {}))
        r = subprocess.run([*prefix, more.pop("heaptap", HEAPTAP), "doctor", *map(str, words)], capture_output=True, text=True,
                           timeout=60, env=env, **more)
        self.assertIn(r.returncode, (0, 1, 2, 77), r)
        if r.returncode == 77:
            self.skipTest("no seccomp here")
        return r

    def ask(self, *words, **more):
        """By JSON, and as text, which must say the same; one line when nothing more can be said."""
        r = self.call("--json", *words, **more)
        said = Said(r.returncode, r.stdout, r.stderr)
        self.assertEqual(r.stderr, "")
        self.assertEqual(json.loads(r.stdout)["profilable"], r.returncode == 0)
        t = self.call(*words, **more)
        self.assertEqual(t.returncode, r.returncode)
        if t.stdout:
            levels = [l.split(" ", 1)[0] for l in t.stdout.splitlines()[:-1]]
            self.assertEqual([{"ok": "ok", "note": "note", "NO": "obstacle"}[l] for l in levels],
                             [f["level"] for f in said.findings])
            self.assertRegex(t.stdout, r"can be profiled\n\Z" if r.returncode == 0 else r"cannot be profiled\n\Z")
        else:
            self.assertEqual((t.returncode, t.stderr.count("\n"), t.stderr[:9]), (1, 1, "heaptap: "))
            said.one_line = t.stderr
        for f in said.findings:
            if f["level"] == "ok":
                self.assertEqual((f["why"], f["remedy"]), ("", ""))
        return said

    def found(self, said, check, level, what, why="", remedy=""):
        """One of that check's findings is so; each text is a regular expression."""
        rows = said.of(check)
        self.assertTrue([r for r in rows if r[0] == level and all(re.search(p, t) for p, t in zip((what, why, remedy), r[1:]))],
                        (check, level, what, rows, said.findings))
        self.assertEqual(said.status, 1 if any(f["level"] == "obstacle" for f in said.findings) else 0)

    def fine(self, said, check):
        rows = said.of(check)
        self.assertTrue(rows and all(r[0] == "ok" for r in rows), (check, said.findings))

    def obstacles(self, said, *checks):
        self.assertEqual(sorted({f["check"] for f in said.findings if f["level"] == "obstacle"}), sorted(checks), said.findings)

    def need_root(self):
        if not ROOT:
            self.skipTest("needs root")

    def mounts(self, script):
        """A prefix that runs a command in a mount namespace of its own, prepared by a shell script."""
        self.need_root()
        if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
            self.skipTest("no mount namespace here")
        return ["unshare", "-m", "--propagation", "private", "sh", "-ec", script + '\nexec "$@"', "sh"]

    def start(self, *words, program=PROG, preload=LIBRARY, prefix=(), **more):
        """A profiled program; waits until it is ready. The pid is what it says."""
        env = dict(os.environ, HEAPTAP_OUTPUT=self.tmp + "/p.%p.pb.gz")
        if preload:
            env["LD_PRELOAD"] = preload
        env.update(more.pop("env", {}))
        p = subprocess.Popen([*prefix, program, *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, env=env, cwd=self.tmp, **more)
        self.running.append(p)
        line = p.stdout.readline().split()
        self.assertTrue(line, "it did not start")
        p.is_ready = int(line[1])
        return p

    def build(self, name, source, *flags, compiler="gcc", need=None):
        path = os.path.join(self.tmp, name)
        file = path + (".cc" if compiler == "g++" else ".c")
        with open(file, "w") as f:
            f.write(source)
        try:
            r = subprocess.run([compiler, "-O1", "-fno-builtin", file, "-o", path, *flags], capture_output=True, text=True)
        except FileNotFoundError:
            self.skipTest("no %s here" % compiler)
        if r.returncode and need:
            self.skipTest("cannot build it here (%s)" % need)
        self.assertEqual(r.returncode, 0, r.stderr)
        return path


def main():
    del sys.argv[1:4]
    unittest.main(verbosity=1)
