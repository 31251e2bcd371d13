# SPDX-License-Identifier: MIT
"""What tests/style/run holds, and how it mends it."""
import collections
import os
import re
import shutil
import subprocess

VERSION = "14"
COLUMNS = 100
LICENCE = "/* SPDX-License-Identifier: MIT */\n"


def files(root):
    found = []
    for top in ("src", "include"):
        for folder, _, names in os.walk(os.path.join(root, top)):
            found += [os.path.relpath(os.path.join(folder, n), root) for n in names if n.endswith((".c", ".h"))]
    return sorted(found)


def others(root):
    """C and C++ outside src/, of which the formatter alone is asked. A folder with a form of its own has a .clang-format."""
    found = []
    for top in ("tests", "bench", os.path.join("docs", "examples")):
        for folder, _, names in os.walk(os.path.join(root, top)):
            found += [os.path.relpath(os.path.join(folder, n), root) for n in names if n.endswith((".c", ".h", ".cc"))]
    return sorted(found)


def read(root, path):
    return open(os.path.join(root, path)).read()


def write(root, path, text):
    if text != read(root, path):
        open(os.path.join(root, path), "w").write(text)


def includes(text):
    """Where the first run of includes lies, blank lines among them: (begin, end), or None."""
    m = re.search(r"(?:^#include [<\"][^\n]*\n\n*)+", text, re.M)
    return (m.start(), m.end()) if m else None


def block_of(path, line):
    name = re.search(r'[<"]([^>"]+)[>"]', line)[1]
    if name == "config.h":
        return 0
    if path.endswith(".c") and "src/" + name == path[:-2] + ".h":
        return 1
    return 2 if "<" in line else 3


def ordered(path, text):
    """The text with its first run of includes in blocks, each sorted."""
    at = includes(text)
    if not at:
        return text
    blocks = collections.defaultdict(set)
    for line in text[at[0]:at[1]].split("\n"):
        if line:
            blocks[block_of(path, line)].add(line)
    rest = text[at[1]:]
    return text[:at[0]] + "\n".join("".join(l + "\n" for l in sorted(blocks[b])) for b in sorted(blocks)) + ("\n" if rest else "") + rest


def formatter():
    """The major version of clang-format, or "" when there is none."""
    if not shutil.which("clang-format"):
        return ""
    said = subprocess.run(["clang-format", "--version"], capture_output=True, text=True).stdout
    m = re.search(r"version (\d+)", said)
    return m[1] if m else ""


def run_formatter(root, paths, more=()):
    """more: files of which comments stay as they are."""
    subprocess.run(["clang-format", "-i", *paths, *more], cwd=root, check=True)
    for path in paths:  # comments are not broken anew but where they are too long
        long_ = [n for n, line in enumerate(read(root, path).split("\n"), 1) if len(line) > COLUMNS]
        if long_:
            config = open(os.path.join(root, ".clang-format")).read().replace("ReflowComments: false", "ReflowComments: true")
            rules = "{" + ", ".join(l for l in config.split("\n") if l and not l.startswith("#")) + "}"
            subprocess.run(["clang-format", "-i", "--style=" + rules, *("--lines=%d:%d" % (n, n) for n in long_), path], cwd=root, check=True)
            subprocess.run(["clang-format", "-i", path], cwd=root, check=True)


def unformatted(root, paths):
    said = subprocess.run(["clang-format", "--dry-run", *paths], cwd=root, capture_output=True, text=True).stderr
    return sorted(set(re.findall(r"^([^:\n]+):\d+:\d+: warning: code should be clang-formatted", said, re.M)))


def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def misplaced(root, paths):
    """Functions that are declared in another file's header, which does not name their file."""
    declared, defined, names = collections.defaultdict(set), collections.defaultdict(set), {}
    for path in paths:
        names[path] = read(root, path)
        text = without_comments(names[path])
        if path.endswith(".h"):
            for m in re.finditer(r"\b(ht_\w+)\s*\([^;{}]*\)(?:\s*__attribute__[^;]*)?;", text):
                declared[m[1]].add(path)
        else:
            for m in re.finditer(r"^(?!static|return|#)\w[^;{}#=]*?\b(ht_\w+)\([^;{}]*\)\s*\n\{", text, re.M):
                if "static" not in m[0].split("\n")[0]:
                    defined[m[1]].add(path)
    for function, where in sorted(defined.items()):
        headers = declared.get(function, set())
        if headers and not any(c[:-2] + ".h" in headers or os.path.basename(c) in names[h] for c in where for h in headers):
            yield "%s of %s is declared in %s, which does not say in which file it is" % (
                function, ", ".join(sorted(where)), ", ".join(sorted(headers)))


def check(root, paths):
    bad, tags = list(misplaced(root, paths)), collections.defaultdict(set)
    for path in paths:
        text = read(root, path)
        if not text.startswith(LICENCE + "/*"):
            bad.append("%s does not begin with its licence and a comment (.c: its method; .h: what it is for)" % path)
        if ordered(path, text) != text:
            bad.append("%s has its includes in another order (config.h, own header, system, project; each sorted)" % path)
        for n, line in enumerate(text.split("\n"), 1):
            if len(line) > COLUMNS:
                bad.append("%s:%d has %d columns, at most %d" % (path, n, len(line), COLUMNS))
        for tag in re.findall(r"^\s*(?:typedef )?(?:struct|enum|union) (ht_\w+) \{", text, re.M):
            tags[tag].add(path)
    for tag, where in sorted(tags.items()):
        if len(where) > 1:
            bad.append("%s is defined in %s" % (tag, " and in ".join(sorted(where))))
    return bad
