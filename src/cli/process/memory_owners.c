/* SPDX-License-Identifier: MIT */
/* Figures by site become rows by owner, the largest first. */
#include "config.h"

#include "cli/process/memory_owners.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/process/figures.h"
#include "leaks/fill.h"
#include "memory/memory.h"
#include "owners/owners.h"
#include "snapshot/mappings.h"
#include "snapshot/sparse.h"
#include "symbolize/symbolize.h"

enum { SHOWN = 10, VALUES = 4, PAGE = 4096 };
/* What the values of the profiles are (snapshot/mappings.h, sparse.h); rows are in order of the
 * last. */
enum { COUNT, BYTES, OBJECTS, LARGEST };

struct row {
    const struct ht_owner *owner;
    uint64_t value[VALUES];
};

struct ht_memory_owners {
    struct ht_profile *p;
    struct ht_owners owners;
    struct row *rows; /* of as many */
    bool estimated;   /* of samples: OBJECTS are samples */
    uint64_t pages, empty;
};

static int by_size(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if (x->value[LARGEST] != y->value[LARGEST])
        return x->value[LARGEST] < y->value[LARGEST] ? 1 : -1;
    if (x->value[BYTES] != y->value[BYTES])
        return x->value[BYTES] < y->value[BYTES] ? 1 : -1;
    return x->owner < y->owner ? -1 : 1;
}

static bool find_owners(struct ht_memory_owners *m, pid_t pid)
{
    char msg[512];
    int err = 0;
    const struct ht_symbolize_options names = {.lines_and_inlines = true, .pid = pid};
    struct ht_wrappers *list = ht_wrappers_create(NULL, &err, msg, sizeof msg);
    const struct ht_owners_options how = {.value = BYTES, .list = list};
    if (!err)
        err = ht_symbolize(m->p, &names, msg, sizeof msg);
    if (!err)
        err = ht_owners_find(&m->owners, m->p, &how);
    ht_wrappers_destroy(list);
    m->rows = err ? NULL : calloc(m->owners.n + 1, sizeof *m->rows);
    if (!m->rows)
        return false;
    for (size_t i = 0; i < m->owners.n; i++)
        m->rows[i].owner = &m->owners.list[i];
    for (size_t i = 0; i < m->p->n_samples; i++) {
        const uint32_t at = m->owners.of_sample[i];
        for (unsigned k = 0; at != UINT32_MAX && k < VALUES; k++)
            m->rows[at].value[k] += (uint64_t)m->p->samples[i].values[k];
    }
    if (m->owners.n)
        qsort(m->rows, m->owners.n, sizeof *m->rows, by_size);
    return true;
}

static struct ht_memory_owners *owners_of(struct ht_profile *p, pid_t pid)
{
    struct ht_memory_owners *m = p ? calloc(1, sizeof *m) : NULL;
    if (!m) {
        ht_profile_destroy(p);
        return NULL;
    }
    m->p = p;
    if (find_owners(m, pid))
        return m;
    ht_memory_owners_destroy(m);
    return NULL;
}

struct ht_memory_owners *ht_memory_mappings(const struct ht_region *region, struct ht_remote *r)
{
    char msg[512];
    int err;
    struct ht_memory_pages pages;
    if (!ht_region_has_mappings(region))
        return NULL;
    ht_memory_pages_open(&pages, r);
    struct ht_profile *p =
        ht_region_mappings(region, ht_memory_range, &pages, &err, msg, sizeof msg);
    ht_memory_pages_close(&pages);
    return owners_of(p, r->pid);
}

static uint32_t used_on(void *fill, uint64_t page)
{
    return ht_heap_fill_of(fill, page);
}

/* The whole heap is walked, so how many pages there are is known; who keeps them is estimated. */
static struct ht_memory_owners *sparse_of_samples(const struct ht_region *region,
                                                  struct ht_remote *r, char *msg, size_t msg_size)
{
    struct ht_heap_fill fill;
    struct ht_memory_owners *m = NULL;
    uint64_t pages, used;
    int err = ht_heap_fill_read(r, &fill, msg, msg_size);
    ht_heap_fill_sum(&fill, PAGE / HT_SPARSE, &pages, &used);
    struct ht_profile *p =
        err ? NULL : ht_region_sparse_estimated(region, used_on, &fill, &err, msg, msg_size);
    ht_heap_fill_finish(&fill);
    if (p) {
        snprintf(msg, msg_size, "out of memory");
        m = owners_of(p, r->pid);
    }
    if (m) {
        m->estimated = true;
        m->pages = pages;
        m->empty = pages * PAGE - used;
    }
    return m;
}

