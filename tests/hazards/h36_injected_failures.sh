#!/bin/bash
# SPDX-License-Identifier: MIT
# only: glibc jemalloc
# Hazard 36: anything the library asks of the kernel is refused.
# Shows: with each of its system calls made to fail in turn, and all of a kind from one on, the program's output and status are the
# same, at most one line is said, and the profile is whole or not there.
# Seen failing without "a refused mapping is noticed" and "a failed dump takes its temporary file away" (mutants).
command -v strace >/dev/null || { echo "no strace"; exit 77; }
exec python3 - <<'P'
import os, re, subprocess, sys
sys.dont_write_bytecode = True
sys.path.insert(0, os.environ["H_LIB"])
import pprof
tmp = os.environ["H_TMP"]
program = os.path.join(os.environ["H_PROGRAMS"], "h17_workload")
profile, log = os.path.join(tmp, "p.pb.gz"), os.path.join(tmp, "log")
ERRORS = {"mmap": "ENOMEM", "madvise": "ENOMEM", "mremap": "ENOMEM", "openat": "EMFILE", "mkdir": "EACCES", "write": "ENOSPC",
          "ftruncate": "ENOSPC", "fallocate": "EOPNOTSUPP", "rename": "EACCES", "unlink": "EPERM", "read": "EIO", "fstat": "EIO"}


def run(extra=()):
    if os.path.exists(profile):
        os.unlink(profile)
    env = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    # -E sets the preload for the program alone.
    r = subprocess.run(["strace", "-f", "-y", "-o", log, *extra, "-E", "LD_PRELOAD=" + os.environ["H_PRELOAD"], "-E", "HEAPTAP_RATE=" + os.environ["H_RATE"],
                        "-E", "HEAPTAP_OUTPUT=" + profile, "-E", "HEAPTAP_REGION_DIR=" + tmp + "/regions", program],
                       env=env, capture_output=True, text=True, timeout=60)
    return r


first = run()
if first.returncode:
    print("strace cannot run here: " + first.stderr.strip())
    sys.exit(77)
want = subprocess.run([program], capture_output=True, text=True).stdout
calls, counts, ours = [], {}, False
for line in open(log):
    m = re.match(r"\d+ +(\w+)\(", line)
    if not m:
        continue
    name = m[1]
    counts[name] = counts.get(name, 0) + 1
    ours = ours or "/proc/self/status" in line
    if not ours or name in ("brk", "exit_group", "munmap", "getrandom", "newfstatat", "futex") or re.search(r"(write|fstat)\([12]<", line):
        continue
    if name == "mmap" and "MAP_NORESERVE" not in line or name in ("mremap", "madvise") and "0x" in line and "MADV_DONTNEED" in line:
        continue
    calls.append((name, counts[name]))
bad = tried = 0
for name, n in calls:
    for when in ("%d" % n, "%d+" % n):
        # All of a kind from one on would reach the allocator's own.
        if when[-1] == "+" and name in ("mmap", "mremap", "write", "madvise"):
            continue
        r = run(["-e", "inject=%s:error=%s:when=%s" % (name, ERRORS.get(name, "EPERM"), when)])
        tried += 1
        words = []
        if r.returncode or r.stdout != want:
            words.append("exit %d, output %r" % (r.returncode, r.stdout))
        lines = [l for l in r.stderr.splitlines() if l]
        if len(lines) > 1 or lines and not lines[0].startswith("heaptap: "):
            words.append("said %r" % r.stderr)
        if os.path.exists(profile):
            try:
                pprof.Profile(profile)
            except Exception as e:
                words.append("profile: %s" % e)
        if words:
            bad += 1
            print("%s call %s fails: %s" % (name, when, "; ".join(words)))
        left = [f for f in os.listdir(tmp) if ".tmp." in f and name not in ("unlink",)]
        for f in left:
            os.unlink(os.path.join(tmp, f))
        if left:
            bad += 1
            print("%s call %s fails: left %s" % (name, when, left))
print("%d calls refused, %d with harm" % (tried, bad))
sys.exit(1 if bad or not tried else 0)
P
