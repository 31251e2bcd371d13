# SPDX-License-Identifier: MIT
"""What run and the library say of a process, where it is true and where it would be false: tests/sentences/table says which is which."""
import os
import re
import resource
import signal
import subprocess

from common import Case, HEAPTAP, PROG, main, namespaces

LIBRARY = os.path.join(os.path.dirname(HEAPTAP), "libheaptap.so")
LESS = ("--rate=1G", "-o", "x.pb.gz")

MALLOC = """#include <stddef.h>
static _Alignas(16) char room[1 << 20]; static size_t at;
void *malloc(size_t n) { char *p = room + at; at += (n + 15) & ~(size_t)15; return p; }
void *calloc(size_t n, size_t m) { return malloc(n * m); }
void *realloc(void *p, size_t n) { return malloc(n); }
void free(void *p) {}
int main(void) { return 0; }
"""
FILTER = """#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
int main(int argc, char **argv) {
  struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog all = {1, &allow};
  return argc > 1 && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, 2, &all));
}
"""
DEEP = """#include <stdlib.h>
__attribute__((noinline)) static void *descend(int n) {
  volatile char *p = n ? descend(n - 1) : malloc(100000);
  *p = 1;
  return (void *)p;
}
int main(void) { return !descend(600); }
"""
LOST = """#include <stdlib.h>
void *lost(size_t n);
asm(".text\\n.globl lost\\n.type lost, @function\\nlost: push %rbp\\n xor %ebp, %ebp\\n sub $16, %rsp\\n call malloc@PLT\\n"
    " add $16, %rsp\\n pop %rbp\\n ret\\n.size lost, . - lost\\n");
int main(void) { return !lost(100000); }
"""


