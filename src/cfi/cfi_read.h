/* SPDX-License-Identifier: MIT */
/* Reading DWARF's numbers. */
#ifndef HEAPTAP_SRC_CFI_CFI_READ_H
#define HEAPTAP_SRC_CFI_CFI_READ_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "region/compiler.h"

/* A bounded reader: past the end it reads zeroes and stays `bad`. */
struct ht_in {
    const unsigned char *at, *end;
    bool bad;
};

static inline uint64_t ht_fixed(struct ht_in *in, unsigned n)
{
    uint64_t v = 0;
    if ((uint64_t)(in->end - in->at) < n) {
        in->bad = true;
        in->at = in->end;
        return 0;
    }
    memcpy(&v, in->at, n);
    in->at += n;
    return v;
}

static inline uint64_t ht_uleb(struct ht_in *in)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint64_t b = ht_fixed(in, 1);
        if (shift < 64)
            v |= (b & 0x7f) << shift;
        if (!(b & 0x80))
            return v;
    }
    in->bad = true;
    return 0;
}

static inline int64_t ht_sleb(struct ht_in *in)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 70;) {
        uint64_t b = ht_fixed(in, 1);
        if (shift < 64)
            v |= (b & 0x7f) << shift;
        shift += 7;
        if (!(b & 0x80)) {
            if ((b & 0x40) && shift < 64)
                v |= ~0ull << shift;
            return (int64_t)v;
        }
    }
    in->bad = true;
    return 0;
}

/* A DWARF expression: its length, then its operations. It was checked when its row was read. */
static inline struct ht_in ht_expression(uint64_t at)
{
    struct ht_in in = {(const unsigned char *)at, (const unsigned char *)at + 10, false};
    uint64_t n = ht_uleb(&in);
    return (struct ht_in){in.at, in.at + n, false};
}

#endif
