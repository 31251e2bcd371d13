# SPDX-License-Identifier: MIT
"""A small writer and reader of pprof profiles for the tests, independent of the program's own."""
import gzip
import os
import sys

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from wire import fields, message, number, numbers, packed, signed  # noqa: E402

HEAP_TYPES = [("alloc_objects", "count"), ("alloc_space", "bytes"),
              ("inuse_objects", "count"), ("inuse_space", "bytes")]


class Profile:
    """stacks: [(frames leaf first, values, size)]; a frame is (function, file, line, module) or
    (address, module) when nothing names it."""

    def __init__(self, types=HEAP_TYPES, time_nanos=1700000000 * 10**9, period=524288):
        self.types, self.time, self.period = types, time_nanos, period
        self.strings, self.stacks = {"": 0}, []
        self.modules, self.functions, self.locations = {}, {}, {}

    def text(self, s):
        return self.strings.setdefault(s, len(self.strings))

    def add(self, frames, values, size=None, labels=()):
        """size: of its objects, the label "bytes". labels: (key, value) of text."""
        self.stacks.append((frames, values, size, labels))

    def location(self, frame):
        if frame not in self.locations:
            module = frame[-1]
            m = self.modules.setdefault(module, len(self.modules) + 1)
            fn = None
            if len(frame) == 4:
                fn = self.functions.setdefault((frame[0], frame[1]), len(self.functions) + 1)
            n = len(self.locations) + 1
            address = frame[0] if fn is None else (m << 24) + n * 16
            self.locations[frame] = (n, m, address, fn, frame[2] if fn else 0)
        return self.locations[frame][0]

    def encode(self, compress=True):
        body = b"".join(message(1, number(1, self.text(t)) + number(2, self.text(u)))
                        for t, u in self.types)
        for frames, values, size, labels in self.stacks:
            label = message(3, number(1, self.text("bytes")) + number(3, size) + number(4, self.text("bytes"))) if size else b""
            label += b"".join(message(3, number(1, self.text(k)) + number(2, self.text(v))) for k, v in labels)
            body += message(2, packed(1, [self.location(f) for f in frames]) + packed(2, values) + label)
        for name, m in self.modules.items():
            body += message(3, number(1, m) + number(2, m << 24) + number(3, (m + 1) << 24) +
                            number(5, self.text(name)) + number(7, 1) + number(8, 1) + number(9, 1) + number(10, 1))
        for n, m, address, fn, line in self.locations.values():
            body += message(4, number(1, n) + number(2, m) + number(3, address) +
                            (message(4, number(1, fn) + number(2, line)) if fn else b""))
        for (name, file), n in self.functions.items():
            body += message(5, number(1, n) + number(2, self.text(name)) + number(3, self.text(name)) +
                            number(4, self.text(file)))
        body += number(9, self.time) + number(12, self.period)
        body += message(11, number(1, self.text("space")) + number(2, self.text("bytes")))
        body += b"".join(message(6, s.encode("utf-8", "surrogateescape")) for s in self.strings)
        return gzip.compress(body, mtime=0) if compress else body


def totals(data):
    """{sample type: sum} of an encoded profile."""
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    strings, types, values = [], [], []
    for field, v in fields(data):
        if field == 6:
            strings.append(v.decode("utf-8", "replace"))
        elif field == 1:
            types.append(dict(fields(v))[1])
        elif field == 2:
            row = [signed(n) for f, x in fields(v) if f == 2 for n in numbers(x)]
            values.append(row)
    return {strings[t]: sum(r[i] for r in values) for i, t in enumerate(types)}
