/* SPDX-License-Identifier: MIT */
/* heaptap stat: runs a program in exact mode by `heaptap run` with a temporary directory, and
 * counts from the profiles in it. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/run/options.h"
#include "cli/run/run.h"
#include "cli/run/stat_figures.h"
#include "cli/terminal/help.h"
#include "cli/words.h"
#include "profile/ops.h"

static const char usage[] =
    "usage: heaptap stat [OPTIONS] [--] PROGRAM [ARG]...\n\n"
    "Counts what a program allocates (not what it starts does), each allocation: number, bytes, "
    "frees,\n"
    "temporary blocks (freed by the next call of the thread that allocated them), what is left at "
    "the end\n"
    "and the peak (which may be 0.2 % higher). Benchmarks that call heaptap_bench_begin and _end\n"
    "(heaptap/bench.h) are counted by operation. The exit status is the program's.\n\n"
    "  -r, --repeat=N         runs; the median is printed, and the range where they differ (1)\n"
    "      --benchstat        lines for benchstat on standard output instead\n"
    "      --memprofile=FILE  the last run's profile, with names\n";

#define RUNS_MAX 1000

struct stat_options {
    unsigned long repeat;
    bool benchstat;
    const char *memprofile;
};

static int read_options(struct stat_options *o, int argc, char **argv)
{
    enum { BENCHSTAT = 256, MEMPROFILE };
    static const struct option options[] = {
        {"repeat", required_argument, NULL, 'r'},
        {"benchstat", no_argument, NULL, BENCHSTAT},
        {"memprofile", required_argument, NULL, MEMPROFILE},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int c, at;
    char *end;
    *o = (struct stat_options){.repeat = 1};
    opterr = 0;
    while ((at = optind, c = getopt_long_only(argc, argv, "+:r:h", options, NULL)) != -1)
        switch (c) {
        case 'r':
            o->repeat = strtoul(optarg, &end, 10);
            if (*optarg < '0' || *optarg > '9' || *end || o->repeat < 1 || o->repeat > RUNS_MAX)
                return ht_complain(2, "--repeat=%s: use a number from 1 to %d", optarg, RUNS_MAX);
            break;
        case BENCHSTAT:
            o->benchstat = true;
            break;
        case MEMPROFILE:
            o->memprofile = optarg;
            break;
        case 'h':
            ht_help_print(usage);
            return 0;
        default:
            return ht_run_bad_option(c, argv[at], options, "stat");
        }
    if (optind == argc)
        return ht_complain(2, "stat needs a program (heaptap stat --help)");
    return -1;
}

/* These would write more than one profile a process, or elsewhere, or count less. */
static const char *const unwanted[] = {"HEAPTAP_INTERVAL", "HEAPTAP_GROWTH", "HEAPTAP_START",
                                       "HEAPTAP_OUTPUT", "HEAPTAP_SIGNAL"};

/* The program as `heaptap run` runs it, in a process of its own. Its exit status, or -errno; *root,
 * in shared memory, gets its pid. */
