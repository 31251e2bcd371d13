/* SPDX-License-Identifier: MIT */
/* The files of a group's processes are removed only when the group's is there. */
#include "config.h"

#include "cli/run/groups.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/run/finish.h"
#include "profile/ops.h"
#include "region/pattern.h"

static size_t number_of(const struct ht_run_regions *r, const struct ht_run_group *g)
{
    return (size_t)(g - r->groups) + 1;
}

static void fail(struct ht_run_group *g, int error, const char *msg)
{
    snprintf(g->failure, sizeof g->failure, "%s", msg && *msg ? msg : strerror(-error));
    ht_merge_destroy(g->sum);
    g->sum = NULL;
}

static struct ht_run_group *group_named(struct ht_run_regions *r, const char *name)
{
    for (size_t i = 0; i < r->n_groups; i++)
        if (!strcmp(r->groups[i].name, name))
            return &r->groups[i];
    struct ht_run_group *g = ht_run_append(&r->groups, &r->n_groups, sizeof *g);
    if (g)
        snprintf(g->name, sizeof g->name, "%s", name);
    return g;
}

void ht_run_groups_find(struct ht_run_regions *r)
{
    for (size_t i = 0; i < r->n_profiles; i++) {
        struct ht_run_profile *p = &r->profiles[i];
        struct ht_run_group *g =
            (pid_t)p->pid == r->root || p->n_numbered || !*p->name ? NULL : group_named(r, p->name);
        if (!g)
            continue;
        g->n++;
        p->group = number_of(r, g);
    }
    for (size_t i = 0; i < r->n_groups; i++) {
        struct ht_run_group *g = &r->groups[i];
        if (g->n <= HT_RUN_FEW)
            ht_run_groups_dissolve(r, g);
        else if (!(g->sum = ht_merge_create()))
            fail(g, -ENOMEM, NULL);
    }
}

void ht_run_groups_add(struct ht_run_regions *r, const struct ht_run_profile *of,
                       struct ht_profile *part)
{
    struct ht_run_group *g = &r->groups[of->group - 1];
    char msg[sizeof g->failure] = "";
    int error = g->sum ? ht_merge_add(g->sum, part, msg, sizeof msg) : 0;
    if (error)
        fail(g, error, msg);
}

/* The pattern's name for all of a program's processes: "all" in place of the pid, and the program
 * where the pattern has it not. */
static bool name_file(const struct ht_run_regions *r, struct ht_run_group *g)
{
    char pattern[sizeof g->path], words[sizeof g->name + 8];
    bool by_pid = false, by_name = false;
    size_t n = 0;
    for (const char *p = r->pattern; *p; p++) {
        if (n + 4 >= sizeof pattern)
            return false;
        if (*p != '%' || !p[1]) {
            pattern[n++] = *p;
            continue;
        }
        by_pid |= *++p == 'p';
        by_name |= *p == 'e';
        n += (size_t)(*p == 'p' ? sprintf(pattern + n, "all") : sprintf(pattern + n, "%%%c", *p));
    }
    pattern[n] = 0;
    struct ht_pattern v = ht_run_values(r, g->name, (uint32_t)r->root);
    snprintf(words, sizeof words, "%s%s%s", by_name ? "" : g->name, !by_name && !by_pid ? "." : "",
             by_pid ? "" : "all");
    for (char *c = words; (c = strchr(c, '/'));)
        *c = '_';
    return ht_pattern_expand(g->path, sizeof g->path, pattern, &v) &&
           (!*words || ht_pattern_insert_text(g->path, sizeof g->path, words)) &&
           ht_run_free_path(r, g->path, sizeof g->path);
}

struct ht_profile *ht_run_groups_finish(struct ht_run_regions *r, struct ht_run_group *g)
{
    char msg[sizeof g->failure] = "";
    int error = 0;
    if (g->sum && !name_file(r, g))
        fail(g, -ENAMETOOLONG, NULL);
    struct ht_profile *p = g->sum ? ht_merge_finish(g->sum, &error, msg, sizeof msg) : NULL;
    if (g->sum && !p) {
        g->sum = NULL;
        fail(g, error, msg);
    }
    g->sum = NULL;
    return p;
}

void ht_run_groups_written(struct ht_run_regions *r, struct ht_run_group *g)
{
    for (size_t i = 0; i < r->n_profiles; i++) {
        struct ht_run_profile *p = &r->profiles[i];
        if (p->group != number_of(r, g))
            continue;
        unlink(p->path);
        g->samples += p->samples;
        g->lost += p->lost;
        g->truncated += p->truncated;
        g->rate = p->rate;
    }
}

size_t ht_run_groups_dissolve(struct ht_run_regions *r, struct ht_run_group *g)
{
    const size_t n = g->n;
    for (size_t i = 0; i < r->n_profiles; i++)
        if (r->profiles[i].group == number_of(r, g))
            r->profiles[i].group = 0;
    ht_merge_destroy(g->sum);
    g->sum = NULL;
    g->n = 0;
    return n;
}

void ht_run_groups_destroy(struct ht_run_regions *r)
{
    for (size_t i = 0; i < r->n_groups; i++)
        ht_merge_destroy(r->groups[i].sum);
    free(r->groups);
    r->groups = NULL;
    r->n_groups = 0;
}
