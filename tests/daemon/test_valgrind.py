#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The command under valgrind: every word of it, on small inputs, reads what it has written and frees what it took.
Unlike the sanitizers valgrind sees into elfutils, zlib and the other libraries, and needs no build of its own.
Seen failing: without the free(p) that ends ht_profile_destroy; with malloc in place of the calloc in profile.c's arena_alloc."""
import concurrent.futures
import glob
import shutil

from common import *

CORPUS = sys.argv[4]
if not shutil.which("valgrind"):
    print("SKIP: valgrind is not installed")
    sys.exit(77)

live = start("many_stacks", 3, 4)
dead = start("many_stacks", 3, 2)
check("two profiles to begin with", not heaptap("dump", live.pid, "-o", "one.pb.gz")[0] and
      not heaptap("dump", "--raw", dead.pid, "-o", "two.pb.gz")[0])
region = glob.glob(REGIONS + "/%d.*" % live.pid)[0]
kill(dead)
for name in ("gperftools.heap", "jemalloc.heap", "labels.pb", "negative.pb", "bad-03"):
    shutil.copy(os.path.join(CORPUS, name), DIR)
open(os.path.join(DIR, "script"), "w").write("top 5\ntree descend\npeek descend\ntraces\nfocus=descend\ntop\nhelp\nquit\n")

COMMANDS = [
    "--version", "--help", "top --help",
    "ps", "ps --json", "doctor", "doctor --json", "doctor %d" % live.pid, "doctor -- sh", "top one.pb.gz", "top -cum --json two.pb.gz", "top --lines --tagfocus=bytes=8:64 one.pb.gz", "top %d" % live.pid, "top " + region,
    "tree one.pb.gz", "peek descend one.pb.gz", "list descend one.pb.gz", "traces labels.pb", "raw one.pb.gz", "raw labels.pb",
    "tags labels.pb", "folded one.pb.gz", "dot one.pb.gz", "dot labels.pb", "diff two.pb.gz one.pb.gz", "top negative.pb",
    "merge two.pb.gz one.pb.gz -o merged.pb.gz", "merge one.pb.gz gperftools.heap -o merged2.pb.gz", "convert one.pb.gz -o one.heap", "convert jemalloc.heap -o jemalloc.pb",
    "symbolize two.pb.gz -o named.pb.gz --no-cache", "symbolize --fast two.pb.gz -o fast.pb.gz", "flame one.pb.gz -o flame.html", "dump %d -o dump.pb.gz" % live.pid,
    "recover --keep %d -o recovered.pb.gz" % dead.pid,
]
FAILING = ["top bad-03", "top nothing.pb.gz", "top one.pb.gz --no-such-option", "dump 1 -o none.pb.gz", "diff one.pb.gz", "merge labels.pb bad-03 -o none.pb"]
# What elfutils itself never frees is reachable at exit, and no error.
VALGRIND = ["valgrind", "-q", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite,indirect", "--child-silent-after-fork=yes"]


def under_valgrind(words, stdin=subprocess.DEVNULL):
    r = subprocess.run(VALGRIND + [HEAPTAP] + words.split(), stdin=stdin, capture_output=True, cwd=DIR, text=True, timeout=200)
    return words, r.returncode, r.stdout, r.stderr


with concurrent.futures.ThreadPoolExecutor(2) as pool:
    for words, status, out, err in pool.map(under_valgrind, COMMANDS):
        check(words, status == 0 and "==" not in err, (status, err[-1500:]))
        check(words + " says something", out or err or " -o " in words)
    for words, status, out, err in pool.map(under_valgrind, FAILING):
        check(words, status in (1, 2) and "==" not in err, (status, err[-1500:]))
words, status, out, err = under_valgrind("shell one.pb.gz", open(os.path.join(DIR, "script")))
check(words, status == 0 and "descend" in out and "==" not in err, (status, out[-300:], err[-1500:]))
finish("valgrind")
