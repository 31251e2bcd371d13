#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""heaptap push against a small /ingest that checks what the real one does. push.py HEAPTAP DIR"""
import http.server
import subprocess
import sys
import threading
import urllib.parse

import pprofile
from server import check, done
from stores import ingest

heaptap, tmp = sys.argv[1:]
profile = tmp + "/new.pb.gz"
want = pprofile.totals(open(profile, "rb").read())
got = []


class Ingest(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        got.append((self.path, self.headers, body))
        status = 422 if "refuse" in self.path else 200
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b"no such\ntenant" if status != 200 else b"")

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Ingest)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = "http://127.0.0.1:%d" % server.server_port


def push(*args):
    return subprocess.run([heaptap, "push", *args], capture_output=True, text=True, timeout=100)


token = tmp + "/push-token"
with open(token, "w") as f:
    f.write("push-secret\n")
r = push("--name", "shop{region=eu}", "--tenant", "t1", "--token-file", token, url + "/", profile)
check("push", r.returncode == 0 and len(got) == 1, r.stderr)
path, headers, body = got[0]
u = urllib.parse.urlsplit(path)
q = dict(urllib.parse.parse_qsl(u.query))
check("address", u.path == "/ingest" and q["name"] == "shop{region=eu}" and q["format"] == "pprof", path)
check("times", int(q["until"]) == 1700000000 and int(q["from"]) <= int(q["until"]), q)
check("headers", headers["Authorization"] == "Bearer push-secret" and headers["X-Scope-OrgID"] == "t1", headers.items())
taken = ingest(path, headers, body)
check("what Pyroscope makes of it", taken[0][:2] == ("shop", {"region": "eu"}), taken)
check("profile decodes to the same totals", pprofile.totals(taken[0][4]) == want)
check("default name", push(url, profile).returncode == 0 and "name=imageserver&" in got[-1][0], got[-1][0])
check("full address", push(url + "/ingest", profile).returncode == 0 and got[-1][0].startswith("/ingest?"), got[-1][0])
r = push(url + "/refuse", profile)
check("refused", r.returncode == 1 and "422: no such tenant" in r.stderr and r.stderr.count("\n") == 1, r.stderr)
server.shutdown()
server.server_close()
r = push(url, profile)
check("nobody there", r.returncode == 1 and "cannot reach" in r.stderr and r.stderr.count("\n") == 1, r.stderr)
for args in ([], [url], ["ftp://x", profile], [profile, url]):
    r = push(*args)
    check("%r" % args, r.returncode == 2 and r.stderr.count("\n") == 1, (r.returncode, r.stderr))
done()
