#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What doctor says of programs, and that it is true: heaptap run has a profile where it can be profiled, and none where not."""
import contextlib
import glob
import os
import re
import shutil
import subprocess

from common import HEAPTAP, NOBODY, PROG, Case, as_nobody, main

PLAIN = """#include <stdlib.h>
void *keep[10];
int main(void) { for (int i = 0; i < 10; i++) keep[i] = malloc(100000); return 0; }
"""
# An arena that gives nothing back; the first %s is what stands before each function.
OWN = """#include <stddef.h>
#include <string.h>
static char area[64 << 20] __attribute__((aligned(16)));
static size_t used;
%(how)s void *malloc(size_t n) { char *p = area + used + 16; *(size_t *)(p - 16) = n; used += (n + 31) & ~15UL; return p; }
%(how)s void free(void *p) { (void)p; }
%(how)s void *calloc(size_t n, size_t m) { return malloc(n * m); }
%(how)s void *realloc(void *p, size_t n) { void *q = malloc(n); if (p) memcpy(q, p, n < *(size_t *)((char *)p - 16) ? n : *(size_t *)((char *)p - 16)); return q; }
"""

HIDDEN = """#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
char *line;
int main(void) { size_t n = 0; FILE *f = open_memstream(&line, &n); fputs("x", f); return fclose(f) || !malloc(5); }
"""


