#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reports equal those of `go tool pprof`, line for line, over a corpus and a matrix of options.

usage: compat.py HEAPTAP [--quick] [--seed=N]
Exit 77 when Go is not installed: it is what we are compared with."""
import concurrent.futures
import difflib
import os
import random
import shutil
import subprocess
import sys
import tempfile

import pprofgen

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
from words import Words, there  # noqa: E402


def pprof_path():
    go = shutil.which("go")
    if not go:
        print("SKIP compat: no go on this machine (apt-get install golang-go)")
        sys.exit(77)
    r = subprocess.run([go, "tool", "-n", "pprof"], capture_output=True, text=True)
    if r.returncode:
        print("SKIP compat: go has no pprof tool: " + r.stderr.strip())
        sys.exit(77)
    return r.stdout.strip()


def make_texts(d):
    """gperftools' texts with what stands in a header, in a log, and in the maps of its own library."""
    rows = "1: 100 [1: 100] @ 0x401100 0x402200\n2: 200 [2: 200] @ 0x401110 0x402200\n"
    maps = "MAPPED_LIBRARIES:\n00400000-00500000 r-xp 00000000 08:01 5 /usr/bin/p\n"
    for name, rate in (("none", ""), ("zero", "/0"), ("one", "/1"), ("negative", "/-5"),
                       ("word", "/abc"), ("space", "/ 512"), ("overflow", "/99999999999999999999")):
        for tag in "heap", "heap_v2", "heapz_v2":
            with open("%s/rate-%s-%s.heap" % (d, name, tag), "w") as t:
                t.write("heap profile: 3: 300 [3: 300] @ %s%s\n%s\n%s" % (tag, rate, rows, maps))
    with open(d + "/attributes.heap", "w") as t:
        t.write("heap profile: 3: 300 [3: 300] @ heapprofile\n" + rows + "\nMAPPED_LIBRARIES:\n"
                "build=/home/user/out\n more = $build/lib \nbuild=/never/taken\n"
                "  00400000-00402000: $build/server\n  00402000-00500000: $more/libx.so.1\n")
    log = "I0101 12:00:00.000 123 foo.cc:12] "
    with open(d + "/logged.heap", "w") as t:
        t.write("".join(log + l for l in (
            "heap profile: 3: 300 [3: 300] @ heapprofile\n" + rows + maps +
            "00500000-00600000 r-xp 00000000 08:01 5 /usr/lib/lib[x]:1.so\n").splitlines(True)))


def make_unmangled(d):
    """Names of languages that mangle none: the symbol's name is empty. What pprof would take for
    template arguments belongs to them."""
    p = pprofgen.Profile()
    m = p.mapping(0x400000, 0x500000, 0, "/usr/bin/interpreter")
    names = ["<module>", "cast<u8, ()>", "cast<u16, ()>", "Vec<int>::push", "Vec<long>::push",
             "a::b(int)", "_ZN2ns4workEv", "plain"]
    empty = [p.location(m, 0x400100 + i, [(p.function(n, system=""), 1)]) for i, n in enumerate(names)]
    both = [p.location(m, 0x400200 + i, [(p.function(n, "f"), 1)]) for i, n in enumerate(names)]
    other = [p.location(m, 0x400300 + i, [(p.function(n, "g", system="_Z3foov"), 1)])
             for i, n in enumerate(names)]
    for i, l in enumerate(empty + both + other):
        p.sample([l, empty[0]], [1, 1000 + i, 1, 1000 + i])
    p.write(d + "/unmangled.pb.gz")


