#!/bin/bash
# SPDX-License-Identifier: MIT
# only: glibc
# Hazard 68: records of sites that nothing lives of are used again, while a forked child, a reader or a killed process's region still
# refers to them.
# Shows, with folding forced: what a child has from its parent is at its own site or at [folded], never at another's; children forked
# in the midst of folding live; the region of a process that is killed at any moment adds up to its totals, and so does a dump of a
# living one.
# Seen failing without "a child asks whether the site is still that one", "a child reads no more than it has mapped" and "what lives is
# not folded" (mutants).
[ "$H_RATE" = 512k ] || exit 0 # rates of its own
export HEAPTAP_REGION_DIR=$H_TMP/regions HEAPTAP_FOLD=64 HEAPTAP_RATE=8
for frees in 0 1; do
    LD_PRELOAD=$H_LIBRARY HEAPTAP_OUTPUT=$H_OUT/%p.pb.gz "$H_PROGRAMS/h68_folded" inherit $frees >"$H_TMP/child" || exit 1
    python3 - "$H_LIB" "$H_OUT/$(cat "$H_TMP/child").pb.gz" "$H_PROGRAMS/h68_folded" $frees <<'PYTHON' || exit 1
import os, sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import pprof
p, names, frees = pprof.Profile(sys.argv[2]), pprof.Names(sys.argv[3]), sys.argv[4] == "1"
held, bad = {}, pprof.check(p)
for s in p.samples:
    at = [names.at(p.mapping[p.locations[i].mapping], p.locations[i].address)
          for i in s.locations if os.path.basename(p.mapping[p.locations[i].mapping].path) == "h68_folded"]
    where = "[folded]" if set(p.folded()) & set(s.locations) else next((n for n in at if n.startswith("site_")), "elsewhere")
    held[where] = held.get(where, 0) + s.values[2]
kept, folded, other = (held.get(k, 0) for k in ("site_kept", "[folded]", "site_other"))
if kept + folded != 50 or other != 1 or (not frees and folded):
    bad.append("the child holds %s" % held)
# The case is shown only if the parent has used the record again.
if frees and not folded:
    bad.append("the parent did not fold in time: %s" % held)
for line in bad:
    print(line)
sys.exit(bool(bad))
PYTHON
done
sums() {
    python3 - "$H_LIB" "$1" <<'PYTHON'
import re, sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import pprof
p = pprof.Profile(sys.argv[2])
samples = next(int(c.split()[1]) for c in p.comments if c.startswith("samples: "))
folded = any(c.startswith("folded: ") for c in p.comments)
# At this rate and these sizes each object is sampled, and stands for itself: objects are samples.
objects = p.totals()[0]
bad = pprof.check(p)
lost = abs(objects - samples)
# What is on its way when the process is stopped is counted in one of the two: a sample a thread.
if lost > 4:
    bad.append("%d objects, %d samples" % (objects, samples))
if not folded:
    bad.append("nothing was folded")
print("\n".join(bad), end="")
sys.exit(bool(bad))
PYTHON
}
for i in 1 2 3; do
    LD_PRELOAD=$H_LIBRARY HEAPTAP_OUTPUT=$H_OUT/%p.pb.gz "$H_PROGRAMS/h68_folded" busy 3 100 2>"$H_TMP/said" &
    pid=$!
    for k in $(seq 100); do
        sleep 0.05
        "$H_BUILD/heaptap" dump --raw -o "$H_TMP/live.pb.gz" $pid >"$H_TMP/dumped" 2>&1 &&
            gzip -dc "$H_TMP/live.pb.gz" | grep -aq "folded: " && break
    done
    kill -STOP $pid # one thread is woken by it, and stops the others: not at once on a busy machine
    while grep -hs '^State:' /proc/$pid/task/*/status | grep -qv '[Tt] ('; do sleep 0.01; done
    "$H_BUILD/heaptap" dump --raw -o "$H_TMP/stopped.pb.gz" $pid >"$H_TMP/dumped" 2>&1 || {
        echo "it runs: $(cat "$H_TMP/dumped"), and it said: $(cat "$H_TMP/said")"
        kill -9 $pid
        wait $pid
        echo "its status: $?" # 137: it was there
        exit 1
    }
    kill -9 $pid
    wait $pid 2>"$H_TMP/said"
    "$H_BUILD/heaptap" dump --raw -o "$H_TMP/dead.pb.gz" $pid >"$H_TMP/dumped" 2>&1 || { echo "it was killed: $(cat "$H_TMP/dumped"); regions: $(ls "$H_TMP/regions")"; exit 1; }
    sums "$H_TMP/stopped.pb.gz" && sums "$H_TMP/dead.pb.gz" || exit 1
done
LD_PRELOAD=$H_LIBRARY HEAPTAP_OUTPUT=$H_OUT/%p.pb.gz "$H_PROGRAMS/h68_folded" busy 4 1 || { echo "a child in the midst of folding: $?"; exit 1; }
rm -rf "$H_TMP/regions" # of those that were killed
