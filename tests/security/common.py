# SPDX-License-Identifier: MIT
"""What the tests of the claims in docs/security.md share. Arguments of each: the library, the program, the command."""
import atexit
import os
import shutil
import subprocess
import sys
import tempfile

lib, load, heaptap_path = "", "", ""
NOBODY, OTHER = 65534, 65533  # the attacker, and a user who is neither it nor root
bad = []

# Offsets in a region's header (src/region/layout.h).
EXE, OUTPUT, NAME = 88, 88 + 1024, 88 + 1024 + 1024 + 2048
CHECKSUM = NAME + 64 + 4
HEADER, CHUNK = 20480, 65536


def claim(ok, what, more=""):
    print(("ok   " if ok else "FAIL ") + what + (": %s" % (more,) if more and not ok else ""), flush=True)
    if not ok:
        bad.append(what)
    return ok


def skip(why):
    print("SKIP " + why)
    sys.exit(77)


def finish():
    sys.exit(1 if bad else 0)


def need_root():
    if os.geteuid():
        skip("not root: there is no second user to attack with")


def environment(**more):
    env = {k: v for k, v in os.environ.items() if not k.startswith("HEAPTAP_") and k != "LD_PRELOAD"}
    env.update({k: v for k, v in more.items() if v is not None})
    return env


def as_user(uid):
    return dict(user=uid, group=uid, extra_groups=[]) if uid is not None else {}


def start(*args, program=None, uid=None, cwd=None, **variables):
    """A profiled program that has allocated, and lives until its standard input ends."""
    variables.setdefault("HEAPTAP_OUTPUT", os.path.dirname(lib) + "/out.%p.pb.gz")
    p = subprocess.Popen([program or load, *args], env=environment(LD_PRELOAD=lib, HEAPTAP_RATE="4k", **variables), cwd=cwd,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **as_user(uid))
    p.is_ready = p.stdout.readline().strip() == b"ready"
    return p


def end(p):
    """Exit status and what it said; its input ends first."""
    p.stdin.close()
    said = p.stderr.read().decode(errors="replace")
    p.stdout.close()
    p.stderr.close()
    return p.wait(60), said


def heaptap(*words, uid=None, cwd="/", timeout=100, **variables):
    """Exit status (None: it hung), output, errors."""
    try:
        r = subprocess.run([heaptap_path, *words], env=environment(**variables), cwd=cwd, stdin=subprocess.DEVNULL,
                           capture_output=True, timeout=timeout, **as_user(uid))
        return r.returncode, r.stdout, r.stderr
    except subprocess.TimeoutExpired:
        return None, b"", b""


def fnv(data):
    h = 2166136261
    for b in data:
        h = ((h ^ b) * 16777619) & 0xFFFFFFFF
    return h


def reseal(region):
    """A changed header with the checksum of what it says now."""
    region[CHECKSUM:CHECKSUM + 4] = fnv(region[:CHECKSUM]).to_bytes(4, "little")
    return region


def put_text(region, at, size, text):
    region[at:at + size] = text.ljust(size, b"\0")


def stage():
    """Copies of the three where any user may read them; the command finds the library beside itself."""
    global lib, load, heaptap_path
    place = tempfile.mkdtemp(prefix="heaptap-staged.")
    atexit.register(shutil.rmtree, place, True, None)
    os.chmod(place, 0o755)
    lib, load, heaptap_path = (shutil.copy(a, place) for a in sys.argv[1:4])
    for f in (lib, load, heaptap_path):
        os.chmod(f, 0o755)


def own_shm():
    """The rest of the script runs in namespaces with a /dev/shm and a /proc of its own: nobody else's regions are in sight."""
    if os.environ.get("SECURITY_OWN_SHM"):
        return
    apart = ["-m", "-p", "-f", "--mount-proc", "--kill-child"]
    if subprocess.run(["unshare", *apart, "true"], stderr=subprocess.DEVNULL).returncode:
        skip("unshare is not permitted")
    os.environ["SECURITY_OWN_SHM"] = "1"
    os.execvp("unshare", ["unshare", *apart, "sh", "-c", "mount -t tmpfs -o mode=1777 none /dev/shm && exec \"$0\" \"$@\"",
                          sys.executable, *sys.argv])


if len(sys.argv) == 4 and os.path.isfile(sys.argv[1]) and (os.geteuid() or os.environ.get("SECURITY_OWN_SHM")):
    stage()
