#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""quickstart where it cannot go on: one line that says what is missing and what to type, before anything is installed or built. The
machine is made up by commands that stand first, or alone, in PATH; tests/fresh does the same on bare systems with more kinds. And the
table of packages: each that a build needs has Fedora's name and stands in docs/platforms.md. Seen failing: without check_machine it
went on on arm64; a package added to packages.txt alone."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOLS = "bash sh cat cut date df dirname basename env getconf grep head id mkdir printf rm sed sort stat tail touch tr tee uname awk".split()
failed = 0


def check(what, good, seen=""):
    global failed
    if not good:
        failed += 1
        print("FAIL %s: %s" % (what, seen))


def machine(commands, only):
    """A folder for PATH: scripts by name; with only, the plain tools and nothing else of this machine."""
    d = tempfile.mkdtemp()
    for name in TOOLS if only else ():
        os.symlink(shutil.which(name), os.path.join(d, name))
    for name, script in commands.items():
        path = os.path.join(d, name)
        if os.path.lexists(path):
            os.unlink(path)
        with open(path, "w") as f:
            f.write("#!/bin/sh\n%s\n" % script)
        os.chmod(path, 0o755)
    return d


def refused(what, commands, pattern, only=False):
    d = machine(commands, only)
    try:
        r = subprocess.run([shutil.which("bash"), os.path.join(ROOT, "quickstart")], env={"PATH": d if only else d + ":" + os.environ["PATH"]},
                           stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    finally:
        shutil.rmtree(d)
    check(what, r.returncode == 1 and r.stdout.count("\n") == 1 and not r.stderr and re.match("heaptap: .*" + pattern, r.stdout),
          "exit %d, %r %r" % (r.returncode, r.stdout[-600:], r.stderr[-300:]))


APT = {"apt-get": "exit 9", "dpkg-query": "exit 1", "id": "echo 1000"}
refused("arm64", {"uname": "echo aarch64"}, "aarch64, and heaptap runs on x86-64 only: type")
refused("32-bit", {"uname": "echo i686"}, "32-bit system .*64-bit system, where")
refused("32-bit programs", {"getconf": "echo 32"}, "32 bits.*type ./quickstart in a 64-bit system")
refused("no apt", {}, "has no apt-get; install what is in these Debian packages.*: .*libdw-dev.*meson", only=True)
refused("dnf", {"dnf": "exit 9"}, "have root type: dnf install .*elfutils-devel.*meson", only=True)
refused("no sudo", APT, "no sudo; have root type: apt-get install .*gcc.* sqlite3 .*run this again", only=True)
refused("sudo refuses", dict(APT, sudo="exit 1"), "sudo refuses; have root type: apt-get install .*gcc", only=True)

page = open(os.path.join(ROOT, "docs", "platforms.md"), encoding="utf-8").read()
for line in open(os.path.join(ROOT, "tests", "packages.txt"), encoding="utf-8"):
    words = line.split()
    if not words or line.startswith("#") or "# test" in line:
        continue
    fedora = [w[7:] for w in words[1:] if w.startswith("fedora:")]
    check(words[0], fedora, "no Fedora name in packages.txt")
    for name in [words[0]] + (fedora[0].split(",") if fedora else []):
        check(name, re.search(r"(?<![\w-])%s(?![\w-])" % re.escape(name), page), "not in docs/platforms.md")
print("%d failed" % failed)
sys.exit(failed != 0)
