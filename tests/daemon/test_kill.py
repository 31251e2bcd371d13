#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""SIGKILL at random moments: every region can be read, and its totals are within what the program said. In every other run
threads hand over what they have and end, so that their counters go to others. (Totals were some ten short in two of fifty such
runs, and in none of the others, with a cell of whatever thread where cell_of finds none.)"""
import os
import random
import struct
import time

from common import DIR, QUICK, REGIONS, check, finish, heaptap, kill, pprof, start, sums, wait_for

THREADS = 8
ROUNDS = int(os.environ.get("HEAPTAP_TEST_KILLS", "40" if QUICK else "200"))
random.seed(int(os.environ.get("HEAPTAP_TEST_SEED", "1")))

truth, out = os.path.join(DIR, "truth"), os.path.join(DIR, "out.pb.gz")
worst = 0
for i in range(ROUNDS):
    p = start("churn", THREADS, truth, *[random.choice((20, 500))] * (i % 2), HEAPTAP_SIGNAL="none")
    time.sleep(random.random() ** 3 * 0.12)
    kill(p)
    status, _, err = heaptap("recover", "--fast", p.pid, "-o", out)
    if not check("recover after kill %d" % i, status == 0, err):
        continue
    with open(truth, "rb") as f:
        words = struct.unpack("%dQ" % (THREADS * 8), f.read())
    begun_n, begun_b, done_n, done_b, fbegun_n, fbegun_b, fdone_n, fdone_b = (sum(words[k::8]) for k in range(8))
    a_n, a_b, u_n, u_b = sums(out, "churn_alloc")
    worst = max(worst, begun_n - done_n)
    check("kill %d: allocated objects" % i, done_n <= a_n <= begun_n, (done_n, a_n, begun_n))
    check("kill %d: allocated bytes" % i, done_b <= a_b <= begun_b, (done_b, a_b, begun_b))
    check("kill %d: objects in use" % i, done_n - fbegun_n <= u_n <= begun_n - fdone_n, (done_n - fbegun_n, u_n, begun_n - fdone_n))
    check("kill %d: bytes in use" % i, done_b - fbegun_b <= u_b <= begun_b - fdone_b, (done_b - fbegun_b, u_b, begun_b - fdone_b))
    if i == 0:
        bad = pprof.check(pprof.Profile(out), rate=1, symbolized=True)
        check("a recovered profile is as readers insist", not bad, bad)
# The first processes of two containers have one pid: the second profile does not take the first one's place.
p = start("churn", THREADS, truth, HEAPTAP_SIGNAL="none")


def done():
    with open(truth, "rb") as f:
        return sum(struct.unpack("%dQ" % (THREADS * 8), f.read())[2::8])


check("it allocates", wait_for(done))
kill(p)
older = os.path.join(DIR, "heaptap.churn.%d.pb.gz" % p.pid)
with open(older, "w") as f:
    f.write("older")
status, _, err = heaptap("recover", "--fast", p.pid)
check("recover leaves an older file", status == 0 and open(older).read() == "older", err)
check("recover takes a number", sums(older.replace(".pb.gz", ".1.pb.gz"), "churn_alloc")[0] > 0, err)
check("recovered regions are gone", not os.listdir(REGIONS), os.listdir(REGIONS))
print("%d kills, at most %d operations in flight" % (ROUNDS, worst))
finish("kill")
