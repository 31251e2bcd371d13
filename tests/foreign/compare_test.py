#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The comparison of foreign programs can fail: a library in heaptap's place that leaks a descriptor, writes to standard output or
standard error, or changes the exit status is found, each by its name, and one that does nothing is not."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import compare  # noqa: E402
from words import Words, there  # noqa: E402

words = Words(__doc__)
words.add_argument("descriptors", type=there)
words.add_argument("leak", type=there)
words = words.parse_args()
compare.DESCRIPTORS, leak = words.descriptors, words.leak
command = compare.Command(["sh", "-c", "ls / | sort; (exit 3)"])
bare = compare.Bare.twice(command)
failed = 0


def check(condition, words):
    global failed
    if not condition:
        failed += 1
        print("FAIL " + words)


check(bare.same and not bare.not_compared(), "two bare runs of a simple command differ: " + bare.not_compared())
check(set(bare.run.descriptors) >= {"ls", "sort"}, "no record of ls and sort: %r" % bare.run.descriptors)
for fault, words in {"": None, "descriptor": "sort: {'3:chr", "output": "output differs", "stderr": "stderr: 'x", "status": "exit 99, bare 3"}.items():
    os.environ["FOREIGN_FAULT"] = fault
    bad, _ = compare.case(bare, "512k", leak)
    check(any(words in b for b in bad) if words else not bad, "fault %r: %r" % (fault, bad))
# A program whose descriptors differ between bare runs is left out, the others are not.
bare.add(bare.run._replace(descriptors=dict(bare.run.descriptors, sort={"0:file ": 1})))
check(bare.not_compared() == "descriptors of sort", "not compared: " + bare.not_compared())
os.environ["FOREIGN_FAULT"] = "descriptor"
bad, _ = compare.case(bare, "512k", leak)
check(any(b.startswith("ls: ") for b in bad) and not any(b.startswith("sort: ") for b in bad), "beside an unsteady program: %r" % bad)
sys.exit(1 if failed else 0)
