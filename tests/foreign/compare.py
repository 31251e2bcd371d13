# SPDX-License-Identifier: MIT
"""One command, bare and under the library: exit status, output, standard error, open descriptors at the exit of each process,
and whether each profile is as readers insist."""
import atexit
import collections
import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import pprof  # noqa: E402

BUILD = os.path.abspath(os.environ.get("HEAPTAP_BUILD", os.path.join(ROOT, "build")))


def readable(path):
    """It, or a copy where every user may read it: in a clone below root's home servers that drop their rights cannot load it."""
    place = os.path.dirname(path)
    while os.path.isdir(place) and os.stat(place).st_mode & 1:
        if place == "/":
            return path
        place = os.path.dirname(place)
    if not os.path.exists(path):
        return path
    place = tempfile.mkdtemp(prefix="heaptap-foreign.")
    atexit.register(shutil.rmtree, place, True)
    os.chmod(place, 0o755)
    return shutil.copy(path, place)


LIBRARY = readable(os.path.join(BUILD, "libheaptap.so"))
DESCRIPTORS = readable(os.path.join(BUILD, "tests", "foreign", "libforeign-descriptors.so"))
PATH = "/usr/bin:/bin:/usr/sbin:/sbin:/usr/games:/usr/local/bin:/usr/local/sbin"
ALLOCATORS = {"glibc": "", "jemalloc": "libjemalloc.so.2", "tcmalloc": "libtcmalloc_minimal.so.4", "mimalloc": "libmimalloc.so.2"}
PROFILES_CHECKED = 60

Run = collections.namedtuple("Run", "status output errors descriptors")


class Command:
    """What to run; here: in the caller's directory, with its HOME, instead of an empty one."""

    def __init__(self, argv, limit=120, here=False):
        self.argv, self.limit, self.here = argv, limit, here


def free_port():
    """The first of two free ports in a row."""
    while True:
        with socket.socket() as s, socket.socket() as t:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
            try:
                t.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


def processes_of(token):
    found = []
    for d in os.listdir("/proc"):
        if d.isdigit():
            try:
                with open("/proc/%s/environ" % d, "rb") as f:
                    if token in f.read():
                        found.append(int(d))
            except OSError:
                pass
    return found


def end_all(token):
    """Those that outlive the command have two seconds to end by themselves: what they write then is part of the run."""
    until = time.monotonic() + 2
    while time.monotonic() < until and processes_of(token):
        time.sleep(0.05)
    for _ in range(50):
        left = processes_of(token)
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if not left:
            return
        time.sleep(0.02)


def read_descriptors(path):
    out = collections.defaultdict(collections.Counter)
    with open(path, errors="replace") as f:
        for line in f:
            name, _, fds = line.rstrip("\n").partition("\t")
            out[name][fds] += 1
    return dict(out)


def execute(command, preload, extra={}):
    keep = ("TERM", "TMPDIR", "USER", "LOGNAME", "FOREIGN_FAULT") + (("HOME",) if command.here else ())
    env = {k: v for k, v in os.environ.items() if k in keep}
    own = tempfile.mkdtemp(prefix="heaptap-foreign.")
    cwd, record, port = os.path.join(own, "d"), os.path.join(own, "descriptors"), free_port()
    os.chmod(own, 0o755)  # servers drop their privileges
    os.mkdir(cwd)
    open(record, "w").close()
    os.chmod(record, 0o666)
    if not command.here:
        env["HOME"] = cwd
    token = os.path.basename(own)
    env.update(PATH=PATH, LC_ALL="C.UTF-8", TZ="UTC", PORT=str(port), PYTHONHASHSEED="0", FOREIGN_DESCRIPTORS=record, FOREIGN_RUN=token,
               FOREIGN_ROOT=ROOT, FOREIGN_BUILD=BUILD,
               LD_PRELOAD=":".join(x for x in [DESCRIPTORS] + preload if x), **extra)
    # Output into files: a daemon that outlives the command must not keep us at the end of a pipe.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        p = subprocess.Popen(command.argv, env=env, cwd=os.getcwd() if command.here else cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                             start_new_session=True)
        try:
            status = p.wait(timeout=command.limit)
        except subprocess.TimeoutExpired:
            status = None
            os.killpg(p.pid, signal.SIGKILL)
            p.wait()
        end_all(("FOREIGN_RUN=" + token + "\0").encode())
        out.seek(0), err.seek(0)

        def plain(text):
            # Not in the midst of a word: a test of CPython's is called after issue 45034. squid's service has the name "t" and the port.
            text = re.sub(rb"\b(t?)%d\b" % (port + 1), rb"\1PORT+1", text.replace(own.encode(), b"DIR"))
            return re.sub(rb"\b(t?)%d\b" % port, rb"\1PORT", text)
        run = Run(status, plain(out.read()), plain(err.read()).decode(errors="replace"), read_descriptors(record))
    shutil.rmtree(own, ignore_errors=True)
    return run


