#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_memory.py HEAPTAP LIBRARY OWN SPARSE GROWING [LINKED]: heaptap memory beside what the kernel and each program's own malloc say."""
import atexit
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

HEAPTAP, LIBRARY, OWN, SPARSE, GROWING = (os.path.abspath(a) for a in sys.argv[1:6])
DIR = tempfile.mkdtemp(prefix="heaptap-memory-")
checks = [0, 0]


started = []


def start(*command, **how):
    started.append(subprocess.Popen(*command, **how))
    return started[-1]


@atexit.register
def end_all():
    """Also where a test ends by an exception: a program left behind keeps the runner waiting for its output."""
    for p in started:
        if p.poll() is None:
            p.kill()
            p.wait()


def check(what, good, detail=""):
    checks[0 if good else 1] += 1
    if not good:
        print("FAIL %s: %s" % (what, detail))


def near(a, b, part, slack=0):
    return abs(a - b) <= part * max(a, b) + slack


def memory(pid, *options):
    r = subprocess.run([HEAPTAP, "memory", *options, str(pid)], capture_output=True, text=True)
    check("memory %s" % pid, r.returncode == 0, r.stderr)
    return r.stdout


def looked(pid):
    m = json.loads(memory(pid, "--json"))
    parts = sum(p["resident"] for p in m["parts"].values())
    check("the parts are all", parts == m["all"]["resident"], m)
    check("within 2 % of the kernel's VmRSS", near(parts, m["resident"], 0.02, 65536), (parts, m["resident"]))
    return m


def own(*args, env=None):
    p = start([OWN, *args], stdout=subprocess.PIPE, text=True, cwd=DIR, env=dict(os.environ, **(env or {})))
    blocks, block_bytes = map(int, p.stdout.readline().split())
    with open(DIR + "/malloc.xml") as f:
        xml = f.read()
    total = xml[xml.rindex("</heap>"):]
    figures = {k: int(v) for k, v in re.findall(r'<total type="(\w+)" count="\d+" size="(\d+)"/>', total)}
    figures["system"] = int(re.search(r'<system type="current" size="(\d+)"/>', total).group(1))
    figures["arenas"] = xml.count("<heap nr=")
    return p, blocks, block_bytes, figures


def end(p):
    p.kill()
    p.wait()


