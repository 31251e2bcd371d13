#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_who.py HEAPTAP LIBRARY HELD: `heaptap leaks --who` of a program of which it is known who holds what (held.c)."""
import glob
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

HEAPTAP, LIBRARY, HELD = (os.path.abspath(a) for a in sys.argv[1:4])
DIR = tempfile.mkdtemp(prefix="heaptap-who-")
failed, checks = [], 0


def check(what, good, seen=""):
    global checks
    checks += 1
    if not good:
        failed.append(what)
        print("FAIL %s: %s" % (what, str(seen)[:2500]), flush=True)


class Held:
    """The program, ready. container: its numbers of processes and threads are others than those seen from here."""
    def __init__(self, rate="1", allocator=None, container=False, **more):
        env = dict(os.environ, LD_PRELOAD=LIBRARY + (":" + allocator if allocator else ""), HEAPTAP_RATE=rate, HEAPTAP_OUTPUT=DIR + "/out.pb.gz", **more)
        words = [HELD]
        if container:
            ours = {k: env.pop(k) for k in [*env] if k.startswith(("HEAPTAP", "LD_PRELOAD"))}
            words = ["unshare", "--pid", "--fork", "--kill-child", "env", *("%s=%s" % o for o in ours.items()), HELD]
        self.p = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
        check("it is ready", self.p.stdout.readline() == b"ready\n")
        self.pid = int(subprocess.run(["pgrep", "-P", str(self.p.pid)], capture_output=True, text=True).stdout) if container else self.p.pid
        end = time.time() + 60
        while time.time() < end and not self.waits():
            time.sleep(0.01)

    def waits(self):
        """Whether all threads but one are in read(2)."""
        def call(tid):
            with open("/proc/%d/task/%s/syscall" % (self.pid, tid)) as f:
                return f.read().split()[0]
        return sorted(map(call, os.listdir("/proc/%d/task" % self.pid))) == ["0"] * 5 + ["running"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.p.kill()
        self.p.communicate()

    def who(self, site, *options, status=0):
        r = subprocess.run([HEAPTAP, "leaks", "--every=0", "--budget=0", "--who=" + site, *options, str(self.pid)], capture_output=True, text=True)
        check("status of --who=%s %s" % (site, " ".join(options)), r.returncode == status, (r.returncode, r.stdout, r.stderr))
        return r

    def ways(self, *options):
        """Of each site: its rows, each [(kind, text)...], and how many blocks."""
        out, found = json.loads(self.who("^by_", "--json", *options).stdout), {}
        for row in out["rows"]:
            found.setdefault(row["site"], []).append(row)
        return out, found


def texts(rows):
    return [[h["text"] for h in r["held_by"]] for r in rows]


def held_as(name, ways, site, expected, blocks):
    rows = ways.get(site, [])
    check("%s: %s" % (name, site), texts(rows) == expected and sum(r["blocks"] for r in rows) == blocks, rows)


def everything(name, p, stop, exact):
    out, ways = p.ways(*(["--stop"] if stop else []))
    check(name + ": all blocks are known", out["all_blocks_known"] and out["exact"] == exact, out)
    held_as(name, ways, "by_global", [["global one_pointer (leaks-held)"]], 1)
    held_as(name, ways, "by_array", [["global entries+0x0..0x1f8 (leaks-held)"]], 64)
    held_as(name, ways, "by_list", [["global list_head (leaks-held)"]], 1000)
    check(name + ": the list is its own way", ways["by_list"][0]["own_most"] == 999, ways["by_list"])
    held_as(name, ways, "by_table", [["block of table_of", "global tables+0x0..0x18 (leaks-held)"]], 64)
    held_as(name, ways, "by_two", [["global shared_one (leaks-held)"]], 1)
    held_as(name, ways, "by_library", [["global cache_table+0x40 (libleaks-held-library.so)"]], 1)
    held_as(name, ways, "by_local", [["threads worker-#, thread-local local_pointer+0x8"]], 3)
    held_as(name, ways, "by_frame", [["threads worker-#, frame handle_job"]], 3)
    held_as(name, ways, "by_main", [["thread leaks-held, frame main"]], 1)
    held_as(name, ways, "by_kernel", [["the kernel (epoll)"]], 1)
    held_as(name, ways, "by_nobody", [[]], 1)
    held_as(name, ways, "by_nobody_large", [[]], 1)
    mapped = texts(ways.get("by_mapping", []))
    check(name + ": by_mapping", len(mapped) == 1 and mapped[0][0].startswith("mapping 7") and len(mapped[0]) == 1, mapped)
    if not stop:
        held_as(name, ways, "by_register", [[]], 1)
        held_as(name, ways, "by_spinning", [["thread spinning, stack"]], 1)
        check(name + ": nobody holds three", out["unheld"] == 3, out["unheld"])
    elif out["registers"]["not_stopped"]:
        print("SKIP %s, registers: a thread could not be stopped on a machine this busy" % name)
    else:
        held_as(name, ways, "by_register", [["thread registered, register rbx"]], 1)
        held_as(name, ways, "by_spinning", [["thread spinning, frame spinning"]], 1)
        check(name + ": nobody holds two", out["unheld"] == 2, out["unheld"])


def library(name):
    found = sorted(glob.glob("/usr/lib/x86_64-linux-gnu/" + name) + glob.glob("/usr/lib64/" + name))
    return found[0] if found else None


with Held() as p:
    everything("exact", p, False, True)
    everything("exact, stopped", p, True, True)

    text = p.who("^by_table$").stdout
    check("text: owner, holder, root", "by_table ← builder" in text and "held by 1 block" not in text and
          "held by block of table_of (age up to " in text and "held by global tables+0x0..0x18 (leaks-held)" in text, text)
    text = p.who("^by_list$").stdout
    check("text: the rest of a list", "by way of up to 999 more like them" in text and "held by global list_head (leaks-held)" in text, text)
    text = p.who("by_nobody").stdout
    check("text: nobody", "held by nobody" in text, text)
    check("text: what is not seen", "Threads were not stopped" in text, text)
    check("text: stopped", "threads were copied, each stopped for" in p.who("by_register", "--stop").stdout)
    check("one holder and the root", "--holders shows more" not in p.who("by_table", "--holders=1").stdout)

    # Old ones alone: the program makes a block that is young.
    p.p.stdin.write(b"x")
    p.p.stdin.flush()
    young = p.who("^by_young$", "--min-age=1h", status=1)
    check("none is so old", "no live block so old" in young.stderr and young.stderr.count("\n") == 1, young.stderr)

    # What a caller allocates is its, too; what nothing matches is said.
    check("callers match", {r["site"] for r in json.loads(p.who("^worker$", "--json").stdout)["rows"]} >= {"by_local", "by_frame"})
    none = p.who("^no_such_function$", status=1)
    check("nothing matches", "matches ^no_such_function$" in none.stderr and none.stderr.count("\n") == 1, none.stderr)
    bad = p.who("(", status=2)
    check("no expression", "--who" in bad.stderr and bad.stderr.count("\n") == 1, bad.stderr)
    for options in (["--holders=0"], ["--holders=33"], ["--min-age=x"], ["--fail"], ["-o", "x.pb.gz"], ["--idle=1s"], ["--suppressions=x"]):
        r = p.who("x", *options, status=2)
        check("no use: " + options[0], r.stderr.count("\n") == 1 and not r.stdout, r.stderr)
    for option in ("--holders=2", "--min-age=1s"):
        r = subprocess.run([HEAPTAP, "leaks", option, str(p.pid)], capture_output=True, text=True)
        check(option + " alone", r.returncode == 2 and r.stderr.count("\n") == 1, r.stderr)

# Nearly every block is a sample: glibc's heap is walked.
with Held(rate="2") as p:
    everything("walked", p, False, False)
    everything("walked, stopped", p, True, False)

# Blocks between, of which none is a sample.
with Held(rate="4k") as p:
    out = json.loads(p.who("by_table|by_list", "--json").stdout)
    seen = {(r["site"], r["held_by"][-1]["text"].partition("+")[0]) for r in out["rows"]}
    check("sampled: roots", seen <= {("by_table", "global tables"), ("by_list", "global list_head (leaks-held)")} and seen, out["rows"])

# Its threads have other numbers for itself than from here.
if subprocess.run(["unshare", "--pid", "--fork", "true"], capture_output=True).returncode:
    print("SKIP container: this user may not make a namespace of processes")
else:
    with Held(container=True) as p:
        out, ways = p.ways()
        held_as("container", ways, "by_local", [["threads worker-#, thread-local local_pointer+0x8"]], 3)
        held_as("container", ways, "by_spinning", [["thread spinning, stack"]], 1)

# A process that ends meanwhile, and a region that lies.
with Held() as p:
    slow = subprocess.Popen([HEAPTAP, "leaks", "--who=by_nobody", "--every=3s", str(p.pid)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.time() + 60
    while time.time() < end and slow.poll() is None and open("/proc/%d/syscall" % slow.pid).read().split()[0] not in ("35", "230"):
        time.sleep(0.01)
    p.p.kill()
    p.p.wait()
    out, err = slow.communicate()
    check("it ends midway", slow.returncode == 1 and not out and err.count("\n") == 1, (slow.returncode, out, err))
    check("it has ended", p.who("by_nobody", status=1).stderr.count("\n") == 1)
with Held() as p:
    region = next(l.split()[-1] for l in open("/proc/%d/maps" % p.pid) if "/heaptap-" in l and "rw-s" in l)
    chance = random.Random(1)
    with open(region, "r+b") as f:
        for i in range(6):
            for k in range(3000):
                f.seek(20480 + 65536 * chance.randrange(0, 12) + 128 + 8 * chance.randrange(8000))
                f.write(chance.choice([b"\xff" * 8, os.urandom(8), (0x7f0000000000 + chance.randrange(1 << 32)).to_bytes(8, "little")]))
            r = subprocess.run([HEAPTAP, "leaks", "--budget=0", "--every=0", "--passes=1", "--who=.", str(p.pid)], capture_output=True, timeout=60)
            check("a hostile region", r.returncode in (0, 1), r)

# Another allocator's blocks are known when all of them are, and else are mappings.
path = library("libjemalloc.so.2")
if path:
    with Held(allocator=path) as p:
        out, ways = p.ways()
        held_as("jemalloc", ways, "by_table", [["block of table_of", "global tables+0x0..0x18 (leaks-held)"]], 64)
        held_as("jemalloc", ways, "by_frame", [["threads worker-#, frame handle_job"]], 3)
    with Held(rate="2", allocator=path) as p:
        out = json.loads(p.who("^by_global$|^by_list$", "--json").stdout)
        check("jemalloc, sampled: said", not out["all_blocks_known"] and "libjemalloc" in out["not_known_because"], out)
        check("jemalloc, sampled: a variable", ["global one_pointer (leaks-held)"] in texts(out["rows"]), out["rows"])
else:
    print("SKIP jemalloc: it is not installed")

# heaptap's own table of mappings has addresses of memory that the program has no more.
with Held(HEAPTAP_MMAP="1") as p:
    r = subprocess.run([HEAPTAP, "leaks", "--every=0", "--budget=0", "--json", str(p.pid)], capture_output=True, text=True)
    sites = {s["site"]: s["leak"] for s in json.loads(r.stdout)["sites"]}
    check("--mmap hides no leak", sites.get("by_nobody_large") == "unreferenced", sites)

shutil.rmtree(DIR, ignore_errors=True)
print("who: %d checks, %d failed" % (checks, len(failed)))
sys.exit(1 if failed else 0)