class Program(Case):
    def profiled(self, path, *args):
        """Whether run --exact has a profile of it."""
        out = os.path.join(self.tmp, "is.pb.gz")
        if os.path.exists(out):
            os.unlink(out)
        r = subprocess.run([HEAPTAP, "run", "-q", "--no-children", "--exact", "-o", out, "--", path, *args], capture_output=True,
                           cwd=self.tmp, env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"))
        self.assertGreaterEqual(r.returncode, 0, r)
        return os.path.exists(out)

    def can(self, path, check="allocator", level="ok", *texts):
        said = self.ask("--", path)
        self.assertEqual(said.status, 0, said.findings)
        self.found(said, check, level, *(texts or [""]))
        self.assertTrue(self.profiled(path), path)

    def cannot(self, path, check, what, why, remedy):
        said = self.ask("--", path)
        self.assertEqual(said.status, 1, said.findings)
        self.found(said, check, "obstacle", what, why, remedy)
        self.assertFalse(self.profiled(path), path)

    def test_plain(self):
        path = self.build("plain", PLAIN)
        self.can(path, "allocator", "ok", "the C library's")
        self.found(self.ask("--", path, env={"HEAPTAP_OUTPUT": self.tmp + "/%%p.%e.%p.pb.gz"}), "output", "ok", self.tmp + "/%p.plain.PID.pb.gz")

    def test_static(self):
        self.cannot(self.build("static", PLAIN, "-static", need="-static"), "program", "statically linked", "preloaded", "dynamically")

    def test_32_bit(self):
        self.cannot(self.build("m32", PLAIN, "-m32", need="gcc-multilib"), "program", "32-bit", "64-bit only", "64 bits")

    def test_musl(self):
        self.cannot(self.build("musl", PLAIN, compiler="musl-gcc"), "program", "linked with musl", "GNU C library", "build it")

    def test_sanitizers(self):
        for option, name in ("address", "AddressSanitizer"), ("thread", "ThreadSanitizer"), ("leak", "LeakSanitizer"):
            self.cannot(self.build(name, PLAIN, "-fsanitize=" + option, need=option), "program", "built with " + name, "first", "without")
        self.can(self.build("ub", PLAIN, "-fsanitize=undefined", need="undefined"))

    def test_setuid(self):
        self.need_root()
        if os.statvfs(self.tmp).f_flag & os.ST_NOSUID:
            self.skipTest("the file system is mounted nosuid")
        path = self.build("setuid", PLAIN)
        os.chown(path, NOBODY, NOBODY)
        for mode, word in (0o4755, "setuid"), (0o2755, "setgid"):
            os.chmod(path, mode)
            self.cannot(path, "program", "it is " + word, "preloads nothing", "run heaptap")
        os.chmod(path, 0o755)
        self.can(path)

    def test_file_capabilities(self):
        self.need_root()
        path = self.build("capable", PLAIN)
        os.chmod(self.tmp, 0o777)
        fine = self.ask("--", path, preexec_fn=as_nobody)
        self.assertEqual(fine.status, 0)
        try:
            if subprocess.run(["setcap", "cap_net_raw+ep", path], capture_output=True).returncode:
                self.skipTest("no file capabilities here")
        except FileNotFoundError:
            self.skipTest("no setcap here")
        self.found(self.ask("--", path, preexec_fn=as_nobody), "program", "obstacle", "file capabilities", "preloads nothing", "as root")

    def test_shared_allocators(self):
        tried = 0
        for name in "jemalloc", "tcmalloc", "mimalloc":
            found = glob.glob("/usr/lib/x86_64-linux-gnu/lib%s*.so.[0-9]" % name)
            if found:
                self.can(self.build(name, PLAIN, "-Wl,--no-as-needed", sorted(found)[0]), "allocator", "ok", r"%s.*\(%s\)" % (name, name))
                tried += 1
        if not tried:
            self.skipTest("no allocator's library here")

    def test_jemalloc_linked_in(self):
        archive = "/usr/lib/x86_64-linux-gnu/libjemalloc.a"
        if not os.path.exists(archive):
            self.skipTest("no libjemalloc.a (libjemalloc-dev)")
        path = self.build("je", PLAIN, archive, "-lstdc++", "-lm", "-lpthread", "-ldl", need="libjemalloc.a")
        self.cannot(path, "allocator", "jemalloc is linked into it", "preloaded", "prof:true")
        subprocess.run(["strip", path], check=True)  # what it prints of itself still says so
        self.cannot(path, "allocator", "jemalloc is linked into it", "preloaded", "prof:true")

    def test_own_malloc(self):
        exported = self.build("own", PLAIN + OWN % {"how": ""})
        self.cannot(exported, "allocator", "a malloc of its own is linked into it", "preloaded", "shared library")
        # Hidden: the program calls it, its libraries call ours.
        hidden = self.build("hidden", HIDDEN + OWN % {"how": '__attribute__((visibility("hidden")))'})
        self.can(hidden, "allocator", "note", "linked into it", "only what its libraries", "")

    def test_own_malloc_with_new(self):
        source = "#include <stddef.h>\n#include <string.h>\n" + 'extern "C" {\n' + (OWN % {"how": ""}).split("\n", 2)[2] + "}\n" + \
            "int *keep;\nint main() { for (int i = 0; i < 100; i++) keep = new int[1000]; return !keep; }\n"
        path = self.build("new", source, "-fpermissive", "-w", compiler="g++")
        self.cannot(path, "allocator", "a malloc of its own", "operator new's among them", "shared library")

    def test_by_its_name(self):
        path = os.path.join(self.tmp, "java")
        shutil.copy(self.build("plain", PLAIN), path)
        self.can(path, "allocator", "note", "Java heap", "", "virtual machine")

    def test_cut_short_while_it_is_read(self):
        """Another user's file, by root: a mapping of it would be a SIGBUS. strace holds who maps it until it is cut."""
        self.need_root()
        if not shutil.which("strace"):
            self.skipTest("no strace here")
        path = os.path.join(self.tmp, "theirs")
        shutil.copy(HEAPTAP, path)
        os.chown(path, NOBODY, NOBODY)
        t = subprocess.Popen(["strace", "-f", "-o", "/dev/null", "-P", path, "-e", "inject=mmap:delay_exit=3000000", HEAPTAP, "doctor", "--", path],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while t.poll() is None:
            for maps in glob.glob("/proc/%d/task/*/children" % t.pid):
                with contextlib.suppress(OSError), open(maps) as f:
                    for child in f.read().split():
                        with open("/proc/%s/maps" % child) as m:
                            if path in m.read():
                                os.truncate(path, 100)
        self.assertIn(t.returncode, (0, 1))

    def test_go(self):
        if not shutil.which("go"):
            self.skipTest("no go here")
        source = os.path.join(self.tmp, "p.go")
        with open(source, "w") as f:
            f.write("package main\nfunc main() { println(1) }\n")
        path = os.path.join(self.tmp, "gone")
        env = dict(os.environ, CGO_ENABLED="0", GOCACHE=self.tmp + "/cache", GOFLAGS="-mod=mod", GO111MODULE="off")
        if subprocess.run(["go", "build", "-o", path, source], env=env, cwd=self.tmp, capture_output=True).returncode:
            self.skipTest("go builds nothing here")
        self.cannot(path, "program", "static Go program", "preloaded", "runtime/pprof")


class Endings(Case):
    """run that has nothing ends in a command that says why, and the command says it."""

    def test_run(self):
        path = self.build("static", PLAIN, "-static", need="-static")
        for words, end in ((["--", path], "says more)"), (["--rate=1G", "--", "/bin/true"], "says why")):
            r = subprocess.run([HEAPTAP, "run", *words], capture_output=True, text=True, cwd=self.tmp)
            last = r.stderr.splitlines()[-1]
            self.assertRegex(last, r"heaptap doctor -- %s %s\Z" % (words[-1], re.escape(end)))
            self.assertTrue(self.ask("--", words[-1]).findings)


class Scripts(Case):
    def script(self, name, text, mode=0o755):
        path = os.path.join(self.tmp, name)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def test_interpreters(self):
        static = self.build("static", PLAIN, "-static", need="-static")
        for line in (static, static + " -x", "/usr/bin/env -S A=b " + static):
            said = self.ask("--", self.script("s", "#!%s\n" % line))
            self.found(said, "program", "obstacle", "its interpreter .*static: it is statically linked", "preloaded", "dynamically")
        self.found(self.ask("--", self.script("sh", "#!/bin/sh\n")), "program", "ok", "/bin/sh")
        self.found(self.ask("--", self.script("env", "#!/usr/bin/env sh\n")), "program", "ok", "/sh")
        self.found(self.ask("--", self.script("text", "echo x\n")), "program", "ok", "text, read by the shell")

    def one(self, *words, what, **more):
        said = self.ask("--", *words, **more)
        self.assertEqual(said.status, 1)
        self.assertRegex(said.one_line, what)

    def test_no_programs(self):
        self.one("no-such-program", what="no such program in PATH")
        self.one("./no/such", what="no such file")
        self.one("/", what="a directory")
        self.one("", what="cannot run")
        self.one("/etc/passwd", what="not executable")
        self.one(self.script("data", "\0\1\2\3"), what="neither an ELF program nor a script")
        unlinked = self.build("object", PLAIN, "-c")
        os.chmod(unlinked, 0o755)
        self.one(unlinked, what="neither an ELF program nor a script")
        self.one(self.script("loop", "#!%s/loop\n" % self.tmp), what="a script, too often")
        stripped = os.path.join(self.tmp, "stripped")
        subprocess.run(["strip", "-o", stripped, PROG], check=True)
        with open(stripped, "rb") as f:
            whole = f.read()
        for n in (4, 20, 64, 200, 1000, len(whole) // 2):
            path = os.path.join(self.tmp, "cut%d" % n)
            with open(path, "wb") as f:
                f.write(whole[:n])
            os.chmod(path, 0o755)
            self.one(path, what="cut short")

    def test_no_loader(self):
        self.one(self.build("loaderless", PLAIN, "-Wl,--dynamic-linker=/no/such/ld.so"), what="/no/such/ld.so, the loader that it names is not there")

    def test_unreadable(self):
        self.need_root()
        path = os.path.join(self.tmp, "secret")
        shutil.copy(PROG, path)
        os.chmod(path, 0o711)
        said = self.ask("--", path, preexec_fn=as_nobody)
        self.found(said, "program", "note", "cannot be read", "", "as its owner")


if __name__ == "__main__":
    main()
