#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""heaptap symbolize: where binaries and debug files are found, and what is refused."""
import ctypes, http.server, os, re, select, shutil, socket, subprocess, sys, tempfile, threading, unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pprofile

heaptap, library, programs = map(os.path.abspath, sys.argv[1:4])
BIAS = 0x5555_0000_0000


def sh(*cmd, **kw):
    return subprocess.run(cmd, check=True, capture_output=True, text=True, **kw).stdout


def build_id(path):
    return re.search(r"Build ID: ([0-9a-f]+)", sh("readelf", "-n", path)).group(1)


def code_segment(path):
    """(offset, vaddr, memsz) of the executable PT_LOAD."""
    for line in sh("readelf", "-lW", path).splitlines():
        m = re.match(r"\s+LOAD\s+(\w+) (\w+) \w+ \w+ (\w+) R E", line)
        if m:
            return tuple(int(x, 16) for x in m.groups())


def symbols(path):
    """{name: (address, size)} of the functions."""
    out = {}
    for line in sh("readelf", "-sW", path).splitlines():
        f = line.split()
        if len(f) >= 8 and f[3] == "FUNC" and f[6].isdigit() and int(f[2], 0):
            out[f[7]] = (int(f[1], 16), int(f[2], 0))
    return out


class Symbolize(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        self.env = dict(os.environ, XDG_CACHE_HOME=self.dir + "/cache", HOME=self.dir)
        for name in ("PPROF_BINARY_PATH", "DEBUGINFOD_URLS"):
            self.env.pop(name, None)
        self.exe = self.dir + "/bin/prog"
        os.mkdir(self.dir + "/bin")

    def compile(self, src="plain.c", *flags):
        sh("g++" if src.endswith(".cc") else "gcc", "-g", "-O2", "-Wl,--build-id=sha1", *flags,
           "-o", self.exe, os.path.join(programs, src))
        self.id = build_id(self.exe)
        self.segment = code_segment(self.exe)
        self.symbols = symbols(self.exe)

    def profile(self, names, bias=BIAS, page=False, id=None, file=None):
        """A profile with the second byte of each function; returns {name: address}."""
        offset, vaddr, size = self.segment
        start = bias + vaddr
        if page:
            cut = vaddr & 0xfff
            offset, start, size = offset - cut, start - cut, (size + cut + 0xfff) & ~0xfff
        at = {n: bias + self.symbols[n][0] + 1 for n in names}
        pprofile.write(self.dir + "/in.pb.gz",
                       [(start, start + size, offset, file or self.exe,
                         self.id if id is None else id)], [(a, 0) for a in at.values()])
        return at

    def run_it(self, *options, **env):
        r = subprocess.run([heaptap, "symbolize", self.dir + "/in.pb.gz", "-o",
                            self.dir + "/out.pb.gz", *options], capture_output=True, text=True,
                           env=dict(self.env, **env), timeout=60)
        self.assertEqual(r.returncode, 0, r.stderr)
        self.said = r.stderr
        self.places, self.flags = pprofile.read(self.dir + "/out.pb.gz")

    def check(self, at, lines=True):
        for name, address in at.items():
            frames = self.places[address]
            self.assertTrue(frames, "%s has no name" % name)
            self.assertEqual(frames[-1][1], name)
            self.assertEqual(frames[-1][3] > 0, lines, frames)
        self.assertEqual(self.flags[0], (1, 1, 1, 1) if lines else (1, 0, 0, 1))
        self.assertEqual(self.said, "")

    def check_unnamed(self, at):
        for address in at.values():
            self.assertEqual(self.places[address], [])
        self.assertEqual(self.flags[0], (0, 0, 0, 0))

    def check_places(self, at):
        """The file is there and has no symbols: where the functions begin, and nobody's name."""
        for name, address in at.items():
            place = "%s+0x%x" % (os.path.basename(self.exe), self.symbols[name][0])
            self.assertEqual(self.places[address], [(place, place, "", 0)])

    def split_debug(self, debug, link=False):
        os.makedirs(os.path.dirname(debug), exist_ok=True)
        sh("objcopy", "--only-keep-debug", self.exe, debug)
        sh("strip", self.exe)
        if link:
            sh("objcopy", "--add-gnu-debuglink=" + debug, self.exe)

    def test_placement(self):
        for flags, bias in (((), BIAS), (("-no-pie",), 0), (("-Wl,-z,noseparate-code",), BIAS)):
            for page in (False, True):
                with self.subTest(flags=flags, page=page):
                    self.compile("plain.c", *flags)
                    at = self.profile(["main", "build"], bias, page)
                    self.run_it()
                    self.check(at)

    def test_without_build_id(self):
        self.compile()
        at = self.profile(["main"], id="")
        self.run_it()
        self.check(at)

    def test_inlined(self):
        self.compile("inlines.cc")
        address = None
        text = sh("addr2line", "-aif", "-e", self.exe,
                  input="".join("%x\n" % a for a in range(self.symbols["main"][0],
                                                           sum(self.symbols["main"]))))
        for block in re.split(r"^0x", text, flags=re.M)[1:]:
            lines = block.splitlines()
            if len(lines) >= 7:
                address, names = int(lines[0], 16), lines[1::2]
                break
        self.assertIsNotNone(address)
        self.symbols["it"] = (address - 1, 1)
        at = self.profile(["it"])
        self.run_it()
        self.assertEqual([f[1] for f in self.places[at["it"]]], names)

    def test_profiled_program(self):
        """Every address of a profile of an optimised program, against addr2line -aif."""
        self.compile("inlines.cc")
        subprocess.run([self.exe], check=True, stdout=subprocess.DEVNULL,
                       env=dict(self.env, LD_PRELOAD=library, HEAPTAP_RATE="1",
                                HEAPTAP_OUTPUT=self.dir + "/in.pb.gz"))
        self.run_it()
        offset, vaddr, _ = self.segment
        here = [(a, at - offset + vaddr) for a, at, file in pprofile.placed(self.dir + "/in.pb.gz")
                if file == self.exe]
        self.assertGreater(len(here), 10)
        text = sh("addr2line", "-aif", "-e", self.exe, input="".join("%x\n" % v for _, v in here))
        blocks = re.split(r"^0x\w+\n", text, flags=re.M)[1:]
        inlined = 0
        for (address, _), block in zip(here, blocks):
            lines = block.splitlines()
            theirs = [(n, int(re.sub(r".*:(\d+).*", r"\1", l).replace("?", "0") or 0)
                       if re.search(r":\d+", l) else 0) for n, l in zip(lines[::2], lines[1::2])]
            if self.places[address][-1][1].startswith(theirs[-1][0] + "."):  # main.cold
                theirs[-1] = (self.places[address][-1][1], theirs[-1][1])
            self.assertEqual([(f[1], f[3]) for f in self.places[address]], theirs)
            inlined += len(theirs) > 1
        self.assertGreater(inlined, 5)

    def test_debuglink(self):
        for sub in ("", ".debug/"):
            with self.subTest(sub=sub):
                self.compile()
                self.split_debug(self.dir + "/bin/" + sub + "prog.debug", link=True)
                at = self.profile(["main", "build"])
                self.run_it()
                self.check(at)

    def test_debuglink_of_another_build(self):
        self.compile("plain.c", "-DOTHER", "-O0")
        debug = self.dir + "/bin/prog.debug"
        self.split_debug(debug)
        self.compile()
        sh("strip", self.exe)
        sh("objcopy", "--add-gnu-debuglink=" + debug, self.exe)
        at = self.profile(["main"])
        self.run_it()
        self.check_places(at)

    def test_debuglink_by_crc(self):
        self.compile("plain.c", "-Wl,--build-id=sha1")
        self.compile_without_id()
        debug = self.dir + "/bin/prog.debug"
        self.split_debug(debug, link=True)
        at = self.profile(["main"], id="")
        self.run_it()
        self.check(at)
        with open(debug, "ab") as f:
            f.write(b"x")
        self.run_it()
        self.check_places(at)

    def compile_without_id(self):
        sh("gcc", "-g", "-O2", "-Wl,--build-id=none", "-o", self.exe,
           os.path.join(programs, "plain.c"))
        self.segment, self.symbols = code_segment(self.exe), symbols(self.exe)

    def test_binary_path(self):
        self.compile()
        where = self.dir + "/elsewhere"
        for place in ("%s/prog" % self.id, "%s/%s.debug" % (self.id[:2], self.id[2:]), "prog"):
            with self.subTest(place=place):
                self.compile()
                at = self.profile(["main", "build"], file="/no/such/prog")
                os.makedirs(os.path.dirname("%s/%s" % (where, place)), exist_ok=True)
                shutil.copy(self.exe, "%s/%s" % (where, place))
                self.run_it(PPROF_BINARY_PATH="/nowhere:" + where)
                self.check(at)
                shutil.rmtree(where)

    def test_only_debug_file(self):
        self.compile()
        at = self.profile(["main", "build"])
        self.split_debug("%s/d/%s/%s.debug" % (self.dir, self.id[:2], self.id[2:]))
        os.unlink(self.exe)
        self.run_it(PPROF_BINARY_PATH=self.dir + "/d")
        self.check(at)

    def test_root(self):
        self.compile()
        os.makedirs(self.dir + "/container/app")
        shutil.move(self.exe, self.dir + "/container/app/prog")
        at = self.profile(["main"], file="/app/prog")
        self.run_it("--root=" + self.dir + "/container")
        self.check(at)

    def test_deleted(self):
        self.compile()
        at = self.profile(["main"])
        os.unlink(self.exe)
        self.run_it()
        self.check_unnamed(at)
        self.assertRegex(self.said, r"^heaptap: .*prog.*not found.*\n$")
        self.profile(["main"], file="/tmp/\033[2Jx\ny" + "z" * 5000)
        self.run_it()
        self.assertRegex(self.said, r"^heaptap: [ -~]*\?\[2Jx\?yz[ -~]*\n$")

    def test_replaced(self):
        self.compile()
        at = self.profile(["main"])
        self.compile("inlines.cc")
        self.run_it()
        self.check_unnamed(at)
        self.assertRegex(self.said, r"^heaptap: .*prog.*another build.*\n$")

    def test_deleted_but_running(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to read /proc/PID/map_files")
        src = self.dir + "/wait.c"
        with open(src, "w") as f:
            f.write("#include <unistd.h>\nint main(void) { write(1, \"x\", 1); pause(); }\n")
        self.exe = self.dir + "/bin/wait"
        sh("gcc", "-g", "-Wl,--build-id=sha1", "-o", self.exe, src)
        self.id, self.segment = build_id(self.exe), code_segment(self.exe)
        self.symbols = symbols(self.exe)
        p = subprocess.Popen([self.exe], stdout=subprocess.PIPE)
        try:
            p.stdout.read(1)
            with open("/proc/%d/maps" % p.pid) as f:
                maps = f.read().splitlines()
            for line in maps:
                if " r-xp " in line and self.exe in line:
                    bias = int(line.split("-")[0], 16) - (self.segment[1] & ~0xfff)
            at = self.profile(["main"], bias)
            os.unlink(self.exe)
            self.run_it("--pid=%d" % p.pid)
            self.check(at)
        finally:
            p.kill()
            p.wait()
            p.stdout.close()

    def test_cache(self):
        self.compile("inlines.cc")
        at = self.profile([n for n in self.symbols if not n.startswith("_start")])
        self.run_it()
        first = self.places
        files = os.listdir(self.dir + "/cache/heaptap")
        self.assertEqual(files, [self.id + ".sym"])
        kept = "%s/cache/heaptap/%s.sym" % (self.dir, self.id)
        self.run_it()
        self.assertEqual(self.places, first)
        # A damaged file is not believed.
        with open(kept, "rb") as f:
            data = bytearray(f.read())
        for i in range(0, len(data), max(1, len(data) // 16)):
            bad = bytearray(data)
            bad[i] ^= 0x41
            with open(kept, "wb") as f:
                f.write(bad[: len(bad) - i % 3])
            self.run_it()
            self.assertEqual(self.places, first)
        # More addresses join those kept.
        size = os.path.getsize(kept)
        self.symbols = {n: (a + 4, s) for n, (a, s) in self.symbols.items() if s > 8}
        self.profile(list(self.symbols))
        self.run_it()
        self.assertGreater(os.path.getsize(kept), size)
        os.unlink(kept)
        self.run_it("--no-cache")
        self.assertFalse(os.path.exists(kept))

    def test_names_outlive_the_binary(self):
        self.compile("inlines.cc")
        at = self.profile([n for n in self.symbols if n.startswith("_ZN4shop")])
        self.run_it()
        first = self.places
        os.unlink(self.exe)
        self.run_it()
        self.assertEqual(self.places, first)
        self.assertTrue(all(self.places.values()))
        self.run_it("--no-cache")
        self.check_unnamed(at)

    def test_demangle(self):
        self.compile("inlines.cc")
        name = next(n for n in self.symbols if n.startswith("_ZN4shop4fillILi3EEE"))
        at = self.profile([name])[name]
        for mode, want in (
                ("default", "shop::fill"), ("templates", "shop::fill<3>"), ("none", name),
                ("full", "int shop::fill<3>(shop::Holder<std::__cxx11::basic_string<char, "
                         "std::char_traits<char>, std::allocator<char> > >&)")):
            self.run_it("--demangle=" + mode)
            self.assertEqual(self.places[at][-1][0], want)
            self.assertEqual(self.places[at][-1][1], name)

    def test_fast(self):
        self.compile()
        at = self.profile(["main", "build"])
        self.run_it("--fast")
        for name, a in at.items():
            self.assertEqual(self.places[a], [(name, name, "", 0)])

    def test_stripped_names_only_exported(self):
        self.compile("plain.c", "-rdynamic")
        sh("strip", self.exe)
        at = self.profile(["main", "build"])
        self.run_it()
        self.assertEqual(self.places[at["main"]][0][0], "main")
        # Not exported, and no neighbour's name instead.
        self.check_places({"build": at["build"]})
        self.assertRegex(self.said, r"^heaptap: prog has no symbols for 1 of 2 addresses: .*DEBUGINFOD_URLS")

    def test_which_package_of_rpm(self):
        """The program is a file of a package of RPM's: of which one, and what the tools of two distributions call its symbols."""
        if not shutil.which("rpmbuild"):
            self.skipTest("rpmbuild is not installed")
        self.compile("plain.c", "-rdynamic")
        sh("strip", self.exe)
        at = self.profile(["main", "build"])
        self.run_it()
        self.assertIn("addresses: its debug package, or a build that is not stripped", self.said)
        with open(self.dir + "/.rpmmacros", "w") as f:
            f.write("%%_dbpath %s/db\n%%_topdir %s/rpm\n" % (self.dir, self.dir))
        with open(self.dir + "/x.spec", "w") as f:
            f.write("Name: tool-of-ours\nVersion: 1\nRelease: 1\nSummary: x\nLicense: MIT\nAutoReqProv: no\n%%global debug_package %%{nil}\n%%description\nx\n"
                    "%%install\nmkdir -p %%{buildroot}%s/bin\ncp %s %%{buildroot}%s/bin/\n%%files\n%s\n" % (self.dir, self.exe, self.dir, self.exe))
        sh("rpmbuild", "-bb", "--nodeps", self.dir + "/x.spec", env=self.env)
        packages = [os.path.join(d, n) for d, _, names in os.walk(self.dir + "/rpm/RPMS") for n in names]
        sh("rpm", "--initdb", env=self.env)
        sh("rpm", "-i", "--justdb", "--nodeps", *packages, env=self.env)
        self.run_it()
        self.assertEqual(self.said, "heaptap: prog has no symbols for 1 of 2 addresses: dnf debuginfo-install tool-of-ours, or set DEBUGINFOD_URLS "
                                    "(https://debuginfod.elfutils.org)\n")
        os.mkdir(self.dir + "/tools")
        os.symlink("/bin/true", self.dir + "/tools/zypper")
        self.env["PATH"] += ":" + self.dir + "/tools"
        self.run_it()
        self.assertIn("addresses: zypper install tool-of-ours-debuginfo, or set", self.said)
        self.check_places({"build": at["build"]})
        # A database that somebody keeps locked: 5 seconds, and no name.
        os.unlink(self.dir + "/tools/zypper")
        with open(self.dir + "/tools/rpm", "w") as f:
            f.write("#!/bin/sh\nexec sleep 100\n")
        os.chmod(self.dir + "/tools/rpm", 0o755)
        self.env["PATH"] = self.dir + "/tools:" + self.env["PATH"]
        self.run_it()
        self.assertIn("addresses: its debug package", self.said)

    def test_which_package_of_debian(self):
        self.exe = os.path.realpath(shutil.which("git") or "/")
        held = subprocess.run(["dpkg-query", "-S", self.exe], capture_output=True, text=True).stdout if shutil.which("dpkg-query") else ""
        if not held.endswith(": %s\n" % self.exe):
            self.skipTest("git is no file of a package of Debian's")
        self.id, self.segment = build_id(self.exe), code_segment(self.exe)
        self.symbols = {str(i): (self.segment[1] + 0x5000 + 0x400 * i, 2) for i in range(8)}
        self.profile(list(self.symbols))
        self.run_it()
        self.assertIn("addresses: apt install %s-dbgsym (Debian's debug archive), or set DEBUGINFOD_URLS" % held.split(":")[0], self.said)

    def test_places_give_way_to_names(self):
        self.compile()
        at = self.profile(["main", "build"])
        whole = self.dir + "/whole"
        shutil.copy(self.exe, whole)
        sh("strip", self.exe)
        self.run_it()
        self.check_places(at)
        os.rename(self.dir + "/out.pb.gz", self.dir + "/in.pb.gz")
        self.run_it()
        self.check_places(at)
        os.rename(self.dir + "/out.pb.gz", self.dir + "/in.pb.gz")
        shutil.copy(whole, self.exe)
        self.run_it()
        self.check(at)

    def test_places_without_a_table(self):
        """No unwind tables, or damaged ones: no name at all."""
        self.compile("plain.c", "-fno-asynchronous-unwind-tables")
        sh("strip", "--remove-section=.eh_frame", self.exe)
        at = self.profile(["build"])
        self.run_it()
        self.check_unnamed(at)
        self.compile()
        sh("strip", self.exe)
        r = subprocess.run(["readelf", "-SW", self.exe], capture_output=True, text=True, check=True)
        row = re.search(r"\.eh_frame +PROGBITS +\S+ +(\S+) +(\S+)", r.stdout)
        offset, size = int(row.group(1), 16), int(row.group(2), 16)
        with open(self.exe, "rb") as f:
            image = f.read()
        at = self.profile(["build"])
        for fill in (b"\xff", b"\x00", b"\x7f", b"\x14\x00\x00\x00"):
            with open(self.exe, "wb") as f:
                f.write(image[:offset] + (fill * size)[:size] + image[offset + size:])
            self.run_it("--no-cache")
            self.check_unnamed(at)

    def test_minidebuginfo(self):
        if not shutil.which("xz"):
            self.skipTest("xz is not installed")
        self.compile()
        at = self.profile(["main", "build"])
        mini = self.dir + "/mini"
        sh("objcopy", "--strip-debug", "--remove-section=.comment", self.exe, mini)
        sh("xz", mini)
        sh("strip", self.exe)
        sh("objcopy", "--add-section", ".gnu_debugdata=" + mini + ".xz", self.exe)
        self.run_it()
        for name, a in at.items():
            self.assertEqual(self.places[a], [(name, name, "", 0)])

    def test_split_dwarf(self):
        self.exe = self.dir + "/bin/prog"
        sh("gcc", "-g", "-O2", "-gsplit-dwarf", "-Wl,--build-id=sha1", "-c", "-o",
           self.dir + "/bin/plain.o", os.path.join(programs, "plain.c"))
        sh("gcc", "-Wl,--build-id=sha1", "-o", self.exe, self.dir + "/bin/plain.o")
        self.id, self.segment = build_id(self.exe), code_segment(self.exe)
        self.symbols = symbols(self.exe)
        at = self.profile(["main", "build"])
        self.run_it()
        self.check(at)

    def test_debuginfod(self):
        try:
            ctypes.CDLL("libdebuginfod.so.1")
        except OSError:
            self.skipTest("libdebuginfod.so.1 is not installed")
        self.compile()
        at = self.profile(["main", "build"])
        served = "%s/served/buildid/%s/debuginfo" % (self.dir, self.id)
        self.split_debug(served)
        asked = []

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(handler, *args):
                super().__init__(*args, directory=self.dir + "/served")

            def log_message(handler, *args):
                asked.append(handler.path)

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.addCleanup(server.server_close)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.shutdown)
        url = "http://127.0.0.1:%d" % server.server_port
        self.run_it(HTTP_PROXY="", http_proxy="", no_proxy="127.0.0.1")
        self.assertEqual(asked, [])
        self.check_places(at)
        self.run_it("--no-cache", DEBUGINFOD_URLS=url, http_proxy="", no_proxy="127.0.0.1",
                    DEBUGINFOD_CACHE_PATH=self.dir + "/client")
        self.assertTrue(asked)
        self.check(at)

    def test_progress(self):
        """On a terminal a slow answer shows what it waits for; a quick one says nothing."""
        self.compile()
        self.profile(["main"])
        master, slave = os.openpty()
        subprocess.run([heaptap, "symbolize", self.dir + "/in.pb.gz", "-o",
                        self.dir + "/out.pb.gz"], stderr=slave, env=self.env, check=True)
        os.write(slave, b"end")
        self.assertEqual(os.read(master, 100), b"end")
        try:
            ctypes.CDLL("libdebuginfod.so.1")
        except OSError:
            self.skipTest("libdebuginfod.so.1 is not installed")
        # A server that takes the call and says nothing.
        deaf = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(deaf.close)
        self.split_debug(self.dir + "/lost.debug")
        p = subprocess.Popen([heaptap, "symbolize", "--no-cache", self.dir + "/in.pb.gz", "-o",
                              self.dir + "/out.pb.gz"], stderr=slave,
                             env=dict(self.env, no_proxy="127.0.0.1", DEBUGINFOD_TIMEOUT="3",
                                      DEBUGINFOD_CACHE_PATH=self.dir + "/client",
                                      DEBUGINFOD_URLS="http://127.0.0.1:%d"
                                      % deaf.getsockname()[1]))
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        ready, _, _ = select.select([master], [], [], 20)
        self.assertTrue(ready)
        self.assertIn(b"asking debuginfod for prog", os.read(master, 1000))
        os.close(slave)
        os.close(master)

    def test_jit(self):
        pid = os.getpid()
        path = "/tmp/perf-%d.map" % pid
        with open(path, "w") as f:
            f.write("7f0000001000 100 old code\nrubbish\n7f0000001000 80 LazyCompile:~run a.js:1\n"
                    "7f0000002000 0 empty\n7f0000003000 10 void Foo::bar(int)\n")
        self.addCleanup(os.unlink, path)
        pprofile.write(self.dir + "/in.pb.gz", [(0x7f0000000000, 0x7f0000010000, 0, "", "")],
                       [(0x7f0000001010, 0), (0x7f0000003001, None), (0x7f0000002000, 0)])
        self.run_it("--pid=%d" % pid)
        self.assertEqual(self.places[0x7f0000001010][0][1], "LazyCompile:~run a.js:1")
        self.assertEqual(self.places[0x7f0000003001][0][1], "void Foo::bar(int)")
        self.assertEqual(self.places[0x7f0000002000], [])
        # The pid can also stand in the profile.
        for comment, taken, want in (("pid: %d" % pid, 4e18, 1), ("pid: %d" % pid, 1e18, 0),
                                     ("pid: 1", 4e18, 0)):
            pprofile.write(self.dir + "/in.pb.gz", [], [(0x7f0000003001, None)], comment,
                           int(taken))
            self.run_it()
            self.assertEqual(len(self.places[0x7f0000003001]), want)

    def test_vdso(self):
        libc = ctypes.CDLL(None)
        libc.getauxval.restype = ctypes.c_ulong
        base = libc.getauxval(33)
        if not base:
            self.skipTest("no vdso here")
        size = 0
        with open("/proc/self/maps") as f:
            for line in f:
                if "[vdso]" in line:
                    lo, hi = (int(x, 16) for x in line.split()[0].split("-"))
                    size = hi - lo
        image = ctypes.string_at(base, size)
        self.exe = self.dir + "/vdso"
        with open(self.exe, "wb") as f:
            f.write(image)
        start = 0x7fff00000000
        at = {n: start + a + 1 for n, (a, s) in symbols(self.exe).items()}
        pprofile.write(self.dir + "/in.pb.gz",
                       [(start, start + size, 0, "linux-vdso.so.1", build_id(self.exe))],
                       [(a, 0) for a in set(at.values())])
        self.run_it()
        names = {f[0][0] for f in self.places.values() if f}
        self.assertTrue(any("clock_gettime" in n for n in names), names)

    def test_hostile_binary(self):
        """Damage anywhere in the file: names may be lost, nothing else."""
        self.compile("inlines.cc")
        with open(self.exe, "rb") as f:
            good = f.read()
        at = self.profile([n for n in self.symbols], id="")
        spots = [int(m, 16) for m in re.findall(
            r"\] \.(?:debug_\w+|symtab|strtab|dynsym) +\w+ +\w+ (\w+)", sh("readelf", "-SW", self.exe))]
        for k in range(24):
            bad = bytearray(good)
            for j in range(1 + k % 5):
                base = spots[(k + j) % len(spots)]
                i = base + (k * 7919 + j * 104729) % 3000
                if i < len(bad):
                    bad[i] = (bad[i] ^ (0xff >> (k % 7))) & 0xff
            with open(self.exe, "wb") as f:
                f.write(bad if k % 8 else bad[: len(bad) * (k + 1) // 25])
            self.run_it("--no-cache")
        for size in (0, 1, 15, 16, 64, 120):
            with open(self.exe, "wb") as f:
                f.write(good[:size])
            self.run_it("--no-cache")

    def test_endless_dwarf(self):
        """Each of 60 nested namespaces calls its own child its sibling: 2^60 ways through."""
        src = self.dir + "/nest.s"
        with open(src, "w") as f:
            f.write(""".text
.globl main
.type main, @function
main: .skip 32, 0x90
 ret
.Lend: .size main, .-main
.section .note.GNU-stack,"",@progbits
.section .debug_abbrev,"",@progbits
 .byte 1, 0x11, 1, 0x11, 1, 0x12, 7, 0, 0
 .byte 2, 0x39, 1, 1, 0x13, 0, 0, 0
.section .debug_info,"",@progbits
.Lcu: .long .Lstop-.Lafter
.Lafter: .short 4
 .long .debug_abbrev
 .byte 8
 .byte 1
 .quad main, .Lend-main
""")
            for i in range(60):
                f.write(".Ln%d: .byte 2\n .long .Ln%d-.Lcu\n" % (i, i + 1))
            f.write(".Ln60: .byte 0\n.Lstop:\n")
        sh("gcc", "-Wl,--build-id=sha1", "-o", self.exe, src)
        self.id, self.segment = build_id(self.exe), code_segment(self.exe)
        self.symbols = symbols(self.exe)
        at = self.profile(["main"])
        self.run_it()
        self.assertEqual(self.places[at["main"]][0][1], "main")

    def test_fifo_and_directory(self):
        self.compile()
        at = self.profile(["main"])
        os.unlink(self.exe)
        os.mkfifo(self.exe)
        self.run_it()
        self.check_unnamed(at)
        os.unlink(self.exe)
        os.mkdir(self.exe)
        self.run_it()
        self.check_unnamed(at)

    def test_named_profile_is_left_alone(self):
        self.compile()
        self.profile(["main"])
        self.run_it()
        first = self.places
        shutil.move(self.dir + "/out.pb.gz", self.dir + "/in.pb.gz")
        os.unlink(self.exe)
        self.run_it()
        self.assertEqual(self.places, first)
        self.assertEqual(self.said, "")


unittest.main(argv=sys.argv[:1] + sys.argv[4:])
