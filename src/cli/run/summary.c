/* SPDX-License-Identifier: MIT */
/*
 * The files that were written, and the largest owners of all of them together, in few lines on
 * standard error.
 */
#include "config.h"

#include "cli/run/summary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/process/owners_table.h"
#include "cli/run/finish.h"
#include "cli/run/groups.h"
#include "cli/run/names.h"
#include "cli/run/together.h"
#include "cli/source/truncated.h"
#include "cli/words.h"
#include "profile/ops.h"
#include "util/utf8.h"

#define MERGED_MAX 200

static const char *size_text(uint64_t bytes, char *buf, size_t n)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double v = (double)bytes;
    int u = 0;
    for (; v >= 1024 && u < 4; u++)
        v /= 1024;
    snprintf(buf, n, "%.*f%s", v == (double)(uint64_t)v ? 0 : 1, v, units[u]);
    return buf;
}

/* A path below the directory we are in, without that directory. */
static const char *shorten(const struct ht_run_regions *r, const char *path)
{
    size_t n = strlen(r->cwd);
    return !strncmp(path, r->cwd, n) && path[n] == '/' ? path + n + 1 : path;
}

#define LIVING_MAX 10 /* processes that are named one by one */

/* The processes that live on, and where their profiles will be. */
static void print_living(const struct ht_run_regions *r)
{
    for (size_t i = 0; i < r->n_living && i < LIVING_MAX; i++) {
        const struct ht_run_living *l = &r->living[i];
        if (l->stays)
            ht_complain(
                0,
                "%s (pid %u) still runs and is still profiled: heaptap dump %u; its user may "
                "not write %s: when it ends, heaptap recover writes its profile",
                l->name, l->pid, l->pid, shorten(r, l->path));
        else
            ht_complain(
                0,
                "%s (pid %u) still runs and is still profiled: heaptap dump %u; when it ends "
                "it writes %s",
                l->name, l->pid, l->pid, shorten(r, l->path));
    }
    if (r->n_living > LIVING_MAX)
        ht_complain(0, "%zu more processes still run and are still profiled: heaptap ps lists them",
                    r->n_living - LIVING_MAX);
}

#define FILES_MAX 10 /* files of forked children that are named one by one */

static void print_figures(uint64_t samples, uint64_t rate, uint64_t lost, uint64_t truncated)
{
    char text[32];
    fprintf(stderr, "%" PRIu64 " sample%s", samples, samples == 1 ? "" : "s");
    if (rate > 1)
        fprintf(stderr, " (one every %s)", size_text(rate, text, sizeof text));
    else if (rate == 1)
        fprintf(stderr, " (every allocation)");
    fprintf(stderr, ", %" PRIu64 " lost, %" PRIu64 " stack%s truncated", lost, truncated,
            truncated == 1 ? "" : "s");
}

/* One line for a program that ran often. */
static void print_groups(const struct ht_run_regions *r)
{
    for (size_t i = 0; i < r->n_groups; i++) {
        const struct ht_run_group *g = &r->groups[i];
        if (!g->n)
            continue;
        char name[sizeof g->name];
        memcpy(name, g->name, sizeof name);
        ht_plain_text(name, false);
        fprintf(stderr, "heaptap: wrote %s: %s, %zu processes in one, ", shorten(r, g->path), name,
                g->n);
        print_figures(g->samples, g->rate, g->lost, g->truncated);
        putc('\n', stderr);
    }
}

static void print_files(const struct ht_run_regions *r)
{
    uint64_t rest = 0;
    size_t forked = 0;
    for (size_t i = 0; i < r->n_profiles; i++) {
        const struct ht_run_profile *p = &r->profiles[i];
        if (p->group)
            continue;
        if (p->forked && ++forked > FILES_MAX) {
            rest += p->samples;
            continue;
        }
        char name[sizeof p->name];
        memcpy(name, p->name, sizeof name);
        ht_plain_text(name, false);
        fprintf(stderr, "heaptap: wrote %s: %s (pid %u%s), ", shorten(r, p->path), name, p->pid,
                HT_RUN_WHERE(p->foreign));
        print_figures(p->samples, p->rate, p->lost, p->truncated);
        if (p->n_numbered)
            fprintf(stderr, "; %zu dump%s before it", p->n_numbered, p->n_numbered == 1 ? "" : "s");
        putc('\n', stderr);
    }
    print_groups(r);
    if (forked > FILES_MAX)
        fprintf(stderr, "heaptap: wrote %zu more of forked children, %" PRIu64 " samples\n",
                forked - FILES_MAX, rest);
}

