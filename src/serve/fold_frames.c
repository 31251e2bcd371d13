/* SPDX-License-Identifier: MIT */
/* Frames that look alike get one number, in both profiles of a comparison. */
#include "config.h"

#include "serve/fold_frames.h"

#include <stdlib.h>

static const char *string_of(struct ht_fold_frames *f, const char *s)
{
    return f->strings ? ht_profile_str(f->strings, s) : s;
}

/* UINT32_MAX: out of memory. */
static uint32_t frame_of(struct ht_fold_frames *f, const struct ht_location *l, size_t line)
{
    const struct ht_line *at = l->n_lines ? &l->lines[line] : NULL;
    const char *file = string_of(f, l->mapping ? l->mapping->file : "");
    struct ht_key key = {0};
    bool added;
    if (at) {
        const char *name = string_of(f, at->function->name);
        const char *source = string_of(f, at->function->filename);
        struct ht_key function = {(uintptr_t)name, (uintptr_t)source,
                                  (uint64_t)at->function->start_line};
        uint32_t n = ht_keymap_add(&f->names, function, &added);
        if (!name || !source || n == UINT32_MAX)
            return UINT32_MAX;
        key = (struct ht_key){n + 1ull, (uint64_t)at->line, (uintptr_t)file};
    } else {
        key = (struct ht_key){0, l->address, (uintptr_t)file};
    }
    uint32_t n = file ? ht_keymap_add(&f->frames, key, &added) : UINT32_MAX;
    if (n == UINT32_MAX || !added)
        return n;
    if (n >= f->cap_places) {
        uint32_t cap = f->cap_places ? f->cap_places * 2 : 256;
        struct ht_fold_place *more = reallocarray(f->places, cap, sizeof(*more));
        if (!more)
            return UINT32_MAX;
        f->places = more;
        f->cap_places = cap;
    }
    f->places[n] = (struct ht_fold_place){l, line};
    return n;
}

static bool mark(struct ht_fold_frames *f, struct ht_profile *p)
{
    for (size_t i = 0; i < p->n_locations; i++) {
        struct ht_location *l = p->locations[i];
        uint32_t list = UINT32_MAX;
        for (size_t k = l->n_lines ? l->n_lines : 1; k-- > 0;) {
            uint32_t frame = frame_of(f, l, k);
            bool added;
            if (frame == UINT32_MAX)
                return false;
            list = ht_keymap_add(&f->lists, (struct ht_key){list, frame, 0}, &added);
            if (list == UINT32_MAX)
                return false;
        }
        l->mark = list + (uintptr_t)1;
    }
    return true;
}

struct ht_fold_frames *ht_fold_frames_create(struct ht_profile *p, struct ht_profile *before)
{
    struct ht_fold_frames *f = calloc(1, sizeof(*f));
    if (!f)
        return NULL;
    f->p = p;
    f->before = before;
    if ((before && !(f->strings = ht_profile_create())) || !mark(f, p) ||
        (before && !mark(f, before))) {
        ht_fold_frames_destroy(f);
        return NULL;
    }
    return f;
}

void ht_fold_frames_destroy(struct ht_fold_frames *f)
{
    if (!f)
        return;
    ht_profile_destroy(f->strings);
    ht_keymap_finish(&f->names);
    ht_keymap_finish(&f->frames);
    ht_keymap_finish(&f->lists);
    free(f->places);
    free(f);
}

const struct ht_location *ht_fold_frame(const struct ht_fold_frames *f, uint32_t frame,
                                        size_t *line)
{
    *line = f->places[frame].line;
    return f->places[frame].location;
}
