# SPDX-License-Identifier: MIT
"""Runs inside gdb: HT_REPEATS times what `heaptap threads` says of HT_PID and what gdb says, one JSON line each into HT_OUT. Frames are [pc,
name, object, whether it is a signal's trampoline], leaf first. Frames of tail calls are not on the stack: gdb infers them."""
import json, os, subprocess, time

import gdb

heaptap, pid = os.environ["HT_HEAPTAP"], os.environ["HT_PID"]
for setting in ("debuginfod enabled off", "backtrace past-main on", "backtrace limit 260", "print thread-events off", "pagination off",
                "auto-load no", "confirm off", "python print-stack message"):
    gdb.execute("set " + setting, to_string=True)


def ours():
    r = subprocess.run([heaptap, "threads", "--json", pid], capture_output=True, text=True)
    return json.loads(r.stdout)["threads"] if r.returncode == 0 else r.stderr


def theirs():
    stacks = {}
    for t in gdb.selected_inferior().threads():
        t.switch()
        f, frames = gdb.newest_frame(), []
        sp = int(f.read_register("rsp"))
        while f and len(frames) < 256:
            if f.type() not in (gdb.TAILCALL_FRAME,):
                frames.append([f.pc(), f.name(), gdb.current_progspace().solib_name(f.pc()), f.type() == gdb.SIGTRAMP_FRAME])
            try:
                f = f.older()
            except gdb.error:
                f = None
        stacks[t.ptid[1]] = {"sp": sp, "frames": frames}
    return stacks


def bases():
    """Where the first byte of each file is mapped."""
    found = {}
    for line in open("/proc/%s/maps" % pid):
        part = line.split(None, 5)
        if len(part) == 6 and part[2] == "00000000":
            found.setdefault(part[5].strip(), int(part[0].split("-")[0], 16))
    return found


def runs():
    """How often each thread ran so far."""
    found = {}
    for t in os.listdir("/proc/%s/task" % pid):
        try:
            found[t] = int(open("/proc/%s/task/%s/schedstat" % (pid, t)).read().split()[2])
        except OSError:
            pass
    return found


with open(os.environ["HT_OUT"], "w") as out:
    for _ in range(int(os.environ["HT_REPEATS"])):
        first, before = runs(), ours()
        gdb.execute("attach " + pid, to_string=True)
        stopped, second = theirs(), runs()
        gdb.execute("detach", to_string=True)
        time.sleep(0.1)
        out.write(json.dumps({"before": before, "gdb": stopped, "runs": {t: n - first.get(t, -99) for t, n in second.items()}, "bases": bases()}) + "\n")
