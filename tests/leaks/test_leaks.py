#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_leaks.py [--glibc-only] HEAPTAP LIBRARY HEAPS [CHECKS]: `heaptap leaks` on heaps of which it is known what leaked (heaps.cc).

No reachable block is ever called leaked, whatever holds it, while 8 threads move pointers as fast as they can; what leaked is found; what
cannot be seen is called what docs/leaks.md says. CHECKS: so many looks at each moving heap (1); 10,000 by hand. --glibc-only leaves out other
allocators, which the heaps of another glibc (other_glibc) have not."""
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

GLIBC_ONLY = sys.argv[1] == "--glibc-only"
if GLIBC_ONLY:
    sys.argv.pop(1)
HEAPTAP, LIBRARY, HEAPS = (os.path.abspath(a) for a in sys.argv[1:4])
CHECKS = int(sys.argv[4]) if len(sys.argv) > 4 else 1
DIR = tempfile.mkdtemp(prefix="heaptap-leaks-")
QUICK = ["--every=0", "--budget=0"]
failed, checks = [], 0


def check(what, good, seen=""):
    global checks
    checks += 1
    if not good:
        failed.append("%s: %s" % (what, str(seen)[:1500]))
        print("FAIL " + failed[-1], flush=True)


class Program:
    """A program under the library, or without it; its truth by name once it is ready."""
    def __init__(self, *words, rate="1", allocator=None, profiled=True):
        env = dict(os.environ, HEAPTAP_OUTPUT=DIR + "/out.pb.gz")
        if profiled:
            env.update(LD_PRELOAD=LIBRARY + (":" + allocator if allocator else ""), HEAPTAP_RATE=rate)
        self.p = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        self.pid, self.blocks, self.bytes = self.p.pid, {}, {}
        for line in self.p.stdout:
            if line == "ready\n":
                break
            name, blocks, size = line.split()
            self.blocks[name], self.bytes[name] = int(blocks), int(size)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.p.stdin.close()
        self.p.wait()


def leaks(pid, *options, status=0, quick=True):
    r = subprocess.run([HEAPTAP, "leaks", *(QUICK if quick else []), *options, str(pid)], capture_output=True, text=True)
    check("status of leaks %s" % " ".join(options), r.returncode == status, (r.returncode, r.stdout, r.stderr))
    return r


def between_passes(pid):
    """A look that waits for its second pass."""
    slow = subprocess.Popen([HEAPTAP, "leaks", "--every=3s", str(pid)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.time() + 60
    while time.time() < end and slow.poll() is None:
        if open("/proc/%d/syscall" % slow.pid).read().split()[0] in ("35", "230"):  # nanosleep, clock_nanosleep
            break
        time.sleep(0.01)
    return slow


def looked(pid, *options):
    out = json.loads(leaks(pid, "--json", *options).stdout)
    found = {}
    for s in out["sites"]:
        found[s["site"]] = found.get(s["site"], 0) + s["objects"]
    return out, found


def library(name):
    found = sorted(glob.glob("/usr/lib/x86_64-linux-gnu/" + name) + glob.glob("/usr/lib64/" + name))
    return found[0] if found and not GLIBC_ONLY else None


def part(program, found, prefix):
    all_ = sum(n for name, n in program.blocks.items() if name.startswith(prefix))
    return sum(n for name, n in found.items() if name.startswith(prefix)) / all_ if all_ else 1


# Every block is known: over four allocators, at rest and while pointers move. jemalloc's caches hold addresses of blocks that they had
# (docs/leaks.md).
ALLOCATORS = {"glibc": (None, 0.98), "jemalloc": ("libjemalloc.so.2", 0.96), "tcmalloc": ("libtcmalloc_minimal.so.4", 0.98),
              "mimalloc": ("libmimalloc.so.2*", 0.98)}
for name, (pattern, least) in ALLOCATORS.items():
    path = pattern and library(pattern)
    if pattern and not path:
        print("SKIP %s: it is not installed" % name)
        continue
    with Program(HEAPS, "5", "8", allocator=path) as p:
        for i in range(CHECKS):
            out, found = looked(p.pid, "--stop")
            kept = {n: found[n] for n in found if n.startswith(("kept_", "register_"))}
            if out["registers"]["not_stopped"]:
                # It got no processor for 150 ms, and what it holds in a register was not seen: the report says so.
                print("SKIP %s, look %d: %d threads could not be stopped on a machine this busy" % (name, i, out["registers"]["not_stopped"]))
                kept.pop("kept_moving", None)
            check(name + ": nothing reachable is called leaked", not kept, (i, kept, out["candidates"]))
            check(name + ": what leaked is found", part(p, found, "lost_") >= least, (i, part(p, found, "lost_"), found, p.blocks))
            check(name + ": exact", out["exact"] and out["asked"] >= sum(p.blocks.values()), out)

# The grades, and what stands under which head.
with Program(HEAPS, "5") as p:
    out, found = looked(p.pid, "--stop")
    sites = {(s["site"], s["leak"]): s for s in out["sites"]}
    for what, heads in (("list", 5), ("cycle", 5), ("hash", 5), ("tree", 5), ("ring", 5)):
        head = sites["lost_" + what, "unreferenced"]
        all_ = p.blocks["lost_" + what], p.bytes["lost_" + what]
        check("heads of lost_" + what, head["objects"] == heads and head["held_objects"] == all_[0] - heads, (head, all_))
        check("bytes under lost_" + what, head["bytes"] + head["held_bytes"] == all_[1], (head, all_))
    for what in ("plain", "self"):
        check("lost_" + what, sites["lost_" + what, "unreferenced"]["objects"] == p.blocks["lost_" + what], sites)
    check("shares", sites["lost_plain", "unreferenced"]["inuse_bytes"] == p.bytes["lost_plain"], sites)
    text = leaks(p.pid, "--stop", "--all").stdout
    check("text: the head and what it holds", "lost_tree ← build ← builder (holds %d others" % (p.blocks["lost_tree"] - 5) in text, text)
    check("text: registers", "threads were looked at, each stopped for" in text, text)
    check("text: protected memory is named", "protected against reading" in text, text)

# What cannot be seen is called leaked: each kind, as docs/leaks.md says; memory that was not read is named.
with Program(HEAPS, "5") as p:
    out, found = looked(p.pid, "--stop")
    for what in [n for n in p.blocks if n.startswith("unseen_")]:
        check(what + " is called leaked", found.get(what) == p.blocks[what], (found, p.blocks))
    check("protected memory", out["not_read"]["protected"] > 0, out["not_read"])
    for what, key in (("unseen_userfault", "userfaultfd"), ("unseen_secret", "secretmem")):
        if what in p.blocks:
            check(key, out["not_read"][key] > 0, out["not_read"])
        else:
            print("SKIP %s: the kernel has none, or refuses it" % key)
    check("shared memory that is not mapped in", out["not_read"]["absent"] > 0, out["not_read"])
    check("registers", out["registers"]["threads"] == 12 and out["registers"]["not_stopped"] == 0, out["registers"])

# An old pointer hides a leak: in a vector's unused part, and in a freed block; but not in a block of which glibc's heap says that it is free.
with Program(HEAPS, "5") as p:
    out, found = looked(p.pid, "--stop")
    check("hidden_slack: by the last one's pointer", found.get("hidden_slack") == p.blocks["hidden_slack"] - 1, (found, p.blocks))
    check("hidden_freed: exact mode does not know free blocks", found.get("hidden_freed", 0) < p.blocks["hidden_freed"], (found, p.blocks))
with Program(HEAPS, "5", rate="2") as p:
    out, found = looked(p.pid, "--stop")
    check("hidden_freed: the heap's walk does", found.get("hidden_freed", 0) >= p.blocks["hidden_freed"] - 0.5, (found, p.blocks))

# The stack of a thread by clone(2), without a look at registers: the kernel tells where a thread waits.
with Program(HEAPS, "5") as p:
    out, found = looked(p.pid)
    check("a thread's stack is no leak", p.blocks["kept_thread_stack"] == 1 and "kept_thread_stack" not in found, found)

# A register of a blocked thread alone: listed, and said, without --stop (an allocator that keeps no address of its last block).
path = library("libmimalloc.so.2*")
if path:
    with Program(HEAPS, "5", allocator=path) as p:
        out, found = looked(p.pid)
        check("registers are not looked at", found.get("register_rbx") == 5 and out["registers"] is None, (found, out["registers"]))
        text = leaks(p.pid).stdout
        check("and that is said", "Registers were not looked at" in text, text)
        out, found = looked(p.pid, "--stop")
        check("with --stop they are", "register_rbx" not in found and out["registers"]["held"] == 5, (found, out["registers"]))

# Sampled.
with Program(HEAPS, "60", rate="4k") as p:
    out, found = looked(p.pid, "--stop")
    check("sampled: nothing reachable is called leaked", not [n for n in found if n.startswith(("kept_", "register_"))], found)
    sites = {s["site"]: s for s in out["sites"]}
    plain = sites["lost_plain"]
    check("sampled: within the interval's reach", plain["bytes_low"] * 0.7 <= p.bytes["lost_plain"] <= plain["bytes_high"] * 1.3, (plain, p.bytes))
    check("sampled: the grades", {s["leak"] for s in out["sites"]} == {"unreferenced", "unreachable"} and not out["exact"], out)
    check("sampled: glibc's heap is walked", out["unreachable_told"] and out["not_told_because"] is None, out)
    r = leaks(p.pid, "-o", DIR + "/leaked.pb.gz")
    check("an interval is shown", "95 %" in r.stdout, r.stdout)
    tags = subprocess.run([HEAPTAP, "tags", DIR + "/leaked.pb.gz"], capture_output=True, text=True).stdout
    check("the profile has the label", "leak: Total" in tags and "%): unreferenced" in tags and "%): unreachable" in tags, tags)
    top = subprocess.run([HEAPTAP, "top", "-tagfocus=leak=unreferenced", DIR + "/leaked.pb.gz"], capture_output=True, text=True).stdout
    check("any reader shows it", "lost_plain" in top and "kept_" not in top, top)
    raw = subprocess.run([HEAPTAP, "leaks", *QUICK, "-o", "-", str(p.pid)], capture_output=True).stdout
    check("-o - writes the profile alone", raw[:2] == b"\x1f\x8b", raw[:20])

# Known ones are left out.
with Program(HEAPS, "3") as p:
    with open(DIR + "/known", "w") as f:
        f.write("# two of them\nleak:lost_tree\nleak:lost_plain$\n")
    r = leaks(p.pid, "--stop", "--all", "--suppressions=" + DIR + "/known", "-o", DIR + "/unknown.pb.gz")
    check("known leaks are left out", "lost_plain" not in r.stdout and "lost_tree" not in r.stdout and "lost_list" in r.stdout and "are suppressed" in r.stderr, r)
    top = subprocess.run([HEAPTAP, "top", DIR + "/unknown.pb.gz"], capture_output=True, text=True).stdout
    check("of the profile too", "lost_hash" in top and "lost_plain" not in top, top)
    with open(DIR + "/known", "w") as f:
        f.write("leak:*\n")
    r = leaks(p.pid, "--stop", "--fail", "--suppressions=" + DIR + "/known", status=0)
    check("all are known", "no leak was found" in r.stdout, r.stdout)
    check("no such file", leaks(p.pid, "--suppressions=" + DIR + "/none", status=2).stderr.count("\n") == 1)
    # Not used for a while: root alone is told, of kernels that know.
    r = subprocess.run([HEAPTAP, "leaks", *QUICK, "--idle=100ms", str(p.pid)], capture_output=True, text=True)
    if r.returncode:
        check("why it cannot be told is one line", r.returncode == 1 and r.stderr.count("\n") == 1 and not r.stdout, r)
        print("SKIP idle: " + r.stderr.strip())
    else:
        check("what was watched is said", "Blocks were watched for" in r.stdout, r.stdout)
    for bad in (["--idle=0"], ["--idle=soon"], ["--soft-dirty"]):
        check(" ".join(bad), leaks(p.pid, *bad, status=2).stderr.count("\n") == 1)

# Sampled, but so densely that nearly every block is one: what leaked is found over glibc by walking its heap, at rest and while pointers move,
# cycles and the insides of structures too, and under which head.
for movers in ("0", "8"):
    with Program(HEAPS, "5", movers, rate="2") as p:
        for i in range(CHECKS):
            out, found = looked(p.pid, "--stop")
            kept = {n: found[n] for n in found if n.startswith(("kept_", "register_"))}
            if out["registers"]["not_stopped"]:
                print("SKIP walk, look %d: %d threads could not be stopped on a machine this busy" % (i, out["registers"]["not_stopped"]))
                kept.pop("kept_moving", None)
            check("walk: nothing reachable is called leaked", not kept, (movers, i, kept, out["candidates"]))
            check("walk: what leaked is found", part(p, found, "lost_") >= 0.98, (movers, i, part(p, found, "lost_"), found, p.blocks))
            check("walk: it is one", not out["exact"] and out["unreachable_told"] and out["heap_not_walked_bytes"] == 0 and out["outside_heap"] == 0, out)
        sites = {(s["site"], s["leak"]): s for s in out["sites"]}
        for what, each in (("list", 10), ("cycle", 7), ("hash", 129), ("tree", 63), ("ring", 14)):
            head = sites["lost_" + what, "unreferenced"]
            check("walk: what heads of lost_%s hold" % what, abs(head["held_objects"] - head["objects"] * (each - 1)) <= each // 2, (head, each))

# Another allocator's heap is not walked, and that is said.
path = library("libmimalloc.so.2*")
if path:
    with Program(HEAPS, "5", rate="2", allocator=path) as p:
        out, found = looked(p.pid)
        check("not walked", not out["unreachable_told"] and "libmimalloc" in out["not_told_because"], out)
        check("the grade", {s["leak"] for s in out["sites"]} == {"unreferenced"}, out)
        check("and said", "the allocator is libmimalloc" in leaks(p.pid).stdout)
    # One that is not known by its name: glibc's malloc has no heap then.
    unknown = DIR + "/libunknown.so"
    shutil.copy(path, unknown)
    with Program(HEAPS, "5", rate="2", allocator=unknown) as p:
        out, found = looked(p.pid, "--stop")
        kept = [n for n in found if n.startswith(("kept_", "register_"))]
        check("unknown allocator: nothing reachable is called leaked", not kept, (kept, out))
        check("unknown allocator: not walked", not out["unreachable_told"] and "no heap of glibc's" in out["not_told_because"], out)

# Nothing of ours is left in the process, and it does not notice.
with Program(HEAPS, "3") as p:
    def inside():
        return [sorted(os.listdir("/proc/%d/fd" % p.pid)), sorted(os.listdir("/proc/%d/task" % p.pid)), open("/proc/%d/maps" % p.pid).read(),
                [l for l in open("/proc/%d/status" % p.pid) if l.startswith(("TracerPid", "SigP", "SigB", "SigI", "SigC", "Shd"))]]
    before = inside()
    leaks(p.pid)
    leaks(p.pid, "--stop")
    check("descriptors, threads, maps and signals are as before", inside() == before, (before, inside()))
    p.p.send_signal(signal.SIGSTOP)
    leaks(p.pid, "--stop", status=0)
    p.p.send_signal(signal.SIGCONT)

# A budget holds at each moment: what was not read while the reader was stopped is not read faster later. Meanwhile it preempts nobody.
with Program(sys.executable, "-c", "import sys; b = b'x' * (40 << 20); print('ready', flush=True); sys.stdin.read()") as p:
    began = time.monotonic()
    slow = subprocess.Popen([HEAPTAP, "leaks", "--json", "--fast", "--every=0", "--passes=1", "--budget=20MB", str(p.pid)], stdout=subprocess.PIPE, text=True)
    while slow.poll() is None and os.sched_getscheduler(slow.pid) != os.SCHED_BATCH:
        time.sleep(0.001)
    check("the policy of the reader", slow.poll() is None)
    time.sleep(0.2)
    slow.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    time.sleep(1)
    stopped = time.monotonic() - stopped
    slow.send_signal(signal.SIGCONT)
    out = json.loads(slow.communicate()[0])
    took, least = time.monotonic() - began, out["read_bytes"] / 20e6 + stopped - 0.1
    check("lost time is not made up for", out["read_bytes"] > 40e6 and took > least, (took, least, out["read_bytes"]))

# Exit status.
with Program(HEAPS, "0") as p:
    r = leaks(p.pid, "--fail", "--stop")
    check("no leak", "no leak was found" in r.stdout, r.stdout)
with Program(HEAPS, "1") as p:
    leaks(p.pid, "--fail", status=3)
    for bad in ("--passes=0", "--passes=101", "--passes=x", "--every=soon", "--budget=much", "--budget=" + "9" * 40):
        r = leaks(p.pid, bad, status=2)
        check(bad, r.stderr.count("\n") == 1 and not r.stdout, r.stderr)
    # It ends, or becomes another program, in the midst of it.
    slow = between_passes(p.pid)
    p.p.kill()
    p.p.wait()
    out, err = slow.communicate()
    check("it ends midway", slow.returncode == 1 and not out and err.count("\n") == 1, (slow.returncode, out, err))
    check("it has ended", leaks(p.pid, status=1).stderr.count("\n") == 1)
with Program(HEAPS, "1") as p:
    slow = between_passes(p.pid)
    p.p.stdin.write("x")
    p.p.stdin.flush()
    out, err = slow.communicate()
    check("it execs midway", slow.returncode == 1 and err.count("\n") == 1 and "meanwhile" in err, (slow.returncode, out, err))
    p.p.kill()
# It forks, or maps and unmaps memory, as fast as it can.
for word, what in (("f", "it forks"), ("u", "it unmaps what is read")):
    with Program(HEAPS, "3") as p:
        p.p.stdin.write(word)
        p.p.stdin.flush()
        for i in range(3):
            out, found = looked(p.pid, "--stop", "--passes=%d" % (i + 1))
            check(what + ": nothing reachable is called leaked", not [n for n in found if n.startswith(("kept_", "register_"))], (i, found, out["registers"]))
            check(what + ": what leaked is found", part(p, found, "lost_") >= 0.98, (i, found, p.blocks))
        check(what + ": it is alive", p.p.poll() is None)
with Program(HEAPS, "1", profiled=False) as p:
    check("not profiled", leaks(p.pid, status=1).stderr.count("\n") == 1)

# A hostile region: whatever its records say, it ends, with a line or a report.
import random  # noqa: E402
with Program(HEAPS, "2") as p:
    region = next(l.split()[-1] for l in open("/proc/%d/maps" % p.pid) if "/heaptap-" in l and "rw-s" in l)
    size = os.path.getsize(region)
    chance = random.Random(1)
    with open(region, "r+b") as f:
        for i in range(6):
            for k in range(3000):
                f.seek(20480 + 65536 * chance.randrange(0, 12) + 128 + 8 * chance.randrange(8000))
                f.write(chance.choice([b"\xff" * 8, os.urandom(8), (0x7f0000000000 + chance.randrange(1 << 32)).to_bytes(8, "little")]))
            r = subprocess.run([HEAPTAP, "leaks", *QUICK, "--passes=1", str(p.pid)], capture_output=True, timeout=60)
            check("a hostile region", r.returncode in (0, 1), r)
    p.p.kill()

print("leaks: %d checks, %d failed" % (checks, len(failed)))
sys.exit(1 if failed else 0)
