/* SPDX-License-Identifier: MIT */
/* Each allocator's figures, in its own words. */
#include "config.h"

#include "cli/process/memory_allocator.h"

#include <stdio.h>
#include <string.h>

#include "cli/process/figures.h"

static bool is_named(const struct ht_memory *m, const char *what)
{
    return strstr(m->allocator, what) != NULL;
}

static uint64_t tcmalloc_inuse(const struct ht_memory_tcmalloc *t)
{
    return t->heap - t->free - t->unmapped - t->central - t->transfer - t->threads;
}

bool ht_memory_allocator_inuse(const struct ht_memory *m, uint64_t *bytes, const char **name)
{
    if (!*m->allocator && m->glibc.found) {
        *bytes = m->glibc.taken - m->glibc.free + m->glibc.mapped;
        *name = "glibc's malloc";
        return true;
    }
    if (is_named(m, "jemalloc") && m->jemalloc.counted) {
        *bytes = m->jemalloc.allocated - m->jemalloc.cached;
        *name = "jemalloc";
        return true;
    }
    if (is_named(m, "tcmalloc") && m->tcmalloc.counted) {
        *bytes = tcmalloc_inuse(&m->tcmalloc);
        *name = "tcmalloc";
        return true;
    }
    return false;
}

static const char *size_text(uint64_t bytes, char *out)
{
    ht_figure_bytes((double)bytes, out, 24);
    return out;
}

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

static void print_glibc(const struct ht_memory_glibc *g)
{
    char taken[24], free_text[24], top[24], mapped[24];
    printf("glibc's malloc: %u arena%s of %s, of it %s%s free (%s at the ends); %zu block%s mapped "
           "alone, %s\n",
           g->arenas, plural(g->arenas), size_text(g->taken, taken), g->cut ? "more than " : "",
           size_text(g->free, free_text), size_text(g->top, top), g->n_mapped, plural(g->n_mapped),
           size_text(g->mapped, mapped));
}

static void print_jemalloc(const struct ht_memory_jemalloc *j)
{
    char a[24], b[24], c[24], d[24];
    printf("jemalloc %s: %u arena%s, %s in active pages; ", j->version, j->arenas,
           plural(j->arenas), size_text(j->active, a));
    if (j->counted)
        printf("of it %s free in them and %s free in threads' caches; ",
               size_text(j->active - j->allocated, b), size_text(j->cached, c));
    else
        printf("what of it is free is unknown, its size classes are not those of the usual "
               "builds; ");
    printf("free pages: %s dirty, %s muzzy, %s retained without memory", size_text(j->dirty, a),
           size_text(j->muzzy, b), size_text(j->retained, c));
    if (j->counted)
        printf("; its records: %s", size_text(j->metadata, d));
    putchar('\n');
}

static void print_tcmalloc(const struct ht_memory_tcmalloc *t)
{
    char a[24], b[24], c[24], d[24];
    printf("tcmalloc: %s from the kernel, of it free: %s in pages, %s given back",
           size_text(t->heap, a), size_text(t->free, b), size_text(t->unmapped, c));
    if (t->counted)
        printf(", %s in %u cache%s of threads, %s in central ones\n", size_text(t->threads, a),
               t->caches, plural(t->caches), size_text(t->central + t->transfer, d));
    else
        printf("; how much is in caches is unknown\n");
}

void ht_memory_allocator_print(const struct ht_memory *m, double inuse)
{
    const uint64_t heap = m->of[HT_MEMORY_HEAP].resident;
    char difference[24];
    if (!*m->allocator) {
        if (m->glibc.found)
            print_glibc(&m->glibc);
        return;
    }
    if (is_named(m, "jemalloc") && m->jemalloc.found) {
        print_jemalloc(&m->jemalloc);
        return;
    }
    if (is_named(m, "tcmalloc") && m->tcmalloc.found) {
        print_tcmalloc(&m->tcmalloc);
        return;
    }
    printf("%s is the allocator", m->allocator);
    if (inuse > 0 && (double)heap > inuse)
        printf(": some %s of the heap are free, cached or its own (the difference)",
               size_text(heap - (uint64_t)inuse, difference));
    printf(". Its own figures could not be read; those of glibc's malloc, jemalloc 5.2.1 and 5.3.0 "
           "and "
           "gperftools' tcmalloc can.\n");
}

static void add(json_t *to, const char *name, uint64_t bytes)
{
    json_object_set_new(to, name, json_integer((json_int_t)bytes));
}

static json_t *jemalloc_json(const struct ht_memory_jemalloc *j)
{
    json_t *to = json_object();
    json_object_set_new(to, "version", json_string(j->version));
    add(to, "arenas", j->arenas);
    add(to, "active", j->active);
    add(to, "dirty", j->dirty);
    add(to, "muzzy", j->muzzy);
    add(to, "retained", j->retained);
    if (!j->counted)
        return to;
    add(to, "allocated", j->allocated);
    add(to, "cached", j->cached);
    add(to, "metadata", j->metadata);
    add(to, "resident", j->resident);
    return to;
}

static json_t *tcmalloc_json(const struct ht_memory_tcmalloc *t)
{
    json_t *to = json_object();
    add(to, "heap", t->heap);
    add(to, "free", t->free);
    add(to, "unmapped", t->unmapped);
    if (!t->counted)
        return to;
    add(to, "central", t->central);
    add(to, "transfer", t->transfer);
    add(to, "threads", t->threads);
    add(to, "caches", t->caches);
    add(to, "allocated", tcmalloc_inuse(t));
    return to;
}

void ht_memory_allocator_json(const struct ht_memory *m, json_t *root)
{
    const struct ht_memory_glibc *g = &m->glibc;
    if (*m->allocator)
        json_object_set_new(root, "allocator", json_string(m->allocator));
    if (g->found)
        json_object_set_new(root, "glibc",
                            json_pack("{s:i, s:I, s:I, s:I, s:I, s:I, s:b}", "arenas",
                                      (int)g->arenas, "taken", (json_int_t)g->taken, "free",
                                      (json_int_t)g->free, "top", (json_int_t)g->top, "mapped",
                                      (json_int_t)g->mapped, "mapped_blocks",
                                      (json_int_t)g->n_mapped, "at_least", (int)g->cut));
    if (m->jemalloc.found)
        json_object_set_new(root, "jemalloc", jemalloc_json(&m->jemalloc));
    if (m->tcmalloc.found)
        json_object_set_new(root, "tcmalloc", tcmalloc_json(&m->tcmalloc));
}
