/* SPDX-License-Identifier: MIT */
/*
 * Feeds the decoder: gzip's data while it is unpacked, in a window that holds the largest field;
 * all other data as a whole. A file may be fed twice: its samples the second time.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "profile/decode.h"
#include "profile/twice.h"

#define WINDOW ((size_t)1 << 18)

static struct ht_profile *finish(struct ht_decoder *d, bool ok, int *err)
{
    struct ht_profile *p = d->p;
    if (ok && !ht_decode_resolve(d))
        ok = false;
    ht_decode_finish(d);
    if (ok)
        return p;
    ht_profile_destroy(p);
    *err = d->err;
    return NULL;
}

static struct ht_profile *decode_proto(const void *data, size_t size, int *err, char *msg,
                                       size_t msg_size)
{
    struct ht_decoder d = {
        .p = ht_profile_create(), .base = data, .msg = msg, .msg_size = msg_size};
    struct ht_wire all = {d.base, d.base + size};
    bool ok = d.p ? ht_decode_fields(&d, &all, true) : ht_decode_no_memory(&d);
    return finish(&d, ok, err);
}

static bool is_packed(const void *data, size_t size)
{
    return size >= 4 && (!memcmp(data, "\x1f\x8b", 2) || !memcmp(data, "\x28\xb5\x2f\xfd", 4));
}

struct window {
    struct ht_gunzip *from;
    unsigned char *data;
    size_t cap, n; /* n: bytes that are there */
};

/* Makes room and fills it. False: an error, which the decoder has. */
static bool more(struct window *w, struct ht_decoder *d, size_t limit)
{
    char why[256];
    size_t got;
    if (w->n == w->cap) {
        unsigned char *bigger = realloc(w->data, w->cap * 2);
        if (!bigger)
            return ht_decode_no_memory(d);
        w->data = bigger;
        w->cap *= 2;
    }
    int err = ht_gunzip_more(w->from, w->data + w->n, w->cap - w->n, &got, why, sizeof(why));
    if (err)
        return ht_decode_fail(d, err, "%s", why);
    w->n += got;
    if (d->before + w->n > limit)
        return ht_decode_fail(d, -E2BIG, "the gzip data grows past %zuMB: not a profile",
                              limit >> 20);
    return true;
}

typedef bool (*fields_fn)(struct ht_decoder *d, struct ht_wire *bytes, bool last);

/* Feeds gzip's data to the decoder, from its first byte, if it is a proto that is packed once; else
 * *other is set. Finishes `from`. */
static bool feed(struct ht_decoder *d, fields_fn fields, struct ht_gunzip *from, bool begun,
                 size_t size, bool *other)
{
    struct window w = {.from = from, .data = malloc(WINDOW), .cap = WINDOW};
    size_t limit = ht_unpack_limit(size);
    d->before = 0;
    bool ok = begun && w.data && d->p ? more(&w, d, limit) : ht_decode_no_memory(d);
    *other = ok && (!w.n || is_packed(w.data, w.n) || ht_legacy_is((char *)w.data, w.n) ||
                    ht_foreign_kind(w.data, w.n) || ht_is_text(w.data, w.n));
    while (ok && !*other) {
        bool last = w.from->end;
        struct ht_wire bytes = {w.data, w.data + w.n};
        d->base = w.data;
        ok = fields(d, &bytes, last);
        if (last || !ok)
            break;
        size_t taken = (size_t)(bytes.at - w.data);
        w.n -= taken;
        memmove(w.data, bytes.at, w.n);
        d->before += taken;
        ok = more(&w, d, limit);
    }
    ht_gunzip_finish(from);
    free(w.data);
    return ok && !*other;
}

static struct ht_profile *decode_as_it_comes(struct ht_gunzip *from, bool begun, size_t size,
                                             bool *other, int *err, char *msg, size_t msg_size)
{
    struct ht_decoder d = {.p = ht_profile_create(), .msg = msg, .msg_size = msg_size};
    bool ok = feed(&d, ht_decode_fields, from, begun, size, other);
    return finish(&d, ok, err);
}