def part(a, b):
    """Where two texts part, in few words."""
    i = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    start = max(0, i - 40)
    return "%r, bare %r" % (a[start:i + 120], b[start:i + 120])


class Bare:
    """Bare runs of one command over one allocator: what they agree in is compared."""

    def __init__(self, command, preload, runs):
        self.command, self.preload, self.run = command, preload, runs[0]
        self.same = runs[0].status is not None
        self.errors_same, self.unsteady = True, set()
        for run in runs[1:]:
            self.add(run)

    @classmethod
    def twice(cls, command):
        return cls(command, [], [execute(command, []), execute(command, [])])

    def over(self, allocator):
        """The same over another allocator, with what is known of the command."""
        preload = [ALLOCATORS[allocator]]
        b = Bare(self.command, preload, [execute(self.command, preload), self.run])
        b.errors_same, b.unsteady = b.errors_same and self.errors_same, b.unsteady | self.unsteady
        return b

    def add(self, run):
        self.same = self.same and run[:2] == self.run[:2]
        self.errors_same = self.errors_same and run.errors == self.run.errors
        a, b = self.run.descriptors, run.descriptors
        self.unsteady |= {n for n in set(a) | set(b) if a.get(n) != b.get(n)}

    def not_compared(self):
        words = [] if self.errors_same else ["stderr"]
        if self.unsteady:
            words.append("descriptors of " + ", ".join(sorted(self.unsteady)))
        return "; ".join(words)

    def soft_differences(self, run):
        """Standard error and descriptors: [(what, words)]."""
        bad = []
        if self.errors_same and run.errors != self.run.errors:
            bad.append(("stderr", part(run.errors, self.run.errors)))
        for n in sorted((set(run.descriptors) | set(self.run.descriptors)) - self.unsteady):
            a, b = run.descriptors.get(n, collections.Counter()), self.run.descriptors.get(n, collections.Counter())
            if a != b:
                bad.append((n, "%s, bare %s" % (dict(a - b), dict(b - a))))
        return bad


def check_profiles(directory, rate):
    bad = []
    files = sorted(glob.glob(os.path.join(directory, "*.pb.gz")), key=os.path.getsize)
    for f in files[-PROFILES_CHECKED:]:
        try:
            bad += ["%s: %s" % (os.path.basename(f), b) for b in pprof.check(pprof.Profile(f))[:3]]
        except (pprof.Bad, OSError, ValueError) as e:
            bad.append("%s: %s" % (os.path.basename(f), e))
    if not files and rate != "512k":
        bad.append("no profile at all")
    if files and shutil.which("go"):
        r = subprocess.run(["go", "tool", "pprof", "-symbolize=none", "-raw", files[-1]], capture_output=True, text=True, timeout=120,
                           env=dict(os.environ, PPROF_TMPDIR=directory, HOME=directory, LD_PRELOAD=""))
        if r.returncode or "PeriodType: space bytes" not in r.stdout:
            bad.append("go tool pprof -raw: " + r.stderr.strip()[-200:])
    return bad, len(files)


def once(bare, rate, library):
    """(run, what is wrong with its profiles, how many)"""
    tmp = tempfile.mkdtemp(prefix="heaptap-profiles.")
    os.chmod(tmp, 0o777)
    os.mkdir(os.path.join(tmp, "regions"), 0o700)
    try:
        run = execute(bare.command, [library] + bare.preload, dict(
            HEAPTAP_RATE={"exact": "1"}.get(rate, rate), HEAPTAP_REGION_DIR=os.path.join(tmp, "regions"),
            HEAPTAP_OUTPUT=os.path.join(tmp, "%e.%p.pb.gz")))
        return (run,) + (check_profiles(tmp, rate) if library == LIBRARY else ([], 0))
    finally:
        shutil.rmtree(tmp, ignore_errors=True)


def case(bare, rate, library=LIBRARY):
    """(what differs, profiles)"""
    run, bad, profiles = once(bare, rate, library)
    if run.status is None:
        bad.append("still running after %d s" % bare.command.limit)
    elif run.status != bare.run.status:
        bad.append("exit %s, bare %s: %s" % (run.status, bare.run.status, run.errors.strip()[-300:]))
    if run.output != bare.run.output:
        bad.append("output differs: " + part(run.output, bare.run.output))
    said = [l for l in run.errors.splitlines() if re.search(r"\bheaptap:", l)]
    if said:
        bad.append("said: " + said[0])
    if not bad and bare.soft_differences(run):
        # Timing may show in these two: what is reported was the same in two runs, and three bare runs more agree in it.
        again = once(bare, rate, library)[0]
        for _ in range(3):
            bare.add(execute(bare.command, bare.preload))
        seen = bare.soft_differences(run)
        bad += ["%s: %s" % d for d in bare.soft_differences(again) if d in seen]
    return bad, profiles
