#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_run_leaks.py HEAPTAP ENDING HEAPS: `heaptap run --leaks`: what leaked, when a program has ended."""
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HEAPTAP, ENDING, HEAPS = (os.path.abspath(a) for a in sys.argv[1:4])
LOST, BUILT = (5, 5000), (31, 31 * 56)


def text(stderr):
    """The sites by name and grade: objects, blocks under them, the line."""
    found, grade = {}, None
    for l in stderr.splitlines():
        m = re.match(r"(unreferenced|unreachable):", l)
        grade = m[1] if m else grade
        m = re.match(r" *([\d.]+[kMG]?B)(?: +[\d.]+[kMG]?B?-[\d.]+[kMG]?B?)? +(\d+) +\d+s +\d+%  (\w+)", l)
        if m:
            held = re.search(r"holds (\d+) other", l)
            found[m[3], grade] = int(m[2]), int(held[1]) if held else 0
    return found


class Test(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="heaptap-ending-")

    def start(self, *options, program=ENDING, mode="exit", exact=True, stdin=subprocess.DEVNULL):
        argv = [HEAPTAP, "run", "-q", "-o", self.dir + "/%e.%p.pb.gz", *(["--exact"] if exact else []), *options, "--", program, *mode.split()]
        env = {k: v for k, v in os.environ.items() if not k.startswith("HEAPTAP_")}
        return subprocess.Popen(argv, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.dir, env=env)

    def run_it(self, status, *options, **how):
        p = self.start(*options, **how)
        out, err = p.communicate(timeout=120)
        self.assertEqual(p.returncode, status, err)
        return err

    def files(self):
        return sorted(f for f in os.listdir(self.dir) if ".leaks." in f)

    def assertWhole(self, err):
        self.assertEqual(text(err), {("lose", "unreferenced"): (5, 0), ("build", "unreferenced"): (1, 30), ("build", "unreachable"): (30, 0)}, err)

    def test_what_leaked(self):
        for mode in ("exit", "_exit", "quick"):
            self.assertWhole(self.run_it(0, "--leaks", mode=mode))

    def test_profile(self):
        err = self.run_it(0, "--leaks")
        self.assertEqual(len(self.files()), 1)
        path = os.path.join(self.dir, self.files()[0])
        self.assertIn("wrote " + path, err)
        def heaptap(*words):
            return subprocess.run([HEAPTAP, *words], capture_output=True, text=True).stdout
        tags = heaptap("tags", "--sample_index=inuse_objects", path)
        self.assertIn("leak: Total", tags)
        for grade in ("unreferenced", "unreachable"):
            self.assertIn(grade, tags)
        top = heaptap("top", "-tagfocus=leak=unreferenced", "--sample_index=inuse_space", path)
        self.assertIn("lose", top)
        self.assertNotIn("keep", top)

    def test_exit_code(self):
        self.run_it(23, "--leak-exit-code")
        self.run_it(5, "--leak-exit-code=5")
        self.run_it(7, "--leak-exit-code", mode="status")
        self.run_it(134, "--leak-exit-code", mode="abort")
        self.run_it(0, "--leak-exit-code", mode="none")
        self.run_it(23, "--leak-exit-code", mode="fork")
        for bad in ("0", "256", "x", "-1"):
            self.assertIn("--leak-exit-code", self.run_it(2, "--leak-exit-code=" + bad))

    def test_suppressions(self):
        known = os.path.join(self.dir, "known")
        def file(*lines):
            with open(known, "w") as f:
                f.write("".join(l + "\n" for l in lines))
            return "--suppressions=" + known
        err = self.run_it(23, "--leak-exit-code", file("# known", "leak:^build$"))
        self.assertEqual(text(err), {("lose", "unreferenced"): (5, 0)}, err)
        self.assertIn("31 leaked blocks are suppressed", err)
        # As with LeakSanitizer: what only a suppressed block leads to goes with it, and a file or a binary may be named.
        for pattern in ("leak:leak", "leak:*ending.c", "leak:ending"):
            self.assertEqual(text(self.run_it(0, "--leak-exit-code", file(pattern))), {}, pattern)
        err = self.run_it(23, "--leak-exit-code", file("leak:nobody"))
        self.assertWhole(err)
        self.assertIn("neither", self.run_it(2, file("nonsense")))
        self.assertIn("cannot read", self.run_it(2, "--suppressions=" + self.dir + "/missing"))

    def test_none(self):
        p = self.start("--leaks", mode="none")
        self.assertEqual((p.communicate()[1], p.returncode, self.files()), ("", 0, []))
        err = subprocess.run([HEAPTAP, "run", "--leaks", "--exact", "-o", self.dir + "/a.pb.gz", ENDING, "none"], capture_output=True, text=True).stderr
        self.assertIn("no leak was found in 1 process", err)

    def test_without(self):
        """Without --leaks nothing waits and nothing is said."""
        self.assertEqual((self.run_it(0), self.files()), ("", []))

    def test_threads(self):
        """Nothing that a thread holds is called leaked, in its registers or on its stack, and all of them are held at once."""
        err = self.run_it(0, "--leaks", mode="threads")
        self.assertWhole(err)
        self.assertRegex(err, r"its 9 threads were held for [\d.]+ ms")

    def test_truth(self):
        p = self.start("--leaks", program=HEAPS, mode="5 8")
        out, err = p.communicate(timeout=120)
        truth = {l.split()[0]: int(l.split()[1]) for l in out.splitlines() if l.count(" ") == 2}
        found = {}
        for (name, _), (objects, _) in text(err).items():
            found[name] = found.get(name, 0) + objects
        # What a mover had in its hand when it was told to end, it lost.
        self.assertLessEqual(found.pop("kept_moving", 0), 8)
        self.assertEqual([n for n in found if n.startswith(("kept_", "register_"))], [], err)
        lost = [n for n in truth if n.startswith("lost_")]
        self.assertGreaterEqual(sum(found.get(n, 0) for n in lost), 0.98 * sum(truth[n] for n in lost), err)

    def test_child(self):
        err = self.run_it(0, "--leaks", mode="fork")
        self.assertWhole(err)
        self.assertEqual(len(self.files()), 1)

    def test_replaced_and_killed(self):
        self.assertEqual(text(self.run_it(0, "--leaks", mode="exec")), {})
        self.assertIn("no process was looked at for leaks", self.run_it(134, "--leaks", mode="abort"))

    def test_traced(self):
        """Another tracer has its threads: it is looked at all the same, in passes."""
        err = self.run_it(0, "--leaks", mode="traced")
        self.assertWhole(err)

    def test_sampled(self):
        err = self.run_it(0, "--leaks", "--rate=100", exact=False)
        self.assertIn("sampled blocks asked about", err)
        self.assertIn(("lose", "unreferenced"), text(err))

    def check(self, status, *words):
        p = subprocess.run([HEAPTAP, "check", *words], capture_output=True, text=True, timeout=120)
        self.assertEqual(p.returncode, status, p.stdout + p.stderr)
        return p.stdout + p.stderr

    def test_check(self):
        """check --fail-if-leaked: of a profile with the label, of one without it, of a process."""
        self.run_it(0, "--leaks")
        whole = [f for f in os.listdir(self.dir) if ".leaks." not in f][0]
        leaked, known = os.path.join(self.dir, self.files()[0]), os.path.join(self.dir, "known")
        self.assertIn("BROKEN    fail-if-leaked: 6.58kB leaked, most of it by lose", self.check(1, "--fail-if-leaked", leaked))
        with open(known, "w") as f:
            f.write("leak:lose\nleak:build\n")
        self.assertIn("holds     fail-if-leaked: no leak was found", self.check(0, "--fail-if-leaked", "--suppressions=" + known, leaked))
        self.assertIn("was not looked at for leaks", self.check(2, "--fail-if-leaked", os.path.join(self.dir, whole)))
        self.check(2, "--fail-if-leaked", "--fail-if-grew=5%", leaked, leaked)
        self.check(2, "--fail-if-leaked", leaked, leaked)
        p = self.start(mode="wait")
        try:
            pid = self.child(p)
            time.sleep(0.3)
            out = self.check(1, "--fail-if-leaked", "--max-total=1M", str(pid))
            self.assertIn("fail-if-leaked: 6.58kB leaked", out)
            self.assertIn("holds     max-total", out)
            self.assertIn("no leak was found", self.check(0, "--fail-if-leaked", "--suppressions=" + known, str(pid)))
        finally:
            p.terminate()
            p.communicate(timeout=60)

    def child(self, p):
        """The program that a `run` has started."""
        end = time.time() + 60
        while time.time() < end:
            child = subprocess.run(["pgrep", "-P", str(p.pid), "ending"], capture_output=True, text=True).stdout.split()
            if child:
                return int(child[0])
            time.sleep(0.01)
        self.fail("it did not start")

    def waiting(self, mode="slow"):
        """A program of which `run` stands still, so that it waits at its end."""
        p = self.start("--leaks", mode=mode)
        child = self.child(p)
        time.sleep(0.3)
        os.kill(p.pid, signal.SIGSTOP)
        return p, child

    def wait_end(self, pid):
        began = time.time()
        while time.time() - began < 60:
            try:
                with open("/proc/%d/stat" % pid) as f:
                    if f.read().rsplit(")", 1)[1].split()[0] == "Z":
                        break
            except FileNotFoundError:
                break
            time.sleep(0.02)
        return time.time() - began

    def test_run_is_gone(self):
        """A process that waits does not wait for a `run` that is gone, and has its profile; and some ten seconds for one that stands.
        An alarm that it set before its end does not come meanwhile."""
        stopped, its = self.waiting()
        killed, child = self.waiting()
        alarmed, _ = self.waiting("alarm")
        time.sleep(3)
        alarmed.send_signal(signal.SIGCONT)
        err = alarmed.communicate(timeout=60)[1]
        self.assertEqual(alarmed.returncode, 0, err)
        self.assertTrue(os.path.exists("/proc/%d" % child))
        killed.kill()
        os.waitid(os.P_PID, killed.pid, os.WEXITED)  # as long as nobody has waited for it, it is there
        self.assertLess(self.wait_end(child), 5)
        killed.communicate(timeout=60)
        self.assertTrue(os.path.exists(self.dir + "/ending.%d.pb.gz" % child))
        self.assertLess(self.wait_end(its), 30)
        stopped.send_signal(signal.SIGCONT)
        err = stopped.communicate(timeout=60)[1]
        self.assertEqual(stopped.returncode, 0, err)
        self.assertTrue(os.path.exists(self.dir + "/ending.%d.pb.gz" % its))

    def test_signal(self):
        """A signal to `run` is the program's, also with --leaks."""
        p = self.start("--leaks", mode="wait")
        self.child(p)
        time.sleep(0.3)
        p.terminate()
        p.communicate(timeout=60)
        self.assertEqual(p.returncode, 128 + signal.SIGTERM)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
