# SPDX-License-Identifier: MIT
"""Runs heaptap in a fresh directory and reads what it left. argv: heaptap, prog, static program, a clock to preload."""
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import pprof  # noqa: E402

HEAPTAP, PROG, STATIC, CLOCK = (os.path.abspath(p) for p in sys.argv[1:5])
BLOCK = 100000
ENV = {k: v for k, v in os.environ.items() if not k.startswith("HEAPTAP_") and k != "LD_PRELOAD"}
ENV["LC_ALL"] = "C"
ROOT = os.geteuid() == 0


def can(*words):
    return shutil.which(words[0]) and not subprocess.run([*words, "true"], capture_output=True).returncode


def namespaces(*words):
    """Decorates a test: skipped with its reason where these cannot be made (not root, a chroot)."""
    return unittest.skipUnless(ROOT and can(*words), "needs root and %s" % " ".join(words))


class Case(unittest.TestCase):
    def setUp(self):
        self.tmp = tempfile.TemporaryDirectory()
        self.dir = os.path.realpath(self.tmp.name)
        self.regions = os.path.join(self.dir, "regions")
        os.mkdir(self.regions, 0o700)
        self.env = dict(ENV, HEAPTAP_REGION_DIR=self.regions, XDG_CACHE_HOME=self.dir + "/cache")

    def tearDown(self):
        self.tmp.cleanup()

    def run_(self, *args, **more):
        env = dict(self.env, **more.pop("env", {}))
        return subprocess.run([HEAPTAP, "run", *args], cwd=more.pop("cwd", self.dir), env=env,
                              capture_output=True, text=True, timeout=60, **more)

    def heaptap(self, *args, env={}):
        return subprocess.run([HEAPTAP, *args], cwd=self.dir, env=dict(self.env, **env), capture_output=True, text=True,
                              timeout=60)

    def start(self, *args, **more):
        return subprocess.Popen([HEAPTAP, "run", *args], cwd=self.dir, env=self.env,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)

    def files(self, pattern="*.pb.gz"):
        return sorted(os.path.relpath(p, self.dir) for p in glob.glob(os.path.join(self.dir, pattern)))

    def leftovers(self):
        return os.listdir(self.regions)

    def profile(self, name):
        path = os.path.join(self.dir, name)
        p = pprof.Profile(path)
        self.assertEqual(pprof.check(p, symbolized=True, peak="peak_space" in types(p), mappings="mmap_space" in types(p)), [])
        return p

    def blocks(self, name, kind="alloc_objects"):
        """How many blocks keep_blocks accounts for: by its name, so the names are there too."""
        p = self.profile(name)
        i = types(p).index(kind)
        return sum(s.values[i] for s in p.samples if "keep_blocks" in names(p, s))

    def until(self, what, seconds=100):
        end = time.monotonic() + seconds
        while not what():
            self.assertLess(time.monotonic(), end, "nothing came of it")
            time.sleep(0.02)


def types(p):
    return [t for t, _ in p.types]


def names(p, sample):
    return {p.text(p.functions[n.function].name) for l in sample.locations for n in p.locations[l].lines}


def main():
    del sys.argv[1:5]
    unittest.main(verbosity=1)
