#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A program that is executed under a seccomp filter is let alone, unless something says that our calls are safe there, and ps says
so. Seen failing without ht_filter_unknown (the program is killed), and without containers_own, HEAPTAP_SECCOMP and ht_filters_try."""
import glob
import json
import os
import re
import subprocess
import sys

from common import DIR, HEAPTAP, LIBRARY, PROGRAMS, ROOT, check, finish, heaptap, kill, start, sums

out = os.path.join(DIR, "out.pb.gz")
FILTER, LOAD = os.path.join(PROGRAMS, "under_filter"), os.path.join(PROGRAMS, "many_stacks")
if subprocess.run([FILTER, "allow", "true"]).returncode == 77:
    print("SKIP: no seccomp here")
    sys.exit(77)


def listed(pid):
    _, text, _ = heaptap("ps", "--json")
    return next((e for e in json.loads(text) if e["pid"] == pid), None)


def preloaded(how, *command, **env):
    return start(FILTER, how, *command, prefix=(), **env)


# The launcher is not under a filter when it starts, and execs under the same pid: what ps says is of the image that is there.
for how in ("kill", "refuse", "allow"):
    p = preloaded(how, LOAD, 3, 10)
    check(how + ": it runs as without us", p.line == "ready" and p.poll() is None, p.line)
    e = listed(p.pid)
    check(how + ": ps says that it is not profiled", e and e["state"] == "sandboxed", e)
    status, table, _ = heaptap("ps")
    check(how + ": and why", status == 0 and "many_stacks" in table and "seccomp filter" in table, table)
    status, _, err = heaptap("dump", p.pid, "-o", out)
    check(how + ": dump says the same", status == 1 and "seccomp filter" in err and not os.path.exists(out), (status, err))
    kill(p)

# Somebody says that it is safe.
for how in ("refuse", "allow"):
    p = preloaded(how, LOAD, 3, 10, HEAPTAP_SECCOMP="trust")
    e = listed(p.pid)
    check(how + ", trusted: ps has it", e and e["state"] == "alive" and e["samples"] >= 80, e)
    status, _, err = heaptap("dump", p.pid, "-o", out)
    check(how + ", trusted: dump", status == 0 and sums(out, "descend")[2] == 80, err)
    kill(p)
p = preloaded("allow", LOAD, 3, 10, HEAPTAP_SECCOMP="0")
e = listed(p.pid)
check("another number of filters is no word for these", e and e["state"] == "sandboxed", e)
kill(p)

# run under the same filter has tried the calls, all that the library's sources name.
source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "src")
ours = set()
for path in glob.glob(os.path.join(source, "target", "**", "*.[ch]"), recursive=True):
    # A number that is compared with is the program's call (confine.c).
    ours |= set(re.findall(r"(?<!== )\bSYS_[a-z0-9_]+", open(path).read()))
tried = set(re.findall(r"\bSYS_[a-z0-9_]+", open(os.path.join(source, "cli", "run", "filters.c")).read()))
# Not made under any filter: hazard 67.
ours.discard("SYS_process_vm_readv")
check("run tries every call", len(ours) > 30 and not ours - tried, ours - tried)
for how in ("refuse", "allow"):
    r = subprocess.run([FILTER, how, HEAPTAP, "run", "-q", "--exact", "-o", out, "--", sys.executable, "-c", "x = [bytes(1000) for i in range(1000)]"],
                       cwd=DIR, capture_output=True, text=True)
    check("run under %s: the profile" % how, r.returncode == 0 and os.path.exists(out), r.stderr)
    if os.path.exists(out):
        os.remove(out)

# A program that puts itself under one and becomes another, and one that does neither.
for command, under in (([FILTER, "kill", "true"], True), (["true"], False)):
    r = subprocess.run([HEAPTAP, "run", "-o", out, "--"] + command, cwd=DIR, capture_output=True, text=True)
    check("run says why %s left nothing" % command[-1], r.returncode == 0 and "no sample was seen" in r.stderr and ("seccomp" in r.stderr) == under, r.stderr)

# A container's filter, by its first process.
if ROOT and not subprocess.run(["unshare", "-fp", "--mount-proc", "true"], capture_output=True).returncode:
    r = subprocess.run([FILTER, "allow", "unshare", "-fp", "--mount-proc", "sh", "-c", "LD_PRELOAD=%s HEAPTAP_RATE=1 HEAPTAP_OUTPUT=%s ls / >/dev/null; true" % (LIBRARY, out)],
                       capture_output=True, text=True)
    check("a container's own filter", r.returncode == 0 and os.path.exists(out), r.stderr)
else:
    print("a container's own filter: not tried, it needs root and pid namespaces")

# A child that is forked under a filter of the program's own is counted in its parent's region.
p = preloaded("forks")
status, _, err = heaptap("dump", p.pid, "-o", out)
check("dump of a program that forked under its filter", status == 0 and sums(out, "keep")[0] == 100, err)
check("says that the child is not profiled", "1 of its forked children is not profiled" in err, err)
kill(p)
finish("filters")
