# SPDX-License-Identifier: MIT
"""The rows that are no ratio over bare: what a sample, a thread, a dump, a report costs, and instructions. A row is
{"name", "cells": {column: text}, "values": {column: number}, "limits": [(column, number, text, reached)]}."""
import contextlib
import io
import os
import shutil
import statistics

from . import LIB, LOAD, MANY_STACKS, environment
from .pairs import quartiles
from .ways import BARE, Way, on_cpu

import callgrind
import memory
import outside
import reader
import unwind


def figure(name, column, values, form, most=None, least=None, bare=None):
    """`form` prints a number with its unit; `values` are its pairs."""
    low, median, high = quartiles(values if isinstance(values, list) else [values])
    cell = form % median
    if low != high:
        cell += " (%s – %s)" % (form % low, form % high)
    row = {"name": name, "cells": {column: cell}, "values": {column: median}, "quartiles": {column: [low, high]},
           "limits": []}
    if bare is not None:
        row["cells"]["bare"] = form.replace("+", "") % bare
        row["values"]["bare"] = bare
    if most is not None:
        row["limits"].append((column, most, "≤ " + form.replace("+", "") % most, median <= most))
    if least is not None:
        row["limits"].append((column, least, "≥ " + form % least, median >= least))
    return row


def exact_scaling(work, quick):
    """Work a second of two threads over that of one, exact and bare; for want of processors nothing."""
    exact = Way("exact", {"LD_PRELOAD": LIB, "HEAPTAP_RATE": "1"})
    rounds = 20000 if quick else 1000000

    def each(way, threads):
        with on_cpu(0 if threads == 1 else None):
            return float(way.run([LOAD, "churn", str(threads), str(rounds)], work)[0])
    seen = {w.name: [] for w in (BARE, exact)}
    for _ in range(1 if quick else 9):
        for w in (BARE, exact):
            seen[w.name].append(2 * each(w, 1) / each(w, 2))
    yield figure("churn exact, work of 2 threads over 1", "exact", seen["exact"], "%.2f×", least=1.8,
                 bare=statistics.median(seen["bare"]))


def samples(work, quick):
    n, rounds = (500, 1) if quick else (20000, 7)
    for way, text in ("nofp", ""), ("fp", ", frame pointers"):
        for depth in (10, 30, 100):
            with on_cpu(0):
                seen = unwind.pairs(work, ["warm", depth, way, n], rounds)
            yield figure("a sample and its free, %d frames warm%s" % (depth, text), "512k",
                         [a - b for a, b in seen], "%+.0f ns", most=500 if depth == 30 else None,
                         bare=statistics.median(b for _, b in seen))
    with on_cpu(0):
        seen = unwind.pairs(work, ["cold"], 1 if quick else 15)
    yield figure("a sample, 30 functions never seen", "512k", [a - b for a, b in seen], "%+.0f ns", most=5000,
                 bare=statistics.median(b for _, b in seen))


def memories(work, quick):
    fixed, each, share, (untouched, more) = memory.measure(work, *((1, 100, 40) if quick else ()))
    yield figure("memory, fixed", "512k", fixed, "%+.0f KiB", most=memory.FIXED)
    yield figure("memory, a thread", "512k", each, "%+.2f KiB", most=memory.THREAD)
    yield figure("memory, of the heap", "512k", share, "%+.2f %%", most=memory.SHARE)
    # As bare: what is more is the fixed part, which is there without the calloc.
    yield figure("memory of 1 GiB calloc untouched, fixed part taken off", "512k", more - fixed, "%+.0f KiB",
                 most=256, bare=untouched)


def dumps(work, quick):
    if not os.path.exists(MANY_STACKS):
        return
    place = os.path.join(work, "dumps")
    os.makedirs(place, exist_ok=True)
    size = "dump of 131,072 stacks"
    seen = outside.dumps(place, 1 if quick else 5, 8 if quick else 17)
    for name, most in ("raw", outside.RAW), ("with names", outside.NAMED):
        yield figure("%s from outside, %s, processor" % (size, name), "exact",
                     [cpu * 1e3 for _, cpu in seen[name]], "%.0f ms", most=most * 1e3)
        yield figure("%s from outside, %s, wall" % (size, name), "exact",
                     [wall * 1e3 for wall, _ in seen[name]], "%.0f ms")
    yield figure(size + " from inside, wall", "exact", [wall * 1e3 for wall, _ in seen["inside"]], "%.0f ms")
    ratios = outside.latencies(place, 1 if quick else 5, 0.3 if quick else 2)
    for i, name in enumerate(("p50", "p99", "p99.9")):
        yield figure("malloc at 64k while dumped, over not, " + name, "512k", [r[i] for r in ratios], "%.3f",
                     most=outside.LATENCY if i == 2 else None)


def readers(work, quick):
    """`bare` is go tool pprof's on the same profile."""
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            pprof = reader.pprof_path()
        except SystemExit:
            return
    n = 5000 if quick else 200000
    path = os.path.join(work, "large.pb.gz")
    reader.large_profile(path, n)
    for report in ("top", "tree", "traces"):
        theirs, ours = reader.compared(pprof, report, path, work, 1 if quick else 3)
        limit = report == "top"
        name = "%s of %s samples, pprof over us, " % (report, format(n, ","))
        yield figure(name + "wall", "512k", [t[0] / h[0] for t, h in zip(theirs, ours)], "%.1f×",
                     least=5 if limit else None)
        yield figure(name + "memory", "512k", [t[2] / h[2] for t, h in zip(theirs, ours)], "%.1f×",
                     least=2 if limit else None)


# Instructions of the fast path for a malloc and a free (tests/golden counts them).
FAST_PATH = 5 + 3


def instructions(work, quick):
    if quick or not shutil.which("valgrind"):
        return

    def per_pair(load, few, many, **more):
        env = environment(HEAPTAP_OUTPUT=work + "/%p.pb.gz", **more)
        return callgrind.per_operation(LOAD, load, env, work, few, many)
    preload = {"LD_PRELOAD": LIB, "HEAPTAP_SEED": "1"}
    bare = per_pair("churn", 50000, 250000)
    ours = per_pair("churn", 50000, 250000, **preload)
    exact = per_pair("churn", 50000, 150000, HEAPTAP_RATE="1", **preload)
    yield figure("instructions of a churn pair", "512k", ours, "%.1f", bare=bare)
    yield figure("instructions of a churn pair less the fast path's 8, over bare", "512k", (ours - FAST_PATH) / bare,
                 "%.3f", most=1.02)
    yield figure("instructions of a churn pair in exact mode", "exact", exact, "%.0f", bare=bare)
    yield figure("instructions of a sample and its free at 30 frames", "512k", unwind.instructions(work, 30), "%+.0f")


# As bench/run knows them: a name, what it is, and the rows.
GROUPS = (("scaling", "work of two threads over that of one, in exact mode", exact_scaling),
          ("samples", "what a sample costs, by depth, warm and never seen", samples),
          ("memory", "what the library takes: fixed, a thread, of the heap", memories),
          ("dumps", "from outside and inside, and malloc while one is made", dumps),
          ("reader", "reports of a large profile beside go tool pprof's", readers),
          ("instructions", "of the fast path, a sample, an exact pair (not with --quick)", instructions))
