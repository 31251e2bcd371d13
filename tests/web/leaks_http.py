#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""leaks_http.py URL PID: one look for leaks at a time; what cannot be asked for is refused with a line. A look at a process that leaks takes two seconds and more, for it waits between its passes."""
import concurrent.futures
import json
import sys
import time
import urllib.error
import urllib.request

url, pid = sys.argv[1:]


def get(path):
    try:
        with urllib.request.urlopen(url + pid + path, timeout=100) as r:
            return r.status, r.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()


with concurrent.futures.ThreadPoolExecutor(1) as pool:
    look = pool.submit(get, "/debug/leaks")
    end = time.monotonic() + 60
    while not json.loads(get("/debug/leaks/progress")[1])["looking"] and time.monotonic() < end:
        time.sleep(0.02)
    refused, answer = get("/debug/leaks")
    code, body = look.result()
good = refused == 409 and b"already" in answer and code == 200 and len(json.loads(body)["sites"]) == 3
# Who holds what: nothing of that name, and no expression.
for word, status, said in (("no_such_function", 404, b"no_such_function"), ("(", 400, b"--who")):
    code, body = get("/debug/leaks?who=" + word)
    if code != status or said not in body:
        good = False
        print("FAIL: who=%s: %s" % (word, (code, body[:300])))
print("ok" if good else "FAIL: one look at a time: %s" % ((refused, answer, code, body[:300]),))
sys.exit(not good)
