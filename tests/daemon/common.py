# SPDX-License-Identifier: MIT
"""What the tests of long-running processes share. Arguments: heaptap, libheaptap.so, the programs' directory."""
import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import pprof  # noqa: E402
import regions  # noqa: E402

HEAPTAP, LIBRARY, PROGRAMS = (os.path.abspath(a) for a in sys.argv[1:4])
QUICK = bool(os.environ.get("HEAPTAP_TEST_QUICK"))
ROOT = os.geteuid() == 0

DIR = tempfile.mkdtemp(prefix="heaptap-daemon-")
REGIONS = os.path.join(DIR, "regions")
os.chmod(DIR, 0o755)
os.mkdir(REGIONS, 0o700)
for name in [n for n in os.environ if n.startswith("HEAPTAP_") and not n.startswith("HEAPTAP_TEST_")] + ["LD_PRELOAD"]:
    os.environ.pop(name, None)
os.environ["HEAPTAP_REGION_DIR"] = REGIONS
os.environ["XDG_CACHE_HOME"] = os.path.join(DIR, "cache")
os.environ["DEBUGINFOD_URLS"] = ""

checks = [0, 0]
started = []


def check(what, good, detail=""):
    checks[0 if good else 1] += 1
    if not good:
        print("FAIL %s %s" % (what, detail), flush=True)
    return good


def heaptap(*args, cwd=None, env=None):
    r = subprocess.run([HEAPTAP] + [str(a) for a in args], capture_output=True, cwd=cwd or DIR, text=True, timeout=120,
                       env=dict(os.environ, **(env or {})))
    return r.returncode, r.stdout, r.stderr


def one_line(err):
    return err.startswith("heaptap: ") and err.count("\n") == 1


def start(program, *args, rate="1", cwd=None, ready=True, prefix=(), **env):
    """A profiled program; waits for its first line."""
    full = dict(os.environ, LD_PRELOAD=LIBRARY, HEAPTAP_RATE=rate)
    full.update(env)
    command = list(prefix) + [program if "/" in program else os.path.join(PROGRAMS, program)] + [str(a) for a in args]
    if prefix: # the prefix itself is not to be profiled
        command = list(prefix) + ["env", "LD_PRELOAD=" + full.pop("LD_PRELOAD")] + command[len(prefix):]
    p = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=cwd or DIR, env=full)
    started.append(p)
    if ready:
        p.line = p.stdout.readline().decode().strip()
    return p


def kill(p):
    p.kill()
    p.wait()
    p.stdout.close()


def wait_for(what, seconds=100):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        r = what()
        if r:
            return r
        time.sleep(0.01)
    return None


def names(p, sample):
    """Function names of a sample, leaf first."""
    out = []
    for l in sample.locations:
        out += [p.text(p.functions[x.function].name) for x in p.locations[l].lines]
    return out


def sums(path, function):
    """alloc_objects, alloc_space, inuse_objects, inuse_space of the stacks through a function."""
    p = pprof.Profile(path)
    total = [0, 0, 0, 0]
    for s in p.samples:
        if function in names(p, s):
            total = [a + b for a, b in zip(total, s.values)]
    return total


@atexit.register
def end_all():
    """Also where a test ends by an exception: a program left behind keeps the runner waiting for its output."""
    for p in started:
        if p.poll() is None:
            p.kill()
            p.wait()


def finish(name):
    end_all()
    regions.clear(DIR)
    shutil.rmtree(DIR, ignore_errors=True)
    print("%s: %d checks passed, %d failed" % (name, *checks))
    sys.exit(1 if checks[1] or not checks[0] else 0)
