# SPDX-License-Identifier: MIT
# CPython: programs, then its own test suite, of which names and verdicts are compared. Debian ships no test_sqlite3.
# needs: /usr/bin/python3
# ordinary
p_python3_json() {
  /usr/bin/python3 - <<'P'
import json, hashlib
d = [{"id": i, "name": "n%d" % (i * 7919 % 100003), "tags": [str(j) for j in range(i % 7)]} for i in range(20000)]
for _ in range(3):
    s = json.dumps(d, sort_keys=True)
    assert json.loads(s) == d
print(len(s), hashlib.md5(s.encode()).hexdigest())
P
}
# needs: /usr/bin/python3
# ordinary
p_python3_threads() {
  /usr/bin/python3 - <<'P'
import queue, threading, zlib
q, out = queue.Queue(), {}
def work():
    while True:
        i = q.get()
        if i is None:
            return
        out[i] = zlib.crc32(zlib.compress(bytes(range(256)) * (i % 400 + 1), 6))
threads = [threading.Thread(target=work) for _ in range(8)]
for t in threads: t.start()
for i in range(600): q.put(i)
for t in threads: q.put(None)
for t in threads: t.join()
print(sum(out.values()) % 1000003, len(out))
P
}
# needs: /usr/bin/python3
# ordinary
p_python3_subprocess() {
  /usr/bin/python3 - <<'P'
import multiprocessing, os, subprocess
print([subprocess.run(["sh", "-c", "echo %d; exit %d" % (i, i % 5)], capture_output=True).returncode for i in range(12)])
print(subprocess.run("seq 1000 | sort -rn | head -n 3", shell=True, capture_output=True).stdout)
p = multiprocessing.Pool(3)
print(sum(p.map(abs, range(-500, 500))))
p.close()
p.join()
pid = os.fork()
if pid == 0:
    os._exit(7)
print(os.waitpid(pid, 0)[1])
print(sorted(os.listdir("/proc/self/fd"))[:3], len(os.listdir("/proc/self/fd")))
P
}
# needs: /usr/bin/python3
p_python3_ctypes() {
  /usr/bin/python3 - <<'P'
import ctypes, gc, mmap, signal, sqlite3, ssl
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
for i in range(3000):
    p = libc.malloc(i * 10); ctypes.memset(p, 1, i * 10); libc.free(p)
db = sqlite3.connect(":memory:"); db.execute("create table t(x)"); db.executemany("insert into t values(?)", [(i,) for i in range(5000)])
print(db.execute("select sum(x) from t").fetchone())
m = mmap.mmap(-1, 1 << 20); m[:5] = b"hello"; print(m[:5]); m.close()
signal.signal(signal.SIGALRM, lambda *a: print("alarm")); signal.setitimer(signal.ITIMER_REAL, 0.01); signal.pause()
print(ssl.create_default_context().verify_mode, gc.collect() >= 0)
P
}
# needs: /usr/bin/python3
p_python3_sqlite() {
  /usr/bin/python3 - <<'P'
import hashlib, sqlite3, threading
db = sqlite3.connect("f.db", timeout=60)
db.execute("pragma journal_mode=wal")
db.execute("create table t(k integer primary key, v blob, w text)")
db.commit()
def work(n):
    own = connections[n]
    for i in range(300):
        own.execute("insert into t values(?, ?, ?)", (i * 4 + n, bytes([i % 256]) * (i * 7), "row %d" % i))
connections = [sqlite3.connect("f.db", timeout=60, isolation_level=None, check_same_thread=False) for n in range(4)]
for c in connections: c.execute("select count(*) from t").fetchone()
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for t in threads: t.start()
for t in threads: t.join()
for c in connections: c.close()
class Digest:
    def __init__(self): self.h = hashlib.sha1()
    def step(self, v): self.h.update(v)
    def finalize(self): return self.h.hexdigest()
db.create_aggregate("digest", 1, Digest)
db.create_function("reverse", 1, lambda s: s[::-1])
db.create_collation("backwards", lambda a, b: (a < b) - (a > b))
print(db.execute("select digest(v) from (select v from t order by k)").fetchone(), db.execute("select reverse(w) from t order by w collate backwards limit 3").fetchall())
copy = sqlite3.connect(":memory:")
db.backup(copy, pages=7)
print(copy.execute("pragma integrity_check").fetchone(), sum(len(l) for l in copy.iterdump()), len(copy.serialize()) % 4096)
try:
    db.execute("insert into t values(0, null, null)")
except sqlite3.IntegrityError as e:
    print(e)
P
}