def make_corpus(d):
    made = pprofgen.random_profile
    day = 1700000000 * 10**9
    made(d + "/plain.pb.gz", 1, time_nanos=day)
    made(d + "/recursion.pb.gz", 2, recursion=True, functions=6, time_nanos=day)
    made(d + "/no-inlines.pb.gz", 3, inlines=False)
    made(d + "/no-symbols.pb.gz", 4, symbols=False)
    made(d + "/labels.pb.gz", 5, labels=True, comments=["lost: 3 samples", "#hidden"])
    made(d + "/negative.pb.gz", 6, negative=True, duration=90 * 10**9, time_nanos=day)
    made(d + "/large.pb.gz", 7, magnitude=40, samples=800, functions=200)
    made(d + "/tiny.pb.gz", 8, samples=2, functions=3)
    made(d + "/dropped.pb.gz", 9, drop="malloc|operator new.*", keep="operator new", time_nanos=day)
    made(d + "/default.pb.gz", 10, default="alloc_space")
    made(d + "/before.pb.gz", 11, samples=200)
    made(d + "/after.pb.gz", 11, samples=300, time_nanos=day)
    p = pprofgen.Profile(types=(("samples", "count"), ("cpu", "nanoseconds")))
    f = [p.function("work"), p.function("rest", "rest.c")]
    l = [p.location(0, 0x10 + i, [(x, i + 1)]) for i, x in enumerate(f)]
    p.sample([l[0], l[1]], [3, 3 * 10**7])
    p.sample([l[1]], [1, 12345])
    p.write(d + "/cpu.pb.gz", duration=10**9)
    p = pprofgen.Profile(types=(("objects", "count"), ("space", "kilobytes")))
    l = [p.location(0, 0, [(p.function(n), 0)]) for n in ("x", "y", "z")]
    p.sample(l, [2, 7000])
    p.sample(l[1:], [1, 3])
    p.write(d + "/kilobytes.pb.gz")
    p = pprofgen.Profile()
    p.mapping(0x1000, 0x2000, 0, "/bin/empty")
    p.write(d + "/empty.pb.gz")
    p = pprofgen.Profile(types=(("objects", "count"), ("space", "bytes")))
    l = [p.location(0, 0, [(p.function(n), 0)]) for n in ("x", "y")]
    p.sample(l, [2, 7000], [("bytes", 3500, "bytes")])
    p.sample([], [1, 300], [("bytes", 300, "bytes")])
    p.write(d + "/no-stack.pb.gz")
    with open(d + "/gperftools.heap", "w") as t:
        t.write("heap profile:     12:    53248 [    40:   163840] @ heap_v2/524288\n"
                "     8:    32768 [    20:    81920] @ 0x00401100 0x00401200 0x00401300\n"
                "     4:    20480 [    20:    81920] @ 0x00401110 0x00401300\n\n"
                "MAPPED_LIBRARIES:\n"
                "00400000-00500000 r-xp 00000000 08:01 123 /usr/bin/prog\n")
    with open(d + "/unscaled.heap", "w") as t:
        t.write("heap profile: 3: 300 [3: 300] @ heapprofile\n"
                "1: 100 [1: 100] @ 0x1100 0x1200\n2: 200 [2: 200] @ 0x1110 0x1200\n\n"
                "MAPPED_LIBRARIES:\n00001000-00002000 r-xp 00000000 08:01 5 /usr/bin/p\n")
    with open(d + "/no-stack.heap", "w") as t:  # gperftools writes such a line now and then
        t.write("heap profile: 4: 400 [4: 400] @ heapprofile\n"
                "1: 100 [1: 100] @ 0x1100 0x1200\n3: 300 [3: 300] @\n\n"
                "MAPPED_LIBRARIES:\n00001000-00002000 r-xp 00000000 08:01 5 /usr/bin/p\n")
    make_texts(d)
    make_unmangled(d)
    env = dict(os.environ, GOCACHE=d + "/gocache", GOFLAGS="-mod=mod", GO111MODULE="auto")
    r = subprocess.run(["go", "run", HERE + "/corpus.go", d], capture_output=True, text=True,
                       env=env)
    if r.returncode:
        print("compat: go run: " + r.stderr)
        return 1
    return 0


LIBRARIES = ("/usr/lib/x86_64-linux-gnu/", "/usr/lib64/", "/usr/lib/")


def library(name):
    return next((d + name for d in LIBRARIES if os.path.exists(d + name)), None)


def make_real(d, heaptap):
    """Profiles of a C++ program: by heaptap, named and not, by gperftools, by jemalloc."""
    r = subprocess.run(["g++", "-O2", "-g", "-o", d + "/corpus", HERE + "/corpus.cc"])
    if r.returncode:
        return 1

    def profiled(what, argv, **variables):
        r = subprocess.run(argv, capture_output=True, text=True, cwd=d,
                           env=dict(os.environ, **variables))
        if r.returncode:
            print("compat: %s: %s" % (what, r.stderr))
        return r.returncode

    run = [heaptap, "run", "-q", "--no-peak", "--rate=1k", "-o"]  # pprof compares profiles of the same sample types alone
    bad = profiled("heaptap run", run + [d + "/ours.pb.gz", "--", d + "/corpus"])
    bad |= profiled("heaptap run", run + [d + "/ours-addresses.pb.gz", "--no-symbolize", "--",
                                         d + "/corpus"])
    tcmalloc, jemalloc = library("libtcmalloc.so.4"), library("libjemalloc.so.2")
    if tcmalloc:
        bad |= profiled("gperftools", [d + "/corpus"], LD_PRELOAD=tcmalloc, HEAPPROFILE=d + "/gp")
    else:
        print("SKIP gperftools' own output: no libtcmalloc.so.4 (apt-get install libgoogle-perftools4)")
    if jemalloc:
        bad |= profiled("jemalloc", [d + "/corpus"], LD_PRELOAD=jemalloc,
                        MALLOC_CONF="prof:true,prof_final:true,lg_prof_sample:10,prof_prefix:je")
    for name in os.listdir(d):
        if name.startswith("je.") and name.endswith(".heap"):
            os.rename(d + "/" + name, d + "/je.heap")
            bad |= profiled("convert", [heaptap, "convert", d + "/je.heap", "-o", d + "/je.pb"])
    if not os.path.exists(d + "/je.heap"):
        print("SKIP jemalloc's own output: no libjemalloc.so.2 that profiles")
    return bad


