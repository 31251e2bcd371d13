# SPDX-License-Identifier: MIT
"""A decoder of pprof profiles that shares no code with heaptap, and a check of what readers insist on.

    python3 pprof.py PROFILE [--rate=N] [--main=PATH]     decodes, checks, prints one line
"""
import bisect
import gzip
import os
import re
import subprocess
import sys
import time
import zlib

from wire import Bad, fields, numbers, signed


class Message:
    """Scalars by name, missing ones 0; fields of NAMES not set at all are absent from .set."""

    def __init__(self, data, names):
        self.set = set()
        for n in names.values():
            setattr(self, n, 0)
        for k, v in fields(data):
            if k in names:
                setattr(self, names[k], v)
                self.set.add(names[k])


class Sample:
    __slots__ = ("locations", "values", "labels")


class Profile:
    def __init__(self, path):
        with open(path, "rb") as f:
            raw = f.read()
        if raw[:2] == b"\x1f\x8b":
            d = zlib.decompressobj(31)
            data = d.decompress(raw) + d.flush()
            if not d.eof:
                raise Bad("the gzip stream is cut off")
            if d.unused_data:
                raise Bad("%d bytes behind the gzip stream" % len(d.unused_data))
        else:
            data = raw
        self.gzipped = raw[:2] == b"\x1f\x8b"
        self.strings, self.samples, self.mappings, self.locations, self.functions = [], [], [], {}, {}
        self.order = []
        types, self.comments, self.period_type = [], [], None
        self.drop = self.keep = self.time = self.duration = self.period = self.default = 0
        self.present = set()
        for k, v in fields(data):
            self.present.add(k)
            if k == 1:
                types.append(Message(v, {1: "type", 2: "unit"}))
            elif k == 2:
                s = Sample()
                s.locations, s.values, s.labels = [], [], []
                for k2, v2 in fields(v):
                    if k2 == 1:
                        s.locations += numbers(v2)
                    elif k2 == 2:
                        s.values += [signed(n) for n in numbers(v2)]
                    elif k2 == 3:
                        s.labels.append(Message(v2, {1: "key", 2: "str", 3: "num", 4: "unit"}))
                self.samples.append(s)
            elif k == 3:
                self.mappings.append(Message(v, {1: "id", 2: "start", 3: "limit", 4: "offset", 5: "file", 6: "build_id",
                                                 7: "functions", 8: "filenames", 9: "lines", 10: "inlines"}))
            elif k == 4:
                l = Message(v, {1: "id", 2: "mapping", 3: "address", 5: "folded"})
                l.lines = [Message(v2, {1: "function", 2: "line"}) for k2, v2 in fields(v) if k2 == 4]
                if l.id in self.locations:
                    raise Bad("location id %d twice" % l.id)
                self.locations[l.id] = l
            elif k == 5:
                f = Message(v, {1: "id", 2: "name", 3: "system", 4: "file", 5: "start_line"})
                if f.id in self.functions:
                    raise Bad("function id %d twice" % f.id)
                self.functions[f.id] = f
            elif k == 6:
                self.strings.append(v.decode("utf-8"))
            elif k == 7:
                self.drop = v
            elif k == 8:
                self.keep = v
            elif k == 9:
                self.time = signed(v)
            elif k == 10:
                self.duration = signed(v)
            elif k == 11:
                self.period_type = Message(v, {1: "type", 2: "unit"})
            elif k == 12:
                self.period = signed(v)
            elif k == 13:
                self.comments += numbers(v)
            elif k == 14:
                self.default = v
        if not self.strings or self.strings[0] != "":
            raise Bad("string_table[0] is not empty")
        self.types = [(self.text(t.type), self.text(t.unit)) for t in types]
        self.comments = [self.text(c) for c in self.comments]
        for m in self.mappings:
            m.path, m.build = self.text(m.file), self.text(m.build_id)
        self.mapping = {m.id: m for m in self.mappings}
        if len(self.mapping) != len(self.mappings):
            raise Bad("a mapping id twice")

    def text(self, i):
        if i >= len(self.strings):
            raise Bad("string %d of %d" % (i, len(self.strings)))
        return self.strings[i]

    def marks(self, *names):
        """The ids of locations that are no frame's, and have one of these names from the start."""
        return [l.id for l in self.locations.values()
                if not l.address and [self.text(self.functions[n.function].name) in names for n in l.lines] == [True]]

    def folded(self):
        """What stands for folded sites."""
        return self.marks("[folded]")

    def totals(self):
        return [sum(s.values[i] for s in self.samples) for i in range(len(self.types))]


