/* SPDX-License-Identifier: MIT */
/*
 * Samples refer to strings and locations by number: both keep theirs. Which locations samples name
 * is noted, so that no file is written that lacks one.
 */
#include "config.h"

#include "profile/apart.h"

#include <errno.h>
#include <stdlib.h>

#include "profile/encode.h"
#include "profile/wire.h"

/* Fields of a Profile, and one of a Sample. */
enum { SAMPLE_TYPE = 1, SAMPLE = 2, STRING = 6, SAMPLE_LOCATIONS = 1 };

/* Ids of locations are places in a region, in units of 8 bytes: those of 2 GiB. They come in
 * clusters, for each of which there is a table of bits. */
#define IDS     ((uint64_t)1 << 28)
#define CLUSTER ((uint64_t)1 << 13)

struct ht_apart {
    struct ht_encoder out;
    struct ht_buffer rest;          /* all fields but the samples */
    uint64_t *named[IDS / CLUSTER]; /* which ids of locations samples name */
    size_t n_named;
};

struct ht_apart *ht_apart_create(void)
{
    struct ht_apart *a = calloc(1, sizeof *a);
    if (a)
        ht_encoder_begin(&a->out, true);
    return a;
}

void ht_apart_destroy(struct ht_apart *a)
{
    if (!a)
        return;
    ht_encoder_drop(&a->out);
    for (size_t i = 0; i < IDS / CLUSTER; i++)
        free(a->named[i]);
    free(a->rest.data);
    free(a);
}

static int note_location(struct ht_apart *a, uint64_t id)
{
    if (id >= IDS)
        return -EINVAL;
    uint64_t **bits = &a->named[id / CLUSTER], bit = (uint64_t)1 << id % 64;
    if (!*bits && !(*bits = calloc(CLUSTER / 64, sizeof **bits)))
        return -ENOMEM;
    uint64_t *word = &(*bits)[id % CLUSTER / 64];
    a->n_named += !(*word & bit);
    *word |= bit;
    return 0;
}

static bool is_named(const struct ht_apart *a, uint64_t id)
{
    const uint64_t *bits = id < IDS ? a->named[id / CLUSTER] : NULL;
    return bits && bits[id % CLUSTER / 64] >> id % 64 & 1;
}

/* 0, -ENOMEM, or -EINVAL: the sample is malformed. */
static int note_sample(struct ht_apart *a, struct ht_wire sample)
{
    struct ht_field f;
    int err = 0;
    while (!err && sample.at < sample.end) {
        if (!ht_wire_field(&sample, &f))
            return -EINVAL;
        if (f.number != SAMPLE_LOCATIONS)
            continue;
        if (f.type == HT_WIRE_VARINT)
            err = note_location(a, f.value);
        for (uint64_t id; !err && f.body.at < f.body.end;)
            err = ht_wire_varint(&f.body, &id) ? note_location(a, id) : -EINVAL;
    }
    return err;
}

int ht_apart_take(void *apart, const void *data, size_t size)
{
    struct ht_apart *a = apart;
    struct ht_wire w = {data, (const uint8_t *)data + size};
    while (w.at < w.end) {
        const uint8_t *from = w.at;
        struct ht_field f;
        if (!ht_wire_field(&w, &f))
            return -EINVAL;
        int err = f.number == SAMPLE ? note_sample(a, f.body) : 0;
        if (err)
            return err;
        if (f.number == SAMPLE_TYPE || f.number == SAMPLE)
            ht_encoder_fields(&a->out, from, (size_t)(w.at - from));
        if (f.number != SAMPLE && ht_buffer_append(&a->rest, from, (size_t)(w.at - from)))
            return -ENOMEM;
    }
    return a->out.failed ? -ENOMEM : 0;
}

struct ht_profile *ht_apart_rest(struct ht_apart *a, int *err, char *msg, size_t msg_size)
{
    return ht_profile_decode(a->rest.data, a->rest.size, err, msg, msg_size);
}

/* The strings that were taken, in their order. The first of a table is "". */
static int number_strings(struct ht_apart *a, struct ht_profile *rest)
{
    struct ht_wire w = {a->rest.data, a->rest.data + a->rest.size};
    struct ht_field f;
    bool first = true;
    while (w.at < w.end && ht_wire_field(&w, &f)) {
        if (f.number != STRING)
            continue;
        const char *s =
            ht_profile_strn(rest, (const char *)f.body.at, (size_t)(f.body.end - f.body.at));
        if (!s)
            return -ENOMEM;
        if (!first)
            ht_encoder_append_string(&a->out, s);
        first = false;
    }
    return 0;
}

/* Whether all locations that samples name are there. */
static bool complete(const struct ht_apart *a, const struct ht_profile *rest)
{
    size_t n = 0;
    for (size_t i = 0; i < rest->n_locations; i++)
        n += is_named(a, rest->locations[i]->id);
    return n == a->n_named;
}

int ht_apart_finish(struct ht_apart *a, struct ht_profile *rest, void **data, size_t *size)
{
    if (!complete(a, rest))
        return -EINVAL;
    if (number_strings(a, rest))
        return -ENOMEM;
    ht_encode_rest(&a->out, rest);
    return ht_encoder_finish(&a->out, data, size);
}
