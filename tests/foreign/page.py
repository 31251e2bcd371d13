#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""page.py LOG PAGE [again]: writes the page from what tests/foreign/run --full --table printed; "again": its rows replace those of
the page that is there."""
import argparse
import os
import platform
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from words import Words  # noqa: E402

HEAD = """# Foreign programs: the last full matrix

Written by `tests/foreign/matrix` on %s: %s, %s, Linux %s, %d %s cores.

"same": exit status, output, standard error and the open descriptors of each process at its exit (number and kind) are those of the run
without heaptap, and every profile is valid. "not compared": these already differ between two runs without heaptap. An empty cell was not
run: exact mode runs over glibc only, and a few rows that take minutes run over fewer allocators (`# only` and `# not exact` above each in
`tests/foreign/programs`). "–": with that allocator, even without heaptap, the program does not behave as over glibc.
"""


def rows_of(text):
    table = [l for l in text.splitlines() if l.startswith("| ")]
    return table[:2], {l.split("|")[1].strip(): l for l in table[2:]}


def system():
    names = dict(l.rstrip().split("=", 1) for l in open("/etc/os-release") if "=" in l)
    libc = subprocess.run(["getconf", "GNU_LIBC_VERSION"], capture_output=True, text=True).stdout.strip()
    return names["PRETTY_NAME"].strip('"'), libc, ".".join(platform.release().split(".")[:2]), os.cpu_count(), platform.machine()


def main():
    words = Words(__doc__)
    words.add_argument("log", type=argparse.FileType())
    words.add_argument("page")
    words.add_argument("again", nargs="?", choices=["again"])
    words = words.parse_args()
    log, page = words.log.read(), words.page
    today = time.strftime("%Y-%m-%d")
    head, rows = rows_of(log)
    if not re.search("^foreign: ", log, re.M):
        sys.exit("page.py: %s did not come to its end" % words.log.name)
    notes = [l for l in log.splitlines() if re.match(r"(FAIL|SKIP) foreign: (?!.*: no )", l)]
    lacking = ["%s (no %s)" % m for m in re.findall(r"^SKIP foreign: (\w+): no (.*)", log, re.M)]
    opening = HEAD % ((today,) + system())
    left_out = "Left out for want of a command: %s." % (", ".join(lacking) or "nothing")
    if words.again:
        old = open(page).read()
        old_head, old_rows = rows_of(old)
        if old_head != head:
            sys.exit("page.py: %s has other columns" % page)
        notes += [l for l in re.findall(r"^(?:FAIL|SKIP) foreign: .*", old, re.M) if l.split(": ")[1].split(",")[0] not in rows]
        opening = old[:old.index("\nLeft out")]
        opening += "\n%s once more, on %s.\n" % (", ".join(rows), today)
        left_out = re.search("^Left out.*", old, re.M)[0]
        rows = {**old_rows, **rows}
    cells = [c.strip() for r in rows.values() for c in r.split("|")[2:-2]]
    with open(page, "w") as f:
        f.write("\n".join([opening, left_out, ""] + head + list(rows.values())) + "\n\n")
        f.write("".join(n + "\n" for n in notes) + "\n" * bool(notes))
        f.write("%d programs and suites: %d cells the same, %d differ, %d skipped.\n" % (
            len(rows), cells.count("same"), cells.count("**differs**"), cells.count("–")))


if __name__ == "__main__":
    main()
