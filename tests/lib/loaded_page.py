#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""loaded_page.py PAGE SUITES RUNS FAILURES: puts what tests/loaded found into the table of docs/testing.md: a row for these suites, in
place of the one of before. FAILURES has a line for each failure: how often, and its name."""
import datetime
import sys

BEGIN, END = "<!-- tests/loaded --write -->\n", "<!-- end of it -->\n"
HEAD = "| suites or tests | runs | last run | what failed |\n| --- | --- | --- | --- |\n"


def main():
    page, suites, runs, failures = sys.argv[1:]
    with open(page, encoding="utf-8") as f:
        before, rest = f.read().split(BEGIN)
    old, after = rest.split(END)
    rows = [line for line in old.splitlines(True) if line.startswith("| ") and line not in HEAD.splitlines(True)]
    with open(failures, encoding="utf-8", errors="replace") as f:
        found = [line.split(None, 1) for line in f]
    said = "; ".join("%s: %s of %s" % (name.strip().replace("|", "/"), times, runs) for times, name in found) or "nothing"
    row = "| %s | %s | %s | %s |\n" % (suites, runs, datetime.date.today().isoformat(), said)
    rows = [line for line in rows if not line.startswith("| %s |" % suites)] + [row]
    with open(page, "w", encoding="utf-8") as f:
        f.write(before + BEGIN + HEAD + "".join(sorted(rows)) + END + after)


main()