# glibc's own words, to the byte: one arena, several, another placement of fast bins, none.
for threads, env in (("0", {}), ("7", {}), ("3", {"GLIBC_TUNABLES": "glibc.malloc.mxfast=0"}), ("3", {"MALLOC_ARENA_MAX": "1"})):
    p, blocks, block_bytes, says = own(threads, threads + "1", env=env)
    m = looked(p.pid)
    g, what = m["glibc"], "%s threads %s: " % (threads, env)
    check(what + "arenas", g["arenas"] == says["arenas"], (g, says))
    check(what + "taken", g["taken"] == says["system"], (g, says))
    check(what + "free", not g["at_least"] and near(g["free"], says["fast"] + says["rest"], 0.005, 32768), (g, says))
    check(what + "blocks", (g["mapped_blocks"], g["mapped"]) == (blocks, block_bytes), (g, blocks, block_bytes))
    heap = m["parts"]["heap"]["resident"]
    check(what + "heap", near(heap, g["taken"] + g["mapped"], 0.05, 1 << 20), (heap, g))
    check(what + "anonymous", near(m["parts"]["anonymous"]["resident"], 40 << 20, 0.02, 1 << 20), m["parts"])
    check(what + "shared", near(m["parts"]["shared"]["resident"], 8 << 20, 0, 65536), m["parts"])
    check(what + "stacks", m["threads"] == 1 + (int(threads) + 1) // 2 and m["parts"]["stacks"]["maps"] == m["threads"], m)
    check(what + "text", "as glibc's malloc counts" in memory(p.pid), memory(p.pid))
    end(p)

# Other allocators' own words. The threads that wait have caches; half of the threads have ended.
def other(threads, library, env, program=OWN):
    p = start([program, threads, "3"], stdout=subprocess.PIPE, text=True, cwd=DIR, env=dict(os.environ, LD_PRELOAD=library, **env))
    words = p.stdout.readline().split()
    return p, dict(zip(words[::2], map(int, words[1::2])))


JEMALLOC = glob.glob("/usr/lib/*/libjemalloc.so.2")
TCMALLOC = glob.glob("/usr/lib/*/libtcmalloc_minimal.so.4") + glob.glob("/usr/lib/*/libtcmalloc.so.4")
LINKED = [os.path.abspath(a) for a in sys.argv[6:]]  # jemalloc is in the program
for path in LINKED[:]:
    if shutil.which("strip"):
        LINKED.append(DIR + "/stripped")
        subprocess.run(["strip", "-o", LINKED[-1], path], check=True)
for program, library, threads, env in [(OWN, path, threads, {"MALLOC_CONF": conf}) for path in JEMALLOC for threads, conf in
                                       (("0", ""), ("7", "narenas:3"), ("3", "muzzy_decay_ms:10000,dirty_decay_ms:0"), ("3", "tcache:false"))
                                       ] + [(path, "", "3", {}) for path in LINKED]:
    p, says = other(threads, library, env, program)
    m = looked(p.pid)
    j, what = m.get("jemalloc", {}), "jemalloc %s %s %s: " % (os.path.basename(program), threads, env)
    check(what + "who", m["allocator"] == (os.path.basename(os.path.realpath(library)) if library else "jemalloc"), m)
    for field, name in (("allocated", "allocated"), ("active", "active"), ("metadata", "metadata"), ("resident", "resident"), ("retained", "retained"),
                        ("cached", "arenas.4096.tcache_bytes"), ("dirty", "dirty"), ("muzzy", "muzzy"), ("arenas", "arenas")):
        check(what + field, j.get(field) == says[name], (field, j, says))
    # Its extents and records, by its own tree; and the 40 MB that the program mapped itself.
    heap, anonymous = m["parts"]["heap"], m["parts"]["anonymous"]
    check(what + "heap", near(heap["mapped"], says["active"] + says["dirty"] + says["muzzy"] + says["retained"] + says["metadata"], 0.1, 4 << 20) and
          heap["resident"] > 0.8 * says["allocated"], (heap, says))
    check(what + "anonymous", near(anonymous["resident"], 40 << 20, 0.02, 1 << 20), m["parts"])
    text = memory(p.pid)
    check(what + "text", "(as jemalloc counts)" in text and re.search(r"^jemalloc 5\.[23]\.\d: ", text, re.M), text)
    end(p)
for library, threads in [(path, threads) for path in TCMALLOC for threads in ("0", "1", "7")]:
    p, says = other(threads, library, {})
    m = looked(p.pid)
    t, what = m.get("tcmalloc", {}), "%s %s: " % (os.path.basename(library), threads)
    for field, name in (("heap", "generic.heap_size"), ("allocated", "generic.current_allocated_bytes"), ("free", "tcmalloc.pageheap_free_bytes"),
                        ("unmapped", "tcmalloc.pageheap_unmapped_bytes"), ("central", "tcmalloc.central_cache_free_bytes"),
                        ("transfer", "tcmalloc.transfer_cache_free_bytes"), ("threads", "tcmalloc.thread_cache_free_bytes")):
        check(what + field, t.get(field) == says[name], (field, t, says))
    check(what + "caches", t.get("caches") == says["caches"] > (int(threads) + 1) // 2, (t, says))
    text = memory(p.pid)
    check(what + "text", "(as tcmalloc counts)" in text and "\ntcmalloc: " in text, text)
    end(p)

# Where they cannot be read, nothing is made up, and a line says it.
for library, env in [(path, {}) for path in glob.glob("/usr/lib/*/libmimalloc.so.2.0")] + [(path, {"MALLOC_CONF": "hpa:true"}) for path in JEMALLOC]:
    p = start([OWN, "1", "3"], stdout=subprocess.PIPE, text=True, cwd=DIR, env=dict(os.environ, LD_PRELOAD=library, **env))
    p.stdout.readline()
    m, text, name = looked(p.pid), memory(p.pid), os.path.basename(os.path.realpath(library))
    check("%s %s: nothing" % (name, env), "jemalloc" not in m and "tcmalloc" not in m and " in use" not in text, (m, text))
    check("%s %s: a line" % (name, env), "\n%s is the allocator. Its own figures could not be read; " % name in text, text)
    end(p)

# A mapping that changes while it is read counts once.
p = start([GROWING], stdout=subprocess.PIPE, text=True, cwd=DIR)
p.stdout.readline()
for _ in range(20):
    looked(p.pid)
end(p)

# Pages that are kept for little: to the byte in exact mode; how many from the heap itself, and by whom from samples; and said to be
# unknown where neither can be.
for rate, before in [("1", ""), ("512", ""), ("512k", "")] + [("512", ":" + path) for path in JEMALLOC]:
    p = start([SPARSE], stdout=subprocess.PIPE, text=True, cwd=DIR,
                         env=dict(os.environ, LD_PRELOAD=LIBRARY + before, HEAPTAP_RATE=rate, HEAPTAP_SEED="1", HEAPTAP_OUTPUT=DIR + "/sparse.pb.gz"))
    truth = [int(n) for n in p.stdout.readline().split()]
    r = subprocess.run([HEAPTAP, "memory", "--sparse", "--json", str(p.pid)], capture_output=True, text=True)
    if rate == "1":
        rows = [[x["pages"], x["inuse"], x["objects"], x["empty"]] for x in json.loads(r.stdout)["sparse"]]
        check("sparse pages", rows == [truth] and truth[0] > 900, (rows, truth))
        text = memory(p.pid, "--sparse")
        check("sparse pages as text", re.search(r"EMPTY .*\n.* %d  (site_kept|main)\b" % truth[0], text), text)
    elif rate == "512" and not before:
        # 1,000 blocks, one in eight of them sampled: the error is some 9 %.
        m = json.loads(r.stdout)
        row = m["sparse"][0]
        check("sparse pages of the heap", abs(m["sparse_pages"] / truth[0] - 1) < 0.03 and abs(m["sparse_empty"] / truth[3] - 1) < 0.03, (m, truth))
        check("who keeps them", row["name"] in ("site_kept", "main") and row["samples"] > 80 and len(m["sparse"]) < 5 and
              all(abs(row[k] / truth[i] - 1) < 0.4 for k, i in (("pages", 0), ("empty", 3))), (row, truth))
        text = memory(p.pid, "--sparse")
        check("as text", re.search(r"in use: %d, of them [\d.]+MB empty\. By whom .*\n +EMPTY .*\n.* %d  (site_kept|main)\b" % (m["sparse_pages"], row["samples"]), text), text)
    else:
        check("sparse pages that nobody knows", r.returncode == 1 and not r.stdout and
              ("and not glibc's" if before else "run it with --rate=64k or less, or with --exact") in r.stderr, (r.stdout, r.stderr))
    end(p)

# What the program maps itself, by who did: of what is left, all is resident.
p, blocks, block_bytes, says = own("3", "5", env={"LD_PRELOAD": LIBRARY, "HEAPTAP_MMAP": "1", "HEAPTAP_OUTPUT": DIR + "/maps.pb.gz"})
m = looked(p.pid)
rows = [(r["name"], r["mappings"], r["mapped"], r["resident"]) for r in m["mappings"]]
check("by owner", rows == [("main", 2, 48 << 20, 48 << 20)], rows)
text = memory(p.pid)
check("by owner, as text", re.search(r"itself mapped.*\n +48\.0MB +48\.0MB  main\b", text, re.M), text)
end(p)

# Profiled, every allocation: the heap in use, and heaptap's own.
p, blocks, block_bytes, says = own("3", "5", env={"LD_PRELOAD": LIBRARY, "HEAPTAP_RATE": "1", "HEAPTAP_OUTPUT": DIR + "/own.pb.gz"})
m = looked(p.pid)
inuse = m["inuse"]
check("exact", inuse["low"] == inuse["bytes"] == inuse["high"] > 0, inuse)
counted = m["glibc"]["taken"] - m["glibc"]["free"] + m["glibc"]["mapped"]
check("in use", 0.80 * counted < inuse["bytes"] <= counted, (inuse, counted))
check("own", m["parts"]["heaptap"]["resident"] > 0, m["parts"])
check("every allocation", "every allocation is recorded" in memory(p.pid), memory(p.pid))
end(p)
p, *_ = own("3", "5", env={"LD_PRELOAD": LIBRARY, "HEAPTAP_RATE": "16k", "HEAPTAP_OUTPUT": DIR + "/own.pb.gz"})
m = looked(p.pid)
check("estimated", m["inuse"]["low"] < m["inuse"]["bytes"] < m["inuse"]["high"], m["inuse"])
check("text", re.search(r"in use \(estimated, [\d.]+MB to [\d.]+MB\), of [\d.]+MB resident\n", memory(p.pid)), memory(p.pid))
# A stopped process is read as it is.
os.kill(p.pid, signal.SIGSTOP)
looked(p.pid)
end(p)

# What cannot be looked at.
for args, status in ((["memory"], 2), (["memory", "x"], 1), (["memory", "1", "2"], 2), (["memory", str(p.pid)], 1), (["memory", "2"], 1)):
    r = subprocess.run([HEAPTAP, *args], capture_output=True, text=True)
    check(" ".join(args), r.returncode == status and r.stderr.count("\n") == 1 and not r.stdout, (r.returncode, r.stderr))

# CPython's arenas are in the anonymous memory, and it is said; with PYTHONMALLOC=malloc they are in the heap.
PYTHON = "/usr/bin/python3"
SCRIPT = "import sys\nd=[{'id':i,'name':'n%d'%i} for i in range(60000)]\nsys._debugmallocstats()\nsys.stderr.flush()\nprint('ready',flush=True)\nsys.stdin.read()\n"


def python(**env):
    p = start([PYTHON, "-c", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(DIR + "/stats", "w"), text=True,
                         env=dict(os.environ, **env))
    p.stdout.readline()
    with open(DIR + "/stats") as f:
        arenas = re.search(r"(\d+) arenas \* (\d+) bytes/arena", f.read())
    m, text = looked(p.pid), memory(p.pid)
    p.communicate()
    return m, text, arenas


if os.path.exists(PYTHON):
    m, text, arenas = python()
    if arenas:
        total = int(arenas.group(1)) * int(arenas.group(2))
        anonymous = m["parts"]["anonymous"]
        check("pymalloc's arenas", near(anonymous["mapped"], total, 0.02, 2 << 20) and anonymous["resident"] <= anonymous["mapped"],
              (m["parts"], total))
        check("the hint", "PYTHONMALLOC=malloc" in text, text)
    m, text, arenas = python(LD_PRELOAD=LIBRARY, HEAPTAP_MMAP="1", HEAPTAP_OUTPUT=DIR + "/python.pb.gz")
    if arenas:
        total = int(arenas.group(1)) * int(arenas.group(2))
        more = sum(x["mapped"] for x in m["mappings"]) - total
        # The chunks of the interpreter's own stack, 16 KiB each, are mapped by the same function.
        check("the arenas by site", more % 16384 == 0 and 0 <= more <= 16 * 16384, (m["mappings"], total))
        check("pymalloc maps them", "Py" in text[text.index("itself mapped"):], text)
    m, text, _ = python(PYTHONMALLOC="malloc")
    check("CPython over malloc", m["parts"]["anonymous"]["resident"] < 4 << 20 and m["parts"]["heap"]["resident"] > 8 << 20, m["parts"])
    check("no hint", "PYTHONMALLOC" not in text, text)
else:
    print("skipped: CPython: no %s" % PYTHON)

shutil.rmtree(DIR, ignore_errors=True)
print("memory: %d checks passed, %d failed" % tuple(checks))
sys.exit(1 if checks[1] or not checks[0] else 0)
