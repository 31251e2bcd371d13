/* SPDX-License-Identifier: MIT */
/* Protocol buffers' wire format, reading: every step is checked against the end. */
#ifndef HEAPTAP_SRC_PROFILE_WIRE_H
#define HEAPTAP_SRC_PROFILE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum ht_wire_type { HT_WIRE_VARINT = 0, HT_WIRE_64 = 1, HT_WIRE_BYTES = 2, HT_WIRE_32 = 5 };

struct ht_wire {
    const uint8_t *at, *end;
};

struct ht_field {
    uint64_t number;
    unsigned type;
    uint64_t value;      /* of a number */
    struct ht_wire body; /* of HT_WIRE_BYTES */
};

static inline bool ht_wire_varint(struct ht_wire *w, uint64_t *value)
{
    if (w->at < w->end && *w->at < 0x80) {
        *value = *w->at++;
        return true;
    }
    uint64_t v = 0;
    const uint8_t *p = w->at;
    for (unsigned shift = 0; shift < 70 && p < w->end; shift += 7) {
        v |= (uint64_t)(*p & 0x7f) << shift;
        if (*p++ < 0x80) {
            w->at = p;
            *value = v;
            return true;
        }
    }
    return false;
}

/* The next field: value and body are 0 where its type has none. On failure w stays at the field's
 * first byte. */
static inline bool ht_wire_field(struct ht_wire *w, struct ht_field *f)
{
    struct ht_wire r = *w;
    uint64_t tag;
    if (!ht_wire_varint(&r, &tag))
        return false;
    *f = (struct ht_field){.number = tag >> 3, .type = tag & 7};
    switch (f->type) {
    case HT_WIRE_VARINT:
        if (!ht_wire_varint(&r, &f->value))
            return false;
        break;
    case HT_WIRE_64:
        if (r.end - r.at < 8)
            return false;
        r.at += 8;
        break;
    case HT_WIRE_BYTES: {
        uint64_t n;
        if (!ht_wire_varint(&r, &n) || n > (uint64_t)(r.end - r.at))
            return false;
        f->body = (struct ht_wire){r.at, r.at + n};
        r.at += n;
        break;
    }
    case HT_WIRE_32:
        if (r.end - r.at < 4)
            return false;
        r.at += 4;
        break;
    default:
        return false;
    }
    *w = r;
    return true;
}

#endif
