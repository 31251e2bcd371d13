# SPDX-License-Identifier: MIT
"""The rooms of src/ and what each may include, as the meson.build files say; and what the sources and objects say."""
import collections
import json
import os
import re
import subprocess

LINES = 400  # of code in a file, outside tables
# Circles of files within a room that stay, and why.
KNOWN = [{"src/target/allocator/backend.c", "src/target/allocator/builtin.c"}]  # a pointer to the allocator first points to its own look-up


def sources(root):
    for folder, _, names in os.walk(os.path.join(root, "src")):
        for name in sorted(names):
            if name.endswith((".c", ".h", ".S", ".map.in")):
                yield os.path.relpath(os.path.join(folder, name), root)


def scripts(root):
    """What the page is made of; in no room of its own."""
    for folder, _, names in os.walk(os.path.join(root, "src")):
        for name in sorted(names):
            if name.endswith((".js", ".css")):
                yield os.path.relpath(os.path.join(folder, name), root)


def declared(root):
    """{room: neighbours}; a room is a folder of src/, or one file of it. Lines: rooms += {'NAME': ['NEIGHBOUR', ...]}"""
    rooms = {}
    for folder, _, names in os.walk(os.path.join(root, "src")):
        if "meson.build" in names:
            text = open(os.path.join(folder, "meson.build")).read()
            for m in re.finditer(r"^rooms \+= \{(.*?)\}", text, re.M | re.S):
                for room, list_ in re.findall(r"'([\w/.]+)': \[(.*?)\]", m[1], re.S):
                    rooms[room] = re.findall(r"'([\w/.]+)'", list_)
    return rooms


def code_lines(path):
    """Lines with code on them, outside tables: initialisers that stand in braces at a file's top level."""
    text = open(path).read()
    text = re.sub(r'"(?:\\.|[^"\\\n])*"', '""', text)
    text = re.sub(r"/\*.*?\*/|//[^\n]*", lambda m: "\n" * m[0].count("\n"), text, flags=re.S)
    text = re.sub(r"^(?:static )?(?:const )?[^\n;{}()#]*\[[^\n{]*= \{.*?^\};", "", text, flags=re.M | re.S)
    return sum(1 for line in text.split("\n") if line.strip())


def objects(root, build):
    """{object: source} of the library and the command."""
    found = {}
    for entry in json.load(open(os.path.join(build, "compile_commands.json"))):
        out = entry.get("output", "")
        if out.startswith(("libheaptap.so.p/", "heaptap.p/")):
            path = os.path.relpath(os.path.join(entry["directory"], entry["file"]), root)
            if path.startswith("src/"):
                found[os.path.join(build, out)] = path
    return found


def symbols(paths):
    """{object: ({defined}, {undefined})}, global names only."""
    out = subprocess.run(["nm", "-A", "-g", *paths], capture_output=True, text=True, check=True).stdout
    found = {p: (set(), set()) for p in paths}
    for line in out.splitlines():
        path, rest = line.rsplit(":", 1)
        words = rest.split()
        found[path]["U" in words[-2:-1]].add(words[-1])
    return found


