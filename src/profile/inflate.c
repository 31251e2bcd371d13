/* SPDX-License-Identifier: MIT */
/* Unpacks a gzip file, with a bound on the size that a small file may unpack to. */
#include "config.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "profile/store.h"

#define BUFFER ((size_t)64 << 10)

static int refuse(char *msg, size_t msg_size, int err, const char *what, size_t at)
{
    snprintf(msg, msg_size, "%s at byte %zu of the compressed data", what, at);
    return err;
}

int ht_gunzip_begin(struct ht_gunzip *g, const void *data, size_t size, char *msg, size_t msg_size)
{
    *g = (struct ht_gunzip){.data = data, .size = size, .fd = -1};
    return inflateInit2(&g->z, 15 + 16) == Z_OK
               ? 0
               : refuse(msg, msg_size, -ENOMEM, "out of memory", 0);
}

int ht_gunzip_begin_file(struct ht_gunzip *g, int fd, char *msg, size_t msg_size)
{
    int err = ht_gunzip_begin(g, NULL, 0, msg, msg_size);
    g->fd = fd;
    if (!err && !(g->buffer = malloc(BUFFER)))
        err = refuse(msg, msg_size, -ENOMEM, "out of memory", 0);
    return err;
}

/* Reads more of the file when everything was taken. 0, or -errno with msg. */
static int refill(struct ht_gunzip *g, char *msg, size_t msg_size)
{
    ssize_t n;
    if (g->fd < 0 || g->in < g->size)
        return 0;
    while ((n = read(g->fd, g->buffer, BUFFER)) < 0 && errno == EINTR)
        ;
    if (n < 0) {
        int err = -errno;
        snprintf(msg, msg_size, "%s", strerror(-err));
        return err;
    }
    g->before += g->size;
    g->data = g->buffer;
    g->size = (size_t)n;
    g->in = 0;
    return 0;
}

void ht_gunzip_finish(struct ht_gunzip *g)
{
    inflateEnd(&g->z);
    free(g->buffer);
}

int ht_gunzip_more(struct ht_gunzip *g, unsigned char *to, size_t room, size_t *got, char *msg,
                   size_t msg_size)
{
    z_stream *z = &g->z;
    *got = 0;
    while (*got < room && !g->end) {
        int err = refill(g, msg, msg_size);
        if (err)
            return err;
        size_t take = g->size - g->in, left = room - *got;
        z->next_in = (unsigned char *)(uintptr_t)g->data + g->in;
        z->avail_in = take > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uInt)take;
        z->next_out = to + *got;
        z->avail_out = left > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uInt)left;
        uInt in0 = z->avail_in, out0 = z->avail_out;
        int r = inflate(z, Z_NO_FLUSH);
        g->in += in0 - z->avail_in;
        *got += out0 - z->avail_out;
        if (r == Z_STREAM_END) {
            if ((err = refill(g, msg, msg_size)))
                return err;
            g->end = g->in == g->size;
            if (!g->end && inflateReset(z) != Z_OK)
                return refuse(msg, msg_size, -EINVAL, "broken gzip data", g->before + g->in);
        } else if (r == Z_MEM_ERROR) {
            return refuse(msg, msg_size, -ENOMEM, "out of memory", g->before + g->in);
        } else if (r != Z_OK && r != Z_BUF_ERROR) {
            char what[128];
            snprintf(what, sizeof(what), "broken gzip data (%s)", z->msg ? z->msg : "damaged");
            return refuse(msg, msg_size, -EINVAL, what, g->before + g->in);
        } else if (!take && z->avail_out) {
            return refuse(msg, msg_size, -EINVAL, "truncated gzip data: it ends",
                          g->before + g->in);
        }
    }
    return 0;
}

int ht_inflate(const void *data, size_t size, size_t limit, void **out, size_t *out_size, char *msg,
               size_t msg_size)
{
    struct ht_gunzip g;
    size_t cap = size < (64 << 10) ? (size_t)256 << 10 : size * 5, used = 0, got;
    if (cap > limit)
        cap = limit;
    unsigned char *buf = malloc(cap);
    if (!buf)
        return refuse(msg, msg_size, -ENOMEM, "out of memory", 0);
    int err = ht_gunzip_begin(&g, data, size, msg, msg_size);
    bool begun = !err;
    while (!err && !g.end) {
        if (used == cap) {
            if (cap >= limit) {
                snprintf(msg, msg_size, "the gzip data grows past %zuMB: not a profile",
                         limit >> 20);
                err = -E2BIG;
                break;
            }
            cap = cap > limit / 2 ? limit : cap * 2;
            unsigned char *more = realloc(buf, cap);
            if (!more) {
                err = refuse(msg, msg_size, -ENOMEM, "out of memory", g.in);
                break;
            }
            buf = more;
        }
        err = ht_gunzip_more(&g, buf + used, cap - used, &got, msg, msg_size);
        used += got;
    }
    if (begun)
        ht_gunzip_finish(&g);
    if (err) {
        free(buf);
        return err;
    }
    *out = buf;
    *out_size = used;
    return 0;
}