# What follows the report's name; {d} is the corpus.
EVERYWHERE = [[], ["-cum"], ["-sample_index=0"], ["-lines"], ["-addresses"], ["-files"]]
FULL = EVERYWHERE + [
    ["-sample_index=1"], ["-alloc_space"], ["-inuse_objects"], ["-filefunctions"], ["-noinlines"],
    ["-noinlines", "-lines"], ["-focus=Cache|parse"], ["-ignore=Cache|grow"], ["-hide=main|block"],
    ["-show=a.b|parse|fmt"], ["-show_from=Cache|main"], ["-focus=libdata"], ["-focus=nothing here"],
    ["-ignore=.*"], ["-focus=parse", "-ignore=lex", "-lines"], ["-tagfocus=1kb:"],
    ["-tagfocus=:1mb"], ["-tagignore=bytes=16b:1kb"], ["-tagfocus=thread=main"],
    ["-tagroot=bytes"], ["-tagleaf=thread"], ["-tagroot=thread,bytes", "-tagleaf=bytes", "-focus=B"], ["-tagroot=thread", "-cum"],
    ["-tagfocus=io"], ["-tagshow=thread"], ["-taghide=bytes"], ["-prune_from=Cache"],
    ["-nodecount=5"], ["-nodecount=3", "-cum", "-lines"], ["-nodefraction=0.1"], ["-trim=false"],
    ["-unit=MB"], ["-unit=auto"], ["-unit=bytes"], ["-mean"], ["-divide_by=3"],
    ["-relative_percentages", "-focus=parse"], ["-compact_labels"], ["-drop_negative"],
    ["-trim_path=/src", "-lines"], ["-source_path=/x/proj", "-files"],
    ["-base={d}/before.pb.gz"], ["-diff_base={d}/before.pb.gz"],
    ["-base={d}/before.pb.gz", "-cum", "-lines"], ["-diff_base={d}/before.pb.gz", "-drop_negative"],
    ["-base={d}/before.pb.gz", "-normalize"],
]
FULL_FOR = {"plain", "recursion", "labels", "negative", "after", "go-after", "ours"}
HEAP = {"cpu", "kilobytes"}  # other sample types: bases and names do not apply


def cases(d, quick):
    for name in sorted(os.listdir(d)):
        stem = name.split(".")[0]
        if not name.endswith((".pb.gz", ".heap", ".txt")):
            continue
        path = d + "/" + name
        full = stem in FULL_FOR and not quick
        for report in ("top", "tree", "traces", "raw"):
            for options in FULL if full and report != "traces" else EVERYWHERE:
                if report == "traces" and options == ["-cum"]:
                    continue
                if stem in ("go-after",) and any("base=" in o for o in options):
                    options = [o.replace("before.pb.gz", "go-before.pb.gz") for o in options]
                yield report, None, options, [path]
        for options in [[], ["-lines"], ["-cum", "-sample_index=0"]]:
            yield "peek", "parse|main|x|prog", options, [path]
            if stem != "negative":
                yield "tags", None, options, [path]
            if stem != "negative":  # which of w and -w pprof draws first is chance
                yield "dot", None, options, [path]
        if stem == "unmangled":  # Go 1.19's demangle=none demangles, newer pprofs' does not
            for how in "local", "force", "demangle=templates", "demangle=full":
                for report in "top", "tree", "raw":
                    yield report, None, ["-symbolize=" + how], [path]
        if stem == "plain":
            yield "list", "Cache::insert", [], [path]
            yield "list", "no such function", [], [path]
            yield "top", None, [], [path, d + "/after.pb.gz"]
            yield "top", None, ["-sample_index=nonsense"], [path]
            yield "top", None, ["-focus=("], [path]
        if stem == "ours":
            yield "list", "Ledger::enter|grow", [], [path]
            yield "tree", None, ["-lines"], [path, d + "/ours-addresses.pb.gz"]
        if stem == "go-after":
            yield "list", "main.grow", ["-source_path=" + HERE], [path]
            yield "list", "main", [], [path]
            yield "tree", None, [], [path, d + "/go-before.pb.gz"]
    yield "top", None, [], [d + "/tiny.pb.gz", d + "/cpu.pb.gz"]


# Of these the last one holds for us (docs/reader.md).
GROUPS = ({"-lines", "-files", "-addresses", "-filefunctions"},
          {"-sample_index", "-alloc_space", "-inuse_objects"})


