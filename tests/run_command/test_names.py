# SPDX-License-Identifier: MIT
"""The names in the files at the end of a run: in all of them, however long it takes, unless a signal stops it."""
import os
import pty
import signal
import socket
import stat
import subprocess
import unittest

from common import CLOCK, Case, HEAPTAP, PROG, main
import terminal


class Names(Case):
    def mode(self, name):
        return stat.S_IMODE(os.stat(os.path.join(self.dir, name)).st_mode)

    def test_the_clock_does_not_matter(self):
        """Seen failing while naming had 8 seconds: the second file had addresses only."""
        r = self.run_("--exact", "-o", "p.pb.gz", PROG, "children", "3", env={"LD_PRELOAD": CLOCK})
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertNotIn("addresses only", r.stderr)
        files = self.files()
        self.assertEqual(len(files), 4, r.stderr)
        for name in files:
            self.assertGreater(self.blocks(name), 0)

    def test_progress_on_a_terminal(self):
        """A line that is overwritten, and wiped at the end; elsewhere nothing."""
        env = dict(self.env, LD_PRELOAD=CLOCK)
        words = [HEAPTAP, "run", "--exact", "-o", "p.pb.gz", PROG, "exit", "0"]
        master, slave = pty.openpty()
        p = subprocess.Popen(words, cwd=self.dir, env=env, stdout=subprocess.DEVNULL, stderr=slave)
        os.close(slave)
        said = terminal.read(master)
        self.assertEqual(p.wait(), 0)
        self.assertIn("\rnaming addresses: run-prog", said)
        self.assertRegex(said, r"(?s)naming addresses.*\r\x1b\[Kheaptap: wrote p\.pb\.gz")
        r = subprocess.run(words, cwd=self.dir, env=env, capture_output=True, text=True, timeout=60)
        self.assertNotIn("naming", r.stderr)

    def test_a_signal_stops_it(self):
        """A server that does not answer keeps the naming; the file stays as the program wrote it, but for its mode."""
        if not os.path.exists("/usr/lib/x86_64-linux-gnu/libdebuginfod.so.1"):
            self.skipTest("no libdebuginfod here")
        with socket.create_server(("127.0.0.1", 0)) as server:
            stripped = os.path.join(self.dir, "run-prog")
            subprocess.run(["strip", "-g", "-o", stripped, PROG], check=True)
            self.env["DEBUGINFOD_URLS"] = "http://127.0.0.1:%d" % server.getsockname()[1]
            p = self.start("--exact", "-o", "p.pb.gz", stripped, "exit", "7", preexec_fn=lambda: os.umask(0o027))
            server.settimeout(60)
            connection, _ = server.accept()
            p.send_signal(signal.SIGINT)
            _, said = p.communicate(timeout=60)
            connection.close()
        self.assertEqual(p.returncode, 7)
        self.assertIn("heaptap: stopped: 1 profile has addresses only; 'heaptap symbolize FILE -o FILE' names one\n", said)
        self.assertIn("heaptap: wrote p.pb.gz: run-prog", said)
        self.assertEqual(self.files("*"), ["cache", "p.pb.gz", "regions", "run-prog"], "no temporary is left")
        self.assertEqual(self.mode("p.pb.gz"), 0o640)
        self.assertEqual(self.leftovers(), [])
        r = self.heaptap("symbolize", "p.pb.gz", "-o", "named.pb.gz", env={"DEBUGINFOD_URLS": ""})
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertEqual(self.blocks("named.pb.gz"), 10)

    def test_all_files_have_one_mode(self):
        """Named or not, written by the program or by run. Seen failing: 0600 with --no-symbolize, 0640 without."""
        for i, (more, words) in enumerate([((), ("exit", "0")), (("--no-symbolize",), ("exit", "0")),
                                           ((), ("kill", "9")), (("--no-symbolize",), ("kill", "9"))]):
            p = self.start("--exact", "-o", "m%d.pb.gz" % i, *more, PROG, *words, preexec_fn=lambda: os.umask(0o027))
            p.communicate(timeout=60)
            self.assertEqual(self.mode("m%d.pb.gz" % i), 0o640, (more, words))


if __name__ == "__main__":
    main()
