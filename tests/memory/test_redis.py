#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_redis.py HEAPTAP LIBRARY: what is in use in redis-server, by its profile, beside INFO's used_memory; and what heaptap memory reads
of its jemalloc, beside INFO's allocator_allocated, allocator_active and allocator_resident.

redis adds up the usable sizes of its blocks (malloc_usable_size, as jemalloc has classes), a profile the sizes that were asked for. So each
sample's size is rounded up to its class first; then the two agree within the sampling error."""
import json
import math
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import pprof  # noqa: E402

HEAPTAP, LIBRARY = (os.path.abspath(a) for a in sys.argv[1:3])
RATE = 4096
FILL = "for i = 1, 60000 do redis.call('set', 'key:' .. i, string.rep('x', i % 300)) redis.call('hset', 'hash:' .. i % 500, i, i) end"


def usable(size):
    """jemalloc's classes: steps of 16 to 128, then four to each doubling."""
    if size <= 128:
        return max(8 if size <= 8 else 16, (size + 15) // 16 * 16)
    step = 1 << (size - 1).bit_length() - 3
    return (size + step - 1) // step * step


def main():
    if not shutil.which("redis-server") or not shutil.which("redis-cli"):
        print("skipped: no redis-server")
        return 77
    if "libjemalloc" not in subprocess.run(["ldd", shutil.which("redis-server")], capture_output=True, text=True).stdout:
        print("skipped: this redis-server has not jemalloc as a library")
        return 77
    with tempfile.TemporaryDirectory(prefix="heaptap-redis.") as tmp, socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = str(s.getsockname()[1])
        s.close()
        env = {k: v for k, v in os.environ.items() if not k.startswith("HEAPTAP_")}
        env.update(LD_PRELOAD=LIBRARY, HEAPTAP_RATE=str(RATE), HEAPTAP_SEED="5", HEAPTAP_OUTPUT=tmp + "/end.%p.pb.gz", HEAPTAP_REGION_DIR=tmp)
        server = subprocess.Popen(["redis-server", "--port", port, "--save", "", "--dir", tmp, "--activerehashing", "no"], env=env,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def ask(*words):
            return subprocess.run(["redis-cli", "-p", port, *words], capture_output=True, text=True, timeout=120).stdout

        try:
            end = time.monotonic() + 60
            while "PONG" not in ask("ping") and time.monotonic() < end:
                time.sleep(0.1)
            ask("eval", FILL, "0")
            says = int(ask("info", "memory").split("used_memory:")[1].split()[0])
            m = subprocess.run([HEAPTAP, "memory", "--json", str(server.pid)], capture_output=True, text=True, env=dict(os.environ, HEAPTAP_REGION_DIR=tmp))
            # INFO has what jemalloc said at the server's last tick, ten times a second.
            time.sleep(0.5)
            info = dict(line.split(":", 1) for line in ask("info", "memory").split() if ":" in line)
            j = json.loads(m.stdout).get("jemalloc", {})
            for field in "allocated", "active", "resident":
                print("allocator_%s %s, read %s" % (field, info["allocator_" + field], j.get(field)))
                if abs(j.get(field, 0) / int(info["allocator_" + field]) - 1) > 0.02:
                    print("FAIL jemalloc's figures differ by more than 2 %%: %s" % m.stderr)
                    return 1
            out = tmp + "/live.pb.gz"
            r = subprocess.run([HEAPTAP, "dump", "--raw", str(server.pid), "-o", out], capture_output=True, text=True,
                               env=dict(os.environ, HEAPTAP_REGION_DIR=tmp))
            if r.returncode:
                print("FAIL dump: " + r.stderr)
                return 1
        finally:
            ask("shutdown", "nosave")
            server.wait(60)
        p = pprof.Profile(out)
        asked = estimate = variance = 0.0
        for sample in p.samples:
            size = next(l.num for l in sample.labels if p.text(l.key) == "bytes")
            objects = sample.values[2]
            q = math.exp(-(size + 1) / RATE)
            asked += sample.values[3]
            estimate += objects * usable(size)
            variance += objects * usable(size) ** 2 * q / (1 - q)
        # Of a site of several sizes the mean is known, and its class may be the next one (2 % in exact mode).
        room = 4 * math.sqrt(variance) + says * 0.03
        print("used_memory %d; estimated %d, usable %d +- %d" % (says, asked, estimate, room))
        if abs(estimate - says) > room:
            print("FAIL they differ by more than the sampling error")
            return 1
    return 0


sys.exit(main())