static int run_once(const char *directory, const char *benchmarks, bool names, char **program,
                    pid_t *root)
{
    char output[PATH_MAX + 32];
    int n = 0, status;
    size_t words = 0;
    while (program[words])
        words++;
    char **argv = calloc(words + 16, sizeof *argv);
    if (!argv)
        return -ENOMEM;
    snprintf(output, sizeof output, "--output=%s/%%p.pb.gz", directory);
    const char *const head[] = {"run",
                                "-q",
                                "--exact",
                                "--peak",
                                output,
                                "--signal=none",
                                names ? "--" : "--no-symbolize",
                                names ? NULL : "--",
                                NULL};
    for (; head[n]; n++)
        argv[n] = (char *)head[n];
    memcpy(argv + n, program, words * sizeof *argv);
    struct sigaction ignore = {.sa_handler = SIG_IGN}, interrupt, quit;
    sigaction(SIGINT, &ignore, &interrupt); /* they reach the program, whose profile is then read */
    sigaction(SIGQUIT, &ignore, &quit);
    fflush(NULL);
    pid_t pid = fork();
    if (!pid) {
        sigaction(SIGINT, &interrupt, NULL);
        sigaction(SIGQUIT, &quit, NULL);
        for (size_t i = 0; i < sizeof unwanted / sizeof *unwanted; i++)
            unsetenv(unwanted[i]);
        setenv("HEAPTAP_BENCH", benchmarks, 1);
        setenv("HEAPTAP_TEMPORARY", "1", 1);
        optind = 0; /* getopt begins anew */
        status = ht_run_with_root((int)(n + words), argv, root);
        fflush(NULL);
        _exit(status);
    }
    int err = pid < 0 ? -errno : 0;
    while (!err && waitpid(pid, &status, 0) < 0)
        err = errno == EINTR ? 0 : -errno;
    sigaction(SIGINT, &interrupt, NULL);
    sigaction(SIGQUIT, &quit, NULL);
    free(argv);
    if (err)
        return err;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool is_of(const struct ht_profile *p, pid_t pid)
{
    for (size_t i = 0; i < p->n_comments; i++)
        if (!strncmp(p->comments[i], "pid: ", 5))
            return atol(p->comments[i] + 5) == pid;
    return false;
}

/* Removes each profile, and reads those of the process; kept gets them when it is not NULL. */
static int take_profiles(const char *directory, pid_t pid, struct ht_stat_run *run,
                         struct ht_profile ***kept, size_t *n_kept)
{
    char path[PATH_MAX + 300], msg[512];
    DIR *d = opendir(directory);
    int err = d ? 0 : -errno;
    for (struct dirent *e; !err && (e = readdir(d));) {
        if (!strstr(e->d_name, ".pb.gz"))
            continue;
        snprintf(path, sizeof path, "%s/%s", directory, e->d_name);
        struct ht_profile *p = ht_profile_read_file(path, &err, msg, sizeof msg);
        unlink(path);
        if (!p) {
            ht_complain(0, "%s", msg);
            break;
        }
        if (!is_of(p, pid)) {
            ht_profile_destroy(p);
            continue;
        }
        ht_stat_add(run, p);
        struct ht_profile **more = kept ? reallocarray(*kept, *n_kept + 1, sizeof *more) : NULL;
        if (more) {
            *kept = more;
            more[(*n_kept)++] = p;
        } else {
            ht_profile_destroy(p);
            err = kept ? -ENOMEM : 0;
        }
    }
    if (d)
        closedir(d);
    return err;
}

static int write_memprofile(struct ht_profile **parts, size_t n, const char *path)
{
    char msg[512] = "";
    int err = 0;
    struct ht_profile *sum = ht_profile_merge(parts, n, &err, msg, sizeof msg);
    if (sum && (err = ht_profile_write_file(sum, path)))
        snprintf(msg, sizeof msg, "%s", strerror(-err));
    ht_profile_destroy(sum);
    return err ? ht_complain(1, "cannot write %s: %s", path, msg) : 0;
}

/* All runs. The program's exit status, 1 after a complaint. */
static int count(struct ht_stat *s, const struct stat_options *o, const char *directory,
                 char **program)
{
    char benchmarks[PATH_MAX + 16];
    struct ht_profile **kept = NULL;
    size_t n_kept = 0;
    int status = 0, err = 0;
    pid_t *root =
        mmap(NULL, sizeof *root, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (root == MAP_FAILED)
        return ht_complain(1, "out of memory");
    snprintf(benchmarks, sizeof benchmarks, "%s/benchmarks", directory);
    int fd = open(benchmarks, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return ht_complain(1, "cannot write %s: %s", benchmarks, strerror(errno));
    close(fd);
    for (unsigned long i = 0; !status && !err && i < o->repeat; i++) {
        bool last = o->memprofile && i + 1 == o->repeat;
        struct ht_stat_run *run = &s->runs[s->n_runs];
        *root = 0;
        status = run_once(directory, benchmarks, last, program, root);
        if (status < 0)
            status = ht_complain(1, "cannot run %s: %s", s->program, strerror(-status));
        else if (status && o->repeat > 1)
            ht_complain(0, "run %lu of %lu ended with status %d; it is the last", i + 1, o->repeat,
                        status);
        err = take_profiles(directory, *root, run, last ? &kept : NULL, &n_kept);
        s->n_runs += run->images > 0;
        if (run->lost)
            ht_complain(0, "%llu allocations were not recorded: the counts are too low",
                        (unsigned long long)run->lost);
    }
    if (!err)
        err = ht_stat_read_benchmarks(s, benchmarks);
    unlink(benchmarks);
    if (err && !status)
        status = ht_complain(1, "cannot read what %s left: %s", s->program, strerror(-err));
    if (n_kept && write_memprofile(kept, n_kept, o->memprofile) && !status)
        status = 1;
    for (size_t i = 0; i < n_kept; i++)
        ht_profile_destroy(kept[i]);
    free(kept);
    munmap(root, sizeof *root);
    return status;
}

int ht_cmd_stat(int argc, char **argv)
{
    struct stat_options o;
    const char *tmp = getenv("TMPDIR");
    char directory[PATH_MAX];
    int status = read_options(&o, argc, argv);
    if (status >= 0)
        return status;
    const char *slash = strrchr(argv[optind], '/');
    struct ht_stat s = {.program = slash && slash[1] ? slash + 1 : argv[optind]};
    snprintf(directory, sizeof directory, "%.3000s/heaptap-stat.XXXXXX",
             tmp && *tmp == '/' ? tmp : "/tmp");
    s.runs = calloc(o.repeat, sizeof *s.runs);
    if (!s.runs)
        return ht_complain(1, "out of memory");
    if (!mkdtemp(directory)) {
        status = ht_complain(1, "cannot make a directory in %s: %s",
                             tmp && *tmp == '/' ? tmp : "/tmp", strerror(errno));
    } else {
        status = count(&s, &o, directory, argv + optind);
        rmdir(directory);
        if (!s.n_runs && !status)
            ht_complain(0,
                        "nothing was counted: %s allocates nothing through malloc, or cannot be "
                        "profiled (heaptap doctor -- %s)",
                        s.program, argv[optind]);
        else if (o.benchstat)
            ht_stat_print_benchstat(&s);
        else
            ht_stat_print(&s);
    }
    ht_stat_finish(&s);
    return status;
}
