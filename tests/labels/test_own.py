#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Labels that a program sets by heaptap_label: exact, in every way in which a scope can be left, and without the library."""
import glob
import os
import subprocess

from labels import DIR, by_labels, file
from common import PROGRAMS, check, finish, heaptap

OWN = os.path.join(PROGRAMS, "own")
TRUTH = {
    ("a", None): 5 + 2, ("a", "/x"): 6 + 1, ("b", "/x"): 7 + 1, (None, "/x"): 8,
    ("thrown", None): 4, ("d", "/y"): 3, ("1", None): 2, ("v" * 124, None): 9,
    ("t1", "/dead"): 10, ("t2", None): 10, ("t3", None): 10, ("e", None): 3 + 2,
    ("odd", "/storm"): 10000, ("even", "/storm"): 10000,
    (None, None): 3 + 1 + 2 + 1 + 1 + 3,
}


def counts(path):
    return {k: v[0] for k, v in by_labels(path, ("tenant", "route"), "take").items()}


def differ(got, want):
    return {k: (got.get(k), want.get(k)) for k in set(got) | set(want) if got.get(k) != want.get(k)}


status, out, err = heaptap("run", "-q", "--exact", "--labels=tenant,route", "-o", file("own.pb.gz"), OWN)
check("run", status == 0 and not err, (status, out, err))
check("by label", counts(file("own.pb.gz")) == TRUTH, differ(counts(file("own.pb.gz")), TRUTH))
check("a key that was not asked for", "secret" not in heaptap("raw", file("own.pb.gz"))[1])

# A handler that sets labels behind each instruction of the call in turn.
status, out, err = heaptap("run", "-q", "--exact", "--labels=tenant,route", "-o", file("step.pb.gz"), OWN, "step")
want = {("set while a handler sets its own", None): 200, (None, None): 200}
check("step by step", status == 0 and counts(file("step.pb.gz")) == want, (status, err, counts(file("step.pb.gz"))))

# One key alone; then none: nothing is kept, and the program runs as ever.
status, out, err = heaptap("run", "-q", "--exact", "--labels=route", "-o", file("route.pb.gz"), OWN)
got = {k: v[0] for k, v in by_labels(file("route.pb.gz"), ("route",), "take").items()}
want = {}
for (tenant, route), n in TRUTH.items():
    want[route] = want.get(route, 0) + n
check("one key", status == 0 and got == want, (status, err, differ(got, want)))
status, out, err = heaptap("run", "-q", "--exact", "-o", file("none.pb.gz"), OWN)
got = by_labels(file("none.pb.gz"), ("tenant", "route"), "take")
check("none asked for", status == 0 and list(got) == [(None, None)] and got[None, None][0] == sum(TRUTH.values()), (status, err, got))
r = subprocess.run([OWN], capture_output=True, timeout=100)
check("without the library", r.returncode == 0 and not r.stderr, (r.returncode, r.stderr))

# The thread's name and the program's label at once; a label may take the name's place, not more.
status, out, err = heaptap("run", "-q", "--exact", "--labels=thread,tenant", "-o", file("both.pb.gz"), OWN)
got = by_labels(file("both.pb.gz"), ("thread", "tenant"), "take")
check("with the name", set(k[0] for k in got) == {"own"} and got.get(("own", "thrown"), [0])[0] == 4, got)

# In place of the name, where nothing but the name is asked for.
status, out, err = heaptap("run", "-q", "--exact", "--labels=thread", "-o", file("thread.pb.gz"), OWN, "thread")
got = {k: v[0] for k, v in by_labels(file("thread.pb.gz"), ("thread",), "take").items()}
check("in place of the name", status == 0 and got == {"own": 5, "in place of the name": 2}, (status, err, got))

# A fork.
status, out, err = heaptap("run", "-q", "--exact", "--labels=tenant", "-o", file("fork.%p.pb.gz"), OWN, "fork")
files = sorted(glob.glob(os.path.join(DIR, "fork.*.pb.gz")))
check("two files", status == 0 and len(files) == 2, (status, err, files))
found = [{k: v[0] for k, v in by_labels(f, ("tenant",), "take").items()} for f in files]
child = [f for f in found if "child" in f]
check("the child's own", child == [{"forking": 11, "child": 12}], found)
kept = [by_labels(f, ("tenant",), "main").get("forking") for f, c in zip(files, found) if "child" in c]
check("what lived at the fork", kept and kept[0][2:] == [5, 1000], kept)

finish("labels of the program")
