#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Dump, ps, recover and the reports on processes: running, stopped, in other namespaces and roots, of another user, forked."""
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

from common import (DIR, HEAPTAP, LIBRARY, PROGRAMS, REGIONS, ROOT, check, finish, heaptap, kill, one_line, pprof, start,
                    started, sums, wait_for)

out = os.path.join(DIR, "out.pb.gz")


def listed(pid, **env):
    status, text, err = heaptap("ps", "--json", env=env)
    check("ps --json", status == 0, err)
    return next((p for p in json.loads(text) if p["pid"] == pid), None) if status == 0 else None


# A living process, running and stopped; figures as the program has them.
p = start("many_stacks", 6, 10)
expect = [640, 640 * 48, 640, 640 * 48]
for state, number in (("alive", None), ("stopped", signal.SIGSTOP)):
    if number:
        os.kill(p.pid, number)
        wait_for(lambda: open("/proc/%d/stat" % p.pid).read().split(")")[1].split()[0] == "T")
    status, _, err = heaptap("dump", p.pid, "-o", out)
    check("dump of a process that is " + state, status == 0, err)
    check("its figures (%s)" % state, sums(out, "descend") == expect, sums(out, "descend"))
    prof = pprof.Profile(out)
    check("as readers insist (%s)" % state, not pprof.check(prof, rate=1, symbolized=True), pprof.check(prof, rate=1, symbolized=True))
    e = listed(p.pid)
    check("ps says " + state, e and e["state"] == state and e["program"] == "many_stacks" and e["rate"] == 1 and
          e["inuse_bytes"] >= 640 * 48, e)
with open(out, "wb") as f:
    status = subprocess.run([HEAPTAP, "dump", "--raw", str(p.pid), "-o", "-"], stdout=f).returncode
check("dump --raw to standard output", status == 0 and pprof.Profile(out).totals()[2] >= 640, status)
status, text, err = heaptap("top", p.pid)
check("top PID", status == 0 and "descend" in text, text + err)
status, text, err = heaptap("recover", p.pid)
check("recover refuses a living process", status == 1 and one_line(err), err)
status, text, err = heaptap("diff", out, p.pid)
check("diff FILE PID of nothing new", status == 0 and "descend" not in text, text + err)

# Ages.
young = heaptap("dump", "--max-age=1h", p.pid, "-o", out)
check("--max-age keeps the young", sums(out, "descend")[2] == 640, sums(out, "descend"))
heaptap("dump", "--min-age=1h", p.pid, "-o", out)
check("--min-age=1h leaves nothing", not pprof.Profile(out).samples)
heaptap("dump", "--ages", p.pid, "-o", out)
prof = pprof.Profile(out)
labels = {(prof.text(l.key), prof.text(l.unit)) for s in prof.samples for l in s.labels}
check("--ages labels the samples", ("age", "seconds") in labels, labels)
check("--ages keeps the sums", sums(out, "descend") == expect, sums(out, "descend"))
status, text, err = heaptap("top", "-tagfocus=age=:3600s", "--ages", p.pid)
check("-tagfocus finds ages", status == 0 and "descend" in text, text + err)
for words in (["--min-age=soon"], ["--min-age=2h", "--max-age=1h"]):
    status, _, err = heaptap("dump", *words, p.pid, "-o", out)
    check("unusable " + " ".join(words), status == 2 and one_line(err), err)
kill(p)

# Dead: recoverable until it is recovered; the reports read it, too.
e = listed(p.pid)
check("ps says dead and recoverable", e and e["state"] == "dead" and e["recoverable"], e)
status, text, err = heaptap("top", p.pid)
check("top of a dead process", status == 0 and "descend" in text, text + err)
status, text, err = heaptap("top", e["region"])
check("top of its region", status == 0 and "descend" in text, text + err)
status, _, err = heaptap("recover", "--keep")
check("recover without words, keeping", status == 0 and os.path.exists(e["region"]), err)
check("its default name", os.path.exists(os.path.join(DIR, "heaptap.many_stacks.%d.pb.gz" % p.pid)), os.listdir(DIR))
status, _, err = heaptap("recover")
check("recover without words", status == 0 and not os.path.exists(e["region"]), err)
status, _, err = heaptap("recover", p.pid)
check("recovered once", status == 1 and one_line(err), err)

# What dead ones left is bounded: a week after it was met, not before; and what nobody wants goes at once.
dead = []
for i in range(3):
    p = start("many_stacks", 3, 1, HEAPTAP_SIGNAL="none")
    kill(p)
    dead.append(p.pid)
