# SPDX-License-Identifier: MIT
"""Just enough of profile.proto to write unsymbolised profiles and read named ones."""
import gzip
import os
import sys

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from wire import fields, message as sub, number as num, varint  # noqa: E402


def write(path, mappings, addresses, comment="", time_nanos=0):
    """mappings: (start, limit, offset, file, build_id); addresses: (address, mapping index or
    None). One sample with one location each."""
    strings = [""]

    def s(text):
        if text not in strings:
            strings.append(text)
        return strings.index(text)

    out = sub(1, num(1, s("inuse_space")) + num(2, s("bytes")))
    for i in range(len(addresses)):
        out += sub(2, sub(1, varint(i + 1)) + sub(2, varint(i + 1)))
    for i, (start, limit, offset, file, build_id) in enumerate(mappings):
        out += sub(3, num(1, i + 1) + num(2, start) + num(3, limit) + num(4, offset) +
                   num(5, s(file)) + num(6, s(build_id)))
    for i, (address, mapping) in enumerate(addresses):
        out += sub(4, num(1, i + 1) + num(2, 0 if mapping is None else mapping + 1) +
                   num(3, address))
    out += sub(11, num(1, s("space")) + num(2, s("bytes"))) + num(12, 1)
    out += num(9, time_nanos) + (sub(13, varint(s(comment))) if comment else b"")
    out += b"".join(sub(6, t.encode()) for t in strings)
    with gzip.open(path, "wb") as f:
        f.write(out)


def placed(path):
    """[(address, offset in its file, file)] of the locations, by their mappings."""
    with gzip.open(path) as f:
        top = list(fields(f.read()))
    strings = [v.decode() for k, v in top if k == 6]
    maps = {m[1]: m for m in (dict(fields(v)) for k, v in top if k == 3)}
    out = []
    for k, v in top:
        if k == 4:
            l = dict(x for x in fields(v) if x[0] != 4)
            m = maps.get(l.get(2))
            if m:
                out.append((l[3], l[3] - m[2] + m.get(4, 0), strings[m.get(5, 0)]))
    return out


def read(path):
    """{address: [(name, system name, file, line)]}, and the mappings' has_* flags."""
    with open(path, "rb") as f:
        raw = f.read()
    data = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    top = list(fields(data))
    strings = [v.decode() for k, v in top if k == 6]
    functions, places, flags = {}, {}, []
    for k, v in top:
        if k == 5:
            f = dict(fields(v))
            functions[f[1]] = (strings[f.get(2, 0)], strings[f.get(3, 0)], strings[f.get(4, 0)])
        if k == 3:
            f = dict(fields(v))
            flags.append(tuple(f.get(n, 0) for n in (7, 8, 9, 10)))
    for k, v in top:
        if k == 4:
            lines = [dict(fields(x)) for n, x in fields(v) if n == 4]
            address = dict(x for x in fields(v) if x[0] != 4).get(3, 0)
            places[address] = [functions[x[1]] + (x.get(2, 0),) for x in lines]
    return places, flags