class Sentences(Case):
    def build(self, text):
        source, program = (os.path.join(self.dir, n) for n in ("s.c", "s"))
        with open(source, "w") as f:
            f.write(text)
        subprocess.run(["gcc", "-O1", "-w", "-fno-builtin", source, "-o", program], check=True)
        return program

    def bare(self, *words, limit=None, prefix=(), **env):
        def before():
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        return subprocess.run([*prefix, "env", "LD_PRELOAD=" + LIBRARY, PROG, *words], cwd=self.dir, preexec_fn=before,
                              env=dict(self.env, HEAPTAP_RATE="1", **env), capture_output=True, text=True, timeout=60)

    def test_ordinary(self):
        r = self.run_("--exact", "-o", "x.pb.gz", PROG, "exit")
        self.assertEqual(self.blocks("x.pb.gz"), 10)
        for words in ("cannot write into", "left for heaptap recover", "profiles go to", "no sample was seen", "no profile", "still runs",
                      "still run", "it is in ", "stays in its region", "own memory", "with names", "addresses only"):
            self.assertNotIn(words, r.stderr)

    def test_no_sample(self):
        self.assertIn("no sample was seen: run-prog allocates less than the rate (1GB); try", self.run_(*LESS, PROG, "nothing").stderr)
        r = subprocess.run([HEAPTAP, "run", PROG, "nothing"], env=dict(self.env, HEAPTAP_RATE="abc"), cwd=self.dir, capture_output=True, text=True)
        self.assertIn("HEAPTAP_RATE=abc cannot be used; 512k is used", r.stderr)
        self.assertIn("allocates less than the rate (512kB); try", r.stderr)
        started = self.run_("--exact", "--start=off", "-o", "y.pb.gz", PROG, "started").stderr
        self.assertNotIn("nobody called", started)

    def test_nothing_through_malloc(self):
        program = self.build("int main(void) { return 0; }\n")
        self.assertIn("no sample was seen: s allocates nothing through malloc\n", self.run_("--exact", "-o", "x.pb.gz", program).stderr)
        program = self.build("#include <stdlib.h>\nint main(void) { return !malloc(100); }\n")
        self.assertNotIn("allocates nothing", self.run_("--exact", "-o", "x.pb.gz", program).stderr)

    def test_resident(self):
        """Of one process it is said; several have no such sum."""
        one = self.run_("--exact", "-o", "x.pb.gz", PROG, "exit").stderr
        self.assertRegex(one, r"\nin use at the end \(at most [\d.]+MB were resident\): ")
        two = self.run_("--exact", "-o", "x.pb.gz", "sh", "-c", "%s exit; %s exit" % (PROG, PROG)).stderr
        self.assertRegex(two, "processes that lived together: |all processes together: ")
        self.assertNotIn("were resident", two)

    def test_nothing_at_the_end(self):
        """What gave all back has a word about its peak; what did not, and with --peak, has none."""
        program = self.build("#include <stdlib.h>\nint main(void) { for (int i = 0; i < 100; i++) { void *volatile p = malloc(5000); free(p); } }\n")
        said = "little was in use at the end; --peak shows the heap at its peak\n"
        self.assertIn(said, self.run_("--exact", "-o", "x.pb.gz", program).stderr)
        self.assertNotIn(said, self.run_("--exact", "--peak", "-o", "x.pb.gz", program).stderr)
        self.assertNotIn(said, self.run_("--exact", "-o", "x.pb.gz", PROG, "exit").stderr)

    def test_the_peak_by_default(self):
        """Where nothing is left at the end: the heap at its peak, unless it is not wanted; where much is, that."""
        program = self.build("#include <stdlib.h>\nint main(int argc, char **argv) { static void *p[80]; for (int i = 0; i < 80; i++) p[i] = malloc(1 << 20);"
                             "\nfor (int i = argc > 1 ? 40 : 0; i < 80; i++) free(p[i]); }\n")
        self.assertRegex(self.run_("-o", "x.pb.gz", program).stderr, r"\nin use at the peak \(at most .*\): [\d.]+MB by 1 owner\n")
        self.assertIn("peak_space", [t for t, _ in self.profile("x.pb.gz").types])
        r = self.run_("--no-peak", "-o", "x.pb.gz", program).stderr
        self.assertRegex(r, r"\nallocated in all \(at most ")
        self.assertIn("little was in use at the end; --peak shows", r)
        self.assertNotIn("peak_space", [t for t, _ in self.profile("x.pb.gz").types])
        self.assertRegex(self.run_("-o", "x.pb.gz", program, "more").stderr, r"\nin use at the end \(at most .*\): [\d.]+MB by 1 owner\n")
        self.assertRegex(self.run_("--peak", "-o", "x.pb.gz", program, "more").stderr, r"\nin use at the peak \(at most .*\): [\d.]+MB by 1 owner\n")
        self.assertNotIn("peak_space", self.run_("-o", "x.pb.gz", program, env={"HEAPTAP_PEAK": "0"}).stderr)
        program = self.build("#include <stdlib.h>\nint main(void) { static void *p[300]; for (int i = 0; i < 300; i++) p[i] = malloc(1 << 20);"
                             "\nfor (int i = 12; i < 300; i++) free(p[i]); }\n")
        self.assertRegex(self.run_("-o", "x.pb.gz", program).stderr, r"\nin use at the peak \(at most ")

    def test_the_peak_is_never_less_than_what_is_in_use(self):
        """A new peak begins only 0.2 % above the last one: what is in use between two is the peak, in each form of the profile."""
        program = self.build("#include <stdlib.h>\nint main(void) { static void *p[3000]; for (int i = 0; i < 3000; i++) p[i] = malloc(1000);\n"
                             "free(p[0]); p[0] = malloc(1500); }\n")
        self.run_("--exact", "--peak", "-o", "x.pb.gz", program)
        p = self.profile("x.pb.gz")
        at = {t: i for i, (t, _) in enumerate(p.types)}
        sums = {t: sum(s.values[i] for s in p.samples) for t, i in at.items()}
        self.assertGreaterEqual(sums["inuse_space"], 2999 * 1000 + 1500)
        self.assertEqual((sums["peak_space"], sums["peak_objects"]), (sums["inuse_space"], sums["inuse_objects"]))

    def test_mapped(self):
        """What the program maps is said with --mmap, also where nothing was allocated; not without it."""
        program = self.build("#include <sys/mman.h>\nint main(void) { return mmap(0, 3 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED; }\n")
        said = "3MB is mapped by the program itself; -i mmap_space says by whom\n"
        self.assertIn(said, self.run_("--mmap", "-o", "x.pb.gz", program).stderr)
        self.assertNotIn(said, self.run_("-o", "x.pb.gz", program).stderr)

    def test_a_malloc_of_its_own(self):
        self.assertIn("no sample was seen: it has a malloc of its own linked in", self.run_(*LESS, self.build(MALLOC)).stderr)
        self.assertNotIn("a malloc of its own", self.run_(*LESS, PROG, "nothing").stderr)

    def test_filtered(self):
        program = self.build(FILTER)
        said = "no sample was seen: s ended under a seccomp filter, and what is started or forked under one is not profiled"
        self.assertIn(said, self.run_(*LESS, program, "filter").stderr)
        self.assertNotIn("seccomp", self.run_(*LESS, program).stderr)

    def test_killed_before_a_sample(self):
        said = "no profile: run-prog left no sample where heaptap run can see it: it ended before the first one, or went on"
        r = self.run_(*LESS, PROG, "kill", "9")
        self.assertIn(said, r.stderr)
        self.assertNotIn("no region can be made in", r.stderr)
        self.assertNotIn(said, self.run_(*LESS, PROG, "nothing").stderr)
        r = self.run_(*LESS, PROG, "kill", "9", env={"HEAPTAP_REGION_DIR": "/proc/nowhere"})
        self.assertIn("no profile: its samples were in its own memory, which went with it: no region can be made in /proc/nowhere\n", r.stderr)

    def test_more_than_are_named(self):
        r = self.run_(*LESS, "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do %s idle_daemon 30 & done; wait" % PROG)
        self.assertIn("heaptap: 2 more processes still run and are still profiled: heaptap ps lists them\n", r.stderr)
        named = re.findall(r"\(pid (\d+)\) still runs", r.stderr)
        self.assertEqual(len(named), 10)
        for line in self.heaptap("ps").stdout.splitlines() + ["%s x" % pid for pid in named]:
            pid = line.split()[0]
            if pid.isdigit() and os.readlink("/proc/%s/exe" % pid) == PROG if os.path.exists("/proc/%s/exe" % pid) else False:
                os.kill(int(pid), signal.SIGKILL)
        r = self.run_(*LESS, PROG, "idle_daemon", "1")
        self.assertNotIn("more processes", r.stderr)

    def test_where_it_is_instead(self):
        r = self.run_("--exact", "-o", "nowhere/x.pb.gz", PROG, "exit")
        self.assertIn("cannot write into %s/nowhere: No such file or directory; the program runs, and its profile is put into %s"
                      % (self.dir, self.dir), r.stderr)
        self.assertIn("; it is in %s" % self.dir, r.stderr)
        self.assertNotIn("stays in its region", r.stderr)
        r = self.run_("--exact", "-o", "x.pb.gz", PROG, "exit", cwd="/proc")
        self.assertIn("the profile stays in its region (heaptap recover)", r.stderr)
        self.assertNotIn("it is in /", r.stderr)

    def test_deeper_than_the_limit(self):
        """A cut stack hangs below [truncated]; what keeps more of it is said once by run, and by each report."""
        deeper = "of what was allocated has stacks deeper than %d frames, which are cut (below [truncated]): --depth=512 keeps more\n"
        r = self.run_("--exact", "--depth=1", "-o", "x.pb.gz", PROG, "exit")
        self.assertRegex(r.stderr, r"(?m)^heaptap: (100|99)%% %s" % re.escape(deeper % 1))
        for report in ("owners", "top", "traces"):
            r = self.heaptap(report, "x.pb.gz")
            self.assertEqual(r.stderr.count(deeper % 1), 1, r.stderr)
            self.assertIn("[truncated]", r.stdout if report != "owners" else "[truncated]")
        self.assertIn("keep_blocks", self.heaptap("owners", "-i", "alloc_space", "x.pb.gz").stdout)
        self.heaptap("merge", "-o", "y.pb.gz", "x.pb.gz", "x.pb.gz")
        self.assertIn(deeper % 1, self.heaptap("top", "y.pb.gz").stderr)
        r = self.run_("--exact", "-o", "z.pb.gz", PROG, "exit")
        self.assertNotIn("which are cut", r.stderr)
        self.assertEqual(self.profile("z.pb.gz").marks("[truncated]"), [])

    def test_the_most_frames(self):
        self.assertIn("stacks deeper than 512 frames, which are cut (below [truncated]): 512 is the most\n",
                      self.run_("--exact", "--depth=512", "-o", "x.pb.gz", self.build(DEEP)).stderr)

    def test_without_unwind_tables(self):
        tables = "of what was allocated has stacks that end in code without unwind tables (below [truncated]): build it with"
        r = self.run_("--exact", "-o", "x.pb.gz", self.build(LOST))
        self.assertRegex(r.stderr, r"(?m)^heaptap: \d+%% %s" % re.escape(tables))
        self.assertRegex(self.heaptap("tree", "-i", "alloc_space", "x.pb.gz").stdout, r"\[truncated\]\n.* lost\n")
        self.assertNotIn("without unwind tables", self.run_("--exact", "-o", "x.pb.gz", self.build(DEEP)).stderr)

    def test_names_that_do_not_fit(self):
        """A limit on the size of files that the profile fits in, and with names does not. Seen failing: run died of SIGXFSZ."""
        self.run_("--exact", "--no-symbolize", "-o", "raw.pb.gz", PROG, "exit")
        size = os.stat(os.path.join(self.dir, "raw.pb.gz")).st_size + 50
        r = self.run_("--exact", "-o", "x.pb.gz", PROG, "exit",
                      preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY)))
        self.assertEqual(r.returncode, 0)
        self.assertIn("cannot write %s/x.pb.gz with names: File too large; it has addresses only\n" % self.dir, r.stderr)

    def test_what_the_library_cannot_write(self):
        r = self.bare("exit", limit=0, HEAPTAP_OUTPUT=self.dir + "/x.pb.gz")
        self.assertEqual(r.stderr, "heaptap: cannot write %s/x.pb.gz: the limit on the size of files (ulimit -f) is too low; its samples "
                                   "were in its own memory, which goes with it\n" % self.dir)
        r = self.bare("confined", "1", "setrlimit64", HEAPTAP_OUTPUT=self.dir + "/x.pb.gz")
        self.assertEqual(r.stderr, "heaptap: cannot write %s/x.pb.gz: it may open no more files (ulimit -n); the profile stays in the region "
                                   "(heaptap dump, heaptap recover)\n" % self.dir)
        r = self.bare("exit", HEAPTAP_OUTPUT=self.dir + "/" + "n" * 300)
        self.assertIn(": the path is too long; the profile stays in the region (heaptap dump, heaptap recover)\n", r.stderr)
        r = self.bare("exit", HEAPTAP_OUTPUT="/dev/null")
        self.assertIn("cannot write /dev/null: it is no regular file; the profile stays in the region", r.stderr)
        r = self.bare("exit", HEAPTAP_OUTPUT=self.dir + "/x.pb.gz")
        self.assertEqual(r.stderr, "")

    @namespaces("unshare", "-m")
    def test_no_space(self):
        os.mkdir(self.dir + "/small")
        r = self.bare("exit", prefix=("unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=4k none small; echo x >small/x; exec \"$@\"", "sh"),
                      HEAPTAP_OUTPUT=self.dir + "/small/y.pb.gz")
        self.assertIn("/small/y.pb.gz: no space left; the profile stays in the region", r.stderr)


if __name__ == "__main__":
    main()
