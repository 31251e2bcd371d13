# SPDX-License-Identifier: MIT
"""Reads what a profile written by the target holds: addresses, mappings, labels, comments."""
import gzip
import os
import sys

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from wire import fields, numbers  # noqa: E402


def all_numbers(values):
    return [n for v in values for n in numbers(v)]


class Sample:
    """addresses leaf first; values; size: the "bytes" label."""


class Mapping:
    """start, limit, offset, path, build_id"""


class Profile:
    def __init__(self, path):
        with gzip.open(path, "rb") as f:
            top = list(fields(f.read()))
        strings = [v.decode() for k, v in top if k == 6]
        self.mappings, locations, self.samples = {}, {}, []
        for k, v in top:
            if k == 3:
                d, m = dict(fields(v)), Mapping()
                m.start, m.limit, m.offset = d.get(2, 0), d.get(3, 0), d.get(4, 0)
                m.path, m.build_id = strings[d.get(5, 0)], strings[d.get(6, 0)]
                self.mappings[d[1]] = m
            elif k == 4:
                d = dict(fields(v))
                locations[d[1]] = (d.get(3, 0), d.get(2, 0))
        for k, v in top:
            if k != 2:
                continue
            s, parts = Sample(), list(fields(v))
            ids = all_numbers(x for n, x in parts if n == 1)
            s.addresses = [locations[i][0] for i in ids]
            s.mappings = [self.mappings.get(locations[i][1]) for i in ids]
            s.values = all_numbers(x for n, x in parts if n == 2)
            s.size = next((dict(fields(x)).get(3, 0) for n, x in parts if n == 3), 0)
            self.samples.append(s)
        self.comments = [strings[i] for i in all_numbers(v for k, v in top if k == 13)]
