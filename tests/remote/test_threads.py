#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_threads.py HEAPTAP WAITS-O2 WAITS-O0: `heaptap threads` against gdb's `thread apply all bt` (names, in order), against what
the program knows, and with processes that cannot be looked into. Nothing is stopped: no wait of the program's ends early."""
import collections, json, os, re, resource, shutil, signal, subprocess, sys, tempfile, time

from names import known

heaptap, fast, slow = map(os.path.abspath, sys.argv[1:4])
failed, skipped = [], []


def check(what, ok, seen=""):
    if not ok:
        failed.append("%s: %s" % (what, str(seen)[:1500]))


class Program:
    def __init__(self, *words, settle=True):
        self.p = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.p.stdout.readline()
        self.pid = self.p.pid
        end = time.time() + 60
        while settle and time.time() < end and not self.settled():
            time.sleep(0.05)

    def settled(self):
        """Every thread waits, and has waited for two looks."""
        def look():
            calls = []
            for t in os.listdir("/proc/%d/task" % self.pid):
                calls.append(open("/proc/%d/task/%s/syscall" % (self.pid, t)).read().split()[:2])
            return calls
        one = look()
        time.sleep(0.1)
        return one == look() and ["running"] not in one

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.p.stdin.close()
        self.rest = self.p.stdout.read()
        self.p.wait()


def threads(pid, *options, status=0):
    r = subprocess.run([heaptap, "threads", *options, str(pid)], capture_output=True, text=True)
    check("status of threads %s" % " ".join(options), r.returncode == status, (r.returncode, r.stderr))
    return r


def listed(pid, *options):
    return json.loads(threads(pid, "--json", *options).stdout)["threads"]


GDB = """
import gdb
for t in gdb.selected_inferior().threads():
    t.switch()
    f = gdb.newest_frame()
    while f:
        # A tail call's frame is not on the stack: gdb infers it from the debug information.
        if f.type() != gdb.TAILCALL_FRAME:
            print("FRAME", t.ptid[1], f.name() or "??")
        f = f.older()
"""


def names_of_gdb(pid):
    """{tid: [function]}, leaf first."""
    script = "/tmp/heaptap-threads-%d.py" % os.getpid()
    open(script, "w").write(GDB)
    r = subprocess.run(["gdb", "-nx", "-batch", "-p", str(pid), "-ex", "set backtrace past-main on", "-x", script],
                       capture_output=True, text=True)
    os.unlink(script)
    found = {}
    for line in r.stdout.splitlines():
        m = re.match(r"FRAME (\d+) ([^\s(]+)", line)
        if m:
            found.setdefault(int(m[1]), []).append(m[2])
    return found


def plain(name):
    """libc has several names for one address."""
    return re.sub(r"^_*(GI_+)?|^__libc_", "", name)


def same_as_gdb(what, pid):
    theirs = names_of_gdb(pid)
    ours = {t["tid"]: [known(f.get("function")) for f in t["stack"]] for t in listed(pid)}
    check(what + ": threads", set(ours) == set(theirs), (sorted(ours), sorted(theirs)))
    for tid in set(ours) & set(theirs):
        a, b = [plain(n or "??") for n in ours[tid]], [plain(n) for n in theirs[tid]]
        check("%s: stack of %d" % (what, tid), a == b, "\n  ours   %s\n  gdb's  %s" % (a, b))


for name, program in ("O2", fast), ("O0", slow):
    with Program(program, "places") as p:
        all_ = listed(p.pid)
        by = collections.Counter(t["name"] for t in all_)
        check(name + ": names", by == {"sleeper-7": 3, "waiter": 3, os.path.basename(program): 3}, by)
        check(name + ": states", {t["state"] for t in all_} == {"blocked"}, all_)
        check(name + ": calls", {t["syscall"] for t in all_} == {"clock_nanosleep", "futex", "poll", "read"},
              {t["syscall"] for t in all_})
        text = threads(p.pid, "--debug=1").stdout
        check(name + ": debug=1", text.startswith("threads profile: total 9\n3 @ 0x"), text)
        check(name + ": one group with the digits folded", '"thread":"sleeper-#"' in text, text)
        text = threads(p.pid, "--debug=2").stdout
        check(name + ": debug=2", text.count("\nsleeper(...)\n") == 3 and '"sleeper-7" [blocked in clock_nanosleep' in text, text)
        out = "/tmp/heaptap-threads-%d.pb.gz" % os.getpid()
        threads(p.pid, "-o", out)
        for words in (["go", "tool", "pprof", "-top"], [heaptap, "top", "--cum"]):
            if shutil.which(words[0]):
                r = subprocess.run([*words, out], capture_output=True, text=True)
                check("%s reads it" % words[0], r.returncode == 0 and re.search(r"\b3 33.33%  sleeper\b", r.stdout), r.stdout + r.stderr)
        os.unlink(out)
        if shutil.which("gdb"):
            same_as_gdb(name, p.pid)  # last: gdb's stop restarts the calls
        else:
            skipped.append("no gdb")

