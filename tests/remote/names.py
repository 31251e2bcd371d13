# SPDX-License-Identifier: MIT
"""Whether two tools mean the same function, though they name it differently: C++ names without parameters and template arguments, without what
a compiler calls its copies of a function, and any symbol of the same address in the same object."""
import collections, functools, os, re, subprocess


def plain(name):
    name = re.sub(r" ?\[clone [^]]*\]|\[abi:[^]]*\]|(\.(constprop|isra|part|cold|lto_priv|localalias)(\.\d+)?)+$", "", name)
    name = name.replace("(anonymous namespace)", "{anonymous}")
    if "operator" in name:
        name = re.sub(r"operator\(\)", "operator{}", name)
        name = re.sub(r"operator(<<=?|>>=?|<=>?|>=|<|>|->\*?)", lambda m: "operator" + "{%d}" % len(m[1]), name)
    out, depth = "", 0
    for c in name:
        if c in "<(":
            depth += 1
        elif c in ">)":
            depth -= 1
        elif depth == 0:
            out += c
    out = re.sub(r"( const| volatile|&)+$", "", out.strip())
    return out if "operator" in out else out.split(" ")[-1]


@functools.lru_cache(None)
def symbols(path):
    """{name: addresses} of an object and its separate debug file."""
    found = collections.defaultdict(set)
    note = subprocess.run(["readelf", "-n", path], capture_output=True, text=True).stdout
    m = re.search(r"Build ID: (..)(\S+)", note)
    for f in [path] + ["/usr/lib/debug/.build-id/%s/%s.debug" % (m[1], m[2])] * bool(m):
        for words in (["nm", "-C"], ["nm", "-CD"], ["nm"], ["nm", "-D"]):
            if os.path.exists(f):
                for line in subprocess.run(words + [f], capture_output=True, text=True, errors="replace").stdout.splitlines():
                    part = line.split(" ", 2)
                    if len(part) == 3 and part[0] and part[1] in "TtWwiVvu":
                        found[plain(part[2].split("@")[0])].add(int(part[0], 16))
    return found


def same_name(a, b, path):
    if a == b or plain(a or "") == plain(b or ""):
        return True
    return bool(a and b and path and os.path.exists(path) and symbols(path)[plain(a)] & symbols(path)[plain(b)])


def known(name):
    """heaptap's name, or None for what it calls by its place for want of one: libx.so+0x3f2a10."""
    return None if name and re.search(r"\+0x[0-9a-f]+$", name) else name


@functools.lru_cache(None)
def first_names(path):
    """{address: the least of its names}"""
    found = {}
    for name, at in symbols(path).items():
        for a in at:
            found[a] = min(name, found.get(a, name))
    return found


@functools.lru_cache(None)
def one_name(name, path):
    """The same for all names of one function."""
    p = plain(name)
    if not path or not os.path.exists(path) or not symbols(path)[p]:
        return p
    return min(first_names(path)[a] for a in symbols(path)[p])
