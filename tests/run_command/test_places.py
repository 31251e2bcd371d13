# SPDX-License-Identifier: MIT
"""Nothing is lost, and nothing false is said, where a process stands elsewhere: another pid, time, mount or user namespace, another
user, no directory, limits on files. Each test was seen failing before its remedy; what needs root or namespaces says so."""
import os
import re
import shutil
import signal
import subprocess
import time
import unittest

from common import BLOCK, Case, HEAPTAP, PROG, ROOT, can, main, names, namespaces

LIBRARY = os.path.join(os.path.dirname(HEAPTAP), "libheaptap.so")

class Namespaces(Case):
    @namespaces("unshare", "-pf", "--mount-proc")
    def test_pid_namespaces_keep_their_files(self):
        """One pid in three namespaces, one after another, at once, killed, and dumping on the way. Seen failing: one file of three."""
        kill = "timeout -s KILL 3 "  # what it does before it sleeps takes 10 ms on a machine with nothing else to do
        for before, how, wait in (("", "exit", ";"), (kill, "sleep 60", ";"), ("", "exit", "&"), (kill, "sleep 60", "&")):
            for name in self.files():
                os.unlink(os.path.join(self.dir, name))
            r = self.run_("--exact", "-o", "y.pb.gz", "sh", "-c",
                          "for i in 1 2 3; do %sunshare -pf --kill-child --mount-proc %s %s %s done; wait; "
                          # A killed one may still be dying when those that killed it have ended.
                          "while pgrep -s 0 -x run-prog >/dev/null; do sleep 0.02; done; exit 0" % (before, PROG, how, wait))
            files = [f for f in self.files() if self.blocks(f)]
            self.assertEqual(len(files), 3, (how, wait, self.files(), r.stderr))
            blocks = 10 if how == "exit" else 3
            for name in files:
                self.assertEqual(self.blocks(name), blocks)
                self.assertIn("wrote %s:" % name, r.stderr)
            self.assertEqual(self.leftovers(), [])

    @namespaces("unshare", "-pf", "--mount-proc")
    def test_dumps_of_pid_namespaces_keep_theirs(self):
        self.run_("--exact", "-o", "y.pb.gz", "sh", "-c", "for i in 1 2; do unshare -pf --mount-proc %s dumps 2; done" % PROG)
        held = sorted(self.blocks(f) for f in self.files() if self.blocks(f))
        self.assertEqual(held, [1, 1, 2, 2, 2, 2], self.files())

    @namespaces("unshare", "-pf", "--mount-proc")
    def test_one_that_lives_on_in_a_pid_namespace(self):
        """It was taken for dead, and its region away from under it. Its pid here is said, not 1."""
        r = self.run_("--exact", "-o", "y.pb.gz", "sh", "-c",
                      "unshare -pf --mount-proc %s daemonless >ready 2>/dev/null & while ! [ -s ready ]; do sleep 0.02; done" % PROG)
        said = re.search(r"run-prog \(pid (\d+)\) still runs and is still profiled: heaptap dump (\d+); when it ends it writes y\.1\.pb\.gz", r.stderr)
        self.assertTrue(said, r.stderr)
        self.assertGreater(int(said[1]), 1)
        dumped = self.heaptap("dump", "-o", "d.pb.gz", said[2])
        self.assertEqual(dumped.returncode, 0, dumped.stderr)
        self.assertEqual(self.blocks("d.pb.gz"), 3)
        with open("/proc/%s/stat" % said[1]) as f:
            parent = f.read().split(") ")[1].split()[1]
        os.kill(int(said[1]), signal.SIGTERM)
        self.until(lambda: "y.1.pb.gz" in self.files() and not os.path.exists("/proc/" + parent))

    @namespaces("unshare", "-T", "--boottime", "1000")
    def test_time_namespaces(self):
        """A start time that is another there. Seen failing: the region went while the process lived."""
        r = self.run_("--exact", "-o", "t.pb.gz", "unshare", "-T", "--boottime", "1000", "-f", PROG, "sleep", "2")
        files = [f for f in self.files() if self.blocks(f)]
        self.assertEqual([self.blocks(f) for f in files], [3], r.stderr)
        p = self.start("--exact", "-o", "l.pb.gz", "unshare", "-T", "--boottime", "1000", "-f", PROG, "wait")
        pid = p.stdout.readline().split()[1]
        for command in (["ps"], ["dump", "-o", "d.pb.gz", pid]):
            r = self.heaptap(*command)
            self.assertEqual(r.returncode, 0, r.stderr)
        self.assertRegex(self.heaptap("ps").stdout, r"(?m)^ *%s +run-prog +alive " % pid)
        self.assertEqual(self.blocks("d.pb.gz"), 5)
        os.kill(int(pid), signal.SIGKILL)
        p.communicate(timeout=20)

    def in_mounts(self, *words, more="", **env):
        return self.run_("--exact", "-o", "m.pb.gz", "unshare", "-m", "sh", "-c",
                         "mount -t tmpfs none %s; chmod 700 %s; %s %s" % (self.regions, self.regions, more, " ".join(words)), env=env)

    def keeps_open(self, pid, path):
        """Whether a descriptor of the process is a file whose path matches."""
        fds = "/proc/%d/fd" % pid
        for fd in os.listdir(fds):
            try:
                if re.search(path, os.readlink(os.path.join(fds, fd))):
                    return True
            except FileNotFoundError:  # closed meanwhile
                pass
        return False

    @namespaces("unshare", "-m")
    def test_a_region_in_another_mount_namespace(self):
        """run keeps a descriptor of it, so that neither SIGKILL nor a read-only file system loses the profile."""
        p = self.start("--exact", "-o", "m.pb.gz", "unshare", "-m", "sh", "-c",
                       "mount -t tmpfs none %s; chmod 700 %s; %s wait; true" % (self.regions, self.regions, PROG))
        pid = int(p.stdout.readline().split()[1])
        self.until(lambda: self.keeps_open(p.pid, r"/%d\.\d+\.\d+$" % pid))
        os.kill(pid, signal.SIGKILL)
        err = p.communicate(timeout=60)[1]
        self.assertEqual([self.blocks(f) for f in self.files() if self.blocks(f)], [5], err)
        self.assertNotIn("no sample was seen", err)

    @namespaces("unshare", "-m")
    def test_what_it_cannot_write_there_it_says(self):
        r = self.in_mounts("%s exit;" % PROG, "true", more="mount -o bind,ro %s %s;" % (self.dir, self.dir))
        self.assertRegex(r.stderr, r"heaptap: cannot write %s/m\.\d+\.pb\.gz: the file system is read-only; the profile stays in the region "
                                   r"while its namespaces last \(heaptap recover there\)" % re.escape(self.dir))

    @namespaces("unshare", "-m")
    def test_nobody_knows(self):
        """Killed at once where nobody sees it: then nothing is said of what it sampled."""
        r = self.in_mounts("exec %s kill 9" % PROG)
        if not self.files():  # it is seen when it lives long enough
            self.assertNotIn("allocates", r.stderr)
            self.assertIn("left no sample where heaptap run can see it", r.stderr)

    @unittest.skipUnless(can("unshare", "-r"), "needs user namespaces")
    def test_user_namespace(self):
        r = self.run_("--exact", "-o", "u.pb.gz", "unshare", "-r", PROG, "exit", env={"HEAPTAP_REGION_DIR": ""})
        self.assertEqual([self.blocks(f) for f in self.files() if self.blocks(f)], [10], r.stderr)

    @unittest.skipUnless(shutil.which("fakeroot"), "needs fakeroot")
    def test_fakeroot(self):
        for words in (["fakeroot", HEAPTAP, "run"], [HEAPTAP, "run", "fakeroot"]):
            at = words.index("run") + 1
            r = subprocess.run(words[:at] + ["--exact", "-o", "f.pb.gz"] + words[at:] + [PROG, "exit"], cwd=self.dir, env=self.env,
                               capture_output=True, text=True, timeout=60)
            self.assertEqual([self.blocks(f) for f in self.files() if self.blocks(f)], [10], r.stderr)
            self.assertEqual(self.leftovers(), [])
            for name in self.files():
                os.unlink(os.path.join(self.dir, name))


