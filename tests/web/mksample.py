#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the profiles that the page is tested with: mksample.py DIR"""
import random
import sys

from pprofile import Profile

APP, LIB, LIBC, CXX = "/usr/bin/imageserver", "/usr/lib/libcodec.so.3", "/usr/lib/libc.so.6", "/usr/lib/libstdc++.so.6"


def f(name, file, line, module=APP):
    return (name, file, line, module)


START = [f("main", "src/main.cc", 41), ("__libc_start_main", "csu/libc-start.c", 381, LIBC), f("_start", "", 0)]
HANDLE = f("server::Connection::handle", "src/server/connection.cc", 120)
LOOP = f("server::EventLoop::run", "src/server/loop.cc", 77)
NEW = f("std::vector::_M_realloc_insert", "bits/vector.tcc", 440, CXX)


def sample(leak):
    r, p = random.Random(7), Profile()
    p.modules[APP] = 1
    base = [LOOP] + START
    codecs = ["jpeg", "png", "webp", "avif", "gif"]
    for c in codecs:
        for step, size in (("read_header", 40), ("decode_scanlines", 900), ("icc_profile", 120), ("huffman_table", 260)):
            n = r.randrange(20, 200)
            top = [f("codec::%s::%s" % (c, step), "codec/%s.c" % c, r.randrange(20, 900), LIB),
                   f("codec::decode", "codec/codec.c", 210, LIB), f("image::Loader::load", "src/image/loader.cc", 88), HANDLE]
            p.add(top + base, [n * 9, n * 9 * size * 512, n, n * size * 512], size * 512)
    for k in range(60):
        depth = r.randrange(1, 25)
        stack = [f("json::parse_value", "src/json/parse.cc", 130 + k % 3)] * depth
        p.add([NEW, f("json::parse_%s" % ("object", "array", "string")[k % 3], "src/json/parse.cc", 55 + k % 9)] + stack +
              [f("config::Store::reload", "src/config/store.cc", 33), HANDLE] + base, [50, 50 * 4096, 5, 5 * 4096 * (k % 4)], 4096)
    n = 40 + leak
    p.add([f("cache::Entry::make", "src/cache/entry.cc", 19), f("cache::Cache::insert", "src/cache/cache.cc", 64), HANDLE] + base,
          [n * 2, n * 2 * 65536, n, n * 65536], 65536)
    n = 30 if leak else 24  # more by less than a sample: chance
    p.add([f("session::Table::grow", "src/session.cc", 7), HANDLE] + base, [n * 2, n * 2 * 65536, n, n * 65536], 65536)
    for k in range(12):
        p.add([(0x3000010 + 64 * k, LIBC), f("server::Logger::write", "src/server/log.cc", 9 + k)] + base,
              [1000, 1000 * 128, 3, 3 * 128], 128)
    p.add([f("<img src=x onerror=window.pwned=1 ", "\"'><img src=x onerror=window.pwned=1>", 1), HANDLE] + base,
          [3, 3 * 70000, 3, 3 * 70000], 70000)
    p.add([f("odd\u2028\u0007name", "src/\u2028bad.c", 2), HANDLE] + base, [1, 1000, 1, 1000], 1000)
    return p


def labelled():
    """A few stacks of three threads, one of them without a label."""
    p = Profile()
    p.modules[APP] = 1
    for thread, n in (("loader", 5), ("worker", 3), (None, 1)):
        p.add([f("cache::Entry::make", "src/cache/entry.cc", 19), HANDLE, LOOP] + START, [n, n * 4096, n, n * 4096], 4096, [("thread", thread)] if thread else [])
    p.add([f("codec::decode", "codec/codec.c", 210, LIB), LOOP] + START, [2, 1024, 2, 1024], 512, [("thread", "worker"), ("request", "7\nthread=loader")])
    return p


def main():
    with open("%s/labels.pb.gz" % sys.argv[1], "wb") as out:
        out.write(labelled().encode())
    for name, leak in (("old", 0), ("new", 700)):
        with open("%s/%s.pb.gz" % (sys.argv[1], name), "wb") as out:
            out.write(sample(leak).encode())


if __name__ == "__main__":
    main()
