#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The prompt: words from a script, and history and completion on a terminal."""
import os
import pty
import select
import tempfile
import time

from common import HEAPTAP, check, finish, known_profile, pprofgen, run


def script(known, words, code=0):
    got, out, err = run("shell", known, stdin="\n".join(words).encode() + b"\n")
    check("exit after %s" % words, got == code, (got, err))
    return out, err


def from_a_script(known, d):
    out, _ = script(known, ["top"])
    check("top", "fill" in out and "File:" not in out, out)
    out, _ = script(known, ["top1"])
    check("top1", "Showing top 1 nodes out of 4" in out, out)
    check("top 1 is top1", script(known, ["top 1"])[0] == out)
    out, _ = script(known, ["sample_index=alloc_space", "top"])
    check("sample_index", "8352B" in out or "8.16kB" in out, out)
    check("a sample type's name", script(known, ["alloc_space", "top"])[0] == out)
    out, _ = script(known, ["focus=other", "top", ":", "top fill -other"])
    check("filters", out.count("Active filters:") == 2 and "focus=fill" in out and
          "ignore=other" in out, out)
    out, _ = script(known, ["granularity=lines", "top", "functions", "top"])
    check("granularity", "fill /src/known.c:7" in out and "  fill (inline)\n" in out, out)
    out, _ = script(known, ["peek grow", "list fill", "traces", "tree", "folded", "raw", "comments"])
    check("reports", "| grow" in out and "ROUTINE" in out and "main;grow;fill 4160" in out and
          "lost: 0" in out, out)
    script(known, ["top > %s/top.txt" % d, "folded >%s/folded.txt" % d])
    check("redirection", "fill" in open(d + "/top.txt").read() and
          open(d + "/folded.txt").read().startswith("main;"))
    script(known, ["proto >%s/part.pb.gz -other" % d])
    check("proto", run("folded", d + "/part.pb.gz")[1] == "main;grow;fill 4160\n")
    out, _ = script(known, ["flame %s/f.html" % d])
    check("flame", "f.html" in out and "<html" in open(d + "/f.html").read().lower(), out)
    out, err = script(known, ["o", "help", "help top", "help focus"])
    check("help", "nodecount" in out and "sample types: alloc_objects" in out and not err, err)
    _, err = script(known, ["frobnicate", "sample_index=x", "nodecount=x", "peek"], code=1)
    check("four refusals", err.count("\n") == 4, err)
    out, _ = script(known, ["quit", "top"])
    check("quit", out == "", out)
    script(known, ["# a comment", "", "  "])


def single_samples(d):
    """traces and raw leave out what is all zero, as the commands do."""
    path = d + "/zero.pb.gz"
    p = pprofgen.Profile(types=(("objects", "count"), ("space", "bytes")))
    l = [p.location(0, 0x10 + i, [(p.function(n), 0)]) for i, n in enumerate(("a", "b", "c"))]
    p.sample(l[:2], [2, 7000])
    p.sample(l[1:], [0, 0])
    p.sample(l[:1], [1, 300])
    p.sample(l[:2], [1, 5])
    p.write(path)
    for report in "traces", "raw", "top", "tree", "tags", "folded":
        out = "%s/%s.txt" % (d, report)
        script(path, ["compact_labels=false", "%s >%s" % (report, out)])
        got, want, err = run(report, path)
        with open(out) as f:
            check("the shell's %s is the command's" % report, f.read() == want, (want, err))


def on_a_terminal(known, d):
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(TERM="dumb", XDG_STATE_HOME=d + "/state")
        os.execv(HEAPTAP, [HEAPTAP, "shell", known])
    seen = ""

    def wait_for(text, limit=20):
        nonlocal seen
        end = time.time() + limit
        while text not in seen and time.time() < end:
            if select.select([fd], [], [], 0.2)[0]:
                try:
                    seen += os.read(fd, 65536).decode(errors="replace")
                except OSError:
                    return False
        found = text in seen
        seen = seen[seen.index(text) + len(text):] if found else seen
        return found

    check("greeting", wait_for("Type: inuse_space") and wait_for("(heaptap) "), seen)
    os.write(fd, b"fold\t\n")
    check("a word completed", wait_for("main;grow;fill 4160"), seen)
    os.write(fd, b"peek gr\t\n")
    check("a function completed", wait_for("| grow"), seen)
    os.write(fd, b"sample_index=alloc_o\t\ntop1\n")
    check("a sample type completed", wait_for("of 13 total"), seen)
    os.write(fd, b"quit\n")
    end = time.time() + 20
    status = (0, 0)
    while status[0] == 0 and time.time() < end:
        wait_for("\0", 0.2)
        status = os.waitpid(pid, os.WNOHANG)
    check("quit leaves with 0", status == (pid, 0), status)
    history = open(d + "/state/heaptap/history").read()
    check("history is kept", "peek grow" in history and "quit" in history, history)
    check("for its owner", os.stat(d + "/state/heaptap/history").st_mode & 0o077 == 0)


def main():
    with tempfile.TemporaryDirectory(prefix="heaptap-shell.") as d:
        known = d + "/known.pb.gz"
        os.environ.update(HOME=d, TZ="UTC", TMPDIR=d)
        known_profile(known)
        from_a_script(known, d)
        single_samples(d)
        on_a_terminal(known, d)
    finish("shell")


main()