/* "No sample" is said only of a process that was seen to its end. */
static void print_hint(const struct ht_run_regions *r, const struct ht_run_summary *o)
{
    char rate[32];
    if (r->blind)
        return;
    if (o->filtered)
        fprintf(
            stderr,
            "heaptap: no sample was seen: %s ended under a seccomp filter, and what is started or "
            "forked under one is not profiled (HEAPTAP_SECCOMP=trust)\n",
            o->program);
    else if (!r->seen_root && access(r->directory, W_OK | X_OK))
        fprintf(stderr,
                "heaptap: no profile: its samples were in its own memory, which went with it: no "
                "region "
                "can be made in %s\n",
                r->directory);
    else if (*o->hint && r->seen_root)
        fprintf(stderr, "heaptap: no sample was seen: %s\n", o->hint);
    else if (!r->empty_root)
        fprintf(stderr,
                "heaptap: no profile: %s left no sample where heaptap run can see it: it ended "
                "before the "
                "first one, or went on in a mount namespace or a chroot of its own\n",
                o->program);
    else if (o->dormant)
        fprintf(stderr, "heaptap: no sample was seen: --start=off, and nobody called "
                        "heaptap_start()\n");
    else if (o->rate == 1)
        fprintf(stderr, "heaptap: no sample was seen: %s allocates nothing through malloc\n",
                o->program);
    else
        fprintf(
            stderr, "heaptap: no sample was seen: %s allocates less than the rate%s%s%s; try %s\n",
            o->program, o->rate ? " (" : "", o->rate ? size_text(o->rate, rate, sizeof rate) : "",
            o->rate ? ")" : "", o->rate > 4096 ? "--rate=4k or --exact" : "--exact");
    fprintf(stderr, "heaptap: heaptap doctor -- %s says why\n", o->called);
}

/* Of n parts one profile, to be destroyed; NULL with a line. */
static struct ht_profile *add_up(const struct ht_run_named *part, size_t n)
{
    struct ht_profile *parts[MERGED_MAX], *p = NULL;
    char msg[512] = "";
    int err = 0;
    for (size_t i = 0; i < n; i++)
        parts[i] = part[i].profile;
    p = ht_profile_merge(parts, n, &err, msg, sizeof msg);
    if (!p || ht_profile_remove_uninteresting(p, msg, sizeof msg)) {
        ht_complain(0, "no report: %s", msg);
        ht_profile_destroy(p);
        p = NULL;
    }
    return p;
}

/* Of which processes the table is; what is in use is added up only of those that lived together. */
static void tell_whose(FILE *out, const struct ht_run_named *part, size_t shown, size_t n)
{
    char name[sizeof part->of->name];
    memcpy(name, part->of->name, sizeof name);
    ht_plain_text(name, false);
    if (shown == n && n > 1)
        fputs(", all processes together", out);
    else if (shown > 1)
        fprintf(out, ", the %zu of %zu processes that lived together", shown, n);
    else if (n > 1)
        fprintf(out, ", %s (pid %u) alone, for no two of %zu processes lived together", name,
                part->of->pid, n);
}

/* What the table does not show. */
static void print_below(int64_t mapped, bool peak_unknown)
{
    char figure[32];
    if (peak_unknown)
        fputs("heaptap: little was in use at the end; --peak shows the heap at its peak\n", stderr);
    if (mapped > 0)
        fprintf(stderr, "heaptap: %s is mapped by the program itself; -i mmap_space says by whom\n",
                size_text((uint64_t)mapped, figure, sizeof figure));
}

static void print_owners(struct ht_run_named *part, size_t n, const struct ht_run_summary *o)
{
    char figure[32], *more = NULL;
    size_t size = 0, shown = n > 1 ? ht_run_together(part, n) : n;
    struct ht_profile *p = add_up(part, shown);
    const char *type = p ? ht_owners_table_type(p, o->peak) : NULL;
    if (p && shown < n &&
        (!strcmp(type, "alloc_space") || (!strcmp(type, "peak_space") && !o->peak))) {
        type = "alloc_space"; /* of processes one after the other there is no peak of all */
        ht_profile_destroy(p);
        p = add_up(part, shown = n);
    }
    FILE *out = p ? open_memstream(&more, &size) : NULL;
    if (!out) {
        ht_profile_destroy(p);
        return;
    }
    tell_whose(out, part, shown, n);
    if (o->most_resident && n == 1)
        fprintf(out, " (at most %s were resident)",
                size_text(o->most_resident, figure, sizeof figure));
    const int64_t mapped = ht_owners_table_total(p, "mmap_space");
    const bool peak_unknown = !strcmp(type, "alloc_space") && !ht_owners_table_has(p, "peak_space");
    if (fclose(out))
        ht_profile_destroy(p);
    else
        ht_owners_table_print(p, type, more);
    print_below(mapped, peak_unknown);
    free(more);
}

