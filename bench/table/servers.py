# SPDX-License-Identifier: MIT
"""Servers under load: the server runs as the way has it, on a processor of its own; the client is bare."""
import copy
import glob
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time

from . import LIB, environment, ways
from .ways import TooSlow, on_cpu, processor_ns


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def client(argv, work, patience):
    try:
        with on_cpu(1):
            r = subprocess.run(argv, cwd=work, env=environment(), capture_output=True, text=True, timeout=patience)
    except subprocess.TimeoutExpired:
        raise TooSlow("over %d s" % patience) from None
    if r.returncode:
        raise RuntimeError("%s: exit %d: %s" % (argv[0], r.returncode, (r.stderr or r.stdout)[-200:]))
    return r.stdout


def preloaded(pid, way):
    """The loader goes on without a library that the server's user may not read: that would be a bare run."""
    if way.prefix or "LD_PRELOAD" not in way.env:
        return
    with open("/proc/%d/maps" % pid) as f:
        mapped = f.read()
    for library in way.env["LD_PRELOAD"].split(":"):
        if os.path.realpath(library) not in mapped:
            raise RuntimeError("%s was not loaded into the server" % library)


class ServerRow:
    """One run: the server starts, answers for a while, ends. What is timed is a request, told by the client; by processor
    time, all that the server took from its start to its end, over the requests."""
    unit, cpu = "ns a request", 0

    def __init__(self, work, limits, quick):
        self.limits, self.quick, self.skips = list(limits), quick, ()
        self.place = os.path.join(work, self.name.split()[0])
        os.makedirs(self.place, exist_ok=True)
        self.prepare()

    def prepare(self):
        pass

    def address(self, port):
        return socket.AF_INET, ("127.0.0.1", port)

    def await_server(self, process, port, patience):
        end = time.monotonic() + patience
        family, address = self.address(port)
        while time.monotonic() < end:
            if process.poll() is not None:
                raise RuntimeError("%s ended at once: %d" % (self.name, process.returncode))
            with socket.socket(family) as s:
                if s.connect_ex(address) == 0 and self.ready(port):
                    return
            time.sleep(0.01)
        raise TooSlow("over %d s" % patience)

    def ready(self, port):
        return True

    def time(self, way, work, patience):
        port, used, clients = free_port(), processor_ns(), 0
        process = way.start(self.server(port), self.place, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self.await_server(process, port, patience)
            preloaded(process.pid, way)
            before = processor_ns()
            took, requests = self.ask(port, patience)
            clients = processor_ns() - before
        finally:
            self.stop(process, patience)
        return (processor_ns() - used - clients) / requests if ways.clock == "cpu" else took

    def stop(self, process, patience):
        """The group: a peer may stand between, as a shell script does."""
        try:
            os.killpg(process.pid, self.stops)
            process.wait(timeout=patience)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()


class RedisRow(ServerRow):
    name, stops = "redis-benchmark", signal.SIGTERM

    @staticmethod
    def lacks():
        return next((p for p in ("redis-server", "redis-benchmark") if not shutil.which(p)), None)

    def server(self, port):
        return ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]

    def ask(self, port, patience):
        n = 2000 if self.quick else 100000
        out = client(["redis-benchmark", "-p", str(port), "-t", "set,get,lpush", "-n", str(n), "-d", "100",
                      "-r", "20000", "-P", "16", "--csv"], self.place, patience)
        rates = [float(x) for x in re.findall(r'^"[A-Z][^"]*","([\d.]+)"', out, re.M)]
        return sum(1e9 / r for r in rates) / len(rates), n * len(rates)


