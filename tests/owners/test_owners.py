#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_owners.py HEAPTAP: who owns, in profiles made here: wrappers by name and by behaviour, what must not be taken for one, the
user's own list, ties, code without names, hostile lists."""
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path.insert(0, os.path.join(ROOT, "compat"))

import pprofgen  # noqa: E402

HEAPTAP = os.path.abspath(sys.argv[1])
DIR = tempfile.mkdtemp(prefix="heaptap-owners-")
checks = [0, 0]


def check(what, good, detail=""):
    checks[0 if good else 1] += 1
    if not good:
        print("FAIL %s: %s" % (what, detail))


class Heap:
    """Stacks by function names, leaf first; "lib:name" is in that library, "lib:+7" has no name and lies at 7."""

    def __init__(self):
        self.p = pprofgen.Profile()
        self.maps, self.places, self.next = {}, {}, 0

    def map(self, lib):
        if lib not in self.maps:
            n = len(self.maps) + 1
            self.maps[lib] = (self.p.mapping(n << 32, (n << 32) + (1 << 24), 0, "/usr/lib/" + lib, "%02x" % n), n << 32)
        return self.maps[lib]

    def place(self, frame):
        if frame not in self.places:
            lib, _, name = frame.rpartition(":") if frame.count(":") == 1 else ("app", "", frame)
            mapping, start = self.map(lib or "app")
            self.next += 16
            if name.startswith("+"):
                self.places[frame] = self.p.location(mapping, start + int(name, 16), [])
            else:
                f = self.p.function(name, "", 0)
                self.places[frame] = self.p.location(mapping, start + 0x100000 + self.next, [(f, 0)])
        return self.places[frame]

    def add(self, stack, size, n=1):
        self.map("app")
        frames = [self.place(f) for f in stack]
        self.p.sample(frames, [n, n * size, n, n * size], [("bytes", size, "bytes")])

    def owners(self, *options, status=0):
        path = os.path.join(DIR, "x.pb.gz")
        self.p.write(path)
        r = subprocess.run([HEAPTAP, "owners", "--symbolize=none", "--json", *options, path], capture_output=True, text=True)
        check("status of " + " ".join(options), r.returncode == status, r.stderr)
        return json.loads(r.stdout) if not r.returncode else r.stderr


def names(report):
    return [r["name"] for r in report["rows"]]


# By name, with the path, which leaves wrappers out.
h = Heap()
h.add(["zmalloc", "_sdsnewlen", "createStringObject", "std::function::operator()", "setCommand", "call", "main", "__libc_start_main"], 4000)
h.add(["operator new", "std::vector::_M_realloc_insert.isra.0", "Index::add(int, char const*)", "main"], 3000)
h.add(["ngx_palloc", "ngx_http_parse", "main"], 2000)
r = h.owners()
check("owners by name", names(r) == ["createStringObject", "Index::add(int, char const*)", "ngx_http_parse"], names(r))
check("path", r["rows"][0]["path"] == ["setCommand", "call"], r["rows"][0])
check("sum", sum(x["value"] for x in r["rows"]) == 9000 == r["total"], r)
check("why", {w["name"]: w["by"] for w in r["wrappers"]}["zmalloc"] == "name", r["wrappers"])
r = h.owners("--no-wrappers")
check("--no-wrappers", names(r) == ["zmalloc", "operator new", "ngx_palloc"], names(r))
text = subprocess.run([HEAPTAP, "owners", "--symbolize=none", os.path.join(DIR, "x.pb.gz")], capture_output=True, text=True).stdout
check("text", "createStringObject \u2190 setCommand \u2190 call" in text, text)

# By behaviour: nearly all of a library's allocations, from many callers, in many sizes; in two layers, one without a name.
h = Heap()
for i in range(24):
    h.add(["lib:+40", "lib:take", "lib:work%d" % (i % 8), "lib:serve", "main"], 100 + i)
h.add(["lib:odd", "lib:serve", "main"], 50)
r = h.owners()
check("behaviour", "lib+0x40" not in names(r) and "take" not in names(r) and "work0" in names(r), names(r))
check("said", {w["name"]: w["by"] for w in r["wrappers"]} == {"lib+0x40": "behaviour", "take": "behaviour"}, r["wrappers"])
check("all of it", sum(x["value"] for x in r["rows"]) == r["total"], r)

# Not so: few callers; a function that also calls others which allocate; one size; half of a library's allocations.
h = Heap()
for i in range(24):
    h.add(["toy_node", "toy_insert", "main"], 100 + i)
check("one caller", names(h.owners()) == ["toy_node"], names(h.owners()))
h = Heap()
for i in range(24):
    h.add(["parse", "caller%d" % (i % 8), "main"], 100 + i)
    h.add(["leaf%d" % (i % 12), "parse", "caller%d" % (i % 8), "main"], 100 + i)
check("does more than allocate", names(h.owners())[0] == "parse", names(h.owners()))
h = Heap()
for i in range(24):
    h.add(["node_new", "caller%d" % (i % 8), "main"], 64)
