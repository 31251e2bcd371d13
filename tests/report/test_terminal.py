#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_terminal.py HEAPTAP: what a terminal gets and a pipe does not: units by row, a heading of one line, dim library functions, a pager;
"did you mean"; examples, groups and narrow lines in --help."""
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

from common import HEAPTAP, check, finish, run

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "compat"))
import pprofgen  # noqa: E402
import terminal  # noqa: E402

work = tempfile.TemporaryDirectory()
DIR = work.name
PLAIN = {k: v for k, v in os.environ.items() if not k.startswith("HEAPTAP_") and k not in ("PAGER", "LESS", "NO_COLOR", "TERM")}
PROFILE = os.path.join(DIR, "a.pb.gz")


def make(path, functions=3):
    p = pprofgen.Profile()
    program, library = p.mapping(0x1000, 0x9000, 0, "/usr/bin/known", "00ff"), p.mapping(0x10000, 0x90000, 0, "/lib/libz.so", "00fe")
    main = p.location(program, 0x1010, [(p.function("main", "k.c", 1), 20)])
    inflate = p.location(library, 0x10010, [(p.function("inflate\x1b[31m", "z.c", 1), 20)])
    for i in range(functions):
        own = p.location(program, 0x1100 + i, [(p.function("own_%04d" % i, "k.c", 1), 20)])
        size = (600 << 10, 1536 << 10, 100 << 20)[i % 3]
        p.sample([own, main], [1, size, 1, size])
    p.sample([inflate, main], [1, 700 << 10, 1, 700 << 10])
    p.write(path, time_nanos=1700000000 * 10**9, comments=["pid: 4711", "samples: 3", "lost: 0 samples", "truncated stacks: 2 samples"])


def on_terminal(*words, columns=200, **env):
    return terminal.run([HEAPTAP, *words], columns=columns, cwd=DIR, env=dict(PLAIN, **dict({"TERM": "xterm", "PAGER": "cat"}, **env)))


make(PROFILE)
HEAD = "known (pid 4711), inuse_space, Nov 14, 2023 at 10:13pm (UTC), truncated stacks: 2 samples: 102.77MB of 102.77MB (100%), 5 of 5 nodes"
PLAIN["TZ"] = "UTC"
os.environ.update(TZ="UTC", TERM="xterm")

# Piped: as pprof has it.
status, piped, err = run("top", PROFILE)
check("piped", status == 0 and piped.startswith("File: known\nBuild ID: 00ff\npid: 4711\n") and
      re.search(r"(?m)^ +100MB .* own_0002$", piped) and re.search(r"(?m)^ +0\.59MB .* own_0000$", piped) and "\x1b" not in piped and
      "inflate?[31m" in piped, piped)
for report in ("top", "tree", "owners"):
    check(report + " piped is the same with another TERM", run(report, PROFILE, env=dict(PLAIN, TERM="dumb", NO_COLOR="1"))[1] == run(report, PROFILE)[1])

# On a terminal.
status, text, err = on_terminal("top", PROFILE)
check("one line of heading", status == 0 and text.split("\n")[0] == HEAD, text)
check("then the columns", text.split("\n")[1].split() == ["flat", "flat%", "sum%", "cum", "cum%"], text)
check("units by row", re.search(r"(?m)^ +100MB .* own_0002$", text) and re.search(r"(?m)^ +1\.50MB .* own_0001$", text) and
      re.search(r"(?m)^ +600kB .* own_0000$", text), text)
check("a library's function is dim, and its own escapes are none", "  \x1b[2minflate?[31m\x1b[22m\n" in text and text.count("\x1b") == 2, repr(text))
check("--unit holds", re.search(r"(?m)^ +102400kB .* own_0002$", on_terminal("top", "--unit=kB", PROFILE)[1]))
for name, env in (("NO_COLOR", {"NO_COLOR": "1"}), ("TERM=dumb", {"TERM": "dumb"}), ("no TERM", {"TERM": ""})):
    check("no colour with " + name, "\x1b" not in on_terminal("top", PROFILE, **env)[1])
check("colour with an empty NO_COLOR", "\x1b[2m" in on_terminal("top", PROFILE, NO_COLOR="")[1])
for report in ("tree", "owners", "peek"):
    words = [report, "inflate", PROFILE] if report == "peek" else [report, PROFILE]
    status, text, err = on_terminal(*words)
    check(report + " has them too", status == 0 and text.startswith("known (pid 4711), inuse_space, ") and
          "\x1b[2minflate?[31m" in text and "File:" not in text, repr(text))
check("JSON is the same everywhere", on_terminal("top", "--json", PROFILE)[1] == run("top", "--json", PROFILE)[1])
on_terminal("top", "-o", "file", PROFILE)
check("so is a file", open(os.path.join(DIR, "file")).read().replace("\x1b", "?") == piped)

# The pager.
check("HEAPTAP_PAGER before PAGER", on_terminal("top", PROFILE, HEAPTAP_PAGER="sed s/^/A:/", PAGER="sed s/^/B:/")[1].startswith("A:" + HEAD))
check("PAGER", on_terminal("top", PROFILE, PAGER="sed s/^/B:/")[1].startswith("B:" + HEAD))
check("an empty one is none", on_terminal("top", PROFILE, HEAPTAP_PAGER="", PAGER="sed s/^/B:/")[1].startswith(HEAD))
check("none with TERM=dumb", on_terminal("top", PROFILE, PAGER="sed s/^/B:/", TERM="dumb")[1].startswith(HEAD))
check("none in a pipe", run("top", PROFILE, env=dict(PLAIN, PAGER="false", TERM="xterm"))[1] == piped)
os.mkdir(DIR + "/bin")
with open(DIR + "/bin/less", "w") as f:
    f.write("#!/bin/sh\necho \"less $* LESS=$LESS\"; exec cat\n")
os.chmod(DIR + "/bin/less", 0o755)
own = dict(PLAIN, PATH=DIR + "/bin:" + PLAIN["PATH"], TERM="xterm")
check("less with -FRX", terminal.run([HEAPTAP, "top", PROFILE], env=own)[1].startswith("less  LESS=FRX\n" + HEAD))
check("but the user's own LESS", terminal.run([HEAPTAP, "top", PROFILE], env=dict(own, LESS="-S"))[1].startswith("less  LESS=-S\n"))
os.unlink(DIR + "/bin/less")
check("without less there is none", terminal.run([HEAPTAP, "top", PROFILE], env=dict(own, PATH=DIR + "/bin"))[1].startswith(HEAD))
make(DIR + "/many.pb.gz", 5000)
status, text, err = on_terminal("traces", DIR + "/many.pb.gz", HEAPTAP_PAGER="head -n 1")
check("left early: no error", (status, text.count("\n"), err) == (0, 1, ""), (status, text[:200], err))
status, text, err = on_terminal("top", PROFILE, HEAPTAP_PAGER="/nowhere/pager")
check("a pager that is not there is named by the shell", status == 0 and "/nowhere/pager" in err, (status, text, err))
check("a report that fails starts none", on_terminal("top", DIR + "/none", PAGER="sed s/^/B:/") [0::2] ==
      (1, "heaptap: cannot open %s/none: No such file or directory\n" % DIR) or on_terminal("top", DIR + "/none")[0] == 1)
# A signal does not leave the pager alone with the terminal.
p, master = terminal.start([HEAPTAP, "top", PROFILE], env=dict(PLAIN, TERM="xterm", HEAPTAP_PAGER="cat >%s/got; touch %s/up; while ! [ -e %s/go ]; do sleep 0.02; done" % ((DIR,) * 3)))
end = time.monotonic() + 60
while not os.path.exists(DIR + "/up") and time.monotonic() < end:
    time.sleep(0.02)
p.send_signal(signal.SIGINT)
time.sleep(0.1)
check("it waits for the pager", p.poll() is None)
open(DIR + "/go", "w").close()
terminal.read(master)
check("and ends by the signal", p.wait() == -signal.SIGINT and HEAD in open(DIR + "/got").read())
p.stderr.close()

# Did you mean.
for words, said in ((["onwers"], "unknown command 'onwers'; did you mean owners? (heaptap --help lists them)"),
                    (["diffs", "x"], "unknown command 'diffs'; did you mean diff? (heaptap --help lists them)"),
                    (["rec"], "unknown command 'rec'; did you mean recover? (heaptap --help lists them)"),
                    (["xyzzy"], "unknown command 'xyzzy' (heaptap --help lists them)"),
                    (["top", "--nodecuont=3", "x"], "unknown option '--nodecuont=3'; did you mean --nodecount? (heaptap top --help lists them)"),
                    (["diff", "--focsu", "a", "b", "c"], "unknown option '--focsu'; did you mean --focus? (heaptap diff --help lists them)"),
                    (["top", "--zzzzzz", "x"], "unknown option '--zzzzzz' (heaptap top --help lists them)"),
                    (["ps", "--jsno"], "unknown option '--jsno'; did you mean --json? (heaptap ps --help lists them)"),
                    (["run", "--raet=4k", "true"], "unknown option '--raet=4k'; did you mean --rate? (heaptap run --help lists them)"),
                    (["run", "-z", "true"], "unknown option '-z' (heaptap run --help lists them)"),
                    (["run", "--rate"], "option '--rate' needs a value (heaptap run --help)"),
                    (["run", "--exact=3", "true"], "--exact takes no value"),
                    (["stat", "--repaet=3", "true"], "unknown option '--repaet=3'; did you mean --repeat? (heaptap stat --help lists them)"),
                    (["watch", "--sort=grwoth", "1"], "--sort=grwoth: inuse, growth, rate or objects; did you mean growth?"),
                    (["x" * 5000], "unknown command '%s' (heaptap --help lists them)" % ("x" * 5000))):
    got = run(*words)
    check("said of %s" % words[:3], got == (2, "", "heaptap: %s\n" % said), got)

# --help: examples on top, options in groups.
for command, groups in (([], 5), (["run"], 4), (["top"], 11), (["diff"], 11)):
    text = run(*command, "--help")[1]
    lines = text.split("\n")
    examples = [i for i, l in enumerate(lines) if l.startswith("  $ heaptap ")]
    heads = [i for i, l in enumerate(lines) if re.fullmatch(r"[A-Z][a-z, ]+:", l)]
    check("%s --help" % command, len(examples) == 3 and len(heads) == groups and max(examples) < min(heads), (examples, heads, text[:300]))
# --help on a narrow terminal: filled again, without a word more or less; commands to type stay whole.
for command in re.findall(r"(?m)^  (\w+)  ", run("--help")[1]):
    plain = run(command, "--help")[1]
    for columns in (80, 60):
        seen = on_terminal(command, "--help", columns=columns)[1]
        over = [l for l in seen.splitlines() if len(l) > columns and not re.match(r" *(\$|usage:|heaptap |eval )", l)]
        check("%s --help in %d columns" % (command, columns), seen.split() == plain.split() and not over, (over, seen[:300]))
    check("%s --help in 200 columns" % command, on_terminal(command, "--help", columns=200)[1] == plain)

work.cleanup()
finish("terminal")
