# SPDX-License-Identifier: MIT
"""The program behaves as if it ran alone: exit status, signals, standard streams; and leaves its profile."""
import os
import signal
import subprocess

from common import Case, HEAPTAP, PROG, STATIC, main


class Status(Case):
    def test_exit_status(self):
        for status in (0, 3, 255):
            r = self.run_("--exact", "-o", "p.pb.gz", PROG, "exit", str(status))
            self.assertEqual(r.returncode, status)
            self.assertEqual(self.blocks("p.pb.gz"), 10)

    def test_killed_by_any_signal(self):
        for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGTERM, signal.SIGXFSZ):
            r = self.run_("--exact", "-o", "k%d.pb.gz" % number, PROG, "kill", str(int(number)))
            self.assertEqual(r.returncode, 128 + number)
            self.assertEqual(self.blocks("k%d.pb.gz" % number, "inuse_objects"), 10)
        self.assertEqual(self.leftovers(), [])

    def test_streams_are_the_programs(self):
        r = self.run_("-q", "--", "cat", input="one\ntwo\n")
        self.assertEqual((r.returncode, r.stdout, r.stderr), (0, "one\ntwo\n", ""))

    def test_arguments_are_the_programs(self):
        r = self.run_("printf", "%s.", "-o", "--rate=1", "a b", "--")
        self.assertEqual((r.returncode, r.stdout), (0, "-o.--rate=1.a b.--."))

    def ready(self, p):
        return int(p.stdout.readline().split()[1])

    def test_term_goes_on_to_the_program(self):
        p = self.start("--exact", "-o", "t.pb.gz", PROG, "wait")
        self.ready(p)
        p.send_signal(signal.SIGTERM)
        p.communicate(timeout=100)
        self.assertEqual(p.returncode, 77)
        self.assertEqual(self.blocks("t.pb.gz"), 5)

    def test_interrupt_of_the_terminal_is_the_programs(self):
        pid, terminal = os.forkpty()
        if pid == 0:
            os.chdir(self.dir)
            os.execve(HEAPTAP, [HEAPTAP, "run", "--exact", "-o", "i.pb.gz", PROG, "wait"], self.env)
        said = b""
        while b"ready" not in said:
            said += os.read(terminal, 1000)
        child = int(said.split(b"ready ")[1].split()[0])
        os.write(terminal, b"\x03")
        while b"int\r\n" not in said:  # the handler's word: the signal came, and once
            said += os.read(terminal, 1000)
        os.kill(child, 0)
        os.kill(child, signal.SIGKILL)
        try:
            while os.read(terminal, 1000):
                pass
        except OSError:
            pass
        _, status = os.waitpid(pid, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), 137)
        self.assertEqual(said.count(b"int\r\n"), 1)
        self.assertEqual(self.blocks("i.pb.gz"), 5)

    def test_ignored_signals_stay_ignored(self):
        p = self.start("-q", "sh", "-c", "kill -HUP $$; echo alive; exit 4",
                       preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        out, _ = p.communicate(timeout=100)
        self.assertEqual((p.returncode, out), (4, "alive\n"))

    def test_child_status_with_sigchld_ignored(self):
        p = self.start("-q", PROG, "exit", "9",
                       preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
        p.communicate(timeout=100)
        self.assertEqual(p.returncode, 9)

    def test_no_such_program(self):
        for program, status in (("no-such-program", 127), ("./no/such", 127), ("/etc/passwd", 126), ("/", 126)):
            r = self.run_(program)
            self.assertEqual(r.returncode, status)
            self.assertRegex(r.stderr, r"\Aheaptap: cannot run %s: .+\n\Z" % program)


class Layouts(Case):
    def build(self, *flags):
        source, program = (os.path.join(self.dir, n) for n in ("p.c", "p"))
        with open(source, "w") as f:
            f.write("#include <stdlib.h>\nvoid *keep[10];\n__attribute__((noinline)) void keep_blocks(void)\n"
                    "{ for (int i = 0; i < 10; i++) keep[i] = malloc(100000); }\n"
                    "int main(void) { keep_blocks(); return keep[9] == 0; }\n")
        subprocess.run(["gcc", "-O1", "-fno-builtin", "-fomit-frame-pointer", source, "-o", program, *flags], check=True)
        return program

    def names_in(self, *words):
        r = self.run_("--exact", "-o", "l.pb.gz", *words)
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertIn(", 0 stacks truncated", r.stderr)
        self.assertEqual(self.blocks("l.pb.gz"), 10)

    def test_holes_between_the_segments(self):  # as node has them
        self.names_in(self.build("-no-pie", "-Wl,--section-start=.text=0x4000000"))

    def test_position_independent_or_not(self):
        self.names_in(self.build("-no-pie"))
        self.names_in(self.build("-pie", "-fPIE"))

    def test_as_an_argument_of_the_loader(self):
        for flags in (["-no-pie"], ["-pie", "-fPIE"], ["-no-pie", "-Wl,--section-start=.text=0x4000000"]):
            self.names_in("/lib64/ld-linux-x86-64.so.2", self.build(*flags))


class Obstacles(Case):
    def test_static_runs(self):
        r = self.run_(STATIC)
        self.assertEqual(r.returncode, 4)
        self.assertRegex(r.stderr, r"\Aheaptap: .*run-static cannot be profiled: it is statically linked.*\n\Z")

    def test_script_with_a_static_interpreter(self):
        script = os.path.join(self.dir, "script")
        with open(script, "w") as f:
            f.write("#!%s\n" % STATIC)
        os.chmod(script, 0o755)
        r = self.run_(script)
        self.assertEqual(r.returncode, 4)
        self.assertIn("its interpreter %s: it is statically linked" % STATIC[-80:], r.stderr)

    def test_32_bit_runs_without_the_loaders_complaint(self):
        with open(PROG, "rb") as f:
            elf = bytearray(f.read(64))
        elf[4] = 1  # ELFCLASS32: the kernel refuses the rest of it
        path = os.path.join(self.dir, "elf32")
        with open(path, "wb") as f:
            f.write(elf)
        os.chmod(path, 0o755)
        r = self.run_(path)
        self.assertEqual(r.returncode, 126)
        self.assertIn("cannot be profiled: it is a 32-bit program", r.stderr)
        self.assertNotIn("LD_PRELOAD", r.stderr)

    def test_address_sanitizer(self):
        source = os.path.join(self.dir, "a.c")
        with open(source, "w") as f:
            f.write("int main(void) { return 6; }\n")
        asan = os.path.join(self.dir, "asan")
        if subprocess.run(["gcc", "-fsanitize=address", source, "-o", asan], capture_output=True).returncode:
            self.skipTest("gcc has no AddressSanitizer here")
        r = self.run_(asan, env={"ASAN_OPTIONS": "detect_leaks=0"})
        self.assertEqual(r.returncode, 6)
        self.assertRegex(r.stderr, r"\Aheaptap: .*asan cannot be profiled: it is built with AddressSanitizer.*\n\Z")

    def test_setuid(self):
        if os.geteuid():
            self.skipTest("needs root to make a setuid program")
        path = os.path.join(self.dir, "setuid")
        with open(PROG, "rb") as f, open(path, "wb") as g:
            g.write(f.read())
        os.chown(path, 65534, 65534)
        os.chmod(path, 0o4755)
        r = self.run_(path, "exit", "5")
        self.assertEqual(r.returncode, 5)
        if os.statvfs(path).f_flag & os.ST_NOSUID:
            self.skipTest("the file system is mounted nosuid")
        self.assertIn("cannot be profiled: it is setuid", r.stderr)


if __name__ == "__main__":
    main()
