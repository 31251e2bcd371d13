#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The page stands while its profile is being read, and the server ends where that fails. reading.py HEAPTAP DIR"""
import json
import os
import sys
import threading

import pprofile
from server import Server, check, done

heaptap, tmp = sys.argv[1:]
data = open(tmp + "/new.pb.gz", "rb").read()


class Slow(Server):
    """A server whose profile comes by standard input, when the test sends it."""

    def __init__(self, *args):
        mine, self.to = os.pipe()
        super().__init__(heaptap, *args, "-", stdin=mine)
        os.close(mine)

    def send(self, what):
        with open(self.to, "wb") as to:
            to.write(what)


VIEW, REPORT = ("view", "--listen", ":0"), ("top", "-http=:0", "-sample_index=alloc_space")
for args in (VIEW, REPORT):
    with Slow(*args) as s:
        check("the address is there before the profile", s.port > 0, s.line)
        check("so is the page", s.get("/1/")[0] == 200 and s.get("/static/app.js")[0] == 200)
        t = json.loads(s.get("/api/targets")[2])["targets"][0]
        check("it is being read", t["reading"] is True and t["inuse_space"] == -1, t)
        check("metrics have no figures of it", b"heaptap_inuse_bytes{" not in s.get("/metrics")[2], s.get("/metrics")[2][:500])
        answers = []
        asking = threading.Thread(target=lambda: answers.append(s.get("/1/debug/pprof/heap")))
        asking.start()
        s.send(data)
        asking.join(100)
        check("a request waited for it", answers and answers[0][0] == 200 and pprofile.totals(answers[0][2]) == pprofile.totals(data))
        t = json.loads(s.get("/api/targets")[2])["targets"][0]
        check("it has been read", t["reading"] is False and t["inuse_space"] == pprofile.totals(data)["inuse_space"], t)

# Told to end while it reads, and while a request waits.
with Slow(*VIEW) as s:
    code = []

    def ask():
        try:
            code.append(s.get("/1/debug/pprof/heap")[0])
        except OSError:
            code.append("closed")
    asking = threading.Thread(target=ask)
    asking.start()
asking.join(100)
check("the request ends with the server", code in ([500], ["closed"]), code)

# What is no profile ends it, with one line; so does a filter that is none.
for args, what in ((VIEW, b"nonsense\n" * 1000), (REPORT, b"nonsense\n" * 1000), (REPORT + ("--focus=(",), data)):
    s = Slow(*args)
    s.send(what)
    out, err = s.p.communicate(timeout=100)
    check("%r: a profile that cannot be read" % (args,), s.port > 0 and s.p.returncode == 1 and err.count("\n") == 1, (s.line, s.p.returncode, err))
done()
