#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A process that has more rights than whoever started it (AT_SECURE): the variables are not believed and not handed on, its region,
which it trusts, is not a file that the starter may own, no file is written where the starter stands, and its signals are as ever.

The library is found by such a process only in the system's own directory, and with a setuid bit of its own: an administrator's
decision. Here that directory is one of ours in a mount namespace, with the C library and libheaptap.so in it.
"""
import ctypes
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

from common import NOBODY, claim, end, environment, finish, heaptap, lib, load, need_root, own_shm, skip

need_root()
own_shm()
libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 4096, 16384, 1 << 18
system = os.path.dirname(os.path.realpath("/lib64/ld-linux-x86-64.so.2"))
if not os.path.exists(system + "/libc.so.6"):
    skip("the C library does not lie beside the loader here")
if os.statvfs(tempfile.gettempdir()).f_flag & os.ST_NOSUID:
    skip("temporary files are on a file system without setuid bits")


def run(program, here, variables, *args):
    """As nobody, with `here` for the system's directory of libraries."""
    env = environment(LD_PRELOAD="libheaptap.so", **variables)

    def enter():
        failed = libc.unshare(CLONE_NEWNS) or libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None) or \
            libc.mount(here.encode(), system.encode(), None, MS_BIND, None)
        if failed:
            os._exit(77)
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)

    p = subprocess.Popen([program, *args], env=env, cwd=os.path.dirname(here) + "/cwd", preexec_fn=enter, stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    p.is_ready = p.stdout.readline().strip() == b"ready"
    if not p.is_ready and p.wait() == 77:
        skip("no mount namespace")
    return p


def files(*directories):
    return [os.path.join(d, f) for d in directories for f in os.listdir(d)]


def maps(p):
    return open("/proc/%d/maps" % p.pid).read()


with tempfile.TemporaryDirectory(prefix="heaptap-secure") as work:
    os.chmod(work, 0o755)
    here, cwd, regions = work + "/lib", work + "/cwd", work + "/regions"
    os.mkdir(here)
    os.mkdir(cwd)
    os.mkdir(regions)
    os.chmod(cwd, 0o777)
    os.chmod(regions, 0o700)
    os.chown(regions, NOBODY, NOBODY)
    for f in ("ld-linux-x86-64.so.2", "libc.so.6"):
        shutil.copy(os.path.join(system, f), here)
        os.chmod(os.path.join(here, f), 0o755)
    shutil.copy(lib, here + "/libheaptap.so")
    os.chmod(here + "/libheaptap.so", 0o4755)
    variables = dict(HEAPTAP_RATE="1", HEAPTAP_OUTPUT=cwd + "/chosen.pb.gz", HEAPTAP_REGION_DIR=regions)

    def copy(name, mode, group=0):
        shutil.copy(load, work + "/" + name)
        os.chown(work + "/" + name, 0, group)
        os.chmod(work + "/" + name, mode)
        return work + "/" + name

    kinds = {"setuid": copy("setuid", 0o4755), "setgid": copy("setgid", 0o2755, 42)}
    capable = copy("capable", 0o755)
    if shutil.which("setcap") and subprocess.run(["setcap", "cap_net_raw+ep", capable], stderr=subprocess.DEVNULL).returncode == 0:
        kinds["with file capabilities"] = capable
    else:
        print("SKIP setcap: no program with file capabilities is tried")

    # The same in a process that is not secure: what follows could be seen.
    p = run(copy("plain", 0o755), here, variables, "environment")
    in_file = regions in maps(p)
    words = []
    p.stdin.close()
    words = p.stdout.read().split()
    p.wait()
    claim(in_file and os.path.exists(cwd + "/chosen.pb.gz") and len(words) == 3, "control: without rights of its own it obeys its variables")
    for f in files(cwd, regions):
        os.unlink(f)

    for kind, program in kinds.items():
        before = set(os.listdir("/dev/shm"))
        p = run(program, here, variables, "environment")
        m = maps(p)
        claim(p.is_ready and "libheaptap" in m, "%s: it runs with the library" % kind)
        claim("/dev/shm/" not in m and regions not in m, "%s: its region is no file" % kind)
        status, out, err = heaptap("dump", "--raw", "-q", "-o", "-", str(p.pid))
        claim(status == 0 and len(out) > 200, "%s: root reads it" % kind, err)
        status, out, err = heaptap("ps", "--json")
        claim([e["rate"] for e in json.loads(out) if e["pid"] == p.pid] == [512 << 10], "%s: its variables are not believed" % kind, out)
        status, out, err = heaptap("dump", "--raw", "-q", "-o", "-", str(p.pid), uid=NOBODY)
        claim(status == 1 and not out and err.count(b"\n") == 1, "%s: whoever started it does not" % kind, (status, err))
        p.stdin.close()
        words = p.stdout.read().split()
        said = p.stderr.read()
        claim(p.wait() == 5 and not said, "%s: exit status and silence are the program's" % kind, (p.returncode, said))
        claim(not words, "%s: no variable of ours is handed on to its children" % kind, words)
        claim(not files(cwd, regions) and set(os.listdir("/dev/shm")) <= before | {"heaptap-0"}, "%s: it leaves no file" % kind, files(cwd, regions))
        # The image before it was the starter's, and says where its profile is to be written.
        groups = work + "/groups"
        os.mkdir(groups)
        os.chown(groups, 0, 42)
        os.chmod(groups, 0o770)
        p = run(work + "/plain", here, dict(variables, HEAPTAP_REGION_DIR=None, HEAPTAP_OUTPUT=groups + "/chosen.pb.gz"), program)
        status, said = end(p)
        claim(p.is_ready and status == 5 and not files(groups), "%s: it writes nothing for the image before it" % kind, (status, files(groups)))
        os.rmdir(groups)
        p = run(program, here, variables)
        p.send_signal(signal.SIGUSR1)
        claim(end(p)[0] == -signal.SIGUSR1 and not files(cwd, regions), "%s: the dump signal is as it would be without us" % kind)
finish()
