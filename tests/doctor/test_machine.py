#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What doctor says of this machine and of what a program inherits from here: each finding made true, and false."""
import os
import resource
import shutil
import struct
import subprocess

from common import FILTER, HEAPTAP, LIBRARY, NOBODY, Case, as_nobody, main

MADVISE, OPENAT2 = 28, 437
WIPEONFORK, POPULATE_WRITE = 18, 23


def limit(what, n):
    hard = resource.getrlimit(what)[1]
    return lambda: resource.setrlimit(what, (n, hard if hard == resource.RLIM_INFINITY or hard > n else n))


class Machine(Case):
    def test_here(self):
        said = self.ask()
        for check in "library", "settings", "limits", "output", "kernel":
            self.fine(said, check)
        self.obstacles(said)

    def test_arguments(self):
        for words in (["1", "2"], ["no-such-program"], ["-1"], ["0"], ["99999999999"], ["--"], ["--bogus"], ["1", "--", "sh"], ["--json=1"]):
            r = self.call(*words)
            self.assertEqual((r.returncode, r.stdout, r.stderr.count("\n")), (2, "", 1), words)


class Library(Case):
    def alone(self, name="bin"):
        place = os.path.join(self.tmp, name)
        os.mkdir(place)
        shutil.copy(HEAPTAP, place)
        return place

    def test_missing(self):
        said = self.ask(heaptap=self.alone() + "/heaptap")
        if said.status == 0:
            self.skipTest("a library is installed here")
        self.found(said, "library", "obstacle", "is not there", "beside", "install")

    def test_path_that_the_loader_cuts(self):
        place = self.alone("a b")
        shutil.copy(LIBRARY, place)
        self.found(self.ask(heaptap=place + "/heaptap"), "library", "obstacle", "cannot be preloaded", "no ':' or ' '", "move")

    def test_layout(self):
        place = self.alone()
        with open(LIBRARY, "rb") as f:
            data = f.read()
        at = data.index(struct.pack("<III", 8, 32, 1) + b"heaptap\0") + 20
        layout, = struct.unpack_from("<I", data, at)
        with open(place + "/libheaptap.so", "wb") as f:
            f.write(data[:at] + struct.pack("<I", layout + 1) + data[at + 4:])
        self.found(self.ask(heaptap=place + "/heaptap"), "library", "obstacle", "this command",
                   "layout %d, and this command reads %d" % (layout + 1, layout), "one build")

    def test_no_library_at_all(self):
        place = self.alone()
        with open("/bin/true", "rb") as f:
            program = f.read()
        for content in b"", b"nothing", b"\x7fELF", program:
            with open(place + "/libheaptap.so", "wb") as f:
                f.write(content)
            self.found(self.ask(heaptap=place + "/heaptap"), "library", "obstacle", "another version", "", "one build")


class Settings(Case):
    def test_each(self):
        for name, bad, good in (("RATE", "zzz", "4k"), ("GROWTH", "0", "1M"), ("SIGNAL", "KILL", "USR2"), ("INTERVAL", "-1", "5s"),
                                ("OUTPUT", "/tmp/%q", "/tmp/%p")):
            self.found(self.ask(env={"HEAPTAP_" + name: bad}), "settings", "note", "HEAPTAP_%s=%s cannot be used" % (name, bad), "", ".")
            self.fine(self.ask(env={"HEAPTAP_" + name: good}), "settings")
        self.found(self.ask(env={"HEAPTAP_START": "0"}), "settings", "note", "START=0", "nothing is sampled", "unset")


