#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The commands of docs/leak-hunt.md, in its order, and what they must show; and the live table in a terminal."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

from common import DIR, HEAPTAP, check, finish, kill, one_line, heaptap, start, sums

root = os.path.abspath(sys.argv[4])
with open(os.path.join(root, "docs", "leak-hunt.md")) as f:
    blocks = re.findall(r"^```sh\n(.*?)^```$", f.read(), re.M | re.S)
os.symlink(os.path.join(root, "docs"), os.path.join(DIR, "docs"))
script = "set -e\n" + "".join("echo '@@ %d' | tee /dev/stderr\n%s" % (i, b) for i, b in enumerate(blocks))
r = subprocess.run(["bash", "-c", script], cwd=DIR, capture_output=True, text=True, timeout=100,
                   env=dict(os.environ, PATH=os.path.dirname(HEAPTAP) + ":" + os.environ["PATH"]))
check("every command of the page works", r.returncode == 0, (r.stdout[-600:], r.stderr[-1500:]))
shown = re.split(r"@@ \d+\n", r.stdout)[1:]
of = lambda word: "".join(s for b, s in zip(blocks, shown) if word in b)
first = lambda text: next((l for l in text.splitlines() if "%" in l and "Showing" not in l and "flat%" not in l), "")
check("ps shows it", "leakyd" in of("heaptap ps\n"), of("heaptap ps\n"))
grew = of("heaptap diff").partition("\ngrew\n")[2]
check("diff: what grows comes first", "open_session" in grew.splitlines()[0] if grew else False, of("heaptap diff"))
# What the samples of a cache that stays as it is seem to have grown by is at times more than 5 % of chance.
check("diff: the cache is not what grows", "remember_answer" not in grew or grew.index("open_session") < grew.index("remember_answer"),
      of("heaptap diff"))
check("diff: two moments of one process", "One process at two moments" in of("heaptap diff"), of("heaptap diff"))
check("--base", "open_session" in of("--base="), of("--base="))
check("watch prints two tables", of("heaptap watch").count("OWNER \u2190 CALLERS") == 2 and "open_session" in of("heaptap watch"), of("heaptap watch"))
check("--min-age leaves the leak", "open_session" in first(of("--min-age=2s")), of("--min-age=2s"))
leaked = of("heaptap leaks $PID")
check("leaks: the lost sessions, and not the cache", "open_session" in leaked and "remember_" not in leaked, leaked)
held = of("heaptap leaks --who")
ways = re.findall(r"(?m)  (?:copy_text ← )?(remember_\w+) ←.*\n((?: +(?:held by|by way of) .*\n)+)", held)
cached = [way for site, way in ways if site == "remember_answer"]
# On a busy machine the whole cache may be replaced while the look goes on.
check("who: the cache", any(re.search(r"held by global cache\+0x[0-9a-f.x]+ \(leakyd\)\n$", way) for way in cached) or
      (not cached and re.search(r"(?m)^\d+ w(as|ere) freed meanwhile", held)), held)
# The head of the list may be so new that the heap has grown for it since the look began.
ends = ("held by global users (leakyd)\n", "held by memory that was mapped meanwhile\n", "held by memory among blocks\n")
check("who: the users, if any", all(way.endswith(ends) for site, way in ways if site == "remember_user"), held)
at_end = of("cat exact.txt")
lines = {m[2]: (int(m[1]), m[3]) for m in re.finditer(r"(?m)^ *[\d.]+[kMG]?B +([\d.]+)k? +\d+s +\d+%  (\w+) ←.*?((?: \(holds .*\))?)$",
                                                     at_end.partition("\nunreachable:")[0])}
