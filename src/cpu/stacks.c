/* SPDX-License-Identifier: MIT */
/* Two open hash tables, one of frames and one of stacks, that grow at half full. */
#include "config.h"

#include "cpu/stacks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/kernel.h"
#include "profile/ops.h"
#include "profile/profile.h"
#include "util/hash.h"

struct object {
    struct object *next;
    char *path, *build_id;
    uint64_t bias; /* where it was first met */
    struct {
        uint64_t start, limit, offset;
    } segments[8];
    unsigned n_segments;
};

struct frame {
    const struct object *object; /* NULL: code that belongs to no file */
    bool kernel;
    uint64_t address; /* relative to where the object was first met */
};

struct stack {
    uint32_t *frames;
    unsigned n;
    char thread[32];
    int64_t samples, ns;
};

struct index {
    uint32_t *slots; /* number + 1; 0: empty */
    size_t size;     /* a power of two */
};

struct ht_stacks {
    int64_t period_ns;
    struct object *objects;
    struct frame *frames;
    size_t n_frames, room_frames;
    struct stack *stacks;
    size_t n_stacks, room_stacks;
    struct index by_frame, by_stack;
};

static uint64_t mix(uint64_t h, uint64_t x)
{
    h = (h ^ x) * HT_GOLDEN_RATIO;
    return h ^ (h >> 29);
}

static uint64_t frame_hash(const struct frame *f)
{
    return mix(mix(f->kernel, (uint64_t)(uintptr_t)f->object), f->address);
}

static uint64_t stack_hash(const uint32_t *frames, unsigned n, const char *thread)
{
    uint64_t h = n;
    for (unsigned i = 0; i < n; i++)
        h = mix(h, frames[i]);
    for (; *thread; thread++)
        h = mix(h, (unsigned char)*thread);
    return h;
}

struct ht_stacks *ht_stacks_create(int64_t period_ns)
{
    struct ht_stacks *s = calloc(1, sizeof *s);
    if (s)
        s->period_ns = period_ns;
    return s;
}

void ht_stacks_destroy(struct ht_stacks *s)
{
    if (!s)
        return;
    while (s->objects) {
        struct object *o = s->objects;
        s->objects = o->next;
        free(o->path);
        free(o->build_id);
        free(o);
    }
    for (size_t i = 0; i < s->n_stacks; i++)
        free(s->stacks[i].frames);
    free(s->stacks);
    free(s->frames);
    free(s->by_frame.slots);
    free(s->by_stack.slots);
    free(s);
}

/* Doubles an array that is full. */
static bool make_room(void *array, size_t n, size_t *room, size_t size)
{
    void **at = array;
    if (n < *room)
        return true;
    size_t more = *room ? *room * 2 : 256;
    void *grown = realloc(*at, more * size);
    if (!grown)
        return false;
    *at = grown;
    *room = more;
    return true;
}

/* Makes a larger table when n of them would fill half of it; hash_of gives the hash of number i. */
static bool widen(struct index *x, size_t n, uint64_t (*hash_of)(const struct ht_stacks *, size_t),
                  const struct ht_stacks *s)
{
    if (2 * (n + 1) <= x->size)
        return true;
    size_t size = x->size ? 2 * x->size : 1024;
    uint32_t *slots = calloc(size, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < n; i++) {
        size_t at = hash_of(s, i) & (size - 1);
        while (slots[at])
            at = (at + 1) & (size - 1);
        slots[at] = (uint32_t)i + 1;
    }
    free(x->slots);
    *x = (struct index){slots, size};
    return true;
}

static uint64_t hash_of_frame(const struct ht_stacks *s, size_t i)
{
    return frame_hash(&s->frames[i]);
}

static uint64_t hash_of_stack(const struct ht_stacks *s, size_t i)
{
    return stack_hash(s->stacks[i].frames, s->stacks[i].n, s->stacks[i].thread);
}

