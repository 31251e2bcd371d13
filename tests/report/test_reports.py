#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What reports say that pprof does not: JSON, folded, sizes, diff, drawings; and how they fail."""
import json
import os
import shutil
import subprocess
import tempfile

from common import HEAPTAP, check, finish, known_profile, pprofgen, run


def as_json(*args):
    code, out, err = run(*args, "--json")
    check("exit of %s --json" % (args,), code == 0, err)
    return json.loads(out)


def bare(o):
    """Without the intervals, which tests/evidence is about."""
    return {k: v for k, v in o.items() if not k.endswith(("_low", "_high"))}


def json_reports(known, random):
    top = as_json("top", known)
    check("total", top["total"] == 4260 and top["unit"] == "bytes", top)
    check("who it is of", top["file"] == "known" and top["build_id"] == "00ff" and
          top["comments"] == ["lost: 0"])
    row = top["rows"][0]
    check("heaviest site", (row["name"], row["flat"], row["cum"]) == ("fill", 4160, 4160), row)
    check("inlined", row["inline"] == "always" and top["rows"][-1]["inline"] == "never", top["rows"])
    check("percent", abs(row["flat_percent"] - 4160 / 42.60) < 0.001, row)
    tree = as_json("tree", known)
    grow = next(r for r in tree["rows"] if r["name"] == "grow")
    check("callers", grow["callers"] == [{"name": "main", "weight": 4160, "inline": False,
                                          "residual": False}], grow)
    check("callees", grow["callees"][0]["name"] == "fill" and grow["callees"][0]["inline"], grow)
    check("peek", [r["name"] for r in as_json("peek", "^grow$", known)["rows"]] == ["grow"])
    graph = as_json("dot", known)
    check("graph", len(graph["nodes"]) == 4 and len(graph["edges"]) == 3, graph)
    ids = {n["id"]: n["name"] for n in graph["nodes"]}
    check("edges", {(ids[e["from"]], ids[e["to"]]) for e in graph["edges"]} ==
          {("main", "grow"), ("grow", "fill"), ("main", "other;x")})
    lines = as_json("list", "fill", known)["functions"][0]
    check("list", lines["flat"] == 4160 and [bare(l) for l in lines["lines"]] ==
          [{"line": 7, "flat": 4160, "cum": 4160}], lines)
    for kind in (["top"], ["tree"], ["peek", "."], ["dot"], ["list", "."], ["folded"]):
        for extra in ([], ["--lines"], ["--addresses", "--cum"], ["-i", "alloc_objects"]):
            as_json(*kind, *extra, random)
    stacks = as_json("folded", random)
    check("stacks add up", sum(s["value"] for s in stacks["stacks"]) == stacks["total"])


