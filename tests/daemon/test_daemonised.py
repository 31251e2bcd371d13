#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A daemon that forks twice, closes its descriptors, goes to / and gives up root: by signal, from outside, at exit. And nothing
of ours in a process: no descriptor, no thread, no child."""
import glob
import os
import signal
import subprocess
import time

from common import DIR, LIBRARY, PROGRAMS, ROOT, check, finish, heaptap, kill, pprof, start, sums, wait_for

NOBODY = 65534


def daemon(uid, rate, end=signal.SIGTERM):
    where = os.path.join(DIR, "daemon-%d-%s-%d" % (uid, rate, end))
    os.mkdir(where)
    os.chmod(where, 0o777)
    pidfile = os.path.join(where, "pid")
    env = {k: v for k, v in os.environ.items() if k != "HEAPTAP_REGION_DIR"}
    env.update(LD_PRELOAD=LIBRARY, HEAPTAP_RATE=rate)
    subprocess.run([os.path.join(PROGRAMS, "becomes_daemon"), pidfile, str(uid)], cwd=where, env=env, check=True)
    pid = int(wait_for(lambda: os.path.exists(pidfile) and open(pidfile).read().strip()))
    what = "daemon of uid %d, rate %s: " % (uid, rate)
    # By its start too: pids come round, and a file of another's that was killed is not of this one.
    with open("/proc/%d/stat" % pid) as f:
        own = "/dev/shm/heaptap-*/%d.%s.*" % (pid, f.read().rsplit(")", 1)[1].split()[19])
    check(what + "it closed everything", wait_for(lambda: not os.listdir("/proc/%d/fd" % pid)))
    check(what + "its region is there", wait_for(lambda: glob.glob(own)), own)
    outside = os.path.join(where, "outside.pb.gz")

    def leaked():
        """More than the samples of a few blocks: it leaks one a millisecond, when it runs."""
        status, _, err = heaptap("dump", pid, "-o", outside, env={"HEAPTAP_REGION_DIR": ""})
        check(what + "dump from outside", status == 0, err)
        return status or sums(outside, "leak")[2] > 50

    if check(what + "sees the leak from outside", wait_for(leaked)):
        s = sums(outside, "before_fork")
        check(what + "has what its parents had allocated", s[2] >= (2 if rate == "1" else 0), s)
    os.kill(pid, signal.SIGUSR1)
    pattern = where + "/heaptap.becomes_daemon.%d" % pid
    check(what + "dump by signal where it started", wait_for(lambda: os.path.exists(pattern + ".0.pb.gz")), os.listdir(where))
    check(what + "no descriptor is left by a dump", not os.listdir("/proc/%d/fd" % pid), os.listdir("/proc/%d/fd" % pid))
    if end == signal.SIGKILL:
        os.kill(pid, end)
        wait_for(lambda: not os.path.exists("/proc/%d" % pid))
        status, _, err = heaptap("recover", pid, "-o", outside, env={"HEAPTAP_REGION_DIR": ""})
        check(what + "recovered when it was killed", status == 0 and sums(outside, "leak")[2] > 50, err)
        for n in glob.glob(own):
            os.unlink(n)
        return
    os.kill(pid, end)
    check(what + "it ends", wait_for(lambda: not os.path.exists("/proc/%d" % pid)))
    last = pattern + ".pb.gz"
    if check(what + "dump at exit where it started", wait_for(lambda: os.path.exists(last)), os.listdir(where)):
        for f in (last, pattern + ".0.pb.gz"):
            bad = pprof.check(pprof.Profile(f))
            check(what + "its files are as readers insist", not bad, bad)
        symbols = os.path.join(where, "named.pb.gz")
        heaptap("symbolize", last, "-o", symbols)
        check(what + "the leak is in the last dump", sums(symbols, "leak")[2] > 50)
        if uid:
            check(what + "the dump is its own", os.stat(last).st_uid == uid)
    # One that gave up root cannot take its region away: ps does, unless another ps of the machine's just holds it.
    listed = []
    def left():
        listed[:] = heaptap("ps", "--json", env={"HEAPTAP_REGION_DIR": ""})
        return glob.glob(own)
    check(what + "nothing is left in /dev/shm", wait_for(lambda: not left()), (glob.glob(own), listed))


daemon(0, "1")
daemon(0, "100")
if ROOT:
    daemon(NOBODY, "1")
    daemon(NOBODY, "100")
    # Its first sample in the last child comes when it is nobody already.
    daemon(NOBODY, "1000", signal.SIGKILL)
else:
    print("SKIP giving up root: not root")

# What a process has, while it allocates and samples: exactly what it has without us.
bare = start("churn", 2, LD_PRELOAD="")
ours = start("churn", 2)
of = lambda p, what: sorted(os.listdir("/proc/%d/%s" % (p.pid, what)))
worst = (0, 0, 0)
for i in range(200):
    fds = of(ours, "fd")
    tasks = len(of(ours, "task"))
    with open("/proc/%d/task/%d/children" % (ours.pid, ours.pid)) as f:
        children = f.read().split()
    worst = (max(worst[0], len(fds)), max(worst[1], tasks), max(worst[2], len(children)))
    time.sleep(0.005)
check("no descriptor", worst[0] == len(of(bare, "fd")), (of(ours, "fd"), of(bare, "fd")))
check("no thread", worst[1] == len(of(bare, "task")), worst)
check("no child", worst[2] == 0, worst)
kill(bare)
kill(ours)
finish("daemonised")
