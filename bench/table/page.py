# SPDX-License-Identifier: MIT
"""The table as text: docs/performance.md is one."""
import os
import platform
import re
import subprocess

from . import CLI, ROOT
from . import ways as kinds
from .ways import versions

INTRODUCTION = """# Performance, measured

Written by `{command}`. A figure without a unit is a ratio: the time of a run divided by the mean of the bare runs (without a
profiler) right before and right after it. Shown is the median of these ratios, with their quartiles in brackets. Configurations are
interleaved, and every second round runs in reverse order. `bare` is in nanoseconds: per round of a load, per request to a server, or per
command, as the row says.

* **512k** is heaptap at its default rate, **exact** is heaptap recording every allocation.
* **floor** is a pass-through library: each of its functions is one jump to the next definition (`bench/floor.c`). It shows what any
  library in front of malloc costs before it does anything.
* **bare/bare** is a bare run measured like a configuration of its own. Its difference from 1 is noise, and no ratio in its row is more
  precise than that.
* Other profilers run with their defaults. gperftools and jemalloc are allocators too: their ratios are over the same allocator without its
  profiler, and **jemalloc 512k** is heaptap over jemalloc. heaptrack records every allocation, as exact does.
* Loads with one thread are pinned to one processor, servers and their clients to one each. heaptrack is not pinned, because it has a
  second process.
* Of heaptap's own loads, heaptrack runs a tenth of the rounds and gperftools a fiftieth; the other configurations run all.
* In rows with units, `bare` is the value without heaptap (for reports there is none: the ratio is over pprof).
"""


def head(command, quick=False):
    with open("/proc/cpuinfo") as f:
        found = re.search(r"model name\s*:\s*(.*)", f.read())
    with open("/proc/meminfo") as f:
        memory = int(re.search(r"MemTotal:\s*(\d+)", f.read()).group(1)) / 2**20
    told = subprocess.run([CLI, "--version"], capture_output=True, text=True).stdout.strip()
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return {"command": command, "cpu": found.group(1) if found else platform.machine(), "cores": os.cpu_count(),
            "memory_gib": round(memory, 1), "kernel": platform.release(), "libc": " ".join(platform.libc_ver()),
            "clock": kinds.clock, "heaptap": told, "commit": commit.stdout.strip() or None, "load": "%.1f %.1f %.1f" % os.getloadavg(),
            "quick": quick, "busy": None, "versions": versions()}


def number(ns):
    return "%.1f" % ns if ns < 1000 else format(round(ns), ",")


def ratio_cells(row, seen, bare, ways):
    """A row of pairs.measure as a row of the table, and the rows of its absolute limits."""
    made = {"name": row.name, "cells": {"bare": number(bare["bare"]) + (" ns" if row.unit == "ns" else "")},
            "values": {"bare": bare["bare"]}, "quartiles": {}, "pairs": {}, "limits": []}
    more = []
    for way in ways:
        pairs = seen.get(way.name)
        if pairs is None:
            continue
        if not pairs.ratios:
            made["cells"][way.name] = pairs.note or ""
            continue
        low, median, high = pairs.quartiles
        made["cells"][way.name] = "%.3f (%.3f–%.3f)" % (median, low, high)
        made["values"][way.name], made["quartiles"][way.name] = median, [low, high]
        made["pairs"][way.name] = {"ratios": pairs.ratios, "over_ns": pairs.over}
    for limit in row.limits:
        if limit.kind == "ratio":
            value = made["values"][limit.way]
            text = "≤ %.2f" % limit.most
            made["limits"].append((limit.way, limit.most, text, value <= limit.most))
        else:
            more.append((limit, seen[limit.way].over))
    return made, more


def columns(rows, ways):
    return ["bare"] + [w for w in ways if any(w in r["cells"] for r in rows)]


def limit_text(row):
    return "; ".join(text if column == "512k" else "%s %s" % (column, text) for column, _, text, _ in row["limits"])


def line(row, names):
    cells = [row["name"]] + [row["cells"].get(c, "") for c in names] + [limit_text(row)]
    return "| " + " | ".join(cells) + " |"


def over(rows):
    """["churn 1t, 512k: 1.101, limit 1.02 (floor 1.040, bare/bare 1.001)"]"""
    out = []
    for r in rows:
        for column, bound, text, reached in r["limits"]:
            if not reached:
                beside = ["%s %.3f" % (w, r["values"][w]) for w in ("floor", "bare/bare")
                          if w in r["values"] and column == "512k"]
                low, high = r["quartiles"].get(column, (None, None))
                if low is not None and low <= bound <= high:
                    beside.append("the limit is between the quartiles")
                out.append("%s, %s: %s, limit %s%s" % (r["name"], column, r["cells"][column].split(" (")[0], text[2:],
                                                       " (%s)" % ", ".join(beside) if beside else ""))
    return out


def table_head(names):
    shown = ["heaptap " + n if n in ("512k", "exact") else n for n in names]
    return ["| row | " + " | ".join(shown) + " | limit |", "|" + " --- |" * (len(names) + 2)]


def head_lines(h):
    clock = ["Processor time, not the wall clock."] if h["clock"] == "cpu" else []
    quick = ["One short pair a row: this shows that rows run, not what they cost."] if h["quick"] else []
    return ([h["busy"]] if h["busy"] else []) + quick + clock + ["%s, %d cores, %.1f GiB, Linux %s, %s, %s (%s); load average %s at the start." %
            (h["cpu"], h["cores"], h["memory_gib"], h["kernel"], h["libc"], h["heaptap"], h["commit"], h["load"]),
            "With " + ", ".join("%s %s" % v for v in h["versions"].items()) + "."]


def over_lines(rows, missing):
    out = ["%s was left out: %s." % (name, why) for name, why in missing.items()]
    if out:
        out.append("")
    found, limits = over(rows), sum(len(r["limits"]) for r in rows)
    out.append("## Over their limit")
    out.append("")
    out.append("%d of %d limits are not reached%s" % (len(found), limits, ":" if found else "."))
    return out + ([""] + ["* " + f for f in found] if found else [])


def took(h):
    return "The run took %d minutes and %d seconds." % divmod(h["seconds"], 60)


def page(h, rows, ways, missing):
    names = columns(rows, ways)
    out = [INTRODUCTION.format(command=h["command"])] + head_lines(h) + [""] + table_head(names)
    out += [line(r, names) for r in rows] + [""] + over_lines(rows, missing) + ["", took(h)]
    return "\n".join(out) + "\n"
