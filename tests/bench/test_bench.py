#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_bench.py: bench/run --quick has every row and limit; pairs and the list of what is over its limit are right on
made-up figures. Seen failing: with a load's name misspelt in bench/table/rows.py, with a limit left out of it, with
measure() comparing with the run before only, with over() listing limits that are reached."""
import collections
import json
import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "bench"))

from table import page, quiet
from table.pairs import Plan, measure, quartiles
from table.ways import BARE, TooSlow, Way

# What the bench promises: a part of the name, and where a limit stands.
PROMISED = [(name, "512k") for name in (
    "churn 1t", "churn 2t", "churn 4t", "churn 8t", "sizes 16 B to 4 MB", "sizes 16 B to 4 MB beside", "realloc growth", "memalign", "producer and consumer",
    "larson", "xmalloc", "cache-scratch", "alloc-test", "sh6", "sh8", "calloc 64 MiB", "calloc 1 GiB", "10 frames",
    "30 frames", "100 frames", "30 frames, frame pointers", "C++ map", "C++ unordered_map", "C++ vector", "C++ string",
    "C++ list", "fork+exec", "start-up of /bin/true, 512k over bare", "sqlite3", "python json", "gcc -O2",
    "redis-benchmark", "nginx under wrk", "postgres with pgbench", "a sample and its free, 30 frames warm",
    "a sample, 30 functions never seen", "memory, fixed", "memory, a thread", "memory, of the heap",
    "memory of 1 GiB calloc untouched", "malloc at 64k while dumped, over not, p99.9", "top of")] + [
    ("churn 1t, exact over bare", "exact"), ("churn exact, work of 2 threads", "exact"), ("sqlite3", "exact"),
    ("gcc -O2", "exact"), ("from outside, raw, processor", "exact"), ("from outside, with names, processor", "exact"),
    ("from inside", None), ("thread create and join", None)]

failed = []


def check(what, good, more=""):
    print("%s %s %s" % ("ok  " if good else "FAIL", what, "" if good else more))
    if not good:
        failed.append(what)


Row = collections.namedtuple("Row", "time cpu")


def pairs():
    # A machine that grows slower by a tenth of the first run with each run: equal ways are equal all the same.
    clock = iter(range(10**6))
    drifting = Row(lambda way, work, patience: 100 + 10 * next(clock), None)
    seen, bare = measure(drifting, [Way("a"), Way("b")], {"bare": BARE}, Plan(rounds=4), "/")
    check("a drift is no difference", all(abs(r - 1) < 1e-9 for w in "ab" for r in seen[w].ratios), seen["a"].ratios)
    check("each way has its pairs", [len(seen[w].ratios) for w in "ab"] == [4, 4])
    check("bare runs are shared", len(bare["bare"]) == 4 * 3, bare)
    double = Row(lambda way, work, patience: 200 if way.name == "a" else 100, None)
    seen, _ = measure(double, [Way("a")], {"bare": BARE}, Plan(rounds=3), "/")
    check("twice the time is 2", seen["a"].quartiles == (2, 2, 2) and seen["a"].over == [100] * 3)

    def slow(way, work, patience):
        if way.peer:
            raise TooSlow("over %d s" % patience)
        return 100
    seen, _ = measure(Row(slow, None), [Way("a"), Way("peer", peer=True)], {"bare": BARE}, Plan(rounds=2), "/")
    check("a slow peer is left out, and said so", not seen["peer"].ratios and seen["peer"].note == "over 10 s")
    heavy = Way("heavy", peer=True)
    seen, bare = measure(Row(slow, None), [Way("a"), Way("peer", base="heavy", peer=True)],
                         {"bare": BARE, "heavy": heavy}, Plan(rounds=2), "/")
    check("so is one whose allocator is slow by itself", seen["peer"].note == "heavy over 10 s" and "heavy" not in bare,
          seen["peer"].note)
    check("quartiles", quartiles([4, 1, 3, 2, 5]) == (2, 3, 4), quartiles([4, 1, 3, 2, 5]))


def lists():
    row = {"name": "r", "cells": {"512k": "1.030 (1.0–1.1)", "exact": "9"}, "values": {"512k": 1.03, "floor": 1.02},
           "quartiles": {"512k": [1.01, 1.04]},
           "limits": [("512k", 1.02, "≤ 1.02", False), ("exact", 10, "≤ 10", True)]}
    check("what is over its limit is listed", page.over([row]) == ["r, 512k: 1.030, limit 1.02 (floor 1.020, the limit is between the quartiles)"],
          page.over([row]))


def busy():
    """Seen failing: with others() always 0, with idle time counted in taken(), with the bounds at 10."""
    tick = os.sysconf("SC_CLK_TCK")
    check("what ran is neither idle nor waiting", quiet.taken("cpu  %d 0 %d 99999 99999 0 0 0 0 0" % (tick, tick)) == 2)
    watch, other = quiet.Watch(), subprocess.Popen(["sh", "-c", "while :; do :; done"])
    time.sleep(0.6)
    took = watch.others()
    other.kill()
    other.wait()
    check("a process that was not waited for is another's", took > 0.1, took)
    mine = quiet.Watch()
    mine.begin = (mine.begin[0] - 10, mine.begin[1] - 10, mine.begin[2] - 10)
    check("one that was is ours", mine.others() < 0.5, mine.others())
    rows = [{"pairs": {"bare/bare": {"ratios": [1, r, r]}}} for r in (1.01, 0.95, 1.2)] + [{"name": "a figure"}]
    check("bare runs differ by the median of the rows", abs(quiet.spread(rows) - 0.05) < 1e-9 and quiet.spread([]) is None)
    check("a quiet machine is not spoken of", quiet.busy(0.05, 0.01) is None and quiet.busy(0, None) is None)
    check("a busy one is, with the reason", "took 0.8 of" in quiet.busy(0.8, 0.01) and "differ by 5 %" in quiet.busy(0, 0.05))
    head = dict(page.head("bench/run", True), busy=quiet.busy(0.8, 0.05), seconds=1)
    check("in the head", page.head_lines(head)[0] == head["busy"] and "One short pair" in page.head_lines(head)[1])


def quick():
    r = subprocess.run([sys.executable, os.path.join(ROOT, "bench", "run"), "--quick", "--json"],
                       capture_output=True, text=True)
    check("bench/run --quick ends well", r.returncode == 0, r.stderr[-2000:])
    if r.returncode:
        return
    told = json.loads(r.stdout)
    rows, missing = told["rows"], told["missing"]
    head = told["head"]
    check("the head says how busy the machine was", head["others_processors"] >= 0 and 0 < head["bare_spread"] < 10 and
          head["busy"] == quiet.busy(head["others_processors"], head["bare_spread"]), head)
    for name, why in missing.items():
        print("SKIP %s: %s" % (name, why))
    for name, column in PROMISED:
        if any(name in m for m in missing):
            continue
        found = [x for x in rows if name in x["name"]]
        check("there is a row %s%s" % (name, ", with its limit" if column else ""),
              any(column is None or any(c == column for c, *_ in x["limits"]) for x in found))
    loads = [x for x in rows if x.get("pairs")]
    check("each ratio row has a floor and its noise", len(loads) > 30 and all(
        x["values"].get("bare/bare", 0) > 0 for x in loads) and
        sum("floor" in x["values"] for x in loads) > 30)
    wrong = [x["name"] for x in rows for c, bound, text, reached in x["limits"]
             if reached != (x["values"][c] <= bound if text[0] == "≤" else x["values"][c] >= bound)]
    check("a limit is reached when its figure is within it", not wrong, wrong)
    over = sum(not reached for x in rows for *_, reached in x["limits"])
    check("the list is of those that are not", len(told["over"]) == over)
    text = page.page(told["head"], rows, told["ways"], missing)
    check("the page has them all", all(("| %s |" % x["name"]) in text for x in rows) and
          text.count("\n* ") >= over and ("%d of" % over) in text)


def against():
    """A library that only jumps stands for the earlier one: exact mode is five times slower, whatever else runs.
    Seen failing: with the two libraries changed over."""
    build = os.environ.get("HEAPTAP_BUILD", os.path.join(ROOT, "build"))
    r = subprocess.run([sys.executable, os.path.join(ROOT, "bench", "against"), "--quick",
                        os.path.join(build, "bench", "bench-floor.so"), "churn 1t"], capture_output=True, text=True)
    check("bench/against finds a library that is slower", r.returncode == 0 and "| churn 1t |" in r.stdout and
          "churn 1t, exact" in r.stdout.splitlines()[-1], r.stdout[-500:] + r.stderr[-500:])


def faults():
    """Seen failing: with the seed left out of what bench/faults.py gives to the load."""
    r = subprocess.run([sys.executable, os.path.join(ROOT, "bench", "faults.py"), "--seeds", "4", "--rounds", "5000"],
                       capture_output=True, text=True)
    rows = [[c.strip() for c in line.strip("|").split("|")] for line in r.stdout.splitlines()]
    least, most = map(int, rows[2][2].split(",")) if r.returncode == 0 else (0, 0)
    check("bench/faults.py has a sequence of sizes for each seed", [x[0] for x in rows[2:]] == ["bare", "512k"] and
          most > 1.05 * least, r.stdout + r.stderr[-500:])


pairs()
lists()
busy()
quick()
against()
faults()
sys.exit(1 if failed else 0)
