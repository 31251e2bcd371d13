/* SPDX-License-Identifier: MIT */
/* heaptap run: starts a program under the profiler, waits for it, and reports its profiles. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/run/child.h"
#include "cli/run/environment.h"
#include "cli/run/filters.h"
#include "cli/run/finish.h"
#include "cli/run/leaks.h"
#include "cli/run/options.h"
#include "cli/run/program.h"
#include "cli/run/regions.h"
#include "cli/run/run.h"
#include "cli/run/summary.h"
#include "cli/words.h"
#include "region/pattern.h"

struct run {
    struct ht_run_options o;
    struct ht_run_regions regions;
    struct ht_program program;
    char path[PATH_MAX]; /* of the program */
    struct ht_environment environment;
    char cwd[PATH_MAX];
    bool filtered;    /* at its end the program was under a seccomp filter of its own */
    char filters[16]; /* HEAPTAP_SECCOMP, "": not set */
    struct ht_run_leaks leaks;
};

/* Printed before the program runs, because it may run for days. 0, or 2 when the pattern cannot
 * be used. */
static int check_place(const char *pattern, const char *cwd)
{
    char path[PATH_MAX];
    struct stat st;
    struct ht_pattern v = {.name = "program", .host = "host", .last = true};
    if (!ht_pattern_expand(path, sizeof path, pattern, &v))
        return 0;
    if (!stat(path, &st) && !S_ISREG(st.st_mode)) {
        fprintf(stderr, "heaptap: --output=%s: it is %s; name a file\n", path,
                S_ISDIR(st.st_mode) ? "a directory" : "no regular file");
        return 2;
    }
    /* Names that differ from process to process may stand in the directory's part. */
    const char *slash = strrchr(pattern, '/'), *percent = strchr(pattern, '%');
    if (percent && percent < slash && percent[1] != '%')
        return 0;
    *strrchr(path, '/') = 0;
    if (!access(*path ? path : "/", W_OK | X_OK))
        return 0;
    const char *why = strerror(errno);
    bool here = !access(cwd, W_OK | X_OK);
    return ht_complain(0, "cannot write into %s: %s; the program runs, and its profile is %s%s",
                       *path ? path : "/", why,
                       here ? "put into " : "left for heaptap recover to write", here ? cwd : "");
}

static void prepare(void *ctx, pid_t own)
{
    struct run *run = ctx;
    char text[160];
    const struct ht_run_regions *r = &run->regions;
    for (size_t i = 0; i < run->environment.n; i++)
        setenv(run->environment.variables[i].name, run->environment.variables[i].value, 1);
    /* HEAPTAP_RUN: this process's pid, because a process that outlives it removes its own
     * region; and what tells a process whether `run` sees its pid and its region. */
    snprintf(text, sizeof text, "%" PRIu64 ":%d:%d:%" PRIu64 ":%" PRIu64 ":%" PRIu64 ":%d",
             r->run_id, own, getppid(), r->started_ns, r->pid_namespace, r->device, run->o.leaks);
    setenv("HEAPTAP_RUN", text, 1);
    if (*run->filters)
        setenv("HEAPTAP_SECCOMP", run->filters, 0); /* "trust" takes precedence */
}

static void tick(void *ctx)
{
    struct run *run = ctx;
    ht_run_regions_sweep(&run->regions, false);
    if (run->o.leaks)
        ht_run_leaks_step(&run->leaks);
}

static void woken(void *ctx)
{
    struct run *run = ctx;
    ht_run_leaks_step(&run->leaks);
}

static bool traced(void *ctx)
{
    struct run *run = ctx;
    return ht_run_leaks_busy(&run->leaks);
}

static void ended(void *ctx, pid_t pid)
{
    struct run *run = ctx;
    run->filtered = ht_filters_its_own(pid);
}

static uint64_t new_run_id(void)
{
    uint64_t id = 0;
    if (getrandom(&id, sizeof id, GRND_NONBLOCK) != sizeof id)
        id = (uint64_t)time(NULL) << 22 ^ (uint64_t)getpid();
    return id ? id : 1;
}

static int cannot_start(const char *name, int err)
{
    fprintf(stderr, "heaptap: cannot run %s: %s\n", name, ht_program_why_not(name, err));
    return err == -ENOENT || err == -ENOTDIR ? 127 : 126;
}

static const char *program_name(const struct run *run)
{
    const char *slash = strrchr(run->path, '/');
    return slash ? slash + 1 : run->path;
}

