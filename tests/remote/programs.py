# SPDX-License-Identifier: MIT
"""Programs nobody wrote for heaptap, each with work to do, for what looks at them from outside: with started(NAME, WAITS) as pids: ...
Work comes in short spells, so that threads both run and wait. None of the processes outlives the block."""
import contextlib, glob, os, pwd, shutil, signal, socket, subprocess, sys, tempfile, threading, time, urllib.request

PYTHON = """
import os, queue, threading, time
q, lock, event = queue.Queue(), threading.Lock(), threading.Event()
def worker():
    while True:
        q.get()
        with lock:
            sorted(range(20000), key=lambda i: -i)
def inner(n):
    return event.wait() if not n else inner(n - 1)
for _ in range(3):
    threading.Thread(target=worker, daemon=True).start()
for n in range(4):
    threading.Thread(target=inner, args=(n,), daemon=True).start()
def chores():
    while True:
        q.put(0)
        time.sleep(0.02)
threading.Thread(target=chores, daemon=True).start()
print("up", flush=True)
os.read(0, 1)
os._exit(0)
"""
NODE = """
const { Worker } = require('worker_threads'), fs = require('fs'), crypto = require('crypto');
for (let i = 0; i < 2; i++)
  new Worker('setInterval(() => { let s = 0; for (let i = 0; i < 1e5; i++) s += i; }, 20)', { eval: true });
setInterval(() => crypto.pbkdf2('a', 'b', 2000, 64, 'sha512', () => {}), 25);
setInterval(() => fs.readFile('/proc/self/status', () => {}), 10);
process.stdin.on('end', () => process.exit(0)).resume();
setTimeout(() => console.log('up'), 500);
"""
JAVA = """
public class Waits {
    static final Object lock = new Object();
    static void start(String name, Runnable r) {
        Thread t = new Thread(r, name);
        t.setDaemon(true);
        t.start();
    }
    public static void main(String[] a) throws Exception {
        for (int i = 0; i < 4; i++)
            start("waits-" + i, () -> { synchronized (lock) { try { lock.wait(); } catch (InterruptedException e) { } } });
        for (int i = 0; i < 2; i++)
            start("works-" + i, () -> {
                while (true) {
                    String s = "";
                    for (int k = 0; k < 300; k++) s += k;
                    try { Thread.sleep(20); } catch (InterruptedException e) { }
                }
            });
        System.out.println("up");
        System.out.flush();
        System.in.read();
        System.exit(0);
    }
}
"""
PAGE = b"<script>setInterval(() => { let s = ''; for (let i = 0; i < 3000; i++) s += i; document.body.textContent = s }, 50)</script><body>"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Stage:
    """What was started, in a folder of its own."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="heaptap-remote.")
        os.chmod(self.dir, 0o755)
        self.children, self.stop, self.workers = [], threading.Event(), []

    def spawn(self, *words, **more):
        more.setdefault("stdin", subprocess.PIPE)
        more.setdefault("stdout", subprocess.PIPE)
        p = subprocess.Popen(words, stderr=open(self.dir + "/stderr", "ab"), cwd=self.dir, start_new_session=True, **more)
        self.children.append(p)
        return p

    def says(self, p, word="up"):
        for line in p.stdout:
            if word in line.decode(errors="replace"):
                return p
        raise RuntimeError("%s ended: %s" % (p.args[0], open(self.dir + "/stderr").read()[-500:]))

    def work(self, chore, pause=0.03):
        def loop():
            while not self.stop.wait(pause):
                with contextlib.suppress(OSError, subprocess.SubprocessError):
                    chore()
        t = threading.Thread(target=loop, daemon=True)
        t.start()
        self.workers.append(t)

    def wait_port(self, port):
        end = time.time() + 60
        while time.time() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            time.sleep(0.05)
        raise RuntimeError("nothing listens at %d: %s" % (port, open(self.dir + "/stderr").read()[-500:]))

    def close(self):
        self.stop.set()
        for t in self.workers:
            t.join(60)
        for p in reversed(self.children):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(p.pid, signal.SIGKILL)
            p.wait()
        for _ in range(50):
            shutil.rmtree(self.dir, ignore_errors=True)
            if not os.path.exists(self.dir):
                return
            time.sleep(0.1)


def children_of(pid):
    found = []
    for t in os.listdir("/proc/%d/task" % pid):
        found += [int(c) for c in open("/proc/%d/task/%s/children" % (pid, t)).read().split()]
    return found


def redis(s, _):
    port = free_port()
    p = s.spawn("redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--io-threads", "2", "--dir", ".")
    s.wait_port(port)
    s.work(lambda: subprocess.run(["redis-benchmark", "-p", str(port), "-q", "-n", "200", "-c", "4", "-t", "set,lpush,lrange_100"],
                                  stdout=subprocess.DEVNULL, check=False))
    return [p.pid]


def nginx(s, _):
    port = free_port()
    for d in "html", "logs", "tmp":
        os.mkdir(s.dir + "/" + d)
    open(s.dir + "/html/a.txt", "w").write("x" * 100000)
    open(s.dir + "/nginx.conf", "w").write(
        "daemon off; worker_processes 2; pid nginx.pid; error_log logs/error.log; %s events { worker_connections 64; } http { access_log off; "
        "gzip on; gzip_types text/plain; client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; "
        "scgi_temp_path tmp; server { listen 127.0.0.1:%d; root html; } }" % ("user root;" if os.getuid() == 0 else "", port))
    p = s.spawn("nginx", "-p", s.dir, "-c", "nginx.conf")
    s.wait_port(port)
    get = urllib.request.Request("http://127.0.0.1:%d/a.txt" % port, headers={"Accept-Encoding": "gzip"})
    s.work(lambda: urllib.request.urlopen(get, timeout=10).read())
    return [p.pid] + children_of(p.pid)


def postgres(s, _):
    where = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
    port, user = free_port(), {}
    if os.getuid() == 0:
        who = pwd.getpwnam("postgres")
        user = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
        os.chown(s.dir, who.pw_uid, who.pw_gid)
    def tool(name, *words):
        return subprocess.run([where + "/" + name, *words], cwd=s.dir, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, **user)
    tool("initdb", "-D", "data", "-A", "trust", "-U", "postgres", "-N", "--no-instructions")
    p = s.spawn(where + "/postgres", "-D", "data", "-p", str(port), "-k", s.dir, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c",
                "shared_buffers=16MB", **user)
    s.wait_port(port)
    to = ["-h", "127.0.0.1", "-p", str(port), "-U", "postgres"]
    for _ in range(100):
        with contextlib.suppress(subprocess.SubprocessError):
            tool("pgbench", *to, "-i", "-q", "-s", "1", "postgres")
            break
        time.sleep(0.1)
    s.spawn(where + "/pgbench", *to, "-n", "-c", "3", "-R", "60", "-T", "3600", "postgres", **user)
    end = time.time() + 30
    while time.time() < end and len(children_of(p.pid)) < 8:
        time.sleep(0.1)
    time.sleep(0.5)
    return [p.pid] + children_of(p.pid)


def java(s, _):
    open(s.dir + "/Waits.java", "w").write(JAVA)
    return [s.says(s.spawn("java", "-XX:+UseSerialGC", "Waits.java")).pid]


def node(s, _):
    return [s.says(s.spawn("node", "-e", NODE)).pid]


def python3(s, _):
    return [s.says(s.spawn(sys.executable, "-c", PYTHON)).pid]


def chromium(s, _):
    open(s.dir + "/page.html", "wb").write(PAGE)
    root = ["--no-sandbox"] if os.getuid() == 0 else []
    p = s.spawn("chromium", *root, "--headless=new", "--disable-gpu", "--no-first-run", "--user-data-dir=" + s.dir + "/profile",
                "--remote-debugging-port=0", "file://" + s.dir + "/page.html", stdout=subprocess.DEVNULL)
    end, all_ = time.time() + 60, [p.pid]
    while time.time() < end:
        all_, new = [p.pid], [p.pid]
        while new:
            new = [c for pid in new for c in children_of(pid)]
            all_ += new
        if sum(b"--type=renderer" in open("/proc/%d/cmdline" % c, "rb").read() for c in all_):
            break
        time.sleep(0.2)
    time.sleep(3)
    kind = lambda c: open("/proc/%d/cmdline" % c, "rb").read().split(b"--type=")[1:]
    return [c for c in all_ if c == p.pid or (kind(c) and kind(c)[0][:8] == b"renderer")][:3]


def many(s, waits):
    return [s.says(s.spawn(waits, "many", "1000")).pid]


NEEDS = {redis: "redis-benchmark", nginx: "nginx", postgres: "/usr/lib/postgresql/*/bin/pgbench", java: "java", node: "node", python3: "python3",
         chromium: "chromium", many: "true"}
NAMES = [f.__name__ for f in NEEDS]


def missing(name):
    """What has to be installed for it, or None."""
    need = NEEDS[globals()[name]]
    return None if glob.glob(need) or shutil.which(need) else need


@contextlib.contextmanager
def started(name, waits):
    s = Stage()
    try:
        yield globals()[name](s, waits)
    finally:
        s.close()
