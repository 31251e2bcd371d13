# SPDX-License-Identifier: MIT
"""Whether the machine was the bench's alone: what other processes took of it meanwhile, and by how much bare runs differ."""
import os
import resource
import statistics
import time

# A tenth of a processor that others take, or bare runs that differ by more than any limit allows: no ratio can be trusted.
OTHERS, SPREAD = 0.1, 0.03


def taken(stat):
    """Seconds of all processors that something ran: the first line of /proc/stat without idle, iowait and guests (who are in user)."""
    user, nice, system, _, _, irq, softirq, steal = (int(x) for x in stat.split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


class Watch:
    """From here on: the processors that neither we nor children that we have waited for took."""

    def __init__(self):
        self.begin = self.now()

    @staticmethod
    def now():
        with open("/proc/stat") as f:
            everybody = taken(f.readline())
        who = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return time.monotonic(), everybody, sum(u.ru_utime + u.ru_stime for u in who)

    def others(self):
        (t0, all0, ours0), (t1, all1, ours1) = self.begin, self.now()
        return max(0.0, (all1 - all0 - (ours1 - ours0)) / max(t1 - t0, 0.01))


def spread(rows):
    """By how much a bare run differs from those beside it: the median of the rows; None where no row has pairs."""
    each = [statistics.median(abs(r - 1) for r in row["pairs"]["bare/bare"]["ratios"])
            for row in rows if row.get("pairs", {}).get("bare/bare")]
    return statistics.median(each) if each else None


def busy(others, differs):
    """The line that says so, or None."""
    why = []
    if others > OTHERS:
        why.append("other processes took %.1f of its %d processors meanwhile" % (others, os.cpu_count()))
    if differs is not None and differs > SPREAD:
        why.append("bare runs beside each other differ by %.0f %%" % (100 * differs))
    return "**The machine was busy, and these figures mean little**: %s." % ", and ".join(why) if why else None
