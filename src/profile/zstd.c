/* SPDX-License-Identifier: MIT */
/* Unpacks zstd's frames, with the caller's bound on what a small file may become. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "profile/store.h"

#ifdef HT_HAVE_ZSTD

#include <zstd.h>

/* Room for the stream to write to: doubled up to limit. False with *err and msg. */
static bool make_room(ZSTD_outBuffer *o, size_t limit, int *err, char *msg, size_t msg_size)
{
    if (o->size >= limit) {
        snprintf(msg, msg_size, "the zstd data grows past %zuMB: not a profile", limit >> 20);
        *err = -E2BIG;
        return false;
    }
    size_t size = o->size ? o->size : (size_t)128 << 10;
    size = size > limit / 2 ? limit : size * 2;
    void *more = realloc(o->dst, size);
    if (!more) {
        snprintf(msg, msg_size, "out of memory");
        *err = -ENOMEM;
        return false;
    }
    o->dst = more;
    o->size = size;
    return true;
}

int ht_zstd_unpack(const void *data, size_t size, size_t limit, void **out, size_t *out_size,
                   char *msg, size_t msg_size)
{
    ZSTD_DCtx *z = ZSTD_createDCtx();
    ZSTD_inBuffer in = {data, size, 0};
    ZSTD_outBuffer o = {0};
    size_t more = 1; /* of the frame at hand is to come */
    int err = z ? 0 : -ENOMEM;
    if (err)
        snprintf(msg, msg_size, "out of memory");
    while (!err && (in.pos < in.size || more)) {
        if (o.pos == o.size && !make_room(&o, limit, &err, msg, msg_size))
            break;
        more = ZSTD_decompressStream(z, &o, &in);
        if (ZSTD_isError(more)) {
            snprintf(msg, msg_size, "broken zstd data (%s) at byte %zu of the compressed data",
                     ZSTD_getErrorName(more), in.pos);
            err = -EINVAL;
        } else if (more && in.pos == in.size && o.pos < o.size) {
            snprintf(msg, msg_size, "truncated zstd data: it ends at byte %zu", in.pos);
            err = -EINVAL;
        }
    }
    ZSTD_freeDCtx(z);
    if (err) {
        free(o.dst);
        return err;
    }
    *out = o.dst;
    *out_size = o.pos;
    return 0;
}

#else

int ht_zstd_unpack(const void *data, size_t size, size_t limit, void **out, size_t *out_size,
                   char *msg, size_t msg_size)
{
    snprintf(msg, msg_size,
             "it is compressed by zstd, and this heaptap was built without libzstd "
             "(unzstd unpacks it)");
    return -ENOTSUP;
}

#endif
