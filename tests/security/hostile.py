#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Root's ps, recover, dump and reports over what another user left in the directory of regions: pipes, links, giants, files that change
while they are read, another process's number, names made for terminals and for paths, programs that are not what was profiled."""
import glob
import json
import multiprocessing
import os
import shutil
import struct
import tempfile
import time

from common import (CHECKSUM, CHUNK, EXE, HEADER, NAME, NOBODY, OUTPUT, claim, finish, heaptap, load, need_root, own_shm, put_text, reseal, start)

need_root()
own_shm()
theirs = "/dev/shm/heaptap-%d" % NOBODY
CONTROL = "\x1b]0;owned\x07\x1b[31m\u009b31m\r\n".encode() + b"\x9b1m"


def harmless(out):
    """No control characters but line ends and tabs, C1 as characters and as bytes included."""
    words = out.decode(errors="surrogateescape")
    return not any((ord(c) < 32 and c not in "\n\t") or 127 <= ord(c) < 160 or 0xdc80 <= ord(c) < 0xdca0 for c in words)


def put(name, data, size=None, mode=0o600):
    path = "%s/%s" % (theirs, name)
    with open(path, "wb") as f:
        f.write(data)
        if size:
            f.truncate(size)
    os.chmod(path, mode)
    os.chown(path, NOBODY, NOBODY)
    return path


def changed(data, **texts):
    b = bytearray(data)
    for at, size, key in ((EXE, 1024, "exe"), (OUTPUT, 1024, "output"), (NAME, 64, "name")):
        if key in texts:
            put_text(b, at, size, texts[key])
    return reseal(b)


def commands(cwd, path=None):
    """Every command that reads regions, with its words."""
    yield ["ps"], heaptap("ps")
    yield ["ps", "--json"], heaptap("ps", "--json")
    yield ["recover", "--keep"], heaptap("recover", "--keep", cwd=cwd)
    for words in (["top"], ["tree"], ["peek", "."], ["traces"], ["dump", "--raw", "-o", "-"]) if path else ():
        yield words, heaptap(*words, path)


def judge(what, cwd, path=None, refused=False):
    for words, (status, out, err) in commands(cwd, path):
        ok = status in (0, 1, 2) and (words[0] == "dump" or harmless(out)) and harmless(err)
        claim(ok and not (refused and path and path in words and status == 0), "%s of %s" % (" ".join(words), what), (status, out[-200:], err[-200:]))