class House:
    """Names that begin with ht_ are ours; another that is defined here is exported, or stands in for libc's (target/os)."""

    def __init__(self, root, build, extra=None, built_from=None):
        """extra: {object: source} in place of the build's; built_from: where the build's sources are, if not in root."""
        self.root, self.built_from, self.rooms = root, built_from or root, declared(root)
        self.files = list(sources(root))
        self.bad = []
        self.edges = collections.defaultdict(list)  # (room, room): where
        self.calls = collections.defaultdict(set)   # file: files whose symbols it uses
        self.read_includes()
        self.read_symbols(build, extra or {})

    def room(self, path):
        inner = path[len("src/"):]
        return inner if inner in self.rooms else os.path.dirname(inner)

    def edge(self, a, b, where):
        if self.room(a) != self.room(b):
            self.edges[self.room(a), self.room(b)].append(where)

    def read_includes(self):
        for path in self.files:
            for name in re.findall(r'^#\s*include "([^"]+)"', open(os.path.join(self.root, path)).read(), re.M):
                for at in (os.path.join("src", name), os.path.join(os.path.dirname(path), name)):
                    if os.path.exists(os.path.join(self.root, at)):
                        self.edge(path, at, "%s includes %s" % (path, name))
                        break

    def read_symbols(self, build, extra):
        by_target = collections.defaultdict(dict)
        for object_, path in objects(self.built_from, build).items():
            if path not in extra.values():
                by_target[os.path.basename(os.path.dirname(object_))][object_] = path
        by_target["libheaptap.so.p"].update(extra)
        self.exported = {}
        for target, found in by_target.items():
            table = symbols(list(found))
            home = {name.split("@")[0]: found[o] for o, (defined, _) in table.items() for name in defined}
            if target == "libheaptap.so.p":
                self.exported = home
            for object_, (_, used) in table.items():
                for name in sorted(used):
                    if name in home and home[name] != found[object_] and name.startswith("ht_"):
                        self.calls[found[object_]].add(home[name])
                        self.edge(found[object_], home[name], "%s uses %s of %s" % (found[object_], name, home[name]))

    def order(self):
        """The rooms from the ground up; a circle of rooms is said."""
        done, left = [], dict(self.rooms)
        while left:
            ready = sorted(r for r, below in left.items() if not set(below) & set(left))
            if not ready:
                self.bad.append("rooms include each other in a circle: " + ", ".join(sorted(left)))
                return done + sorted(left)
            done += ready
            for r in ready:
                del left[r]
        return done

    def check_edges(self):
        for path in self.files:
            if self.room(path) not in self.rooms:
                self.bad.append("%s is in no room: src/%s/meson.build lacks rooms += {'%s': [...]}" % (path, self.room(path), self.room(path)))
        for (a, b), where in sorted(self.edges.items()):
            if b not in self.rooms.get(a, []):
                self.bad += ["%s may not reach %s (src/%s/meson.build): %s" % (a, b, a, w) for w in sorted(set(where))]
        for a, below in self.rooms.items():
            for b in below:
                if b not in self.rooms:
                    self.bad.append("%s names a room that is not there: %s" % (a, b))
                elif (a, b) not in self.edges:
                    self.bad.append("%s may include %s, and does not: take it off the list" % (a, b))

    def check_files(self):
        for path in self.files + list(scripts(self.root)):
            n = code_lines(os.path.join(self.root, path))
            if n > LINES:
                self.bad.append("%s has %d lines of code, at most %d" % (path, n, LINES))
        for circle in circles(self.calls):
            if circle not in KNOWN:
                self.bad.append("files use each other in a circle: " + ", ".join(sorted(circle)))

    def check_exports(self, names):
        for name in names:
            path = self.exported.get(name, "")
            if not self.room(path or "src/").startswith("target/hooks"):
                self.bad.append("%s is exported and not in hooks/, but in %s" % (name, path or "no file"))
        for name, path in sorted(self.exported.items()):
            if not name.startswith("ht_") and name not in names and self.room(path) != "target/os":
                self.bad.append("%s of %s is global, and begins with no ht_" % (name, path))


def circles(graph):
    """Strongly connected sets of more than one (Tarjan)."""
    number, low, stack, found = {}, {}, [], []

    def visit(v):
        number[v] = low[v] = len(number)
        stack.append(v)
        for w in sorted(graph.get(v, ())):
            if w not in number:
                visit(w)
                low[v] = min(low[v], low[w])
            elif w in stack:
                low[v] = min(low[v], number[w])
        if low[v] == number[v]:
            at = stack.index(v)
            if len(stack) - at > 1:
                found.append(set(stack[at:]))
            del stack[at:]
    for v in sorted(graph):
        if v not in number:
            visit(v)
    return found
