#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""HTTP for files: endpoints, headers, errors, metrics, what is refused. http_files.py HEAPTAP DIR"""
import concurrent.futures
import gzip
import http.client
import json
import os
import select
import shutil
import socket
import stat
import subprocess
import sys
import threading

import mksample
import pprofile
from fuzz_http import fuzz
from server import Server, check, done

heaptap, tmp = sys.argv[1:]
old, new = tmp + "/old.pb.gz", tmp + "/new.pb.gz"
want = pprofile.totals(open(new, "rb").read())

os.makedirs(tmp + "/src/src/cache", exist_ok=True)
with open(tmp + "/src/src/cache/cache.cc", "w") as f:
    f.write("source text\n")
os.symlink("/etc/passwd", tmp + "/src/csu")

with Server(heaptap, "view", "--listen", "127.0.0.1:0", "--source-root", tmp + "/src", old, new) as s:
    # The profile.
    code, h, body = s.get("/2/debug/pprof/heap")
    check("heap", code == 200 and h["content-type"] == "application/octet-stream" and
          h["content-disposition"] == 'attachment; filename="heap"', (code, h))
    check("heap is gzipped and its totals are the file's", pprofile.totals(body) == want, pprofile.totals(body))
    code, h, body = s.get("/2/debug/pprof/allocs")
    check("allocs", h["content-disposition"] == 'attachment; filename="allocs"', h)
    raw = gzip.decompress(body)
    strings = [v.decode() for f, v in pprofile.fields(raw) if f == 6]
    check("allocs opens with alloc_space", [strings[v] for f, v in pprofile.fields(raw) if f == 14] == ["alloc_space"])
    check("gc=1 is accepted", s.get("/2/debug/pprof/heap?gc=1")[0] == 200)
    check("debug=0", s.get("/2/debug/pprof/heap?debug=0")[1]["content-type"] == "application/octet-stream")

    # The text form.
    code, h, body = s.get("/2/debug/pprof/heap?debug=1")
    head = body.split(b"\n", 1)[0].decode()
    check("text", h["content-type"].startswith("text/plain") and head == "heap profile: %d: %d [%d: %d] @ heapprofile" % (
        want["inuse_objects"], want["inuse_space"], want["alloc_objects"], want["alloc_space"]), head)
    check("text has names", b"#\t0x" in body and b"cache::Entry::make\tsrc/cache/entry.cc:19" in body)
    text = tmp + "/text.heap"
    with open(text, "wb") as f:
        f.write(body)
    r = subprocess.run([heaptap, "top", "--json", text], capture_output=True, text=True)
    check("text can be read back", r.returncode == 0, r.stderr)

    # The rest of the endpoints.
    check("cmdline", s.get("/2/debug/pprof/cmdline")[2] == new.encode())
    check("symbol asks whether there are any", s.get("/2/debug/pprof/symbol")[2] == b"num_symbols: 1\n")
    code, h, body = s.get("/2/debug/pprof/symbol?0x2000010+0x2000020")
    lines = body.decode().splitlines()
    check("symbol by query", lines[0] == "num_symbols: 1" and lines[1:] == [
        "0x2000010 codec::jpeg::read_header", "0x2000020 codec::decode"], lines)
    check("symbol by body", s.get("/2/debug/pprof/symbol", "POST", "0x2000010+0x2000020")[2] == body)
    check("index", b"/2/debug/pprof/heap" in s.get("/debug/pprof/")[2])
    code, h, body = s.get("/2/debug/pprof/heap", "HEAD")
    check("HEAD", code == 200 and body == b"" and int(h["content-length"]) > 500, (code, h))

    # Every answer has the safety headers; nothing allows another site in.
    for path in ("/", "/2/", "/static/app.js", "/api/targets", "/metrics", "/2/debug/pprof/heap", "/nothing"):
        h = s.get(path)[1]
        check("headers of " + path, h.get("x-content-type-options") == "nosniff" and "default-src 'none'" in
              h.get("content-security-policy", "") and h.get("x-frame-options") == "DENY", h)
        check("no CORS at " + path, not [k for k in h if k.startswith("access-control")], h)

    # Errors are text that pprof shows.
    for path, method, status in (
            ("/2/debug/pprof/heap?seconds=0", "GET", 400), ("/2/debug/pprof/heap?seconds=-1", "GET", 400),
            ("/2/debug/pprof/heap?seconds=x", "GET", 400), ("/2/debug/pprof/heap?seconds=1e3", "GET", 400),
            ("/2/debug/pprof/heap?seconds=99999999999999999999", "GET", 400),
            ("/2/debug/pprof/heap?seconds=1&debug=1", "GET", 400), ("/2/debug/pprof/heap?seconds=1", "GET", 400),
            ("/3/debug/pprof/heap", "GET", 404), ("/debug/pprof/heap", "GET", 404), ("/debug/pprof/nothing", "GET", 404),
            ("/static/../config.h", "GET", 404), ("/static/flame.html", "GET", 404),
            ("/2/debug/pprof/heap", "POST", 405), ("/2/debug/pprof/heap", "DELETE", 405), ("/", "OPTIONS", 405),
            ("/2/api/source", "GET", 400), ("/2/api/source?file=/etc/passwd", "GET", 403),
            ("/2/api/source?file=src/main.cc", "GET", 404), ("/2/api/source?file=csu/libc-start.c", "GET", 404)):
        code, h, body = s.get(path, method)
        check("%s %s" % (method, path), code == status and h["content-type"] == "text/plain; charset=utf-8" and
              h.get("x-go-pprof") == "1" and body.count(b"\n") == 1, (code, h, body))
    check("source", s.get("/2/api/source?file=src/cache/cache.cc")[2] == b"source text\n")
    check("a large body is refused", s.get("/2/debug/pprof/symbol", "POST", "0x1+" * 400000)[0] == 413)

    # Rebinding, other sites.
    for host, status in (("evil.example", 403), ("evil.example:6060", 403), ("127.0.0.1.evil.example", 403),
                         ("localhost", 200), ("localhost:1", 200), ("127.0.0.1", 200), ("[::1]:6060", 200), ("[x]", 403),
                         ("", 403)):
        check("Host " + host, s.get("/api/targets", headers={"Host": host})[0] == status, s.get("/api/targets", headers={"Host": host}))
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)):
        check("Sec-Fetch-Site " + site, s.get("/2/debug/pprof/heap", headers={"Sec-Fetch-Site": site})[0] == status)

    # Metrics, by a real parser.
    code, h, body = s.get("/metrics")
    check("metrics type", h["content-type"].startswith("text/plain; version=0.0.4"), h)
    try:
        from prometheus_client.parser import text_string_to_metric_families as parse
    except ImportError:
        print("no python3-prometheus-client: /metrics is not parsed")
    else:
        found = {(x.name, x.labels.get("file")): x.value for m in parse(body.decode()) for x in m.samples}
        check("in use", found[("heaptap_inuse_bytes", "2")] == want["inuse_space"])
        check("objects", found[("heaptap_inuse_objects", "2")] == want["inuse_objects"])
        check("allocated", found[("heaptap_allocated_bytes_total", "2")] == want["alloc_space"])
        check("rate", found[("heaptap_rate_bytes", "1")] == 524288)

    # JSON.
    t = json.loads(s.get("/api/targets")[2])
    check("targets", [x["id"] for x in t["targets"]] == ["1", "2"] and t["compare"] == "1", t)
    raw = s.get("/2/api/profile")[2]
    d = json.loads(raw)
    check("data totals", {y["type"]: sum(d["sums"]["values"][i]) for i, y in enumerate(d["types"])} == want)
    check("no markup in the data", b"<" not in raw and b">" not in raw)
    check("sizes and nodes of the sums", len(d["sums"]["node"]) == len(d["sums"]["size"]) == len(d["sums"]["values"][0]) and
          max(d["sums"]["node"]) < len(d["nodes"]["frame"]) and min(d["sums"]["size"]) >= 128)
    check("how it was sampled", (d["no_intervals"], d["plus_one"], d["process"]) == ([""] * 4, False, ""), d["no_intervals"])
    check("parents come first", d["nodes"]["up"][0] == 1 and all(0 < up <= i for i, up in enumerate(d["nodes"]["up"][1:], 1)))

    # The same bytes, compressed for who asks for it; a profile is gzipped already.
    for path in ("/2/api/profile", "/", "/static/app.js", "/static/style.css"):
        plain = s.get(path)[2]
        for accepted, packed in (("gzip", True), ("br;q=1, GZIP;q=0.5", True), ("*", True), ("gzip;q=0", False), ("gzip;q=0, *", False),
                                 ("identity", False), ("", False), ("gzipped", False), ("br", False), (",;q=,gzip", True)):
            code, h, body = s.get(path, headers={"Accept-Encoding": accepted})
            check("%s with Accept-Encoding %r" % (path, accepted), code == 200 and h["vary"] == "Accept-Encoding" and
                  (h.get("content-encoding") == "gzip") == packed and (gzip.decompress(body) if packed else body) == plain and
                  (len(body) < len(plain)) == packed, (code, h, len(body), len(plain)))
    code, h, body = s.get("/2/debug/pprof/heap", headers={"Accept-Encoding": "gzip"})
    check("a profile is compressed once", "content-encoding" not in h and pprofile.totals(body) == want, h)

    # Layouts of graphs: numbers alone.
    graph = "3 2\n100 40\n90 40\n120 50\n0 1 50 8\n0 2 1 0\n"
    code, h, body = s.get("/api/layout", "POST", graph)
    if shutil.which("dot"):
        lines = [x.split() for x in body.decode().splitlines()]
        check("layout", code == 200 and [x[0] for x in lines] == ["graph"] + ["node"] * 3 + ["edge"] * 2 + ["stop"], (code, body))
        check("room for the figure of one edge", [len(x) - 2 * int(x[3]) for x in lines if x[0] == "edge"] == [9, 6], lines)
        check("sizes of the layout", [round(float(x[4]) * 72) for x in lines if x[0] == "node"] == [100, 90, 120], lines)
    else:
        check("no graphviz", code == 204 and not body, (code, body))
    for text in ("x", "1", "1 0", "1 0\n1", "1001 0\n", "1 4001\n", "1 0\n5000 1\n", "-1 0", "1 1\n9 9\n0 1 1 0\n", "1 1\n9 9\n0 0 101 0\n", "1 1\n9 9\n0 0 1 41\n", "1 1\n9 9\n0 0 1\n", "0 1\n0 0 1 0",
                 graph + "7", "1 0\n9 9\n\"]; subgraph", "99999999999999999999 1", "1 0\n9 9\n\0"):
        code, h, body = s.get("/api/layout", "POST", text)
        check("no layout of %r" % text, code == 400 and body.count(b"\n") == 1, (code, body))
    check("a layout is asked for by POST", s.get("/api/layout")[0] == 400)
    check("no layout for another site", s.get("/api/layout", "POST", graph, {"Sec-Fetch-Site": "cross-site"})[0] == 403)

    # Saved views: lines in the user's file, replaced whole.
    views = os.environ["XDG_CONFIG_HOME"] + "/heaptap/views"
    check("none yet", s.get("/api/views")[0::2] == (200, b"") and not os.path.exists(views))
    check("one", s.get("/api/views", "POST", "a%20b view=top&focus=x%2By")[0::2] == (200, b"a%20b view=top&focus=x%2By\n"))
    check("in the file, for this user alone", open(views).read() == "a%20b view=top&focus=x%2By\n" and stat.S_IMODE(os.stat(os.path.dirname(views)).st_mode) == 0o700)
    check("another, of no filter", s.get("/api/views", "POST", "c ")[2] == b"a%20b view=top&focus=x%2By\nc \n")
    check("in place of the first", s.get("/api/views", "POST", "a%20b view=graph")[2] == b"c \na%20b view=graph\n")
    check("read again", s.get("/api/views")[2] == b"c \na%20b view=graph\n")
    check("removed", s.get("/api/views", "POST", "c")[2] == b"a%20b view=graph\n")
    for text in ("", " ", " x", "a b c", "a b\n", "a b\nc d", "a<b x", "a x<", "a \"", "a x\0", "\u00e4 x", "../../x y", "a" * 601 + " x", "a " + "x" * 4001):
        code, h, body = s.get("/api/views", "POST", text.encode())
        check("no view %r" % text[:20], code == 400 and body.count(b"\n") == 1, (code, body))
    for headers, status in (({"Origin": "http://127.0.0.1:%d" % s.port}, 200), ({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403),
                            ({"Origin": "http://127.0.0.1:1"}, 403), ({"Sec-Fetch-Site": "cross-site"}, 403), ({"Sec-Fetch-Site": "same-site"}, 403),
                            ({"Host": "evil.example"}, 403), ({"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:%d" % s.port}, 200)):
        code, h, body = s.get("/api/views", "POST", "o x", headers)
        check("a view by %r" % headers, code == status, (code, body))
        s.get("/api/views", "POST", "o")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        codes = [f.result()[0] for f in [pool.submit(s.get, "/api/views", "POST", "v%d x" % i) for i in range(60)]]
    check("fifty are kept, whoever adds them at once", sorted(codes) == [200] * 49 + [409] * 11 and len(open(views).readlines()) == 50, codes)
    check("no temporary files", os.listdir(os.path.dirname(views)) == ["views"], os.listdir(os.path.dirname(views)))
    for content in (b"<script>\n", b"a b", b"x y\n" * 51, b"a b\n\0", b"a b\n" + b"c" * 300000, b"\n"):
        with open(views, "wb") as f:
            f.write(content)
        for method, body in (("GET", None), ("POST", "a b")):
            code, h, body = s.get("/api/views", method, body)
            check("what is no list of views (%r)" % content[:12], code == 500 and b"something else" in body and body.count(b"\n") == 1, (code, body))
        check("is left as it is", open(views, "rb").read() == content)
    os.unlink(views)
    os.mkfifo(views)  # nobody waits for its writer
    check("a FIFO", s.get("/api/views")[0] == 500 and s.get("/api/views", "POST", "a b")[0] == 500)
    os.unlink(views)
    os.symlink(tmp + "/my-views", views)  # as people keep their settings
    check("by a link", s.get("/api/views", "POST", "a b")[0] == 200 and open(tmp + "/my-views").read() == "a b\n" and os.path.islink(views))

    # A slow client holds up nobody; malformed requests leave it serving.
    slow = socket.create_connection(("127.0.0.1", s.port))
    slow.send(b"GET /2/debug/pprof/heap HTTP/1.1\r\nHost: localhost\r\nX-")
    # Who were to wait for it would do so until the server ends it.
    check("beside a slow client", s.get("/2/debug/pprof/heap")[0] == 200 and not select.select([slow], [], [], 0)[0])
    sent = fuzz(s.port, float(os.environ.get("HEAPTAP_FUZZ_SECONDS", "2")))
    check("serves after %d malformed requests" % sent, s.get("/2/debug/pprof/heap")[0] == 200)
    slow.close()

    # Many clients at once: no error, and memory does not grow.
    def rss():
        with open("/proc/%d/statm" % s.p.pid) as f:
            return int(f.read().split()[1]) * 4096
    errors = []

    def client():
        for _ in range(6):
            try:
                if pprofile.totals(s.get("/2/debug/pprof/heap")[2]) != want:
                    errors.append("totals")
            except Exception as e:
                errors.append(e)

    def crowd():
        threads = [threading.Thread(target=client) for _ in range(64)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    first = 0
    for _ in range(3):  # how many are served at once differs from crowd to crowd, and with it what is held
        crowd()
        first = max(first, rss())
    crowd()
    check("64 clients", not errors, errors)
    check("memory is flat", rss() < first * 1.25 + (8 << 20), (first, rss()))

# pprof's way to ask for the page, on a report; its filters hold.
with Server(heaptap, "top", "-http=:0", "--focus=cache::", "-i", "alloc_space", new) as s:
    d = json.loads(s.get("/api/targets")[2])["targets"]
    check("-http", len(d) == 1 and d[0]["inuse_space"] == 740 * 65536, d)
    check("-http sample type", json.loads(s.get("/1/api/profile")[2])["default"] == 1)

# A server that others may reach keeps no views; nor does one without a place for them.
for args, more in ((("--listen", "0.0.0.0:0"), {}), (("--listen", ":0", "--allow-host", "x.example"), {}),
                   (("--listen", ":0"), {"XDG_CONFIG_HOME": "", "HOME": ""}), (("--listen", ":0"), {"XDG_CONFIG_HOME": "relative", "HOME": "x"})):
    with Server(heaptap, "view", *args, new, env=more) as s:
        for method in ("GET", "POST"):
            code, h, body = s.get("/api/views", method, "a b" if method == "POST" else None)
            check("views by %r %r" % (args, more), code == 204 and not body, (code, body))
with Server(heaptap, "serve", "--listen", ":0", new) as s:
    check("serve keeps none", s.get("/api/views")[0] == 204)
with Server(heaptap, "view", "--listen", ":0", new, env={"XDG_CONFIG_HOME": "/proc/nothing"}) as s:
    check("a place that cannot be written", s.get("/api/views")[0] == 200 and s.get("/api/views", "POST", "a b")[0] == 500)

# Ages are a process's; a file's binary is read by its build-id alone.
with Server(heaptap, "view", "--listen", ":0", new) as s:
    code, _, body = s.get("/1/api/profile?profile=ages")
    check("a file has no ages", code == 404 and b"processes only" in body, (code, body))
    code, _, body = s.get("/1/api/disassembly?function=cache::Entry::make")
    check("no build-id", code == 404 and b"no build-id" in body and body.count(b"\n") == 1, (code, body))

# Without graphviz the page lays its graph out itself.
with Server(heaptap, "view", "--listen", ":0", new, env={"PATH": tmp}) as s:
    code, h, body = s.get("/api/layout", "POST", "1 0\n9 9\n")
    check("without graphviz", code == 204 and not body, (code, body))

# The token.
token = tmp + "/token"
with open(token, "w") as f:
    f.write("a-long-secret\n")
os.chmod(token, 0o600)
with Server(heaptap, "view", "--listen", ":0", "--token-file", token, new) as s:
    for given, status in ((None, 401), ("Bearer a-long-secret", 200), ("bearer a-long-secret", 200), ("Bearer a-long-secre", 401),
                          ("Bearer ", 401), ("Basic a-long-secret", 401), ("Bearer a-long-secret2", 401)):
        code, h, _ = s.get("/debug/pprof/heap", headers={"Authorization": given} if given else {})
        check("token %r" % given, code == status and (status == 200 or h["www-authenticate"].startswith("Bearer")), (code, h))
    check("the empty page needs none", s.get("/")[0] == 200 and s.get("/static/app.js")[0] == 200)
    check("metrics do", s.get("/metrics")[0] == 401)
    check("views do", s.get("/api/views")[0] == 401 and s.get("/api/views", "POST", "a b")[0] == 401)

# A socket file.
path = tmp + "/s.sock"
with Server(heaptap, "view", "--unix", path, new) as s:
    check("the socket is this user's alone", stat.S_IMODE(os.stat(path).st_mode) == 0o600)
    c = http.client.HTTPConnection("x")
    c.sock = socket.socket(socket.AF_UNIX)
    c.sock.connect(path)
    c.request("GET", "/debug/pprof/heap")
    check("by socket", pprofile.totals(c.getresponse().read()) == want)
    c.close()
check("the socket is gone", not os.path.exists(path))

# What cannot be done is said in a line.
for args, status, words in (
        (["view"], 2, "SOURCE"), (["view", "/nonexistent"], 1, "/nonexistent"), (["view", "--listen", "nonsense:x", new], 2, "--listen"),
        (["view", "--listen", "203.0.113.7:1", new], 1, "203.0.113.7"), (["view", "--token-file", "/nonexistent", new], 1, "/nonexistent"),
        (["view", "--unix", "/x" * 100, new], 1, "longer"), (["view", "--what", new], 2, "--what")):
    r = subprocess.run([heaptap] + args, capture_output=True, text=True, timeout=100)
    check("%r" % args, r.returncode == status and r.stderr.count("\n") == 1 and words in r.stderr, (r.returncode, r.stderr))
done()
