/* SPDX-License-Identifier: MIT */
/* Checks of a program's file: what it is, how it is linked, whose malloc it calls. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/doctor/doctor.h"
#include "snapshot/program.h"

static void refuse(struct ht_doctor *d, const char *what, const char *why, const char *remedy)
{
    struct ht_finding *f =
        ht_found(&d->findings, HT_LEVEL_OBSTACLE, "%s: %s", d->program.file, what);
    ht_why(f, "%s", why);
    ht_remedy(f, "%s", remedy);
    d->stop = d->argv != NULL;
}

static bool find(struct ht_doctor *d, char path[PATH_MAX])
{
    if (d->pid) {
        snprintf(path, PATH_MAX, "/proc/%d/exe", (int)d->pid);
        return true;
    }
    int err = ht_program_find(d->argv[0], path, PATH_MAX);
    if (!err)
        return true;
    struct ht_finding *f = ht_found(&d->findings, HT_LEVEL_OBSTACLE, "cannot run %s: %s",
                                    d->argv[0], ht_program_why_not(d->argv[0], err));
    if (err == -ENOENT)
        ht_remedy(f, "give its path");
    d->stop = true;
    return false;
}

/* The library is loaded in this process, whatever its file says. */
static bool obstructs(const struct ht_doctor *d)
{
    const struct ht_program *p = &d->program;
    if (d->pid && (*d->library || d->has_region))
        return false;
    return p->obstacle != HT_PROGRAM_FINE;
}

static const char *name_of(const struct ht_doctor *d, char link[PATH_MAX])
{
    if (!d->pid)
        return d->program.file;
    char exe[PATH_MAX];
    ssize_t n = readlink(d->program.file, exe, sizeof exe - 1);
    if (n <= 0)
        return d->status.name;
    exe[n] = 0;
    ht_process_program(d->pid, exe, link, PATH_MAX);
    return link;
}

static void say_kind(struct ht_doctor *d)
{
    struct ht_program *p = &d->program;
    char link[PATH_MAX];
    if (p->kind == HT_PROGRAM_DAMAGED)
        refuse(d, "an ELF file that is cut short", "the kernel does not run it, or it faults",
               "build or install it again");
    else if (p->kind == HT_PROGRAM_DATA)
        refuse(d, "neither an ELF program nor a script", "nothing of this machine runs it",
               "name a program");
    else if (p->kind == HT_PROGRAM_LOOP)
        refuse(d, "a script whose interpreter is a script, too often", "the kernel does not run it",
               "name a program");
    else if (p->kind == HT_PROGRAM_UNREAD && d->argv)
        ht_remedy(ht_found(&d->findings, HT_LEVEL_NOTE, "%s cannot be read", p->file),
                  "as its owner: heaptap doctor -- %s", d->argv[0]);
    else if (p->kind == HT_PROGRAM_ELF && *p->facts.loader_path &&
             access(p->facts.loader_path, F_OK) && !d->pid)
        refuse(d, p->facts.loader_path, "the loader that it names is not there",
               "install the C library that it was built for");
    else if (p->kind != HT_PROGRAM_UNREAD)
        ht_found(&d->findings, HT_LEVEL_OK, "%s%s", name_of(d, link),
                 p->kind == HT_PROGRAM_TEXT ? ", read by the shell" : "");
}

void ht_check_program(struct ht_doctor *d)
{
    char path[PATH_MAX], link[PATH_MAX];
    struct ht_program *p = &d->program;
    if (!find(d, path))
        return;
    ht_program_inspect(path, p);
    if (p->kind == HT_PROGRAM_TEXT && d->argv) {
        ht_program_inspect("/bin/sh", p);
        p->kind = HT_PROGRAM_TEXT;
        snprintf(p->file, sizeof p->file, "%s", path);
    }
    d->program_known = p->kind == HT_PROGRAM_ELF || p->kind == HT_PROGRAM_TEXT;
    /* Of a process, AT_SECURE says whether it has more rights than its starter. */
    if (d->pid && p->obstacle == HT_PROGRAM_REFUSES)
        p->obstacle = HT_PROGRAM_FINE;
    if (!obstructs(d)) {
        say_kind(d);
        return;
    }
    struct ht_finding *f =
        ht_found(&d->findings, HT_LEVEL_OBSTACLE, "%s: %s", name_of(d, link), p->what);
    ht_why(f, "%s", p->why);
    ht_remedy(f, "%s", p->remedy);
}

