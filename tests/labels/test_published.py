#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Labels that libraries publish for profilers, exact: OpenTelemetry's thread context and custom-labels, defined by the program, by a library
that it starts with and by one that it loads, in each way in which thread-local variables are reached; and pointers that lead nowhere."""
import glob
import os

from labels import DIR, by_labels, file
from common import PROGRAMS, check, finish, heaptap, start

OTEL = {("/a", None): 2 + 1, ("/a", "t"): 3, ("/b", "t"): 4, ("/t0", None): 6, ("/t1", None): 6}
CUSTOM = {("/c", "u"): 8, ("/c", None): 9}
HOSTILE = {("/w", None): 5}
BAD = 11
# Without a label: what otel(), custom() and hostile() allocate besides.
OTHER = 1 + 1 + 1 + 1 + 1 + 2 * 2 + 1 + 1 + BAD * 6 + 4
CHILD = {("/b", "t"): 7}


def counts(path):
    return {k: v[0] for k, v in by_labels(path, ("route", "tenant"), "take").items()}


def differ(got, want):
    return {k: (got.get(k), want.get(k)) for k in set(got) | set(want) if got.get(k) != want.get(k)}


def run(what, program, *args, custom=True):
    name = "%s.%%p.pb.gz" % what
    status, out, err = heaptap("run", "-q", "--exact", "--labels=route,tenant", "-o", file(name), os.path.join(PROGRAMS, program), *args)
    check("%s runs" % what, status == 0 and not err, (status, out, err))
    truth = {**OTEL, **HOSTILE}
    if custom:
        truth.update(CUSTOM)
    truth[None, None] = OTHER + (0 if custom else sum(CUSTOM.values()))
    found = [counts(f) for f in glob.glob(os.path.join(DIR, "%s.*.pb.gz" % what))]
    parent = [f for f in found if f != CHILD]
    check("%s: the child" % what, len(found) == 2 and len(parent) == 1, found)
    check("%s: the parent" % what, len(parent) == 1 and parent[0] == truth, parent and differ(parent[0], truth))


run("program", "published")
for how in ("gnu", "gnu2"):
    run("linked-" + how, "published-" + how)
    # Of a library that is loaded later custom-labels says nothing: its specification wants one that is there from the start.
    run("loaded-" + how, "published-without", os.path.join(PROGRAMS, "libcustomlabels-%s.so" % how), custom=False)

# Under a filter that kills: no call of ours, what was known stays, and what the program says by itself counts. The profile stays in the
# region, for a file would be a call.
r = start("filtered", ready=False, HEAPTAP_LABELS="thread,route")
r.stdout.read()
status = r.wait()
if status == 77:
    print("SKIP no seccomp here")
else:
    status2, out, err = heaptap("recover", r.pid, "-o", file("filtered.pb.gz"))
    got = {k: v[0] for k, v in by_labels(file("filtered.pb.gz"), ("thread", "route"), "take").items()} if not status2 else err
    want = {("filtered", "/c"): 3, ("named-#", "/c"): 4, ("last-#", None): 5, ("last-#", "own"): 6}
    check("under a filter", status == 0 and got == want, (status, err, got, want))

# Not asked for: nothing is looked at.
status, out, err = heaptap("run", "-q", "--exact", "--labels=thread", "-o", file("name.pb.gz"), os.path.join(PROGRAMS, "published"))
got = by_labels(file("name.pb.gz"), ("thread",), "take")
check("the name alone", status == 0 and list(got) == ["published"], (status, err, got))
check("no key that was not asked for", "secret" not in heaptap("raw", file("name.pb.gz"))[1])

finish("published labels")
