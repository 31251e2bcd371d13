#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_types.py HEAPTAP: profiles that are of no heap, as Go writes them (cpu, contention, block, threads, goroutine, and differences of
each), go through every command that takes a profile: nothing of them is said to be bytes, allocated or in use, and what pprof shows too is
the same. A heap's own reports refuse them with one line."""
import json, os, re, shutil, subprocess, sys, tempfile

heaptap = os.path.abspath(sys.argv[1])
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "compat"))
import pprofgen

failed = []
KINDS = {
    "cpu": ((("samples", "count"), ("cpu", "nanoseconds")), ("cpu", "nanoseconds"), 10000000, lambda n: [n, n * 10000000]),
    "contention": ((("contentions", "count"), ("delay", "nanoseconds")), ("contentions", "count"), 1, lambda n: [n, n * 7654321]),
    "block": ((("contentions", "count"), ("delay", "nanoseconds")), ("contentions", "count"), 100, lambda n: [n, n * 1234567890]),
    "threads": ((("threads", "count"),), ("threads", "count"), 1, lambda n: [n]),
    "goroutine": ((("goroutine", "count"),), ("goroutine", "count"), 1, lambda n: [n]),
}
HEAPS = re.compile(r"\b\d[\d.]*(B|kB|MB|GB)\b|in.?use|allocat|\bheap\b|object|freed", re.I)


def check(what, ok, seen=""):
    if not ok:
        failed.append("%s: %s" % (what, str(seen)[:1200]))


def write(path, kind, counts, labelled=False):
    types, period_type, period, values = KINDS[kind]
    p = pprofgen.Profile(types=types)
    m = p.mapping(0x400000, 0x500000, 0, "/usr/bin/server")
    names = ["main", "serve", "lock", "wait", "work"]
    l = [p.location(m, 0x400100 + 16 * i, [(p.function(n, "s.c"), 10 + i)]) for i, n in enumerate(names)]
    stacks = [[l[3], l[2], l[1], l[0]], [l[4], l[1], l[0]], [l[2], l[0]]]
    for stack, n in zip(stacks, counts):
        p.sample(stack, values(n), (("thread", "worker-#"),) if labelled and n != counts[0] else ())
    p.write(path, duration=10**9, period=(*period_type, period))


def run(*words):
    r = subprocess.run([heaptap, *words], capture_output=True, text=True)
    check("%s ends by itself" % (words,), r.returncode >= 0, r)
    return r


work = tempfile.mkdtemp()
os.environ.update(HOME=work, XDG_CACHE_HOME=work, PPROF_TMPDIR=work)
compared = 0
for kind in KINDS:
    a, b = "%s/%s.pb.gz" % (work, kind), "%s/%s-later.pb.gz" % (work, kind)
    write(a, kind, [50, 30, 7], labelled=True)
    write(b, kind, [90, 31, 2])
    ways = [[report, *options, "-symbolize=none", b] for report in ("top", "tree", "traces", "raw", "tags")
            for options in ([], ["-cum"], ["-base=" + a], ["-diff_base=" + a], ["-sample_index=0"], ["-unit=seconds"], ["-mean"][:len(KINDS[kind][0]) - 1])]
    ways += [["peek", "lock", "-symbolize=none", a], ["top", "-tagroot=thread", "-symbolize=none", a], ["merge", a, b, "-o", work + "/m.pb.gz"],
             ["top", "-by=thread", a], ["top", "--json", a], ["diff", a, b], ["diff", "--json", a, b], ["flame", a, "-o", work + "/f.html"], ["folded", a],
             ["owners", a], ["top", "--intervals", a], ["top", "--intervals", "--json", a]]
    for words in ways:
        r = run(*words)
        check("%s works" % (words,), r.returncode == 0, r)
        said = HEAPS.search(re.sub(r"/\S+|heaptap:?", "", re.sub(r"heap's bytes nor its objects", "", r.stdout + r.stderr)))
        check("%s speaks of a heap" % (words,), not said or words[0] == "flame", said and (said[0], r.stdout, r.stderr))
        if words[0] in ("top", "tree", "traces", "raw", "tags") and shutil.which("go") and not any(w.startswith(("--", "-by")) for w in words):
            g = subprocess.run(["go", "tool", "pprof", "-" + words[0], *words[1:]], capture_output=True, text=True)
            compared += 1
            check("%s as pprof" % (words,), g.stdout == r.stdout, "\n--- pprof\n%s\n--- heaptap\n%s" % (g.stdout, r.stdout))
    total = json.loads(run("top", "--json", a).stdout)["total"]
    check("the default is the last type", total == KINDS[kind][3](87)[-1], total)
    for words in ["--max-total=1M", a], ["--fail-if-grew=5%", a, b], ["--max-inuse=lock:1M", a]:
        r = run("check", *words)
        check("check %s: unusable, in one line" % (words,), r.returncode == 2 and r.stderr.count("\n") == 1, r)
print("%d reports compared with pprof" % compared)
shutil.rmtree(work)
for f in failed[:40]:
    print("FAIL", f)
sys.exit(bool(failed))
