#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Linux before 5.14: MADV_POPULATE_READ and MADV_POPULATE_WRITE are EINVAL, here by a seccomp filter over the whole program. The
region grows in its file all the same: dumps from outside and what outlives SIGKILL have every allocation. Seen failing without
ht_page_make_present, when the region went on in private memory (nothing outlived SIGKILL). What happens on a full tmpfs there is
hazard 29's, the stacks of coroutines are unwind-stacks-old-kernel's."""
import os
import subprocess
import sys

from common import DIR, PROGRAMS, check, finish, heaptap, kill, pprof, start, sums

FILTER = os.path.join(PROGRAMS, "..", "doctor", "doctor-filter")
MADVISE, READ, WRITE, EINVAL = "28", "22", "23", "22"
OLD = [FILTER, MADVISE, READ, EINVAL, FILTER, MADVISE, WRITE, EINVAL]
LEVELS, OBJECTS = 13, 10
ALL = [OBJECTS << LEVELS, 48 * OBJECTS << LEVELS]
out = os.path.join(DIR, "out.pb.gz")

TRIED = """
import ctypes, errno, mmap
c = ctypes.CDLL(None, use_errno=True)
m = mmap.mmap(-1, 4096)
at = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(m)))
for advice in 22, 23, 4:
    print(c.madvise(at, ctypes.c_size_t(4096), advice) and errno.errorcode[ctypes.get_errno()])
"""
r = subprocess.run(OLD + [sys.executable, "-c", TRIED], capture_output=True, text=True)
if r.returncode == 77:
    print("SKIP: no seccomp here")
    sys.exit(77)
check("the kernel is one of before 5.14", r.stdout.split() == ["EINVAL", "EINVAL", "0"], (r.stdout, r.stderr))


def old(*command, **env):
    return start(FILTER, *OLD[1:], *command, HEAPTAP_SECCOMP="trust", **env)


def whole(what):
    got = sums(out, "descend")
    check(what, got[:2] == ALL and got[2:] == ALL, (got, ALL))
    lost = [c for c in pprof.Profile(out).comments if c.startswith("lost")]
    check(what + ": nothing lost", not lost, lost)
    os.remove(out)


p = old(os.path.join(PROGRAMS, "many_stacks"), LEVELS, OBJECTS)
status, _, err = heaptap("dump", p.pid, "-o", out)
check("dump from outside", status == 0, err)
whole("what a dump has")
kill(p)
status, _, err = heaptap("recover", p.pid, "-o", out)
check("recover after SIGKILL", status == 0 and "not complete" not in err, err)
whole("what recover has")
finish("old-kernel")