check("one size", names(h.owners())[0] == "node_new", names(h.owners()))
h = Heap()
for i in range(24):
    h.add(["half", "caller%d" % (i % 8), "main"], 100 + i)
    h.add(["other%d" % i, "caller%d" % (i % 8), "main"], 50)
check("half of a library", names(h.owners())[0] == "half", names(h.owners()))

# A pool takes slabs of one size for a crowd.
h = Heap()
for i in range(30):
    h.add(["slab", "maker%d" % i, "main"], 4096)
    h.add(["maker%d" % i, "main"], 10)
check("pool", "slab" not in names(h.owners()) and len(names(h.owners("--nodecount=0"))) == 30, names(h.owners()))

h = Heap()
for i in range(6):
    h.add(["lib:lib+0x40", "lib:begin%d" % i, "main"], 4064)
check("a pool without a name", "lib+0x40" not in names(h.owners()), names(h.owners()))

# The user's list: names more, takes back, the last line holds.
h = Heap()
h.add(["my_get", "zmalloc", "user", "main"], 100)
lines = os.path.join(DIR, "list")
with open(lines, "w") as f:
    f.write("# mine\n\n  my_*  \r\n!zmalloc\n")
check("a list of one's own", names(h.owners("--wrappers=" + lines)) == ["zmalloc"], names(h.owners("--wrappers=" + lines)))
for what, data in (("bare !", b"my_*\n!\n"), ("zeros", b"a\0b\n"), ("a giant", b"x" * (2 << 20))):
    with open(lines, "wb") as f:
        f.write(data)
    said = h.owners("--wrappers=" + lines, status=2)
    check(what, said.count("\n") == 1 and lines in said, said)
said = h.owners("--wrappers=/nowhere", status=1)
check("no file", "/nowhere" in said and "No such file" in said, said)

# Ties keep the profile's order.
h = Heap()
for name in ("zeta", "alpha", "mid"):
    h.add([name, "main"], 700)
check("ties", names(h.owners()) == ["zeta", "alpha", "mid"], names(h.owners()))

# Rust's namespaces are no wrappers in C++.
h = Heap()
h.add(["core::Engine::start", "main"], 10)
check("core of C++", names(h.owners()) == ["core::Engine::start"], names(h.owners()))

# Nothing but wrappers: the outermost owns. A stack of one frame.
h = Heap()
h.add(["zmalloc", "xmalloc", "__libc_start_main", "_start"], 10)
h.add(["malloc"], 5)
check("only wrappers", names(h.owners()) == ["xmalloc", "malloc"], names(h.owners()))

# Code without names is told apart by its place; recursion stands once; the path goes on to a name.
h = Heap()
h.add(["app:+10", "app:+20", "app:+20", "app:+30", "known", "main"], 30)
h.add(["app:+18", "main"], 20)
r = h.owners()
check("no names", names(r) == ["app+0x10", "app+0x18"] and r["rows"][0]["path"] == ["app+0x20", "app+0x30", "known"], r["rows"])

# A place of the unwind tables is no name; what has none is a part of the wrapper that calls it, in the same library alone.
h = Heap()
h.add(["lib:lib+0x90", "lib:sqlite3Malloc", "lib:sqlite3Insert", "main"], 50)
h.add(["lib:lib+0xb0", "zmalloc", "other", "main"], 40)
h.add(["lib:lib+0x40", "lib:lib+0x50", "lib:lib+0x60", "lib:lib+0x70", "lib:deep", "main"], 30)
r = h.owners()
check("parts", names(r) == ["sqlite3Insert", "lib+0xb0", "lib+0x40"] and r["rows"][2]["path"] == ["lib+0x50", "lib+0x60", "deep"], r["rows"])
check("the nearest name", [(x.get("within"), x["text"]) for x in r["rows"]] == [
    (None, "sqlite3Insert ← main"), (None, "lib+0xb0 ← other ← main"), ("deep", "deep (lib+0x40) ← main")], r["rows"])

h = Heap()
for i in range(3):
    h.add(["lib:lib+0x90", "lib:ngx_palloc", "lib:ngx_a%d" % i, "main"], 50)
h.add(["lib:lib+0x90", "lib:ngx_jumps", "main"], 60)
check("a part that is jumped to", names(h.owners())[0] == "ngx_jumps", names(h.owners()))

# Between two wrappers, without a name: one more; not when it has a name, or lies far from them.
for what, frame, near, owner in (("between", "lib:lib+0x90", True, "user"), ("far", "lib:lib+0x90", False, "lib+0x90"), ("named", "lib:mine", True, "mine")):
    h = Heap()
    h.add(["lib:xmalloc", "lib:a", "main"], 10)
    h.next += 0 if near else 4096
    h.add([frame, "lib:user", "main"], 50)
    h.add(["lib:xrealloc", "lib:b", "main"], 10)
    check(what, names(h.owners())[0] == owner, names(h.owners()))

# Nothing in use.
h = Heap()
check("nothing", names(h.owners()) == [], h.owners())

print("owners: %d checks passed, %d failed" % tuple(checks))
sys.exit(1 if checks[1] or not checks[0] else 0)