GO_TYPES = [("alloc_objects", "count"), ("alloc_space", "bytes"), ("inuse_objects", "count"), ("inuse_space", "bytes")]
PEAK_TYPES = [("peak_objects", "count"), ("peak_space", "bytes")]
MMAP_TYPES = [("mmap_objects", "count"), ("mmap_space", "bytes")]


def segments(path):
    """The executable PT_LOADs (vaddr, memsz, offset) of a file, and its build-id."""
    out = subprocess.run(["readelf", "-lnW", path], capture_output=True, text=True).stdout
    loads = [(int(m[2], 16), int(m[4], 16), int(m[1], 16)) for m in
             re.finditer(r"^  LOAD +(0x\S+) (0x\S+) 0x\S+ (0x\S+) (0x\S+) (.{3}) ", out, re.M) if "E" in m[5]]
    b = re.search(r"Build ID: ([0-9a-f]+)", out)
    return loads, b[1] if b else ""


def exported_name(p, line):
    f = p.functions.get(line.function)
    return bool(f and f.name and f.name == f.system and not f.file and not line.line)


def check(p, rate=None, main=None, symbolized=False, peak=False, mappings=False):
    """Every point of what readers insist on; the list of those that are not met."""
    bad = []

    def must(ok, words):
        if not ok:
            bad.append(words)

    must(p.gzipped, "not gzipped")
    must(p.types == GO_TYPES + (MMAP_TYPES if mappings else []) + (PEAK_TYPES if peak else []), "sample types are %s" % p.types)
    must(p.period_type and (p.text(p.period_type.type), p.text(p.period_type.unit)) == ("space", "bytes"), "period_type is not space/bytes")
    must(p.period > 0, "period is %d" % p.period)
    if rate:
        must(p.period == rate, "period is %d, the rate %d" % (p.period, rate))
    must(p.text(p.default) == ("inuse_space" if peak or mappings else ""), "default_sample_type is \"%s\"" % p.text(p.default))
    must(0 < p.time <= time.time_ns() + 10**9 and p.time > 10**18, "time_nanos is %d" % p.time)
    must(p.duration == 0, "duration_nanos is set")
    must(p.samples, "no sample")
    seen = {}
    for s in p.samples:
        must(len(s.values) == len(p.types), "%d values for %d types" % (len(s.values), len(p.types)))
        must(s.locations, "a sample without a location")
        must(all(l in p.locations for l in s.locations), "a sample names a location that is not there")
        must(all(v >= 0 for v in s.values), "a negative value: %s" % s.values)
        if len(s.values) >= 4:
            must(s.values[2] <= s.values[0] and s.values[3] <= s.values[1], "more in use than was allocated: %s" % s.values)
        sizes = [l for l in s.labels if p.text(l.key) == "bytes"]
        must(len(sizes) == 1 and not sizes[0].str, "not one numeric label \"bytes\"")
        for l in s.labels:
            must(l.key and not p.text(l.key).startswith("pprof::"), "label key \"%s\"" % p.text(l.key))
            must(bool(l.str) != bool(l.num or l.unit), "label %s: neither text nor number, or a 0 without a unit" % p.text(l.key))
            kind = "text" if l.str else "number"
            must(seen.setdefault(l.key, kind) == kind, "label %s is both text and number" % p.text(l.key))
    for m in p.mappings:
        must(m.id, "a mapping with id 0")
        must(m.start < m.limit, "mapping %s is empty" % m.path)
        must(not m.path.endswith(" (deleted)"), "\"(deleted)\" in %s" % m.path)
        must(re.fullmatch(r"([0-9a-f]{2})*", m.build), "build-id \"%s\"" % m.build)
        if m.path.startswith("/") and os.path.isfile(m.path):
            loads, build = segments(m.path)
            if build == m.build:
                must(any(m.offset == o and m.limit - m.start == n for v, n, o in loads),
                     "mapping %s %#x-%#x @%#x is no executable segment of it %s" % (m.path, m.start, m.limit, m.offset, loads))
        if not symbolized:
            must(not (m.functions or m.filenames or m.lines or m.inlines), "has_* is set on %s without symbols" % m.path)
    if main:
        must(p.mappings and os.path.realpath(p.mappings[0].path) == os.path.realpath(main),
             "mapping[0] is %s, not %s" % (p.mappings[0].path if p.mappings else "missing", main))
    marks = p.marks("[folded]", "[truncated]")
    for s in p.samples:
        must(not set(s.locations[:-1]) & set(marks), "a mark that is not at the root")
    for l in p.locations.values():
        must(l.id, "a location with id 0")
        if l.id in marks:
            continue
        must(l.mapping in p.mapping, "a location without a mapping: %#x" % l.address)
        m = p.mapping.get(l.mapping)
        if m:
            must(m.start <= l.address < m.limit, "address %#x outside its mapping %s" % (l.address, m.path))
            must(os.path.basename(m.path) != "libheaptap.so", "a frame of libheaptap.so: %#x" % l.address)
        if not symbolized:
            # But for an exported name, of an object whose file the process could not see any more.
            must(all(exported_name(p, n) for n in l.lines) and len(l.lines) < 2, "a location with lines in a profile without symbols")
        must(all(n.function in p.functions for n in l.lines), "a line without its function")
    for f in p.functions.values():
        must(f.id, "a function with id 0")
        p.text(f.name), p.text(f.file), p.text(f.system)
    if p.drop:
        try:
            r = re.compile("^(?:%s)$" % p.text(p.drop))
            for name in ("malloc", "calloc", "realloc", "operator new", "posix_memalign"):
                must(r.match(name), "drop_frames does not drop %s" % name)
            for name in ("main", "new", "my_malloc_user", "do_alloc"):
                must(not r.match(name), "drop_frames drops %s" % name)
        except re.error as e:
            bad.append("drop_frames: %s" % e)
    else:
        bad.append("no drop_frames")
    return sorted(set(bad))