def random_cases(d, seed, profiles, each):
    """Options in pairs on profiles of any shape."""
    r = random.Random(seed)
    os.mkdir(d + "/random")
    for i in range(profiles):
        path = d + "/random/%d.pb.gz" % i
        pprofgen.random_profile(
            path, r.randrange(10**6), samples=r.choice([5, 50, 400]), functions=r.choice([3, 10, 60]),
            symbols=r.random() < 0.85, recursion=r.random() < 0.5, inlines=r.random() < 0.7,
            labels=r.random() < 0.5, sizes=r.random() < 0.8, magnitude=r.choice([5, 12, 20, 33, 44]),
            duration=r.choice([0, 10**9, 123456789012]), time_nanos=r.choice([0, 10**18]))
        for _ in range(each):
            report = r.choice(["top", "tree", "peek", "traces", "dot", "tags", "raw", "list"])
            options = r.choice(FULL) + r.choice(FULL)
            names = [o.split("=")[0] for o in options]
            if len(set(names)) < len(names) or any(len(g & set(names)) > 1 for g in GROUPS):
                continue
            if {"-base", "-diff_base"} <= set(names):
                continue
            if report in ("dot", "tags") and {"-base", "-diff_base"} & set(names):
                continue  # negative values, see above
            yield report, {"peek": "main|parse|lex", "list": "parse|lex|main"}.get(report), options, [path]


def ours(report, text):
    """Without what ours says beyond pprof's: lines by number where there is no source."""
    lines = text.splitlines()
    if report == "list":
        out, skip = [], False
        for line in lines:
            if line.startswith(("ROUTINE", "No source")):
                skip = False
            if not skip:
                out.append(line)
            skip |= line.startswith(" Error:")
        lines = out
    return normal(report, lines)


def normal(report, lines):
    """In an unstable order in pprof: dot's lines, and calls of weights w and -w."""
    if report == "dot":
        return sorted(lines)
    if report not in ("tree", "peek"):
        return lines
    out, run, weight = [], [], None
    for line in lines + [""]:
        w = line.split()[0].lstrip("-") if " |   " in line else None
        if w is None or w != weight:
            out += sorted(run, key=lambda l: l.split(" |   ")[1:])
            run = []
        weight = w
        run.append(line)
    return out


def compare(heaptap, pprof, d, case):
    report, regex, options, sources = case
    options = [o.format(d=d) for o in options]
    flag = "-%s%s" % (report, "=" + regex if regex else "")
    env = dict(os.environ, HOME=d, TZ="Europe/Paris", PPROF_TMPDIR=d)
    env.pop("PPROF_BINARY_PATH", None)
    # pprof cannot read jemalloc's text: it gets what we converted that to.
    theirs = [s.replace("/je.heap", "/je.pb") for s in sources]
    if not any(o.startswith("-symbolize=") for o in options):
        options.append("-symbolize=none")
    a = subprocess.run([pprof, flag] + options + theirs, capture_output=True, env=env, cwd=d)
    b = subprocess.run([heaptap, report] + options +
                       ([regex] if regex else []) + sources, capture_output=True, env=env, cwd=d)
    what = "heaptap %s" % " ".join([report] + options + ([repr(regex)] if regex else []) +
                                   [os.path.basename(s) for s in sources])
    if (a.returncode != 0) != (b.returncode != 0):
        return "%s: exit %d, pprof's %d\n%s%s" % (what, b.returncode, a.returncode,
                                                 b.stderr.decode(), a.stderr.decode())
    if a.returncode:
        return None
    x = normal(report, a.stdout.decode(errors="replace").splitlines())
    y = ours(report, b.stdout.decode(errors="replace"))
    if x == y:
        return None
    diff = list(difflib.unified_diff(x, y, "pprof", "heaptap", lineterm="", n=1))
    return what + "\n" + "\n".join(diff[:16])


def main():
    words = Words(__doc__)
    words.add_argument("heaptap", type=there)
    words.flag("--quick")
    words.add_argument("--seed", type=int, default=1)
    words = words.parse_args()
    heaptap, seed = words.heaptap, words.seed
    quick = words.quick or bool(os.environ.get("HEAPTAP_TEST_QUICK"))
    pprof = pprof_path()
    with tempfile.TemporaryDirectory(prefix="heaptap-compat.") as d:
        if make_corpus(d) or make_real(d, heaptap):
            return 1
        todo, failed = list(cases(d, quick)), []
        todo += random_cases(d, seed, 6 if quick else 20, 16)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
            for r in pool.map(lambda c: compare(heaptap, pprof, d, c), todo):
                if r:
                    failed.append(r)
        for f in failed[:int(os.environ.get("SHOW", "20"))]:
            print("FAIL " + f)
        print("compat: %d of %d reports equal go tool pprof's" % (len(todo) - len(failed), len(todo)))
        return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
