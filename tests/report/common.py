# SPDX-License-Identifier: MIT
"""What the tests of reports share."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "compat"))

import pprofgen  # noqa: E402

HEAPTAP = os.path.abspath(sys.argv[1])


def run(*args, env=None, cwd=None, stdin=None):
    r = subprocess.run([HEAPTAP] + list(args), capture_output=True, env=env, cwd=cwd, input=stdin)
    return r.returncode, r.stdout.decode(errors="replace"), r.stderr.decode(errors="replace")


def known_profile(path):
    """main -> (grow -> malloc inlined in fill, line 7) and main -> other; sizes 16 and 4096."""
    p = pprofgen.Profile()
    m = p.mapping(0x1000, 0x9000, 0, "/usr/bin/known", "00ff")
    main, grow, fill, other = (p.function(n, "/src/known.c", i + 1)
                               for i, n in enumerate(("main", "grow", "fill", "other;x")))
    top = p.location(m, 0x1010, [(main, 20)])
    inl = p.location(m, 0x1020, [(fill, 7), (grow, 12)])
    oth = p.location(m, 0x1030, [(other, 30)])
    p.sample([inl, top], [10, 160, 4, 64], [("bytes", 16, "bytes")])
    p.sample([inl, top], [2, 8192, 1, 4096], [("bytes", 4096, "bytes")])
    p.sample([oth, top], [1, 100, 1, 100], [("bytes", 100, "bytes"), ("thread", "io")])
    p.write(path, time_nanos=1700000000 * 10**9, comments=["lost: 0"])


checks = [0, 0]


def check(what, good, detail=""):
    checks[0 if good else 1] += 1
    if not good:
        print("FAIL %s %s" % (what, detail))


def finish(name):
    print("%s: %d checks passed, %d failed" % (name, *checks))
    sys.exit(1 if checks[1] or not checks[0] else 0)
