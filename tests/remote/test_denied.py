#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What is refused by yama, by perf_event_paranoid and by a seccomp filter around heaptap is one line with its remedy, and exit 1.

The kernel's refusal is a filter's (EPERM, EACCES), and what sysctl says is a file in a mount namespace of the test's own: the machine's
settings stay as they are. Arguments: heaptap, deny."""
import os
import subprocess
import sys

HEAPTAP, DENY = (os.path.abspath(a) for a in sys.argv[1:3])
EPERM, EACCES = 1, 13
PROCESS_VM_READV, PTRACE, PERF = 310, 101, 298
failed = skipped = 0


def run(error, calls, words, settings=None):
    command = [DENY, str(error), ",".join(map(str, calls)), HEAPTAP, *words]
    if settings:
        made = "".join("mkdir -p /proc/sys/kernel/%s && echo %s > /proc/sys/kernel/%s && " % (os.path.dirname(k), v, k) for k, v in settings.items())
        command = ["unshare", "-m", "sh", "-c", "mount -t tmpfs none /proc/sys/kernel && " + made + 'exec "$@"', "sh"] + command
    return subprocess.run(command, capture_output=True, text=True, timeout=100)


def check(what, said, *args):
    global failed, skipped
    r = run(*args)
    if r.returncode == 77:
        skipped += 1
        print("SKIP %s: no seccomp filter can be installed here" % what)
    elif r.returncode != 1 or r.stderr.count("\n") != 1 or r.stdout or not all(s in r.stderr for s in said):
        failed += 1
        print("FAIL %s: %s" % (what, (r.returncode, r.stdout[:200], r.stderr)))


child = subprocess.Popen(["sleep", "1000"])
try:
    pid = str(child.pid)
    check("under a filter, threads", ["cannot be looked into", "kernel.yama.ptrace_scope"], EPERM, [PROCESS_VM_READV, PTRACE], ["threads", pid])
    for error in (EPERM, EACCES):
        check("under a filter, cpu", ["perf_event_open is refused", "--ptrace"], error, [PERF], ["cpu", "--seconds=1", pid])
    mounts = subprocess.run(["unshare", "-m", "sh", "-c", "mount -t tmpfs none /proc/sys/kernel"], capture_output=True).returncode == 0
    if not mounts:
        print("SKIP yama, perf_event_paranoid: no mount namespace can be made here")
    for level, remedy in ((1, "sysctl kernel.yama.ptrace_scope=0"), (2, "root"), (3, "next boot")):
        if mounts:
            check("yama %d" % level, ["kernel.yama.ptrace_scope is %d" % level, remedy], EPERM, [PROCESS_VM_READV, PTRACE], ["threads", pid],
                  {"yama/ptrace_scope": level})
    for words in (["cpu", "--seconds=1", pid], ["cpu", "--seconds=1", "--kernel", pid]):
        if mounts:
            check(" ".join(words[:-1]), ["kernel.perf_event_paranoid is 3"], EACCES, [PERF], words, {"perf_event_paranoid": 3})
finally:
    child.kill()
    child.wait()
sys.exit(1 if failed else 77 if skipped else 0)