for n in 1, 2, 3:
    with Program(fast, "circle", str(n)) as p:
        stuck = [t for t in listed(p.pid) if t["deadlock"]]
        check("circle of %d" % n, len(stuck) == n, stuck)
        tids = {t["tid"]: t for t in stuck}
        for t in stuck:
            check("who holds it", t.get("owner") in tids, t)
        text = threads(p.pid).stdout
        check("the circle is named", text.count("deadlock: ") == n and "held by" in text, text)

with Program(fast, "count", settle=False) as p:
    for _ in range(30):
        listed(p.pid)
check("no wait ended early", p.rest.strip() == "0", p.rest)

with Program(fast, "many", "3000") as p:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    text = threads(p.pid).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    check("3,000 threads in one group", re.search(r"^ +3000 ", text, re.M), text)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print("3,000 threads: %.2f s of processor time" % used)
    check("3,000 threads take less than 0.6 s", used < 0.6, used)  # 2 s for 10,000

with Program(fast, "places") as p:
    os.kill(p.pid, signal.SIGSTOP)
    time.sleep(0.2)
    check("stopped", {t["state"] for t in listed(p.pid)} == {"stopped"}, listed(p.pid))
    os.kill(p.pid, signal.SIGCONT)

for name, program in ("O2", fast), ("O0", slow):
    with Program(program, "handler") as p:
        end = time.time() + 60
        while time.time() < end and "read" not in {t["syscall"] for t in listed(p.pid)}:
            time.sleep(0.05)
        stack = [f.get("function") for f in listed(p.pid)[0]["stack"]]
        check(name + ": below a signal's handler is what it interrupted",
              stack[1] == "handler" and str(stack[3]).endswith("pause") and stack[4:6] == ["interrupted_here", "main"], stack)
        if shutil.which("gdb"):
            same_as_gdb(name + ": handler", p.pid)  # with the trampoline's name

with Program(fast, "headless", settle=False) as p:
    end = time.time() + 60
    while time.time() < end and open("/proc/%d/stat" % p.pid).read().rsplit(")", 1)[1].split()[0] != "Z":
        time.sleep(0.05)
    functions = {f.get("function") for t in listed(p.pid) for f in t["stack"]}
    check("threads that outlive the first one", {"sleeper", "end_of_input"} <= functions, functions)
    r = subprocess.run([heaptap, "doctor", str(p.pid)], capture_output=True, text=True)
    check("doctor: it has not ended", "ended" not in r.stdout + r.stderr, r.stdout + r.stderr)

# A program goes by the name it was started by, and not by its file's, which may be another link.
work = tempfile.mkdtemp()
shutil.copy(fast, work + "/the-file")
os.symlink("the-file", work + "/a-link")
os.link(work + "/the-file", work + "/another")
for name, argv in (("a-link", [work + "/a-link"]), ("another", [work + "/another"]), ("the-file", [work + "/the-file"]), ("a-link", ["a-link"]),
                   ("the-file", ["no-such-file"])):
    exe = work + "/" + ("a-link" if argv[0] == "a-link" else "the-file" if name == "the-file" else name)
    p = subprocess.Popen([*argv, "places"], executable=exe, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    p.stdout.readline()
    text = threads(p.pid, "-o", work + "/t.pb.gz").stdout
    check("the name of %s as %s" % (exe, argv), " threads of %s (pid" % name in text, text)
    said = json.loads(threads(p.pid, "--json").stdout)["program"]
    check("its path", said == work + "/" + name, said)
    r = subprocess.run([heaptap, "top", work + "/t.pb.gz"], capture_output=True, text=True)
    check("its profile's name", "File: %s\n" % name in r.stdout and "main" in subprocess.run([heaptap, "top", "--cum", work + "/t.pb.gz"],
          capture_output=True, text=True).stdout, r.stdout)
    p.stdin.close()
    p.wait()
shutil.rmtree(work)

gone = subprocess.Popen(["true"])
zombie = gone.pid
os.waitid(os.P_PID, zombie, os.WEXITED | os.WNOWAIT)
for what, pid, words in (("zombie", zombie, "ended"), ("gone", 2 ** 22 - 1, "no process"), ("itself", None, "itself")):
    if pid is None:
        r = subprocess.run(["sh", "-c", 'exec "$1" threads $$', "sh", heaptap], capture_output=True, text=True)
    else:
        r = subprocess.run([heaptap, "threads", str(pid)], capture_output=True, text=True)
    check(what, r.returncode == 1 and words in r.stderr and r.stderr.count("\n") == 1, (r.returncode, r.stderr))
gone.wait()
for words in ([], ["1", "2"], ["--debug=3", "1"]):
    r = subprocess.run([heaptap, "threads", *words], capture_output=True, text=True)
    check("threads %s" % words, r.returncode == 2 and r.stderr.count("\n") == 1, (r.returncode, r.stderr))
if os.getuid() == 0:
    with Program(fast, "places") as p:
        r = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", heaptap, "threads", str(p.pid)], capture_output=True, text=True)
        check("another user's", r.returncode in (1, 126, 127) and (r.returncode != 1 or "another user's" in r.stderr), (r.returncode, r.stderr))

for s in skipped:
    print("SKIP", s)
for f in failed:
    print("FAIL", f)
sys.exit(bool(failed))
