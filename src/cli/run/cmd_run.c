/* SPDX-License-Identifier: MIT */
/* heaptap run: a program under the profiler, and what came of it. */
#include "config.h"

#include <dlfcn.h>
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
#include "cli/run/options.h"
#include "cli/run/program.h"
#include "cli/run/regions.h"
#include "cli/run/summary.h"
#include "cli/words.h"
#include "region/pattern.h"

struct run {
    struct ht_run_options o;
    struct ht_run_regions regions;
    struct ht_program program;
    char path[PATH_MAX];      /* of the program */
    char preload[2 * PATH_MAX];
    char pattern[PATH_MAX];   /* absolute */
    char cwd[PATH_MAX];
};

/* Beside the executable, or where it was installed. */
static int find_library(char *path, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", path, size - 1);
    char *slash = n > 0 ? (path[n] = 0, strrchr(path, '/')) : NULL;
    if (slash && (size_t)(slash - path) + sizeof "/libheaptap.so" <= size) {
        strcpy(slash, "/libheaptap.so");
        if (!access(path, R_OK))
            return 0;
    }
    snprintf(path, size, "%s/libheaptap.so", HT_LIBDIR);
    return access(path, R_OK) ? -errno : 0;
}

/*
 * By a path that leads a 32-bit child's loader to a library of nothing (src/abi): it would say that
 * it cannot preload ours. Only if our own loader's word for $LIB leads to ours, which it then
 * refuses to load late.
 */
static void for_both_abis(char *library, size_t size)
{
    char path[PATH_MAX];
    const char *slash = strrchr(library, '/');
    if ((size_t)snprintf(path, sizeof path, "%.*s/heaptap-abi/$LIB/libheaptap.so",
                         (int)(slash - library), library) >= size ||
        dlopen(path, RTLD_LAZY))
        return;
    const char *why = dlerror();
    if (why && strstr(why, "cannot be dlopen()ed"))
        strcpy(library, path);
}

static bool append_preload(struct run *run, const char *path, size_t n)
{
    size_t at = strlen(run->preload);
    return (size_t)snprintf(run->preload + at, sizeof run->preload - at, "%s%.*s", at ? ":" : "",
                            (int)n, path) < sizeof run->preload - at;
}

/* Ours, the allocator's, then what the user preloads; but not a second of ours, in a run within a
 * run. */
static int compose_preload(struct run *run)
{
    char library[PATH_MAX];
    const char *users = getenv("LD_PRELOAD");
    if (find_library(library, sizeof library)) {
        fprintf(stderr, "heaptap: libheaptap.so is neither beside this program nor in %s; build or "
                        "install it\n", HT_LIBDIR);
        return 1;
    }
    if (strpbrk(library, ": ") || strpbrk(run->o.allocator, ": ")) {
        fprintf(stderr, "heaptap: %s cannot be preloaded: the loader takes no ':' or ' ' in a path; "
                        "move it\n", strpbrk(library, ": ") ? library : run->o.allocator);
        return 1;
    }
    for_both_abis(library, sizeof library);
    bool fits = append_preload(run, library, strlen(library));
    if (*run->o.allocator)
        fits &= append_preload(run, run->o.allocator, strlen(run->o.allocator));
    for (const char *at = users ? users : ""; *at;) {
        size_t n = strcspn(at, ": ");
        const char *slash = memrchr(at, '/', n), *base = slash ? slash + 1 : at;
        if (n && strncmp(base, "libheaptap.so", 13))
            fits &= append_preload(run, at, n);
        at += n + (at[n] != 0);
    }
    if (!fits)
        fputs("heaptap: LD_PRELOAD is too long\n", stderr);
    return fits ? 0 : 1;
}

/* Absolute, so that a child that starts elsewhere writes where its parent does. */
static int compose_pattern(struct run *run)
{
    const char *pattern = run->o.output, *from = "";
    if (pattern && !strcmp(pattern, "-"))
        return ht_complain(2, "--output=-: name a file; standard output is the program's");
    if (!pattern && (pattern = getenv("HEAPTAP_OUTPUT")) && *pattern)
        from = "HEAPTAP_OUTPUT=";
    else if (!pattern || !*pattern)
        pattern = run->o.output ? run->o.output : "heaptap.%e.%p.pb.gz";
    size_t n = 0;
    if (*pattern != '/') {
        for (const char *c = run->cwd; *c && n + 3 < sizeof run->pattern; c++) {
            run->pattern[n++] = *c;
            if (*c == '%')
                run->pattern[n++] = '%';
        }
        run->pattern[n++] = '/';
    }
    snprintf(run->pattern + n, sizeof run->pattern - n, "%s", pattern);
    char bad = ht_pattern_check(run->pattern);
    size_t length = strlen(run->pattern);
    if (!bad && *pattern && length < 1000 && pattern[strlen(pattern) - 1] != '/')
        return 0;
    if (bad)
        fprintf(stderr, "heaptap: %s%s: %%%c is none of %%p %%n %%e %%h %%t %%%%\n",
                *from ? from : "--output=", pattern, bad == '%' ? ' ' : bad);
    else
        fprintf(stderr, "heaptap: %s%s: %s\n", *from ? from : "--output=",
                length < 1000 ? pattern : "", length < 1000 ? "name a file, not a directory"
                                                             : "the path is too long (1000 bytes)");
    return 2;
}

/* Said before the program runs, for it may run for days. 0, or 2 when there is no way to use it. */
static int check_place(const char *pattern)
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
    return ht_complain(0, "cannot write into %s: %s; the program runs, and its profile is %s",
                       *path ? path : "/", why,
                       access(".", W_OK | X_OK) ? "left for heaptap recover to write"
                                                : "put into the current directory");
}

