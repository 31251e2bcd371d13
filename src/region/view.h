/* SPDX-License-Identifier: MIT */
/*
 * Reading a region: bounds-checked, without allocation, safe on hostile bytes, usable inside the
 * target (from a signal handler) and outside on a copy.
 */
#ifndef HEAPTAP_SRC_REGION_VIEW_H
#define HEAPTAP_SRC_REGION_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "region/layout.h"

/*
 * Where chunks are read when they are needed, and not all at once: the bytes at base are good after
 * fetch, and until some 512 other chunks were fetched. A view without one has all its bytes.
 */
struct ht_view_source {
    uint32_t n_chunks; /* instead of the view's; refresh may raise it */
    int (*fetch)(struct ht_view_source *s, uint32_t chunk); /* 0: it cannot be read */
    uint32_t (*kind)(struct ht_view_source *s, uint32_t chunk);
    void (*refresh)(struct ht_view_source *s); /* what was fetched before is out of date */
};

/* The library's own views have none: no call through a pointer is compiled into it. */
#ifdef HT_VIEW_WHOLE
#define HT_VIEW_SOURCE(v) ((struct ht_view_source *)NULL)
#else
#define HT_VIEW_SOURCE(v) ((v)->source)
#endif

struct ht_view {
    const unsigned char *base;
    uint64_t size; /* bytes that may be read */
    const struct ht_region_header *header;
    uint32_t n_chunks;     /* whole chunks within size */
    uint32_t fold_version; /* sites that this version took in are left out: see struct ht_folded */
    bool incomplete;       /* of the chunks some were in private memory, which is gone */
    struct ht_view_source *source; /* NULL: all is there */
};

/* Checks magic, version, checksum and sizes. 0, or -EINVAL with one line in msg (may be NULL). */
int ht_view_init(struct ht_view *v, const void *base, uint64_t size, char *msg, size_t msg_size);

/* The bytes a reference points to, or NULL when they do not lie wholly inside one chunk. */
const void *ht_view_at(const struct ht_view *v, ht_ref ref, uint64_t n);

/* A committed record of a kind at a reference, or NULL. */
const void *ht_view_record(const struct ht_view *v, ht_ref ref, uint32_t kind);

/* Walks the committed records of one kind, in the order they were made as far as chunks go. */
struct ht_cursor {
    uint32_t kind, chunk, index;
    ht_ref ref; /* of the record last returned */
};
const void *ht_view_next(const struct ht_view *v, struct ht_cursor *c);

/* The frames of a stack, leaf first: refs, n of them; NULL when damaged. */
const ht_ref *ht_view_frames(const struct ht_view *v, const struct ht_stack *s, uint32_t *n);

/* A module's path; never NULL; *n gets its length. */
const char *ht_view_path(const struct ht_view *v, const struct ht_module *m, uint32_t *n);

/* A copy of a live record that nobody was changing meanwhile; 0 when there is none. */
bool ht_view_live(const struct ht_live *record, struct ht_live *copy);

/* Values of a site, rounded here and nowhere before. */
struct ht_values {
    int64_t alloc_objects, alloc_bytes, inuse_objects, inuse_bytes;
};
void ht_site_values(const struct ht_view *v, const struct ht_site *s, struct ht_values *out);

/* Samples taken at a site (in exact mode: objects). */
uint64_t ht_site_samples(const struct ht_view *v, const struct ht_site *s);

/* Whether more is in use than at the last peak. A new peak begins only when the last one is
 * exceeded by 0.2 %. */
bool ht_view_at_peak(const struct ht_view *v);

/* What a site held at the peak of an epoch; now: its values. */
void ht_site_peak(const struct ht_view *v, const struct ht_site *s, uint32_t epoch,
                  const struct ht_values *now, int64_t *objects, int64_t *bytes);

/* The sums of folded sites, by the doubling of the size; nothing of them lives. False: there are
 * none in this class, of HT_FOLDED_CLASSES. */
struct ht_folded_values {
    struct ht_values values;
    uint64_t samples;
};
bool ht_view_folded(const struct ht_view *v, uint32_t size_class, struct ht_folded_values *out);

/* Whether a copy that was begun with a fold version is whole: the version is this now. Records are
 * used again only when it has risen by two. */
static inline bool ht_fold_version_holds(uint32_t then, uint32_t now)
{
    return now - then <= 1;
}

/* Of the whole region, from its header alone. */
struct ht_region_totals {
    struct ht_values values;
    uint64_t samples, live_samples;
};
void ht_region_totals(const struct ht_view *v, struct ht_region_totals *out);
uint64_t ht_region_samples(const struct ht_view *v);

#endif
