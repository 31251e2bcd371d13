# SPDX-License-Identifier: MIT
"""The rows that are a ratio over bare: loads, programs, servers, each with its limits."""
import functools
import os
import re
import shutil
import subprocess

from . import CONTAINERS, LOAD
from .servers import NginxRow, PostgresRow, RedisRow, ServerRow
from .ways import BARE


class Limit:
    """What `way` may cost: "ratio" over bare, "over" bare in ns."""

    def __init__(self, way, kind, most):
        self.way, self.kind, self.most = way, kind, most


def ratio(most, way="512k"):
    return Limit(way, "ratio", most)


@functools.lru_cache
def default_rounds(program):
    """{load: (rounds, warm)}, as the program's own table has them."""
    out = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout
    return {name: (int(rounds), int(warm)) for name, rounds, warm in map(str.split, out.splitlines())}


class LoadRow:
    """One of our own loads, which times itself. `seeded`: each turn has a seed of its own, because the load's time is
    that of one sequence of sizes as much as of the way (bench/faults.py)."""
    turn = 0

    def __init__(self, name, load, limits=(), threads=1, rounds=None, program=LOAD, seeded=False):
        self.seeded = seeded
        self.name, self.load, self.limits, self.threads = name, load, list(limits), threads
        self.program, self.skips = program, ()
        known = default_rounds(program)[load]
        self.rounds, self.warm = rounds or known[0], known[1]
        self.cpu = 0 if threads == 1 else None
        self.unit = "ns a round"

    def time(self, way, work, patience):
        rounds = ["%d,%d" % (self.rounds * way.share, self.warm * way.share) + (",%d" % self.turn if self.seeded else "")]
        out, _ = way.run([self.program, self.load, str(self.threads)] + rounds, work, patience=patience)
        # Peers say things on stdout too.
        return float(re.findall(rb"^[\d.]+$", out, re.M)[0])


class StartRow(LoadRow):
    """A bare parent starts /bin/true in the way's environment, so that no shell or python is timed."""

    def __init__(self, name, limits):
        super().__init__(name, "start", limits, rounds=60)
        self.skips = ("heaptrack",)

    def time(self, way, work, patience):
        e = way.environment(work)
        given = ["%s=%s" % (k, e[k]) for k in (*way.env, "HEAPTAP_OUTPUT")]
        out, _ = BARE.run([self.program, self.load, "1", str(self.rounds)] + given, work, patience=patience)
        return float(out)


class CommandRow:
    """A program, timed by the wall clock."""
    unit, cpu = "ns", 0

    def __init__(self, name, argv, limits, stdin=None, skips=()):
        self.name, self.argv, self.limits, self.stdin, self.skips = name, argv, list(limits), stdin, skips

    def time(self, way, work, patience):
        return way.run(self.argv, work, stdin=self.stdin, patience=patience)[1]


