/* SPDX-License-Identifier: MIT */
/* cmocka with what it wants included first, and a small profile to work on. */
#ifndef HEAPTAP_TESTS_PROFILE_BUILD_H
#define HEAPTAP_TESTS_PROFILE_BUILD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "profile/profile.h"

static inline struct ht_location *add_frame(struct ht_profile *p, uint64_t address,
                                            const char *function, const char *file, int64_t line)
{
    struct ht_location *l = ht_profile_add_location(p);
    l->mapping = p->n_mappings ? p->mappings[0] : NULL;
    l->address = address;
    if (!function)
        return l;
    struct ht_function *f = NULL;
    for (size_t i = 0; i < p->n_functions && !f; i++)
        if (!strcmp(p->functions[i]->name, function) && !strcmp(p->functions[i]->filename, file))
            f = p->functions[i];
    if (!f) {
        f = ht_profile_add_function(p);
        f->name = f->system_name = ht_profile_str(p, function);
        f->filename = ht_profile_str(p, file);
    }
    l->lines = ht_profile_alloc(p, sizeof(*l->lines));
    l->lines[0] = (struct ht_line){f, line, 0};
    l->n_lines = 1;
    return l;
}

static inline struct ht_sample *add_stack(struct ht_profile *p, const int64_t *values,
                                          struct ht_location **frames, size_t n)
{
    struct ht_sample *s = ht_profile_add_sample(p, n, 0);
    memcpy(s->locations, frames, n * sizeof(*frames));
    memcpy(s->values, values, p->n_sample_types * sizeof(*values));
    return s;
}

/* main -> work -> malloc and main -> idle, two sample types. */
static inline struct ht_profile *small_profile(void)
{
    struct ht_profile *p = ht_profile_create();
    ht_profile_add_sample_type(p, "inuse_objects", "count");
    ht_profile_add_sample_type(p, "inuse_space", "bytes");
    p->period_type.type = ht_profile_str(p, "space");
    p->period_type.unit = ht_profile_str(p, "bytes");
    p->period = 524288;
    p->time_nanos = 1700000000000000000;
    struct ht_mapping *m = ht_profile_add_mapping(p);
    m->start = 0x400000;
    m->limit = 0x500000;
    m->file = ht_profile_str(p, "/bin/app");
    m->build_id = ht_profile_str(p, "abcd");
    struct ht_location *main_ = add_frame(p, 0x400100, "main", "/src/main.c", 10);
    struct ht_location *work = add_frame(p, 0x400200, "work", "/src/work.c", 20);
    struct ht_location *alloc = add_frame(p, 0x400300, "malloc", "/src/malloc.c", 30);
    struct ht_location *idle = add_frame(p, 0x400400, "idle", "/src/main.c", 40);
    add_stack(p, (int64_t[]){3, 300}, (struct ht_location *[]){alloc, work, main_}, 3);
    add_stack(p, (int64_t[]){1, -7}, (struct ht_location *[]){idle, main_}, 2);
    return p;
}

#endif
