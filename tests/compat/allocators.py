#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Text profiles as the allocators themselves write them: gperftools' against go tool pprof, line
for line; jemalloc's, which pprof does not read, against jeprof and the truth.

usage: allocators.py HEAPTAP PROGRAM      (PROGRAM is allocators.c built)"""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from words import Words, there  # noqa: E402

LIBS = "/usr/lib/x86_64-linux-gnu/"
failed = []
skipped = []


def run(*argv, **env):
    r = subprocess.run(argv, capture_output=True, text=True, env=dict(os.environ, **env))
    return r.returncode, r.stdout, r.stderr


def profile_of(program, library, pattern, **env):
    """Runs the program on an allocator; the profile it wrote, None when there is none."""
    if not os.path.exists(LIBS + library):
        return None
    run(program, LD_PRELOAD=LIBS + library, **env)
    found = sorted(glob.glob(pattern))
    return found[-1] if found else None


def gperftools(heaptap, program, d):
    path = profile_of(program, "libtcmalloc.so.4", d + "/tc.*.heap", HEAPPROFILE=d + "/tc")
    if not path:
        return skipped.append("gperftools (apt-get install libgoogle-perftools4)")
    if not shutil.which("go"):
        return skipped.append("gperftools against pprof (apt-get install golang-go)")
    for report in ["top"], ["top", "-cum"], ["top", "-alloc_objects"], ["tree"], ["traces"], ["raw"]:
        _, want, err = run("go", "tool", "pprof", "-symbolize=none", "-" + report[0], *report[1:],
                           path, HOME=d, PPROF_TMPDIR=d)
        _, got, mine = run(heaptap, report[0], "--symbolize=none", *report[1:], path, HOME=d)
        if want != got or not got:
            failed.append("gperftools %s:\n%s%s--- pprof:\n%s%s" %
                          (" ".join(report), got, mine, want, err))


def flat_of(heaptap, path, index):
    """Flat values by function."""
    rc, out, err = run(heaptap, "top", "--json", "--nodefraction=0", "-i", index, path)
    if rc:
        failed.append("top --json %s: %s" % (path, err))
        return {}
    return {row["name"]: row["flat"] for row in json.loads(out)["rows"]}


def jemalloc(heaptap, program, d):
    path = profile_of(program, "libjemalloc.so.2", d + "/je.*.heap",
                      MALLOC_CONF="prof:true,prof_final:true,lg_prof_sample:10,prof_prefix:" +
                      d + "/je")
    if not path:
        return skipped.append("jemalloc with profiling (apt-get install libjemalloc2)")
    space = flat_of(heaptap, path, "inuse_space")
    count = flat_of(heaptap, path, "inuse_objects")
    # jemalloc accounts size classes: 1000 to 2000 become 1024 to 2048, 100000 becomes 114688
    for name, low, high, objects in (("grab", 1187250, 1400000, 750),
                                     ("buffers", 10000000, 11500000, 100)):
        if not low <= space.get(name, 0) <= high:
            failed.append("jemalloc: %s has %s bytes, not %d to %d" %
                          (name, space.get(name), low, high))
        if abs(count.get(name, 0) - objects) > objects * 0.15:
            failed.append("jemalloc: %s has %s objects, not %d" % (name, count.get(name), objects))
    if [n for n in space if "jemalloc" in n]:
        failed.append("jemalloc: its own frames show: %s" % sorted(space))
    if not shutil.which("jeprof"):
        return skipped.append("jemalloc against jeprof (apt-get install libjemalloc-dev)")
    _, out, err = run("jeprof", "--text", "--show_bytes", program, path)
    theirs = {m[2]: int(m[1]) for m in re.finditer(r"^ *(\d+) .* (\S+)$", out, re.M)}
    for name in "grab", "buffers":
        if abs(theirs.get(name, 0) - space.get(name, 0)) > 2 * max(1, count.get(name, 0)):
            failed.append("jemalloc: %s has %s bytes, with jeprof %s\n%s%s" %
                          (name, space.get(name), theirs.get(name), out, err))


def main():
    words = Words(__doc__)
    words.add_argument("heaptap", type=there)
    words.add_argument("program", type=there)
    words = words.parse_args()
    heaptap, program = words.heaptap, words.program
    with tempfile.TemporaryDirectory(prefix="heaptap-allocators.") as d:
        gperftools(heaptap, program, d)
        jemalloc(heaptap, program, d)
    for f in failed:
        print("FAIL " + f)
    for s in skipped:
        print("SKIP " + s)
    return 1 if failed else 77 if len(skipped) > 1 else 0


if __name__ == "__main__":
    sys.exit(main())
