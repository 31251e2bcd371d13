#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Two moments of one process, on the daemon of docs/examples: does diff's interval cover what leaked between, and how
much narrower is it than that of two processes?

bench/daemon.py HEAPTAP [TIMES]

leakyd forgets 1,000 sessions of 4,104 bytes a second, by the clock. After five seconds it is dumped, and two seconds later what it
holds is compared with the dump; and once more with a dump that says another pid, which makes two processes of them. Exits 1
when fewer intervals of 95 % cover the truth than four standard errors below, or they are less than twice as narrow."""
import gzip
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
from words import Words, positive, there  # noqa: E402

line = Words(__doc__)
line.add_argument("heaptap", metavar="HEAPTAP", type=there)
line.add_argument("times", metavar="TIMES", type=positive, nargs="?", default=20)
words = line.parse_args()
HEAPTAP, TIMES = words.heaptap, words.times
SESSION, A_SECOND = 4104, 1000


def diff(old, new):
    r = subprocess.run([HEAPTAP, "diff", "--json", "--all", old, new], capture_output=True, text=True)
    if r.returncode:
        sys.exit("bench/daemon.py: " + r.stderr)
    out = json.loads(r.stdout)
    row = [r for r in out["rows"] if r["name"] == "open_session"]
    return out["same_process"], row[0] if row else None


def compare(work, pid):
    """Whether the interval covers what leaked, and how many times narrower it is; None: nothing was sampled of it."""
    old, other, before = work + "/old.pb.gz", work + "/other.pb.gz", time.monotonic()
    subprocess.run([HEAPTAP, "dump", "-q", "-o", old, pid], check=True)
    after = time.monotonic()
    with gzip.open(old) as f:
        content = f.read()
    with gzip.open(other, "w") as f:
        f.write(content.replace(b"pid: " + pid.encode(), b"pid: " + b"9" * len(pid)))
    time.sleep(2)
    start = time.monotonic()
    same, row = diff(old, pid)
    end = time.monotonic()
    if not same:
        sys.exit("bench/daemon.py: the dump and its PID were not told to be one process")
    same, unpaired = diff(other, pid)
    if same or not row or not unpaired:
        return None
    least, most = (SESSION * A_SECOND * t for t in (start - after, end - before))
    return (row["flat_low"] <= most and least <= row["flat_high"],
            (unpaired["flat_high"] - unpaired["flat_low"]) / (row["flat_high"] - row["flat_low"]))


def main():
    with tempfile.TemporaryDirectory(prefix="heaptap-daemon.") as work:
        subprocess.run(["gcc", "-O1", "-g", "-fno-inline", "-o", work + "/leakyd", ROOT + "/docs/examples/leakyd.c"], check=True)
        run = subprocess.Popen([HEAPTAP, "run", "-q", "--rate=256k", "-o", work + "/end.pb.gz", work + "/leakyd"],
                               stdout=subprocess.PIPE, text=True)
        pid = None
        try:
            run.stdout.readline() # "ready"
            with open("/proc/%d/task/%d/children" % (run.pid, run.pid)) as f:
                pid = f.read().split()[0]
            time.sleep(5)
            found = [c for c in (compare(work, pid) for _ in range(TIMES)) if c]
        finally:
            if pid:
                os.kill(int(pid), 15)
            run.wait()
    n, covered = len(found), sum(c for c, _ in found)
    narrower = [times for _, times in found]
    print("leakyd, %d pairs of moments: %.1f %% of the intervals of 95 %% cover what leaked; %.1f times narrower than two "
          "processes' (%.1f to %.1f)" % (n, 100 * covered / n, statistics.median(narrower), min(narrower), max(narrower)))
    return 1 if covered / n < 0.95 - 4 * math.sqrt(0.95 * 0.05 / n) or statistics.median(narrower) < 2 else 0


if __name__ == "__main__":
    sys.exit(main())