class NginxRow(ServerRow):
    name, stops = "nginx under wrk", signal.SIGQUIT

    @staticmethod
    def lacks():
        return next((p for p in ("nginx", "wrk") if not shutil.which(p)), None)

    def prepare(self):
        with open(os.path.join(self.place, "page.html"), "w") as f:
            f.write("<p>heaptap</p>\n" * 200)

    def server(self, port):
        path = os.path.join(self.place, "nginx.conf")
        temporary = " ".join("%s_temp_path %s/%s;" % (k, self.place, k) for k in
                             ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        user = "user root;" if os.geteuid() == 0 else ""
        with open(path, "w") as f:
            f.write("daemon off; master_process off; %s pid %s/pid; error_log stderr crit; events {}\n"
                    "http { access_log off; %s gzip on; gzip_types *; server { listen 127.0.0.1:%d; root %s; } }\n"
                    % (user, self.place, temporary, port, self.place))
        return ["nginx", "-p", self.place, "-c", path, "-e", "stderr"]

    def ask(self, port, patience):
        out = client(["wrk", "-t1", "-c8", "-d", "1s", "-H", "Accept-Encoding: gzip",
                      "http://127.0.0.1:%d/page.html" % port], self.place, patience)
        if "Non-2xx" in out:
            raise RuntimeError("nginx does not answer with the page")
        return (1e9 / float(re.search(r"Requests/sec:\s*([\d.]+)", out).group(1)),
                int(re.search(r"(\d+) requests in", out).group(1)))


class PostgresRow(ServerRow):
    """As another user when we are root: it will not run as root."""
    name, stops = "postgres with pgbench", signal.SIGINT
    bins = sorted(glob.glob("/usr/lib/postgresql/*/bin"))

    @classmethod
    def lacks(cls):
        if not cls.bins or not os.path.exists(os.path.join(cls.bins[-1], "initdb")):
            return "postgres"
        if os.geteuid() == 0 and not shutil.which("setpriv"):
            return "setpriv"
        return None if os.path.exists(cls.tool("pgbench")) else "pgbench"

    @classmethod
    def tool(cls, name):
        return os.path.join(cls.bins[-1], name)

    def as_user(self, argv):
        if os.geteuid():
            return argv
        try:
            user = pwd.getpwnam("postgres")
        except KeyError:
            user = pwd.getpwnam("nobody")
        return ["setpriv", "--reuid=%d" % user.pw_uid, "--regid=%d" % user.pw_gid, "--clear-groups", "--"] + argv

    def prepare(self):
        # A forking server's profiles come from each of its processes: heaptrack follows the first only.
        self.skips = ("heaptrack",)
        self.data = os.path.join(self.place, "data")
        if os.geteuid() == 0:
            # The whole way down to it is ours alone otherwise.
            os.chmod(os.path.dirname(self.place), 0o711)
            os.chmod(self.place, 0o777)
        initdb = [self.tool("initdb"), "-D", self.data, "-A", "trust", "-U", "bench", "-N"]
        client(self.as_user(initdb), self.place, 120)
        port = free_port()
        p = subprocess.Popen(self.server(port), env=environment(), cwd=self.place, start_new_session=True,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self.await_server(p, port, 60)
            client(self.pgbench(port, "-i", "-q", "-s", "1"), self.place, 120)
        finally:
            self.stop(p, 60)

    def time(self, way, work, patience):
        return super().time(self.readable(way), work, patience)

    def readable(self, way):
        """With a copy of our library where the server's user may read it: a clone below root's home is root's alone."""
        if os.geteuid() or LIB not in way.env.get("LD_PRELOAD", "").split(":"):
            return way
        way, ours = copy.copy(way), shutil.copy(LIB, self.place)
        way.env = dict(way.env, LD_PRELOAD=":".join(ours if p == LIB else p for p in way.env["LD_PRELOAD"].split(":")))
        return way

    def server(self, port):
        return self.as_user([self.tool("postgres"), "-D", self.data, "-p", str(port), "-c",
                             "listen_addresses=", "-k", self.place, "-c", "fsync=off", "-c", "autovacuum=off",
                             "-c", "synchronous_commit=off", "-c", "max_wal_size=4GB", "-c", "bgwriter_delay=10s"])

    def address(self, port):
        return socket.AF_UNIX, os.path.join(self.place, ".s.PGSQL.%d" % port)

    def ready(self, port):
        return subprocess.run([self.tool("pg_isready"), "-q", "-h", self.place, "-p", str(port)],
                              env=environment()).returncode == 0

    def pgbench(self, port, *more):
        return [self.tool("pgbench"), "-h", self.place, "-p", str(port), "-U", "bench", *more, "postgres"]

    def ask(self, port, patience):
        n = 200 if self.quick else 6000
        out = client(self.pgbench(port, "-n", "-c", "1", "-S", "-t", str(n)), self.place, patience)
        return 1e9 / float(re.search(r"tps = ([\d.]+)", out).group(1)), n
