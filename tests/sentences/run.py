#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every sentence that heaptap prints about a process is true: the table says by which test it is shown true, and by which one that it is
not said where it would be false.

The sentences are taken out of the sources, so that a new one without an entry fails here, as does an entry whose sentence, test, or word in
the test is gone. argv: none.
"""
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SOURCES = ["src/cli/run/summary.c", "src/cli/run/finish.c", "src/cli/run/names.c", "src/target/process/dump.c",
           "src/target/state/settings.c", "src/cli/run/cmd_run.c", "src/cli/source/truncated.c"]
# What is said of options, of the command itself, and the parts that a sentence is put together from.
OTHER = re.compile(r"usage:|^(HEAPTAP_\w+|--output|heaptap: --output|recover takes|more than one process left|cannot list the regions)|"
                   r"no dumps |is used \(|^(mov|lea) |^/proc/|^%s/heaptap|^, (all|%)|^in use at|^heaptap: (cannot run|%s cannot be profiled)|"
                   r"interpreter is missing|no such program|not executable|it is a directory|no program of this machine|^; %zu dump|"
                   r"name the addresses|^cannot write %s: %s; %s$|heaptap doctor -- %s says why|in the current directory")
LITERAL = r'"(?:[^"\\\n]|\\.)*"'


def read(path):
    with open(os.path.join(ROOT, path)) as f:
        return f.read()


def sentences():
    for path in SOURCES:
        text = re.sub(r"'(?:[^'\\]|\\.)'", "' '", re.sub(r"/\*.*?\*/", "", read(path), flags=re.S))
        text = re.sub(r"^#include.*$", "", text, flags=re.M)
        for m in re.finditer(r"%s(?:\s*(?:PRIu64\s*)?%s)*" % (LITERAL, LITERAL), text):
            words = "".join(x[1:-1] for x in re.findall(LITERAL, m[0])).replace("\\n", "").strip()
            if len(words.split()) >= 4 and not OTHER.search(words):
                yield path, words


def shown(where, bad, entry):
    """"FILE TEST: WORDS": the test is there, and the words are in it."""
    m = re.fullmatch(r"(\S+) (\w+): (.+)", where)
    if not m:
        bad.append("%s: not of the form FILE TEST: WORDS: %s" % (entry, where))
        return
    path, test, words = m.groups()
    try:
        text = read(path)
    except FileNotFoundError:
        bad.append("%s: there is no %s" % (entry, path))
        return
    body = re.search(r"^( *)def %s\(.*?(?=^\1(?:def |@)|^class |\Z)" % re.escape(test), text, re.M | re.S)
    if not body:
        bad.append("%s: %s has no %s" % (entry, path, test))
    elif words not in re.sub(r'"\s*\n\s*r?"', "", body[0]).replace("\\", ""):
        bad.append("%s: %s of %s has no \"%s\"" % (entry, test, path, words))


def main():
    bad, table = [], {}
    for block in read("tests/sentences/table").split("\n\n"):
        lines = [l for l in block.splitlines() if l and not l.startswith("#")]
        if lines:
            fields = dict(l.split(None, 1) for l in lines[1:])
            table[lines[0]] = fields
            for kind in ("true", "false"):
                if kind not in fields:
                    bad.append("%s: no test makes it %s" % (lines[0], kind))
                else:
                    shown(fields[kind], bad, lines[0])
    found = list(sentences())
    for path, words in found:
        if words not in table:
            bad.append("%s: no entry for \"%s\"" % (path, words))
    for words in table:
        if words not in {w for _, w in found}:
            bad.append("in the table, but nowhere said: %s" % words)
    for line in bad:
        print("FAIL " + line)
    print("sentences: %d in %d sources, %d wrong" % (len(found), len(SOURCES), len(bad)))
    return 1 if bad or not found else 0


if __name__ == "__main__":
    sys.exit(main())
