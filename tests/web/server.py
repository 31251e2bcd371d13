# SPDX-License-Identifier: MIT
"""Starting the server for a test, and counting failures."""
import http.client
import os
import re
import subprocess
import sys

failures = 0


def check(what, ok, got=None):
    global failures
    if not ok:
        failures += 1
        print("FAIL:", what, "" if got is None else repr(got)[:600])


def done():
    print("%d failed" % failures if failures else "ok")
    sys.exit(1 if failures else 0)


class Server:
    """`heaptap ARGS...`, until the with block ends. Its port is known when it is entered."""

    def __init__(self, *args, env=None, stdin=None):
        self.p = subprocess.Popen(args, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  env=dict(os.environ, **(env or {})))
        self.line = self.p.stdout.readline()
        m = re.search(r":(\d+)/$", self.line.strip())
        self.port = int(m.group(1)) if m else 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.p.terminate()
        try:
            _, self.err = self.p.communicate(timeout=100)
        except subprocess.TimeoutExpired:
            check("the server ends when told", False)
            self.p.kill()
        check("exit status of the server", self.p.returncode == 0, (self.p.returncode, getattr(self, "err", "")))

    def get(self, path, method="GET", body=None, headers=None, timeout=100):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            c.request(method, path, body=body, headers=headers or {})
            r = c.getresponse()
            return r.status, dict((k.lower(), v) for k, v in r.getheaders()), r.read()
        finally:
            c.close()
