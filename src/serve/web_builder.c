/* SPDX-License-Identifier: MIT */
/* Hash maps give equal things the same number; what belongs to a number stands in arrays. */
#include "config.h"

#include "serve/web_builder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evidence/sampling.h"

bool ht_web_reserve(void **data, uint32_t *cap, uint32_t need, size_t size)
{
    uint32_t more = *cap ? *cap * 2 : 256;
    if (need <= *cap)
        return true;
    void *grown = reallocarray(*data, more, size);
    if (!grown)
        return false;
    memset((char *)grown + *cap * size, 0, (more - *cap) * size);
    *data = grown;
    *cap = more;
    return true;
}

uint32_t ht_web_string(struct ht_web_builder *b, const char *s)
{
    bool added;
    return ht_keymap_add(&b->strings, (struct ht_key){(uintptr_t)s, 0, 0}, &added);
}

/* A frame is a line of a function, or an address when nothing names it. */
uint32_t ht_web_frame(struct ht_web_builder *b, const struct ht_location *loc, size_t k)
{
    const struct ht_line *line = loc->n_lines ? &loc->lines[k] : NULL;
    const struct ht_function *fn = line ? line->function : NULL;
    int64_t code = b->code && fn && !strcmp(fn->name, b->code) ? (int64_t)loc->mark - 1 : -1;
    /* A mapping's address is even. */
    struct ht_key key = {(uintptr_t)fn, fn ? (uint64_t)line->line : loc->address,
                         code < 0 ? (uintptr_t)loc->mapping : (uint64_t)code * 2 + 1};
    bool added;
    uint32_t n = ht_keymap_add(&b->frames_by_key, key, &added);
    struct ht_web_frame_of *f;

    if (n == UINT32_MAX || !added)
        return n;
    if (!ht_web_reserve((void **)&b->frames, &b->frames_cap, n + 1, sizeof *b->frames))
        return UINT32_MAX;
    f = &b->frames[n];
    f->fn = ht_web_string(b, fn ? fn->name : "");
    f->file = ht_web_string(b, fn ? fn->filename : "");
    f->mod = ht_web_string(b, loc->mapping ? loc->mapping->file : "");
    f->line = fn ? line->line : 0;
    f->start = fn ? fn->start_line : 0;
    f->address = fn ? 0 : loc->address;
    f->code = code;
    f->kind = b->owners ? ht_web_kind_of(b->owners, loc, k) : HT_WEB_CODE;
    return f->fn == UINT32_MAX || f->file == UINT32_MAX || f->mod == UINT32_MAX ? UINT32_MAX : n;
}

/* Text that is to be one line. */
static void put_line(FILE *f, const char *s)
{
    for (; *s; s++)
        putc(*s == '\n' ? ' ' : *s, f);
}

/* The sample's labels of text, a line each, "key=value", as the number of a string. False: out of
 * memory. */
static bool labels_of(struct ht_web_builder *b, const struct ht_sample *s, uint32_t *number)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = NULL;
    *number = HT_WEB_NO_LABELS;
    for (size_t i = 0; i < s->n_labels; i++) {
        const struct ht_label *l = &s->labels[i];
        if (!l->str)
            continue;
        if (!f && !(f = open_memstream(&text, &size)))
            return false;
        if (ftell(f) > 0)
            putc('\n', f);
        put_line(f, l->key);
        putc('=', f);
        put_line(f, l->str);
    }
    if (!f)
        return true;
    bool ok = !fclose(f);
    const char *kept = ok ? ht_profile_str(b->p, text) : NULL;
    free(text);
    if (kept)
        *number = ht_web_string(b, kept);
    b->labelled = true;
    return kept && *number != UINT32_MAX;
}

int ht_web_add_values(struct ht_web_builder *b, uint32_t node, uint32_t owner,
                      const struct ht_sample *s)
{
    const struct ht_sampling sampling = {.key = b->size_key};
    const struct ht_label *size = ht_sampling_size(&sampling, s);
    size_t types = b->p->n_sample_types;
    const struct ht_label *old = ht_sampling_size(&(struct ht_sampling){.key = b->age_key}, s);
    int64_t age = old ? old->num : HT_WEB_NO_AGE;
    bool added;
    uint32_t labels;
    if (!labels_of(b, s, &labels))
        return -ENOMEM;
    uint32_t rest = ht_keymap_add(&b->rest, (struct ht_key){(uint64_t)age, labels, 0}, &added);
    if (rest == UINT32_MAX)
        return -ENOMEM;
    uint32_t n = ht_keymap_add(
        &b->sums, (struct ht_key){node, (uint64_t)(size ? size->num : HT_WEB_NO_SIZE), rest},
        &added);
    b->aged |= age != HT_WEB_NO_AGE;

    if (n == UINT32_MAX || !ht_web_reserve((void **)&b->values, &b->values_cap, n + 1,
                                           (types ? types : 1) * sizeof *b->values))
        return -ENOMEM;
    if (b->owners) {
        if (!ht_web_reserve((void **)&b->owner, &b->owner_cap, n + 1, sizeof *b->owner))
            return -ENOMEM;
        b->owner[n] = owner;
    }
    for (size_t t = 0; t < types; t++) {
        int64_t *v = &b->values[n * types + t];

        if (__builtin_add_overflow(*v, s->values[t], v))
            *v = s->values[t] < 0 ? INT64_MIN : INT64_MAX;
    }
    return 0;
}

void ht_web_builder_finish(struct ht_web_builder *b)
{
    ht_keymap_finish(&b->strings);
    ht_keymap_finish(&b->frames_by_key);
    free(b->nodes);
    ht_keymap_finish(&b->sums);
    ht_keymap_finish(&b->rest);
    free(b->frames);
    free(b->values);
    free(b->owner);
}
