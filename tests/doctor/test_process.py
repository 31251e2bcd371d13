#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What doctor says of processes: each finding made true, and false by an ordinary profiled process."""
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import time

from common import FILTER, HEAPTAP, LIBRARY, PROG, Case, as_nobody, main


def in_file(path, word):
    with open(path) as f:
        return word in f.read()


class Process(Case):
    def one(self, pid, what, **more):
        said = self.ask(pid, **more)
        self.assertEqual(said.status, 1)
        self.assertRegex(said.one_line, what)

    def test_profiled(self):
        p = self.start("allocate=5000000", env={"HEAPTAP_RATE": "4k"})
        said = self.ask(p.pid)
        self.assertEqual({f["level"] for f in said.findings if f["check"] not in ("shared memory", "limits", "seccomp")}, {"ok"}, said.findings)
        self.found(said, "process", "ok", "doctor-prog, uid %d" % os.geteuid())
        self.found(said, "preload", "ok", LIBRARY)
        self.found(said, "region", "ok", "layout")
        self.found(said, "samples", "ok", r"\d+, one every 4.0kB")
        self.found(said, "output", "ok", self.tmp)
        self.assertEqual(said.status, 0)

    def test_not_preloaded(self):
        self.found(self.ask(self.start(preload=None).pid), "preload", "obstacle", "without heaptap", "process that runs", "heaptap run -- doctor-prog")

    def test_library_that_is_not_there(self):
        p = self.start(preload="/no/such/libheaptap.so")
        self.found(self.ask(p.pid), "preload", "obstacle", "LD_PRELOAD names /no/such/libheaptap.so", "no such file", "run")
        empty = os.path.join(self.tmp, "libheaptap.so")
        open(empty, "w").close()
        self.found(self.ask(self.start(preload=empty).pid), "preload", "obstacle", "LD_PRELOAD names", "did not load it", "run")

    def test_static_and_sanitizer(self):
        source = '#include <stdio.h>\n#include <unistd.h>\nint main(void) { printf("ready %d\\n", getpid()); fflush(stdout); return getchar() == 1; }\n'
        path = self.build("static", source, "-static", need="-static")
        said = self.ask(self.start(program=path).pid)
        self.found(said, "program", "obstacle", "statically linked", "preloaded", "dynamically")
        self.obstacles(said, "program")
        path = self.build("asan", source, "-fsanitize=address", need="address")
        p = self.start(program=path, env={"ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"})
        said = self.ask(p.pid)
        self.obstacles(said, "allocator")
        self.found(said, "allocator", "obstacle", "AddressSanitizer's", "before what is preloaded", "without")

    def test_setuid(self):
        self.need_root()
        if os.statvfs(self.tmp).f_flag & os.ST_NOSUID:
            self.skipTest("the file system is mounted nosuid")
        path = os.path.join(self.tmp, "setuid")
        shutil.copy(PROG, path)
        os.chmod(path, 0o4755)
        p = self.start(program=path, preexec_fn=as_nobody)
        said = self.ask(p.pid)
        self.found(said, "preload", "obstacle", "more rights", "preloads nothing", "owner")
        self.obstacles(said, "preload")

    def test_another_allocator_first(self):
        jemalloc = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"
        if not os.path.exists(jemalloc):
            self.skipTest("no jemalloc here")
        for preload, rate in ((jemalloc + ":" + LIBRARY, 1), (LIBRARY + ":" + jemalloc, 1)):
            p = self.start("allocate=100000", preload=preload, env={"HEAPTAP_RATE": str(rate)})
            said = self.ask(p.pid)
            if preload.startswith(jemalloc):
                self.found(said, "allocator", "obstacle", "libjemalloc.so.2 stands before", "takes every call", "first")
                self.found(said, "samples", "note", "none in", "nothing through malloc", "allocator")
            else:
                self.found(said, "allocator", "ok", r"libjemalloc.so.2 \(jemalloc\)")
                self.fine(said, "samples")

    def test_samples(self):
        said = self.ask(self.start(env={"HEAPTAP_RATE": "1G"}).pid)
        self.found(said, "samples", "note", "none in .*, at one every 1.0GB", "95 % confidence it has allocated less than 3.0GB", "--rate=4k")
        self.assertEqual(said.status, 0)
        said = self.ask(self.start("allocate=100000", env={"HEAPTAP_RATE": "1"}).pid)
        self.found(said, "samples", "ok", r"1\d\d, every allocation")
        said = self.ask(self.start("allocate=100000", env={"HEAPTAP_RATE": "1", "HEAPTAP_START": "0"}).pid)
        self.found(said, "samples", "note", r"sampling is off \(0 so far\)", "START=0", "heaptap_start")

    def test_no_children(self):
        p = self.start("fork", prefix=[HEAPTAP, "run", "-q", "--no-children", "--"], preload=None)
        said = self.ask(p.is_ready)
        self.found(said, "region", "obstacle", "HEAPTAP_CHILDREN=0", "alone", "--no-children")
        said = self.ask(self.start("fork", env={"HEAPTAP_RATE": "1G"}).is_ready)
        self.found(said, "region", "note", "a fork's child without a sample", "first sample", "--rate")
        self.assertEqual(said.status, 0)

    def test_no_memory_for_a_region(self):
        """The smallest address space in which the program starts leaves none for a region."""
        for limit in range(2 << 20, 10 << 20, 32 << 10):
            try:
                p = self.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
            except AssertionError:
                continue
            break
        said = self.ask(p.pid)
        self.found(said, "region", "obstacle", "no memory", r"%d kB \(ulimit -v\)" % (limit >> 10), "larger")

    def test_region_in_its_memory(self):
        p = self.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 17, 1 << 17)))
        self.found(self.ask(p.pid), "region", "note", "it is in the process's own memory", "128kB at most", "dump %d" % p.pid)

    def test_tables_full(self):
        source = """#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#define F(n) __attribute__((noinline, optimize("no-optimize-sibling-calls"))) static void *f##n(int d) { void *volatile p = d ? (d & 1 ? f0(d >> 1) : f1(d >> 1)) : malloc(100); return p; }
static void *f1(int d);
F(0)
F(1)
int main(void) { for (int i = 0; i < 1 << 16; i++) f0(1 << 16 | i); printf("ready %d\\n", getpid()); fflush(stdout); return getchar() == 1; }
"""
        path = self.build("full", source)
        p = self.start(program=path, env={"HEAPTAP_RATE": "1"}, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (64 << 20, 64 << 20)))
        said = self.ask(p.pid)
        self.found(said, "samples", "note", r"\d+ lost", "could not grow", "see limits")
        self.found(said, "limits", "note", r"64.0MB \(ulimit -v\)", "region gets 2.0MB", "larger")

    def test_other_layout(self):
        p = self.start("allocate=10000", env={"HEAPTAP_RATE": "1"})
        with open("/proc/%d/maps" % p.pid) as f:
            path = next(l.split()[-1] for l in f if re.search(r"/%d\.\d+\.\d+$" % p.pid, l))
        with open(path, "r+b") as f:
            f.seek(8)
            version, = struct.unpack("<I", f.read(4))
            f.seek(8)
            f.write(struct.pack("<I", version + 1))
        said = self.ask(p.pid)
        self.found(said, "region", "obstacle", "version", "layout %d" % version, "belongs to " + LIBRARY)
        with open(path, "r+b") as f:
            f.seek(8)
            f.write(struct.pack("<I", version))
        self.fine(self.ask(p.pid), "region")

    def test_library_replaced(self):
        copy = os.path.join(self.tmp, "libheaptap.so")
        shutil.copy(LIBRARY, copy)
        p = self.start(preload=copy)
        self.fine(self.ask(p.pid), "library")
        os.unlink(copy)
        self.found(self.ask(p.pid), "library", "note", "replaced or removed", "version", "again")
        self.assertEqual(self.ask(p.pid).status, 0)

    def test_another_users(self):
        self.need_root()
        p = self.start()
        self.one(p.pid, "cannot be looked into: Permission denied, it is user 0's and this command runs as 65534; as root", preexec_fn=as_nobody)
        os.chmod(self.tmp, 0o777)
        p = self.start(preexec_fn=as_nobody)
        self.assertEqual(self.ask(p.pid, preexec_fn=as_nobody).status, 0)
        self.assertEqual(self.ask(p.pid).status, 0)  # root's look at it

    def test_undumpable(self):
        self.need_root()
        os.chmod(self.tmp, 0o777)
        p = self.start("undumpable", preexec_fn=as_nobody)
        said = self.ask(p.pid, preexec_fn=as_nobody)
        self.found(said, "access", "note", "cannot be looked into", "PR_SET_DUMPABLE", "as root")
        self.assertEqual(said.status, 0)  # its region can be read
        self.one(self.start("undumpable", preload=None, preexec_fn=as_nobody).pid, "PR_SET_DUMPABLE", preexec_fn=as_nobody)

    def test_seccomp(self):
        if in_file("/proc/self/status", "Seccomp:\t0"):
            self.fine(self.ask(self.start().pid), "seccomp")
        for word, what in ("filter", "a filter is in force"), ("strict", "strict mode"):
            said = self.ask(self.start(word).pid)
            self.found(said, "seccomp", "note", what, "writes no profile by itself", "recover")
            self.found(said, "region", "note", "its later part is in", "entered a sandbox", "dump")
            self.assertEqual(said.status, 0)
        p = self.start("fork", prefix=[FILTER, "-1", "-1", "1"])
        if in_file("/proc/self/status", "Seccomp_filters"):
            self.found(self.ask(p.is_ready), "seccomp", "note", "was there at its start", "", "dump")

    def test_namespaces(self):
        p = self.start("allocate=10000", prefix=self.mounts("mount -t tmpfs -o mode=1777 tmpfs /dev/shm"), env={"HEAPTAP_RATE": "1"})
        said = self.ask(p.is_ready)
        self.found(said, "namespaces", "note", "its /dev/shm is another", "recover from here", "systemd-containers")
        self.fine(said, "region")
        self.assertEqual(said.status, 0)
        self.fine(self.ask(self.start().pid), "namespaces")
        if subprocess.run(["unshare", "-p", "-f", "true"], capture_output=True).returncode == 0:
            outer = self.start(prefix=["unshare", "-p", "-f", "--kill-child"])
            with open("/proc/%d/task/%d/children" % (outer.pid, outer.pid)) as f:
                inner, = f.read().split()
            self.found(self.ask(inner), "namespaces", "ok", "it has pid 1 in")

    def test_output(self):
        gone = os.path.join(self.tmp, "gone")
        os.mkdir(gone)
        p = self.start("allocate=100000", env={"HEAPTAP_OUTPUT": gone + "/p.%p.pb.gz", "HEAPTAP_RATE": "1"})
        self.fine(self.ask(p.pid), "output")
        os.rmdir(gone)
        said = self.ask(p.pid)
        self.found(said, "output", "note", "cannot write into %s: No such file" % gone, "stays in its region", "dump %d" % p.pid)
        self.assertEqual(said.status, 0)
        os.kill(p.pid, signal.SIGUSR1)
        self.until(lambda: "last dump failed" in self.call("--json", p.pid).stdout)  # not ask(): it looks twice, and the dump may end between
        self.found(self.ask(p.pid), "output", "note", "its last dump failed: No such file", "to %s/p" % gone, "dump %d" % p.pid)

    def until(self, what):
        """Waits for what the machine does at its own pace; the test's own limit ends it."""
        while not what():
            time.sleep(0.01)

    def test_output_of_its_user(self):
        self.need_root()
        p = self.start(preexec_fn=as_nobody)
        self.found(self.ask(p.pid), "output", "note", "user 65534 cannot write into .*: Permission denied", "region", "dump")
        os.chmod(self.tmp, 0o777)
        self.fine(self.ask(p.pid), "output")

    def test_descriptors(self):
        p = self.start()
        resource.prlimit(p.pid, resource.RLIMIT_NOFILE, (3, 3))
        self.found(self.ask(p.pid), "limits", "note", r"3 descriptors \(ulimit -n\), 3 in use", "none is left", "dump")

    def test_who_is_no_process_of_ours(self):
        p = self.start(preload=None)
        p.kill()
        p.wait()
        self.one(p.pid, "there is no process %d, and it left no region" % p.pid)
        p = self.start("allocate=100000", env={"HEAPTAP_RATE": "1"})
        pid = p.pid
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        self.one(pid, "has ended \\(a zombie until its parent, %d, waits for it\\), but its region is left; heaptap recover %d" % (os.getpid(), pid))
        p.wait()
        self.one(pid, "there is no process %d, but its region is left; heaptap recover %d" % (pid, pid))
        r = subprocess.run(["sh", "-c", 'exec "$0" doctor $$', HEAPTAP], capture_output=True, text=True)
        self.assertEqual((r.returncode, r.stdout), (1, ""))
        self.assertRegex(r.stderr, r"\Aheaptap: \d+ is this command itself\n\Z")

    def test_dump_that_has_nothing(self):
        out = os.path.join(self.tmp, "d.pb.gz")
        for words, status in ({"preload": None}, 1), ({"env": {"HEAPTAP_RATE": "1G"}}, 0):
            p = self.start(**words)
            r = subprocess.run([HEAPTAP, "dump", str(p.pid), "-o", out], capture_output=True, text=True)
            self.assertEqual(r.returncode, status, r.stderr)
            self.assertRegex(r.stderr, r"heaptap doctor %d says why\)?\n\Z" % p.pid)
        p = self.start("allocate=10000", env={"HEAPTAP_RATE": "1"})
        r = subprocess.run([HEAPTAP, "dump", str(p.pid), "-o", out], capture_output=True, text=True)
        self.assertNotIn("says why", r.stderr)

    def test_kernel_thread(self):
        try:
            with open("/proc/2/comm") as f:
                if f.read() != "kthreadd\n":
                    self.skipTest("no threads of the kernel here")
        except FileNotFoundError:
            self.skipTest("no threads of the kernel here")
        self.one(2, "kthreadd is a thread of the kernel")


if __name__ == "__main__":
    main()
