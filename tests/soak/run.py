#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run.py [--rates=512k,4k,1] LIBRARY SOAK PLUGIN [SECONDS [OPERATIONS]]: the soak at 512k, 4k and exact, a third of the time each.
Half an hour: tests/soak/run.py build/libheaptap.so build/tests/soak/soak build/tests/soak/libsoak-plugin.so 1800 1e9

Exact profiles must equal the truth to the byte, less what their comments count as lost; sampled ones by their z-scores. Seen
failing: when a handler's allocation inside a hook ended its thread's sampling, or was not counted; without the account of one free in
100,000 (exact), with weights of 1.01 (4k), with the nodes of freed blocks not taken back (memory), and with a free that takes a step
more for each 4,096 of its shard (cost)."""
import json, os, re, signal, subprocess, sys, tempfile, threading, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import memory
import pprof
from words import Words, above_0, positive, some_of, there

RATES = {"512k": 524288, "4k": 4096, "1": 1}
words = Words(__doc__)
words.add_argument("--rates", type=some_of(RATES), default=list(RATES))
for name in "library", "soak", "plugin":
    words.add_argument(name, type=there)
words.add_argument("seconds", type=positive, nargs="?", default=180)
words.add_argument("operations", type=above_0, nargs="?", default=0)
words = words.parse_args()
lib, soak, plugin = words.library, words.soak, words.plugin
seconds, operations = words.seconds, int(words.operations)
bad = []
Z = 5.5            # of some thousand figures none lies beyond by chance
EXPECTED = 100     # below so many samples no normal law is claimed
ALIVE, ALIVE_BYTES = 8300, 4 << 20   # of the load at most: those of its first top_up, or of the last and the slots
LOSSES = {"table full": "full", "signal handler inside a hook": "reentrant", "table busy": "busy",
          "stale live records replaced": "stale", "frees not taken down": "free"}


def functions(path):
    """(start, end, name) by address in the file of a program's functions."""
    out = subprocess.run(["nm", "-S", "--defined-only", path], capture_output=True, text=True).stdout
    rows = [l.split() for l in out.splitlines() if len(l.split()) == 4]
    return [(int(a, 16), int(a, 16) + int(n, 16), name) for a, n, t, name in rows if t in "tT"]


class Read:
    """What a profile says by the leaf's function, and what it counts as lost."""

    def __init__(self, path, whole):
        p = pprof.Profile(path)
        if whole:
            bad.extend(f"{path}: {line}" for line in pprof.check(p))
        self.time, self.sites, self.stacks = p.time, {}, {}
        self.lost = dict.fromkeys(LOSSES.values(), 0)
        for c in p.comments:
            m = re.match(r"lost: (.*): (\d+) samples", c)
            if m:
                self.lost[LOSSES[m[1]]] = int(m[2])
        names = {}
        for s in p.samples:
            leaf = p.locations[s.locations[0]]
            if leaf.id not in names:
                m = p.mapping.get(leaf.mapping)
                table = tables.get(os.path.basename(m.path), []) if m else []
                at = leaf.address - m.start + m.offset - text_offset.get(os.path.basename(m.path), 0) if m else 0
                names[leaf.id] = next((n for a, b, n in table if a <= at < b), "")
            self.stacks[names[leaf.id]] = self.stacks.get(names[leaf.id], 0) + 1
            old = self.sites.get(names[leaf.id], [0] * 4)
            self.sites[names[leaf.id]] = [a + b for a, b in zip(old, s.values)]
            if min(s.values) < 0 or s.values[2] > s.values[0] or s.values[3] > s.values[1]:
                bad.append(f"{path}: impossible values {s.values}")

    def of(self, name):
        return self.sites.get(name, [0] * 4)


def offset_of_text(path):
    """File offset less address of the executable segment: 0 for most, but not for all linkers."""
    loads, _ = pprof.segments(path)
    return loads[0][2] - loads[0][0] if loads else 0


