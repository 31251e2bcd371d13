#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A process whose first thread has ended lives; one whose memory the kernel is taking away does not. Seen failing without
find_thread of src/snapshot/process.c (run took the region of the living one, dump said that there is none) and
without EXITING there (404, "not profiled", in half of the deaths)."""
import http.client
import json
import os
import re
import signal
import subprocess
import time

from common import DIR, HEAPTAP, QUICK, REGIONS, check, finish, heaptap, kill, start, started, sums, wait_for

out = os.path.join(DIR, "out.pb.gz")


def stat(pid):
    """State and flags of the first thread."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            words = f.read().rsplit(")", 1)[1].split()
        return words[0], int(words[6])
    except (OSError, IndexError):
        return "X", 0


# The first thread is a zombie, the region in a file and in private memory.
for where, env in (("a file", {}), ("private memory", {"HEAPTAP_REGION_DIR": "/proc/no/such"})):
    p = start("first_ends", **env)
    check("its first thread ends", wait_for(lambda: stat(p.pid)[0] == "Z"))
    status, _, err = heaptap("dump", p.pid, "-o", out)
    check("dump, from " + where, status == 0 and sums(out, "keep")[2] == 100, err)
    status, text, err = heaptap("ps", "--json")
    e = next((e for e in json.loads(text) if e["pid"] == p.pid), None)
    check("ps has it, from " + where, e and e["state"] == "alive", (e, err))
    status, _, err = heaptap("recover", p.pid, "-o", out)
    check("recover refuses it, from " + where, status == 1 and "is alive" in err, err)
    kill(p)
status, _, err = heaptap("recover", "-o", out)
check("recover of all leaves nothing", status == 0 and not os.listdir(REGIONS), (status, err, os.listdir(REGIONS)))

# run waits for the process, not for its first thread.
p = subprocess.Popen([HEAPTAP, "run", "-q", "--exact", "-o", out, "--", os.path.join(os.path.dirname(started[0].args[0]), "first_ends")],
                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=DIR)
started.append(p)
p.stdout.readline()
pid = int(os.listdir(REGIONS)[0].split(".")[0])
wait_for(lambda: stat(pid)[0] == "Z")
time.sleep(2.5) # run looks around each second
check("run leaves its region", os.listdir(REGIONS))
p.stdin.write("x")
p.stdin.flush()
p.stdout.readline()
os.kill(pid, signal.SIGKILL)
check("run exits as it did", p.wait() == 128 + signal.SIGKILL, p.returncode)
check("what came after is in its profile", sums(out, "keep")[2] == 150, sums(out, "keep"))

# Killed, with a memory that takes a while to go. The server answers within a millisecond or two.
server = subprocess.Popen([HEAPTAP, "serve", "--listen", ":0"], stdout=subprocess.PIPE, text=True)
started.append(server)
port = int(re.search(r":(\d+)/$", server.stdout.readline().strip()).group(1))
met = 0
for i in range(200):
    if i >= (5 if QUICK else 15) and met: # a machine that is busy meets them seldom, or often
        break
    p = start("first_ends", 20000)
    os.kill(p.pid, signal.SIGKILL)
    state = ""
    while state not in ("Z", "X"):
        c = http.client.HTTPConnection("127.0.0.1", port)
        c.request("GET", "/%d/debug/pprof/heap?symbolize=none" % p.pid)
        r = c.getresponse()
        body = r.read()
        state, flags = stat(p.pid)
        met += state not in ("Z", "X") and flags & 4 != 0
        if not check("its profile is to be had while it ends", r.status == 200, (i, r.status, body)):
            break
    kill(p)
check("deaths that lasted were met", met > 0)
server.terminate()
server.wait()
finish("ending")
