#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What serve --push costs a machine: processor time, memory and bytes a profile, for docs/fleet.md.
fleet.py [PROCESSES [SECONDS]], with HEAPTAP and CHURN (build/tests/web/churn) in the environment."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here + "/../tests/web", here + "/../tests/lib"]
from stores import Store  # noqa: E402

if sys.argv[1:2] in (["-h"], ["--help"]):
    print(__doc__)
    sys.exit(0)
if len(sys.argv) > 3 or not all(a.isdigit() and int(a) for a in sys.argv[1:]):
    print("bench/fleet.py takes a number of PROCESSES and of SECONDS (--help)", file=sys.stderr)
    sys.exit(2)
processes, seconds = [int(a) for a in sys.argv[1:] + ["20", "20"][len(sys.argv) - 1:]]
heaptap = os.path.realpath(os.environ.get("HEAPTAP", here + "/../build/heaptap"))
churn = os.path.realpath(os.environ.get("CHURN", here + "/../build/tests/web/churn"))


def cpu(pid):
    t = open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()
    return (int(t[11]) + int(t[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", open("/proc/%d/status" % pid).read())[1]) / 1024


tmp = tempfile.mkdtemp()
try:
    os.mkdir(tmp + "/regions", 0o700)
    env = dict(os.environ, HEAPTAP_REGION_DIR=tmp + "/regions", XDG_CACHE_HOME=tmp)
    library = subprocess.run([heaptap, "lib"], capture_output=True, text=True, check=True).stdout.strip()
    run = dict(env, LD_PRELOAD=library, HEAPTAP_OUTPUT=tmp + "/%p.pb.gz", HEAPTAP_RATE="64k")
    loads = [subprocess.Popen([churn, "600"], env=run, stdout=subprocess.PIPE) for _ in range(processes)]
    for p in loads:
        p.stdout.readline()
    time.sleep(2)
    store = Store()
    s = subprocess.Popen([heaptap, "serve", "--listen", ":0", "--push", store.url, "--every=1s", *(str(p.pid) for p in loads)],
                         env=env, stdout=subprocess.PIPE)
    s.stdout.readline()
    while len(store.got) < processes:  # the first round reads the binaries
        time.sleep(0.1)
    n, before, began, first = len(store.got), cpu(s.pid), time.monotonic(), resident(s.pid)
    time.sleep(seconds)
    n, used, took = len(store.got) - n, cpu(s.pid) - before, time.monotonic() - began
    size = sum(len(g[4]) for g in store.got[-n:]) / n
    print("| processes | profiles a second | ms of processor time each | bytes each | MB at first | MB after %d profiles |" % n)
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    print("| %d | %.1f | %.2f | %d | %.1f | %.1f |" % (processes, n / took, used * 1000 / n, size, first, resident(s.pid)))
    s.terminate()
    s.wait()
    for p in loads:
        p.kill()
        p.wait()
finally:
    shutil.rmtree(tmp)
