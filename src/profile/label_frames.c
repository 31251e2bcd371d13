/* SPDX-License-Identifier: MIT */
/*
 * A label's value as a frame: a function of that name whose file is the label's key, as in pprof.
 * Consecutive samples that shared a stack and get the same frames share one again.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/ops.h"
#include "profile/units.h"

enum { MOST_KEYS = 16 };

struct keys {
    const char *key[MOST_KEYS]; /* the profile's strings */
    size_t n;
};

struct frames {
    struct ht_profile *p;
    const char *unit;
    bool only;
    struct ht_location **made; /* of label values, by the pair of key and value */
    size_t n_made, room;
};

static int split(struct ht_profile *p, const char *words, struct keys *k)
{
    k->n = 0;
    while (words && *words) {
        size_t n = strcspn(words, ",");
        if (n && k->n == MOST_KEYS)
            return -E2BIG;
        if (n && !(k->key[k->n++] = ht_profile_strn(p, words, n)))
            return -ENOMEM;
        words += n + (words[n] == ',');
    }
    return 0;
}

/* Equal strings of a profile are one pointer. Searched from the youngest: labels come in runs. */
static struct ht_location *frame_of(struct frames *f, const char *key, const char *value)
{
    for (size_t i = f->n_made; i-- > 0;) {
        const struct ht_function *fn = f->made[i]->lines[0].function;
        if (fn->filename == key && fn->name == value)
            return f->made[i];
    }
    if (f->n_made == f->room) {
        size_t room = f->room ? 2 * f->room : 64;
        struct ht_location **more = realloc(f->made, room * sizeof(struct ht_location *));
        if (!more)
            return NULL;
        f->made = more;
        f->room = room;
    }
    struct ht_location *l = ht_profile_add_location(f->p);
    struct ht_function *fn = ht_profile_add_function(f->p);
    struct ht_line *line = ht_profile_alloc(f->p, sizeof *line);
    if (!l || !fn || !line)
        return NULL;
    fn->name = value;
    fn->filename = key;
    line->function = fn;
    l->lines = line;
    l->n_lines = 1;
    return f->made[f->n_made++] = l;
}

/* The values of a key, separated by commas; "" when there is none. Text first, as labels are
 * sorted. NULL: out of memory. */
static const char *values_of(struct frames *f, const struct ht_sample *s, const char *key,
                             bool *found)
{
    char text[1024] = "", number[96];
    const char *only = NULL;
    size_t n = 0, used = 0;
    for (size_t i = 0; i < s->n_labels; i++) {
        const struct ht_label *l = &s->labels[i];
        if (l->key != key && strcmp(l->key, key) != 0)
            continue;
        const char *value =
            l->str ? l->str : ht_unit_label(l->num, l->num_unit, f->unit, number, sizeof number);
        only = l->str;
        if (used < sizeof text)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", n ? "," : "", value);
        n++;
    }
    *found = *found || n;
    if (!n && f->only)
        snprintf(text, sizeof text, "(no %s)", key);
    return n == 1 && only ? ht_profile_str(f->p, only) : ht_profile_str(f->p, text);
}

/* The first key is nearest to the root. */
static int frames_of(struct frames *f, const struct ht_sample *s, const struct keys *k,
                     struct ht_location **out, bool *found)
{
    for (size_t i = 0; i < k->n; i++) {
        const char *key = k->key[k->n - 1 - i], *value = values_of(f, s, key, found);
        out[i] = value ? frame_of(f, key, value) : NULL;
        if (!out[i])
            return -ENOMEM;
    }
    return 0;
}

int ht_profile_label_frames(struct ht_profile *p, const struct ht_label_frames *o, bool *root_found,
                            bool *leaf_found)
{
    struct keys root, leaf;
    struct frames f = {.p = p, .unit = o->unit ? o->unit : "", .only = o->only};
    struct ht_location **before = NULL, **after = NULL;
    int err = split(p, o->root, &root);
    *root_found = *leaf_found = false;
    if (!err)
        err = split(p, o->leaf, &leaf);
    if (err || (!root.n && !leaf.n))
        return err;
    for (size_t i = 0; !err && i < p->n_samples; i++) {
        struct ht_sample *s = &p->samples[i];
        struct ht_location *add[2 * MOST_KEYS], **top = add + leaf.n;
        size_t kept = o->only ? 0 : s->n_locations, n = leaf.n + kept + root.n;
        err = frames_of(&f, s, &leaf, add, leaf_found);
        if (!err)
            err = frames_of(&f, s, &root, top, root_found);
        if (err)
            break;
        if (after && i && before == s->locations && p->samples[i - 1].n_locations == n &&
            !memcmp(after, add, leaf.n * sizeof *add) &&
            !memcmp(after + leaf.n + kept, top, root.n * sizeof *add)) {
            s->locations = after;
            s->n_locations = (uint32_t)n;
            continue;
        }
        struct ht_location **all = ht_profile_alloc(p, n * sizeof *all);
        if (!all) {
            err = -ENOMEM;
            break;
        }
        memcpy(all, add, leaf.n * sizeof *all);
        if (kept)
            memcpy(all + leaf.n, s->locations, kept * sizeof *all);
        memcpy(all + leaf.n + kept, top, root.n * sizeof *all);
        before = s->locations;
        s->locations = after = all;
        s->n_locations = (uint32_t)n;
    }
    free(f.made);
    return err;
}
