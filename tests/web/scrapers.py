# SPDX-License-Identifier: MIT
"""Clients that scrape as Prometheus, Grafana Alloy and Parca do, by the settings that docs/web.md shows: the same requests, and
answers refused for the same reasons (prometheus: scrape/scrape.go, model/textparse; alloy: internal/component/pyroscope/scrape;
parca: pkg/config/config.go, pkg/scrape). Unknown settings are refused, as they refuse them."""
import gzip
import http.client
import posixpath
import re
import urllib.parse

import pprofile

PROMETHEUS = {"scrape_configs", "job_name", "scrape_interval", "scrape_timeout", "metrics_path", "scheme", "static_configs", "targets", "labels",
              "authorization", "credentials_file", "type"}
PARCA = {"scrape_configs", "job_name", "scrape_interval", "scrape_timeout", "scheme", "static_configs", "targets", "labels", "authorization",
         "credentials_file", "profiling_config", "pprof_config", "path_prefix", "enabled", "path", "delta", "params", "sizes"}
ALLOY = {"targets", "forward_to", "job_name", "params", "scrape_interval", "scrape_timeout", "scheme", "bearer_token_file", "profiling_config",
         "path_prefix", "enabled", "path", "delta"}
# Which profiles both fetch unless told otherwise, and those of which they ask for a time.
PROFILES = {"memory": "/debug/pprof/allocs", "block": "/debug/pprof/block", "goroutine": "/debug/pprof/goroutine", "mutex": "/debug/pprof/mutex",
            "process_cpu": "/debug/pprof/profile"}
LIMIT = 10  # seconds that Prometheus and Alloy wait for an answer


class Refused(Exception):
    pass


def blocks(text, language):
    return re.findall(r"^```%s\n(.*?)^```$" % language, text, re.S | re.M)


def scalar(text):
    text = text.strip()
    if text.startswith("["):
        return [scalar(t) for t in text[1:-1].split(",") if t.strip()]
    if text.startswith("{"):
        return {k.strip(): scalar(v) for k, v in (pair.split(":", 1) for pair in text[1:-1].split(","))}
    return {"true": True, "false": False}.get(text, text.strip("'\""))


def yaml(text):
    """Of YAML what the settings use: mappings and lists by indentation, and { } and [ ] of one line."""
    lines = [(len(l) - len(l.lstrip()), l.strip()) for l in text.splitlines() if l.strip() and not l.strip().startswith("#")]

    def block(i, depth):
        out = None
        while i < len(lines) and lines[i][0] >= depth:
            at, line = lines[i]
            if at != depth:
                raise Refused("indentation at " + line)
            if line.startswith("- "):
                lines[i] = (at + 2, line[2:])
                item, i = block(i, at + 2)
                out = (out or []) + [item]
                continue
            key, colon, value = line.partition(":")
            if not colon or (out and key in out):
                raise Refused("line " + line)
            out = out or {}
            if value.strip():
                out[key], i = scalar(value), i + 1
            else:
                out[key], i = block(i + 1, lines[i + 1][0])
        return out, i

    return block(0, 0)[0]


def names(tree, known):
    """Refuses settings that are not known."""
    for key, value in tree.items() if isinstance(tree, dict) else []:
        if key not in known and key not in PROFILES:
            raise Refused("field %s not found" % key)
        if key != "labels":
            names(value, known)
    for item in tree if isinstance(tree, list) else []:
        names(item, known)


def alloy(text):
    """{settings} of the one component of a text in Alloy's language; blocks are dictionaries."""
    words = re.findall(r'"(?:[^"\\]|\\.)*"|[\w.]+|[{}\[\]=,]', re.sub(r"//.*", "", text))

    def value(i):
        if words[i] == "[":
            items, i = [], i + 1
            while words[i] != "]":
                item, i = value(i)
                items.append(item)
                i += words[i] == ","
            return items, i + 1
        if words[i] == "{":
            pairs, i = {}, i + 1
            while words[i] != "}":
                key = words[i].strip('"')
                if words[i + 1] != "=":
                    raise Refused("no = behind " + key)
                pairs[key], i = value(i + 2)
                i += words[i] == ","
            return pairs, i + 1
        return scalar(words[i]), i + 1

    def body(i):
        out = {}
        while i < len(words) and words[i] != "}":
            key = words[i]
            if words[i + 1] == "=":
                out[key], i = value(i + 2)
            elif words[i + 1] == "{":
                out[key], i = body(i + 2)
                i += 1
            else:
                raise Refused("behind " + key)
            if key.removeprefix("profile.") not in (PROFILES if key.startswith("profile.") else ALLOY):
                raise Refused("unrecognized " + key)
        return out, i

    if words[0] != "pyroscope.scrape" or words[2] != "{":
        raise Refused("component " + words[0])
    return body(3)[0]


class Client:
    """One connection that stays open, as Go's has."""

    def __init__(self, address, headers, token_file):
        self.connection = http.client.HTTPConnection(address, timeout=100)
        self.headers = dict(headers)
        if token_file:
            with open(token_file) as f:
                self.headers["Authorization"] = "Bearer " + f.read().strip()

    def get(self, path):
        """(headers, body as it is read), or Refused."""
        self.connection.request("GET", path, headers=self.headers)
        r = self.connection.getresponse()
        body = r.read()
        if r.status // 100 != 2:
            raise Refused("server returned HTTP status %d %s" % (r.status, body[:200]))
        if r.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        if not body:
            raise Refused("empty answer from " + path)
        return r.headers, body

    def close(self):
        self.connection.close()


LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(%s(?:,%s)*)?,?\})? (\S+)(?: -?\d+)?\Z" % (LABEL, LABEL))


def exposition(text):
    """{(name, labels): value} of Prometheus' text format 0.0.4, read as strictly as its parser does; and the types."""
    found, types = {}, {}
    if not text.endswith("\n"):
        raise Refused("no line end at the end")
    for line in text[:-1].split("\n"):
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            if name in types or any(n == name for n, _ in found) or kind not in ("counter", "gauge", "histogram", "summary", "untyped"):
                raise Refused(line)
            types[name] = kind
        elif line.startswith("#") or not line:
            continue
        else:
            m = SAMPLE.match(line)
            if not m:
                raise Refused("expected value after metric: " + line)
            key = (m[1], m[2] or "")
            if key in found:
                raise Refused("duplicate sample " + line)
            found[key] = float(m[3])
    return found, types


class Prometheus:
    def __init__(self, text, address, token_file):
        tree = yaml(text)
        names(tree, PROMETHEUS)
        (job,) = tree["scrape_configs"]
        (target,) = job["static_configs"][0]["targets"]
        if not job["job_name"] or "/" in target:
            raise Refused("job %r" % job)
        self.path, self.token = job.get("metrics_path", "/metrics"), job.get("authorization", {}).get("credentials_file")
        self.client = Client(address, {
            "Accept": "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
                      "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            "Accept-Encoding": "gzip", "User-Agent": "Prometheus/2.42.0", "X-Prometheus-Scrape-Timeout-Seconds": str(LIMIT)},
            token_file if self.token else None)

    def close(self):
        self.client.close()

    def scrape(self):
        headers, body = self.client.get(self.path)
        if not headers["Content-Type"].startswith("text/plain; version=0.0.4"):
            raise Refused("type " + headers["Content-Type"])
        return exposition(body.decode("utf-8", "strict"))


def rows(body):
    """{(addresses of the stack, labels): values by type} of a profile, gzipped or not."""
    data = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    strings, types, samples, places = [], [], [], {}
    for field, v in pprofile.fields(data):
        if field == 6:
            strings.append(v.decode("utf-8", "strict"))
        elif field == 1:
            types.append(dict(pprofile.fields(v))[1])
        elif field == 2:
            samples.append(list(pprofile.fields(v)))
        elif field == 4:
            m = dict(pprofile.fields(v))
            places[m[1]] = m.get(3, 0)
    if not strings or strings[0] or not types:
        raise Refused("no string table, or no types")
    found = {}
    for s in samples:
        ids = [n for f, v in s if f == 1 for n in pprofile.numbers(v)]
        values = [pprofile.signed(n) for f, v in s if f == 2 for n in pprofile.numbers(v)]
        labels = tuple(sorted(tuple(sorted(dict(pprofile.fields(v)).items())) for f, v in s if f == 3))
        if len(values) != len(types) or not set(ids) <= set(places):
            raise Refused("a sample that does not fit")
        row = found.setdefault((tuple(places[i] for i in ids), labels), [0] * len(types))
        for i, v in enumerate(values):
            row[i] += v
    return [strings[t] for t in types], found


class Profiles:
    """What Alloy and Parca have in common: profiles that are fetched, each by its path."""

    def __init__(self, client, prefix, settings, params):
        query = urllib.parse.urlencode(params, doseq=True)
        self.client, self.last, self.paths = client, {}, {}
        for name, path in PROFILES.items():
            own = settings.get(name, {})
            if own.get("enabled", True):
                self.paths[name] = posixpath.normpath(posixpath.join("/", prefix.strip("/"), own.get("path", path).strip("/"))) + (query and "?" + query)

    def close(self):
        self.client.close()

    def fetch(self):
        """{name: (types, rows)} of each profile that is enabled."""
        return {name: rows(self.client.get(path)[1]) for name, path in self.paths.items()}


class Alloy(Profiles):
    def __init__(self, text, address, token_file, pid):
        tree = alloy(text)
        (target,) = tree["targets"]
        if "/" in target["__address__"] or not tree["forward_to"]:
            raise Refused("target %r" % target)
        self.token = tree.get("bearer_token_file")
        settings = {k.removeprefix("profile."): v for k, v in tree["profiling_config"].items() if k.startswith("profile.")}
        prefix = target["__profile_path_prefix__"].replace("4242", pid)
        super().__init__(Client(address, {"User-Agent": "Alloy/v1.4.0", "Accept-Encoding": "gzip"}, token_file if self.token else None), prefix, settings,
                         tree.get("params", {}))

    def append(self):
        """What it would send: of "memory" the increase of what was allocated; the first time nothing."""
        out = {}
        for name, (types, now) in self.fetch().items():
            if name == "memory":
                counted, before = [i for i, t in enumerate(types) if t.startswith("alloc_")], self.last.get(name)
                self.last[name] = now
                if before is None:
                    continue
                now = {k: [v - before.get(k, [0] * len(types))[i] if i in counted else v for i, v in enumerate(row)] for k, row in now.items()}
            out[name] = types, now
        return out


class Parca(Profiles):
    def __init__(self, text, address, token_file, pid):
        tree = yaml(text)
        names(tree, PARCA)
        (job,) = tree["scrape_configs"]
        config = job["profiling_config"]
        super().__init__(Client(address, {"User-Agent": "parca", "Accept-Encoding": "gzip"}, token_file),
                         config.get("path_prefix", "").replace("4242", pid), config["pprof_config"], job.get("params", {}))