def documented(random):
    """Every field of every report stands in docs/json.md."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/json.md")) as f:
        page = f.read()
    keys = set()

    def collect(o):
        for k, v in o.items() if isinstance(o, dict) else ((None, v) for v in o):
            keys.add(k)
            if isinstance(v, (dict, list)):
                collect(v)

    for kind in (["top"], ["top", "--sizes"], ["tree"], ["peek", "."], ["dot"], ["list", "."],
                 ["folded"], ["traces"], ["raw"], ["tags"]):
        collect(as_json(*kind, "--lines", "--tagfocus=1b:", random))
    missing = [k for k in keys if k and "`%s`" % k not in page]
    check("docs/json.md has all fields", not missing, missing)


def folded(known):
    code, out, _ = run("folded", known)
    check("folded", code == 0 and out == "main;grow;fill 4160\nmain;other:x 100\n", out)
    check("folded lines", run("folded", "-lines", "--focus=fill", known)[1] ==
          "main /src/known.c:20;grow /src/known.c:12;fill /src/known.c:7 4160\n")


def sizes(known, d):
    code, out, _ = run("top", "--sizes", known)
    check("sizes", code == 0 and "4kB            1 of        4kB" in out and
          "64B            4 of        16B" in out, out)
    site = as_json("top", "--sizes", known)["rows"][0]
    check("sizes as JSON", [bare(x) for x in site["sizes"]] == [{"bytes": 16, "objects": 4, "space": 64},
                                             {"bytes": 4096, "objects": 1, "space": 4096}], site)
    unsized = d + "/unsized.pb.gz"
    pprofgen.random_profile(unsized, 1, sizes=False)
    code, _, err = run("top", "--sizes", unsized)
    check("no sizes", code == 1 and '"bytes"' in err, err)


def diff(d):
    paths = []
    for i, values in enumerate(([100, 500, 30], [400, 100, 30])):
        p = pprofgen.Profile(types=(("inuse_space", "bytes"),))
        for name, v in zip(("grew", "shrank", "same"), values):
            p.sample([p.location(0, 0, [(p.function(name), 0)])], [v])
        paths.append("%s/diff%d.pb.gz" % (d, i))
        p.write(paths[-1], time_nanos=i * 1700000000 * 10**9, comments=["heaptap 1", "pid: %d" % (7 + i), "#hidden"])
    code, out, err = run("diff", *paths, env=dict(os.environ, TZ="UTC"))
    rows = [line.split() for line in out.splitlines() if line.endswith(("grew", "shrank", "same"))]
    check("diff", code == 0 and [(r[0], r[-1]) for r in rows] == [("300B", "grew"),
                                                                 ("-400B", "shrank")], out + err)
    check("diff tells old from new", out.count("heaptap 1\n") == 1 and "\npid" not in out and "Old: %s, pid: 7\n" % paths[0] in out and
          "New: %s, Nov 14, 2023 at 10:13:20pm (UTC), pid: 8\n" % paths[1] in out, out)
    base = run("top", "--base=" + paths[0], paths[1])[1]
    check("--base says the same, by size", "-400B" in base and base.index("shrank") < base.index("grew"))
    rows = as_json("diff", *paths)["rows"]
    check("diff as JSON", [(r["name"], r["flat"]) for r in rows] == [("grew", 300), ("shrank", -400)])


def drawings(known, d):
    without = dict(os.environ, PATH="/nonexistent")
    code, out, err = run("svg", known, env=without)
    check("no graphviz", code == 1 and "graphviz" in err and err.count("\n") == 1 and not out, err)
    if not shutil.which("dot"):
        print("SKIP drawings: no graphviz")
        return
    code, out, err = run("svg", known)
    check("svg", code == 0 and "<svg" in out and out.rstrip().endswith("</svg>"), err)
    code, out, err = run("png", known, "-o", d + "/x.png")
    with open(d + "/x.png", "rb") as f:
        check("png", code == 0 and f.read(8) == b"\x89PNG\r\n\x1a\n" and not out, err)


def arguments(known, d):
    expect = [(["top", "--nonsense", known], 2, "--nonsense"), (["top"], 2, "usage"),
              (["top", "--nodecount=x", known], 2, "nodecount"),
              (["top", "--granularity=x", known], 2, "functions"),
              (["top", "--focus=(", known], 2, "focus"),
              (["top", "-i", "nonsense", known], 2, "nonsense"),
              (["top", "--unit"], 2, "value"), (["top", "--unit=foo", known], 2, "unit=foo"), (["peek", "x"], 2, "profile"),
              (["peek", "no such", known], 1, "no such"),
              (["list", "no such", known], 1, "no such"),
              (["top", "--base=" + known, "--diff_base=" + known, known], 2, "together"),
              (["top", d + "/missing"], 1, "missing"), (["top", d], 1, d),
              (["diff", known], 2, "two"), (["top", known, "-o", d + "/no/dir"], 1, "no/dir")]
    for args, code, word in expect:
        got, out, err = run(*args)
        check("refusal of %s" % args, got == code and word in err and not out and
              err.startswith("heaptap: ") and err.count("\n") == 1, (got, err))
    check("units as pprof spells them", all(run("top", "--unit=" + u, known)[0] == 0 for u in ("MB", "kilobytes", "bytes", "auto", "count")))
    check("both spellings", run("top", "-nodecount=1", known) == run("top", "--nodecount", "1", known))
    check("--help", run("top", "--help")[0] == 0)
    out = d + "/out.txt"
    check("-o", run("top", known, "-o", out)[:2] == (0, "") and
          open(out).read() == run("top", known)[1])
    check("a failure leaves the old file", run("peek", "zzz", known, "-o", out)[0] == 1 and
          open(out).read() == run("top", known)[1] and
          not [f for f in os.listdir(d) if f.startswith("out.txt.")])


def nothing_in_use(d):
    """Of a program that freed all it had the default shows nothing: one line says what does."""
    path = d + "/freed.pb.gz"
    p = pprofgen.Profile()
    p.sample([p.location(0, 0x10)], [3, 300, 0, 0])
    p.write(path)
    line = "heaptap: every value of inuse_space is 0; -i alloc_space has others\n"
    for report in ["top"], ["tree", "--json"], ["folded"]:
        check("hint of %s" % report, run(*report, path)[::2] == (0, line), run(*report, path))
    check("at the prompt", line not in run("shell", path, stdin=b"top\n")[2])
    check("not where it shows", run("top", "-i", "alloc_space", path)[2] == "" and run("top", "--base=" + path, path)[2] == "")


def full_disk(known, random):
    """The reason is said. (Of what is more than a buffer it was "Input/output error".)"""
    line = "heaptap: cannot write standard output: No space left on device\n"
    for report in ["top"], ["raw", "--json"], ["png"], ["dot"]:
        with open("/dev/full", "w") as full:
            r = subprocess.run([HEAPTAP] + report + [random], stdout=full, stderr=subprocess.PIPE, text=True)
        skip = report == ["png"] and not shutil.which("dot")
        check("full disk, %s" % report, skip or (r.returncode, r.stderr) == (1, line), r)
    with open("/dev/full", "w") as full:
        r = subprocess.run([HEAPTAP, "flame", random, "-o", "-"], stdout=full, stderr=subprocess.PIPE, text=True)
    check("full disk, flame", r.returncode == 1 and "No space left" in r.stderr, r)


def first_words(known):
    code, out, err = run(known)
    for word, ours in ("-top", "top"), ("text", "top"), ("weblist", "list"), ("-http=:8080", "view"):
        got = run(word, known)
        check("pprof's " + word, got == (2, "", "heaptap: unknown command '%s': it is heaptap %s here\n" % (word, ours)), got)
    check("a file in a command's place", code == 2 and "heaptap top " + known in err and err.count("\n") == 1, err)


def main():
    with tempfile.TemporaryDirectory(prefix="heaptap-reports.") as d:
        known, random = d + "/known.pb.gz", d + "/random.pb.gz"
        os.environ.update(HOME=d, TZ="UTC")
        known_profile(known)
        pprofgen.random_profile(random, 42, labels=True, recursion=True)
        json_reports(known, random)
        documented(random)
        folded(known)
        sizes(known, d)
        diff(d)
        drawings(known, d)
        arguments(known, d)
        nothing_in_use(d)
        full_disk(known, random)
        first_words(known)
    finish("reports of " + os.path.basename(HEAPTAP))


main()
