# SPDX-License-Identifier: MIT
"""Stores of profiles for the tests, as strict as the real ones: what Pyroscope's /ingest and PusherService check, and
in what order (grafana/pyroscope: pkg/ingester/pyroscope/ingest_handler.go, api/model/labelset, api/push/v1/push.proto)."""
import gzip
import http.server
import re
import threading
import urllib.parse

from wire import Bad, fields

KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def label_set(text):
    """name{key=value,...} -> (name, {key: value}); ValueError for what labelset.Parse refuses."""
    name, _, rest = text.partition("{")
    name = name.strip()
    if not re.match(r"[A-Za-z0-9_\-./]+\Z", name):
        raise ValueError("service name %r" % name)
    labels, key, value, state = {}, "", "", "key"
    for c in rest + "{":
        if state == "key":
            if c == "}":
                break
            if c == "=":
                state, value = "value", ""
            else:
                key += c
        elif c in ",}":
            if not KEY.match(key.strip()):
                raise ValueError("label name %r" % key)
            labels[key.strip()] = value.strip()
            key, state = "", "key" if c == "," else "end"
            if c == "}":
                break
        else:
            value += c
    return name, labels


def is_profile(data):
    """Pyroscope reads a profile with or without gzip; it must have sample types and a string table."""
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    found = [f for f, _ in fields(data)]
    return 1 in found and 6 in found


def ingest(path, headers, body):
    """[(service, labels, from, until, profile)], or ValueError as a 400."""
    u = urllib.parse.urlsplit(path)
    q = dict(urllib.parse.parse_qsl(u.query, keep_blank_values=True))
    name, labels = label_set(q["name"])
    start, end = int(q["from"]), int(q["until"])
    if not 0 < start < end:
        raise ValueError("times %r" % q)
    # With format=pprof the body is the profile, whatever its Content-Type says.
    if q.get("format") != "pprof" and "multipart/form-data" not in headers["Content-Type"]:
        raise ValueError("format %r" % q)
    if not is_profile(body):
        raise ValueError("no profile")
    return [(name, labels, start, end, body)]


def connect(path, headers, body):
    """A unary call of the Connect protocol, binary."""
    if headers["Content-Type"] != "application/proto" or headers["Connect-Protocol-Version"] != "1":
        raise ValueError("headers %r" % headers.items())
    out = []
    for field, series in fields(body):
        if field != 1:
            raise ValueError("field %d" % field)
        labels, profiles = {}, []
        for f, v in fields(series):
            if f == 1:
                pair = {k: x.decode() for k, x in fields(v)}
                if not KEY.match(pair[1]) or pair[1] in labels:
                    raise ValueError("label %r" % pair)
                labels[pair[1]] = pair[2]
            elif f == 2:
                profiles += [x for k, x in fields(v) if k == 1]
        if not labels.get("service_name") or not labels.get("__name__") or len(profiles) != 1 or not is_profile(profiles[0]):
            raise ValueError("series %r" % labels)
        out.append((labels.pop("service_name"), labels, 0, 0, profiles[0]))
    return out


class Store(http.server.ThreadingHTTPServer):
    """mode: "" takes, a number answers with that status, "endless", "drip" and "file" are hostile."""
    daemon_threads = True

    def __init__(self, mode=""):
        self.lock, self.got, self.bad, self.requests, self.headers, self.mode = threading.Lock(), [], [], 0, [], mode
        self.released = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = "http://127.0.0.1:%d" % self.server_port

    def of(self, program):
        with self.lock:
            return [g for g in self.got if g[1].get("program") == program]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        s = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with s.lock:
            s.requests += 1
            s.headers.append(self.headers)
            mode = s.mode
        if mode == "endless":
            self.send_response(503)
            self.end_headers()
            try:
                while not s.released.is_set():
                    self.wfile.write(b"x" * 65536)
            except OSError:
                pass
            self.close_connection = True
            return
        if mode == "file":
            return self.answer(302, b"", {"Location": "file:///etc/passwd"})
        if mode:
            return self.answer(int(mode), b"not\x1b[31m now", {"Retry-After": "1"} if mode in ("429", "503") else {})
        try:
            found = (connect if self.path.endswith("/Push") else ingest)(self.path, self.headers, body)
        except (ValueError, KeyError, Bad, OSError) as e:
            with s.lock:
                s.bad.append((self.path, repr(e)))
            return self.answer(400, repr(e).encode())
        with s.lock:
            s.got += found
        return self.answer(200, b"")

    def answer(self, status, body, headers=()):
        self.send_response(status)
        for k, v in dict(headers).items():
            self.send_header(k, v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass
