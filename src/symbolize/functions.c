/* SPDX-License-Identifier: MIT */
/*
 * A hash table over a profile's Functions by name, file and line, so that named Locations share
 * them.
 */
#include "config.h"

#include "symbolize/functions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/profile.h"
#include "util/hash.h"

static int set_name(struct ht_functions *fs, struct ht_function *f)
{
    char *s = ht_demangle(f->system_name, fs->mode);
    const char *name = s ? ht_profile_str(fs->p, s) : NULL;
    free(s);
    if (!name)
        return -ENOMEM;
    f->name = name;
    return 0;
}

int ht_functions_init(struct ht_functions *fs, struct ht_profile *p, enum ht_demangle mode,
                      bool force)
{
    *fs = (struct ht_functions){.p = p, .mode = mode, .n_slots = 1024};
    fs->slots = calloc(fs->n_slots, sizeof(struct ht_function *));
    if (!fs->slots)
        return -ENOMEM;
    force |= mode != HT_DEMANGLE_DEFAULT;
    for (size_t i = 0; i < p->n_functions; i++) {
        struct ht_function *f = p->functions[i];
        /* Without a symbol there is nothing to demangle: the name in the profile stays. */
        bool mangled = *f->system_name && (force || !*f->name || f->name == f->system_name);
        if (mangled && set_name(fs, f))
            return -ENOMEM;
    }
    return 0;
}

void ht_functions_finish(struct ht_functions *fs)
{
    free(fs->slots);
}

/* The strings are interned, so their addresses are compared. */
static size_t slot_of(const struct ht_functions *fs, const char *name, const char *file,
                      int64_t start_line)
{
    uint64_t h = (uint64_t)(uintptr_t)name * HT_GOLDEN_RATIO;
    h = (h ^ (uint64_t)(uintptr_t)file) * 0xff51afd7ed558ccdu;
    h = (h ^ (uint64_t)start_line ^ h >> 32) * 0xc4ceb9fe1a85ec53u;
    return (h ^ h >> 29) & (fs->n_slots - 1);
}

static int grow(struct ht_functions *fs)
{
    struct ht_functions bigger = *fs;
    bigger.n_slots *= 2;
    bigger.slots = calloc(bigger.n_slots, sizeof(struct ht_function *));
    if (!bigger.slots)
        return -ENOMEM;
    for (size_t i = 0; i < fs->n_slots; i++) {
        struct ht_function *f = fs->slots[i];
        if (!f)
            continue;
        size_t s = slot_of(&bigger, f->system_name, f->filename, f->start_line);
        while (bigger.slots[s])
            s = (s + 1) & (bigger.n_slots - 1);
        bigger.slots[s] = f;
    }
    free(fs->slots);
    *fs = bigger;
    return 0;
}

struct ht_function *ht_functions_get(struct ht_functions *fs, const char *name, const char *file,
                                     uint32_t start_line)
{
    name = ht_profile_str(fs->p, name);
    file = ht_profile_str(fs->p, file);
    if (!name || !file || (2 * fs->n >= fs->n_slots && grow(fs)))
        return NULL;
    size_t s = slot_of(fs, name, file, start_line);
    for (struct ht_function *f; (f = fs->slots[s]); s = (s + 1) & (fs->n_slots - 1))
        if (f->system_name == name && f->filename == file && f->start_line == start_line)
            return f;
    struct ht_function *f = ht_profile_add_function(fs->p);
    if (!f)
        return NULL;
    f->system_name = name;
    f->filename = file;
    f->start_line = start_line;
    if (set_name(fs, f))
        return NULL;
    fs->n++;
    return fs->slots[s] = f;
}
