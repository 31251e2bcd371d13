# SPDX-License-Identifier: MIT
"""Reads what a profile written by the target holds: addresses, mappings, labels, comments."""
import gzip


def _fields(data):
    i = 0

    def varint():
        nonlocal i
        n = shift = 0
        while True:
            b = data[i]
            i += 1
            n |= (b & 127) << shift
            shift += 7
            if b < 128:
                return n

    while i < len(data):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        else:
            n = varint()
            yield key >> 3, data[i:i + n]
            i += n


def _packed(values):
    out = []
    for v in values:
        if isinstance(v, int):
            out.append(v)
        else:
            n = shift = 0
            for b in v:
                n |= (b & 127) << shift
                shift += 7
                if b < 128:
                    out.append(n)
                    n = shift = 0
    return out


class Sample:
    """addresses leaf first; values; size: the "bytes" label."""


class Mapping:
    """start, limit, offset, path, build_id"""


class Profile:
    def __init__(self, path):
        with gzip.open(path, "rb") as f:
            top = list(_fields(f.read()))
        strings = [v.decode() for k, v in top if k == 6]
        self.mappings, locations, self.samples = {}, {}, []
        for k, v in top:
            if k == 3:
                d, m = dict(_fields(v)), Mapping()
                m.start, m.limit, m.offset = d.get(2, 0), d.get(3, 0), d.get(4, 0)
                m.path, m.build_id = strings[d.get(5, 0)], strings[d.get(6, 0)]
                self.mappings[d[1]] = m
            elif k == 4:
                d = dict(_fields(v))
                locations[d[1]] = (d.get(3, 0), d.get(2, 0))
        for k, v in top:
            if k != 2:
                continue
            s, fields = Sample(), list(_fields(v))
            ids = _packed(x for n, x in fields if n == 1)
            s.addresses = [locations[i][0] for i in ids]
            s.mappings = [self.mappings.get(locations[i][1]) for i in ids]
            s.values = _packed(x for n, x in fields if n == 2)
            s.size = next((dict(_fields(x)).get(3, 0) for n, x in fields if n == 3), 0)
            self.samples.append(s)
        self.comments = [strings[i] for i in _packed(v for k, v in top if k == 13)]