static uint32_t intern(struct ht_stacks *s, struct frame f)
{
    if (!widen(&s->by_frame, s->n_frames, hash_of_frame, s) ||
        !make_room(&s->frames, s->n_frames, &s->room_frames, sizeof f))
        return 0;
    size_t at = frame_hash(&f) & (s->by_frame.size - 1);
    for (; s->by_frame.slots[at]; at = (at + 1) & (s->by_frame.size - 1)) {
        const struct frame *g = &s->frames[s->by_frame.slots[at] - 1];
        if (g->object == f.object && g->address == f.address && g->kernel == f.kernel)
            return s->by_frame.slots[at];
    }
    s->frames[s->n_frames] = f;
    return s->by_frame.slots[at] = (uint32_t)++s->n_frames;
}

static const struct object *object_of(struct ht_stacks *s, const struct ht_remote_module *m)
{
    for (struct object *o = s->objects; o; o = o->next)
        if (!strcmp(o->path, m->path) && !strcmp(o->build_id, m->build_id))
            return o;
    struct object *o = calloc(1, sizeof *o);
    if (!o)
        return NULL;
    o->path = strdup(m->path);
    o->build_id = strdup(m->build_id);
    if (!o->path || !o->build_id) {
        free(o->path);
        free(o->build_id);
        free(o);
        return NULL;
    }
    o->bias = m->bias;
    o->n_segments = m->n_segments;
    for (unsigned i = 0; i < m->n_segments; i++) {
        o->segments[i].start = m->segments[i].start;
        o->segments[i].limit = m->segments[i].limit;
        o->segments[i].offset = m->segments[i].offset;
    }
    o->next = s->objects;
    return s->objects = o;
}

uint32_t ht_stacks_frame(struct ht_stacks *s, struct ht_remote *r, uint64_t address)
{
    const struct ht_remote_module *m = ht_remote_module_at(r, address);
    struct frame f = {.address = address};
    if (m) {
        f.object = object_of(s, m);
        if (!f.object)
            return 0;
        f.address = address - m->bias + f.object->bias;
    }
    return intern(s, f);
}

uint32_t ht_stacks_kernel_frame(struct ht_stacks *s, uint64_t address)
{
    return intern(s, (struct frame){.kernel = true, .address = address});
}

int ht_stacks_add(struct ht_stacks *s, const uint32_t *frames, unsigned n, const char *thread,
                  int64_t ns)
{
    if (!widen(&s->by_stack, s->n_stacks, hash_of_stack, s) ||
        !make_room(&s->stacks, s->n_stacks, &s->room_stacks, sizeof *s->stacks))
        return -ENOMEM;
    size_t at = stack_hash(frames, n, thread) & (s->by_stack.size - 1);
    for (; s->by_stack.slots[at]; at = (at + 1) & (s->by_stack.size - 1)) {
        struct stack *k = &s->stacks[s->by_stack.slots[at] - 1];
        if (k->n == n && !memcmp(k->frames, frames, n * sizeof *frames) &&
            !strcmp(k->thread, thread)) {
            k->samples++;
            k->ns += ns;
            return 0;
        }
    }
    struct stack *k = &s->stacks[s->n_stacks];
    *k = (struct stack){.n = n, .samples = 1, .ns = ns};
    k->frames = malloc((n + 1) * sizeof *frames);
    if (!k->frames)
        return -ENOMEM;
    memcpy(k->frames, frames, n * sizeof *frames);
    snprintf(k->thread, sizeof k->thread, "%s", thread);
    s->by_stack.slots[at] = (uint32_t)++s->n_stacks;
    return 0;
}

static struct ht_mapping *mapping_of(struct ht_profile *p, const struct object *o, uint64_t address)
{
    for (unsigned i = 0; o && i < o->n_segments; i++) {
        if (address < o->segments[i].start || address >= o->segments[i].limit)
            continue;
        for (size_t k = 0; k < p->n_mappings; k++)
            if (p->mappings[k]->start == o->segments[i].start &&
                !strcmp(p->mappings[k]->file, o->path))
                return p->mappings[k];
        struct ht_mapping *m = ht_profile_add_mapping(p);
        if (!m)
            return NULL;
        m->start = o->segments[i].start;
        m->limit = o->segments[i].limit;
        m->offset = o->segments[i].offset;
        m->file = ht_profile_str(p, o->path);
        m->build_id = ht_profile_str(p, o->build_id);
        return m;
    }
    return NULL;
}

/* All kernel frames are of one mapping, which has its names. */
static int name_kernel(struct ht_profile *p, struct ht_location *l, struct ht_kernel_names *names,
                       struct ht_mapping **kernel)
{
    char text[128];
    snprintf(text, sizeof text, "%s", ht_kernel_name(names, l->address));
    if (!*kernel) {
        *kernel = ht_profile_add_mapping(p);
        if (!*kernel)
            return -ENOMEM;
        (*kernel)->limit = UINT64_MAX;
        (*kernel)->start = 0xffff800000000000ull;
        (*kernel)->file = ht_profile_str(p, "[kernel.kallsyms]");
        (*kernel)->has_functions = true;
    }
    l->mapping = *kernel;
    struct ht_function *f = NULL;
    for (size_t i = 0; i < p->n_functions && !f; i++)
        if (!strcmp(p->functions[i]->name, text))
            f = p->functions[i];
    if (!f) {
        f = ht_profile_add_function(p);
        if (!f)
            return -ENOMEM;
        f->name = f->system_name = ht_profile_str(p, text);
    }
    l->lines = ht_profile_alloc(p, sizeof *l->lines);
    if (!l->lines)
        return -ENOMEM;
    l->lines[0].function = f;
    l->n_lines = 1;
    return 0;
}

static int fill_locations(struct ht_stacks *s, struct ht_profile *p)
{
    struct ht_kernel_names *names = NULL;
    struct ht_mapping *kernel = NULL;
    int err = 0;
    for (size_t i = 0; !err && i < s->n_frames; i++) {
        const struct frame *f = &s->frames[i];
        struct ht_location *l = ht_profile_add_location(p);
        if (!l) {
            err = -ENOMEM;
            break;
        }
        l->address = f->address;
        if (!f->kernel) {
            l->mapping = mapping_of(p, f->object, f->address);
            continue;
        }
        if (!names)
            names = ht_kernel_names_read();
        err = name_kernel(p, l, names, &kernel);
    }
    ht_kernel_names_free(names);
    return err;
}

static int fill_samples(struct ht_stacks *s, struct ht_profile *p)
{
    for (size_t i = 0; i < s->n_stacks; i++) {
        const struct stack *k = &s->stacks[i];
        bool named = *k->thread;
        struct ht_sample *x = ht_profile_add_sample(p, k->n, named);
        if (!x)
            return -ENOMEM;
        x->values[0] = k->samples;
        x->values[1] = k->ns;
        for (unsigned n = 0; n < k->n; n++)
            x->locations[n] = p->locations[k->frames[n] - 1];
        if (named) {
            x->labels[0].key = ht_profile_str(p, "thread");
            x->labels[0].str = ht_profile_str(p, k->thread);
            x->labels[0].num_unit = ht_profile_str(p, "");
        }
    }
    return 0;
}

struct ht_profile *ht_stacks_profile(struct ht_stacks *s, const char *main, const char *program)
{
    struct ht_profile *p = ht_profile_create();
    int err = p ? ht_profile_add_sample_type(p, "samples", "count") : -ENOMEM;
    if (!err)
        err = ht_profile_add_sample_type(p, "cpu", "nanoseconds");
    if (!err) {
        p->period_type.type = ht_profile_str(p, "cpu");
        p->period_type.unit = ht_profile_str(p, "nanoseconds");
        p->period = s->period_ns;
    }
    for (const struct object *o = s->objects; !err && o; o = o->next)
        if (!strcmp(o->path, main) && o->n_segments && !mapping_of(p, o, o->segments[0].start))
            err = -ENOMEM;
    if (!err)
        err = fill_locations(s, p);
    if (!err)
        err = fill_samples(s, p);
    for (size_t i = 0; !err && *program && i < p->n_mappings; i++)
        if (!strcmp(p->mappings[i]->file, main) &&
            !(p->mappings[i]->file = ht_profile_str(p, program)))
            err = -ENOMEM;
    ht_stacks_destroy(s);
    if (err) {
        ht_profile_destroy(p);
        return NULL;
    }
    return p;
}