def thrash(path, data, stop):
    """Cut short, made longer, made anew, while others read."""
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    with open(path, "r+b", buffering=0) as f:
        while not stop.is_set():
            for size in (0, HEADER, len(data) // 2, 100):
                os.ftruncate(f.fileno(), size)
                time.sleep(0.001)
            os.pwrite(f.fileno(), data, 0)
            time.sleep(0.003)


def while_it_changes(path, data, words, cwd, times=12):
    stop = multiprocessing.Event()
    other = multiprocessing.Process(target=thrash, args=(path, data, stop))
    other.start()
    seen = [heaptap(*words, cwd=cwd)[0] for _ in range(times)]
    stop.set()
    other.join()
    return seen


with tempfile.TemporaryDirectory(prefix="heaptap-hostile") as work:
    os.chmod(work, 0o755)
    cwd = work + "/cwd"
    os.mkdir(cwd)
    # A program of the attacker's own, one of whose functions has a name for terminals.
    program = work + "/" + "p" * 40
    binary = open(load, "rb").read()
    old = b"a_site_whose_name_is_replaced"
    claim(binary.count(old) >= 1, "the program has the name that is replaced")
    with open(program, "wb") as f:
        f.write(binary.replace(old, b"\x1b]0;owned\x07\x1b[31m".ljust(len(old), b"x")))
    os.chmod(program, 0o755)
    os.chown(program, NOBODY, NOBODY)
    p = start(program=program, uid=NOBODY, cwd="/", HEAPTAP_OUTPUT=None)
    region = glob.glob(theirs + "/*")[0]
    p.kill()
    p.wait()
    whole = open(region, "rb").read(64 << 20).rstrip(b"\0")
    whole += bytes(-(len(whole) - HEADER) % CHUNK)
    claim(whole[CHECKSUM:CHECKSUM + 4] == reseal(bytearray(whole))[CHECKSUM:CHECKSUM + 4], "the header is where this test thinks")

    judge("a dead process of another user's", cwd, region)
    status, out, err = heaptap("top", region)
    claim(b"owned" in out, "its functions are named from its file", out[:300])

    # --- names ---
    os.unlink(region)
    path = put("77.1.0", changed(whole, name=b"../../x" + CONTROL, exe=b"/" + CONTROL, output=CONTROL))
    before = set(os.listdir(cwd))
    judge("names made for terminals and paths", cwd, path)
    new = set(os.listdir(cwd)) - before
    claim(len(new) == 1 and harmless(os.fsencode(list(new)[0])) and not os.path.exists(work + "/x") and not os.path.exists("/x"),
          "the profile lies here, under a plain name", new)
    at = whole.index(program.encode())
    for module in (CONTROL + b"y" * 60, b"/proc/self/mem", b"/dev/zero"):
        b = bytearray(whole)
        b[at:at + len(program)] = module[:len(program)].ljust(len(program), b"/" if module.startswith(b"/dev") else b"z")
        os.unlink(path)
        path = put("77.1.0", b)
        judge("a module called %r" % module[:14], cwd, path)
    os.unlink(path)

    # --- things that are no files ---
    os.mkfifo(theirs + "/1.1.0", 0o600)
    os.chown(theirs + "/1.1.0", NOBODY, NOBODY)
    os.symlink("/etc/shadow", theirs + "/2.2.0")
    os.symlink("/dev/zero", theirs + "/3.3.0")
    os.mkdir(theirs + "/4.4.0", 0o700)
    huge = bytearray(whole)
    struct.pack_into("<Q", huge, 32, 1 << 40)
    struct.pack_into("<I", huge, CHECKSUM + 4, ((1 << 40) - HEADER) // CHUNK)
    path = put("5.5.0", reseal(huge), 1 << 40)
    put("6.6.0", b"")
    judge("a pipe, links, a directory, a giant and nothing", cwd, path)
    for f in ("1.1.0", "2.2.0", "3.3.0", "4.4.0"):
        status, out, err = heaptap("dump", "--raw", "-o", "-", theirs + "/" + f)
        claim(status in (1, 2) and not out and err.count(b"\n") == 1, "dump of %s is refused with a line" % f, (status, err))
    for f in os.listdir(theirs):
        (os.rmdir if f == "4.4.0" else os.unlink)(theirs + "/" + f)

    # --- another process's number ---
    me = os.getpid()
    b = bytearray(whole)
    struct.pack_into("<I", b, 20, me)
    put("%d.1.0" % me, reseal(b))
    status, out, err = heaptap("dump", "--raw", "-o", "-", str(me))
    claim(status == 1 and not out, "a region that claims another process is not taken for it", (status, err))
    status, out, err = heaptap("ps", "--json")
    listed = [e["state"] for e in json.loads(out) if e["pid"] == me]
    claim(listed == ["dead"], "nor listed as alive", listed)
    for f in os.listdir(theirs):
        os.unlink(theirs + "/" + f)

    # --- changing while it is read ---
    path = put("8.8.0", whole)
    for words in (["ps"], ["recover", "--keep"], ["top", path], ["dump", "--raw", "-o", "-", path]):
        seen = while_it_changes(path, whole, words, cwd)
        claim(all(s in (0, 1, 2) for s in seen), "%s of a region that is cut short meanwhile" % words[0], seen)
    put("8.8.0", whole)
    data = open(program, "rb").read()
    for words in (["recover", "--keep", "--fast"], ["recover", "--keep"], ["top", path]):
        seen = while_it_changes(program, data, words, cwd, 30)
        claim(all(s in (0, 1) for s in seen), "%s while the program's file is cut short" % " ".join(words), seen)
    os.unlink(program)
    os.mkfifo(program)
    judge("a process whose program is a pipe by now", cwd, path)
    shutil.rmtree(theirs)
finish()
