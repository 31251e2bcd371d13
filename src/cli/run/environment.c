/* SPDX-License-Identifier: MIT */
/*
 * LD_PRELOAD and the pattern are composed and checked first, for either can fail with a line. Then
 * the variables are listed once, for run, which sets them, and for env, which prints them.
 */
#include "config.h"

#include "cli/run/environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/guess.h"
#include "cli/run/library.h"
#include "cli/words.h"
#include "region/pattern.h"

#define DEFAULT_NAME "heaptap.%e.%p.pb.gz"

static bool append_preload(struct ht_environment *e, const char *path, size_t n)
{
    size_t at = strlen(e->preload);
    return (size_t)snprintf(e->preload + at, sizeof e->preload - at, "%s%.*s", at ? ":" : "",
                            (int)n, path) < sizeof e->preload - at;
}

static int find_library(struct ht_environment *e, const char *allocator)
{
    int status = ht_library_find(e->library);
    if (status)
        return status;
    if (ht_library_spell(e->library) && !strpbrk(allocator, ": "))
        return 0;
    return ht_complain(1,
                       "%s cannot be preloaded: the loader takes no ':' or ' ' in a path; move it",
                       strpbrk(e->library, ": ") ? e->library : allocator);
}

/* The library, the allocator, then the user's own; a run within a run adds the library only
 * once. */
static int compose_preload(struct ht_environment *e, const char *library, const char *allocator,
                           const char *users)
{
    bool fits = append_preload(e, library, strlen(library));
    if (*allocator)
        fits &= append_preload(e, allocator, strlen(allocator));
    for (const char *at = users ? users : ""; *at;) {
        size_t n = strcspn(at, ": ");
        const char *slash = memrchr(at, '/', n), *base = slash ? slash + 1 : at;
        if (n && strncmp(base, "libheaptap.so", 13))
            fits &= append_preload(e, at, n);
        at += n + (at[n] != 0);
    }
    return fits ? 0 : ht_complain(1, "LD_PRELOAD is too long");
}

/* Puts `directory` before a relative pattern. A % in it is part of a name, not a word of the
 * pattern. */
static int compose_pattern(struct ht_environment *e, const char *from, const char *pattern,
                           const char *directory)
{
    size_t n = 0;
    if (!strcmp(pattern, "-"))
        return ht_complain(2, "%s-: name a file; standard output is the program's", from);
    if (*pattern != '/') {
        for (const char *c = directory; *c && n + 3 < sizeof e->pattern; c++) {
            e->pattern[n++] = *c;
            if (*c == '%')
                e->pattern[n++] = '%';
        }
        e->pattern[n++] = '/';
    }
    snprintf(e->pattern + n, sizeof e->pattern - n, "%s", pattern);
    char bad = ht_pattern_check(e->pattern);
    if (bad)
        return ht_complain(2, "%s%s: %%%c is none of %%p %%n %%e %%h %%t %%%%", from, pattern,
                           bad == '%' ? ' ' : bad);
    if (strlen(e->pattern) >= 1000)
        return ht_complain(2, "%s: the path is too long (1000 bytes)", from);
    if (!*pattern || pattern[strlen(pattern) - 1] == '/')
        return ht_complain(2, "%s%s: name a file, not a directory", from, pattern);
    return 0;
}

static void add(struct ht_environment *e, const char *name, const char *value)
{
    if (value)
        e->variables[e->n++] = (struct ht_variable){name, value};
}

/* A child that is built with AddressSanitizer refuses to run when another library comes before
 * its runtime, unless this option is set. An option of the user's comes later and takes
 * precedence. */
static int allow_asan(struct ht_environment *e, const char *users)
{
    static const char word[] = "verify_asan_link_order=0";
    bool said = users && strstr(users, "verify_asan_link_order"), more = users && *users;
    if (!said && asprintf(&e->asan, "%s%s%s", word, more ? ":" : "", more ? users : "") < 0) {
        e->asan = NULL;
        return ht_complain(1, "out of memory");
    }
    return 0;
}

/* Where every allocation is recorded, it costs too much to be the default. */
static const char *peak_of(const struct ht_run_options *o)
{
    if (o->peak || o->no_peak)
        return o->peak ? "1" : "0";
    return o->rate_bytes == 1 || getenv("HEAPTAP_PEAK") ? NULL : "1";
}

