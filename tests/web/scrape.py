#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The settings of docs/web.md for Prometheus, Alloy and Parca, as they stand there, and the clients that they are for.
scrape.py HEAPTAP CHURN DIR"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

import scrapers
from server import Server, check, done

heaptap, churn, tmp = sys.argv[1:]
here = os.path.dirname(os.path.abspath(__file__))
with open(here + "/../../docs/web.md") as f:
    text = f.read()
prometheus, parca = scrapers.blocks(text, "yaml")
(alloy,) = scrapers.blocks(text, "alloy")
regions = tmp + "/regions"
os.mkdir(regions, 0o700)
env = {"HEAPTAP_REGION_DIR": regions, "TMPDIR": tmp, "XDG_CACHE_HOME": tmp}
token = tmp + "/token"
with open(token, "w") as f:
    f.write("a-token-of-tests\n")
os.chmod(token, 0o600)


def real_prometheus(s, pid):
    """Debian's prometheus by the same settings, where it is installed: it must call the target up, and have our figures."""
    config = tmp + "/prometheus.yml"
    with open(config, "w") as f:
        f.write(prometheus.replace("127.0.0.1:6060", "127.0.0.1:%d" % s.port).replace("/etc/heaptap/token", token).replace("15s", "1s"))
    p = subprocess.Popen(["prometheus", "--config.file=" + config, "--storage.tsdb.path=" + tmp + "/tsdb", "--web.listen-address=127.0.0.1:0",
                          "--log.level=info"], stderr=subprocess.PIPE, text=True)
    try:
        port = next((m[1] for m in (re.search(r'Listening on.*address=127\.0\.0\.1:(\d+)', line) for line in p.stderr) if m), None)
        end, found = time.monotonic() + 100, []
        while port and not found and time.monotonic() < end:
            time.sleep(0.2)
            url = "http://127.0.0.1:%s/api/v1/query?query=heaptap_allocated_bytes_total" % port
            found = [r for r in json.load(urllib.request.urlopen(url))["data"]["result"] if r["metric"]["pid"] == pid]
        check("Debian's prometheus has the figures", found and float(found[0]["value"][1]) > 0, (port, found))
    finally:
        p.kill()
        p.wait()


def the_program():
    p = subprocess.Popen([heaptap, "run", "-q", "-r", "16k", "-o", tmp + "/%p.pb.gz", "--", churn, "600"], stdout=subprocess.PIPE,
                         env=dict(os.environ, **env))
    p.stdout.readline()
    with open("/proc/%d/task/%d/children" % (p.pid, p.pid)) as f:
        return p, f.read().split()[0]


def look(s, pid):
    address = "127.0.0.1:%d" % s.port
    client = scrapers.Prometheus(prometheus, address, token)
    check("Prometheus sends the token", client.token == "/etc/heaptap/token", client.token)
    found, types = client.scrape()
    ours = 'pid="%s",program="churn"' % pid
    check("it is up", found.get(("heaptap_up", ours)) == 1, sorted(found)[:20])
    check("counters are counters", all((types[n] == "counter") == n.endswith("_total") for n in types), types)
    check("every series has a type", {n for n, _ in found} <= set(types), types)
    allocated = ("heaptap_allocated_bytes_total", ours)
    for _ in range(200):
        now, _ = client.scrape()
        if now[allocated] > found[allocated]:
            break
        time.sleep(0.1)
    check("what is allocated rises", now[allocated] > found[allocated], (now[allocated], found[allocated]))
    client.close()
    stranger = scrapers.Prometheus(prometheus.split("    authorization")[0], address, token)
    try:
        stranger.scrape()
        check("without its token it is refused", False)
    except scrapers.Refused as e:
        check("and told so", "401" in str(e), e)
    stranger.close()
    if shutil.which("prometheus"):
        real_prometheus(s, pid)
    else:
        print("no prometheus on this machine: its settings are tested against a client that asks as it does")

    client = scrapers.Alloy(alloy, address, token, pid)
    check("Alloy sends the token", client.token == "/etc/heaptap/token", client.token)
    check("it fetches what is there, and nothing else", client.paths == {"memory": "/%s/debug/pprof/heap?sizes=none" % pid}, client.paths)
    check("the first profile is not sent", client.append() == {})
    first = client.last["memory"]
    for _ in range(200):
        kinds, sent = client.append()["memory"]
        at = kinds.index("alloc_space")
        if any(row[at] > 0 for row in sent.values()):
            break
        time.sleep(0.1)
    check("then the increase", any(row[at] > 0 for row in sent.values()) and all(row[at] >= 0 for row in sent.values()),
          sorted(row[at] for row in sent.values())[:5])
    check("stacks are found again by address and labels", set(first) <= set(client.last["memory"]), len(set(first) - set(client.last["memory"])))
    check("what is in use is in use now", sum(row[kinds.index("inuse_space")] for row in sent.values()) > 0)
    client.close()

    client = scrapers.Parca(parca, address, token, pid)
    check("Parca fetches the same", client.paths == {"memory": "/%s/debug/pprof/heap?sizes=none" % pid}, client.paths)
    kinds, found = client.fetch()["memory"]
    check("and has the profile", sum(row[kinds.index("inuse_space")] for row in found.values()) > 0)
    client.close()

    # The profiles that the settings leave out: two of them are there.
    rest = scrapers.Client(address, {}, token)
    check("goroutine", scrapers.rows(rest.get("/%s/debug/pprof/goroutine" % pid)[1])[1])
    for name in ("mutex", "block"):
        try:
            rest.get("/%s/debug/pprof/%s" % (pid, name))
            check(name + " is not there", False)
        except scrapers.Refused as e:
            check(name, "404" in str(e), e)
    rest.close()


p, pid = the_program()
try:
    with Server(heaptap, "serve", "--listen", "127.0.0.1:0", "--token-file", token, env=env) as server:
        look(server, pid)
finally:
    os.kill(int(pid), signal.SIGTERM)
    p.wait()
done()