def calls_behind(path):
    """The file addresses that directly follow a call instruction."""
    out = subprocess.run(["objdump", "-d", "--no-show-raw-insn", path], capture_output=True, text=True).stdout
    after, called = set(), False
    for m in re.finditer(r"^ *([0-9a-f]+):\t(\S+)", out, re.M):
        if called:
            after.add(int(m[1], 16))
        called = m[2].startswith("call") or m[2] in ("bnd", "notrack")
    return after


class Names:
    """Functions of an ELF file by file address, from nm."""

    def __init__(self, path):
        out = subprocess.run(["nm", "--defined-only", path], capture_output=True, text=True).stdout
        table = sorted((int(a, 16), n) for a, t, n in (l.split(None, 2) for l in out.splitlines() if len(l.split()) == 3) if t in "tTwW")
        self.starts, self.names = [a for a, _ in table], [n for _, n in table]
        self.loads, _ = segments(path)

    def at(self, mapping, address):
        for vaddr, size, offset in self.loads:
            if offset == mapping.offset:
                i = bisect.bisect_right(self.starts, address - mapping.start + vaddr) - 1
                return self.names[i] if i >= 0 else ""
        return ""


def main(argv):
    rate, exe, peak, symbolized = None, None, False, False
    for a in argv[2:]:
        if a.startswith("--rate="):
            rate = int(a[7:])
        elif a.startswith("--main="):
            exe = a[7:]
        elif a == "--peak":
            peak = True
        elif a == "--symbolized":
            symbolized = True
    try:
        p = Profile(argv[1])
        bad = check(p, rate, exe, symbolized, peak)
    except (Bad, OSError, gzip.BadGzipFile, zlib.error, UnicodeDecodeError) as e:
        bad, p = [str(e)], None
    for b in bad:
        print("%s: %s" % (argv[1], b))
    if p:
        print("%d samples, %s" % (len(p.samples), " ".join("%s=%d" % (t[0], v) for t, v in zip(p.types, p.totals()))))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
