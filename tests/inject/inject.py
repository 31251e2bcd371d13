#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""inject.py LIBRARY LOAD [--all] [POINT]...: all that can fail inside the library, made to fail, each time it comes in turn, and
that time with all behind it. The program's output, exit status and errno are those it has bare; at most a line or two is said; what is
written is a whole profile, never says more than the truth, and counts what it lacks: in exact mode allocated + lost is what was
allocated. No temporary file is left. The ordinary run takes some 20 times at each point; --all takes every one.

The words of "mmap, posix_fallocate, open, write, rename, getrandom, dlopen of the unwinder, unwinding, table growth" are here: system (each
system call by itself, fallocate, openat, write, rename and the reserving madvise among them); auxv (what seeds the sampler: the library
makes no getrandom); walk, trail, object, module, recipe, replay, bounds (unwinding: no unwinder is loaded); memory, chunk, record, data, frame,
stack, site, node, insert, copied module (tables); and lock, clock, file, region, zlib memory, zlib, message.

Seen failing: an inherited block that a child cannot take over was not counted as lost (frame, stack, chunk); a child that could have no
region looked for one when it freed (region:2, system:62)."""
import os, re, struct, subprocess, sys, tempfile, zlib
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import pprof
from words import Words, there

line = Words(__doc__)
line.flag("--all")
line.add_argument("library", type=there)
line.add_argument("load", type=there)
line.add_argument("points", nargs="*")
words = line.parse_args()
lib, load, every, points = words.library, words.load, words.all, words.points
OPERATIONS = "150" if every else "400"
# Where these fail a process may go without a profile: there is no memory or no file for it.
NO_PROFILE = {"system", "memory", "region", "zlib memory", "zlib", "message", "file"}
# Of its own times that a point may also be met forever: a lock that is never had holds up a placed block (see ht_new_sample_commit).
NOT_ONWARD = {("lock", "128k"), ("insert", "128k")}
LOSSES = {"in memory of the process that is gone": "gone", "table full": "full", "signal handler inside a hook": "reentrant", "table busy": "busy",
          "stale live records replaced": "stale", "frees not taken down": "free"}
clean = {k: v for k, v in os.environ.items() if not k.startswith("HEAPTAP_") and k != "LD_PRELOAD"}
bare = subprocess.run([load, OPERATIONS], env=clean, capture_output=True, timeout=60)
CALLS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "calls", "calls.txt")
NEVER_FAIL = {"close", "munmap", "sched_yield", "nanosleep", "getpid", "getppid", "geteuid", "exit", "exit_group", "clock_gettime"}
ELSEWHERE = {"close_range": "a file opened beside other threads: hazard 51", "mremap": "a fork in a handler that interrupted a hook: tests/attack", "mprotect": "references to an allocator's own calls: own_calls.py", "process_vm_readv": "an object whose file is gone: hazard 67", "setitimer": "a wait at the end with --leaks: tests/leaks", "prctl": "the thread's name, asked with --labels=thread: tests/labels", "kill": "a process that outlives `heaptap run`: tests/run_command",
             "symlink": "a region in the memory of a process that `heaptap run` started: tests/run_command",
             "lstat": "the same", "rt_sigaction": "a libc without _dl_find_object: unwind-churn-old-libc",
             "rt_sigtimedwait": "a write beyond the limit on files: hazard 29"}
COUNTS = 64 * 32 + 2 * 512 * 8


class Attempt:
    """One run: what it said, and its profiles by role."""

    def __init__(self, inject, rate):
        self.inject, self.rate, self.bad, self.profiles = inject, rate, [], {}
        with tempfile.TemporaryDirectory(prefix="heaptap-inject") as work:
            counts = os.path.join(work, "counts")
            with open(counts, "wb") as f:
                f.write(bytes(COUNTS))
            e = dict(clean, LD_PRELOAD=lib, HEAPTAP_RATE=rate, HEAPTAP_SEED="1", HEAPTAP_OUTPUT=work + "/p.%p.%n.pb.gz",
                     HEAPTAP_LOAD_OUTPUT=work + "/again.%p.%n.pb.gz", HEAPTAP_REGION_DIR=work + "/shm", HEAPTAP_INJECT_COUNTS=counts)
            if inject:
                e["HEAPTAP_INJECT"] = inject
            r = subprocess.Popen([load, OPERATIONS], env=e, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            try:
                out, err = r.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                r.kill()
                self.bad.append("does not end")
                return
            if (out, r.returncode) != (bare.stdout, bare.returncode):
                self.bad.append(f"exit {r.returncode}, {out[-200:]!r}, {err[-200:]!r}")
            if err.count(b"\n") > 4 or any(not l.startswith(b"heaptap: ") for l in err.splitlines()):
                self.bad.append(f"said {err!r}")
            raw = open(counts, "rb").read()
            self.times = {raw[i:i + 24].rstrip(b"\0").decode(): struct.unpack_from("q", raw, i + 24)[0] for i in range(0, 64 * 32, 32) if raw[i]}
            self.made, self.failed = (struct.unpack_from("512q", raw, 64 * 32 + k * 4096) for k in (0, 1))
            for f in sorted(os.listdir(work)):
                m = re.fullmatch(r"(p|again)\.(\d+)\.(\d+)(\.\d+)?\.pb\.gz", f)
                if m:
                    role = "again" if m[1] == "again" else "child" if int(m[2]) != r.pid else "first" if m[4] or m[3] != "0" else "signal"
                    self.read(os.path.join(work, f), role)
                elif f not in ("shm", "counts") and not self.excused(f):
                    self.bad.append(f"left {f}")

    def excused(self, f):
        # A temporary file stays when the very unlink was made to fail, as all that follows is with "+".
        return self.inject.startswith("system") and (self.inject.endswith("+") or self.failed[87])

    def read(self, path, role):
        try:
            p = pprof.Profile(path)
        except (pprof.Bad, EOFError, OSError, zlib.error) as e:
            self.bad.append(f"{role}: {e}")
            return
        if any(min(s.values) < 0 or s.values[2] > s.values[0] or s.values[3] > s.values[1] for s in p.samples):
            self.bad.append(f"{role}: impossible values")
        lost = dict.fromkeys(LOSSES.values(), 0)
        for c in p.comments:
            m = re.match(r"lost: (.*): (\d+) samples", c)
            if m:
                lost[LOSSES[m[1]]] = int(m[2])
        if role in self.profiles and role != "signal":
            self.bad.append(f"{role}: two profiles")
        self.profiles[role] = (p.totals(), lost)

    def judge(self, reference):
        if self.rate != "1":
            return
        point = self.inject.split(":")[0]
        roles = set(self.profiles)
        if len({"signal", "first"} & roles) == 1:
            # One dump of the first image failed: which, its name does not say, for the other takes the name that was free.
            only = self.profiles[roles.intersection({"signal", "first"}).pop()]
            role = "first" if only[0][0] > reference.profiles["signal"][0][0] else "signal"
            self.profiles.pop("signal", None)
            self.profiles.pop("first", None)
            self.profiles[role] = only
        # 64 frees that find a table locked are remembered, and while it stays so they are neither done nor lost.
        pending = 64 if point == "lock" and self.inject.endswith("+") else 0
        for role, (truth, _) in reference.profiles.items():
            if role not in self.profiles:
                # Nor does one in which every sample is lost leave one.
                if point not in NO_PROFILE and not self.inject.endswith("+"):
                    self.bad.append(f"{role}: no profile")
                continue
            got, lost = self.profiles[role]
            missing = truth[0] - got[0]
            # Allocated: never more; and what is not there is counted, one by one. Of those that found a lock busy some were taken back,
            # and are in what was allocated too.
            counted = lost["full"] + lost["reentrant"] + lost["busy"] + lost["gone"]
            not_inherited = 0  # what a parent lost it counted itself
            if role == "child":
                if "signal" not in self.profiles:
                    continue
                not_inherited = reference.profiles["signal"][0][2] - self.profiles["signal"][0][2]
            if got[0] > truth[0] or got[1] > truth[1] or missing > counted + max(0, not_inherited) or \
                    missing < counted - 2 * lost["busy"] + min(0, not_inherited):
                self.bad.append(f"{role}: allocated {got[:2]} of {truth[:2]}, lost {lost}, {not_inherited} not inherited")
            if got[2] > truth[2] + lost["stale"] + lost["free"] + pending or truth[2] - got[2] > missing + lost["busy"] + lost["full"]:
                self.bad.append(f"{role}: in use {got[2:]} of {truth[2:]}, lost {lost}")


def chosen(point, n, rate):
    """The times to fail at: all, or the first and last ones and some between."""
    if (every and rate == "1") or n <= 20 or point == "system":
        return range(1, n + 1)
    return sorted(set(range(1, 9)) | {8 + (n - 8) * k // 12 for k in range(1, 13)})


bad, table = [], []
made, failed = [0] * 512, [0] * 512
# The first thing said about a rate is how often each point is met.
with ThreadPoolExecutor(os.cpu_count()) as pool:
    for rate in ("1", "4k", "128k"):
        reference = Attempt("", rate)
        bad += [f"nothing injected at {rate}: {b}" for b in reference.bad]
        if rate == "1" and set(reference.profiles) != {"first", "signal", "child", "again"}:
            bad.append(f"nothing injected: profiles of {sorted(reference.profiles)}")
        tries = []
        for point, n in reference.times.items():
            if points and point not in points:
                continue
            times = chosen(point, n, rate)
            tries += [(point, f"{point}:{k}") for k in times]
            if (point, rate) not in NOT_ONWARD:
                few = list(times)[::6]
                tries += [(point, f"{point}:{k}+") for k in few]
            table.append((rate, point, n, len(times)))
        for (point, inject), a in zip(tries, pool.map(lambda t: Attempt(t[1], rate), tries)):
            if not a.bad:
                a.judge(reference)
            bad += [f"{inject} at {rate}: {b}" for b in a.bad]
            if hasattr(a, "failed"):
                made = [x + y for x, y in zip(made, a.made)]
                failed = [x + y for x, y in zip(failed, a.failed)]
if points and not table:
    line.error("no point is called so: " + " ".join(points))
for rate, point, n, taken in table:
    print(f"{rate:>4} {point:14} {n:6} times, {taken} of them failed")
numbers = {}
for path in ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"):
    if os.path.exists(path):
        numbers = {m[1]: int(m[2]) for m in re.finditer(r"#define __NR_(\w+) (\d+)", open(path).read())}
        break
listed = set(re.findall(r"\w+", " ".join(re.findall(r"^system: ((?:.*\n(?:    .*\n)*))", open(CALLS).read(), re.M)))) if numbers else set()
print("system calls failed:", ", ".join(f"{n} {failed[numbers[n]]}" for n in sorted(listed) if failed[numbers[n]]))
if not points:
    for n in sorted(listed - NEVER_FAIL - set(ELSEWHERE)):
        if not failed[numbers[n]]:
            bad.append(f"system call {n}, which the library makes, was never made to fail ({made[numbers[n]]} times made)")
for line in bad[:40]:
    print("FAIL", line)
print(f"{len(bad)} bad")
sys.exit(1 if bad or bare.returncode != 5 else 0)
