/* SPDX-License-Identifier: MIT */
/*
 * profile.proto on its way out: fields are put one after the other, and packed as they come, so
 * that an unpacked profile is never in memory as a whole. Private to src/profile.
 */
#ifndef HEAPTAP_SRC_PROFILE_ENCODE_H
#define HEAPTAP_SRC_PROFILE_ENCODE_H

#include <stdbool.h>
#include <zlib.h>

#include "profile/profile.h"
#include "util/buffer.h"

struct ht_encoder {
    unsigned char *data; /* fields that are not packed yet; without gzip all of them */
    size_t size, cap;
    struct ht_buffer packed;
    z_stream z;
    bool gzip, failed; /* failed: out of memory */
    /* Strings in the order of their index, from 1 on; found by pointer, for they are interned. */
    struct ht_encoder_string {
        const char *s;
        uint64_t index;
    } * map;
    size_t mask;
    const char **strings;
    size_t n_strings, cap_strings;
};

/* pack.c */
void ht_encoder_begin(struct ht_encoder *e, bool gzip);
/* Whole fields of a profile, as they are. */
void ht_encoder_fields(struct ht_encoder *e, const void *data, size_t size);
/* Room for n more bytes at data + size. False: out of memory. */
bool ht_encoder_reserve(struct ht_encoder *e, size_t n);
/* Between fields: packs what there is when it has become much. */
void ht_encoder_pack(struct ht_encoder *e);
/* The index of a string in the table, which it joins; 0 of "" and NULL. */
uint64_t ht_encoder_string(struct ht_encoder *e, const char *s);
/* Adds a string at the next index, whether it is there already or not. */
void ht_encoder_append_string(struct ht_encoder *e, const char *s);
void ht_encoder_drop(struct ht_encoder *e);
/* Drops it, and hands over what was put: 0 and malloc'ed bytes, or -ENOMEM. */
int ht_encoder_finish(struct ht_encoder *e, void **data, size_t *size);

/* encode.c: the parts of a profile. The last one has the strings of all. */
void ht_encode_types(struct ht_encoder *e, const struct ht_profile *p);
void ht_encode_samples(struct ht_encoder *e, const struct ht_profile *p);
void ht_encode_rest(struct ht_encoder *e, const struct ht_profile *p);

#endif
