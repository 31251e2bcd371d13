/* SPDX-License-Identifier: MIT */
/* The profile's store: an arena that is freed in one go, and its table of strings. */
#include "config.h"

#include "profile/profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/store.h"
#include "util/hash.h"

#define CHUNK_MIN 4096
#define CHUNK_MAX (1u << 20)

struct chunk {
    struct chunk *next;
    size_t used, size;
    _Alignas(16) unsigned char data[];
};

struct interned {
    uint32_t hash;
    uint32_t len;
    const char *s;
};

struct ht_profile_store {
    struct chunk *chunks; /* the first one is being filled */
    size_t total;
    struct interned *strings; /* open addressing, a power of two, NULL s is free */
    size_t n_strings, cap_strings;
    size_t cap_samples, cap_mappings, cap_locations, cap_functions, cap_types, cap_comments;
    uint64_t max_mapping_id, max_location_id, max_function_id;
};

static const char empty_string[1] = "";

struct ht_profile *ht_profile_create(void)
{
    struct ht_profile *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->store = calloc(1, sizeof(*p->store));
    if (!p->store) {
        free(p);
        return NULL;
    }
    p->drop_frames = p->keep_frames = p->default_sample_type = p->doc_url = empty_string;
    p->period_type.type = p->period_type.unit = empty_string;
    return p;
}

