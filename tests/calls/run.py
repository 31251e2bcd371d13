#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run.py [--strict] LIBRARY [STAMP]: holds what the library's hooks may reach, by its own call graph, against calls.txt: imported
names, system calls, calls through pointers, recursion and stack, class by class. Part of the build: it fails when a hook reaches
anything that the list does not have; --strict, where the list has what nothing reaches (compilers differ in what they inline).
tests/calls/mutants shows it fail."""
import fnmatch, os, re, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import graph
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from words import Words, there

LIST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "calls.txt")
RED_ZONE = 128


def plain(name):
    """Without what the compiler adds to the names of parts and copies."""
    return re.sub(r"\.(part|constprop|isra|cold|llvm)\b.*", "", name)


def read_list():
    """Sections "[class NAME]" of "key: words"; before them "through FUNCTION: TARGETS" and "bounded FUNCTION: why"."""
    through, bounded, classes, section = {}, {}, {}, None
    for l in open(LIST):
        l = l.split("#")[0].rstrip()
        m = re.fullmatch(r"\[class (\w+)\]", l)
        if m:
            section = classes.setdefault(m[1], {})
            key = None
        elif not l:
            continue
        elif l[0] == " ":
            where[key] += l.split()
        else:
            key, words = l.split(":", 1) if not l.startswith(("through ", "bounded ")) else l.split(": ", 1)
            kind, _, name = key.partition(" ")
            where, key = {"through": (through, name), "bounded": (bounded, name)}.get(kind, (section, key))
            where[key] = where.get(key, []) + words.split()
    return through, bounded, classes


def system_call_names():
    names = {}
    for path in ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"):
        if os.path.exists(path):
            names = {int(m[2]): m[1] for m in re.finditer(r"#define __NR_(\w+) (\d+)", open(path).read())}
            break
    return names


class Check:
    def __init__(self, library):
        self.g = graph.Graph(library)
        self.through, self.bounded, self.classes = read_list()
        self.by_plain = {}
        for name in self.g.functions:
            self.by_plain.setdefault(plain(name), []).append(name)
        self.numbers = system_call_names()
        self.bad, self.idle, self.used = [], [], set()

    def say(self, words):
        if words not in self.bad:
            self.bad.append(words)

    def edges(self, f):
        """(callee, depth) of a function, those through pointers by the list."""
        for name, depth in f.calls.items():
            yield name, depth
        if f.unknown:
            key = next((k for k in self.through if plain(f.name) in k.split("|")), plain(f.name))
            listed = self.through.get(key)
            self.used.add(key)
            if listed is None:
                self.say(f"{f.name} calls through a pointer at {f.unknown[0][0]:#x}, and no \"through\" says what")
            for target in listed or []:
                for name in self.by_plain.get(target, [target] if target[0] == "*" else []) or [target]:
                    yield name, max(d for _, d in f.unknown)

    def walk(self, label, rules):
        roots = [n for pattern in rules["roots"] for n in sorted(set(self.g.functions) | set(self.g.alias))
                 if fnmatch.fnmatchcase(n, pattern)]
        for pattern in rules["roots"]:
            if not any(fnmatch.fnmatchcase(n, pattern) for n in roots) and not any(c in pattern for c in "*?"):
                self.say(f"{label}: root {pattern} is no function")
        stops, calls = set(rules.get("stops", [])), rules.get("calls", [])
        single = [c for each in calls for c in each.split("|")]
        allowed = {n for n in rules.get("system", [])}
        seen, self.came = {}, {}
        work = [self.g.named(r).name for r in roots]
        externals, numbers = set(), set()
        while work:
            name = work.pop()
            if name in seen:
                continue
            f = seen[name] = self.g.functions[name]
            if f.stack is graph.DYNAMIC:
                self.say(f"{label}: the stack of {name} has no constant bound")
            for number in f.system_calls:
                word = self.numbers.get(number, str(number))
                numbers.add(word)
                if word not in allowed:
                    self.say(f"{label}: {name} makes system call {word} ({self.path(name)})")
            for callee, _ in self.edges(f):
                if callee in self.hooks:
                    self.say(f"{label}: {name} calls the hook {callee} ({self.path(name)})")
                elif callee in self.g.functions:
                    if plain(callee) not in stops and callee not in seen:
                        self.came.setdefault(callee, name)
                        work.append(callee)
                    if plain(callee) in stops:
                        self.used.add(plain(callee))
                else:
                    externals.add(callee)
                    if not any(fnmatch.fnmatchcase(callee, c) for c in single):
                        self.say(f"{label}: {name} calls {callee} ({self.path(name)})")
        for c in calls:
            if not any(fnmatch.fnmatchcase(e, one) for e in externals for one in c.split("|")):
                self.idle.append(f"{label}: nothing calls {c}: the list is longer than the library")
        for n in allowed:
            if n not in numbers and not n.isdigit():
                self.idle.append(f"{label}: nothing makes system call {n}: the list is longer than the library")
        deepest = self.deepest(label, roots, seen, stops)
        for key, but in rules.items():  # "stack N: NAMES": N without what those lead to
            if not key.startswith("stack "):
                continue
            self.used |= set(but)
            at = self.deepest(label, roots, seen, stops | set(but))
            print(f"{label}: stack at most {at[0]} bytes{' without ' * bool(but) + ' '.join(but)}: {' > '.join(at[1])}")
            if at[0] > int(key[6:]):
                self.say(f"{label}: {at[0]} bytes of stack, at most {key[6:]}: {' > '.join(at[1])}")
        print(f"{label}: {len(roots)} entries, {len(seen)} functions, {len(externals)} names called outside, system calls: "
              f"{' '.join(sorted(numbers)) or 'none'}; stack {deepest[0]} bytes: {' > '.join(deepest[1])}")
        return seen

    def path(self, name):
        way = [name]
        while way[-1] in self.came and len(way) < 30:
            way.append(self.came[way[-1]])
        return " < ".join(way)

    def deepest(self, label, roots, seen, stops):
        """The greatest stack of any way down, and the way. A circle is an error unless one of its functions is "bounded"."""
        memo, open_ = {}, set()

        def of(name):
            if name in memo:
                return memo[name]
            f = seen[name]
            open_.add(name)
            best = ((f.stack or 0) + RED_ZONE, [name])
            for callee, depth in self.edges(f):
                if callee not in seen or plain(callee) in stops:
                    continue
                if callee in open_:
                    if plain(callee) not in self.bounded and plain(name) not in self.bounded:
                        self.say(f"{label}: {name} calls {callee} again: a circle")
                    self.used.update({plain(callee), plain(name)} & set(self.bounded))
                    continue
                below = of(callee)
                if depth + below[0] > best[0]:
                    best = (depth + below[0], [name] + below[1])
            open_.discard(name)
            memo[name] = best
            return best

        return max((of(self.g.named(r).name) for r in roots), default=(0, []))

    def run(self):
        entered = set()
        self.hooks = {self.g.named(r).name for r in self.classes["malloc"]["roots"] if self.g.named(r)}
        for label, rules in self.classes.items():
            self.walk(label, rules)
            entered |= {n for r in rules["roots"] for n in set(self.g.functions) | set(self.g.alias) if fnmatch.fnmatchcase(n, r)}
        exported = [l.strip() for l in open(os.path.join(os.path.dirname(LIST), "..", "golden", "exports.txt"))]
        for name in exported:
            f = self.g.named(name)
            if name not in entered and not (f and f.name in entered) and not (f and any(self.g.named(e) is f for e in entered)):
                self.say(f"{name} is exported, and in no class")
        for label, rules in self.classes.items():  # what one class leaves to another has to be looked at there
            for stop in rules.get("stops", []):
                if not any(fnmatch.fnmatchcase(stop, r) for other in self.classes.values() for r in other["roots"]):
                    self.say(f"{label}: stops at {stop}, where no class begins")
        for name in list(self.through) + list(self.bounded):
            if name not in self.used:
                self.idle.append(f"the list names {name}, which needs no such line")
        if strict:
            self.bad += self.idle
        for l in self.bad:
            print("FAIL", l)
        print(f"{len(self.bad)} bad")
        return 1 if self.bad else 0


sys.setrecursionlimit(10000)
words = Words(__doc__)
words.flag("--strict")
words.add_argument("library", type=there)
words.add_argument("stamp", nargs="?")
words = words.parse_args()
strict = words.strict
status = Check(words.library).run()
if words.stamp and not status:
    open(words.stamp, "w").close()
sys.exit(status)
