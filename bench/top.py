#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What intervals cost `heaptap top` of 200,000 samples, in instructions as callgrind counts them: no clock, no noise.

bench/top.py HEAPTAP [COMMIT|HEAPTAP]

Reports with and without intervals, over the report without. With COMMIT, one from before there were intervals (4351516), its own
`top` is the base; it is built in a folder of its own, unless it is the path of a command. JSON always has intervals. Exits 1 when one
of them lies over 1.1."""
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "compat"))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import pprofgen  # noqa: E402
from words import Words, there  # noqa: E402

MOST = 1.1  # of the report as it was before


def build(commit, work):
    """The commit's command, built as the working tree's."""
    run = dict(check=True, stdout=subprocess.DEVNULL)
    os.mkdir(work + "/source")
    subprocess.run("git -C '%s' archive '%s' | tar -x -C '%s/source'" % (ROOT, commit, work), shell=True, check=True)
    subprocess.run(["meson", "setup", work + "/build", work + "/source", "-Dwerror=false"], **run)
    subprocess.run(["ninja", "-C", work + "/build", "heaptap"], **run)
    return work + "/build/heaptap"


def instructions(heaptap, path, work, *options):
    r = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=" + work + "/out", heaptap, "top", *options,
                        "--symbolize=none", path], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    return int(re.search(r"Collected : (\d+)", r.stderr)[1])


def main():
    line = Words(__doc__)
    line.add_argument("heaptap", metavar="HEAPTAP", type=there)
    line.add_argument("other", metavar="COMMIT|HEAPTAP", nargs="?")
    words = line.parse_args()
    heaptap, other = words.heaptap, words.other
    with tempfile.TemporaryDirectory(prefix="heaptap-top.") as work:
        path, bad = work + "/p.pb.gz", False
        pprofgen.random_profile(path, 3, samples=200000, functions=3000)
        if other:
            base = instructions(other if os.access(other, os.X_OK) else build(other, work), path, work)
            print("top of %s: %.1f million instructions" % (other, base / 1e6))
        else:
            base = instructions(heaptap, path, work)
        for options in (), ("--intervals",), ("--json",):
            n = instructions(heaptap, path, work, *options)
            bad |= n > MOST * base
            print("top %-11s: %.1f million instructions, %.3f" % (" ".join(options), n / 1e6, n / base), flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
