#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_doors.py HEAPTAP LIBRARY WAITS BURN: the server's /debug/pprof/profile, threads and goroutine, fetched as people fetch them and by
`go tool pprof URL`."""
import os, re, shutil, subprocess, sys, tempfile, threading, time, urllib.error, urllib.request

heaptap, library, waits, burn = map(os.path.abspath, sys.argv[1:5])
failed = []


def check(what, ok, seen=""):
    if not ok:
        failed.append("%s: %s" % (what, str(seen)[:1200]))


work = tempfile.mkdtemp()
env = dict(os.environ, LD_PRELOAD=library, HEAPTAP_RATE="1", HEAPTAP_OUTPUT=work + "/%p.pb.gz")
waiting = subprocess.Popen([waits, "places"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, text=True)
waiting.stdout.readline()
burning = subprocess.Popen([burn, "60"], env=env)
server = subprocess.Popen([heaptap, "serve", "--listen=127.0.0.1:0", str(waiting.pid), str(burning.pid)], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
base = None
for line in server.stdout:
    m = re.search(r"http://127\.0\.0\.1:\d+", line)
    if m:
        base = m[0]
        break
threading.Thread(target=server.stdout.read, daemon=True).start()
end = time.time() + 30
while time.time() < end and subprocess.run([heaptap, "ps"], capture_output=True, text=True).stdout.count("\n") < 3:
    time.sleep(0.1)


def get(path, status=200):
    try:
        with urllib.request.urlopen(base + path, timeout=60) as r:
            return r.status, dict(r.headers), r.read()
    except urllib.error.HTTPError as e:
        return e.code, dict(e.headers), e.read()


for door in "threads", "goroutine":
    path = "/%d/debug/pprof/%s" % (waiting.pid, door)
    status, headers, body = get(path + "?debug=1")
    check(path + " debug=1", status == 200 and body.startswith(b"threads profile: total 9\n") and b"sleeper" in body, (status, body[:500]))
    status, headers, body = get(path + "?debug=2")
    check(path + " debug=2", status == 200 and body.count(b"\nsleeper(...)\n") == 3, (status, body[:500]))
    status, headers, body = get(path)
    check(path, status == 200 and body[:2] == b"\x1f\x8b" and "attachment" in headers.get("Content-Disposition", ""), (status, headers))
status, headers, body = get("/%d/debug/pprof/profile?seconds=1" % burning.pid)
if status == 500 and b"perf_event_open" in body:
    print("SKIP processor time: " + body.decode())
else:
    check("profile", status == 200 and body[:2] == b"\x1f\x8b", (status, body[:300]))
    if shutil.which("go"):
        r = subprocess.run(["go", "tool", "pprof", "-top", "%s/%d/debug/pprof/profile?seconds=2" % (base, burning.pid)], capture_output=True,
                           text=True, cwd=work, env=dict(os.environ, HOME=work))
        check("go tool pprof of profile", r.returncode == 0 and "seventy" in r.stdout and "Type: cpu" in r.stdout, r.stdout + r.stderr)
if shutil.which("go"):
    r = subprocess.run(["go", "tool", "pprof", "-top", "%s/%d/debug/pprof/goroutine" % (base, waiting.pid)], capture_output=True, text=True,
                       cwd=work, env=dict(os.environ, HOME=work))
    check("go tool pprof of goroutine", r.returncode == 0 and "sleeper" in r.stdout, r.stdout + r.stderr)
status, _, body = get("/%d/debug/pprof/" % waiting.pid)
check("index", b"debug/pprof/threads" in body and b"debug/pprof/profile" in body, body)
for path, status in (("/%d/debug/pprof/profile?seconds=0" % waiting.pid, 400), ("/%d/debug/pprof/profile?seconds=x" % waiting.pid, 400),
                     ("/99999999/debug/pprof/threads", 404), ("/debug/pprof/threads", 404)):
    got, headers, body = get(path)
    check(path, got == status and body.count(b"\n") <= 1 and "X-Go-Pprof" in headers, (got, headers, body))
# A server that stops does not wait for the seconds of a request.
answer = []
t = threading.Thread(target=lambda: answer.append(get("/%d/debug/pprof/profile?seconds=300" % burning.pid)), daemon=True)
t.start()
time.sleep(0.5)
server.terminate()
begin = time.time()
try:
    server.wait(30)
except subprocess.TimeoutExpired:
    check("the server stops", False)
    server.kill()
burning.kill()
waiting.stdin.close()
burning.wait()
waiting.wait()
subprocess.run([heaptap, "recover", str(burning.pid), "-o", work + "/x.pb.gz"], capture_output=True)
shutil.rmtree(work)
for f in failed:
    print("FAIL", f)
sys.exit(bool(failed))
