/* SPDX-License-Identifier: MIT */
/*
 * Reads HEAPTAP_* once at start. A value that cannot be used is named in one line, and the
 * default holds.
 */
#include "config.h"

#include "target/state/settings.h"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "region/text.h"
#include "region/units.h"
#include "target/os/sys.h"
#include "target/state/process_info.h"
#include "target/state/say.h"
#include "target/state/state.h"

struct ht_config ht_config;
struct ht_process ht_process;

extern char *__progname_full;

static const char *variable(const char *name)
{
    const char *v = ht_config.secure ? NULL : getenv(name);
    return v && *v ? v : NULL;
}

/* As the loader does with its variables: the children of a secure process must not be controlled
 * by the user who started it, either. */
static void forget_variables(void)
{
    char **to = __environ;
    for (char **from = __environ; from && *from; from++)
        if (strncmp(*from, "HEAPTAP_", 8) != 0)
            *to++ = *from;
    if (to)
        *to = NULL;
}

static void unusable(const char *name, const char *value, const char *instead)
{
    char line[400];
    struct ht_text t = ht_text(line, sizeof line);
    ht_text_string(&t, name);
    ht_text_string(&t, "=");
    ht_text_string(&t, value);
    ht_text_string(&t, " cannot be used; ");
    ht_say(line, instead, "");
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* A symbolic link to the program has the better name: redis-server is a link to redis-check-rdb.
 * A script is not named by its interpreter. The kernel's own links (/proc/self/exe, fexecve's
 * /dev/fd/3) say nothing about their target. */
static const char *path_called_by(void)
{
    const char *path = (const char *)getauxval(AT_EXECFN),
               *slash = path ? strrchr(path, '/') : NULL;
    struct stat called, running;
    if (!slash || !slash[1] || !strncmp(path, "/proc/", 6) || !strncmp(path, "/dev/fd/", 8) ||
        SYS_FAILED(SYS2(SYS_stat, path, &called)) ||
        SYS_FAILED(SYS2(SYS_stat, "/proc/self/exe", &running)) || called.st_ino != running.st_ino ||
        called.st_dev != running.st_dev)
        return NULL;
    return path;
}

/* A relative path leads to the program only from the directory of the start. */
static const char *relative_path; /* NULL: it was not relative, or no name */

/* That path, where its last part is not that of the program's file. */
static void read_program(struct ht_process *p, const char *called)
{
    if (!strcmp(last_part(called), last_part(p->exe)) || (*called != '/' && p->cwd_lost))
        return;
    struct ht_text t = ht_text(p->program, sizeof p->program);
    if (*called != '/') {
        ht_text_string(&t, p->cwd);
        ht_text_string(&t, "/");
    }
    ht_text_string(&t, called);
    if (t.cut)
        p->program[0] = 0;
}

/* The kernel appends a note to the name of a removed file, which is not part of the name. */
static void strip_deleted(char *exe)
{
    static const char deleted[] = " (deleted)";
    size_t n = strlen(exe);
    struct stat st;
    if (n > sizeof deleted - 1 && !strcmp(exe + n - (sizeof deleted - 1), deleted) &&
        SYS_FAILED(SYS2(SYS_stat, exe, &st)))
        exe[n - (sizeof deleted - 1)] = 0;
}

/* The path of the program, and "" where it has none: /proc is not there. */
static void read_exe(struct ht_process *p)
{
    long n = SYS3(SYS_readlink, "/proc/self/exe", p->exe, sizeof p->exe - 1);
    p->exe[n > 0 ? n : 0] = 0;
    strip_deleted(p->exe);
}

/* For a program in a memfd, the name of the memfd, which may be empty. */
static const char *name_of_exe(const char *exe)
{
    const char *name = last_part(exe);
    if (!strncmp(exe, "/memfd:", 7))
        name += 6;
    return *name ? name : last_part(__progname_full);
}

/* The arguments as the kernel laid them down, each with its NUL. */
static void keep_command_line(struct ht_process *p, char *const *argv)
{
    uint32_t at = 0;
    for (; *argv && at < sizeof p->command_line - 1; argv++)
        for (const char *c = *argv; at < sizeof p->command_line - 1; c++) {
            p->command_line[at++] = *c;
            if (!*c)
                break;
        }
    p->command_line_size = at;
}