static void summarize(struct run *run, const char *called, int status, uint64_t most_resident)
{
    const char *name = program_name(run);
    struct ht_run_regions *r = &run->regions;
    ht_run_regions_sweep(r, true);
    bool has_root = false;
    for (size_t i = 0; i < r->n_profiles; i++)
        has_root |= (pid_t)r->profiles[i].pid == r->root;
    if (!has_root && !r->seen_root)
        ht_run_regions_add_file(r, run->environment.pattern, name, r->root);
    struct ht_run_summary o = {
        .symbolize = !run->o.no_symbolize,
        .quiet = run->o.quiet,
        .merge = run->o.merge_children,
        .each = run->o.each_child,
        .dormant = run->o.start && !strcmp(run->o.start, "0"),
        .skipped = run->program.obstacle != HT_PROGRAM_FINE,
        .filtered = run->filtered,
        .most_resident = most_resident,
        .rate = run->o.rate_bytes,
        .peak = run->o.peak,
        .program = name,
        .called = called,
        .hint = run->program.hint,
    };
    ht_run_summarize(r, &o);
}

static int run_program(struct run *run, char **argv)
{
    int err = ht_program_find(argv[0], run->path, sizeof run->path);
    if (err)
        return cannot_start(argv[0], err);
    ht_program_inspect(run->path, &run->program);
    int unusable = check_place(run->environment.pattern, run->cwd);
    if (unusable)
        return unusable;
    bool preload =
        run->program.obstacle == HT_PROGRAM_FINE || run->program.obstacle == HT_PROGRAM_STATIC;
    if (run->program.obstacle)
        fprintf(stderr,
                "heaptap: %s cannot be profiled: %s, %s; %s (heaptap doctor -- %s says more)\n",
                argv[0], run->program.what, run->program.why, run->program.remedy, argv[0]);
    ht_run_regions_init(&run->regions, new_run_id(), run->cwd, run->environment.pattern,
                        program_name(run));
    struct ht_child c = {
        .path = run->path,
        .argv = argv,
        .shell = !run->program.elf,
        .prepare = preload ? prepare : NULL,
        .started = &run->regions.root,
        .tick = preload ? tick : NULL,
        .woken = preload && run->o.leaks ? woken : NULL,
        .traced = preload && run->o.leaks ? traced : NULL,
        .ended = preload ? ended : NULL,
        .ctx = run,
    };
    ht_filters_try(run->filters, sizeof run->filters);
    int status = ht_child_run(&c);
    if (status < 0) {
        ht_run_regions_finish(&run->regions);
        return cannot_start(argv[0], status);
    }
    if (preload && run->o.leaks)
        ht_run_leaks_drain(&run->leaks);
    if (preload)
        summarize(run, argv[0], status, c.most_resident);
    if (preload && run->o.leaks) {
        ht_run_leaks_report(&run->leaks);
        if (run->leaks.leaking && !status)
            status = run->o.leak_exit_code;
    }
    ht_run_regions_finish(&run->regions);
    return status;
}

static int prepare_leaks(struct run *run)
{
    char msg[512];
    struct ht_run_leaks *k = &run->leaks;
    k->names = !run->o.no_symbolize;
    k->quiet = run->o.quiet;
    if (run->o.suppressions &&
        ht_suppressions_read(&k->suppressions, run->o.suppressions, msg, sizeof msg))
        return ht_complain(2, "%s", msg);
    return ht_run_leaks_init(k, &run->regions) ? ht_complain(1, "out of memory") : 0;
}

/*
 * The directory for relative patterns. A directory that was removed, or is outside of this
 * process's root, has no path; a very long path leaves no room for a file name.
 */
static void find_directory(struct run *run)
{
    const char *pattern = run->o.output ? run->o.output : getenv("HEAPTAP_OUTPUT");
    const char *instead = getenv("TMPDIR");
    bool found = getcwd(run->cwd, sizeof run->cwd) && run->cwd[0] == '/';
    if (found && strlen(run->cwd) < 800)
        return;
    snprintf(run->cwd, sizeof run->cwd, "%s",
             instead && *instead == '/' && strlen(instead) < 800 ? instead : "/tmp");
    if (!pattern || *pattern != '/')
        ht_complain(
            0, "the %s; profiles go to %s",
            found ? "path of the working directory is too long"
                  : "working directory has no path (it was removed, or is outside of the root)",
            run->cwd);
}

int ht_run_with_root(int argc, char **argv, pid_t *root)
{
    struct run *run = calloc(1, sizeof *run);
    if (!run)
        return 1;
    int first = 0, status = ht_run_options_read(&run->o, argc, argv, &first);
    if (status < 0) {
        status = 1;
        find_directory(run);
        ht_environment_say_unknown();
        status = ht_environment_inherit(&run->environment, &run->o, run->cwd);
        if (!status && run->o.leaks)
            status = prepare_leaks(run);
        if (!status)
            status = run_program(run, argv + first);
        ht_run_leaks_finish(&run->leaks);
        *root = run->regions.root;
        ht_environment_finish(&run->environment);
    }
    free(run);
    return status;
}

int ht_cmd_run(int argc, char **argv)
{
    pid_t root;
    return ht_run_with_root(argc, argv, &root);
}
