#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""ps on a terminal (and --long), what a dump that failed leaves, and forget: dead ones alone, of this user alone."""
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import time

from common import DIR, HEAPTAP, LIBRARY, PROGRAMS, REGIONS, ROOT, check, finish, heaptap, kill, one_line, start, wait_for

import terminal

NAME = "psprog-%d" % os.getpid()
program = os.path.join(DIR, NAME)
shutil.copy(os.path.join(PROGRAMS, "churn"), program)
ME = pwd.getpwuid(os.geteuid()).pw_name


def on_terminal(*words, columns=200):
    """What a terminal of that width gets."""
    return terminal.run([HEAPTAP, *words], columns=columns, cwd=DIR, stderr=subprocess.DEVNULL, env=dict(os.environ, TERM="xterm"))[1]


def entry(pid):
    return next((e for e in json.loads(heaptap("ps", "--json")[1]) if e["pid"] == pid), None)


def row(text, pid):
    return next((line for line in text.splitlines() if re.match(r" *%d " % pid, line)), "")


living, dead = start(program, 2), start(program, 2)
os.kill(dead.pid, 9)
dead.wait()

piped = heaptap("ps")[1]
check("piped: the columns that scripts know", piped.split("\n")[0].split() ==
      ["PID", "PROGRAM", "STATE", "AGE", "RATE", "IN", "USE", "RSS", "SAMPLES", "PROFILE"], piped)
check("piped: no line between", "---" not in piped)
seen = on_terminal("ps")
check("on a terminal: who and what", re.search(r"(?m)^ *%d  %s +%s +alive .* %s" % (living.pid, ME[:12], NAME, re.escape(program[:32])), seen), seen)
check("on a terminal: no line is longer than it is wide", max(len(l) for l in seen.splitlines()) <= 200, seen)
check("nor on a narrow one", max(len(l) for l in on_terminal("ps", columns=60).splitlines()) == 60)
lines = seen.splitlines()
between = [i for i, l in enumerate(lines) if l.startswith("--- dead")]
where = {p.pid: next(i for i, l in enumerate(lines) if re.match(r" *%d " % p.pid, l)) for p in (living, dead)}
check("dead ones are below the line", len(between) == 1 and where[living.pid] < between[0] < where[dead.pid], seen)
narrow, uncut = on_terminal("ps", columns=80), row(heaptap("ps", "--long")[1], living.pid)
check("the same, uncut, as --long", uncut.split()[:4] == row(seen, living.pid).split()[:4] and uncut.endswith("heaptap.%e.%p.pb.gz"), (seen, uncut))
check("a narrow one has fewer columns, and the profile's name", narrow.split("\n")[0].split()[-1] == "PROFILE" and
      re.match(r" *%d  %s +alive .*  heaptap\.%%e\.%%p\.pb\.gz" % (living.pid, NAME), row(narrow, living.pid)), narrow)
check("--long has them all on a narrow one", on_terminal("ps", "--long", columns=40).split("\n")[0].split() == seen.split("\n")[0].split())
e = entry(living.pid)
check("JSON has the same", e["user"] == ME and e["title"] == program + " 2" and e["unwritten"] == "" and "unit" in e, e)

# A name that the process gives itself.
titled = subprocess.Popen([sys.executable, "-c", "import ctypes,time\nlibc=ctypes.CDLL(None)\nx=[bytes(1000) for i in range(100)]\n"
                           "print('x',flush=True)\ntime.sleep(1000)", "some", "words"], stdout=subprocess.PIPE,
                          env=dict(os.environ, LD_PRELOAD=LIBRARY, HEAPTAP_RATE="1"))
titled.stdout.readline()
check("the title is the command line", entry(titled.pid)["title"].endswith("some words"), entry(titled.pid))
titled.kill()
titled.wait()
titled.stdout.close()

# A forked child is listed before its first sample, when it has no region yet; not where children are not profiled.
FORK = "import os,time\npid=os.fork()\nif pid: print(pid,flush=True)\ntime.sleep(1000)"


def forked(prefix=(), **env):
    parent = subprocess.Popen([*prefix, sys.executable, "-c", FORK], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=DIR,
                              env=dict(os.environ, HEAPTAP_REGION_DIR=REGIONS, HEAPTAP_RATE="1G", **env))
    return parent, int(parent.stdout.readline())


def unfork(parent, *pids):
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()


parent, child = forked(LD_PRELOAD=LIBRARY)
e = entry(child)
check("a forked child without a sample", e and e["forked"] and e["state"] == "alive" and e["samples"] == 0 and e["rate"] == 1 << 30 and
      e["program"] == entry(parent.pid)["program"] and e["resident_bytes"] > 0, e)
