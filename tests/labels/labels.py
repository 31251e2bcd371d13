# SPDX-License-Identifier: MIT
"""What the tests of labels share, beside the daemons' common.py. Arguments: heaptap, libheaptap.so, the programs' directory."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "daemon"))
from common import DIR, names, pprof  # noqa: E402


def file(name):
    return os.path.join(DIR, name)


def by_labels(path, keys, function):
    """alloc_objects, alloc_space, inuse_objects, inuse_space of the stacks through a function, by the values of the keys."""
    p = pprof.Profile(path)
    out = {}
    for s in p.samples:
        if function not in names(p, s):
            continue
        texts = {p.text(l.key): p.text(l.str) for l in s.labels if l.str}
        value = tuple(texts.get(k) for k in keys) if len(keys) > 1 else texts.get(keys[0])
        out[value] = [a + b for a, b in zip(out.get(value, [0] * 4), s.values)]
    return out
