/* SPDX-License-Identifier: MIT */
/* A stream whose bytes pass through zlib; three bytes of what that gives become four characters. */
#include "config.h"

#include "serve/packed.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

enum { LEVEL = 6, CHUNK = 3 * 4096 };

struct packed {
    FILE *out;
    z_stream z;
    unsigned char raw[CHUNK]; /* what is packed and not written yet: n_raw of it */
    size_t n_raw;
};

static bool put_raw(struct packed *p)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char text[CHUNK / 3 * 4];
    size_t n = 0;
    for (size_t i = 0; i < p->n_raw; i += 3) {
        size_t left = p->n_raw - i;
        unsigned v = (unsigned)p->raw[i] << 16 | (left > 1 ? (unsigned)p->raw[i + 1] << 8 : 0) |
                     (left > 2 ? p->raw[i + 2] : 0);
        text[n++] = digits[v >> 18];
        text[n++] = digits[v >> 12 & 63];
        text[n++] = left > 1 ? digits[v >> 6 & 63] : '=';
        text[n++] = left > 2 ? digits[v & 63] : '=';
    }
    p->n_raw = 0;
    return fwrite(text, 1, n, p->out) == n;
}

static bool pack(struct packed *p, const char *data, size_t size, int flush)
{
    int done;
    p->z.next_in = (unsigned char *)(uintptr_t)data;
    p->z.avail_in = (unsigned)size;
    do {
        p->z.next_out = p->raw + p->n_raw;
        p->z.avail_out = (unsigned)(CHUNK - p->n_raw);
        done = deflate(&p->z, flush);
        p->n_raw = CHUNK - p->z.avail_out;
        if (done == Z_STREAM_ERROR || (p->n_raw == CHUNK && !put_raw(p)))
            return false;
    } while (p->z.avail_in || (flush == Z_FINISH && done != Z_STREAM_END));
    return true;
}

static ssize_t write_packed(void *cookie, const char *data, size_t size)
{
    if (size > INT_MAX)
        size = INT_MAX;
    return pack(cookie, data, size, Z_NO_FLUSH) ? (ssize_t)size : 0;
}

static int close_packed(void *cookie)
{
    struct packed *p = cookie;
    bool ok = pack(p, "", 0, Z_FINISH) && put_raw(p);
    deflateEnd(&p->z);
    free(p);
    if (!ok && !errno)
        errno = EIO;
    return ok ? 0 : -1;
}

FILE *ht_packed_open(FILE *out)
{
    static const cookie_io_functions_t io = {.write = write_packed, .close = close_packed};
    struct packed *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->out = out;
    if (deflateInit2(&p->z, LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(p);
        errno = ENOMEM;
        return NULL;
    }
    FILE *f = fopencookie(p, "w", io);
    if (!f) {
        deflateEnd(&p->z);
        free(p);
    }
    return f;
}
