#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fresh_page.py TABLE PAGE: puts what tests/fresh found (lines of suite, row and words, by tabs) into the table of docs/platforms.md.
A cell that was not tried this time stays as it was; each column has the day of its last run."""
import datetime
import sys

SUITES = {"bullseye": "Debian 11", "bookworm": "Debian 12", "trixie": "Debian 13", "sid": "Debian unstable"}
BEGIN, END = "<!-- tests/fresh --write -->\n", "<!-- end -->\n"


def cells(line):
    return [c.strip() for c in line.strip().strip("|").split("|")]


def main():
    table, page = sys.argv[1:]
    with open(page, encoding="utf-8") as f:
        before, rest = f.read().split(BEGIN)
    old, after = rest.split(END)
    rows = {}
    for line in [l for l in old.splitlines() if l.startswith("|")][2:]:
        name, *values = cells(line)
        rows[name] = dict(zip(SUITES, values))
    with open(table, encoding="utf-8") as f:
        for line in f:
            suite, name, words = line.rstrip("\n").split("\t")
            rows.setdefault(name, {})[suite] = words
            rows.setdefault("last run", {})[suite] = datetime.date.today().isoformat()
    out = "| | " + " | ".join(SUITES.values()) + " |\n" + "| --- " * (len(SUITES) + 1) + "|\n"
    order = sorted(rows, key=lambda name: name != "last run")
    for name in order:
        out += "| %s | %s |\n" % (name, " | ".join(rows[name].get(s, "") for s in SUITES))
    with open(page, "w", encoding="utf-8") as f:
        f.write(before + BEGIN + out + END + after)


main()