struct ht_memory_owners *ht_memory_sparse(const struct ht_region *region, struct ht_remote *r,
                                          char *msg, size_t msg_size)
{
    int err;
    struct ht_memory_pages pages;
    if (atomic_load(&region->view.header->rate) != 1)
        return sparse_of_samples(region, r, msg, msg_size);
    ht_memory_pages_open(&pages, r);
    struct ht_profile *p = ht_region_sparse(region, ht_memory_range, &pages, &err, msg, msg_size);
    ht_memory_pages_close(&pages);
    if (err == -ENODATA)
        return sparse_of_samples(region, r, msg, msg_size);
    if (!p)
        return NULL;
    snprintf(msg, msg_size, "out of memory");
    return owners_of(p, r->pid);
}

void ht_memory_owners_destroy(struct ht_memory_owners *m)
{
    if (!m)
        return;
    ht_owners_finish(&m->owners);
    ht_profile_destroy(m->p);
    free(m->rows);
    free(m);
}

static const char *bytes_text(uint64_t bytes, char *out)
{
    ht_figure_bytes((double)bytes, out, 24);
    return out;
}

enum kind { MAPPED, SPARSE, SPARSE_OF_SAMPLES };

static void print_row(const struct row *r, const char *what, enum kind kind)
{
    char a[24], b[24];
    if (kind == SPARSE_OF_SAMPLES)
        printf("%10s %10s %8" PRIu64 " %8" PRIu64 "  %s\n", bytes_text(r->value[LARGEST], a),
               bytes_text(r->value[BYTES], b), r->value[COUNT], r->value[OBJECTS], what);
    else if (kind == SPARSE)
        printf("%10s %10s %8" PRIu64 "  %s\n", bytes_text(r->value[LARGEST], a),
               bytes_text(r->value[BYTES], b), r->value[COUNT], what);
    else
        printf("%10s %10s  %s\n", bytes_text(r->value[LARGEST], a), bytes_text(r->value[BYTES], b),
               what);
}

static void print_rows(const struct ht_memory_owners *m, enum kind kind)
{
    struct row rest = {0};
    char more[48];
    for (size_t i = 0; i < m->owners.n; i++) {
        const struct row *r = &m->rows[i];
        for (unsigned k = 0; i >= SHOWN && k < VALUES; k++)
            rest.value[k] += r->value[k];
        if (i >= SHOWN)
            continue;
        char *text = ht_owner_text(r->owner);
        print_row(r, text ? text : r->owner->name, kind);
        free(text);
    }
    snprintf(more, sizeof more, "%zu more", m->owners.n - SHOWN);
    if (m->owners.n > SHOWN)
        print_row(&rest, more, kind);
}

void ht_memory_mappings_print(const struct ht_memory_owners *m)
{
    if (!m->owners.n)
        return;
    puts("The program itself mapped, in any of these rows:");
    print_rows(m, MAPPED);
}

void ht_memory_sparse_print(const struct ht_memory_owners *m)
{
    char empty[24];
    if (!m->owners.n && !m->pages) {
        puts("No page of the heap is kept for little.");
        return;
    }
    if (m->estimated) {
        printf("Pages of which a quarter at most is in use: %" PRIu64 ", of them %s empty. By whom "
               "they are kept is estimated:\n%10s %10s %8s %8s  %s\n",
               m->pages, bytes_text(m->empty, empty), "EMPTY", "IN USE", "PAGES", "SAMPLES",
               "kept by");
        print_rows(m, SPARSE_OF_SAMPLES);
        return;
    }
    printf("Pages of which a quarter at most is in use:\n%10s %10s %8s  %s\n", "EMPTY", "IN USE",
           "PAGES", "kept by");
    print_rows(m, SPARSE);
}

static json_t *rows_json(const struct ht_memory_owners *m, const char *const names[VALUES])
{
    json_t *list = json_array();
    for (size_t i = 0; i < m->owners.n; i++) {
        const struct row *r = &m->rows[i];
        char *text = ht_owner_text(r->owner);
        json_t *row = json_object();
        json_object_set_new(row, "name", json_string(r->owner->name));
        json_object_set_new(row, "text", json_string(text ? text : r->owner->name));
        for (unsigned k = 0; k < VALUES; k++)
            if (names[k])
                json_object_set_new(row, names[k], json_integer((json_int_t)r->value[k]));
        json_array_append_new(list, row);
        free(text);
    }
    return list;
}

json_t *ht_memory_mappings_json(const struct ht_memory_owners *m)
{
    static const char *const names[VALUES] = {"mappings", "mapped", NULL, "resident"};
    return rows_json(m, names);
}

json_t *ht_memory_sparse_json(const struct ht_memory_owners *m)
{
    static const char *const exact[VALUES] = {"pages", "inuse", "objects", "empty"};
    static const char *const estimated[VALUES] = {"pages", "inuse", "samples", "empty"};
    return rows_json(m, m->estimated ? estimated : exact);
}

void ht_memory_sparse_sums_json(const struct ht_memory_owners *m, json_t *root)
{
    if (!m->estimated)
        return;
    json_object_set_new(root, "sparse_pages", json_integer((json_int_t)m->pages));
    json_object_set_new(root, "sparse_empty", json_integer((json_int_t)m->empty));
}
