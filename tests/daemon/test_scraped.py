#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A server that is asked again and again looks once into what a process has mapped, and still sees each exec and each end."""
import http.client
import os
import re
import shutil
import subprocess
import time

from common import DIR, HEAPTAP, LIBRARY, check, finish, kill, started, wait_for

LOG = os.path.join(DIR, "strace")
server = subprocess.Popen([HEAPTAP, "serve", "--listen", ":0"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
started.append(server)
line = server.stdout.readline().decode()
connection = http.client.HTTPConnection("127.0.0.1", int(re.search(r":(\d+)/$", line.strip())[1]), timeout=100)


def scrape():
    """{pid: program} of the living, and the text."""
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    return {int(pid): name for pid, name in re.findall(r'(?m)^heaptap_up\{pid="(\d+)",program="([^"]*)"\} 1$', text)}, text


def figure(text, name, pid):
    m = re.search(r'(?m)^%s\{pid="%d",.*\} (\d+)$' % (name, pid), text)
    return int(m[1]) if m else None


def count_looks(times, *pids):
    """How often the server opens the map of each in so many scrapes; None: it cannot be traced here."""
    if not shutil.which("strace"):
        return None
    tracer = subprocess.Popen(["strace", "-f", "-e", "trace=openat", "-e", "signal=none", "-o", LOG, "-p", str(server.pid)], stderr=subprocess.PIPE)
    started.append(tracer)
    attached = b"attached" in tracer.stderr.readline()
    for _ in range(times):
        scrape()
    tracer.terminate() # the server goes on
    tracer.communicate(timeout=100)
    with open(LOG, errors="replace") as f:
        text = f.read()
    return [text.count('"/proc/%d/maps"' % pid) for pid in pids] if attached else None


def shell(text, profiled, *prefix, program="/bin/sh", name=None):
    """A shell that does what text says when it has a line, and has said that it is there."""
    path = os.path.join(DIR, name or "script")
    with open(path, "w") as f:
        f.write("echo there\nread x\n" + text + "\n")
    env = dict(os.environ, PWD=DIR, HEAPTAP_RATE="1", **({"LD_PRELOAD": LIBRARY} if profiled else {}))
    p = subprocess.Popen([*prefix, program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, cwd=DIR)
    started.append(p)
    p.stdout.readline()
    return p


def go_on(p):
    p.stdin.write(b"x\n")
    p.stdin.flush()


def image(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return [fields[i - 3] for i in (26, 27, 28, 45, 46, 47, 48, 49, 50, 51)]


shutil.copy(os.path.realpath("/bin/sh"), os.path.join(DIR, "another"))
again = "exec %s/another %s/again" % (DIR, DIR)
with open(os.path.join(DIR, "again"), "w") as f:
    f.write("echo there\nread x\n")
ours = shell("while read y; do z=$z$y; echo $z; done", True)
go_on(ours)
stranger = shell("export LD_PRELOAD=%s; %s" % (LIBRARY, again), False)
up, text = scrape()
check("the profiled one is there, the other is not", up.get(ours.pid) and stranger.pid not in up, up)
check("with its thread", figure(text, "heaptap_threads", ours.pid) == 1, text)
first = figure(text, "heaptap_allocated_objects_total", ours.pid)
for _ in range(10):
    go_on(ours)
    ours.stdout.readline()
check("its figures go on", figure(scrape()[1], "heaptap_allocated_objects_total", ours.pid) > first, first)
begun = time.monotonic()
while time.monotonic() < begun + 7: # HT_FOUND_SETTLED and more
    scrape()
    time.sleep(0.1)
scrape()
seen = count_looks(6, ours.pid, stranger.pid)
if seen:
    check("their maps are not read each time", max(seen) <= 1, seen)
else:
    print("SKIP strace is not installed, or may not trace: how often maps are read is not counted")

go_on(stranger)
stranger.stdout.readline()
check("a stranger that has become a profiled program is there", scrape()[0].get(stranger.pid) == "another", scrape()[0])

other = shell(again, True)
check("a shell", scrape()[0].get(other.pid) not in (None, "another"), scrape()[0])
go_on(other)
other.stdout.readline()
check("is another program after exec", scrape()[0].get(other.pid) == "another", scrape()[0])

leaves = shell("unset LD_PRELOAD\necho there\nexec cat", True)
check("it is profiled", leaves.pid in scrape()[0])
go_on(leaves)
leaves.stdout.readline()
check("and after an exec without the library it is not", wait_for(lambda: leaves.pid not in scrape()[0], 30), scrape()[0])

# Where addresses are not random, the next image may lie where the one before it lay.
for name in ("one", "two"):
    shutil.copy(os.path.realpath("/bin/sh"), os.path.join(DIR, name))
with open(os.path.join(DIR, "later2"), "w") as f:
    f.write("echo there\nread x\n")
if subprocess.run(["setarch", "-R", "true"], stderr=subprocess.DEVNULL).returncode == 0:
    same = shell("exec %s/two %s/later2" % (DIR, DIR), True, "setarch", "-R", program=DIR + "/one", name="later1")
    before = image(same.pid)
    check("one", scrape()[0].get(same.pid) == "one", scrape()[0])
    go_on(same)
    same.stdout.readline()
    check("two, with all its parts where those of one were", scrape()[0].get(same.pid) == "two" and image(same.pid) == before,
          (scrape()[0].get(same.pid), before, image(same.pid)))
else:
    print("SKIP setarch -R is refused here: no image like the one before it")

kill(ours)
check("one that has ended is not there", ours.pid not in scrape()[0], scrape()[0])
connection.close()
server.terminate()
check("the server ends as told", server.wait(100) == 0, server.returncode)
server.stdout.close()
finish("daemon-scraped")
