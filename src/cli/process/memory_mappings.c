/* SPDX-License-Identifier: MIT */
/* Recorded mappings are looked up in the process, and summed up by the owners of their stacks. */
#include "config.h"

#include "cli/process/memory_mappings.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/process/figures.h"
#include "memory/memory.h"
#include "owners/owners.h"
#include "snapshot/mappings.h"
#include "symbolize/symbolize.h"

enum { SHOWN = 10 };
enum { COUNT, MAPPED, RESIDENT = 3 }; /* of the values of ht_region_mappings' profile */

struct row {
    const struct ht_owner *owner;
    uint64_t count, mapped, resident;
};

struct ht_memory_mappings {
    struct ht_profile *p;
    struct ht_owners owners;
    struct row *rows; /* of as many; largest resident first, then mapped */
};

static int by_size(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if (x->resident != y->resident)
        return x->resident < y->resident ? 1 : -1;
    if (x->mapped != y->mapped)
        return x->mapped < y->mapped ? 1 : -1;
    return x->owner < y->owner ? -1 : 1;
}

static int find_owners(struct ht_memory_mappings *m, pid_t pid)
{
    char msg[512];
    int err = 0;
    const struct ht_symbolize_options names = {.lines_and_inlines = true, .pid = pid};
    struct ht_wrappers *list = ht_wrappers_create(NULL, &err, msg, sizeof msg);
    const struct ht_owners_options how = {.value = MAPPED, .list = list};
    if (!err)
        err = ht_symbolize(m->p, &names, msg, sizeof msg);
    if (!err)
        err = ht_owners_find(&m->owners, m->p, &how);
    ht_wrappers_destroy(list);
    if (!err && !(m->rows = calloc(m->owners.n + 1, sizeof *m->rows)))
        err = -1;
    for (size_t i = 0; !err && i < m->owners.n; i++)
        m->rows[i].owner = &m->owners.list[i];
    for (size_t i = 0; !err && i < m->p->n_samples; i++) {
        const uint32_t at = m->owners.of_sample[i];
        const int64_t *values = m->p->samples[i].values;
        if (at == UINT32_MAX)
            continue;
        m->rows[at].count += (uint64_t)values[COUNT];
        m->rows[at].mapped += (uint64_t)values[MAPPED];
        m->rows[at].resident += (uint64_t)values[RESIDENT];
    }
    if (!err)
        qsort(m->rows, m->owners.n, sizeof *m->rows, by_size);
    return err;
}

struct ht_memory_mappings *ht_memory_mappings_read(const struct ht_region *region,
                                                   struct ht_remote *r)
{
    char msg[512];
    int err;
    struct ht_memory_pages pages;
    struct ht_memory_mappings *m = ht_region_has_mappings(region) ? calloc(1, sizeof *m) : NULL;
    if (!m)
        return NULL;
    ht_memory_pages_open(&pages, r);
    m->p = ht_region_mappings(region, ht_memory_range, &pages, &err, msg, sizeof msg);
    ht_memory_pages_close(&pages);
    if (!m->p || find_owners(m, r->pid)) {
        ht_memory_mappings_destroy(m);
        return NULL;
    }
    return m;
}

void ht_memory_mappings_destroy(struct ht_memory_mappings *m)
{
    if (!m)
        return;
    ht_owners_finish(&m->owners);
    ht_profile_destroy(m->p);
    free(m->rows);
    free(m);
}

static void print_row(uint64_t resident, uint64_t mapped, const char *what)
{
    char a[24], b[24];
    ht_figure_bytes((double)resident, a, sizeof a);
    ht_figure_bytes((double)mapped, b, sizeof b);
    printf("%10s %10s  %s\n", a, b, what);
}

void ht_memory_mappings_print(const struct ht_memory_mappings *m)
{
    struct row rest = {0};
    char more[48];
    if (!m->owners.n)
        return;
    puts("The program itself mapped, in any of these rows:");
    for (size_t i = 0; i < m->owners.n; i++) {
        const struct row *r = &m->rows[i];
        if (i >= SHOWN) {
            rest.mapped += r->mapped;
            rest.resident += r->resident;
            continue;
        }
        char *text = ht_owner_text(r->owner);
        print_row(r->resident, r->mapped, text ? text : r->owner->name);
        free(text);
    }
    snprintf(more, sizeof more, "%zu more", m->owners.n - SHOWN);
    if (m->owners.n > SHOWN)
        print_row(rest.resident, rest.mapped, more);
}

json_t *ht_memory_mappings_json(const struct ht_memory_mappings *m)
{
    json_t *list = json_array();
    for (size_t i = 0; i < m->owners.n; i++) {
        const struct row *r = &m->rows[i];
        char *text = ht_owner_text(r->owner);
        json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:I, s:I}", "name", r->owner->name,
                                              "text", text ? text : r->owner->name, "mappings",
                                              (json_int_t)r->count, "mapped", (json_int_t)r->mapped,
                                              "resident", (json_int_t)r->resident));
        free(text);
    }
    return list;
}
