/* SPDX-License-Identifier: MIT */
/*
 * A gzipped profile in a file, read twice: first all but its samples, then these one after the
 * other, so that no more than one of them is in memory. In feed.c. Private to src/profile.
 */
#ifndef HEAPTAP_SRC_PROFILE_TWICE_H
#define HEAPTAP_SRC_PROFILE_TWICE_H

#include "profile/decode.h"

struct ht_twice {
    struct ht_decoder d; /* d.p: the profile without samples */
    int fd;
    size_t size;
};

/* The first reading, of a file at its first byte; it stays the caller's, and is at its first byte
 * again. *other: it is no regular file with a proto that gzip packed once. 0, or -errno with a line
 * in msg, which later calls use, too. Then t is to be closed in any case. */
int ht_twice_open(struct ht_twice *t, int fd, bool *other, char *msg, size_t msg_size);

/* The second: each sample, which is good for the call, and refers to d.p. 0, -errno with a line in
 * msg, or what take returned. */
int ht_twice_samples(struct ht_twice *t, int (*take)(void *ctx, const struct ht_sample *s),
                     void *ctx);

void ht_twice_close(struct ht_twice *t);

#endif
