#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What another user of the machine can do to whoever runs a profiled program or the command, root too: nothing. Traps in directories
that are everybody's, and names that were taken first. The attacker's side is a second user's."""
import os
import shutil
import subprocess
import tempfile
import time

from common import NOBODY, OTHER, as_user, claim, end, environment, finish, heaptap, lib, load, need_root, own_shm, start

need_root()
own_shm()


def attacker(*words):
    subprocess.run(words, check=True, **as_user(NOBODY))


def opened_by_children(parent):
    found = set()
    try:
        for pid in text("/proc/%d/task/%d/children" % (parent, parent)).split():
            for fd in os.listdir("/proc/%s/fd" % pid):
                found.add(os.readlink("/proc/%s/fd/%s" % (pid, fd)))
    except OSError:  # one that came or went meanwhile
        pass
    return found


def text(path):
    return open(path, errors="replace").read()


with tempfile.TemporaryDirectory(prefix="heaptap-strangers") as work:
    os.chmod(work, 0o755)
    everybodys, mine, victim = work + "/tmp", work + "/mine", work + "/victim"
    os.mkdir(everybodys)
    os.chmod(everybodys, 0o1777)
    os.mkdir(mine)
    for f in (victim, mine + "/victim"):
        open(f, "w").write("precious")

    # --- what others may know of a process ---
    p = start()
    region = "/dev/shm/heaptap-0/" + os.listdir("/dev/shm/heaptap-0")[0]
    claim(p.is_ready and subprocess.run(["cat", region], capture_output=True, **as_user(NOBODY)).returncode == 1, "a region cannot be read by others")
    claim(subprocess.run(["ls", os.path.dirname(region)], capture_output=True, **as_user(NOBODY)).returncode == 2, "nor its directory")
    for words in (["dump", "-o", "-", str(p.pid)], ["top", str(p.pid)], ["dump", "-o", "-", region]):
        status, out, err = heaptap(*words, uid=NOBODY)
        claim(status in (1, 2) and not out and err.count(b"\n") == 1, "%s by another user is refused with a line" % words[0], (status, out[:80], err))
    status, out, err = heaptap("ps", uid=NOBODY)
    claim(status == 0 and str(p.pid).encode() not in out, "ps of another user does not list it", out)
    status, out, err = heaptap("dump", "--raw", "-o", mine + "/own.pb.gz", str(p.pid))
    claim(status == 0, "its owner reads it", err)
    shutil.copy(mine + "/own.pb.gz", work + "/profile.pb.gz")
    end(p)

    # --- the command writes where everybody may ---
    for name, words in {"dump": ["dump", "--raw", "-q"], "dump with names": ["dump", "--fast", "-q"], "merge": ["merge"], "flame": ["flame"]}.items():
        p = start()
        source = str(p.pid) if name.startswith("dump") else work + "/profile.pb.gz"
        for trap in ("a link", "a link to nothing", "a pipe"):
            out_file = everybodys + "/out"
            if trap == "a pipe":
                attacker("mkfifo", "-m", "666", out_file)
            else:
                attacker("ln", "-s", victim if trap == "a link" else mine + "/made", out_file)
            status, out, err = heaptap(*words, "-o", out_file, source)
            claim(status == 1 and err.count(b"\n") == 1, "%s over %s of another user's is refused" % (name, trap), (status, err))
            claim(text(victim) == "precious" and not os.path.exists(mine + "/made"), "%s over %s: nothing is written through it" % (name, trap))
            if text(victim) != "precious":
                open(victim, "w").write("precious")
            attacker("rm", out_file)
        os.symlink(mine + "/target", everybodys + "/own")
        open(mine + "/target", "w").write("old")
        status, out, err = heaptap(*words, "-o", everybodys + "/own", source)
        claim(status == 0 and os.path.getsize(mine + "/target") > 20 and os.path.islink(everybodys + "/own"), "%s: a link of one's own is followed" % name, err)
        os.unlink(everybodys + "/own")
        end(p)

    # --- the program's own dump ---
    for who in (0, OTHER):
        for trap in ("a link", "a directory", "a link at the temporary name", "a file"):
            target = everybodys + "/p.pb.gz"
            p = start(uid=who or None, HEAPTAP_OUTPUT=target)
            at = target + (".tmp.%d" % p.pid if "temporary" in trap else "")
            if trap == "a directory":
                attacker("mkdir", at)
            elif trap == "a file":
                attacker("touch", at)
            else:
                attacker("ln", "-s", victim, at)
            if who:
                os.chmod(victim, 0o666)  # the kernel's own permissions must not be what saves it
            status, said = end(p)
            claim(status == 5 and said.count("\n") <= 1, "exit over %s of another user's: status and at most a line (user %d)" % (trap, who), (status, said))
            claim(text(victim) == "precious", "exit over %s of another user's: nothing is written through it (user %d)" % (trap, who))
            for f in os.listdir(everybodys):
                shutil.rmtree(everybodys + "/" + f) if os.path.isdir(everybodys + "/" + f) else os.unlink(everybodys + "/" + f)

    # --- the directory of regions is taken by another ---
    for trap in ("a directory of theirs", "one of theirs, open to all", "a link to one of ours"):
        shutil.rmtree("/dev/shm/heaptap-0", ignore_errors=True)
        inside = "/dev/shm/heaptap-0"
        if trap == "a link to one of ours":
            inside = work + "/elsewhere"
            os.mkdir(inside, 0o700)
            attacker("ln", "-s", inside, "/dev/shm/heaptap-0")
        else:
            attacker("mkdir", "-m", "777" if "open" in trap else "700", inside)
        p = start(HEAPTAP_OUTPUT=mine + "/q.pb.gz")
        claim(p.is_ready and not os.listdir(inside), "the directory of regions is %s: nothing is put there" % trap)
        status, out, err = heaptap("dump", "--raw", "-q", "-o", "-", str(p.pid))
        claim(status == 0 and len(out) > 200, "the directory of regions is %s: the process is read all the same" % trap, err)
        status, said = end(p)
        claim(status == 5 and os.path.exists(mine + "/q.pb.gz"), "the directory of regions is %s: its profile is written" % trap, said)
        os.unlink(mine + "/q.pb.gz")
        os.unlink("/dev/shm/heaptap-0") if os.path.islink("/dev/shm/heaptap-0") else shutil.rmtree("/dev/shm/heaptap-0")

    # --- swapped between the look and the use ---
    if shutil.which("strace"):
        checked, other = work + "/regions", work + "/trap"
        os.mkdir(checked, 0o700)
        os.mkdir(other, 0o700)
        trace = subprocess.Popen(["strace", "-o", work + "/log", "-P", checked, "-e", "inject=openat:delay_exit=5000000", "-E", "LD_PRELOAD=" + lib, "-E", "HEAPTAP_REGION_DIR=" + checked,
                                  "-E", "HEAPTAP_OUTPUT=" + mine + "/s.pb.gz", load], env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        # strace's line stands before the call is made: only the descriptor says that the directory was opened, and its process sleeps.
        deadline = time.time() + 100
        while time.time() < deadline and checked not in opened_by_children(trace.pid):
            time.sleep(0.01)
        os.rename(checked, work + "/was")
        os.symlink(other, checked)
        ready = trace.stdout.readline().strip() == b"ready"
        found = (os.listdir(work + "/was"), os.listdir(other))
        claim(ready and len(found[0]) == 1 and not found[1], "a directory of regions swapped after it was opened: the one that was looked at is used", found)
        trace.stdin.close()
        trace.wait()
    else:
        print("SKIP strace is not installed: no directory is swapped between the look and the use")
finish()
