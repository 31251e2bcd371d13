#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A daemon that root starts under heaptap run, and that gives up root's rights: taken over, it knows the run's number, and writes what it
likes into its regions. The run, which is still root's, writes where it was told to, and nowhere else."""
import glob
import os
import signal
import subprocess
import sys
import tempfile

from common import CHECKSUM, NAME, NOBODY, OUTPUT, claim, environment, finish, heaptap_path, need_root, own_shm, put_text, reseal


def forge(kind, victim):
    """In the profiled program: a child of the same low rights leaves a region, which is then changed."""
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    pid = os.fork()
    if not pid:
        kept = [bytearray(5000) for i in range(500)]
        os.kill(os.getpid(), signal.SIGKILL if kept and kind != "dumped" else signal.SIGSTOP)
        os._exit(0)
    if kind == "dumped":  # it has written a profile, and says that it was another file
        os.waitpid(pid, os.WUNTRACED)
        region = glob.glob("/dev/shm/heaptap-%d/%d.*" % (NOBODY, pid))[0]
        shared = os.open(region, os.O_RDWR)
        os.kill(pid, signal.SIGCONT)
        os.waitpid(pid, 0)
        b = bytearray(os.pread(shared, 8192, 0))
        at = b.index(b"/", CHECKSUM)
        put_text(b, at, 1024, victim.encode())
        os.pwrite(shared, b, 0)
    else:
        os.waitpid(pid, 0)
        region = glob.glob("/dev/shm/heaptap-%d/%d.*" % (NOBODY, pid))[0]
        with open(region, "r+b") as f:
            b = bytearray(f.read(8192))
            if kind == "output":
                put_text(b, OUTPUT, 1024, victim.encode())
            else:  # out of the directory by way of %e
                put_text(b, NAME, 64, ("/../" + os.path.basename(victim)[:-len(".pb.gz")]).encode())
            f.seek(0)
            f.write(reseal(b))
    print("forged")
    return 7


if sys.argv[1] == "forge":
    sys.exit(forge(*sys.argv[2:4]))
need_root()
own_shm()
for kind in ("output", "name", "dumped"):
    with tempfile.TemporaryDirectory(prefix="heaptap-dropped") as work:
        os.chmod(work, 0o755)
        out = work + "/out"
        os.mkdir(out)
        os.chmod(out, 0o777 if kind == "dumped" else 0o755)
        # Of the run's own; a profile, as everything that the run would read and write back must be.
        victim = work + "/victim.pb.gz"
        subprocess.run([heaptap_path, "run", "-q", "--rate=1", "-o", victim, "--", "/bin/ls", "/"], env=environment(), stdout=subprocess.DEVNULL, check=True)
        before = (os.stat(victim).st_ino, open(victim, "rb").read())
        r = subprocess.run([heaptap_path, "run", "-q", "--rate=1", "-o", out + "/%e.%p.pb.gz" if kind == "name" else out + "/p.pb.gz", "--",
                            "/usr/bin/python3", os.path.abspath(__file__), "forge", kind, victim],
                           env=environment(PYTHONMALLOC="malloc", PYTHONDONTWRITEBYTECODE="1"), capture_output=True, text=True, cwd=work)
        claim(r.returncode == 7 and r.stdout == "forged\n", "%s: the program runs" % kind, (r.returncode, r.stdout, r.stderr[-600:]))
        claim((os.stat(victim).st_ino, open(victim, "rb").read()) == before, "%s: a file that the region names is not written" % kind)
        claim(sorted(os.listdir(work)) == ["out", "victim.pb.gz"], "%s: nothing is written beside" % kind, os.listdir(work))
        claim(len(os.listdir(out)) >= 1, "%s: the run writes where it was told to" % kind, (os.listdir(out), r.stderr[-400:]))
finish()
