#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_reload.py LIBRARY PROGRAM HEAPTAP PLUGIN... (HAZARDS 30): alpha and sigma have build-ids; delta
and omega none; kappa and theta, without one, are alike in memory to the last byte. Each generation
must keep its own mapping and its own names. Where a dlclose is not seen that holds from the first look at another
address of the new library on (without note_unload sigma is named alpha for good)."""
import os, re, shutil, subprocess, sys, tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pprof

library, program, heaptap, *plugins = map(os.path.abspath, sys.argv[1:])
alpha, sigma, delta, omega, kappa, theta = plugins
work = tempfile.mkdtemp()
failed = []


def function_of(path, offset, mapping):
    """The function at a mapped address, by the symbol table of the file it came from."""
    for line in subprocess.run(["readelf", "-sW", path], capture_output=True, text=True).stdout.splitlines():
        f = line.split()
        if len(f) >= 8 and f[3] == "FUNC" and int(f[1], 16) <= offset < int(f[1], 16) + int(f[2], 0):
            return f[7]


def case(what, files, names, same_name=False, options=[]):
    out = work + "/out.pb.gz"
    env = dict(os.environ, LD_PRELOAD=library, HEAPTAP_RATE="1", HEAPTAP_OUTPUT=out)
    r = subprocess.run([program] + options + files, env=env, capture_output=True, text=True, timeout=60)
    if r.returncode or r.stderr:
        sys.exit("%s: status %d %s" % (what, r.returncode, r.stderr))
    lines = [l.split() for l in r.stdout.splitlines()]
    if len({l[1] for l in lines}) != 1:
        print("%s: skipped, the loader chose other addresses: %s" % (what, lines))
        return
    profile = pprof.Profile(out)
    mappings = []
    for (size, _, path), name in zip(lines, names):
        found = [s for s in profile.samples if s.size == int(size)]
        if len(found) != 1 or found[0].values[0] != 3:
            failed.append("%s: size %s: %d samples" % (what, size, len(found)))
            continue
        m = found[0].mappings[0]
        mappings.append(id(m))
        if not m or m.path != os.path.realpath(path):
            failed.append("%s: %s is in %s" % (what, name, m and m.path))
        if not same_name:
            offset = found[0].addresses[0] - m.start
            vaddr = offset + m.offset  # the plugins' text has vaddr = offset
            if function_of(m.path, vaddr, m) != name:
                failed.append("%s: %s is named %s" % (what, name, function_of(m.path, vaddr, m)))
    if len(set(mappings)) != len(set(names)):
        failed.append("%s: %d mappings for %s" % (what, len(set(mappings)), names))
    if not same_name:
        top = subprocess.run([heaptap, "top", "--sample_index=alloc_space", out], capture_output=True, text=True)
        for name in set(names):
            if name not in top.stdout:
                failed.append("%s: heaptap top does not name %s: %s%s" % (what, name, top.stdout, top.stderr))
    print("%s: %s at %s" % (what, names, lines[0][1]))


case("build-ids", [alpha, sigma, alpha], ["alpha", "sigma", "alpha"])
case("build-ids, unseen", [alpha, sigma, alpha], ["alpha", "sigma", "alpha"], options=["--unseen"])
case("no build-ids", [delta, omega, delta], ["delta", "omega", "delta"])
case("no build-ids, alike", [kappa, theta, kappa], ["kappa", "theta", "kappa"])
one, two = work + "/one.so", work + "/two.so"
for a, b, what in ((alpha, sigma, "build-ids"), (delta, omega, "no build-ids")):
    shutil.copy(a, one)
    shutil.copy(b, two)
    names = [os.path.basename(x) for x in (a, b)]
    case("replaced under its name, " + what, [one, two + "=" + one], names, same_name=True)
shutil.rmtree(work)
if failed:
    sys.exit("\n".join(failed))