/* True for a regular file that begins as gzip's; *size is its size. */
static bool is_gzip(int fd, size_t *size)
{
    struct stat st;
    unsigned char magic[2];
    if (fstat(fd, &st) || !S_ISREG(st.st_mode) || pread(fd, magic, 2, 0) != 2)
        return false;
    *size = (size_t)st.st_size;
    return !memcmp(magic, "\x1f\x8b", 2);
}

struct ht_profile *ht_profile_decode_file(int fd, bool *other, int *err, char *msg, size_t msg_size)
{
    struct ht_gunzip g;
    size_t size;
    *other = !is_gzip(fd, &size);
    if (*other)
        return NULL;
    bool begun = !ht_gunzip_begin_file(&g, fd, msg, msg_size);
    struct ht_profile *p = decode_as_it_comes(&g, begun, size, other, err, msg, msg_size);
    if (*other && lseek(fd, 0, SEEK_SET) < 0)
        *other = false, *err = -errno;
    return p;
}

int ht_twice_open(struct ht_twice *t, int fd, bool *other, char *msg, size_t msg_size)
{
    struct ht_gunzip g;
    *t = (struct ht_twice){.fd = fd};
    *other = !is_gzip(fd, &t->size);
    if (*other)
        return 0;
    t->d = (struct ht_decoder){
        .p = ht_profile_create(), .tables_only = true, .msg = msg, .msg_size = msg_size};
    bool begun = !ht_gunzip_begin_file(&g, fd, msg, msg_size);
    bool ok = feed(&t->d, ht_decode_fields, &g, begun, t->size, other);
    if (lseek(fd, 0, SEEK_SET) < 0) {
        snprintf(msg, msg_size, "%s", strerror(errno));
        return -EIO;
    }
    return *other || (ok && ht_decode_resolve(&t->d)) ? 0 : t->d.err;
}

int ht_twice_samples(struct ht_twice *t, int (*take)(void *ctx, const struct ht_sample *s),
                     void *ctx)
{
    struct ht_gunzip g;
    bool other;
    t->d.take = take;
    t->d.ctx = ctx;
    bool begun = !ht_gunzip_begin_file(&g, t->fd, t->d.msg, t->d.msg_size);
    if (feed(&t->d, ht_decode_samples, &g, begun, t->size, &other))
        return 0;
    if (!other)
        return t->d.err;
    snprintf(t->d.msg, t->d.msg_size, "it changed while it was read");
    return -EINVAL;
}

void ht_twice_close(struct ht_twice *t)
{
    ht_profile_destroy(t->d.p);
    t->d.p = NULL;
    ht_decode_finish(&t->d);
}

struct ht_profile *ht_profile_decode(const void *data, size_t size, int *err, char *msg,
                                     size_t msg_size)
{
    void *plain;
    const char *kind;
    *err = 0;
    if (size >= 2 && !memcmp(data, "\x1f\x8b", 2)) {
        bool other;
        struct ht_gunzip g;
        bool begun = !ht_gunzip_begin(&g, data, size, msg, msg_size);
        struct ht_profile *p = decode_as_it_comes(&g, begun, size, &other, err, msg, msg_size);
        if (!other)
            return p;
    }
    if ((*err = ht_unpack(&data, &size, &plain, msg, msg_size)))
        return NULL;
    struct ht_profile *p = NULL;
    if (!size) {
        *err = -EINVAL;
        snprintf(msg, msg_size, "it is empty");
    } else if (ht_legacy_is(data, size)) {
        p = ht_legacy_decode(data, size, err, msg, msg_size);
    } else if ((kind = ht_foreign_kind(data, size))) {
        *err = -EINVAL;
        snprintf(msg, msg_size, "it is %s", kind);
    } else if (ht_is_text(data, size)) {
        *err = -EINVAL;
        snprintf(msg, msg_size, "it is text, but not a heap profile's");
    } else {
        p = decode_proto(data, size, err, msg, msg_size);
    }
    free(plain);
    return p;
}
