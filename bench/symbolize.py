#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Names for an unsymbolised profile of a C++ program with 100 MB of DWARF: heaptap, without and
with its cache, against addr2line (which google/pprof runs) and `go tool pprof -top` (which has a
reader of its own), in one run.

  bench/symbolize.py HEAPTAP [DIR]     DIR keeps the program from one run to the next"""
import os, random, re, shutil, subprocess, sys, tempfile, time

for folder in "symbolize", "lib":
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests", folder))
import pprofile
from words import Words, folder_to_fill, there

UNITS, FUNCTIONS, TYPES, ADDRESSES, PATIENCE = 16, 60, 36000, 3000, 120

UNIT = """
#include <bits/stdc++.h>
namespace unit%(u)d {
%(types)s
template <int N> struct Thing {
    std::map<std::string, std::vector<int>> index;
    std::vector<std::string> names;
    __attribute__((noinline)) int work(int n) {
        for (int i = 0; i < n; i++)
            index[std::to_string(i * N)].push_back(i);
        names.emplace_back(static_cast<size_t>(n + N), 'x');
        return static_cast<int>(index.size() + names.size());
    }
};
int run(int n) {
    int total = 0;
%(calls)s
    return total;
}
}
"""


def build(directory):
    exe = os.path.join(directory, "big")
    if os.path.exists(exe):
        return exe
    objects = []
    jobs = []
    for u in range(UNITS):
        src = os.path.join(directory, "unit%d.cc" % u)
        with open(src, "w") as f:
            f.write(UNIT % dict(u=u, types="\n".join(
                "struct Record%d { Record%d *next; int count_%d; char *text_%d; double value; "
                "long at(int); };" % (i, i, i % 97, i % 89) for i in range(TYPES)), calls="\n".join(
                "    total += Thing<%d>().work(n);" % (u * FUNCTIONS + i)
                for i in range(FUNCTIONS))))
        objects.append(src[:-2] + "o")
        jobs.append(["g++", "-std=c++17", "-g", "-O1", "-fno-eliminate-unused-debug-types", "-c",
                     "-o", objects[-1], src])
    while jobs:
        batch = [subprocess.Popen(j) for j in jobs[:os.cpu_count()]]
        del jobs[:len(batch)]
        if any(p.wait() for p in batch):
            sys.exit("bench: cannot compile")
    main = os.path.join(directory, "main.cc")
    with open(main, "w") as f:
        f.write("".join("namespace unit%d { int run(int); }\n" % u for u in range(UNITS)))
        f.write("int main(int n, char **) { return (%s) & 1; }\n"
                % " + ".join("unit%d::run(n)" % u for u in range(UNITS)))
    subprocess.run(["g++", "-g", "-o", exe, main, *objects], check=True)
    return exe


def profile(exe, path):
    text = subprocess.run(["nm", "--defined-only", exe], check=True, capture_output=True,
                          text=True).stdout
    starts = sorted(int(l.split()[0], 16) for l in text.splitlines() if l.split()[1] in "TtW")
    segment = next(re.match(r"\s+LOAD\s+(\w+) (\w+) \w+ \w+ (\w+) R E", l)
                   for l in subprocess.run(["readelf", "-lW", exe], capture_output=True,
                                           text=True).stdout.splitlines()
                   if re.match(r"\s+LOAD\s+.* R E", l))
    offset, vaddr, size = (int(x, 16) for x in segment.groups())
    notes = subprocess.run(["readelf", "-n", exe], capture_output=True, text=True).stdout
    build_id = re.search(r"Build ID: (\w+)", notes).group(1)
    rnd = random.Random(1)
    bias = 0x555500000000
    picks = sorted({bias + rnd.choice(starts) + rnd.randrange(1, 24) for _ in range(ADDRESSES)})
    picks = [a for a in picks if bias + vaddr <= a < bias + vaddr + size]
    pprofile.write(path, [(bias + vaddr, bias + vaddr + size, offset, exe, build_id)],
                   [(a, 0) for a in picks])
    with open(os.path.dirname(path) + "/addresses", "w") as f:
        f.writelines("%x\n" % (a - bias) for a in picks)
    return len(picks)


def timed(cmd, env, stdin=None):
    """Seconds and MB; a negative time when PATIENCE ran out."""
    start = time.monotonic()
    p = subprocess.Popen(cmd, env=env, stdin=stdin and open(stdin), stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
    while True:
        pid, status, usage = os.wait4(p.pid, os.WNOHANG)
        spent = time.monotonic() - start
        if pid:
            break
        if spent > PATIENCE:
            p.kill()
            _, status, usage = os.wait4(p.pid, 0)
            return -spent, usage.ru_maxrss / 1024
        time.sleep(0.002)
    if status:
        sys.exit("bench: %s failed" % " ".join(cmd))
    return spent, usage.ru_maxrss / 1024


def main():
    words = Words(__doc__)
    words.add_argument("heaptap", type=there)
    words.add_argument("directory", nargs="?", type=folder_to_fill)
    words = words.parse_args()
    heaptap, keep = words.heaptap, words.directory
    directory = keep if keep else tempfile.mkdtemp()
    os.makedirs(directory, exist_ok=True)
    exe = build(directory)
    sections = subprocess.run(["readelf", "-SW", exe], capture_output=True, text=True).stdout
    dwarf = sum(int(m, 16) for m in re.findall(r"\.debug_\w+ +\w+ +\w+ \w+ (\w+)", sections))
    prof = os.path.join(directory, "in.pb.gz")
    n = profile(exe, prof)
    print("%d addresses of a program with %.0f MB of DWARF" % (n, dwarf / 1e6))
    env = dict(os.environ, XDG_CACHE_HOME=directory + "/cache", PPROF_TMPDIR=directory)
    names = subprocess.run([heaptap, "top", "--help"], capture_output=True)
    ours = [heaptap, "top", prof] if names.returncode == 0 else \
        [heaptap, "symbolize", prof, "-o", directory + "/out.pb.gz"]
    rows = {"heaptap": [], "heaptap, cached": [], "addr2line -aif": []}
    for _ in range(3):
        shutil.rmtree(directory + "/cache", ignore_errors=True)
        rows["heaptap"].append(timed(ours, env))
        rows["heaptap, cached"].append(timed(ours, env))
        rows["addr2line -aif"].append(timed(["addr2line", "-aif", "-e", exe], env,
                                            directory + "/addresses"))
    if shutil.which("go"):
        rows["go tool pprof"] = [timed(["go", "tool", "pprof", "-top", prof], env)]
    base = min(t for t, _ in rows["heaptap"])
    for k, v in rows.items():
        t, m = min(v)[0], max(m for _, m in v)
        more = "more than " if t < 0 else ""
        print("  %-16s %s%.3f s  %.0f MB  (%s%.1f x heaptap)"
              % (k, more, abs(t), m, more, abs(t) / base))
    if not keep:
        shutil.rmtree(directory)


main()