def load_rows():
    churn = ratio(1.02)
    for threads in (1, 2, 4, 8):
        yield LoadRow("churn %dt" % threads, "churn", [churn] + [Limit("exact", "over", 60)] * (threads == 1),
                      threads, 4000000 // threads)
    for name, load, threads in (
            ("sizes 16 B to 4 MB", "sizes", 1),
            ("sizes 16 B to 4 MB beside a small block", "sizes1", 1), ("realloc growth", "realloc", 1), ("memalign", "memalign", 1),
            ("producer and consumer 2t", "handover", 2), ("larson 1t", "larson", 1), ("larson 4t", "larson", 4),
            ("xmalloc 2t", "xmalloc", 2), ("cache-scratch 2t", "scratch", 2), ("alloc-test 1t", "alloctest", 1),
            ("alloc-test 2t", "alloctest", 2), ("sh6 1t", "sh6", 1), ("sh8 2t", "sh8", 2)):
        yield LoadRow(name, load, [churn], threads, seeded=load.startswith("sizes"))
    yield LoadRow("calloc 64 MiB, a page touched", "calloc", [ratio(1.05)])
    yield LoadRow("calloc 1 GiB untouched", "untouched", [ratio(1.05)])
    for depth in (10, 30, 100):
        yield LoadRow("%d frames" % depth, "deep%d" % depth, [churn])
        yield LoadRow("%d frames, frame pointers" % depth, "deep%dfp" % depth, [churn])
    if os.path.exists(CONTAINERS):
        for name in ("map", "unordered_map", "vector", "string", "list"):
            yield LoadRow("C++ " + name, name, [churn], program=CONTAINERS)
    yield LoadRow("thread create and join", "threads")
    yield LoadRow("fork+exec", "spawn", [ratio(1.05)])
    yield StartRow("start-up of /bin/true", [Limit("512k", "over", 1.5e6)])


def write(work, name, text):
    path = os.path.join(work, name)
    with open(path, "w") as f:
        f.write(text)
    return path


SQL = ("create table t(a integer primary key, b text);"
       "with recursive c(x) as (select 1 union all select x+1 from c where x<%d)"
       "insert into t select x, printf('%%d-%%d', x*7919%%200000, x) from c;"
       "create index i on t(b); select count(*) from t where b>'5';")
JSON = ("import json\nd=[{'a':i,'b':str(i),'c':[i]*5} for i in range(%d)]\n"
        "for _ in range(3): json.loads(json.dumps(d))\n")
C_FUNCTION = ("int f%d(int a, char *b) { int s = %d; for (int i = 0; i < a; i++) "
              "s += b[i] * %d + (int)strlen(b + i %% %d); return s; }\n")


SERVERS = (RedisRow, NginxRow, PostgresRow)
PROGRAMS = ("sqlite3 inserts", "python json", "gcc -O2") + tuple(row.name for row in SERVERS)


def program_rows(work, quick, wanted):
    """(rows, {name: why it is not there}); what takes time to prepare only where it is wanted."""
    out, missing, real = [], {}, [ratio(1.01)]
    exact = real + [ratio(1.5, "exact")]
    if shutil.which("sqlite3"):
        sql = write(work, "bench.sql", SQL % (5000 if quick else 200000))
        out.append(CommandRow("sqlite3 inserts", ["sqlite3", ":memory:"], exact, stdin=sql))
    else:
        missing["sqlite3 inserts"] = "no sqlite3"
    # The system's own: another may be a wrapper that starts it.
    python = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else shutil.which("python3")
    out.append(CommandRow("python json", [python, "-c", JSON % (2000 if quick else 40000)], real))
    gcc = shutil.which("gcc")
    cc1 = subprocess.run([gcc, "-print-prog-name=cc1"], capture_output=True, text=True).stdout.strip() if gcc else ""
    if os.path.exists(cc1):
        text = "#include <stdio.h>\n#include <string.h>\n#include <stdlib.h>\n"
        text += "".join(C_FUNCTION % (i, i, i + 3, i + 1) for i in range(10 if quick else 200))
        # The compiler proper, not the driver that starts it: some peers leave children alone.
        out.append(CommandRow("gcc -O2", [cc1, "-quiet", "-O2", write(work, "bench.c", text), "-o",
                                          os.path.join(work, "bench.s")], exact))
    else:
        missing["gcc -O2"] = "no gcc"
    for row in filter(lambda row: wanted(row.name), SERVERS):
        if (lacks := row.lacks()):
            missing[row.name] = "no " + lacks
        else:
            out.append(row(work, real, quick))
    return [row for row in out if wanted(row.name)], {name: why for name, why in missing.items() if wanted(name)}


def quicker(rows):
    for r in rows:
        if isinstance(r, StartRow):
            r.rounds = 5
        elif isinstance(r, LoadRow):
            r.rounds = max(r.rounds // 100, 5)
            r.warm = r.warm // 10
        elif isinstance(r, ServerRow):
            r.skips += ("exact", "floor")
        yield r