class Limits(Case):
    def test_size_of_files(self):
        """Seen failing: "nothing was sampled: it allocates less than the rate", of 40 MB."""
        r = self.run_("-o", "f.pb.gz", "sh", "-c", "ulimit -f 0; %s phases 1" % PROG)
        self.assertRegex(r.stderr, r"heaptap: cannot write \S+/f\.\d+\.pb\.gz: File too large; the samples of run-prog \(pid \d+\) were in its "
                                   r"own memory, which went with it\n")
        self.assertNotIn("allocates less", r.stderr)
        r = self.run_("--exact", "-o", "f.pb.gz", "sh", "-c", "ulimit -f 0; %s kill 9" % PROG)
        self.assertRegex(r.stderr, r"heaptap: no profile of run-prog \(pid \d+\): its samples were in its own memory, which went with it \(")
        self.assertEqual(self.leftovers(), [], "no mark is left")

    def test_private_but_written(self):
        """The file system takes the profile, the directory of regions no region."""
        r = self.run_("--exact", "-o", "w.pb.gz", "sh", "-c", "ulimit -f 500; %s exit" % PROG)  # 256,000 bytes
        self.assertEqual([self.blocks(f) for f in self.files() if self.blocks(f)], [10], r.stderr)
        self.assertRegex(r.stderr, r"heaptap: wrote w\.\d+\.pb\.gz: run-prog \(pid \d+\), [1-9]")
        self.assertNotIn("cannot write", r.stderr)
        self.assertEqual(self.leftovers(), [])

    def test_a_region_that_fits(self):
        """Seen failing: of a killed program nothing was left, however large its files might be, below 2 GiB."""
        r = self.run_("--exact", "-o", "f.pb.gz", "sh", "-c", "ulimit -f 2048; %s kill 9" % PROG)  # 1 MiB
        self.assertEqual([self.blocks(f) for f in self.files() if self.blocks(f)], [10], r.stderr)
        self.assertNotIn("own memory", r.stderr)
        self.assertEqual(self.leftovers(), [])

    def test_a_region_that_grows_out_of_its_file(self):
        r = self.run_("--exact", "-o", "g.%e.pb.gz", "sh", "-c", "ulimit -f 2048; %s stacks 16384; true" % PROG)
        p = self.profile(self.files("g.run-prog.*")[0])
        self.assertEqual(sum(s.values[0] for s in p.samples if "bit_set" in names(p, s) or "bit_clear" in names(p, s)), 16384, r.stderr)
        self.assertNotIn("lost:", " ".join(p.comments))
        self.assertEqual(self.leftovers(), [])

    def test_private_without_a_sample(self):
        r = self.run_("-r", "1G", "-o", "w.pb.gz", "sh", "-c", "ulimit -f 0; %s nothing" % PROG)
        self.assertIn("heaptap: no sample was seen: sh allocates less than the rate (1GB)", r.stderr)
        self.assertEqual(self.leftovers(), [])

    def test_descriptors_of_run(self):
        """Seen failing: the regions stayed as "dumped", and nothing was said of them."""
        for n in range(5, 12):
            r = subprocess.run(["sh", "-c", "ulimit -n %d; exec %s run --exact -o n%d.pb.gz %s exit" % (n, HEAPTAP, n, PROG)],
                               cwd=self.dir, env=self.env, capture_output=True, text=True, timeout=60)
            if self.leftovers():
                self.assertIn("heaptap: cannot look through the regions: Too many open files; what processes of this run left there stays "
                              "(heaptap ps, heaptap recover)\n", r.stderr, n)
            else:
                self.assertNotIn("cannot look through", r.stderr)
            for name in self.leftovers():
                os.unlink(os.path.join(self.regions, name))