/*
 * Where the program started. A directory that was removed, or that lies outside of the process's
 * root, has no path; one that is very deep leaves no room for a name. Profiles go to the directory
 * for temporary files then, and a line says so when one does.
 */
static void read_directory(struct ht_process *p)
{
    const char *instead = variable("TMPDIR");
    long n = SYS2(SYS_getcwd, p->cwd, sizeof p->cwd - 200);
    if (!SYS_FAILED(n) && p->cwd[0] == '/')
        return;
    struct ht_text t = ht_text(p->cwd, sizeof p->cwd - 200);
    ht_text_string(&t, instead && *instead == '/' ? instead : "/tmp");
    if (t.cut)
        strcpy(p->cwd, "/tmp");
    p->cwd_lost =
        n == -ERANGE || n == -ENAMETOOLONG
            ? ": the path of the working directory is too long"
            : ": the working directory has no path (it was removed, or is outside of the root)";
}

void ht_settings_name_process(void)
{
    struct ht_process *p = &ht_process;
    struct utsname u;
    if (*p->name) /* by the parent of a forked child, or at the start */
        return;
    if (!SYS_FAILED(SYS1(SYS_uname, &u)))
        memcpy(p->host, u.nodename, sizeof u.nodename);
    read_exe(p);
    const char *base = last_part(p->exe);
    /* No /proc, or started as an argument of the loader itself: argv[0] names the program. */
    if (!*p->exe || !strncmp(base, "ld-linux", 8) || !strncmp(base, "ld-2", 4)) {
        const char *name = __progname_full; /* the reserved name of program_invocation_name */
        struct ht_text t = ht_text(p->exe, sizeof p->exe);
        if (*name != '/') {
            ht_text_string(&t, p->cwd);
            ht_text_string(&t, "/");
        }
        ht_text_string(&t, name);
        base = last_part(p->exe);
    } else {
        const char *called = relative_path ? relative_path : path_called_by();
        base = called ? last_part(called) : name_of_exe(p->exe);
        if (called)
            read_program(p, called);
    }
    struct ht_text t = ht_text(p->name, sizeof p->name);
    ht_text_string(&t, base);
}

static void read_output(void)
{
    const char *pattern = variable("HEAPTAP_OUTPUT");
    if (!pattern)
        pattern = "heaptap.%e.%p.pb.gz";
    struct ht_text t = ht_text(ht_config.output, sizeof ht_config.output);
    if (*pattern == '/')
        ht_process.cwd_lost = NULL; /* nothing depends on it */
    /* the directory of the start, even when the program changes it */
    else {
        for (const char *c = ht_process.cwd; *c; c++) {
            ht_text_char(&t, *c);
            if (*c == '%')
                ht_text_char(&t, '%');
        }
        ht_text_string(&t, "/");
    }
    ht_text_string(&t, pattern);
    if (t.cut)
        unusable("HEAPTAP_OUTPUT", "(too long)", "it is cut");
}

/* The decimal number at *v; *v moves to its end. 0 when there is none. */
static uint64_t number_at(const char **v)
{
    uint64_t n = 0;
    for (; **v >= '0' && **v <= '9'; (*v)++)
        n = n * 10 + (uint64_t)(**v - '0');
    return n;
}

static uint64_t number_variable(const char *name)
{
    const char *v = variable(name);
    return v ? number_at(&v) : 0;
}

static void read_labels(const char *value)
{
    struct ht_config *c = &ht_config;
    const char *list = value, *key;
    size_t n;
    if (!ht_label_keys_valid(value)) {
        unusable("HEAPTAP_LABELS", value, "no labels");
        return;
    }
    while ((key = ht_label_key_next(&list, &n))) {
        struct ht_label_key *to = &c->labels[c->n_labels++];
        memcpy(to->text, key, n);
        to->size = (uint8_t)n;
        if (n == 6 && !memcmp(key, "thread", n))
            c->thread_label = c->n_labels;
    }
}

/* A variable that is on unless it is "0". unset: what it is when it is not there. */
static bool is_on(const char *name, bool unset)
{
    const char *v = variable(name);
    return v ? strcmp(v, "0") != 0 : unset;
}

