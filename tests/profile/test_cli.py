#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sources as users give them: what cannot be read costs one line and exit 1, in bounded time and
memory; merge and convert; URLs.

usage: test_cli.py HEAPTAP"""
import gzip
import http.server
import os
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import unittest
import zlib

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from wire import message, varint  # noqa: E402

HEAPTAP = os.path.abspath(sys.argv[1])
MEMORY = 1500 << 20


def number(field, n):
    """A default, 0, is written too."""
    return varint(field << 3) + varint(n)


STRINGS = ["", "inuse_objects", "count", "inuse_space", "bytes", "space", "/bin/app", "main", "work"]


def profile(values=((2, 200), (1, 50)), mapping=1, function=1, location=1, strings=STRINGS,
            extra=b"", start=0x400000):
    out = message(1, number(1, 1) + number(2, 2)) + message(1, number(1, 3) + number(2, 4))
    for v in values:
        out += message(2, number(1, location) + number(1, 2) + number(2, v[0]) + number(2, v[1]))
    out += message(3, number(1, 1) + number(2, start) + number(3, start + 0x1000) + number(5, 6) +
                   number(7, 1))
    for i in 1, 2:
        out += message(4, number(1, i) + number(2, mapping) + number(3, start + 16 * i) +
                       message(4, number(1, function if i == 1 else 2) + number(2, i)))
        out += message(5, number(1, i) + number(2, 6 + i) + number(3, 6 + i))
    for s in strings:
        out += message(6, s if isinstance(s, bytes) else s.encode())
    return out + number(9, 10**18) + message(11, number(1, 5) + number(2, 4)) + number(12, 524288) + extra


def read(path, n=-1):
    with open(path, "rb") as f:
        return f.read(n)


def run(*argv, **kw):
    def limit():
        if "HEAPTAP_TEST_SANITIZED" in os.environ:
            return  # shadow memory; ASan has a limit of its own (tests/sanitize/run)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    return subprocess.run([HEAPTAP] + list(argv), capture_output=True, preexec_fn=limit,
                          timeout=300 if "HEAPTAP_TEST_SANITIZED" in os.environ else 60, **kw)


class Sources(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory(prefix="heaptap-cli.")
        self.addCleanup(self.dir.cleanup)

    def file(self, name, data):
        path = os.path.join(self.dir.name, name)
        with open(path, "wb") as f:
            f.write(data)
        return path

    def refused(self, path, *says, name=None):
        for command in ("top", "raw", "traces", "convert"):
            argv = [command, path] + (["-o", "/dev/null"] if command == "convert" else [])
            r = run(*argv)
            line = r.stderr.decode()
            self.assertEqual(r.returncode, 1, (argv, line))
            self.assertEqual(r.stdout, b"", argv)
            self.assertEqual(line.count("\n"), 1, line)
            self.assertTrue(line.startswith("heaptap: "), line)
            for word in (name or path,) + says:
                self.assertIn(word, line)

    def test_good(self):
        for name, data in (("raw", profile()), ("gz", gzip.compress(profile()))):
            r = run("top", self.file(name, data))
            self.assertEqual(r.returncode, 0, r.stderr)
            self.assertIn(b"250B total", r.stdout)
        r = run("top", "-", input=gzip.compress(profile()))
        self.assertIn(b"250B total", r.stdout)

    def test_bad_gzip(self):
        data = gzip.compress(profile())
        self.refused(self.file("cut", data[:-20]), "truncated")
        self.refused(self.file("cut2", data[:11]), "truncated")
        self.refused(self.file("crc", data[:-8] + b"abcd" + data[-4:]), "incorrect data check")
        self.refused(self.file("middle", data[:40] + b"\xff\xff\xff" + data[43:]), "gzip")
        bomb = zlib.compressobj(1, zlib.DEFLATED, 31)
        data = bomb.compress(bytes(80 << 20)) + bomb.flush()
        self.refused(self.file("bomb", data), "grows past")

    def test_bad_proto(self):
        for name, data, word in (
                ("location", profile(location=9), "location 9"),
                ("mapping", profile(mapping=9), "mapping 9"),
                ("function", profile(function=9), "function 9"),
                ("string", profile(strings=STRINGS[:5]), "string index"),
                ("utf8", profile(strings=STRINGS[:8] + [b"caf\xe9"]), "UTF-8"),
                ("first", profile(strings=["x"] + STRINGS[1:]), "string_table[0]"),
                ("twice", profile() + profile(), "concatenated"),
                ("length", profile() + b"\x12" + varint(2 << 30), "byte"),
                ("huge", profile() + b"\x12" + b"\xff" * 9 + b"\x01", "byte"),
                ("ids", profile(extra=message(4, number(1, 1))), "two locations"),
                ("zero", profile(extra=message(4, number(3, 1))), "id 0"),
                ("values", profile(extra=message(2, number(2, 1))), "1 values for 2"),
                ("cycle", profile(extra=message(4, number(1, 3) + message(4, number(1, 3)))),
                 "function 3"),
                ("group", profile(extra=b"\x0b\x0c"), "malformed")):
            with self.subTest(name):
                self.refused(self.file(name, data), word)

    def test_no_profile(self):
        self.refused(self.file("empty", b""), "empty")
        self.refused(self.file("text", b"#include <stdio.h>\n"), "text")
        self.refused(self.file("elf", read(HEAPTAP, 200000)), "ELF file")
        self.refused(self.dir.name, "Is a directory")
        self.refused(self.dir.name + "/none", "No such file")
        self.refused("none-such", "no profiled process is called so (heaptap ps lists them)")
        self.refused(self.file("jpeg", b"\xff\xd8\xff\xe0" + os.urandom(1000)))
        self.refused(self.file("heap", b"heap profile: 1: 8 [1: 8] @ heapprofile\nnonsense\n"),
                     "line 2")
        for command in ("top", "raw", "traces"):
            r = run(command, "-", input=b"")
            self.assertEqual(r.returncode, 1)
            self.assertIn(b"standard input", r.stderr)

    def test_other_kinds(self):
        """What people take for a heap profile is refused by its name."""
        words = lambda f, v: struct.pack(f, 0, 3, v, 10000, 0) + bytes(400)
        for data, name in (
                (b"--- contentionz 1 ---\ncycles/second = 32\n 1 2 @ 0x1\n", "a contention profile"),
                (b"--- contentionz 1 ---\nformat = java\n", "a Java contention profile"),
                (b"--- contention:\ncycles/second=32\n", "a contention profile (Go's text)"),
                (b"--- mutex:\ncycles/second=32\n", "a mutex profile"),
                (b"# a comment\n\n--- threadz 1 ---\n\n", "a thread profile"),
                (b"--- Thread 7f79 (name: main/14748) stack: ---\n", "a thread profile"),
                (b"--- heapz 1 ---\nformat = java\nresolution = bytes\n", "a Java heap profile"),
                (b"goroutine profile: total 7\n7 @ 0x1 0x2\n", "a Go count profile"),
                (words("<5I", 0), "a CPU profile"), (words(">5I", 0), "a CPU profile"),
                (words("<5Q", 0), "a CPU profile"), (words(">5Q", 0), "a CPU profile"),
                (words("<5Q", 1), "a Java CPU profile"),
                (b"PERFILE2" + bytes(100), "perf's data"), (b"gmon\1\0\0\0", "gprof"),
                (b"JAVA PROFILE 1.0.2\0", "a Java heap dump"), (b"FLR\0\0\2", "Flight Recorder"),
                (b"<!DOCTYPE html>\n<html>", "an HTML page"), (b'{"a": 1}\n', "JSON"),
                (b"desc: --massif\ncmd: x\n", "massif"), (b"v 10500 3\n", "heaptrack"),
                (b"\xfd7zXZ\0" + bytes(20), "compressed by xz"), (b"BZh9" + bytes(20), "bzip2"),
                (b"goroutine 1 [running]:\nmain.main()\n", "a Go stack trace")):
            with self.subTest(name):
                self.refused(self.file("other", data), "it is ", name)
                self.refused(self.file("other.gz", gzip.compress(data)), "it is ", name)

    def test_compressed_again(self):
        """By zstd, by gzip twice, by both: read; broken, cut or a bomb: refused in a line."""
        plain = profile()
        def zstd(data):
            return subprocess.run(["zstd", "-qc"], input=data, stdout=subprocess.PIPE).stdout
        twice = gzip.compress(gzip.compress(plain))
        self.assertIn(b"250B total", run("top", self.file("twice", twice)).stdout)
        deep = plain
        for _ in range(6):
            deep = gzip.compress(deep)
        self.refused(self.file("deep", deep), "more than 4 times")
        bomb = gzip.compress(gzip.compress(bytes(90 << 20), 1), 1)
        self.refused(self.file("bomb2", bomb), "grows past")
        if not shutil.which("zstd"):
            self.skipTest("no zstd on this machine (apt-get install zstd)")
        r = run("top", self.file("z", zstd(plain)))
        if b"built without" in r.stderr:
            self.assertIn(b"compressed by zstd", r.stderr)
            self.skipTest("heaptap was built without libzstd")
        for data in (zstd(plain), zstd(gzip.compress(plain)), gzip.compress(zstd(plain)),
                     zstd(plain[:100]) + zstd(plain[100:]), zstd(b"heap profile: 1: 250 [1: 250] @ "
                                                                b"heapprofile\n1: 250 [1: 250] @ 0x7\n")):
            r = run("top", self.file("z", data))
            self.assertIn(b"250B total", r.stdout, r.stderr)
        self.refused(self.file("zcut", zstd(plain)[:-7]), "truncated zstd")
        self.refused(self.file("zcut2", zstd(plain)[:5]), "truncated zstd")
        data = bytearray(zstd(os.urandom(1000)))
        data[300] ^= 255
        self.refused(self.file("zbroken", bytes(data)), "broken zstd")
        self.refused(self.file("zbehind", zstd(plain) + b"more"), "zstd")
        self.refused(self.file("zbomb", zstd(bytes(90 << 20))), "grows past")

    def test_before_the_header(self):
        """Empty lines and comments."""
        for before in "\n", "\r\n  \n", "# of yesterday\n\n":
            for text in ("heap profile: 1: 250 [1: 250] @ heapprofile\n1: 250 [1: 250] @ 0x7\n",
                         "heap_v2/1\n  t*: 1: 250 [0: 0]\n@ 0x7\n  t*: 1: 250 [0: 0]\n"):
                r = run("top", self.file("text", (before + text).encode()))
                self.assertIn(b"250B total", r.stdout, r.stderr)
        for rate in "99999999999999999999", "-5", "":
            self.refused(self.file("rate", ("heap_v2/%s\n  t*: 1: 250 [0: 0]\n" % rate).encode()),
                         "line 1", "rate")

    def test_attributes_are_bounded(self):
        """A map's attributes that hold each other grow no further than a line may."""
        text = "heap profile: 1: 9 [1: 9] @ heapprofile\n1: 9 [1: 9] @ 0x7\nMAPPED_LIBRARIES:\n"
        text += "a0=%s\n" % ("x" * 100)
        text += "".join("a%d=%s\n" % (i, ("$a%d" % (i - 1)) * 10) for i in range(1, 10))
        self.refused(self.file("grows", text.encode()), "line ", "attributes")
        many = "".join("k%05d=v\n" % i for i in range(100000)) + "00400000-00500000: " + "$" * 50000
        r = run("top", self.file("many", (text.split("a0=")[0] + many).encode()))
        self.assertEqual(r.returncode, 0, r.stderr)

    def test_program_first(self):
        """top PROGRAM PROFILE: its names, though the profile was recorded elsewhere."""
        d = self.dir.name
        with open(d + "/a.c", "w") as f:
            f.write("int leaf_work(void) { return 1; }\nint main(void) { return leaf_work(); }\n")
        for name, flags in ("prog", ["-O0"]), ("other", ["-O0", "-DX", "-g"]):
            subprocess.run(["gcc", "-no-pie", "-Wl,--build-id=sha1", "-o", d + "/" + name,
                            d + "/a.c"] + flags, check=True)
        symbols = subprocess.run(["nm", d + "/prog"], capture_output=True, text=True).stdout
        at = int(next(l.split()[0] for l in symbols.splitlines() if l.endswith(" leaf_work")), 16)
        notes = subprocess.run(["readelf", "-n", d + "/prog"], capture_output=True, text=True).stdout
        build_id = notes.split("Build ID: ")[1].split()[0]
        env = dict(os.environ, XDG_CACHE_HOME=d + "/cache", HOME=d)
        text = "heap profile: 1: 250 [1: 250] @ heapprofile\n1: 250 [1: 250] @ 0x%x\n" % (at + 2)
        maps = "MAPPED_LIBRARIES:\n%x-%x r-xp %08x 08:01 5 /gone/prog\n" % (
            at & ~0xfff, (at & ~0xfff) + 0x1000, (at & ~0xfff) - 0x400000)
        brief = "MAPPED_LIBRARIES:\n%x-%x: /gone/prog (@%x) %s\n" % (
            at & ~0xfff, (at & ~0xfff) + 0x1000, (at & ~0xfff) - 0x400000, build_id)
        for tail in "", maps, brief:
            path = self.file("gone.heap", (text + tail).encode())
            self.assertNotIn(b"leaf_work", run("top", path, env=env).stdout)
            r = run("top", d + "/prog", path, env=env)
            self.assertIn(b" leaf_work", r.stdout, (tail, r.stderr))
            self.assertIn(b"File: prog", r.stdout)
            env["XDG_CACHE_HOME"] += "x"
        r = run("top", d + "/other", path, env=env)
        self.assertNotIn(b"leaf_work", r.stdout)
        self.assertIn(b"is not used: its build-id is", r.stderr)
        r = run("diff", d + "/prog", path, path, env=env)
        self.assertEqual(r.returncode, 0, r.stderr)
        r = run("peek", "leaf", d + "/prog", path, env=env)
        self.assertIn(b"leaf_work", r.stdout, r.stderr)
        r = run("top", path, d + "/prog", env=env)
        self.assertEqual(r.returncode, 1)
        self.assertIn(b"ELF file", r.stderr)

    def test_negative(self):
        r = run("top", self.file("negative", profile(values=((-2, -200), (-1, -(1 << 62))))))
        self.assertEqual(r.returncode, 0, r.stderr)

    def test_many_samples(self):
        """Ten million samples in a few bytes each: read or refused, but in bounded memory."""
        sample = message(2, number(2, 1) + number(2, 2))
        r = run("top", self.file("many", profile(extra=sample * 10**7)))
        self.assertIn(r.returncode, (0, 1), r.stderr)
        self.assertLessEqual(r.stderr.count(b"\n"), 1)
        r = run("top", self.file("many.gz", gzip.compress(profile(extra=sample * 10**7), 1)))
        self.assertIn(r.returncode, (0, 1), r.stderr)

    def test_crowds(self):
        """Many of what there usually are few of takes no more than its share of time."""
        n = 100000
        names = ["k%d" % i for i in range(n)]
        labels = b"".join(message(3, number(1, 9 + i) + number(3, i + 1)) for i in range(n))
        same = b"".join(message(3, number(1, 4) + number(3, i + 1)) for i in range(n))
        comments = b"".join(number(13, 9 + i) for i in range(n))
        values = number(1, 1) + number(2, 1) + number(2, 1)
        path = self.file("crowd", profile(strings=STRINGS + names, extra=comments + message(
            2, values + labels) + message(2, values + same)))
        for argv in (["raw", path], ["traces", path], ["top", path, "--tagfocus=1:"],
                     ["merge", path, path, "-o", "/dev/null"]):
            r = run(*argv)
            self.assertEqual(r.returncode, 0, (argv, r.stderr[:200]))
        # A profile's own expression that backtracks without end over every one of its names.
        names = ["a" * 40 + "%d!" % i for i in range(2000)]
        functions = b"".join(message(5, number(1, 10 + i) + number(2, 10 + i)) for i in range(2000))
        locations = b"".join(message(4, number(1, 10 + i) + message(4, number(1, 10 + i)))
                             for i in range(2000))
        path = self.file("runaway", profile(strings=STRINGS + ["(a+)+(a+)+(a+)+x"] + names, extra=(
            functions + locations + number(7, 9))))
        self.assertEqual(run("top", path).returncode, 0)
        many = message(1, number(1, 1) + number(2, 2)) * 5000
        self.refused(self.file("types", many + profile()), "sample types")

    def test_merge(self):
        a = self.file("a.pb.gz", gzip.compress(profile()))
        b = self.file("b.pb", profile(start=0x500000))
        out = self.dir.name + "/out.pb.gz"
        r = run("merge", "-o", out, a, b, a)
        self.assertEqual((r.returncode, r.stderr), (0, b""))
        text = run("raw", out).stdout.decode()
        self.assertIn("9        750: 1 2", text)
        self.assertEqual(text.count("/bin/app"), 1)
        self.assertEqual(os.listdir(self.dir.name).count("out.pb.gz"), 1)
        self.assertFalse([n for n in os.listdir(self.dir.name) if n.startswith("out.pb.gz.")])
        r = run("merge", "-o", out, *[a, b] * 40)
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertIn("240      20000: 1 2", run("raw", out).stdout.decode())
        text = run("raw", out).stdout.decode()
        bad = self.file("bad", b"no")
        r = run("merge", "-o", out, a, bad)
        self.assertEqual(r.returncode, 1)
        self.assertIn(bad.encode(), r.stderr)
        self.assertEqual(run("raw", out).stdout.decode(), text)
        r = run("merge", "-o", "/nonexistent/x.pb.gz", a)
        self.assertEqual(r.returncode, 1)
        self.assertIn(b"/nonexistent/x.pb.gz", r.stderr)
        for argv in (["merge", a], ["merge", "-o", out], ["convert", a, b, "-o", out],
                     ["convert", a, "-o", out, "--format=xml"], ["merge", "--nonsense", a]):
            self.assertEqual(run(*argv).returncode, 2, argv)

    def test_convert(self):
        a = self.file("a.pb.gz", gzip.compress(profile()))
        want = run("top", a).stdout
        for name in "x.pb", "x.pb.gz", "x.bin":
            out = self.dir.name + "/" + name
            self.assertEqual(run("convert", a, "-o", out).returncode, 0)
            self.assertEqual(run("top", out).stdout, want)
            self.assertEqual(read(out, 2) == b"\x1f\x8b", name != "x.pb")
        out = self.dir.name + "/x.txt"
        self.assertEqual(run("convert", "--output=" + out, a).returncode, 0)
        self.assertTrue(read(out).startswith(b"heap profile: 3: 250 [3: 250] @ heapprofile\n"))
        self.assertIn(b"250B total", run("top", out).stdout)
        r = run("convert", a, "-o", "-", "--format", "text")
        self.assertIn(b"MAPPED_LIBRARIES:", r.stdout)

    def test_types(self):
        """--types keeps what is named, in that order, and its values; what is not there is said, and nothing is written."""
        a = self.file("a.pb.gz", gzip.compress(profile()))
        types = [l.split(b"/")[0] for l in run("raw", a).stdout.replace(b"[dflt]", b"").split(b"Samples:\n")[1].split(b"\n")[0].split()]
        out = self.dir.name + "/out.pb.gz"
        last, first = (types[i].decode() for i in (-1, 0))
        for command in (["convert", a], ["merge", a]):
            self.assertEqual(run(*command, "-o", out, "--types=%s,%s" % (last, first)).returncode, 0)
            head = run("raw", out).stdout.split(b"Samples:\n")[1].split(b"\n")[0]
            self.assertEqual([l.split(b"/")[0].decode() for l in head.replace(b"[dflt]", b"").split()], [last, first])
            for t in (last, first):
                self.assertEqual(run("top", "-i", t, out).stdout.split(b"flat%")[1], run("top", "-i", t, a).stdout.split(b"flat%")[1])
            os.unlink(out)
            for bad in ("nothing", "", first + "," + first, first + ","):
                r = run(*command, "-o", out, "--types=" + bad)
                self.assertEqual((r.returncode, r.stderr.count(b"\n"), os.path.exists(out)), (1, 1, False), r)
                self.assertIn(b"--types: no sample type is ", r.stderr)

    def test_places(self):
        """A link's target is replaced and the link stays; what is no file is written to."""
        a = self.file("a.pb.gz", gzip.compress(profile()))
        os.mkdir(self.dir.name + "/sub")
        os.symlink("sub/real.pb", self.dir.name + "/link.pb")
        for _ in range(2):
            self.assertEqual(run("convert", a, "-o", self.dir.name + "/link.pb").returncode, 0)
            self.assertTrue(os.path.islink(self.dir.name + "/link.pb"))
            self.assertIn(b"250B total", run("top", self.dir.name + "/sub/real.pb").stdout)
        device = os.lstat("/dev/stdout").st_ino
        for command in ("convert", a, "--format=text"), ("top", a):
            for output in "-", "/dev/stdout":
                out = self.dir.name + "/out"
                with open(out, "wb") as f:
                    r = subprocess.run([HEAPTAP, *command, "-o", output], stdout=f)
                self.assertEqual(r.returncode, 0)
                self.assertIn(b"a", read(out))
                self.assertEqual(os.lstat("/dev/stdout").st_ino, device)

    def test_url(self):
        good = gzip.compress(profile())

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                path = self.path.split("?")[0]
                if path == "/moved":
                    self.send_response(302)
                    self.send_header("Location", "/heap")
                    self.end_headers()
                    return
                self.send_response({"/heap": 200, "/text": 200, "/refused": 403}.get(path, 404))
                if path == "/refused":
                    self.send_header("X-Go-Pprof", "1")
                self.end_headers()
                self.wfile.write({"/heap": good, "/text": b"hello\n",
                                  "/refused": b"no token\nmore\n"}.get(path, b"gone"))

            def log_message(self, *a):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        at = "http://127.0.0.1:%d" % server.server_port
        env = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        for path in "/heap", "/moved", "/heap?seconds=1":
            r = run("top", at + path, env=env)
            self.assertEqual(r.returncode, 0, r.stderr)
            self.assertIn(b"250B total", r.stdout)
        for path, word in (("/none", "404"), ("/text", "text"), ("/refused", "403: no token")):
            r = run("top", at + path, env=env)
            self.assertEqual(r.returncode, 1)
            self.assertEqual(r.stderr.count(b"\n"), 1, r.stderr)
            self.assertIn(word.encode(), r.stderr)
            self.assertIn((at + path).encode(), r.stderr)
        for source in at[7:] + "/heap", at[7:] + "/heap?seconds=1", "HTTP" + at[4:] + "/heap":
            r = run("top", source, env=env)
            self.assertIn(b"250B total", r.stdout, r.stderr)
        here = self.file("host:80", good)
        r = run("top", "host:80", env=env, cwd=self.dir.name)
        self.assertIn(b"250B total", r.stdout, (here, r.stderr))
        for source in "[::1]:1/heap", "127.0.0.1:1":
            r = run("top", source, env=env)
            self.assertEqual(r.returncode, 1)
            self.assertIn(b"cannot read http://" + source.encode(), r.stderr)
        for source in "host:", "a:b", "x:123456/y", ":80", "dir/x:80":
            self.assertIn(b"No such file", run("top", source, env=env).stderr)
        r = run("top", "http://127.0.0.1:1/heap", env=env)
        self.assertEqual(r.returncode, 1)
        self.assertIn(b"connect", r.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