class SharedMemory(Case):
    def test_small(self):
        self.found(self.ask(prefix=self.mounts("mount -t tmpfs -o size=64k,mode=1777 tmpfs /dev/shm")), "shared memory", "note",
                   "/dev/shm has 64.0kB free of 64.0kB", "own memory", "remount")
        self.fine(self.ask(prefix=self.mounts("mount -t tmpfs -o size=64m,mode=1777 tmpfs /dev/shm")), "shared memory")

    def test_none(self):
        self.found(self.ask(prefix=self.mounts("mount -t tmpfs tmpfs /dev")), "shared memory", "note", "there is no /dev/shm",
                   "killed", "mount -t tmpfs")

    def test_disk(self):
        place = os.path.join(self.tmp, "disk")
        os.mkdir(place, 0o777)
        if subprocess.run(["stat", "-f", "-c", "%T", place], capture_output=True, text=True).stdout.strip() == "tmpfs":
            self.skipTest("/tmp is a tmpfs")
        self.found(self.ask(prefix=self.mounts("mount --bind %s /dev/shm" % place)), "shared memory", "note", "no tmpfs", "disk", "mount")

    def test_mode(self):
        closed = self.mounts("mount -t tmpfs -o mode=0755 tmpfs /dev/shm; chown 65534 %s" % self.tmp)
        nobody = ["setpriv", "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY, "--clear-groups"]
        self.found(self.ask(prefix=closed + nobody), "shared memory", "note", "user 65534 cannot write into /dev/shm: Permission denied",
                   "own memory", "chmod 1777")
        opened = self.mounts("mount -t tmpfs -o mode=1777 tmpfs /dev/shm; chown 65534 %s" % self.tmp)
        self.fine(self.ask(prefix=opened + nobody), "shared memory")

    def test_directory_of_regions(self):
        own = "mount -t tmpfs -o mode=1777 tmpfs /dev/shm; "
        for script, what in (("mkdir -m 755 /dev/shm/heaptap-0", "mode 0755"), ("mkdir -m 700 /dev/shm/heaptap-0; chown 65534 /dev/shm/heaptap-0", "user 65534's"),
                             ("ln -s /tmp /dev/shm/heaptap-0", "no directory"), ("touch /dev/shm/heaptap-0", "no directory")):
            self.found(self.ask(prefix=self.mounts(own + script)), "shared memory", "note", what, "own memory", "remove")
        self.fine(self.ask(prefix=self.mounts(own + "mkdir -m 700 /dev/shm/heaptap-0")), "shared memory")

    def test_another_directory(self):
        place = "/dev/shm/heaptap-doctor-%d" % os.getpid()
        os.mkdir(place, 0o700)
        try:
            self.fine(self.ask(env={"HEAPTAP_REGION_DIR": place}), "shared memory")
            os.chmod(place, 0o770)
            self.found(self.ask(env={"HEAPTAP_REGION_DIR": place}), "shared memory", "note", "mode 0770", "own memory", "0700")
        finally:
            os.rmdir(place)
        self.found(self.ask(env={"HEAPTAP_REGION_DIR": place}), "shared memory", "note", "there is no " + place, "", "unset")


class Limits(Case):
    def test_address_space(self):
        self.found(self.ask(preexec_fn=limit(resource.RLIMIT_AS, 1 << 30)), "limits", "note", r"1.0GB \(ulimit -v\)", "region gets 32.0MB", "larger")
        self.fine(self.ask(preexec_fn=limit(resource.RLIMIT_AS, 1 << 34)), "limits")

    def test_locked_memory(self):
        try:
            limit(resource.RLIMIT_MEMLOCK, 64 << 20)()
        except ValueError:
            self.skipTest("the limit cannot be raised to 64 MiB")
        self.found(self.ask(preexec_fn=limit(resource.RLIMIT_MEMLOCK, 64 << 20)), "limits", "note", r"64.0MB \(ulimit -l\)", "region gets 2", "larger")
        self.fine(self.ask(preexec_fn=limit(resource.RLIMIT_MEMLOCK, 8 << 20)), "limits")

    def test_file_size(self):
        self.found(self.ask(preexec_fn=limit(resource.RLIMIT_FSIZE, 1 << 17)), "limits", "note", "files may have 128kB", "regions are in", "ulimit -f")
        self.found(self.ask(preexec_fn=limit(resource.RLIMIT_FSIZE, 1 << 20)), "limits", "note", "files may have 1.0MB", "longer regions go on in", "ulimit -f")
        self.fine(self.ask(preexec_fn=limit(resource.RLIMIT_FSIZE, 1 << 33)), "limits")

    def test_descriptors(self):
        self.found(self.ask(preexec_fn=limit(resource.RLIMIT_NOFILE, 7)), "limits", "note", r"7 descriptors", "none is left", "larger")


class Sandbox(Case):
    def filtered(self, call, argument, how):
        return self.ask(prefix=[FILTER, str(call), str(argument), str(how)])

    def test_no_filter(self):
        with open("/proc/self/status") as f:
            if "Seccomp:\t0" not in f.read():
                self.skipTest("a filter is in force here")
        self.fine(self.ask(), "seccomp")

    def test_harmless(self):
        said = self.filtered(-1, -1, 1)
        self.found(said, "seccomp", "note", "in force", "started from here", "kernel")
        self.fine(said, "kernel")

    def test_each_call(self):
        self.found(self.filtered(MADVISE, WIPEONFORK, 22), "kernel", "obstacle", "WIPEONFORK", "nothing is profiled", "newer")
        self.found(self.filtered(MADVISE, POPULATE_WRITE, 1), "kernel", "note", "POPULATE_WRITE", "own memory", "allow madvise")
        self.fine(self.filtered(MADVISE, POPULATE_WRITE, 22), "kernel")  # as before Linux 5.14: the library does without
        self.found(self.filtered(OPENAT2, -1, 38), "kernel", "note", "openat2", "containers", "5.6")
        self.found(self.filtered(MADVISE, WIPEONFORK, "kill"), "kernel", "obstacle", "filter kills", "at start", "allow")

    def test_as_it_says(self):
        """Without MADV_WIPEONFORK nothing is profiled, with it something is."""
        for advice, profiled in (WIPEONFORK, False), (1000, True):
            path = os.path.join(self.tmp, "p.pb.gz")
            subprocess.run([FILTER, str(MADVISE), str(advice), "22", HEAPTAP, "run", "-q", "--exact", "-o", path, "--", "ls", "/"],
                           capture_output=True, check=True)
            self.assertEqual(os.path.exists(path), profiled)


class Output(Case):
    def test_directory(self):
        self.fine(self.ask(), "output")
        self.found(self.ask(env={"HEAPTAP_OUTPUT": "/no/such/p"}), "output", "note", "cannot write into /no/such: No such file", "stays in its region", "-o")

    def test_not_ours(self):
        self.need_root()
        said = self.ask(preexec_fn=as_nobody)
        self.found(said, "output", "note", "user 65534 cannot write into .*: Permission denied", "region", "-o")
        os.chown(self.tmp, NOBODY, NOBODY)
        self.fine(self.ask(preexec_fn=as_nobody), "output")

    def test_full(self):
        full = self.mounts("mkdir -p %s/full; mount -t tmpfs -o size=4k tmpfs %s/full; echo x >%s/full/x" % ((self.tmp,) * 3))
        self.found(self.ask(prefix=full, env={"HEAPTAP_OUTPUT": self.tmp + "/full/p"}), "output", "note", "No space left", "region", "-o")


class Tracing(Case):
    def scope(self, yama, user=()):
        script = "mount -t tmpfs tmpfs /proc/sys/kernel; echo 4 >/proc/sys/kernel/perf_event_paranoid"
        if yama is not None:
            script += "; mkdir /proc/sys/kernel/yama; echo %d >/proc/sys/kernel/yama/ptrace_scope" % yama
        return self.ask(prefix=self.mounts(script) + list(user))

    def test_yama(self):
        nobody = ["setpriv", "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY, "--clear-groups"]
        self.found(self.scope(1, nobody), "tracing", "note", "yama ptrace_scope 1", "root alone", "sysctl")
        self.found(self.scope(0, nobody), "tracing", "ok", "yama ptrace_scope 0; perf_event_paranoid 4")
        self.found(self.scope(1), "tracing", "ok", "yama ptrace_scope 1")
        self.found(self.scope(None, nobody), "tracing", "ok", "no yama")


if __name__ == "__main__":
    main()
