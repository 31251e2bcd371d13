#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Exact mode's figures by thread are the truth, with 1,000 threads that come and go: in the profile, in reports of a file, of a process
and of a region that was left, in differences and merged profiles; and at a rate the sum is what it is without labels."""
import json
import os
import re
import shutil
import subprocess

from labels import by_labels, file
from common import DIR, HEAPTAP, PROGRAMS, check, finish, heaptap, kill, pprof, start


def by_thread(path):
    return by_labels(path, ("thread",), "take_figures")


def run(name, *options, rounds=20):
    status, out, err = heaptap("run", "-q", *options, "-o", file(name), os.path.join(PROGRAMS, "threads"), rounds)
    truth = {}
    for line in out.splitlines():
        words = line.split()
        truth[words[0]] = [int(w) for w in words[1:]]
    check("run %s" % name, status == 0 and len(truth) == 5, (status, out, err))
    return truth


truth = run("exact.pb.gz", "--exact", "--labels=thread")
got = by_thread(file("exact.pb.gz"))
check("by thread", got == truth, (got, truth))
pprof.check(pprof.Profile(file("exact.pb.gz")))

# What the reports say of the file: the same figures by the label.
status, text, err = heaptap("top", "--by=thread", "--json", "--focus=take_figures", "-i", "alloc_objects", file("exact.pb.gz"))
rows = {r["name"]: r["flat"] for r in json.loads(text)["rows"]} if not status else err
check("top --by=thread", rows == {k: v[0] for k, v in truth.items()}, (rows, err))
status, text, err = heaptap("tags", "-i", "alloc_space", "--focus=take_figures", "--unit=B", file("exact.pb.gz"))
found = {m[2]: int(float(m[1])) for m in re.finditer(r"^\s+([\d.]+)B? \(.*?\): (\S+-#|io#|worker/#)$", text, re.M)}
check("tags", found == {k: v[1] for k, v in truth.items()}, (text, err))
for option, where in (("--tagroot=thread", 0), ("--tagleaf=thread", -1)):
    status, text, err = heaptap("folded", option, "-i", "alloc_objects", "--focus=take_figures", file("exact.pb.gz"))
    found = {}
    for line in text.splitlines():
        stack, value = line.rsplit(" ", 1)
        frame = stack.split(";")[where]
        found[frame] = found.get(frame, 0) + int(value)
    check(option, {re.sub(r"^thread[=:] ?|\s*\(thread\)$", "", k): v for k, v in found.items()} == {k: v[0] for k, v in truth.items()}, (found, err))

# A second run, merged and compared.
half = run("half.pb.gz", "--exact", "--labels=thread", rounds=10)
status, text, err = heaptap("merge", "-o", file("both.pb.gz"), file("exact.pb.gz"), file("half.pb.gz"))
both = {k: [a + b for a, b in zip(v, half[k])] for k, v in truth.items()}
check("merge", status == 0 and by_thread(file("both.pb.gz")) == both, (err, by_thread(file("both.pb.gz")), both))
status, text, err = heaptap("top", "--by=thread", "--json", "--focus=take_figures", "-i", "alloc_objects", "--base=" + file("half.pb.gz"), file("exact.pb.gz"))
rows = {r["name"]: r["flat"] for r in json.loads(text)["rows"]} if not status else err
check("--base", rows == {k: v[0] - half[k][0] for k, v in truth.items()}, (rows, err))

# A process: a report, a dump, and what a killed one leaves.
p = start("threads", 4, "stay", HEAPTAP_LABELS="thread")
lines = [p.line] + [p.stdout.readline().decode() for _ in range(4)]
few = {l.split()[0]: [int(w) for w in l.split()[1:]] for l in lines}
status, text, err = heaptap("top", "--by=thread", "--json", "--focus=take_figures", "-i", "inuse_space", p.pid)
rows = {r["name"]: r["flat"] for r in json.loads(text)["rows"]} if not status else err
check("of a process", rows == {k: v[3] for k, v in few.items()}, (rows, few, err))
status, text, err = heaptap("dump", "-q", p.pid, "-o", file("dump.pb.gz"))
check("dump", status == 0 and by_thread(file("dump.pb.gz")) == few, (err, status))
kill(p)
status, text, err = heaptap("recover", p.pid, "-o", file("recover.pb.gz"))
check("recover", status == 0 and by_thread(file("recover.pb.gz")) == few, (err, status))

# pprof reads them as heaptap does.
if shutil.which("go"):
    def tags(*command):
        r = subprocess.run([*command, "-sample_index=alloc_objects", "-focus=take_figures", file("exact.pb.gz")], capture_output=True, text=True,
                           env=dict(os.environ, HOME=DIR, PPROF_TMPDIR=DIR), timeout=100)
        return {m[2]: float(m[1]) for m in re.finditer(r"^\s+([\d.]+) \(.*?\): (\S+-#|io#|worker/#)$", r.stdout, re.M)}
    theirs = tags("go", "tool", "pprof", "-tags")
    check("go tool pprof", theirs == {k: v[0] for k, v in truth.items()} == tags(HEAPTAP, "tags"), theirs)
else:
    print("SKIP go tool pprof: go is not installed")

# Nothing asked for: no label, and the same sums.
plain = run("plain.pb.gz", "--exact")
check("off", by_thread(file("plain.pb.gz")) == {None: [sum(v[i] for v in truth.values()) for i in range(4)]}, by_thread(file("plain.pb.gz")))
check("the same", plain == truth)

# At a rate every sample has its label, too.
run("rate.pb.gz", "--rate=512", "--labels=thread")
got = by_thread(file("rate.pb.gz"))
check("at a rate", got and set(got) <= set(truth), got)

finish("labels of threads")