tables = {os.path.basename(f): functions(f) for f in (soak, plugin)}
text_offset = {os.path.basename(f): offset_of_text(f) for f in (soak, plugin)}


def exact(where, r, truth):
    lost = r.lost
    for name, (v, _, _) in truth["sites"].items():
        got = r.of(name)
        if got == v:
            continue
        # Nothing beyond what happened; what is missing is counted.
        if got[0] > v[0] or v[0] - got[0] > lost["full"] or got[2] > v[2] + lost["stale"] + lost["free"] or \
                v[2] - got[2] > lost["full"] + lost["busy"]:
            bad.append(f"{where}: {name}: {got}, truth {v}, lost {lost}")
    if truth["at"] == "child":
        return
    got, v = r.of("from_handler")[0], truth["handled"]
    # One in some thousands still comes where it is neither seen nor counted.
    if got > v or v - got > lost["reentrant"] + lost["full"] + 1 + v // 1000:
        bad.append(f"{where}: from_handler: {got} of {v}, lost {lost}")
    if r.of("grab") != [truth["loads"], 500 * truth["loads"], 0, 0] and not lost["full"]:
        bad.append(f"{where}: grab: {r.of('grab')} of {truth['loads']} loads, lost {lost}")


def sampled(where, r, truth, scores):
    for name, (v, variance, samples) in truth["sites"].items():
        for i in range(4):
            if samples[i // 2] < EXPECTED:
                continue
            z = (r.of(name)[i] - v[i]) / variance[i] ** .5
            scores.append(z)
            if abs(z) > Z:
                bad.append(f"{where}: {name}: figure {i} is {r.of(name)[i]}, truth {v[i]}: {z:.1f} standard errors")


def soaked(rate, words):
    shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="heaptap-soak") as work, \
            tempfile.TemporaryDirectory(prefix="heaptap-soak", dir=shm) as regions:
        env = {k: v for k, v in os.environ.items() if not k.startswith("HEAPTAP_")}
        env.update(LD_PRELOAD=lib, HEAPTAP_RATE=words, HEAPTAP_OUTPUT=work + "/p.%p.%n.pb.gz", HEAPTAP_REGION_DIR=regions)
        bound = memory.Bound(ALIVE if rate <= 1 else 2 * ALIVE_BYTES // rate + 100, memory.fixed(env, regions))
        until = operations or (2 * 10**8 if rate > 1 else 4 * 10**7)
        third = seconds // 3
        began = time.monotonic()
        # The top-up to so many operations takes some of the ordinary run's time.
        main = max(10, third - (15 if third < 300 else 0))
        r = subprocess.Popen([soak, str(main), str(rate), str(until), work, plugin], env=env, stdout=subprocess.PIPE, text=True)
        readings, broken, done = [], [], threading.Event()

        def watch():
            while not done.wait(1):
                try:
                    region, mapped = memory.Region(memory.region_of(r.pid, regions)), memory.maps(r.pid)
                except (OSError, TypeError):  # not yet, or no more
                    continue
                readings.append(sum(region.chunks.values()) * 64 + 8 + mapped)
                broken.extend(bound.broken(region, mapped))

        threading.Thread(target=watch, daemon=True).start()
        costs, stills, scores, seen, did, end = {}, [], [], {"dumps": 0, "children": 0, "stills": 0, "lost": {}}, {}, None

        def amid(before):
            """The dumps by signal that began before then, and what children left."""
            for f in sorted(os.listdir(work)):
                path = os.path.join(work, f)
                m = re.fullmatch(r"p\.(\d+)\.\d+\.pb\.gz", f)
                if not m or os.path.getmtime(path) * 1e9 > before - 3e9:
                    continue
                got = Read(path, False)
                if int(m[1]) == r.pid and got.time > before:
                    continue
                if int(m[1]) != r.pid:
                    seen["children"] += 1
                else:
                    seen["dumps"] += 1
                    low = next((s for s in reversed(stills) if s["began"] <= got.time), None)
                    high = next((s for s in stills if s["began"] >= got.time), None)
                    for name in low["sites"] if rate <= 1 and low and high else []:
                        n = got.of(name)[0]
                        if not low["sites"][name][0][0] - got.lost["full"] <= n <= high["sites"][name][0][0]:
                            bad.append(f"{words}: {f}: {name}: {n} objects, truth between {low['sites'][name][0]} "
                                       f"and {high['sites'][name][0]}")
                os.unlink(path)

        def judge(got, truth):
            where = f"{words}: {truth['at']} at {truth['operations']} operations"
            if truth["wrong"]:
                bad.append(f"{where}: {truth['wrong']} blocks were damaged")
            if rate <= 1:
                exact(where, got, truth)
            else:
                sampled(where, got, truth, scores)
            other = {k: v for k, v in got.lost.items() if v and k != "reentrant"}
            if other != seen["lost"] and truth["at"] != "child":
                print(f"{where}: lost {other}")
                seen["lost"] = other

        for l in r.stdout:
            d = json.loads(l)
            if d["at"] == "cost":
                costs[d["when"]] = d
            elif d["at"] == "did":
                did = d
            elif d["at"] in ("still", "child"):
                if d["error"]:
                    bad.append(f"{words}: {d['at']}: the dump failed: {os.strerror(-d['error'])}")
                else:
                    judge(Read(d["file"], seen["stills"] % 20 == 0), d)
                    os.unlink(d["file"])
                if d["at"] == "still":
                    seen["stills"] += 1
                    stills.append(d)
                    amid(d["began"])
            else:
                end = d
        r.wait()
        done.set()
        if r.returncode or not end:
            bad.append(f"{words}: exit {r.returncode}")
            return
        last = sorted((int(m[1]), m[0]) for m in re.finditer(rf"p\.{r.pid}\.(\d+)\.pb\.gz", " ".join(os.listdir(work))))
        got = Read(os.path.join(work, last[-1][1]), True)
        judge(got, end)
        os.unlink(os.path.join(work, last[-1][1]))
        amid(time.time_ns() + 10**10)
        for f in os.listdir(work):
            bad.append(f"{words}: left {f}")
        if not seen["dumps"] or not seen["children"]:
            bad.append(f"{words}: {seen}: no dump by a signal, or none of a child's")
        if not readings:
            bad.append(f"{words}: nobody looked at our memory")
            return
        a, b = costs["start"], costs["end"]
        noise = max(a["high"] / a["low"], b["high"] / b["low"]) - 1
        print(f"{words}: {time.monotonic() - began:.0f} s, {end['operations']:.2g} operations, {seen['stills']} times still, {did['forks']} forks, "
              f"{did['loads']} loads, {did['threads']} threads, {end['handled']} handlers ({end['hooked']} inside a hook, {got.lost['reentrant']} lost, {got.stacks.get('from_handler', 0)} stacks), {seen['dumps']} dumps; ours {max(readings)} KiB at most; "
              f"a free {a['ns']:.1f} ns ({a['ratio']:.3f} of glibc's) at the start, {b['ns']:.1f} ({b['ratio']:.3f}) at the end, noise {100 * noise:.0f} %"
              + (f"; {len(scores)} z-scores within {max(map(abs, scores)):.1f}" if scores else ""), flush=True)
        for line in list(dict.fromkeys(broken))[:5]:
            bad.append(f"{words}: our memory: {line}")
        # A machine that others use changes pace, and not alike for what hits the caches and what misses: both must have grown.
        grown = min(b["ratio"] / a["ratio"], b["ns"] / a["ns"])
        if grown > 1.07 + min(noise, .2):
            bad.append(f"{words}: a free costs {grown:.3f} of what it did: {a}, {b}")
        if end["operations"] < until:
            bad.append(f"{words}: {end['operations']} operations of {until}")


os.nice(10)  # it runs beside the other tests
for name, rate in RATES.items():
    if name in words.rates:
        soaked(rate, name)
for line in bad[:40]:
    print("FAIL", line)
print(f"{len(bad)} bad")
sys.exit(1 if bad else 0)
