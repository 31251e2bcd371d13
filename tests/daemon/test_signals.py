#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""SIGUSR1 500 times a second on eight allocating threads: no request is lost, every file is whole, nothing hangs."""
import bisect
import glob
import os
import signal
import time
import zlib

from common import DIR, QUICK, check, finish, kill, pprof, start, wait_for

SECONDS = 3 if QUICK else 10
out = os.path.join(DIR, "dumps")
os.mkdir(out)
p = start("churn", 8, rate="512k", HEAPTAP_OUTPUT=os.path.join(out, "%p.pb.gz"))
time.sleep(0.5) # the first sample: before it there is nothing to write
requests, began = [], time.monotonic()
while (now := time.monotonic()) < began + SECONDS:
    requests.append(time.time_ns())
    os.kill(p.pid, signal.SIGUSR1)
    time.sleep(max(0, began + len(requests) / 500 - time.monotonic()))
last = requests[-1]


def time_of(data):
    """time_nanos, which comes in the first message but for the types: no need to read on."""
    for field, value in pprof.fields(data):
        if field == 9:
            return value
    raise pprof.Bad("no time")


def newest():
    """The latest of the last files' times. An mtime is the coarse clock's (4 ms here): dumps of one tick share theirs, so
    that the last file by mtime needn't be the last dump."""
    files = sorted(glob.glob(out + "/*.pb.gz"), key=os.path.getmtime)[-20:]
    return max((pprof.Profile(f).time for f in files), default=0)


check("the last request was served", wait_for(lambda: newest() >= last))
check("it runs on", p.poll() is None)
files = glob.glob(out + "/*.pb.gz")
times, sizes = [], 0
for i, f in enumerate(files):
    try:
        if i % 100 == 0: # all of it
            bad = pprof.check(pprof.Profile(f), rate=512 * 1024)
            check(os.path.basename(f), not bad, bad)
        with open(f, "rb") as file:
            d = zlib.decompressobj(31)
            data = d.decompress(file.read())
        if not d.eof:
            raise pprof.Bad("the gzip stream is cut off")
        times.append(time_of(data))
    except (pprof.Bad, OSError, zlib.error) as e:
        check("%s is whole" % f, False, e)
times.sort()
# Each request: a dump that began after it (one for many when they came together).
late = [r for r in requests if bisect.bisect_left(times, r) == len(times)]
check("every request led to a dump", not late, "%d of %d did not" % (len(late), len(requests)))
waits = sorted(times[bisect.bisect_left(times, r)] - r for r in requests if bisect.bisect_left(times, r) < len(times))
check("no temporary file is left", not glob.glob(out + "/*.tmp*"), glob.glob(out + "/*.tmp*"))
kill(p)
print("%d requests, %d dumps, median wait %.1f ms, longest %.0f ms"
      % (len(requests), len(files), waits[len(waits) // 2] / 1e6, waits[-1] / 1e6))
finish("signals")
