# SPDX-License-Identifier: MIT
"""Pairs of runs: each way's beside bare ones, by turns, until enough of them are there."""
import statistics
import time

from .ways import TooSlow, on_cpu


class Plan:
    """How much of a row is run: at most `rounds` pairs of a way, fewer when its seconds are spent."""

    def __init__(self, rounds=15, least=5, seconds=6.0, peer_rounds=5, peer_least=2, peer_seconds=2.5,
                 patience=120, peer_patience=10):
        self.rounds, self.seconds, self.peer_seconds = rounds, seconds, peer_seconds
        self.least, self.peer_least = min(least, rounds), min(peer_least, rounds)
        self.peer_rounds = min(peer_rounds, rounds)
        self.patience, self.peer_patience = patience, peer_patience

    def of(self, way):
        """(rounds, least, seconds, patience)"""
        if way.peer:
            return self.peer_rounds, self.peer_least, self.peer_seconds, self.peer_patience
        # Exact mode is many times over bare: a few pairs tell.
        return self.rounds, self.least, self.seconds / (2 if way.name == "exact" else 1), self.patience


class Pairs:
    """What was seen of one way in one row: ratios over bare, and differences in ns."""

    def __init__(self):
        self.ratios, self.over, self.spent, self.note = [], [], 0.0, None

    @property
    def quartiles(self):
        return quartiles(self.ratios)

    def add(self, took, bare):
        self.ratios.append(took / bare)
        self.over.append(took - bare)

    def enough(self, plan, way):
        rounds, least, seconds, _ = plan.of(way)
        n = len(self.ratios)
        return self.note is not None or n >= rounds or (n >= least and self.spent >= seconds)


def quartiles(values):
    """(lower, median, upper); of a single value itself, thrice."""
    if len(values) == 1:
        return (values[0],) * 3
    return tuple(statistics.quantiles(values, n=4, method="inclusive"))


def measure(row, ways, bases, plan, work):
    """({way: Pairs}, {base: [ns]}). A round goes bare, way, bare, way, ..., bare, and a way is compared with the
    mean of the two beside it: a machine that grows slower evenly changes nothing. Every other round goes backwards."""
    seen, bare = {w.name: Pairs() for w in ways}, {}
    turn = 0
    while (left := [w for w in ways if not seen[w.name].enough(plan, w)]):
        if getattr(row, "seeded", False):
            row.turn = turn
        for base in bases.values():
            group = [w for w in left if w.base == base.name]
            if not group:
                continue
            before = timed(row, base, plan, work)
            if isinstance(before, Failure):
                for way in group:
                    seen[way.name].note = "%s %s" % (base.name, before)
                continue
            bare.setdefault(base.name, []).append(before)
            for way in group[::-1] if turn % 2 else group:
                begin = time.monotonic()
                took = timed(row, way, plan, work)
                if isinstance(took, Failure):
                    seen[way.name].note = took
                    continue
                after = timed(row, base, plan, work)
                if isinstance(after, Failure):
                    seen[way.name].note = "%s %s" % (base.name, after)
                    break
                bare[base.name].append(after)
                seen[way.name].add(took, (before + after) / 2)
                seen[way.name].spent += time.monotonic() - begin
                before = after
        turn += 1
    return seen, bare


class Failure(str):
    """What a peer's cell says instead of a figure."""


def timed(row, way, plan, work):
    try:
        # What has a process beside it needs the other processors.
        with on_cpu(row.cpu if not way.prefix else None):
            return row.time(way, work, plan.of(way)[3])
    except (TooSlow, RuntimeError, OSError) as e:
        if not way.peer:
            raise
        return Failure(e if isinstance(e, TooSlow) else "fails")
