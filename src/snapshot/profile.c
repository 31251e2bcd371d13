/* SPDX-License-Identifier: MIT */
/*
 * Streams a region's profile into memory and decodes it: one writer of profiles serves the library
 * and the readers.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "profile/apart.h"
#include "profile/profile.h"
#include "region/stream.h"
#include "snapshot/age.h"
#include "snapshot/region.h"
#include "snapshot/window.h"
#include "util/buffer.h"

/* Where the bytes of a stream go. again: those so far are void. */
struct taker {
    ht_sink_fn take;
    bool (*again)(struct taker *t);
    void *to;
};

static bool empty_buffer(struct taker *t)
{
    struct ht_buffer *b = t->to;
    free(b->data);
    *b = (struct ht_buffer){0};
    return true;
}

static bool begin_apart(struct taker *t)
{
    ht_apart_destroy(t->to);
    t->to = ht_apart_create();
    return t->to != NULL;
}

/* Streams the region. Samples written or -errno. */
static int64_t stream(const struct ht_region *r, const struct ht_region_ages *ages, int level,
                      struct taker *t)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct ht_stream_options o = {
        .time_nanos = (int64_t)now.tv_sec * 1000000000 + (int64_t)now.tv_nsec,
        .gzip = level > 0,
        .level = level,
    };
    struct ht_stream_workspace *w = malloc(sizeof *w);
    struct ht_age_filter *filter = NULL;
    int64_t n = -ENOMEM;
    bool by_age = ages && (ages->min_ns || ages->max_ns || ages->label);
    struct ht_view view = r->view;
    for (int tries = 0; w; tries++) {
        if (by_age) {
            ht_age_filter_destroy(filter);
            o.ctx = filter = ht_age_filter_create(r, &view, ages);
            o.part = ht_age_filter_part;
            o.without_dead = ages->min_ns || ages->max_ns;
            if (!filter)
                break;
        }
        n = t->again(t) ? ht_stream_profile(&view, &o, w, t->take, t->to) : -ENOMEM;
        /* Records that were read late may have been used again, for something else. */
        if (n < 0 || tries == HT_FOLD_TRIES || !ht_region_window_folded(r->window, &view))
            break;
    }
    ht_age_filter_destroy(filter);
    free(w);
    return n;
}

static int64_t stream_to_buffer(const struct ht_region *r, const struct ht_region_ages *ages,
                                int level, struct ht_buffer *b)
{
    struct taker t = {ht_buffer_append, empty_buffer, b};
    return stream(r, ages, level, &t);
}

struct ht_profile *ht_region_profile(const struct ht_region *r, const struct ht_region_ages *ages,
                                     int *err, char *msg, size_t msg_size)
{
    struct ht_profile *p = NULL;
    struct ht_buffer b = {0};
    int64_t n = stream_to_buffer(r, ages, 0, &b);
    if (n < 0) {
        *err = (int)n;
        snprintf(msg, msg_size, "%s", strerror(-*err));
    } else {
        p = ht_profile_decode(b.data, b.size, err, msg, msg_size);
    }
    free(b.data);
    return p;
}

int64_t ht_region_raw(const struct ht_region *r, const struct ht_region_ages *ages, void **data,
                      size_t *size)
{
    struct ht_buffer b = {0};
    /* Fast rather than small: a profile with names is compressed again. */
    int64_t n = stream_to_buffer(r, ages, 1, &b);
    if (n < 0) {
        free(b.data);
        return n;
    }
    *data = b.data;
    *size = b.size;
    return n;
}

struct ht_apart *ht_region_apart(const struct ht_region *r, const struct ht_region_ages *ages,
                                 int64_t *n)
{
    struct taker t = {ht_apart_take, begin_apart, NULL};
    *n = stream(r, ages, 0, &t);
    if (*n >= 0)
        return t.to;
    ht_apart_destroy(t.to);
    return NULL;
}
