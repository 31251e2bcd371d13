# SPDX-License-Identifier: MIT
"""What our memory in a process may be, by what it is for: at every moment, whatever the load of the machine.

A region holds records that are made once for each different thing (module, frame, stack, site, and the cells of a site that threads
share) and records of what lives. The former must be as many as there are different things, and take the room of those that are there;
the latter, and the private memory that goes with them, follow from the most that the load ever has alive. So a site that gets its
cells late, because threads met there late, is accounted for, and a record that is made a second time is not."""
import os, re, struct, subprocess, time

MIB64 = 64 << 20   # glibc's further heaps: reserved whole, aligned
HEADER, CHUNK, HEAD = 20480, 65536, 128
MODULE, FRAME, STACK, SITE, LIVE, DATA = range(1, 7)
NAMES = {MODULE: "module", FRAME: "frame", STACK: "stack", SITE: "site"}
SIZES = {MODULE: 392, FRAME: 40, STACK: 32, SITE: 128}
COMMIT = {MODULE: 0, FRAME: 20, STACK: 24, SITE: 36}
COMMITTED = 0xc0de1
CELLS = 16 * 128 + 56
SLACK, BATCH, LISTS, NODE = 4096, 128, 16, 32   # of the live table: nodes made ahead, at once, for each of so many lists


def identity(kind, r):
    """What makes a record the one that it is."""
    if kind == MODULE:  # all but the loader's handle, flags and what it remembers of itself
        return r[8:40] + r[48:124] + r[136:280]
    if kind == FRAME:
        return r[0:8] + r[16:20]
    if kind == STACK:
        return r[0:8] + r[12:16]
    return r[0:4] + r[16:32] + r[48:52]


class Region:
    """The region's file of a process that goes on writing: chunks first, then what is in them, of which there may be more by then."""

    def __init__(self, path):
        size = os.path.getsize(path)
        self.chunks, self.records, self.different, self.data = dict.fromkeys(range(1, 7), 0), {}, {}, 0
        with open(path, "rb") as f:
            places = []
            for at in range(HEADER, size, CHUNK):
                f.seek(at)
                head = f.read(8)
                if head[:4] != b"CHNK":
                    break
                kind, = struct.unpack("<I", head[4:])
                if kind in self.chunks:
                    self.chunks[kind] += 1
                    places.append((at, kind))
            for kind in NAMES:
                found = []
                for at, k in places:
                    if k == kind:
                        f.seek(at + HEAD)
                        found += self.committed(kind, f.read(CHUNK - HEAD))
                self.records[kind], self.different[kind] = len(found), len({identity(kind, r) for r in found})
                self.data += sum(self.data_of(kind, r) for r in found)

    @staticmethod
    def committed(kind, data):
        n = SIZES[kind]
        rows = [data[i:i + n] for i in range(0, len(data) - n + 1, n)]
        return [r for r in rows if struct.unpack_from("<I", r, COMMIT[kind])[0] == COMMITTED]

    @staticmethod
    def data_of(kind, r):
        """Bytes of DATA chunks that belong to a record."""
        if kind == STACK:
            return (4 * struct.unpack_from("<H", r, 12)[0] + 7) // 8 * 8
        if kind == MODULE:
            return (struct.unpack_from("<I", r, 128)[0] + 8) // 8 * 8
        return CELLS if kind == SITE and struct.unpack_from("<I", r, 40)[0] else 0


def rounded_up(n, to):
    return -(-n // to)


def region_of(pid, regions):
    """The path of a process's region, or None."""
    return next((os.path.join(regions, f) for f in os.listdir(regions) if f.startswith(f"{pid}.")), None)


def maps(pid):
    """KiB mapped with MAP_NORESERVE outside glibc's heaps, which may be in several pieces after forks: ours."""
    pieces, start, end, path, perms = [], 0, 0, "", ""
    with open(f"/proc/{pid}/smaps") as f:
        for l in f:
            m = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ (\d+) *(.*)", l)
            if m:
                start, end, perms, path = int(m[1], 16), int(m[2], 16), m[3], m[5]
            elif l.startswith("VmFlags:") and " nr" in l and not path and perms.startswith("rw"):
                pieces.append((start, end))
    heaps = {at for a, b in pieces for at in range((a + MIB64 - 1) // MIB64 * MIB64, b, MIB64)}
    n = 0
    for a, b in pieces:
        while a < b:
            window = a // MIB64 * MIB64
            upto = min(b, window + MIB64)
            n += 0 if window in heaps else upto - a
            a = upto
    return n // 1024


def fixed(env, regions):
    """KiB of `maps` of a process that allocates next to nothing."""
    p = subprocess.Popen(["sleep", "600"], env=env)
    try:
        while not region_of(p.pid, regions):
            time.sleep(0.01)
        return maps(p.pid)
    finally:
        p.kill()
        p.wait()
        os.unlink(region_of(p.pid, regions))


class Bound:
    """alive: the most sampled objects that the load has at once; fixed: KiB of `maps` of a process that has none."""

    def __init__(self, alive, fixed):
        nodes = alive + alive // 4 + SLACK + LISTS * BATCH
        per_chunk = (CHUNK - HEAD) // (BATCH * NODE) * BATCH
        self.alive = alive
        self.live_chunks = rounded_up(nodes, per_chunk)
        # Their nodes in pieces of 64 KiB; heads of four bytes, twice as many as were ever in a shard, and the halves before them; what is
        # in no shard's first array yet is in a pool of 64 KiB.
        self.maps = fixed + rounded_up(nodes * NODE, CHUNK) * 64 + rounded_up(nodes * 16, CHUNK) * 64 + 64

    def broken(self, r, mapped):
        out = []
        for kind, name in NAMES.items():
            n, different = r.records[kind], r.different[kind]
            if n > different + different // 4 + 8:  # threads that make one at the same moment leave one too many
                out.append(f"{n} {name} records for {different} {name}s")
            room = rounded_up(n + 8, (CHUNK - HEAD) // SIZES[kind])
            if r.chunks[kind] > room:
                out.append(f"{r.chunks[kind]} chunks for {n} {name} records")
        # Up to a quarter for cells that two threads made at the same moment, and ends of chunks that were too short.
        if r.chunks[DATA] > rounded_up(r.data + r.data // 4, CHUNK - HEAD - CELLS) + 1:
            out.append(f"{r.chunks[DATA]} chunks for {r.data} bytes of frame lists, paths and cells")
        if r.chunks[LIVE] > self.live_chunks:
            out.append(f"{r.chunks[LIVE]} chunks for at most {self.alive} objects that live, {self.live_chunks} at most")
        if mapped > self.maps:
            out.append(f"{mapped} KiB of private memory for at most {self.alive} objects that live, {self.maps} at most")
        return out
