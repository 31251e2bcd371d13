# SPDX-License-Identifier: MIT
"""Instruction counts by callgrind: the same for the same binary, inputs and environment."""
import os
import re
import subprocess


def environment(**more):
    e = {k: v for k, v in os.environ.items() if not k.startswith(("HEAPTAP_", "MALLOC_"))}
    e.pop("LD_PRELOAD", None)
    e["LC_ALL"] = "C"
    e.update(more)
    return e


def count(argv, env, work):
    """Instructions of a whole command."""
    r = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"] + argv,
                       env=env, cwd=work, capture_output=True, timeout=600)
    found = re.search(rb"Collected : (\d+)", r.stderr)
    if r.returncode or not found:
        raise RuntimeError("%s: exit %d: %s" % (" ".join(argv), r.returncode, r.stderr[-300:]))
    return int(found.group(1))


def per_operation(load, name, env, work, few, many):
    """Instructions an operation of bench-load, with the process's start and end taken out."""
    a = count([load, name, "1", str(few)], env, work)
    b = count([load, name, "1", str(many)], env, work)
    return (b - a) / (many - few)