class Modes(Case):
    def test_umask(self):
        """A umask that takes the owner's right to read, too. Seen failing: the mode was 0, and where the user is not root the profile of
        a killed program was lost without a word."""
        for number in (0, 9):
            r = self.run_("--exact", "-o", "u.%e.pb.gz", "sh", "-c", "%s umask %d; true" % (PROG, number))
            name, = self.files("u.run-prog.*")
            self.assertEqual((self.blocks(name), os.stat(os.path.join(self.dir, name)).st_mode & 0o600), (10, 0o600), r.stderr)
            os.unlink(os.path.join(self.dir, name))
        p = self.start("--exact", "-o", "u.%e.pb.gz", "sh", "-c", "umask 0777; exec %s wait" % PROG)
        pid = int(p.stdout.readline().split()[1])
        self.assertEqual({os.stat(os.path.join(self.regions, n)).st_mode & 0o777 for n in self.leftovers()}, {0o600})
        os.kill(pid, signal.SIGTERM)
        p.communicate(timeout=60)


class Directories(Case):
    def preloaded(self, cwd, *words, **env):
        return subprocess.run([PROG, *words], cwd=cwd, env=dict(self.env, LD_PRELOAD=LIBRARY, HEAPTAP_RATE="1", TMPDIR=self.dir, **env),
                              capture_output=True, text=True, timeout=60)

    def gone(self, run):
        """What run says in a directory that is removed."""
        script = "mkdir gone; cd gone; rmdir ../gone; exec \"$@\""
        return subprocess.run(["sh", "-c", script, "sh", *run], cwd=self.dir, env=dict(self.env, TMPDIR=self.dir + "/tmp"),
                              capture_output=True, text=True, timeout=60)

    def test_removed(self):
        """Seen failing: the profile went into /, silently."""
        os.mkdir(self.dir + "/tmp")
        r = self.gone(["env", "LD_PRELOAD=" + LIBRARY, "HEAPTAP_RATE=1", PROG, "exit"])
        self.assertRegex(r.stderr, r"\A(heaptap: wrote %s/tmp/heaptap\.\S+\.pb\.gz: the working directory has no path \(it was removed, or is "
                                   r"outside of the root\)\n)+\Z" % re.escape(self.dir))
        self.assertEqual(len(self.files("tmp/heaptap.run-prog.*.pb.gz")), 1)
        r = self.gone([HEAPTAP, "run", "--exact", PROG, "exit"])
        self.assertIn("heaptap: the working directory has no path (it was removed, or is outside of the root); profiles go to %s/tmp\n"
                      % self.dir, r.stderr)
        self.assertEqual(len(self.files("tmp/heaptap.run-prog.*.pb.gz")), 2)
        r = self.gone([HEAPTAP, "run", "--exact", "-o", self.dir + "/given.pb.gz", PROG, "exit"])
        self.assertNotIn("working directory", r.stderr)
        self.assertEqual(self.blocks("given.pb.gz"), 10)

    def test_deep(self):
        deep = self.dir
        while len(deep) < 1500:
            deep += "/" + "d" * 200
        os.makedirs(deep)
        r = self.preloaded(deep, "exit")
        self.assertRegex(r.stderr, r"\Aheaptap: wrote %s/heaptap\.run-prog\.\d+\.pb\.gz: the path of the working directory is too long\n\Z"
                         % re.escape(self.dir))
        r = self.run_("--exact", "-o", "deep.pb.gz", PROG, "exit", cwd=deep, env={"TMPDIR": self.dir})
        self.assertIn("heaptap: the path of the working directory is too long; profiles go to %s\n" % self.dir, r.stderr)
        self.assertEqual(self.blocks("deep.pb.gz"), 10)

    def test_an_ordinary_one_is_not_spoken_of(self):
        r = self.preloaded(self.dir, "exit")
        self.assertEqual(r.stderr, "")
        self.assertEqual(len(self.files("heaptap.run-prog.*.pb.gz")), 1)

    def test_bare_and_private_and_unwritable(self):
        """The samples go with its memory: it was said that they stay in the region."""
        r = self.preloaded(self.dir, "exit", HEAPTAP_REGION_DIR="/proc/nowhere", HEAPTAP_OUTPUT="/proc/nowhere/x")
        self.assertEqual(r.stderr, "heaptap: cannot write /proc/nowhere/x: no such directory; its samples were in its own memory, which "
                                   "goes with it\n")
        r = self.preloaded(self.dir, "exit", HEAPTAP_OUTPUT="/proc/nowhere/x")
        self.assertEqual(r.stderr, "heaptap: cannot write /proc/nowhere/x: no such directory; the profile stays in the region (heaptap dump, "
                                   "heaptap recover)\n")
        self.assertEqual(len(self.leftovers()), 1)
        r = self.preloaded(self.dir, "dumps", "1", HEAPTAP_REGION_DIR="/proc/nowhere", HEAPTAP_OUTPUT="/proc/nowhere/x")
        self.assertIn("; its samples are in its own memory (heaptap dump reads them while it lives)\n", r.stderr)