cpython_suite() { # OPTION... MODULE...
  local status i
  # --timeout is CPython's word for a slow machine: what waits for half a minute at most waits for 300 s. And a test that says of
  # itself that the machine was too busy for it is run again.
  for ((i = 0; i < 20; i++)); do
    /usr/bin/python3 -m test --timeout 12000 --junit-xml tests.xml "$@" >log 2>&1
    status=$?
    grep -q '<skipped>.*\(too busy\|load too high\)' tests.xml || break
  done
  /usr/bin/python3 - <<'P'
import xml.etree.ElementTree
for c in xml.etree.ElementTree.parse("tests.xml").iter("testcase"):
    print(c.get("name"), c.get("result"), *(k.tag for k in c if not k.tag.startswith("system-")))
P
  echo "exit $status"
}
# needs: /usr/lib/python3*/test/test_threading.py
# ordinary: glibc
# only: glibc jemalloc
# limit: 600
p_cpython_threads() { cpython_suite test_thread test_threading test_threading_local test_threadedtempfile test_threadsignals; }
# test_posix spawns a child with SIGUSR1's default action, to be killed by it; heaptap's is to dump, where no other signal is chosen.
# needs: /usr/lib/python3*/test/test_fork1.py
# ordinary: glibc
# only: glibc jemalloc
# limit: 600
p_cpython_fork() { HEAPTAP_SIGNAL=none cpython_suite test_fork1 test_wait3 test_wait4 test_posix; }
# test_double_close_on_error spawns while a thread opens 20 pipes: how many are open then is a matter of microseconds.
# needs: /usr/lib/python3*/test/test_subprocess.py
# ordinary: glibc
# only: glibc jemalloc
# limit: 600
p_cpython_subprocess() { cpython_suite -i test_double_close_on_error test_subprocess; }
# test_siginterrupt_off waits for 30 seconds.
# needs: /usr/lib/python3*/test/test_signal.py
# ordinary: glibc
# only: glibc jemalloc
# limit: 600
p_cpython_signal() { cpython_suite -i test_siginterrupt_off test_signal; }
# needs: /usr/lib/python3*/test/test_multiprocessing_fork.py
# only: glibc jemalloc
# not exact: minutes
# limit: 900
p_cpython_multiprocessing_fork() { cpython_suite test_multiprocessing_fork; }
# needs: /usr/lib/python3*/test/test_multiprocessing_spawn.py
# only: glibc
# not exact: minutes
# limit: 900
p_cpython_multiprocessing_spawn() { cpython_suite test_multiprocessing_spawn; }
# needs: /usr/lib/python3*/test/test_ctypes.py
# ordinary
# limit: 600
p_cpython_ctypes() { cpython_suite test_ctypes; }
# needs: /usr/lib/python3*/test/test_mmap.py
# ordinary
# limit: 600
p_cpython_mmap_gc() { cpython_suite test_mmap test_gc test_array test_struct test_json test_heapq test_bisect; }
# needs: /usr/lib/python3*/test/test_ssl.py
# only: glibc jemalloc
# limit: 600
p_cpython_ssl() { cpython_suite test_ssl; }
# needs: /usr/lib/python3*/test/test_faulthandler.py
# only: glibc jemalloc
# limit: 600
p_cpython_faulthandler() { cpython_suite test_faulthandler test_tracemalloc; }