of_pid = lambda pid: [os.path.join(REGIONS, n) for n in os.listdir(REGIONS) if n.startswith("%d." % pid)]
check("met dead, all are kept", all(listed(pid) for pid in dead))
week = 7 * 24 * 3600
os.utime(of_pid(dead[0])[0], (0, time.time() - week - 60))
os.utime(of_pid(dead[1])[0], (0, time.time() - week + 600))
heaptap("ps")
check("after a week it goes, not before", not of_pid(dead[0]) and of_pid(dead[1]) and of_pid(dead[2]), os.listdir(REGIONS))
live = start("many_stacks", 3, 1)
os.chmod(of_pid(live.pid)[0], 0o400)
os.utime(of_pid(live.pid)[0], (0, 0))
heaptap("ps")
check("a living one's is never taken", of_pid(live.pid))
held = of_pid(live.pid)[0]
os.rename(held, os.path.join(REGIONS, "4000000.1.0")) # as if of a process that is not to be seen from here
with open(os.path.join(REGIONS, "4000000.1.0"), "rb") as f:
    try:
        fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        check("a living process holds its region's lock", False)
    except BlockingIOError:
        check("a living process holds its region's lock", True)
kill(live)
for n in os.listdir(REGIONS):
    os.unlink(os.path.join(REGIONS, n))

# No sample yet; not profiled; not there.
idle = start("/bin/sleep", 60, rate="100g", ready=False)  # at 512k one sleep in a hundred has one
wait_for(lambda: os.listdir(REGIONS))
status, _, err = heaptap("dump", idle.pid, "-o", out)
check("a process without a sample", status == 0 and not pprof.Profile(out).samples, err)
kill(idle)
bare = subprocess.Popen(["/bin/sleep", "60"])
started.append(bare)
for what, word in (("not profiled", bare.pid), ("not there", 999999999), ("not a pid", "nothing")):
    for command in ("dump", "recover", "top"):
        status, _, err = heaptap(command, word)
        check("%s of what is %s" % (command, what), status in (1, 2) and one_line(err), (status, err))

# A fork's child without a sample: no figure is made up.
waiting = subprocess.Popen([sys.executable, "-c", "import os, time\nif os.fork() == 0:\n    print(os.getpid(), flush=True)\n    time.sleep(1000)\n"
                            "os.wait()"], stdout=subprocess.PIPE, env=dict(os.environ, LD_PRELOAD=LIBRARY, HEAPTAP_RATE="1G"))
child = int(waiting.stdout.readline())
status, text, err = heaptap("leaks", child)
check("leaks of a child without a sample", (status, text) == (1, "") and one_line(err) and "has had no sample yet" in err, (status, text, err))
text = heaptap("memory", child)[1]
check("memory of it: glibc's figures", "in use (as glibc's malloc counts)" in text and "estimated" not in text, text)
text = heaptap("watch", "--count=1", child)[1]
check("watch of it", re.match(r"python3?[\d.]* \(%d\)  \? in use" % child, text) and "no sample yet" in text and "may not be listed" not in text, text)
status, text, err = heaptap("dump", child, "-o", "waiting.pb.gz")
check("dump of it", status == 0 and "has had no sample yet, so the profile is empty" in err, err)
os.kill(child, 9)
waiting.wait()
waiting.stdout.close()

# A first look has nothing to compare with.
live = start("churn", 2)
text = heaptap("watch", "--count=2", "--interval=200ms", live.pid)[1].split("\n\n")
check("the first table has no growth", "allocs/s" not in text[0] and "/s" not in text[0] and " allocs/s" in text[1], text)
kill(live)

# A fork's child has its own, and its parent's figures stay.
parent = start("forker")
child = int(parent.line)
for pid, inuse in ((parent.pid, 100), (child, 150)):
    status, _, err = heaptap("dump", pid, "-o", out)
    check("dump after a fork", status == 0, err)
    check("what it has after a fork", sums(out, "keep")[2] == inuse, (sums(out, "keep"), inuse))
os.kill(child, signal.SIGKILL)
kill(parent)

# Regions that cannot lie in a file: private memory, read out of the process.
p = start("many_stacks", 6, 10, HEAPTAP_REGION_DIR="/proc/no/such")
status, _, err = heaptap("dump", p.pid, "-o", out)
check("dump of a region in private memory", status == 0 and sums(out, "descend") == expect, err)
e = listed(p.pid)
check("ps has it", e and e["state"] == "alive" and e["region"] == "", e)
os.kill(p.pid, signal.SIGSTOP)
check("also when it is stopped", heaptap("dump", p.pid, "-o", out)[0] == 0 and sums(out, "descend") == expect)
kill(p)

