#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Regions that are cut, of another version, not regions, or made to harm: one line and exit 1, nothing written, no crash. The last
argument is the byte-flipping reader built with sanitizers."""
import json
import mmap
import os
import re
import resource
import struct
import subprocess
import sys
import threading
import time

from common import DIR, QUICK, REGIONS, check, finish, heaptap, kill, one_line, start

HEADER = 20480
CHUNK = 65536
p = start("many_stacks", 5, 4)
kill(p)
region = os.path.join(REGIONS, os.listdir(REGIONS)[0])
with open(region, "rb") as f:
    head = f.read(HEADER)
    if struct.unpack_from("<I", head, 12)[0] != HEADER:
        HEADER = struct.unpack_from("<I", head, 12)[0]
        f.seek(0)
        head = f.read(HEADER)
    checksum_at = 8 + 4 * 6 + 8 * 6 + 8 + 1024 + 1024 + 2048 + 64 + 4
    n = struct.unpack_from("<I", head, checksum_at + 4)[0]
    f.seek(0)
    whole = f.read(HEADER + n * CHUNK)


def fnv(data):
    h = 2166136261
    for b in data:
        h = ((h ^ b) * 16777619) & 0xFFFFFFFF
    return h


check("the header is where this test thinks", fnv(whole[:checksum_at]) == struct.unpack_from("<I", whole, checksum_at)[0] and n > 3)


def variant(name, data, size=None):
    path = os.path.join(DIR, name)
    with open(path, "wb") as f:
        f.write(data)
        if size:
            f.truncate(size)
    os.chmod(path, 0o600)
    return path


def with_word(at, fmt, value, resum=True):
    b = bytearray(whole)
    struct.pack_into(fmt, b, at, value)
    if resum:
        struct.pack_into("<I", b, checksum_at, fnv(b[:checksum_at]))
    return bytes(b)


refused = [
    variant("empty", b""), variant("short", whole[:100]), variant("half-header", whole[:HEADER // 2]),
    variant("text", b"HEAPTAP1 " + b"x" * 30000),
    variant("version", with_word(8, "<I", 99)), variant("sum", with_word(20, "<I", 1, resum=False)),
    variant("chunk-size", with_word(16, "<I", 1 << 30)),
    variant("unterminated", with_word(88, "<1024s", b"a" * 1024)),
    variant("claims-all", with_word(checksum_at + 4, "<I", 0xFFFFFFFF)),
    variant("tiny-size", with_word(32, "<Q", 1)), variant("byte-order", whole[7::-1] + whole[8:]),
]
out = os.path.join(DIR, "out.pb.gz")
for path in refused:
    for command in (["recover", path, "-o", out], ["top", path]):
        before = open(path, "rb").read()
        status, text, err = heaptap(*command)
        check("%s of %s" % (command[0], os.path.basename(path)), status == 1 and one_line(err) and not text, (status, err))
        if path.endswith("byte-order"):
            check("%s says why" % command[0], "another byte order" in err, err)
        check("%s is as it was" % path, os.path.exists(path) and open(path, "rb").read() == before)
for path in ("/dev/zero", DIR, os.path.join(DIR, "fifo")):
    if path.endswith("fifo"):
        os.mkfifo(path)
    status, _, err = heaptap("recover", path)
    check("recover " + path, status == 1 and one_line(err), (status, err))

# Sparse: says it holds 16 GiB. Little memory and time may be used.
huge = bytearray(with_word(32, "<Q", 1 << 34))
struct.pack_into("<I", huge, checksum_at + 4, ((1 << 34) - HEADER) // CHUNK)
path = variant("huge", bytes(huge), 1 << 34)
r = subprocess.run(["timeout", "20", sys.argv[1], "top", path], capture_output=True, text=True, env=dict(os.environ),
                   preexec_fn=None if "HEAPTAP_TEST_SANITIZED" in os.environ else
                   lambda: resource.setrlimit(resource.RLIMIT_DATA, (1 << 33, 1 << 33)))
check("a sparse giant", r.returncode in (0, 1), (r.returncode, r.stderr[:200]))
os.unlink(path)

# Cut anywhere: what is there is read.
for cut in (HEADER, HEADER + 100, HEADER + CHUNK, HEADER + CHUNK + 4000, len(whole) - 1):
    status, _, err = heaptap("recover", variant("cut", whole[:cut]), "-o", out)
    check("cut at %d" % cut, status in (0, 1) and "heaptap: " in err, (status, err))

# In a region directory: passed over or listed as unreadable, never followed.
os.symlink(region, os.path.join(REGIONS, "1.2.3"))
variant("victim", b"precious")
os.symlink(os.path.join(DIR, "victim"), os.path.join(REGIONS, "4.5.6"))
for name in refused:
    os.link(name, os.path.join(REGIONS, "7.7.%d" % refused.index(name)))
status, text, err = heaptap("ps")
check("ps over all this", status == 0, err)
check("ps follows no link", not re.search(r"(?m)^ *4 ", text) and open(os.path.join(DIR, "victim")).read() == "precious", text)
def ours(text):
    """Lines about our directory: this machine may have processes of other versions."""
    return "".join(line for line in text.splitlines() if REGIONS in line)


def of_other_versions(err):
    """How many regions ps sums up."""
    m = re.match(r"heaptap: (\d+) regions? \(", err)
    return int(m[1]) if m else 0


# Of another version ("text" is, too): one line for all of them, on standard error, and one each when asked.
# In a chroot the directories of the system around it are read, too: what lies there is counted first.
before = of_other_versions(heaptap("ps")[2])
for i in range(3):
    os.link(os.path.join(DIR, "version"), os.path.join(REGIONS, "8.%d.0" % i))
status, text, err = heaptap("ps")
check("ps sums other versions", status == 0 and "another heaptap version" not in ours(text) and "unreadable" in text and
      err.count("\n") == 1 and of_other_versions(err) == before + 3, (text, err))
old = os.path.join(REGIONS, "9.9.0")
open(old, "w").write("cut")
os.chmod(old, 0o600)
check("of a region that is being made it is not said to be removed", "remove it" not in ours(heaptap("ps")[1]))
check("ps leaves it alone", os.stat(old).st_mode & 0o777 == 0o600, oct(os.stat(old).st_mode))
os.utime(old, (time.time() - 120,) * 2)
check("of it nothing is said that is not known", re.search(r" 9  \? +unreadable +-( +-){4}  cannot read .*/9\.9\.0", ours(heaptap("ps")[1])), heaptap("ps")[1])
check("ps marks it when it is old", os.stat(old).st_mode & 0o777 == 0o400, oct(os.stat(old).st_mode))
check("an unreadable one comes with a way out", re.search(r"9\.9\.0: too short .*; nothing can be had of it: remove it", ours(heaptap("ps")[1])))
os.unlink(old)
status, text, err = heaptap("ps", "--all")
check("ps --all lists them", status == 0 and ours(text).count("another heaptap version") == 5 and not err, (text, err))
status, text, err = heaptap("ps", "--json")
check("so does ps --json", status == 0 and "another heaptap version" not in ours(text) and not err and
      len([e for e in json.loads(text) if e["state"] == "unreadable" and e["region"].startswith(REGIONS)]) == 14, (text, err))
status, text, err = heaptap("recover")
check("recover over all this", status == 0, err)

# Names are data: no control characters reach a terminal, no path is made of them.
evil = with_word(88 + 1024 + 1024 + 2048, "<64s", b"../../x\x1b[31m\n")
path = variant("9.9.0", evil)
os.rename(path, os.path.join(REGIONS, "9.9.0"))
status, text, err = heaptap("ps")
check("ps shows no control characters", status == 0 and "\x1b" not in text and "9" in text, text)
before = set(os.listdir(DIR))
status, text, err = heaptap("recover", os.path.join(REGIONS, "9.9.0"))
new = set(os.listdir(DIR)) - before
check("recover writes here", status == 0 and len(new) == 1 and "\x1b" not in err and "/" not in list(new)[0], (status, err, new))

# A process that is met while it makes its region: mapped, and the header not yet filled in. This process is that one.
with open("/proc/self/stat") as f:
    ticks = f.read().rsplit(")", 1)[1].split()[19]
path = os.path.join(REGIONS, "%d.%s.0" % (os.getpid(), ticks))
with open(variant(path, b"", len(whole)), "r+b") as f:
    making = mmap.mmap(f.fileno(), len(whole))
status, _, err = heaptap("dump", os.getpid(), "-o", out)
check("a region that stays unmade", status == 1 and one_line(err) and "it is still being made (try again)" in err, (status, err))


def make():
    making[HEADER:] = whole[HEADER:]
    making[:HEADER] = whole[:HEADER]


later = threading.Timer(0.3, make)
later.start()
status, _, err = heaptap("dump", os.getpid(), "-o", out)
later.join()
check("one that is made meanwhile", status == 0 and "wrote" in err, (status, err))
making.close()
os.unlink(path)

r = subprocess.run([os.path.abspath(sys.argv[4]), variant("base", whole), os.path.join(DIR, "scratch"), "300" if QUICK else "2000"],
                   capture_output=True, text=True)
check("2,000 damaged regions", r.returncode == 0, r.stdout + r.stderr[-3000:])
print(r.stdout.strip())
finish("hostile")
