# SPDX-License-Identifier: MIT
"""The words of a runner's command line: what cannot be used is said in one line, and the exit status is 2."""
import argparse
import os
import re
import sys


class Words(argparse.ArgumentParser):
    def __init__(self, doc):
        super().__init__(prog=os.path.relpath(sys.argv[0]), description=doc, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)

    def parse_args(self, args=None):
        return self.parse_intermixed_args(args)  # options stand between and behind the others, too

    def error(self, message):
        self.exit(2, "%s: %s (--help says more)\n" % (self.prog, message))

    def flag(self, *names):
        self.add_argument(*names, action="store_true")

    def names(self, known, of="none"):
        """As `names`: words that are each a part of a known one."""
        def read(text):
            if not any(text in k for k in known):
                raise argparse.ArgumentTypeError("%s is called so: %s" % (of, text))
            return text
        self.add_argument("names", nargs="*", type=read, metavar="NAME")


def some_of(known):
    """A comma between; known: which there are."""
    def read(text):
        words = text.split(",")
        if not set(words) <= set(known):
            raise argparse.ArgumentTypeError("of %s: %s" % (", ".join(known), text))
        return words
    return read


def one_of(*known):
    def read(text):
        if text not in known:
            raise argparse.ArgumentTypeError("%s: %s" % (", ".join(known), text))
        return text
    return read


def rates(text):
    if not re.fullmatch(r"\d+[kMG]?(,\d+[kMG]?)*", text):
        raise argparse.ArgumentTypeError("rates are as 512k,4k,1: " + text)
    return text.split(",")


def positive(text):
    if not re.fullmatch(r"0*[1-9]\d*", text):
        raise argparse.ArgumentTypeError("a number from 1 on: " + text)
    return int(text)


def above_0(text):
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError("a number above 0: " + text)
    return number


def there(text):
    """A file that is there, as an absolute path."""
    if not os.path.isfile(text):
        raise argparse.ArgumentTypeError("there is no file " + text)
    return os.path.abspath(text)


def folder_with(*files):
    def read(text):
        for f in files:
            if not os.path.isfile(os.path.join(text, f)):
                raise argparse.ArgumentTypeError("there is no %s in %s" % (f, text))
        return os.path.abspath(text)
    return read


def folder_to_fill(text):
    """One that is there or can be made."""
    at = os.path.abspath(text)
    if not os.path.isdir(at if os.path.exists(at) else os.path.dirname(at)):
        raise argparse.ArgumentTypeError("no folder, and none can be made there: " + text)
    return at
