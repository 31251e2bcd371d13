/* SPDX-License-Identifier: MIT */
/* Compressed profiles: by gzip, by zstd, or by one after the other, as happens to what a server
 * compresses once more, or an archive. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/store.h"

/* Profiles shrink 3 to 30 times; deflate can do 1032. What grows more is no profile. The bound is
 * on all layers together. */
#define RATIO_LIMIT 200
#define SIZE_FLOOR  ((size_t)64 << 20)
#define SIZE_LIMIT  ((size_t)3 << 30)
#define LAYERS      4

static bool begins(const void *data, size_t size, const char *magic, size_t n)
{
    return size >= n && !memcmp(data, magic, n);
}

size_t ht_unpack_limit(size_t size)
{
    size_t limit = size > SIZE_LIMIT / RATIO_LIMIT ? SIZE_LIMIT : size * RATIO_LIMIT;
    return limit < SIZE_FLOOR ? SIZE_FLOOR : limit;
}

int ht_unpack(const void **data, size_t *size, void **plain, char *msg, size_t msg_size)
{
    size_t limit = ht_unpack_limit(*size);
    *plain = NULL;
    for (int layer = 0;; layer++) {
        bool gzip = begins(*data, *size, "\x1f\x8b", 2);
        bool zstd = begins(*data, *size, "\x28\xb5\x2f\xfd", 4);
        void *out = NULL;
        int err = 0;
        if (!gzip && !zstd)
            return 0;
        if (layer == LAYERS) {
            snprintf(msg, msg_size, "it is compressed more than %d times over", LAYERS);
            err = -EINVAL;
        } else {
            err = gzip ? ht_inflate(*data, *size, limit, &out, size, msg, msg_size)
                       : ht_zstd_unpack(*data, *size, limit, &out, size, msg, msg_size);
        }
        free(*plain);
        *plain = err ? NULL : out;
        if (err)
            return err;
        *data = out;
    }
}