static void set(const char *name, const char *value)
{
    if (value)
        setenv(name, value, 1);
}

/* A child that is built with AddressSanitizer would not run with us in front of its runtime; all
 * it needs is not to look. What the user says of it counts last. */
static void allow_asan(void)
{
    static const char word[] = "verify_asan_link_order=0";
    const char *users = getenv("ASAN_OPTIONS");
    char *both;
    if (!users || !*users)
        setenv("ASAN_OPTIONS", word, 1);
    else if (!strstr(users, "verify_asan_link_order") &&
             asprintf(&both, "%s:%s", word, users) >= 0) {
        setenv("ASAN_OPTIONS", both, 1);
        free(both);
    }
}

static void prepare(void *ctx, pid_t own)
{
    struct run *run = ctx;
    const struct ht_run_options *o = &run->o;
    char text[96];
    setenv("LD_PRELOAD", run->preload, 1);
    allow_asan();
    set("HEAPTAP_OUTPUT", run->pattern);
    set("HEAPTAP_RATE", o->rate);
    set("HEAPTAP_SIGNAL", o->signal);
    set("HEAPTAP_INTERVAL", o->interval);
    set("HEAPTAP_GROWTH", o->growth);
    set("HEAPTAP_PEAK", o->peak ? "1" : NULL);
    set("HEAPTAP_DEPTH", o->depth);
    set("HEAPTAP_UNWIND", o->unwind);
    set("HEAPTAP_CHILDREN", o->no_children ? "0" : NULL);
    set("HEAPTAP_START", o->start);
    /* With our own pid: what outlives us cleans up behind itself. */
    snprintf(text, sizeof text, "%" PRIu64 ":%d:%d", run->regions.run_id, own, getppid());
    setenv("HEAPTAP_RUN", text, 1);
}

static void tick(void *ctx)
{
    struct run *run = ctx;
    ht_run_regions_sweep(&run->regions, false);
}

static uint64_t new_run_id(void)
{
    uint64_t id = 0;
    if (getrandom(&id, sizeof id, GRND_NONBLOCK) != sizeof id)
        id = (uint64_t)time(NULL) << 22 ^ (uint64_t)getpid();
    return id ? id : 1;
}

static int cannot_start(const char *name, int error)
{
    const char *why = strerror(-error);
    if (error == -ENOENT)
        why = strchr(name, '/') ? "no such file, or its interpreter is missing"
                                : "no such program in PATH";
    else if (error == -EACCES)
        why = "it is not executable (chmod +x), or a directory above it may not be entered";
    else if (error == -EISDIR)
        why = "it is a directory";
    else if (error == -ENOEXEC)
        why = "it is no program of this machine";
    fprintf(stderr, "heaptap: cannot run %s: %s\n", name, why);
    return error == -ENOENT || error == -ENOTDIR ? 127 : 126;
}

static void summarize(struct run *run, int status)
{
    const char *name = strrchr(run->path, '/');
    name = name ? name + 1 : run->path;
    struct ht_run_regions *r = &run->regions;
    ht_run_regions_sweep(r, true);
    bool has_root = false;
    for (size_t i = 0; i < r->n_profiles; i++)
        has_root |= (pid_t)r->profiles[i].pid == r->root;
    if (!has_root && !r->seen_root)
        ht_run_regions_add_file(r, run->pattern, name, r->root);
    struct ht_run_summary o = {
        .symbolize = !run->o.no_symbolize,
        .quiet = run->o.quiet,
        .dormant = run->o.start && !strcmp(run->o.start, "0"),
        .vanished = status > 128 && !r->seen_root && !run->program.obstacle,
        .skipped = run->program.obstacle != HT_PROGRAM_FINE,
        .rate = run->o.rate_bytes,
        .program = name,
        .hint = run->program.hint,
    };
    ht_run_summarize(r, &o);
}

static int run_program(struct run *run, char **argv)
{
    int error = ht_program_find(argv[0], run->path, sizeof run->path);
    if (error)
        return cannot_start(argv[0], error);
    ht_program_inspect(run->path, &run->program);
    int unusable = check_place(run->pattern);
    if (unusable)
        return unusable;
    bool preload = run->program.obstacle == HT_PROGRAM_FINE ||
                   run->program.obstacle == HT_PROGRAM_STATIC;
    if (run->program.obstacle)
        fprintf(stderr, "heaptap: %s cannot be profiled: %s\n", argv[0], run->program.why);
    ht_run_regions_init(&run->regions, new_run_id(), run->cwd, run->pattern);
    struct ht_child c = {
        .path = run->path,
        .argv = argv,
        .shell = !run->program.elf,
        .prepare = preload ? prepare : NULL,
        .started = &run->regions.root,
        .tick = preload ? tick : NULL,
        .ctx = run,
    };
    int status = ht_child_run(&c);
    if (status < 0) {
        ht_run_regions_finish(&run->regions);
        return cannot_start(argv[0], status);
    }
    if (preload)
        summarize(run, status);
    ht_run_regions_finish(&run->regions);
    return status;
}

int ht_cmd_run(int argc, char **argv)
{
    struct run *run = calloc(1, sizeof *run);
    if (!run)
        return 1;
    int first = 0, status = ht_run_options_read(&run->o, argc, argv, &first);
    if (status < 0) {
        status = 1;
        if (!getcwd(run->cwd, sizeof run->cwd))
            strcpy(run->cwd, "/");
        if (!(status = compose_pattern(run)) && !(status = compose_preload(run)))
            status = run_program(run, argv + first);
    }
    free(run);
    return status;
}
