#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Names in place of PIDs: one, several, the newest, a server and its children, units, none, one that ends."""
import os
import re
import shutil

from common import DIR, PROGRAMS, check, finish, heaptap, kill, one_line, start

NAME = "named-%d" % os.getpid()
os.mkdir(os.path.join(DIR, "bin"))
program = os.path.join(DIR, "bin", NAME)
shutil.copy(os.path.join(PROGRAMS, "churn"), program)


def pid_of(*words):
    status, text, err = heaptap("memory", "--json", *words)
    return text.split('"pid": ')[1].split(",")[0] if not status else err


first = start(program, 2)
check("by name", pid_of(NAME) == str(first.pid), pid_of(NAME))
for command in (["watch", "--count=1", NAME], ["top", NAME], ["owners", NAME], ["dump", NAME, "-o", "d.pb.gz"], ["threads", NAME], ["doctor", NAME],
                ["diff", "d.pb.gz", NAME], ["top", "--min-age=0s", NAME]):
    status, text, err = heaptap(*command)
    check(" ".join(command), status == 0 and (text or command[0] == "dump"), (status, err))
second = start(program, 2)
status, text, err = heaptap("watch", "--count=1", NAME)
check("several", status == 1 and one_line(err) and "2 processes are called %s:" % NAME in err and
      all("%d (" % p.pid in err for p in (first, second)) and "newest:" + NAME in err, err)
check("several for a report", heaptap("top", NAME)[0] == 1 and "2 processes" in heaptap("top", NAME)[2], heaptap("top", NAME))
check("the newest", pid_of("newest:" + NAME) == str(second.pid), pid_of("newest:" + NAME))
check("a PID stays one", pid_of(first.pid) == str(first.pid))

# A file of that name is the file.
with open(os.path.join(DIR, NAME + ".x"), "w") as f:
    f.write("no profile\n")
check("a file", NAME + ".x" in heaptap("top", NAME + ".x")[2], heaptap("top", NAME + ".x"))

# It ends; none is left.
kill(second)
check("one left", pid_of(NAME) == str(first.pid), pid_of(NAME))
kill(first)
for command, words in ((["watch", NAME], "no profiled process is called " + NAME), (["memory", NAME], "no process is called " + NAME),
                       (["dump", NAME], "no profiled process is called"), (["top", "newest:" + NAME], "no profiled process is called"),
                       (["top", "@unit-of-nobody"], "no profiled process is in unit unit-of-nobody"), (["top", NAME], "No such file"),
                       (["watch", "@"], "no profiled process"), (["doctor", NAME], "is no PID and no process's name"), (["watch", "newest:"], "no process"), (["watch", "a/b"], "no process")):
    status, text, err = heaptap(*command)
    check(" ".join(command), status in (1, 2) and one_line(err) and words in err, (status, err))

# recover takes names of the dead: one, several, the newest, none, and those of the living say so.
status, text, err = heaptap("recover", NAME)
check("recover several", status == 1 and one_line(err) and "2 dead processes are called %s:" % NAME in err and
      all("%d (" % p.pid in err for p in (first, second)) and "newest:" + NAME in err, err)
status, text, err = heaptap("recover", "newest:" + NAME)
check("recover the newest", status == 0 and re.search(r"NAME\.%d\.pb\.gz".replace("NAME", NAME) % second.pid, err), (status, err))
status, text, err = heaptap("recover", NAME, "-o", "r.pb.gz")
check("recover the one that is left", status == 0 and "File: " + NAME in heaptap("top", "r.pb.gz")[1], (status, err))
for word in NAME, "newest:" + NAME, NAME + "x":
    status, text, err = heaptap("recover", word)
    check("recover none " + word, status == 1 and one_line(err) and "no process called %s left a profile" % word.replace("newest:", "") in err, err)
living = start(program, 2)
status, text, err = heaptap("recover", NAME)
check("recover a living one", status == 1 and one_line(err) and "%s (pid %d) is alive: heaptap dump %d" % (NAME, living.pid, living.pid) in err, err)
kill(living)

# A server and the children it forked, all with the server's name: the server.
server = start("/bin/bash", "-c", "exec -a %s bash -c '(exec -a %s sleep 5 >/dev/null 2>&1) & (exec -a %s sleep 5 >/dev/null 2>&1) & echo up; wait'" % ((NAME,) * 3),
               LD_PRELOAD="")
check("a server", pid_of(NAME) == str(server.pid), pid_of(NAME))
kill(server)

# The program's name is that of the link by which it was started, whatever title it has given itself since.
LINK = "l%d" % os.getpid()
link = os.path.join(DIR, "bin", LINK)
os.symlink(NAME, link)
for title in (link, LINK, LINK + " *:6379", LINK + ": master process /etc/x", "something else"):
    p = start("/bin/bash", "-c", "exec -a '%s' %s 2" % (title, link))
    for command, words in (("threads", r"threads? of %s \(pid %d\)" % (LINK, p.pid)), ("doctor", r"program +%s\n" % link),
                           ("top", "File: %s\n" % LINK), ("memory", r"%s \(pid" % LINK), ("ps", "(?m)^ *%d +%s " % (p.pid, LINK))):
        said = heaptap(command, *([] if command == "ps" else [p.pid]))[1]
        check("%s, started by a link, with the title %s" % (command, title), re.search(words, said), said[:300])
    kill(p)

finish("names")
