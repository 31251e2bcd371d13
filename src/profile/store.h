/* SPDX-License-Identifier: MIT */
/* What the codecs know of a profile's store (profile.c unless said otherwise). Private to
 * src/profile. */
#ifndef HEAPTAP_SRC_PROFILE_STORE_H
#define HEAPTAP_SRC_PROFILE_STORE_H

#include <zlib.h>

#include "profile/profile.h"

/* A profile that needs more is refused, so that no input, however packed, takes the machine. */
#define HT_PROFILE_MEMORY_LIMIT ((size_t)4 << 30)

/* Zeroed room for n 8-byte words. */
void *ht_profile_alloc_words(struct ht_profile *p, size_t n);

/* Appends a zeroed sample with nothing in it. */
struct ht_sample *ht_profile_push_sample(struct ht_profile *p);

/* Tells the store which ids are taken, so that added objects get others. 0: nothing to tell. */
void ht_profile_note_ids(struct ht_profile *p, uint64_t mapping, uint64_t location,
                         uint64_t function);

/* labels.c: string labels first, then numeric ones, each by key; equal keys keep their order. */
int ht_labels_sort(struct ht_label *labels, size_t n);

/* legacy.c: whether the bytes begin like a text heap profile, and the parser for them. */
bool ht_legacy_is(const char *data, size_t size);
struct ht_profile *ht_legacy_decode(const char *data, size_t size, int *err, char *msg,
                                    size_t msg_size);

/* feed.c: what a regular file holds, from its first byte, if it is a proto that is packed once by
 * gzip: else *other is set, and nothing said. */
struct ht_profile *ht_profile_decode_file(int fd, bool *other, int *err, char *msg,
                                          size_t msg_size);

/* inflate.c: gunzips (all members) into a malloc'ed buffer of at most limit bytes. 0 or -errno with
 * msg. */
int ht_inflate(const void *data, size_t size, size_t limit, void **out, size_t *out_size, char *msg,
               size_t msg_size);

/* gzip's members one after the other, from memory, which stays the caller's, or from a file. */
struct ht_gunzip {
    z_stream z;
    const unsigned char *data;
    size_t size, in, before; /* in: bytes taken of those at hand; before: bytes before these */
    int fd;                  /* -1: none */
    unsigned char *buffer;   /* of what was read from it */
    bool end;
};
int ht_gunzip_begin(struct ht_gunzip *g, const void *data, size_t size, char *msg, size_t msg_size);
int ht_gunzip_begin_file(struct ht_gunzip *g, int fd, char *msg, size_t msg_size);
/* Up to room bytes, *got of them; fewer than room only at the end, when g->end is set. 0 or -errno
 * with msg. */
int ht_gunzip_more(struct ht_gunzip *g, unsigned char *to, size_t room, size_t *got, char *msg,
                   size_t msg_size);
void ht_gunzip_finish(struct ht_gunzip *g);

/* zstd.c: the same for zstd's frames; -ENOTSUP where libzstd was not there at build time. */
int ht_zstd_unpack(const void *data, size_t size, size_t limit, void **out, size_t *out_size,
                   char *msg, size_t msg_size);

/* unpack.c: takes off the compressions that are known, as often as a file may have gone through
 * them. *plain is NULL when there was none, else to free. 0 or -errno with msg. */
int ht_unpack(const void **data, size_t *size, void **plain, char *msg, size_t msg_size);

/* How much a file of that size may become. */
size_t ht_unpack_limit(size_t size);

/* foreign.c: whether the bytes begin as text. A proto's first message has bytes that no text has
 * (0x08 is the tag of every first field). */
bool ht_is_text(const void *data, size_t size);

/* foreign.c: what a file is that heaptap does not read, for "it is ..."; NULL when not known. */
const char *ht_foreign_kind(const void *data, size_t size);

#endif