void ht_profile_destroy(struct ht_profile *p)
{
    if (!p)
        return;
    for (struct chunk *c = p->store->chunks, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    free(p->store->strings);
    free(p->store);
    free(p->sample_types);
    free(p->samples);
    free(p->mappings);
    free(p->locations);
    free(p->functions);
    free(p->comments);
    free(p);
}

static bool charge(struct ht_profile_store *st, size_t n)
{
    if (n > HT_PROFILE_MEMORY_LIMIT - st->total)
        return false;
    st->total += n;
    return true;
}

static void *arena_alloc(struct ht_profile_store *st, size_t n, size_t align)
{
    struct chunk *c = st->chunks;
    if (c) {
        size_t at = (c->used + align - 1) & ~(align - 1);
        if (at <= c->size && n <= c->size - at) {
            c->used = at + n;
            return c->data + at;
        }
    }
    size_t size = c ? c->size * 2 : CHUNK_MIN;
    if (size > CHUNK_MAX)
        size = CHUNK_MAX;
    if (c && n > size / 4)
        size = n;
    if (n > size)
        size = n;
    if (n > HT_PROFILE_MEMORY_LIMIT || !charge(st, size + sizeof(*c)))
        return NULL;
    struct chunk *fresh = calloc(1, sizeof(*c) + size);
    if (!fresh)
        return NULL;
    fresh->size = size;
    fresh->used = n;
    /* An object with a chunk of its own goes behind the one being filled. */
    if (c && size == n) {
        fresh->next = c->next;
        c->next = fresh;
    } else {
        fresh->next = c;
        st->chunks = fresh;
    }
    return fresh->data;
}

void *ht_profile_alloc(struct ht_profile *p, size_t n)
{
    return arena_alloc(p->store, n ? n : 1, 16);
}

void *ht_profile_alloc_words(struct ht_profile *p, size_t n)
{
    if (n > HT_PROFILE_MEMORY_LIMIT / 8)
        return NULL;
    return arena_alloc(p->store, n * 8, 8);
}

static uint32_t hash_bytes(const char *s, size_t n)
{
    uint64_t h = HT_GOLDEN_RATIO ^ n;
    for (; n >= 8; s += 8, n -= 8) {
        uint64_t w;
        memcpy(&w, s, 8);
        h = (h ^ w) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    uint64_t w = 0;
    memcpy(&w, s, n);
    h = (h ^ w) * 0xff51afd7ed558ccdu;
    return (uint32_t)(h ^ (h >> 32));
}

static bool strings_grow(struct ht_profile_store *st)
{
    size_t cap = st->cap_strings ? st->cap_strings * 2 : 256;
    if (!charge(st, (cap - st->cap_strings) * sizeof(struct interned)))
        return false;
    struct interned *fresh = calloc(cap, sizeof(*fresh));
    if (!fresh)
        return false;
    for (size_t i = 0; i < st->cap_strings; i++) {
        if (!st->strings[i].s)
            continue;
        size_t at = st->strings[i].hash & (cap - 1);
        while (fresh[at].s)
            at = (at + 1) & (cap - 1);
        fresh[at] = st->strings[i];
    }
    free(st->strings);
    st->strings = fresh;
    st->cap_strings = cap;
    return true;
}

const char *ht_profile_strn(struct ht_profile *p, const char *s, size_t n)
{
    struct ht_profile_store *st = p->store;
    if (!n)
        return empty_string;
    if (n > UINT32_MAX)
        return NULL;
    if (st->n_strings >= st->cap_strings / 2 && !strings_grow(st))
        return NULL;
    uint32_t hash = hash_bytes(s, n);
    size_t at = hash & (st->cap_strings - 1);
    for (; st->strings[at].s; at = (at + 1) & (st->cap_strings - 1)) {
        const struct interned *e = &st->strings[at];
        if (e->hash == hash && e->len == n && !memcmp(e->s, s, n))
            return e->s;
    }
    char *copy = arena_alloc(st, n + 1, 1);
    if (!copy)
        return NULL;
    memcpy(copy, s, n);
    st->strings[at] = (struct interned){hash, (uint32_t)n, copy};
    st->n_strings++;
    return copy;
}

const char *ht_profile_str(struct ht_profile *p, const char *s)
{
    return s ? ht_profile_strn(p, s, strlen(s)) : empty_string;
}

/* Makes room for one more element, which is not zeroed. */
static bool grow(struct ht_profile_store *st, void *array, size_t n, size_t *cap, size_t elem)
{
    if (n < *cap)
        return true;
    size_t want = *cap ? *cap * 2 : 16;
    if (want > SIZE_MAX / 2 / elem || !charge(st, (want - *cap) * elem))
        return false;
    void **slot = array;
    void *fresh = realloc(*slot, want * elem);
    if (!fresh)
        return false;
    *slot = fresh;
    *cap = want;
    return true;
}

/* Ids from the upper half do not affect those that are assigned here. */
static void note_id(uint64_t *max, uint64_t id)
{
    if (id > *max && id < (uint64_t)1 << 63)
        *max = id;
}

void ht_profile_note_ids(struct ht_profile *p, uint64_t mapping, uint64_t location,
                         uint64_t function)
{
    struct ht_profile_store *st = p->store;
    note_id(&st->max_mapping_id, mapping);
    note_id(&st->max_location_id, location);
    note_id(&st->max_function_id, function);
}

struct ht_mapping *ht_profile_add_mapping(struct ht_profile *p)
{
    struct ht_profile_store *st = p->store;
    if (!grow(st, &p->mappings, p->n_mappings, &st->cap_mappings, sizeof(*p->mappings)))
        return NULL;
    struct ht_mapping *m = arena_alloc(st, sizeof(*m), 8);
    if (!m)
        return NULL;
    m->file = m->build_id = empty_string;
    m->id = ++st->max_mapping_id;
    return p->mappings[p->n_mappings++] = m;
}

struct ht_location *ht_profile_add_location(struct ht_profile *p)
{
    struct ht_profile_store *st = p->store;
    if (!grow(st, &p->locations, p->n_locations, &st->cap_locations, sizeof(*p->locations)))
        return NULL;
    struct ht_location *l = arena_alloc(st, sizeof(*l), 8);
    if (!l)
        return NULL;
    l->id = ++st->max_location_id;
    return p->locations[p->n_locations++] = l;
}

struct ht_function *ht_profile_add_function(struct ht_profile *p)
{
    struct ht_profile_store *st = p->store;
    if (!grow(st, &p->functions, p->n_functions, &st->cap_functions, sizeof(*p->functions)))
        return NULL;
    struct ht_function *f = arena_alloc(st, sizeof(*f), 8);
    if (!f)
        return NULL;
    f->name = f->system_name = f->filename = empty_string;
    f->id = ++st->max_function_id;
    return p->functions[p->n_functions++] = f;
}

struct ht_sample *ht_profile_push_sample(struct ht_profile *p)
{
    struct ht_profile_store *st = p->store;
    if (!grow(st, &p->samples, p->n_samples, &st->cap_samples, sizeof(*p->samples)))
        return NULL;
    struct ht_sample *s = &p->samples[p->n_samples++];
    memset(s, 0, sizeof(*s));
    return s;
}

struct ht_sample *ht_profile_add_sample(struct ht_profile *p, size_t n_locations, size_t n_labels)
{
    if (n_labels > HT_PROFILE_MEMORY_LIMIT / sizeof(struct ht_label))
        return NULL;
    void *locations = NULL, *labels = NULL;
    void *values = ht_profile_alloc_words(p, p->n_sample_types ? p->n_sample_types : 1);
    if (!values || (n_locations && !(locations = ht_profile_alloc_words(p, n_locations))) ||
        (n_labels && !(labels = ht_profile_alloc(p, n_labels * sizeof(struct ht_label)))))
        return NULL;
    struct ht_sample *s = ht_profile_push_sample(p);
    if (!s)
        return NULL;
    s->locations = locations;
    s->n_locations = (uint32_t)n_locations;
    s->values = values;
    s->labels = labels;
    s->n_labels = (uint32_t)n_labels;
    for (size_t i = 0; i < n_labels; i++)
        s->labels[i].key = s->labels[i].num_unit = empty_string;
    return s;
}

int ht_profile_add_sample_type(struct ht_profile *p, const char *type, const char *unit)
{
    struct ht_profile_store *st = p->store;
    struct ht_value_type vt = {ht_profile_str(p, type), ht_profile_str(p, unit)};
    if (!vt.type || !vt.unit ||
        !grow(st, &p->sample_types, p->n_sample_types, &st->cap_types, sizeof(vt)))
        return -ENOMEM;
    p->sample_types[p->n_sample_types++] = vt;
    return 0;
}

int ht_profile_add_comment(struct ht_profile *p, const char *comment)
{
    struct ht_profile_store *st = p->store;
    const char *s = ht_profile_str(p, comment);
    if (!s || !grow(st, &p->comments, p->n_comments, &st->cap_comments, sizeof(*p->comments)))
        return -ENOMEM;
    p->comments[p->n_comments++] = s;
    return 0;
}

bool ht_location_is_place(const struct ht_location *l)
{
    if (l->n_lines != 1 || !l->mapping || !*l->mapping->file)
        return false;
    const char *file = l->mapping->file, *slash = strrchr(file, '/');
    const char *base = slash && slash[1] ? slash + 1 : file;
    const char *name = l->lines[0].function->name;
    size_t n = strlen(base);
    return !strncmp(name, base, n) && !strncmp(name + n, HT_PLACE_NAME, strlen(HT_PLACE_NAME));
}
