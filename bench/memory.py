#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/memory.py: resident memory under the library at 512k less bare, paired; fixed, for each thread, as a
share of the heap, and of 1 GiB of calloc'ed memory that nobody touched. Exit 1 when a limit is exceeded."""
import statistics, sys, tempfile

from table import LIB, MEMORY
from table.ways import Way
from words import Words

# One arena: glibc's own choice of arenas would vary by more than what is measured.
ONE = {"MALLOC_ARENA_MAX": "1"}
WAYS = [Way("bare", ONE), Way("512k", {"LD_PRELOAD": LIB, **ONE})]
FIXED, THREAD, SHARE = 1024, 1, 1


def resident(way, work, *arguments):
    return int(way.run([MEMORY, *map(str, arguments)], work)[0])


def pairs(work, rounds, *arguments):
    """Medians in KiB: bare, and what there is more under the library."""
    seen = [[resident(w, work, *arguments) for w in WAYS] for _ in range(rounds)]
    return statistics.median(a for a, _ in seen), statistics.median(b - a for a, b in seen)


def measure(work, rounds=5, threads=1000, mib=800):
    """KiB: fixed, a thread; % of the heap; (KiB of 1 GiB untouched bare, more under the library)."""
    fixed = pairs(work, rounds, 1, 0)[1]
    each = (pairs(work, rounds, threads, 0)[1] - fixed) / (threads - 1)
    share = (pairs(work, rounds, 1, mib)[1] - fixed) / (mib * 1024) * 100
    return fixed, each, share, pairs(work, rounds, 1, 0, 1024)


if __name__ == "__main__":
    Words(__doc__).parse_args()
    with tempfile.TemporaryDirectory(prefix="heaptap-memory") as work:
        fixed, each, share, (untouched, more) = measure(work)
    print(f"fixed {fixed:.0f} KiB (limit {FIXED}); a thread {each:.2f} KiB (limit {THREAD}); "
          f"of an 800 MiB heap {share:.2f} % (limit {SHARE}); 1 GiB untouched {untouched:.0f} KiB bare, "
          f"{more:+.0f} (limit the fixed {FIXED})")
    sys.exit(fixed > FIXED or each > THREAD or share > SHARE or more > FIXED)
