/* SPDX-License-Identifier: MIT */
/* Messages are packed one at a time into the workspace, and deflated from there. */
#include "config.h"

#include "region/stream_write.h"

#include <errno.h>

static void *fixed_alloc(void *opaque, unsigned items, unsigned size)
{
    struct ht_stream_workspace *w = opaque;
    size_t n = ((size_t)items * size + 15) & ~(size_t)15;
    if (n > sizeof w->deflate - w->deflate_used)
        return NULL;
    void *p = w->deflate + w->deflate_used;
    w->deflate_used += n;
    return p;
}

static void fixed_free(void *opaque, void *p)
{
    (void)opaque;
    (void)p;
}

/* in one place for the check of calls through pointers */
static __attribute__((noinline)) void squeeze(struct stream *s, int flush)
{
    int r;
    do {
        s->z.next_out = s->w->output;
        s->z.avail_out = sizeof s->w->output;
        r = deflate(&s->z, flush);
        size_t n = sizeof s->w->output - s->z.avail_out;
        if (n && !s->error)
            s->error = s->sink(s->sink_ctx, s->w->output, n);
        if (r == Z_STREAM_ERROR)
            s->error = -EIO;
    } while (!s->error && (s->z.avail_out == 0 || (flush == Z_FINISH && r != Z_STREAM_END)));
}

void ht_stream_put(struct stream *s, const PB(Profile) * part)
{
    if (s->error)
        return;
    size_t n = protobuf_c_message_get_packed_size(&part->base);
    if (n > sizeof s->w->message) {
        s->error = -EMSGSIZE;
        return;
    }
    protobuf_c_message_pack(&part->base, s->w->message);
    if (!s->o->gzip) {
        s->error = s->sink(s->sink_ctx, s->w->message, n);
        return;
    }
    s->z.next_in = s->w->message;
    s->z.avail_in = (unsigned)n;
    squeeze(s, Z_NO_FLUSH);
}

int64_t ht_stream_string(struct stream *s, char *text)
{
    PB(Profile) part = HEAPTAP__PPROF__PROFILE__INIT;
    char *one[1] = {text};
    part.n_string_table = 1;
    part.string_table = one;
    ht_stream_put(s, &part);
    return s->n_strings++;
}

int ht_stream_gzip(struct stream *s)
{
    s->w->deflate_used = 0;
    s->z.zalloc = fixed_alloc;
    s->z.zfree = fixed_free;
    s->z.opaque = s->w;
    /* Window 2^13 and memory level 7 take 96 KiB; +16 asks for a gzip head and CRC. */
    return deflateInit2(&s->z, s->o->level ? s->o->level : 6, Z_DEFLATED, 13 + 16, 7,
                        Z_DEFAULT_STRATEGY) == Z_OK
               ? 0
               : -ENOMEM;
}

void ht_stream_finish(struct stream *s)
{
    if (s->o->gzip && !s->error)
        squeeze(s, Z_FINISH);
}
