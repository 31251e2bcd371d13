#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Eight clients ask one server for everything at once, while processes come and go: each answer is whole, and
the server ends as told. What its threads do to each other is for tsan to see (tests/sanitize/run).
crowd.py HEAPTAP CHURN DIR"""
import concurrent.futures
import json
import os
import random
import subprocess
import sys
import time

from server import Server, check, done

heaptap, churn, tmp = sys.argv[1:]
regions = tmp + "/regions"
os.mkdir(regions, 0o700)
env = {"HEAPTAP_REGION_DIR": regions, "TMPDIR": tmp, "XDG_CACHE_HOME": tmp}
SECONDS = 3


def start(seconds):
    p = subprocess.Popen([heaptap, "run", "-q", "-r", "16k", "-o", tmp + "/%p.pb.gz", "--", churn, str(seconds)],
                         stdout=subprocess.PIPE, env=dict(os.environ, **env))
    p.stdout.readline()
    return p


def ids(s):
    # As root the server has everybody's.
    return [t["id"] for t in json.loads(s.get("/api/targets")[2])["targets"] if t["command"].startswith(churn)]


with Server(heaptap, "serve", "--listen", ":0", env=env) as s:
    stay = start(60)
    end = time.monotonic() + 100
    while time.monotonic() < end and not ids(s):
        time.sleep(0.1)
    one = ids(s)[0]
    end = time.monotonic() + SECONDS

    def client(n):
        choose, answers = random.Random(n), 0
        while time.monotonic() < end or not answers:
            path = choose.choice(["/%s/debug/pprof/heap", "/%s/debug/pprof/allocs", "/%s/api/profile", "/%s/debug/pprof/cmdline",
                                  "/%s/debug/pprof/symbol?0x1000+0x2000", "/metrics#%s", "/api/targets#%s", "/#%s"]) % one
            code, _, body = s.get(path.split("#")[0])
            check(path, code == 200 and body, (code, body[:200]))
            answers += 1
        return answers

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        clients = [pool.submit(client, n) for n in range(8)]
        while time.monotonic() < end:
            passing = start(0)
            passing.wait()
        check("every client had answers", all(c.result() > 0 for c in clients), [c.result() for c in clients])
    stay.terminate()
    stay.wait()
done()