check("what it has in use is not known yet", re.search(r" alive +\d+s +1.0GB +- ", row(heaptap("ps")[1], child)), row(heaptap("ps")[1], child))
unfork(parent, child, parent.pid)
check("it goes with its process", not entry(child))
parent, child = forked(LD_PRELOAD=LIBRARY, HEAPTAP_CHILDREN="0")
check("not a child that is never profiled", entry(parent.pid) and not entry(child), entry(child))
unfork(parent, child, parent.pid)
# Where its profile goes: a pattern without %p gets the pid of all but the process that was started.
parent, child = forked(prefix=(HEAPTAP, "run", "-q", "-o", "v.pb.gz", "--"))
first = next(e["pid"] for e in json.loads(heaptap("ps", "--json")[1]) if not e["forked"] and e["command"].startswith(sys.executable) and e["pid"] != living.pid)
rows = {pid: row(heaptap("ps")[1], pid).split()[-1] for pid in (first, child)}
check("a child's file", rows == {first: DIR + "/v.pb.gz", child: DIR + "/v.%d.pb.gz" % child}, rows)
unfork(parent, child, first)

# A dump that failed.
failing = start(program, 2, HEAPTAP_OUTPUT="/proc/nowhere/x.pb.gz")
failing.send_signal(10)
check("it has failed", wait_for(lambda: entry(failing.pid)["unwritten"]), entry(failing.pid))
status, text, err = heaptap("ps")
line = "heaptap: %s (pid %d) could not write its profile (No such file or directory): it stays in its region (heaptap dump %d)\n" % (
    NAME, failing.pid, failing.pid)
check("and ps says why", line in err, err)
check("of the others it does not", err.count("could not write") == 1, err)
kill(failing)
check("when it is dead, what has it", "(heaptap recover %d)" % failing.pid in heaptap("ps")[2])

# forget
for words, status, said in (
        ([living.pid], 1, "%s (pid %d) is alive: its region stays" % (NAME, living.pid)),
        ([NAME + "x"], 1, "%sx: no dead process of that name left a region (heaptap ps lists them)" % NAME),
        ([1 << 28], 1, "%d: no dead process of that PID left a region (heaptap ps lists them)" % (1 << 28)),
        (["/etc/passwd"], 1, "/etc/passwd: no dead process of that path left a region (heaptap ps lists them)"),
        ([REGIONS + "/nothing"], 1, "/nothing: no dead process of that path"),
        ([], 2, "forget takes a PID, a name or a region"),
        ([entry(living.pid)["region"]], 1, "is alive: its region stays")):
    s, text, err = heaptap("forget", *words)
    check("forget %s" % words, s == status and one_line(err) and said in err and not text, (s, err))
check("nothing is gone", entry(living.pid) and entry(dead.pid))
samples = entry(dead.pid)["samples"]
s, text, err = heaptap("forget", dead.pid)
check("a dead one goes", s == 0 and one_line(err) and err.startswith("heaptap: forgot %s (pid %d): %d samples, " % (NAME, dead.pid, samples)) and
      err.endswith(" in use at the last one\n") and not entry(dead.pid), (s, err))
check("and was not written", not [n for n in os.listdir(DIR) if n.endswith(".pb.gz")])
check("by its name, but not the living one of that name", heaptap("forget", NAME)[0] == 0 and not entry(failing.pid) and entry(living.pid))
check("what is left of the name is alive", heaptap("forget", NAME)[0] == 1)
third = start(program, 2)
path = entry(third.pid)["region"]
kill(third)
s, text, err = heaptap("forget", "-q", path)
check("by its region, quietly", (s, text, err) == (0, "", "") and not os.path.exists(path), (s, err))
# A link to a living one's region, and a copy that is the user's own, are nobody's.
copy = os.path.join(DIR, "1.2.3")
shutil.copy(entry(living.pid)["region"], copy)
check("a copy elsewhere stays", heaptap("forget", copy)[0] == 1 and os.path.exists(copy))
link = os.path.join(DIR, "link")
os.symlink(entry(living.pid)["region"], link)
check("a link to a living one's", heaptap("forget", link)[0] == 1 and entry(living.pid))
# One that is being made has no lock yet.
young = os.path.join(REGIONS, "%d.1.0" % (1 << 22))
open(young, "w").close()
os.chmod(young, 0o600)
check("one that is being made stays", heaptap("forget", young)[0] == 1 and os.path.exists(young))
os.utime(young, (time.time() - 120,) * 2)
s, text, err = heaptap("forget", "")  # as of an empty variable
check("an empty word means none", s == 2 and "an empty word names no process" in err and os.path.exists(young), (s, err))
s, text, err = heaptap("forget", young)
check("an old one of which nothing can be read goes", s == 0 and "its region could not be read" in err and not os.path.exists(young), (s, err))
if ROOT:  # another user's
    library = shutil.copy(LIBRARY, DIR)  # the clone may lie where only root can look
    other = start(program, 2, prefix=("setpriv", "--reuid=65534", "--clear-groups"), HEAPTAP_REGION_DIR="", LD_PRELOAD=library)
    own = {"HEAPTAP_REGION_DIR": ""}
    pid = next(e["pid"] for e in json.loads(heaptap("ps", "--json", env=own)[1]) if e["uid"] == 65534 and e["program"] == NAME)
    kill(other)
    s, text, err = heaptap("forget", pid, env=own)
    check("another user's stays", s == 1 and "it is another user's (%s)" % pwd.getpwuid(65534).pw_name in err, (s, err))
    left = [n for n in os.listdir("/dev/shm/heaptap-65534") if n.startswith("%d." % pid)]
    check("it is there", len(left) == 1, left)
    for n in left:
        os.unlink("/dev/shm/heaptap-65534/" + n)
kill(living)
finish("ps")