# Removed under it: still to be had.
p = start("many_stacks", 6, 10)
for n in os.listdir(REGIONS):
    os.unlink(os.path.join(REGIONS, n))
status, _, err = heaptap("dump", p.pid, "-o", out)
check("dump when its file was removed", status == 0 and sums(out, "descend") == expect, err)
kill(p)

if not ROOT:
    print("SKIP other users, roots and namespaces: not root")
    finish("outside")

# Another user's, for root.
where = os.path.join(DIR, "theirs")
os.mkdir(where)
os.chown(where, 65534, 65534)
# What they run they must be able to read: a clone below root's home is root's alone.
for path in (LIBRARY, os.path.join(PROGRAMS, "many_stacks")):
    shutil.copy(path, where)
theirs = dict(HEAPTAP_REGION_DIR="", LD_PRELOAD=os.path.join(where, os.path.basename(LIBRARY)))
their_program, default = os.path.join(where, "many_stacks"), dict(HEAPTAP_REGION_DIR="")
p = start(their_program, 6, 10, cwd=where, prefix=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"], **theirs)
pid = p.pid
e = listed(pid, **default)
check("ps of root has other users'", e and e["uid"] == 65534, e)
status, _, err = heaptap("dump", pid, "-o", out, env=default)
check("dump of another user's process", status == 0 and sums(out, "descend") == expect, err)
kill(p)
status, _, err = heaptap("recover", pid, "-o", out, env=default)
check("recover of another user's process", status == 0 and sums(out, "descend") == expect, err)
check("and its region goes, by its name", e and not os.path.exists(e["region"]), (e, err))
p = start(their_program, 6, 10, cwd=where, prefix=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"], **theirs)
e = listed(p.pid, **default)
kill(p)
heaptap("ps", env=default)
check("root's ps leaves other users' regions alone", e and os.path.exists(e["region"]), e)
status, _, err = heaptap("recover", cwd=where, env=default)
check("so does its recover of all, which says so", e and os.path.exists(e["region"]) and
      "heaptap: the region %s stays: it is another user's\n" % e["region"] in err, (e, err))
heaptap("recover", p.pid, "-o", out, env=default)
shutil.rmtree("/dev/shm/heaptap-65534", ignore_errors=True)


def inside(what, prefix, find):
    p = start("many_stacks", 6, 10, prefix=prefix, **default)
    pid = find(p)
    if not check(what + ": it runs", pid and p.line == "ready", (pid, p.line)):
        return
    status, _, err = heaptap("dump", pid, "-o", out, env=default)
    check("dump from " + what, status == 0 and sums(out, "descend") == expect, err)
    e = listed(pid, **default)
    check("ps has one in " + what, e and e["state"] == "alive" and e["program"] == "many_stacks", e)
    os.kill(pid, signal.SIGKILL)
    p.wait()


def leaf(p):
    pid = p.pid
    while True:
        with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
            children = f.read().split()
        if not children:
            return pid
        pid = int(children[0])


if subprocess.run(["unshare", "-m", "-p", "-f", "true"], capture_output=True).returncode:
    print("SKIP namespaces: unshare is not permitted here")
else:
    inside("another pid namespace", ["unshare", "-p", "-f", "--mount-proc", "sh", "-c", '"$@" 2>/dev/null; :' , "-"], leaf)
    inside("another mount namespace", ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /dev/shm && exec "$@"', "-"], leaf)
    # A root of its own, with nothing in it but the libraries, /proc and /dev/shm.
    root = os.path.join(DIR, "root")
    for d in ("proc", "dev/shm", "lib64", "lib", "usr", "bin", "load"):
        os.makedirs(os.path.join(root, d))
    script = 'cd %s; for d in usr lib lib64 bin; do [ -e /$d ] && mount --rbind /$d $d; done; mount -t proc none proc;' \
             'mount -t tmpfs none dev/shm; mount --bind %s load; exec chroot . "$@"' % (root, PROGRAMS)
    shutil.copy(LIBRARY, os.path.join(root, "libheaptap.so"))
    full = dict(os.environ, HEAPTAP_RATE="1")
    full.pop("HEAPTAP_REGION_DIR")
    p = subprocess.Popen(["unshare", "-m", "sh", "-c", script, "-", "/bin/env", "LD_PRELOAD=/libheaptap.so",
                          "/load/many_stacks", "6", "10"], stdout=subprocess.PIPE, env=full)
    started.append(p)
    line = p.stdout.readline()
    check("chroot: it runs", line == b"ready\n", line)
    status, _, err = heaptap("dump", p.pid, "-o", out, env=default)
    check("dump from a chroot, with names", status == 0 and sums(out, "descend") == expect, err)
    kill(p)
finish("outside")
