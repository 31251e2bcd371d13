/* SPDX-License-Identifier: MIT */
/* The bytes and the string table of a profile that is written. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/encode.h"
#include "util/hash.h"

#define WINDOW ((size_t)1 << 16)

void ht_encoder_begin(struct ht_encoder *e, bool gzip)
{
    *e = (struct ht_encoder){.gzip = gzip};
    if (gzip && deflateInit2(&e->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8,
                             Z_DEFAULT_STRATEGY) != Z_OK)
        e->failed = true;
}

bool ht_encoder_reserve(struct ht_encoder *e, size_t n)
{
    if (n <= e->cap - e->size)
        return true;
    size_t cap = e->cap ? e->cap * 2 : 4096;
    while (cap - e->size < n)
        cap *= 2;
    unsigned char *data = realloc(e->data, cap);
    if (!data) {
        e->failed = true;
        return false;
    }
    e->data = data;
    e->cap = cap;
    return true;
}

static void squeeze(struct ht_encoder *e, int flush)
{
    unsigned char out[16384];
    size_t in = 0;
    int r = Z_OK;
    do {
        size_t take = e->size - in > (1u << 30) ? 1u << 30 : e->size - in;
        e->z.next_in = e->data + in;
        e->z.avail_in = (uInt)take;
        e->z.next_out = out;
        e->z.avail_out = sizeof out;
        r = deflate(&e->z, in + take == e->size ? flush : Z_NO_FLUSH);
        in += take - e->z.avail_in;
        size_t n = sizeof out - e->z.avail_out;
        if (r == Z_STREAM_ERROR || (n && ht_buffer_append(&e->packed, out, n)))
            e->failed = true;
    } while (!e->failed &&
             (flush == Z_FINISH ? r != Z_STREAM_END : in < e->size || !e->z.avail_out));
    e->size = 0;
}

void ht_encoder_pack(struct ht_encoder *e)
{
    if (e->gzip && e->size >= WINDOW && !e->failed)
        squeeze(e, Z_NO_FLUSH);
}

void ht_encoder_fields(struct ht_encoder *e, const void *data, size_t size)
{
    if (!ht_encoder_reserve(e, size))
        return;
    memcpy(e->data + e->size, data, size);
    e->size += size;
    ht_encoder_pack(e);
}

static size_t hash_pointer(const void *p)
{
    return (size_t)(((uintptr_t)p * HT_GOLDEN_RATIO) >> 24);
}

/* The slot of a string, or the free one where it belongs. */
static struct ht_encoder_string *slot_of(const struct ht_encoder *e, const char *s)
{
    size_t at = hash_pointer(s) & e->mask;
    while (e->map[at].s && e->map[at].s != s)
        at = (at + 1) & e->mask;
    return &e->map[at];
}

/* Twice as many slots as there is room for strings, and again. */
static bool grow(struct ht_encoder *e)
{
    size_t cap = e->cap_strings ? e->cap_strings * 2 : 512;
    const char **strings = realloc(e->strings, cap * sizeof(*strings));
    if (strings)
        e->strings = strings;
    struct ht_encoder larger = {.mask = cap * 2 - 1, .map = calloc(cap * 2, sizeof(*e->map))};
    if (!strings || !larger.map) {
        free(larger.map);
        e->failed = true;
        return false;
    }
    for (size_t i = 0; e->map && i <= e->mask; i++)
        if (e->map[i].s)
            *slot_of(&larger, e->map[i].s) = e->map[i];
    free(e->map);
    e->map = larger.map;
    e->mask = larger.mask;
    e->cap_strings = cap;
    return true;
}

void ht_encoder_append_string(struct ht_encoder *e, const char *s)
{
    if (e->n_strings >= e->cap_strings && !grow(e))
        return;
    struct ht_encoder_string *slot = slot_of(e, s);
    e->strings[e->n_strings++] = s;
    if (!slot->s)
        *slot = (struct ht_encoder_string){s, e->n_strings};
}

uint64_t ht_encoder_string(struct ht_encoder *e, const char *s)
{
    if (!s || !*s || (!e->map && !grow(e)))
        return 0;
    const struct ht_encoder_string *slot = slot_of(e, s);
    if (slot->s)
        return slot->index;
    ht_encoder_append_string(e, s);
    return e->n_strings;
}

void ht_encoder_drop(struct ht_encoder *e)
{
    if (e->gzip)
        deflateEnd(&e->z);
    free(e->map);
    free(e->strings);
    free(e->data);
    free(e->packed.data);
    *e = (struct ht_encoder){0};
}

int ht_encoder_finish(struct ht_encoder *e, void **data, size_t *size)
{
    if (e->gzip && !e->failed)
        squeeze(e, Z_FINISH);
    if (e->failed) {
        ht_encoder_drop(e);
        return -ENOMEM;
    }
    void *all = e->gzip ? e->packed.data : e->data;
    size_t n = e->gzip ? e->packed.size : e->size;
    if (e->gzip)
        e->packed.data = NULL;
    else
        e->data = NULL;
    ht_encoder_drop(e);
    void *exact = realloc(all, n ? n : 1); /* no more than it takes: servers keep some */
    *data = exact ? exact : all;
    *size = n;
    return 0;
}
