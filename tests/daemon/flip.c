/* SPDX-License-Identifier: MIT */
/*
 * Flips bytes in a copy of a region and reads it, many times, under the address and undefined
 * behaviour sanitizers: flip REGION SCRATCH [ROUNDS [SEED]]. A damaged region may be refused, in one
 * line; of one that is opened a profile comes out, which the decoder takes and which keeps pprof's
 * rules. No crash, no hang, little memory.
 */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "profile/profile.h"
#include "region/weight.h"
#include "snapshot/region.h"

static unsigned char *image;
static size_t size;

static int load(const char *path)
{
    int fd = open(path, O_RDONLY);
    struct ht_region_header h;
    if (fd < 0 || read(fd, &h, sizeof h) != (ssize_t)sizeof h)
        return -1;
    size = HT_HEADER_SIZE + (size_t)atomic_load(&h.n_chunks) * HT_CHUNK_SIZE;
    image = malloc(size);
    ssize_t n = image ? pread(fd, image, size, 0) : -1;
    close(fd);
    return n == (ssize_t)size ? 0 : -1;
}

/* A chunk's head: its magic, its kind, or how much of it is present. */
static void damage_head(unsigned char *copy, uint64_t chunks, uint64_t *random)
{
    const uint64_t chunk = HT_HEADER_SIZE + ht_random(random) % chunks * HT_CHUNK_SIZE;
    const uint32_t values[] = {0, 1, 200, 4096, HT_CHUNK_SIZE - 8, HT_CHUNK_MAGIC, UINT32_MAX};
    memcpy(copy + chunk + ht_random(random) % 3 * 4,
           &values[ht_random(random) % (sizeof values / sizeof *values)], sizeof *values);
}

/* Stacks that are said to be cut, or folded, and have fewer frames, or none. */
static void damage_stacks(unsigned char *copy, uint64_t *random)
{
    struct ht_view v;
    struct ht_cursor c = {.kind = HT_KIND_STACK};
    const struct ht_stack *found;
    if (ht_view_init(&v, copy, size, NULL, 0))
        return;
    while ((found = ht_view_next(&v, &c))) {
        struct ht_stack *s = (struct ht_stack *)(copy + (uint64_t)c.ref * 8);
        s->flags = ht_random(random) % 8;
        s->n_frames = s->n_frames ? ht_random(random) % s->n_frames : 0;
    }
}

/* One in eight rounds leaves the header a right checksum, so that what it says is believed. */
static void damage(unsigned char *copy, uint64_t *random)
{
    memcpy(copy, image, size);
    uint64_t kind = ht_random(random) % 8, flips = kind == 3 ? 0 : 1 + ht_random(random) % 64;
    size_t from = kind < 6 ? HT_HEADER_SIZE : 0, to = kind < 6 ? size : HT_HEADER_SIZE;
    const uint64_t chunks = (size - HT_HEADER_SIZE) / HT_CHUNK_SIZE;
    if (kind == 3)
        damage_stacks(copy, random);
    for (uint64_t i = 0; i < flips; i++) {
        size_t at = from + ht_random(random) % (to - from);
        uint64_t value = ht_random(random);
        if (kind == 4) {
            damage_head(copy, chunks, random);
        } else if (kind == 5 &&
                   at + 4 <=
                       size) { /* in place of what is no zero, a reference to a chunk's head */
            uint32_t was = 0;
            for (unsigned tries = 0; !was && tries < 100; tries++) {
                at = from + ht_random(random) % (to - from) / 4 * 4;
                memcpy(&was, copy + at, sizeof was);
            }
            uint64_t chunk = HT_HEADER_SIZE + (value >> 8) % chunks * HT_CHUNK_SIZE;
            uint32_t reference = (uint32_t)(chunk / 8 + value % 16);
            memcpy(copy + at, &reference, sizeof reference);
        } else if (value % 3 == 0 && at + 8 <= size) /* a whole wild word */
            memset(copy + (at & ~(size_t)7), value % 2 ? 0xff : (int)(value >> 8), 8);
        else
            copy[at] ^= (unsigned char)(1u << (value % 8));
    }
    if (kind == 7) {
        struct ht_region_header *h = (struct ht_region_header *)copy;
        h->magic = HT_REGION_MAGIC;
        h->version = HT_LAYOUT_VERSION;
        h->header_size = HT_HEADER_SIZE;
        h->chunk_size = HT_CHUNK_SIZE;
        h->checksum = ht_fnv1a(h, offsetof(struct ht_region_header, checksum));
    }
}

static int store(const char *path, const unsigned char *data, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ssize_t r = fd < 0 ? -1 : write(fd, data, n);
    if (fd >= 0)
        close(fd);
    return r == (ssize_t)n ? 0 : -1;
}

int main(int argc, char **argv)
{
    long rounds = argc > 3 ? atol(argv[3]) : 2000, opened = 0, decoded = 0;
    uint64_t random = argc > 4 ? strtoull(argv[4], NULL, 10) : 1;
    unsigned char *copy;
    if (argc < 3 || load(argv[1]) || !(copy = malloc(size))) {
        fprintf(stderr, "flip: no region in %s\n", argc > 1 ? argv[1] : "?");
        return 1;
    }
    for (long i = 0; i < rounds; i++) {
        struct ht_region r;
        char msg[300] = "";
        int err;
        damage(copy, &random);
        size_t n = i % 5 ? size : ht_random(&random) % size; /* some cut short, too */
        if (store(argv[2], copy, n))
            return 1;
        /* all at once, or by and by */
        if (i / 2 % 2 ? ht_region_open_path(&r, argv[2], msg, sizeof msg)
                      : ht_region_open_to_read(&r, argv[2], msg, sizeof msg)) {
            if (!*msg || strchr(msg, '\n')) {
                fprintf(stderr, "flip: round %ld: not one line: \"%s\"\n", i, msg);
                return 1;
            }
            continue;
        }
        opened++;
        struct ht_region_ages ages = {.label = i % 3 == 0, .min_ns = i % 2};
        struct ht_profile *p = ht_region_profile(&r, &ages, &err, msg, sizeof msg);
        if (!p || ht_profile_check(p, msg, sizeof msg)) {
            fprintf(stderr, "flip: round %ld: %s\n", i, msg);
            return 1;
        }
        decoded++;
        ht_profile_destroy(p);
        ht_region_close(&r);
    }
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    printf("%ld rounds, %ld opened, %ld profiles, %ld MB at most\n", rounds, opened, decoded,
           u.ru_maxrss / 1024);
    free(copy);
    free(image);
    return !opened || !decoded || u.ru_maxrss > 1024 * 1024;
}
