#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every instruction of small programs, however built, has the functions, inlined calls and lines
that addr2line -aif gives it."""
import os, re, shutil, subprocess, sys, tempfile

resolve, programs = sys.argv[1], sys.argv[2]


def sh(*cmd, **kw):
    return subprocess.run(cmd, check=True, capture_output=True, text=True, **kw).stdout


def code_addresses(path):
    """The address of every instruction of .text."""
    out = sh("objdump", "-d", "--no-show-raw-insn", "-j", ".text", path)
    return [int(m, 16) for m in re.findall(r"^ +([0-9a-f]+):\t", out, re.M)]


def parse(text):
    """addr2line's output as {address: [(function, file, line)]}."""
    answer, frames, lines = {}, None, text.splitlines()
    i = 0
    while i < len(lines):
        if re.fullmatch(r"0x[0-9a-f]+", lines[i]):
            frames = answer.setdefault(int(lines[i], 16), [])
            i += 1
        else:
            place = re.sub(r" \(discriminator \d+\)$", "", lines[i + 1])
            file, _, line = place.rpartition(":")
            frames.append((lines[i], os.path.normpath(file), 0 if line == "?" else int(line)))
            i += 2
    return answer


def same_name(ours, theirs, outermost):
    """The outermost frame may carry the symbol's fuller name, as in pprof."""
    if ours == theirs:
        return True
    return outermost and len(ours) > len(theirs) + 1 and theirs in ours


def same(o, t, source):
    # Without DWARF addr2line names an address after the nearest symbol below, covered by it or
    # not, and its file after the object's STT_FILE symbol. We leave padding unnamed.
    if len(o) == len(t) == 1 and o[0][0] in ("??", t[0][0]) and \
            (o[0][1:] == t[0][1:] or (o[0][1:] == ("??", 0) and t[0][2] == 0)):
        return True
    # binutils 2.40 gives some COMDAT functions of DWARF 5 the unit's own file in place of the
    # header they are from; llvm-symbolizer and readelf say what we say.
    return len(o) == len(t) and all(
        same_name(x[0], y[0], i == len(o) - 1) and x[2] == y[2] and
        (x[1] == y[1] or (os.path.basename(y[1]) == source and x[1].startswith("/usr/include/")))
        for i, (x, y) in enumerate(zip(o, t)))


def compare(path, what, source, expect_from=None):
    addrs = code_addresses(expect_from or path)
    text = "".join("%x\n" % a for a in addrs)
    ours = parse(sh(resolve, path, input=text))
    theirs = parse(sh("addr2line", "-aif", "-e", expect_from or path, input=text))
    wrong, inlined = [], 0
    for a in addrs:
        o, t = ours[a], theirs[a]
        inlined += len(t) > 1
        if not same(o, t, source):
            wrong.append((hex(a), o, t))
    for w in wrong[:5]:
        print("  %s\n    ours   %s\n    theirs %s" % w)
    print("%-44s %6d addresses, %5d in inlined code, %d different"
          % (what, len(addrs), inlined, len(wrong)))
    return len(addrs) > 0 and not wrong


def main():
    ok = True
    builds = [("gcc", "g++", f) for f in (
        "-O2", "-O0", "-O2 -gdwarf-4", "-O3 -no-pie", "-O2 -gz=zlib",
        "-O2 -ffunction-sections -Wl,--gc-sections")]
    # addr2line of binutils 2.40 does not see the inlined calls of clang's DWARF 5.
    if shutil.which("clang++"):
        builds += [("clang", "clang++", "-O2 -gdwarf-4")]
    with tempfile.TemporaryDirectory() as d:
        for cc, cxx, flags in builds:
            for src in ("inlines.cc", "plain.c"):
                tool = cxx if src.endswith(".cc") else cc
                exe = os.path.join(d, "p")
                sh(tool, "-g", *flags.split(), "-o", exe, os.path.join(programs, src))
                ok &= compare(exe, "%s %s %s" % (tool, flags, src), src)
    sys.exit(0 if ok else 1)


main()