static void say_own(struct ht_doctor *d)
{
    static const char *const remedies[][2] = {
        {"jemalloc",
         "link libjemalloc.so instead, or use its own profiler (MALLOC_CONF=prof:true)"},
        {"tcmalloc", "link libtcmalloc.so instead, or use its own profiler (HEAPPROFILE)"},
        {"mimalloc", "link libmimalloc.so instead"},
    };
    const struct ht_program_facts *p = &d->program.facts;
    const char *remedy = "link it as a shared library, or build without it";
    for (size_t i = 0; i < sizeof remedies / sizeof *remedies; i++)
        if (!strcmp(remedies[i][0], p->allocator))
            remedy = remedies[i][1];
    const char *what = *p->allocator ? p->allocator : "a malloc of its own";
    struct ht_finding *f;
    if (p->own_malloc == HT_OWN_MALLOC_HIDDEN) {
        f = ht_found(&d->findings, HT_LEVEL_NOTE, "%s is linked into it", what);
        ht_why(f, "so only what its libraries allocate is sampled");
    } else {
        f = ht_found(&d->findings, HT_LEVEL_OBSTACLE, "%s is linked into it", what);
        ht_why(f, "so neither its calls nor its libraries', operator new's among them, reach what "
                  "is preloaded");
    }
    ht_remedy(f, "%s", remedy);
}

/* An allocator that stands before ours in LD_PRELOAD. */
static bool preloaded_before(const struct ht_doctor *d, char *name, size_t size)
{
    const char *at = ht_subject_variable(d, "LD_PRELOAD");
    while (*at) {
        size_t n = strcspn(at, ": ");
        const char *slash = memrchr(at, '/', n), *base = slash ? slash + 1 : at;
        if (!strncmp(base, "libheaptap", 10))
            return false;
        if (ht_allocator_of_library(base)) {
            snprintf(name, size, "%.*s", (int)(at + n - base), base);
            return true;
        }
        at += n + (at[n] != 0);
    }
    return false;
}

void ht_check_allocator(struct ht_doctor *d)
{
    char name[256];
    const struct ht_program_facts *p = &d->program.facts;
    struct ht_finding *f;
    if (!d->program_known || obstructs(d))
        return;
    if (d->pid && *d->library && *p->sanitizer) {
        f = ht_found(&d->findings, HT_LEVEL_OBSTACLE, "%s's", p->sanitizer);
        ht_why(f, "which takes every call before what is preloaded");
        ht_remedy(f, "%s", d->program.remedy);
    } else if (d->pid && preloaded_before(d, name, sizeof name)) {
        f = ht_found(&d->findings, HT_LEVEL_OBSTACLE,
                     "%s stands before libheaptap.so in LD_PRELOAD", name);
        ht_why(f, "and takes every call");
        ht_remedy(f, "put libheaptap.so first");
    } else if (p->own_malloc) {
        say_own(d);
    } else if (*d->program.hint) {
        f = ht_found(&d->findings, HT_LEVEL_NOTE, "%s", d->program.hint);
        ht_remedy(f, "%s",
                  p->go ? "use Go's own runtime/pprof for the rest"
                        : "use the virtual machine's own profiler for the rest");
    } else if (*p->needs || *d->allocator) {
        ht_found(&d->findings, HT_LEVEL_OK, "%s (%s)", *p->needs ? p->needs : d->allocator,
                 ht_allocator_of_library(*p->needs ? p->needs : d->allocator));
    } else {
        ht_found(&d->findings, HT_LEVEL_OK, "the C library's");
    }
}

const struct ht_check ht_program_checks[] = {
    {"program", ht_check_program},
    {"allocator", ht_check_allocator},
    {"library", ht_check_library},
    {"settings", ht_check_settings},
    {"shared memory", ht_check_shared_memory},
    {"limits", ht_check_limits},
    {"seccomp", ht_check_seccomp},
    {"output", ht_check_output},
    {"kernel", ht_check_kernel},
    {"tracing", ht_check_tracing},
    {NULL, NULL},
};
