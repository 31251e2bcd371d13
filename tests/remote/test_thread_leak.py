#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_thread_leak.py HEAPTAP: the commands of docs/threads.md about a thread leak, in their order, and what they must show."""
import os, re, shutil, signal, subprocess, sys, tempfile

heaptap = os.path.abspath(sys.argv[1])
root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
failed = []


def check(what, ok, seen=""):
    if not ok:
        failed.append("%s: %s" % (what, str(seen)[-1500:]))


text = open(root + "/docs/threads.md").read()
part = text[text.index("## Hunt a thread leak"):]
part = part[:part.index("\n## ", 5)]
commands = "".join(re.findall(r"```sh\n(.*?)```", part, re.S))
check("three pieces of commands", part.count("```sh") == 3, part)
work = tempfile.mkdtemp()
os.mkdir(work + "/bin")
os.symlink(heaptap, work + "/bin/heaptap")
os.symlink(root + "/docs", work + "/docs")
script = "trap 'kill $PID' EXIT\nset -e\n" + commands.replace("heaptap ", "echo ==; heaptap ")
p = subprocess.Popen(["bash", "-c", script], cwd=work, env=dict(os.environ, PATH=work + "/bin:" + os.environ["PATH"]), stdout=subprocess.PIPE,
                     stderr=subprocess.PIPE, text=True, start_new_session=True)
try:
    out, err = p.communicate(timeout=200)
finally:
    try:
        os.killpg(p.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
check("all commands work", p.returncode == 0, (p.returncode, out, err))
parts = (out + "==\n" * 6).split("==\n")
tables = parts[1].strip().split("\n\n")
check("ten tables", len(tables) == 10, parts[1])
leak = [line for line in tables[-1].splitlines() if "wait_for_answer < handle_request" in line]
check("the leak stands first, and climbs", leak and leak[0] == tables[-1].splitlines()[2] and " climbs " in leak[0] and "request-#" in leak[0], tables[-1])
grown = re.search(r"(\d+) threads, \+(\d+) since", tables[-1])
check("so many more", grown and int(grown[2]) >= 3 and leak and int(leak[0].split()[1]) >= 3, tables[-1])
check("where nothing comes, nothing climbs", not re.search(r"climbs +poold", tables[-1]), tables[-1])
for what, text in ("diff", parts[4]), ("top --base", parts[5]):
    row = re.search(r"^ +0 +\S+ +\S+ +(\d+) +\S+  wait_for_answer$", text, re.M)
    check(what + " shows it", row and int(row[1]) >= 2, text + err)
for words, status, said in ((["--threads", "4194303"], 1, "no process"), (["--threads"], 2, "one process"), (["--threads", "--count=0", "1"], 2, "--count")):
    r = subprocess.run([heaptap, "watch", *words], capture_output=True, text=True)
    check("watch %s" % words, r.returncode == status and said in r.stderr and r.stderr.count("\n") == 1, r)
shutil.rmtree(work)
for f in failed:
    print("FAIL", f)
sys.exit(bool(failed))
