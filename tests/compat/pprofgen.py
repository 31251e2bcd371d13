# SPDX-License-Identifier: MIT
"""Writes profile.proto files by hand: what a corpus needs and no profiler would write."""
import gzip
import os
import random
import sys

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from wire import message as data, number as num, packed, varint  # noqa: E402


class Profile:
    def __init__(self, types=(("alloc_objects", "count"), ("alloc_space", "bytes"),
                              ("inuse_objects", "count"), ("inuse_space", "bytes"))):
        self.strings = {"": 0}
        self.types, self.body = types, bytearray()
        self.functions, self.locations, self.mappings = [], [], []
        self.head = {}

    def s(self, text):
        return self.strings.setdefault(text, len(self.strings))

    def mapping(self, start, limit, offset, name, build_id="", functions=True):
        self.mappings.append(name)
        n = len(self.mappings)
        flags = num(7, 1) + num(8, 1) + num(9, 1) + num(10, 1) if functions else b""
        self.body += data(3, num(1, n) + num(2, start) + num(3, limit) + num(4, offset) +
                          num(5, self.s(name)) + num(6, self.s(build_id)) + flags)
        return n

    def function(self, name, filename="", start_line=0, system=None):
        """system: the symbol's name; as name unless given."""
        self.functions.append(name)
        n = len(self.functions)
        symbol = self.s(name if system is None else system)
        self.body += data(5, num(1, n) + num(2, self.s(name)) + num(3, symbol) +
                          num(4, self.s(filename)) + num(5, start_line))
        return n

    def location(self, mapping, address, lines=()):
        self.locations.append(address)
        n = len(self.locations)
        body = num(1, n) + num(2, mapping) + num(3, address)
        for function, line in lines:
            body += data(4, num(1, function) + num(2, line))
        self.body += data(4, body)
        return n

    def sample(self, locations, values, labels=()):
        """labels: (key, "text") or (key, number, unit)"""
        body = packed(1, locations) + packed(2, values)
        for label in labels:
            if isinstance(label[1], str):
                body += data(3, num(1, self.s(label[0])) + num(2, self.s(label[1])))
            else:
                body += data(3, num(1, self.s(label[0])) + num(3, label[1]) +
                             num(4, self.s(label[2])))
        self.body += data(2, body)

    def write(self, path, time_nanos=0, duration=0, drop="", keep="", comments=(), default="", period=("space", "bytes", 524288)):
        body = bytearray(self.body)
        for t, unit in self.types:
            body += data(1, num(1, self.s(t)) + num(2, self.s(unit)))
        body += num(7, self.s(drop)) + num(8, self.s(keep))
        body += num(9, time_nanos) + num(10, duration)
        body += data(11, num(1, self.s(period[0])) + num(2, self.s(period[1]))) + num(12, period[2])
        if comments:
            body += packed(13, [self.s(c) for c in comments])
        body += num(14, self.s(default))
        for text in self.strings:  # insertion order is the index
            body += data(6, text.encode() if isinstance(text, str) else text)
        with gzip.open(path, "wb") as f:
            f.write(body)


NAMES = ["main", "std::vector<int, std::allocator<int> >::push_back", "operator new", "malloc",
         "ns::Cache::insert", "ns::Cache::evict", "github.com/x/y/v2/pkg.(*T).Run", "a.b", "_start",
         "parse", "lex", "alloc::vec::Vec<T,A>::push", "lambda#1::operator()", "\u00fcber"]


def random_profile(path, seed, samples=300, functions=40, symbols=True, recursion=False,
                   inlines=True, labels=False, sizes=True, negative=False, magnitude=22, **write):
    """One that differs from run to run only by its seed."""
    r = random.Random(seed)
    p = Profile()
    exe = p.mapping(0x400000, 0x800000, 0x1000, "/usr/bin/prog", "abcdef%02x" % seed, symbols)
    lib = p.mapping(0x7F0000000000, 0x7F0000400000, 0, "/usr/lib/libdata.so.1", "", symbols)
    fns = []
    for i in range(functions):
        base = NAMES[i % len(NAMES)]
        name = base if i < len(NAMES) else "%s_%d" % (base, i)
        fns.append(p.function(name, "/src/./proj//dir%d/file%d.cc" % (i % 3, i % 7), i % 5))
    locs = []
    for i in range(functions * 3):
        m, start = (exe, 0x400000) if i % 4 else (lib, 0x7F0000000000)
        lines = []
        if symbols and i % 17:
            depth = r.choice([1, 1, 1, 2, 3]) if inlines else 1
            lines = [(r.choice(fns), r.randrange(1, 200)) for _ in range(depth)]
        locs.append(p.location(0 if i % 29 == 28 else m, start + 16 * i, lines))
    for _ in range(samples):
        depth = min(r.randrange(1, 12), len(locs))
        stack = [r.choice(locs) for _ in range(depth)] if recursion else r.sample(locs, depth)
        n = r.randrange(1, 50)
        size = r.choice([16, 24, 48, 512, 4096, 1 << r.randrange(3, magnitude)])
        live = r.randrange(0, n + 1)
        sign = -1 if negative and r.random() < 0.4 else 1
        lab = [("bytes", size, "bytes")] if sizes else []
        if labels and r.random() < 0.7:
            lab += [("thread", r.choice(["main", "io", "worker"])), ("age", r.randrange(1, 900), "seconds")]
        if labels and r.random() < 0.2:
            lab += [("thread", "second value"), ("request", r.choice([1024, 2048, 1 << 20]), "")]
        p.sample(stack, [sign * n, sign * n * size, sign * live, sign * live * size], lab)
    p.write(path, **write)
