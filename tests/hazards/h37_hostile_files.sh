#!/bin/bash
# SPDX-License-Identifier: MIT
# only: glibc
# Hazard 37: a region or a profile that is truncated or hostile.
# Shows: a reader refuses it with one line and status 1, within seconds; a region whose records lie costs no more than a short
# profile. (The decoders are fuzzed beside this.)
# Seen failing without "gzip data that ends too soon is refused" and "a reference out of the region is refused" (mutants).
[ -x "$H_BUILD/heaptap" ] || { echo "no build/heaptap"; exit 77; }
export LD_PRELOAD=
LD_PRELOAD="$H_PRELOAD" HEAPTAP_RATE="$H_RATE" HEAPTAP_OUTPUT="$H_TMP/good.pb.gz" "$H_PROGRAMS/h17_workload" >/dev/null || exit 1
size=$(stat -c %s "$H_TMP/good.pb.gz")
head -c $((size / 2)) "$H_TMP/good.pb.gz" >"$H_TMP/half.pb.gz"
head -c 10 "$H_TMP/good.pb.gz" >"$H_TMP/head.pb.gz"
head -c -8 "$H_TMP/good.pb.gz" >"$H_TMP/end.pb.gz"
: >"$H_TMP/empty.pb.gz"
head -c 5000 /dev/urandom >"$H_TMP/noise.pb.gz"
gzip -dc "$H_TMP/good.pb.gz" | head -c -3 >"$H_TMP/short.pb"
head -c 100000 /dev/zero >"$H_TMP/zero.pb"
for f in half.pb.gz head.pb.gz end.pb.gz empty.pb.gz noise.pb.gz short.pb zero.pb missing.pb; do
  (ulimit -t 10 && exec timeout 100 "$H_BUILD/heaptap" top "$H_TMP/$f" >"$H_TMP/said" 2>"$H_TMP/err")
  rc=$?
  [ $rc = 1 ] && [ "$(grep -c '^heaptap: ' "$H_TMP/err")" = 1 ] && [ "$(wc -l <"$H_TMP/err")" = 1 ] || { echo "top $f: exit $rc"; cat "$H_TMP/err"; exit 1; }
done
mkdir -m 700 "$H_TMP/regions"
export HEAPTAP_REGION_DIR=$H_TMP/regions
exec python3 - <<'P'
import glob, os, random, resource, struct, subprocess, sys
tmp, heaptap = os.environ["H_TMP"], os.environ["H_BUILD"] + "/heaptap"
subprocess.run([os.environ["H_PROGRAMS"] + "/h17_workload"], stdout=subprocess.DEVNULL,
               env=dict(os.environ, LD_PRELOAD=os.environ["H_PRELOAD"], HEAPTAP_RATE=os.environ["H_RATE"], H_DIE="9"))
good = open(glob.glob(tmp + "/regions/*")[0], "rb").read(32 << 20).rstrip(b"\0")
header, chunk = 20480, 65536
good += bytes(-(len(good) - header) % chunk)
bad = []


def limited():
    """Ten seconds of processor time, whatever else the machine does."""
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (10, 10))


def read(words, data, size=None, must_refuse=False):
    path = os.path.join(tmp, "1.1.0")
    with open(path, "wb") as f:
        f.write(data)
        if size:
            f.truncate(size)
    for command in (["dump", "--raw", "-q", "-o", tmp + "/out.pb.gz", path], ["top", path]):
        try:
            r = subprocess.run([heaptap] + command, capture_output=True, timeout=100, preexec_fn=limited)
        except subprocess.TimeoutExpired:
            bad.append("%s of %s: still running after 100 s" % (command[0], words))
            continue
        lines = r.stderr.decode(errors="replace").splitlines()
        if r.returncode not in (0, 1, 2) or r.returncode == 0 and must_refuse or r.returncode and (len(lines) != 1 or not lines[0].startswith("heaptap: ")):
            bad.append("%s of %s: exit %d, said %s" % (command[0], words, r.returncode, lines[:3]))


def put(data, at, form, *values):
    b = bytearray(data)
    struct.pack_into(form, b, at, *values)
    return bytes(b)


for n in (0, 7, 100, header - 1):
    read("a region of %d bytes" % n, good[:n], must_refuse=True)
read("a header alone", good[:header])
for n in (header + 10, header + chunk // 2, header + chunk + 8, len(good) - 5):
    read("a region cut at %d" % n, good[:n])
read("a damaged magic", put(good, 0, "B", good[0] ^ 1), must_refuse=True)
read("a damaged fixed part", put(good, 60, "B", good[60] ^ 1), must_refuse=True)
read("a sparse region of 1 TiB", good, size=1 << 40)
rng = random.Random(37)
chunks = (len(good) - header) // chunk
for i in range(24):
    b = bytearray(good)
    for c in range(chunks):
        start = header + c * chunk
        for _ in range(200):  # references and sizes of random records
            at = start + 128 + rng.randrange(0, chunk - 136) // 4 * 4
            struct.pack_into("<I", b, at, rng.choice([0, 1, 0xffffffff, 0x7fffffff, rng.randrange(1 << 32), rng.randrange(len(good) // 8)]))
    read("damage %d" % i, bytes(b))
for i in range(8):  # every word alike, from a chunk's first record on
    b = bytearray(good)
    for c in range(chunks):
        start = header + c * chunk + 128
        b[start + 2048:start + chunk - 64] = struct.pack("<I", [0xffffffff, 1, 2, 0x80000000, 0x10000, 0xfff, len(good) // 8 - 1, len(good) // 8][i]) * ((chunk - 64 - 2048) // 4)
    read("chunks full of one word, %d" % i, bytes(b))
print("\n".join(bad[:6]))
sys.exit(bool(bad))
P