static void print_truncated(const struct ht_run_named *part, size_t n)
{
    struct ht_profile *profiles[MERGED_MAX];
    char line[512];
    for (size_t i = 0; i < n; i++)
        profiles[i] = part[i].profile;
    if (ht_truncated_line(profiles, n, line, sizeof line))
        ht_complain(0, "%s", line);
}

/* Writes one file in place of all. What a child has from its parent is in it once. */
static void write_merged(struct ht_run_regions *r, const struct ht_run_summary *o,
                         const struct ht_run_named *part, size_t n)
{
    struct ht_profile *parts[MERGED_MAX], *p = NULL;
    char path[4096], msg[512];
    struct ht_pattern v = ht_run_values(r, o->program, (uint32_t)r->root);
    int err = -ENAMETOOLONG;
    bool root = (pid_t)r->profiles[0].pid == r->root;
    if (root)
        snprintf(path, sizeof path, "%s", r->profiles[0].path);
    for (size_t i = 0; i < n; i++)
        parts[i] = part[i].profile;
    if (n < r->n_profiles)
        ht_complain(0, "not merged: of %zu profiles %zu could be read (at most %d are merged)",
                    r->n_profiles, n, MERGED_MAX);
    else if ((root || ht_pattern_expand(path, sizeof path, r->pattern, &v)) &&
             (p = ht_profile_merge(parts, n, &err, msg, sizeof msg)))
        err = ht_profile_write_file(p, path);
    ht_profile_destroy(p);
    if (n < r->n_profiles)
        return;
    if (err) {
        snprintf(msg, sizeof msg, "%.*s: %s", 400, path, strerror(-err));
        ht_complain(0, "not merged: %s", msg);
        return;
    }
    for (size_t i = 0; i < n; i++)
        if (strcmp(r->profiles[i].path, path) != 0)
            unlink(r->profiles[i].path);
    if (!o->quiet)
        ht_complain(0, "wrote %s: %s, %zu processes in one", shorten(r, path), o->program, n);
}

/* The program itself first, then by number of samples. */
static int by_weight(const void *a, const void *b, void *ctx)
{
    const struct ht_run_profile *x = a, *y = b;
    uint32_t root = *(const uint32_t *)ctx;
    if ((x->pid == root) != (y->pid == root))
        return x->pid == root ? -1 : 1;
    return x->samples < y->samples ? 1 : x->samples > y->samples ? -1 : strcmp(x->path, y->path);
}

void ht_run_summarize(struct ht_run_regions *r, const struct ht_run_summary *o)
{
    uint32_t root = (uint32_t)r->root;
    if (!o->merge && !o->each && o->symbolize)
        ht_run_groups_find(r);
    if (r->n_profiles)
        qsort_r(r->profiles, r->n_profiles, sizeof *r->profiles, by_weight, &root);
    struct ht_run_named kept[MERGED_MAX];
    size_t n =
        o->symbolize || !o->quiet ? ht_run_name(r, o->symbolize, !o->quiet, kept, MERGED_MAX) : 0;
    const bool merge = o->merge && n > 1;
    if (merge)
        write_merged(r, o, kept, n);
    if (r->n_failures) {
        char more[40] = "";
        if (r->n_failures > 1)
            snprintf(more, sizeof more, " (and %zu more)", r->n_failures - 1);
        ht_complain(0, "%s%s", r->failure, more);
    }
    if (r->blind)
        ht_complain(
            0,
            "cannot look through the regions: %s; what processes of this run left there stays "
            "(heaptap ps, heaptap recover)",
            strerror(-r->blind));
    if (!o->quiet) {
        if (!merge)
            print_files(r);
        print_living(r);
        if (n) {
            print_owners(kept, n, o);
            print_truncated(kept, n);
        } else if (!r->n_profiles && !r->n_living && !r->n_failures && !o->skipped) {
            print_hint(r, o);
        }
    }
    for (size_t i = 0; i < n; i++)
        ht_profile_destroy(kept[i].profile);
}
