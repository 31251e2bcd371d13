# SPDX-License-Identifier: MIT
"""The words of a runner's command line: what cannot be used is said in one line, and the exit status is 2."""
import argparse
import os
import re
import sys


class Words(argparse.ArgumentParser):
    def __init__(self, doc):
        super().__init__(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)

    def parse_args(self, args=None):
        return self.parse_intermixed_args(args)  # options stand between and behind the others, too

    def error(self, message):
        self.exit(2, "%s: %s (--help says more)\n" % (os.path.relpath(sys.argv[0]), message))

    def flag(self, *names):
        self.add_argument(*names, action="store_true")


def some_of(known):
    """A comma between; known: which there are."""
    def read(text):
        words = text.split(",")
        if not set(words) <= set(known):
            raise argparse.ArgumentTypeError("of %s: %s" % (", ".join(known), text))
        return words
    return read


def rates(text):
    if not re.fullmatch(r"\d+[kMG]?(,\d+[kMG]?)*", text):
        raise argparse.ArgumentTypeError("rates are as 512k,4k,1: " + text)
    return text.split(",")


def positive(text):
    if not re.fullmatch(r"0*[1-9]\d*", text):
        raise argparse.ArgumentTypeError("a number from 1 on: " + text)
    return int(text)