check("at its end: the sessions, trees and pairs, and what they hold", sorted(lines) == ["join_room", "open_session", "parse_query"], (lines, at_end))
held = re.search(r"holds (\d+) others", lines["parse_query"][1])
# An old pointer on the stack may keep a part of the last one.
check("at its end: a tree's root stands for it", held and 0 <= 14 * lines["parse_query"][0] - int(held[1]) < 15, at_end)
check("at its end: of a pair one stands for both", "holds %d others" % lines["join_room"][0] in lines["join_room"][1], at_end)
check("at its end: nothing that is kept", "remember_" not in at_end, at_end)  # copy_text is shown with the caller that lost
top = of("exact.leaks.pb.gz\n")
check("what leaked, as a profile", "open_session" in top and "remember_" not in top, top)
check("peek and list", "handle_request" in of("heaptap peek"), of("heaptap peek"))
check("what run wrote of the killed one", any(n.startswith("heaptap.leakyd.") for n in os.listdir(DIR)), os.listdir(DIR))

# Exactly: the daemon is stopped for each dump, so all entries of the cache are there but one that may be in the making.
p = start(os.path.join(DIR, "leakyd"))
kept = []
for name in ("first.pb.gz", "last.pb.gz"):
    time.sleep(0.3)
    os.kill(p.pid, signal.SIGSTOP)
    check("dump of the stopped daemon", heaptap("dump", p.pid, "-o", name)[0] == 0)
    os.kill(p.pid, signal.SIGCONT)
    kept.append([sums(os.path.join(DIR, name), f)[2] for f in ("remember_answer", "open_session")])
check("the cache is full", all(4095 <= cache <= 4096 for cache, _ in kept), kept)
check("the leak grows", kept[1][1] > kept[0][1] + 2 * 100, kept)
kill(p)

# The live table: 80 columns, another size, a key, q.
p = start("churn", 2)
master, slave = pty.openpty()


def resize(rows, columns):
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))


def read(seconds):
    out, end = b"", time.monotonic() + seconds
    while time.monotonic() < end:
        if select.select([master], [], [], 0.05)[0]:
            out += os.read(master, 65536)
    return out.decode(errors="replace")


def widest(text):
    text = re.sub(r"\x1b\[[0-9;]*H", "\n", text)
    return max(len(re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", l)) for l in text.replace("\r", "").split("\n"))


resize(24, 80)
w = subprocess.Popen([HEAPTAP, "watch", "--interval=200ms", str(p.pid)], stdin=slave, stdout=slave, stderr=subprocess.PIPE)
text = read(2.5)
check("watch: a table", "churn_alloc" in text and "q quits" in text and "allocs/s" in text, text[:600])
check("watch: 80 columns", widest(text) <= 80, widest(text))
check("watch: its sums are whole", " objects  " in text, text[:600])
resize(10, 40)
os.kill(w.pid, 28)  # SIGWINCH
read(0.3)
text = read(1.0)
check("watch: 40 columns", text and widest(text) <= 40, (widest(text), text[:300]))
os.write(master, b"r")
check("watch: sorted by another key", "sorted by rate" in read(1.0))


def read_until(word):
    text, end = "", time.monotonic() + 60
    while word not in text and time.monotonic() < end:
        text += read(0.2)
    return text


os.write(master, b"l")
text = read_until("any key goes back")
check("watch: a look for leaks, with its progress", "looking for leaks: pass" in text and re.search(r"\d pass(es)? over \d", text), text[-600:])
check("watch: the report is cut at the last column", widest(text) <= 40, widest(text))
os.write(master, b"x")
check("watch: and back", "sorted by rate" in read_until("sorted by rate"))
os.write(master, b"l")
read_until("looking for leaks: pass")
os.write(master, b"x")
check("watch: a key ends a look, or its report", "sorted by rate" in read_until("sorted by rate"))
os.write(master, b"q")
try:
    w.wait(10)
except subprocess.TimeoutExpired:
    w.kill()
check("watch: q quits", w.returncode == 0, w.returncode)
kill(p)
status, _, err = heaptap("watch", 999999999)
check("watch: nobody there", status in (1, 2) and one_line(err), err)
finish("leak-hunt")
