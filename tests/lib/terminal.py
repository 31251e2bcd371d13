# SPDX-License-Identifier: MIT
"""A command whose standard output is a terminal."""
import fcntl
import os
import pty
import struct
import subprocess
import termios


def start(words, columns=200, **more):
    """The process and the terminal's other end."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    more.setdefault("stdin", subprocess.DEVNULL)
    more.setdefault("stderr", subprocess.PIPE)
    p = subprocess.Popen(words, stdout=slave, **more)
    os.close(slave)
    return p, master


def read(master):
    """What is printed until the other end is closed, with line ends as they were written."""
    text = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # EIO: nobody has the terminal any more
            break
        if not part:
            break
        text += part
    os.close(master)
    return text.decode(errors="replace").replace("\r\n", "\n")


def run(words, **more):
    """Exit status, standard output, standard error."""
    p, master = start(words, **more)
    text = read(master)
    err = p.stderr.read().decode(errors="replace") if p.stderr else ""
    if p.stderr:
        p.stderr.close()
    return p.wait(), text, err
