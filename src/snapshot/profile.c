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

#include "profile/profile.h"
#include "region/stream.h"
#include "snapshot/age.h"
#include "snapshot/region.h"
#include "snapshot/window.h"
#include "util/buffer.h"

/* Streams the region into a buffer. Samples written or -errno. */
static int64_t stream(const struct ht_region *r, const struct ht_region_ages *ages, int level,
                      struct ht_buffer *b)
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
    if (ages && (ages->min_ns || ages->max_ns || ages->label)) {
        filter = ht_age_filter_create(r, ages);
        o.part = ht_age_filter_part;
        o.ctx = filter;
        o.without_dead = ages->min_ns || ages->max_ns;
    }
    struct ht_view view = r->view;
    for (int tries = 0; w && (filter || !o.part); tries++) {
        n = ht_stream_profile(&view, &o, w, ht_buffer_append, b);
        /* Records that were read late may have been used again, for something else. */
        if (n < 0 || tries == HT_FOLD_TRIES || !ht_region_window_folded(r->window, &view))
            break;
        free(b->data);
        *b = (struct ht_buffer){0};
    }
    ht_age_filter_destroy(filter);
    free(w);
    return n;
}

struct ht_profile *ht_region_profile(const struct ht_region *r, const struct ht_region_ages *ages,
                                     int *err, char *msg, size_t msg_size)
{
    struct ht_profile *p = NULL;
    struct ht_buffer b = {0};
    int64_t n = stream(r, ages, 0, &b);
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
    int64_t n = stream(r, ages, 1, &b);
    if (n < 0) {
        free(b.data);
        return n;
    }
    *data = b.data;
    *size = b.size;
    return n;
}