class Living(Case):
    def test_a_daemon_without_a_sample_of_its_own(self):
        """It has its parent's region until its first sample. Seen failing: nobody was named."""
        r = self.run_("-r", "1G", "-o", "d.pb.gz", PROG, "idle_daemon", "3")
        said = re.search(r"run-prog \(pid (\d+)\) still runs and is still profiled: heaptap dump \1; when it ends it writes d\.\1\.pb\.gz\n", r.stderr)
        self.assertTrue(said, r.stderr)
        self.assertNotIn("no sample was seen", r.stderr)
        os.kill(int(said[1]), signal.SIGKILL)

    @unittest.skipUnless(ROOT, "needs root to change users")
    def test_a_daemon_of_another_user(self):
        os.chmod(self.dir, 0o755)
        r = self.run_("--exact", "-o", "d.pb.gz", PROG, "daemon_as", "65534", env={"HEAPTAP_REGION_DIR": ""})
        said = re.search(r"run-prog \(pid (\d+)\) still runs and is still profiled: heaptap dump \1; its user may not write d\.\1\.pb\.gz: when "
                         r"it ends, heaptap recover writes its profile\n", r.stderr)
        self.assertTrue(said, r.stderr)
        pid = said[1]
        os.kill(int(pid), signal.SIGTERM)
        self.until(lambda: not os.path.exists("/proc/%s" % pid))
        left = ["/dev/shm/heaptap-65534/" + n for n in os.listdir("/dev/shm/heaptap-65534") if n.startswith(pid + ".")]
        self.assertEqual(len(left), 1)
        r = self.heaptap("recover", "-o", "r.pb.gz", pid, env={"HEAPTAP_REGION_DIR": ""})
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertGreaterEqual(self.blocks("r.pb.gz"), 4)
        self.assertFalse(os.path.exists(left[0]), "root's recover left another user's region, and did not say so: " + r.stderr)


if __name__ == "__main__":
    main()
