# SPDX-License-Identifier: MIT
"""Ways to run a command: bare, under heaptap, under the floor, under each peer that is installed."""
import contextlib
import os
import re
import resource
import shutil
import signal
import subprocess
import time

from . import FLOOR, LIB, environment

LIBRARIES = ["/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib"]
CPUS = sorted(os.sched_getaffinity(0))


def find_library(name):
    return next((p for d in LIBRARIES if os.path.exists(p := os.path.join(d, name))), None)


# "cpu": processor time instead of the wall clock.
clock = "wall"


class TooSlow(Exception):
    """A run that takes so long that its row is not worth the wait."""


class Way:
    """`base` is the way it is a ratio over. A peer may be left out of a row, and gets less time; of our own loads, `share`
    of the rounds: what takes microseconds a round need not run them all."""

    def __init__(self, name, env=None, prefix=None, base="bare", peer=False, share=1):
        self.name, self.env, self.prefix = name, env or {}, prefix or []
        self.base, self.peer, self.share = base, peer, share

    def environment(self, work):
        # %e: one name a program, so that a shell's and its children's profiles do not meet.
        return environment(**{"HEAPTAP_OUTPUT": os.path.join(work, "%e.%p.pb.gz"), "BENCH_CLOCK": clock, **self.env})

    def start(self, argv, work, **options):
        return subprocess.Popen(self.prefix + argv, env=self.environment(work), cwd=work,
                                start_new_session=True, **options)

    def run(self, argv, work, stdin=None, patience=120):
        """What it printed, and the time in ns."""
        with contextlib.ExitStack() as stack:
            source = stack.enter_context(open(stdin, "rb")) if stdin else subprocess.DEVNULL
            used, begin = processor_ns(), time.perf_counter_ns()
            p = self.start(argv, work, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            try:
                out, _ = p.communicate(timeout=patience)
            except subprocess.TimeoutExpired:
                os.killpg(p.pid, signal.SIGKILL)
                p.communicate()
                raise TooSlow("over %d s" % patience) from None
            wall = time.perf_counter_ns() - begin
        if p.returncode:
            raise RuntimeError("%s under %s: exit %d" % (" ".join(argv)[:60], self.name, p.returncode))
        return out, processor_ns() - used if clock == "cpu" else wall


def processor_ns():
    """Of the children that ended: of the one between two calls, and of its own."""
    u = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (u.ru_utime + u.ru_stime) * 1e9


BARE = Way("bare")


def ours():
    """The last one is bare as well: how far two equal runs lie apart on this machine, now."""
    return [Way("512k", {"LD_PRELOAD": LIB}), Way("exact", {"LD_PRELOAD": LIB, "HEAPTAP_RATE": "1"}),
            Way("floor", {"LD_PRELOAD": FLOOR}), Way("bare/bare")]


def peers(work):
    """(ways, bases): an allocator's own profiler is a ratio over that allocator without it."""
    found, bases = [], {"bare": BARE}
    if shutil.which("heaptrack"):
        found.append(Way("heaptrack", prefix=["heaptrack", "-o", os.path.join(work, "heaptrack")], peer=True,
                         share=0.1))
    if (library := find_library("libtcmalloc_and_profiler.so.4")):
        bases["tcmalloc"] = Way("tcmalloc", {"LD_PRELOAD": library}, peer=True)
        # No dump but the one at the end.
        found.append(Way("gperftools", {"LD_PRELOAD": library, "HEAPPROFILE": os.path.join(work, "gperftools"),
                                        "HEAP_PROFILE_ALLOCATION_INTERVAL": str(1 << 50),
                                        "HEAP_PROFILE_INUSE_INTERVAL": str(1 << 50)},
                         base="tcmalloc", peer=True, share=0.02))
    if (library := find_library("libjemalloc.so.2")):
        bases["jemalloc"] = Way("jemalloc", {"LD_PRELOAD": library}, peer=True)
        found.append(Way("jemalloc prof", {"LD_PRELOAD": library, "MALLOC_CONF":
                                           "prof:true,lg_prof_sample:19,prof_final:true,prof_prefix:" +
                                           os.path.join(work, "jemalloc")}, base="jemalloc", peer=True))
        found.append(Way("jemalloc 512k", {"LD_PRELOAD": LIB + ":" + library}, base="jemalloc", peer=True))
    if (library := os.environ.get("ASPROF_LIB")):
        found.append(Way("async-profiler", {"LD_PRELOAD": library, "ASPROF_COMMAND":
                                            f"start,nativemem=512k,file={work}/async-profiler.jfr"}, peer=True))
    return found, bases


@contextlib.contextmanager
def on_cpu(cpu):
    """This process, and what it starts meanwhile, on one processor; no matter when there is but one."""
    if cpu is None or len(CPUS) < 2:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {CPUS[cpu % len(CPUS)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def first_line(*argv):
    try:
        r = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20,
                           env=environment())
    except (OSError, subprocess.TimeoutExpired):
        return None
    return (r.stdout.strip().splitlines() or [""])[0] if r.returncode == 0 else None


def version(*argv):
    found = re.search(r"\d+(\.\d+)+", first_line(*argv) or "")
    return found.group(0) if found else None


def package(name):
    return first_line("dpkg-query", "-W", "-f", "${Version}", name)


def versions():
    """Of what takes part, as far as it is there."""
    told = {
        "gcc": version("gcc", "--version"), "heaptrack": version("heaptrack", "--version"),
        "gperftools": package("libgoogle-perftools4"), "jemalloc": package("libjemalloc2"),
        "async-profiler": os.environ.get("ASPROF_LIB"), "sqlite3": version("sqlite3", "--version"),
        "python": version("python3", "--version"), "redis": version("redis-server", "--version"),
        "nginx": version("nginx", "-v"), "postgres": version("psql", "--version"),
        "go": version("go", "version"), "valgrind": version("valgrind", "--version"),
    }
    return {name: v for name, v in told.items() if v}