/* What `heaptap run` sets: ID:PID:RUN:START:NAMESPACE:DEVICE:LEAKS (cmd_run.c). */
static void read_run(const char *v)
{
    struct ht_config *c = &ht_config;
    c->run_id = number_at(&v);
    uint32_t *pids[] = {&c->run_root, &c->run_pid};
    for (unsigned i = 0; i < 2 && *v == ':'; i++) {
        v++;
        *pids[i] = (uint32_t)number_at(&v);
    }
    uint64_t leaks = 0;
    uint64_t *more[] = {&c->run_start_ns, &c->run_pid_namespace, &c->run_device, &leaks};
    for (unsigned i = 0; i < 4 && *v == ':'; i++) {
        v++;
        *more[i] = number_at(&v);
    }
    c->run_leaks = leaks == 1;
}

void ht_settings_read(char *const *argv)
{
    struct ht_config *c = &ht_config;
    const char *v;
    uint64_t n;
    c->secure = getauxval(AT_SECURE) != 0;
    c->rate = 512 * 1024;
    c->depth = 128;
    c->signal_number = SIGUSR1;
    c->children = c->start = true;
    c->unwind = HT_UNWIND_AUTO;
    if (c->secure) {
        c->signal_number = 0;
        forget_variables();
    }
    read_directory(&ht_process);
    v = (const char *)getauxval(AT_EXECFN);
    relative_path = v && *v != '/' ? path_called_by() : NULL;
    keep_command_line(&ht_process, argv);
    read_output();
    if ((v = variable("HEAPTAP_RATE"))) {
        if (ht_parse_size(v, &n) && n >= 1 && n <= (1ull << 40))
            c->rate = n;
        else
            unusable("HEAPTAP_RATE", v, "512k is used");
    }
    if ((v = variable("HEAPTAP_SIGNAL")) && !ht_parse_signal(v, &c->signal_number))
        unusable("HEAPTAP_SIGNAL", v, "USR1 is used");
    if ((v = variable("HEAPTAP_INTERVAL")) &&
        (!ht_parse_duration(v, &c->interval_ns) || !c->interval_ns)) {
        c->interval_ns = 0;
        unusable("HEAPTAP_INTERVAL", v, "no dumps at intervals");
    }
    if ((v = variable("HEAPTAP_GROWTH")) && (!ht_parse_size(v, &c->growth) || !c->growth)) {
        c->growth = 0;
        unusable("HEAPTAP_GROWTH", v, "no dumps on growth");
    }
    if ((v = variable("HEAPTAP_DEPTH"))) {
        n = number_variable("HEAPTAP_DEPTH");
        if (n >= 1 && n <= HT_MAX_DEPTH)
            c->depth = (uint32_t)n;
        else
            unusable("HEAPTAP_DEPTH", v, "128 is used (1 to 512)");
    }
    if ((v = variable("HEAPTAP_UNWIND"))) {
        if (!strcmp(v, "fp"))
            c->unwind = HT_UNWIND_FP;
        else if (!strcmp(v, "dwarf"))
            c->unwind = HT_UNWIND_DWARF;
        else if (strcmp(v, "auto"))
            unusable("HEAPTAP_UNWIND", v, "auto is used (auto, fp, dwarf)");
    }
    if ((v = variable("HEAPTAP_LABELS")))
        read_labels(v);
    c->peak = is_on("HEAPTAP_PEAK", false);
    c->temporary = is_on("HEAPTAP_TEMPORARY", false); /* set by `heaptap stat` */
    c->mmap = is_on("HEAPTAP_MMAP", false);
    c->children = is_on("HEAPTAP_CHILDREN", true);
    c->start = is_on("HEAPTAP_START", true);
    c->seed = number_variable("HEAPTAP_SEED");
    c->fold = 8192;
    if ((v = variable("HEAPTAP_FOLD"))) {
        c->fold = (uint32_t)number_at(&v);
        c->fold_fixed = true;
    }
    if ((v = variable("HEAPTAP_RUN")))
        read_run(v);
    struct ht_text t = ht_text(c->region_dir, sizeof c->region_dir);
    if ((v = variable("HEAPTAP_REGION_DIR")) && *v == '/')
        ht_text_string(&t, v);
    else
        c->region_dir_by_user = true;
}