static void list(struct ht_environment *e, const struct ht_run_options *o)
{
    add(e, "LD_PRELOAD", e->preload);
    add(e, "ASAN_OPTIONS", e->asan);
    add(e, "HEAPTAP_OUTPUT", e->pattern);
    add(e, "HEAPTAP_RATE", o->rate);
    add(e, "HEAPTAP_SIGNAL", o->signal);
    add(e, "HEAPTAP_INTERVAL", o->interval);
    add(e, "HEAPTAP_GROWTH", o->growth);
    add(e, "HEAPTAP_LABELS", o->labels);
    add(e, "HEAPTAP_PEAK", peak_of(o));
    add(e, "HEAPTAP_MMAP", o->mmap ? "1" : NULL);
    add(e, "HEAPTAP_DEPTH", o->depth);
    add(e, "HEAPTAP_UNWIND", o->unwind);
    add(e, "HEAPTAP_CHILDREN", o->no_children ? "0" : NULL);
    add(e, "HEAPTAP_START", o->start);
}

int ht_environment_inherit(struct ht_environment *e, const struct ht_run_options *o,
                           const char *cwd)
{
    const char *pattern = o->output, *from = "--output=";
    char library[PATH_MAX];
    memset(e, 0, sizeof *e);
    if (!pattern && (pattern = getenv("HEAPTAP_OUTPUT")) && *pattern)
        from = "HEAPTAP_OUTPUT=";
    else if (!o->output)
        pattern = DEFAULT_NAME;
    int status = compose_pattern(e, from, pattern, cwd);
    if (!status && !(status = find_library(e, o->allocator))) {
        strcpy(library, e->library);
        ht_library_for_both_abis(library);
        status = compose_preload(e, library, o->allocator, getenv("LD_PRELOAD"));
    }
    if (!status && !(status = allow_asan(e, getenv("ASAN_OPTIONS"))))
        list(e, o);
    return status;
}

int ht_environment_elsewhere(struct ht_environment *e, const struct ht_run_options *o,
                             const char *preload)
{
    const char *pattern = o->output ? o->output : "/var/tmp/" DEFAULT_NAME;
    char library[PATH_MAX];
    memset(e, 0, sizeof *e);
    if (*pattern && *pattern != '/' && strcmp(pattern, "-") != 0)
        return ht_complain(2,
                           "--output=%s: name an absolute path, for it is not this directory in "
                           "which the program starts",
                           pattern);
    int status = compose_pattern(e, "--output=", pattern, "");
    if (!status && !(status = find_library(e, o->allocator))) {
        snprintf(library, sizeof library, "%s", preload ? preload : e->library);
        if (!preload)
            ht_library_for_both_abis(library);
        status = compose_preload(e, library, o->allocator, NULL);
    }
    if (!status && !(status = allow_asan(e, NULL)))
        list(e, o);
    return status;
}

/* Of the library, of the commands, and of heaptap's own tests. */
static const char *const known[] = {
    "OUTPUT", "RATE",     "SIGNAL", "INTERVAL", "GROWTH",     "LABELS", "PEAK",      "DEPTH",
    "UNWIND", "START",    "FOLD",   "SECCOMP",  "REGION_DIR", "RUN",    "TEMPORARY", "PAGER",
    "SEED",   "CHILDREN", "BENCH",  "BUILD",    "MMAP",       NULL};

static bool is_known(const char *name, size_t n, struct ht_guess *guess)
{
    if (n >= 5 && !strncmp(name, "TEST_", 5))
        return true;
    for (size_t i = 0; known[i]; i++) {
        if (strlen(known[i]) == n && !strncmp(known[i], name, n))
            return true;
        ht_guess_offer(guess, known[i]);
    }
    return false;
}

void ht_environment_say_unknown(void)
{
    static const char prefix[] = "HEAPTAP_";
    for (char **v = environ; v && *v; v++) {
        const char *name = *v + sizeof prefix - 1;
        const size_t n = strcspn(*v, "=");
        if (strncmp(*v, prefix, sizeof prefix - 1) != 0)
            continue;
        struct ht_guess guess = ht_guess(name, n - (sizeof prefix - 1));
        char said[80];
        if (!is_known(name, guess.n, &guess))
            ht_complain(0, "%.*s is no variable of heaptap's%s", (int)n, *v,
                        ht_guess_text(&guess, prefix, said, sizeof said));
    }
}

void ht_environment_finish(struct ht_environment *e)
{
    free(e->asan);
    e->asan = NULL;
}
