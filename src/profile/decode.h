/* SPDX-License-Identifier: MIT */
/* What the decoder's two passes share. */
#ifndef HEAPTAP_SRC_PROFILE_DECODE_H
#define HEAPTAP_SRC_PROFILE_DECODE_H

#include "profile/idmap.h"
#include "profile/share.h"
#include "profile/store.h"
#include "profile/wire.h"

/* shared with an earlier sample, for which they are resolved */
enum { HT_SHARES_STACK = 1, HT_SHARES_LABELS = 2 };

/* Growable scratch, reused from message to message. */
struct ht_scratch {
    uint64_t *v;
    size_t n, cap;
};

struct ht_decoder {
    struct ht_profile *p;
    const uint8_t *base; /* of the bytes in the window */
    size_t before;       /* bytes of the profile before them */
    struct ht_scratch locations, values, labels;
    struct ht_scratch early;   /* counts of values of samples that came before their types */
    bool typed;                /* a sample was checked against the types */
    bool tables_only;          /* samples are passed over: the first of two readings */
    struct ht_scratch strings; /* const char * of each index */
    struct ht_scratch comments;
    struct ht_scratch types; /* pairs of indices */
    uint64_t drop, keep, dflt, doc, period_type, period_unit;
    struct ht_idmap mappings, functions, locs;
    struct ht_share stacks, label_sets;
    uint8_t *shares; /* of each sample: HT_SHARES_* */
    size_t cap_shares;
    int (*take)(void *ctx, const struct ht_sample *s); /* 0 or -errno, which ends the reading */
    void *ctx;
    size_t taken; /* samples of the second reading */
    int err;
    char *msg;
    size_t msg_size;
};

/* decode_error.c: writes the line about the first failure; false, to be returned. */
bool ht_decode_fail(struct ht_decoder *d, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool ht_decode_no_memory(struct ht_decoder *d);

/* Stores a string's index where its pointer will be. */
static inline const char *ht_index_as_string(uint64_t index)
{
    return (const char *)(uintptr_t)index;
}

/* The offset in the profile of a byte in the window. */
static inline size_t ht_decode_at(const struct ht_decoder *d, const uint8_t *at)
{
    return d->before + (size_t)(at - d->base);
}

/* decode.c, the first pass: decodes the profile's fields from the bytes, and leaves incomplete
 * ones for the next call, unless these are the last bytes. */
bool ht_decode_fields(struct ht_decoder *d, struct ht_wire *bytes, bool last);

/* The second of two readings, after ht_decode_resolve: gives each sample to d->take, in the
 * scratch.
 */
bool ht_decode_samples(struct ht_decoder *d, struct ht_wire *bytes, bool last);

/* resolve.c: ids and indices of a sample that is not in the profile become pointers. */
bool ht_decode_resolve_one(struct ht_decoder *d, struct ht_sample *s);

/* Frees all but the profile. */
void ht_decode_finish(struct ht_decoder *d);

/* resolve.c, the second pass: indices become strings and ids pointers. */
bool ht_decode_resolve(struct ht_decoder *d);

#endif
