#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""/dev/shm full, missing or read-only: the program is unharmed and its profile is to be had, from outside and at its end."""
import os
import signal
import subprocess
import sys

from common import DIR, ROOT, check, finish, heaptap, pprof, start, sums, wait_for

if not ROOT or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
    print("SKIP a small tmpfs on /dev/shm needs root and unshare")
    sys.exit(77)
default = dict(HEAPTAP_REGION_DIR="")
expect = [5120, 5120 * 48] * 2
for what, mount in (("of 64k", "mount -t tmpfs -o size=64k none /dev/shm"),
                    ("of 1m", "mount -t tmpfs -o size=1m none /dev/shm"),
                    ("full", "mount -t tmpfs -o size=1m none /dev/shm; head -c 2m /dev/zero >/dev/shm/fill 2>/dev/null"),
                    ("read-only", "mount -t tmpfs -o ro none /dev/shm"),
                    ("missing", "mount -t tmpfs none /dev; mknod /dev/null c 1 3; chmod 666 /dev/null")):
    out, last = os.path.join(DIR, "out.pb.gz"), os.path.join(DIR, "last.pb.gz")
    p = start("many_stacks", 9, 10, prefix=["unshare", "-m", "sh", "-c", mount + '; exec "$@"', "-"],
              HEAPTAP_OUTPUT=last, **default)
    if not check("/dev/shm %s: it runs" % what, p.line == "ready", p.line):
        continue
    status, _, err = heaptap("dump", p.pid, "-o", out, env=default)
    check("/dev/shm %s: dump from outside" % what, status == 0 and sums(out, "descend") == expect, (status, err))
    os.kill(p.pid, signal.SIGUSR1)
    numbered = os.path.join(DIR, "last.0.pb.gz")
    if check("/dev/shm %s: dump by signal" % what, wait_for(lambda: os.path.exists(numbered))):
        check("/dev/shm %s: whole" % what, not pprof.check(pprof.Profile(numbered), rate=1), what)
        check("/dev/shm %s: all of it" % what, pprof.Profile(numbered).totals()[2] >= expect[2])
        os.unlink(numbered)
    check("/dev/shm %s: it lives" % what, p.poll() is None)
    p.kill()
    p.wait()
finish("shm")
