# SPDX-License-Identifier: MIT
"""bash, zsh and fish complete every command and every option, and the program behind run's options."""
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time

from common import Case, HEAPTAP, PROG, main

BUILD = os.path.dirname(HEAPTAP)
SCRIPTS = os.path.join(BUILD, "src", "cli", "completion")
SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "src", "cli")


def said(*args):
    return subprocess.run([HEAPTAP, *args], capture_output=True, text=True).stdout


def commands():
    """From the table that main dispatches by, not from what it prints."""
    with open(os.path.join(SOURCES, "commands.h")) as f:
        return re.findall(r'(?m)^ +X\("([a-z]+)"', f.read())


def options(command):
    return set(re.findall(r"(?m)^ {2,6}(?:-[a-z], )?(--[a-z][a-z_-]*=?)", said(command, "--help")))


class Completion(Case):
    def setUp(self):
        super().setUp()
        self.env.update(PATH=BUILD + ":" + self.env["PATH"], HOME=self.dir, XDG_CONFIG_HOME=self.dir, XDG_DATA_HOME=self.dir,
                        TERM="dumb")
        os.mkdir(self.dir + "/somewhere")
        with open(self.dir + "/profile.pb.gz", "w"):
            pass

    def check(self, complete):
        self.assertGreater(len(commands()), 25)
        self.assertLessEqual(set(commands()), complete("heaptap "))
        for command in commands():
            self.assertLessEqual(options(command) | {"--help"}, complete("heaptap %s --" % command), command)
        self.assertEqual(complete("heaptap ru"), {"run"})
        self.assertEqual(complete("heaptap env --sys"), {"--systemd"})
        self.assertEqual(complete("heaptap top --nodecou"), {"--nodecount="})
        self.assertIn("profile.pb.gz", complete("heaptap top prof"))
        for line in ("run -- ", "run -o x ", "run --output x --exact ", "run --rate=4k ", "run -q -r 4k -- ", "stat -r 3 ", "stat -- ", "doctor -- ", "doctor --json -- "):
            self.assertIn("setpriv", complete("heaptap " + line + "setpri"), line)
            self.assertIn("somewhere/", complete("heaptap " + line + "ls somewhe"), line)
        self.assertIn("--peak", complete("heaptap run --rate 4k --pea"))
        # A process's number, of one that is profiled now.
        child = subprocess.Popen([HEAPTAP, "run", "-q", PROG, "wait"], env=self.env, cwd=self.dir, stdout=subprocess.DEVNULL)
        try:
            found = []  # among other tests' processes, which end when they like
            def listed():
                shown = subprocess.run([HEAPTAP, "ps"], env=self.env, capture_output=True, text=True).stdout
                with open("/proc/%d/task/%d/children" % (child.pid, child.pid)) as f:
                    found[:] = set(re.findall(r"(?m)^ *(\d+) ", shown)) & set(f.read().split())
                return found
            self.until(listed)
            pid = found[0]
            self.assertIn(pid, complete("heaptap dump " + pid[:1]))
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait()

    def test_help_lists_every_option_of_the_tables(self):
        rows = set()
        for directory, _, names in os.walk(SOURCES):
            for name in names:
                with open(os.path.join(directory, name)) as f:
                    rows |= set(re.findall(r"""\{"([a-z][a-z_-]+)", (?:'.', )?(?:\.\w+ = |(?:no|required)_argument|[A-Z]+, )""", f.read()))
        self.assertGreater(len(rows), 80)
        listed = {o.strip("-=") for c in commands() for o in options(c)}
        self.assertEqual(rows - listed - {"help"}, set())

    def shell(self, name, *args, **more):
        if not shutil.which(name):
            self.skipTest(name + " is not installed")
        r = subprocess.run([name, *args], capture_output=True, text=True, env=self.env, cwd=self.dir, timeout=60, **more)
        self.assertEqual(r.stderr, "")
        return r.stdout

    def test_bash(self):
        def complete(line):
            words = re.sub(r"=", " = ", line).split() + ([""] if line.endswith(" ") else [])
            script = "source %s/heaptap.bash; COMP_WORDS=(%s); COMP_CWORD=%d; _heaptap; printf '%%s\\n' \"${COMPREPLY[@]}\"" % (
                SCRIPTS, " ".join("'%s'" % w for w in words), len(words) - 1)
            out = set(self.shell("bash", "--norc", "-c", script).splitlines()) - {""}
            if not out:  # complete -o default
                out = set(self.shell("bash", "--norc", "-c", "compgen -f -- '%s'" % words[-1]).splitlines())
            return {w + "/" if os.path.isdir(os.path.join(self.dir, w)) else w for w in out}
        self.check(complete)

    def test_fish(self):
        def complete(line):
            out = self.shell("fish", "--no-config", "-c", "source %s/heaptap.fish; complete -C '%s'" % (SCRIPTS, line))
            return {w.split("\t")[0] for w in out.splitlines()}
        self.check(complete)

    def test_zsh(self):
        if not shutil.which("zsh"):
            self.skipTest("zsh is not installed")
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(self.dir)
            os.execvpe("zsh", ["zsh", "-f", "-i"], self.env)

        def until(mark, seconds=100):
            text, end = "", time.monotonic() + seconds
            while not re.search(mark, text):
                self.assertLess(time.monotonic(), end, text)
                if select.select([fd], [], [], 0.2)[0]:
                    text += os.read(fd, 65536).decode(errors="replace")
            return text

        # What would be shown is written to a file instead: zsh's own completion runs, with compadd looked at on the way.
        setup = r"""
PS1= ; PS2= ; stty -echo; fpath=(%s $fpath); autoload -Uz compinit; compinit -D -u
compadd() {
  local -a found; local suffix
  [[ -n ${(M)argv:#-[ODA]} ]] && { builtin compadd "$@"; return }
  builtin compadd -O found "$@"
  print -rl -- $found >>shown
  builtin compadd "$@"
}
complete-word-quietly() { : >shown; zle list-choices; print -r done >>shown; BUFFER= }
zle -N complete-word-quietly; bindkey '^O' complete-word-quietly; bindkey -r '^I'
zstyle ':completion:*' verbose no
print rea""" % SCRIPTS + "dy\n"
        try:
            os.write(fd, setup.encode())
            until("ready")

            def complete(line):
                shown = os.path.join(self.dir, "shown")
                if os.path.exists(shown):
                    os.unlink(shown)
                os.write(fd, line.encode() + b"\x0f")

                def done():
                    if select.select([fd], [], [], 0)[0]:
                        os.read(fd, 65536)
                    if not os.path.exists(shown):
                        return False
                    with open(shown) as f:
                        return f.read().endswith("done\n")
                self.until(done, 20)
                with open(shown) as f:
                    found = set(f.read().splitlines()[:-1]) - {""}
                return {w + "/" if os.path.isdir(os.path.join(self.dir, w)) else w for w in found}
            self.check(complete)
        finally:
            os.close(fd)
            os.kill(pid, signal.SIGHUP)
            os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
