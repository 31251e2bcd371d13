/* SPDX-License-Identifier: MIT */
/* Gunzips a whole buffer, with a bound on what a small file may become. */
#include "config.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "profile/store.h"

static int refuse(char *msg, size_t msg_size, int err, const char *what, size_t at)
{
    snprintf(msg, msg_size, "%s at byte %zu of the compressed data", what, at);
    return err;
}

int ht_inflate(const void *data, size_t size, size_t limit, void **out, size_t *out_size, char *msg,
               size_t msg_size)
{
    z_stream z = {0};
    if (inflateInit2(&z, 15 + 16) != Z_OK)
        return refuse(msg, msg_size, -ENOMEM, "out of memory", 0);

    size_t cap = size < (64 << 10) ? (size_t)256 << 10 : size * 5, used = 0, in = 0;
    if (cap > limit)
        cap = limit;
    unsigned char *buf = malloc(cap);
    int rc = 0;
    if (!buf)
        rc = refuse(msg, msg_size, -ENOMEM, "out of memory", 0);
    while (!rc) {
        if (used == cap) {
            if (cap >= limit) {
                snprintf(msg, msg_size, "the gzip data grows past %zu MiB: not a profile",
                         limit >> 20);
                rc = -E2BIG;
                break;
            }
            cap = cap > limit / 2 ? limit : cap * 2;
            unsigned char *more = realloc(buf, cap);
            if (!more) {
                rc = refuse(msg, msg_size, -ENOMEM, "out of memory", in);
                break;
            }
            buf = more;
        }
        size_t take = size - in, room = cap - used;
        z.next_in = (unsigned char *)(uintptr_t)data + in;
        z.avail_in = take > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uInt)take;
        z.next_out = buf + used;
        z.avail_out = room > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uInt)room;
        uInt in0 = z.avail_in, out0 = z.avail_out;
        int r = inflate(&z, Z_NO_FLUSH);
        in += in0 - z.avail_in;
        used += out0 - z.avail_out;
        if (r == Z_STREAM_END) {
            if (in == size)
                break;
            if (inflateReset(&z) != Z_OK)
                rc = refuse(msg, msg_size, -EINVAL, "broken gzip data", in);
        } else if (r == Z_MEM_ERROR) {
            rc = refuse(msg, msg_size, -ENOMEM, "out of memory", in);
        } else if (r != Z_OK && r != Z_BUF_ERROR) {
            char what[128];
            snprintf(what, sizeof(what), "broken gzip data (%s)", z.msg ? z.msg : "damaged");
            rc = refuse(msg, msg_size, -EINVAL, what, in);
        } else if (in == size && z.avail_out) {
            rc = refuse(msg, msg_size, -EINVAL, "truncated gzip data: it ends", in);
        }
    }
    inflateEnd(&z);
    if (rc) {
        free(buf);
        return rc;
    }
    *out = buf;
    *out_size = used;
    return 0;
}
