/* SPDX-License-Identifier: MIT */
/*
 * What is done to a profile between reading and reporting. The order google/pprof keeps, and any
 * report that is to agree with it must keep:
 *
 *   load each source, merge sources -> merge bases, subtract -> symbolise -> remove_uninteresting
 *   -> (label units) -> total of the report -> filter -> aggregate -> report
 *
 * Functions that take `struct ht_profile *p` change it in place; those that return a profile leave
 * their sources as they were, except for units and sample types, which merge and subtract make
 * equal first. Messages are one line without a newline.
 */
#ifndef HEAPTAP_SRC_PROFILE_OPS_H
#define HEAPTAP_SRC_PROFILE_OPS_H

#include "profile/profile.h"

/* merge.c: sources must share the period type; sample types not common to all are dropped. Samples
 * that come to zero are dropped and what no sample uses any more goes too. NULL with *err and msg.
 */
struct ht_profile *ht_profile_merge(struct ht_profile *const *srcs, size_t n, int *err, char *msg,
                                    size_t msg_size);

/*
 * The same one source after the other, in the memory of the sum: a source may be destroyed after it
 * was added. After an error only finish and destroy may be called. finish takes m; NULL with *err
 * and msg.
 */
struct ht_merge;
struct ht_merge *ht_merge_create(void); /* NULL: out of memory */
int ht_merge_add(struct ht_merge *m, struct ht_profile *src, char *msg, size_t msg_size);
struct ht_profile *ht_merge_finish(struct ht_merge *m, int *err, char *msg, size_t msg_size);

/* merge_file.c: each sample that is added from now on gets this string label, in place of one of
 * that key. 0 or -ENOMEM. */
int ht_merge_label(struct ht_merge *m, const char *key, const char *value);

/*
 * Adds a gzipped profile from a file without a model of it: the file is read twice, and its samples
 * go into the sum one by one. see may be NULL: it is called with each before that, and with the
 * profile without samples; what it returns, if not 0, ends it all. *rest, which may be NULL, gets
 * that profile: the caller's. *other: not such a file, or one with other types than the sum's:
 * nothing was added, the file is at its first byte. 0, or -errno with a line in msg.
 */
typedef int (*ht_merge_see_fn)(void *ctx, struct ht_profile *rest, const struct ht_sample *s);
int ht_merge_add_file(struct ht_merge *m, int fd, ht_merge_see_fn see, void *ctx,
                      struct ht_profile **rest, bool *other, char *msg, size_t msg_size);

void ht_merge_destroy(struct ht_merge *m);

/* The same for one profile: a new one without what no sample uses. */
struct ht_profile *ht_profile_compact(struct ht_profile *p, int *err, char *msg, size_t msg_size);

/* copy.c: a full copy, ids and all (reports change the profile they are given). NULL: out of
 * memory. */
struct ht_profile *ht_profile_copy(const struct ht_profile *p);

/* subtract.c: p minus base. diff marks the base's samples with the label pprof::base=true, so
 * that percentages can be of the base; normalize first scales p to the base's totals. Changes
 * both. */
struct ht_profile *ht_profile_subtract(struct ht_profile *p, struct ht_profile *base, bool diff,
                                       bool normalize, int *err, char *msg, size_t msg_size);
bool ht_sample_is_diff_base(const struct ht_sample *s);

/* scale.c: multiplies values (rounding half away from zero); samples whose values all come to zero
 * go. scale_n takes a ratio for each sample type. */
void ht_profile_scale(struct ht_profile *p, double ratio);
void ht_profile_scale_n(struct ht_profile *p, const double *ratios);
/* subtract.c: scales each sample type of p to the base's total. */
int ht_profile_normalize(struct ht_profile *p, const struct ht_profile *base, char *msg,
                         size_t msg_size);
/* Sets a string label on every sample, in place of one of that key. 0 or -ENOMEM. */
int ht_profile_set_label(struct ht_profile *p, const char *key, const char *value);

/* filter.c: NULL or "" is no filter. Names are matched on functions, file names and the mapping's
 * file; tag filters are pprof's: "key=regex", "regex,regex" over "key:value", "4kb:1mb" ranges. */
struct ht_filter {
    const char *focus, *ignore, *hide, *show, *show_from;
    const char *tagfocus, *tagignore, *tagshow, *taghide, *prune_from;
};

/* Bits of the filters that matched nothing (pprof: "Focus expression matched no samples"). */
enum ht_filter_bit {
    HT_FOCUS = 1,
    HT_IGNORE = 2,
    HT_HIDE = 4,
    HT_SHOW = 8,
    HT_SHOW_FROM = 16,
    HT_TAGFOCUS = 32,
    HT_TAGIGNORE = 64,
    HT_TAGSHOW = 128,
    HT_TAGHIDE = 256,
};

/* 0, or -EINVAL with msg naming the option whose expression is malformed. unmatched may be NULL. */
int ht_profile_filter(struct ht_profile *p, const struct ht_filter *f, unsigned *unmatched,
                      char *msg, size_t msg_size);

/*
 * label_frames.c: frames for label values, as pprof's tagroot and tagleaf make them: keys with a
 * comma between; numbers are shown in unit. Every sample gets them, with an empty name where it has
 * no such label. only: in place of the stack, and "(no KEY)". *..._found: whether any sample has
 * one of the labels. Before filters. 0, -ENOMEM, or -E2BIG for more than 16 keys.
 */
struct ht_label_frames {
    const char *root, *leaf, *unit;
    bool only;
};
int ht_profile_label_frames(struct ht_profile *p, const struct ht_label_frames *o, bool *root_found,
                            bool *leaf_found);

/* prune.c: drops frames that the profile itself calls uninteresting (drop_frames, keep_frames). */
int ht_profile_remove_uninteresting(struct ht_profile *p, char *msg, size_t msg_size);

/* aggregate.c: forgets what a granularity does not show, so that equal frames look equal. With
 * addresses and inlines nothing changes. */
enum ht_granularity {
    HT_BY_FUNCTIONS,
    HT_BY_FILEFUNCTIONS,
    HT_BY_LINES,
    HT_BY_FILES,
    HT_BY_ADDRESSES,
};
void ht_profile_aggregate(struct ht_profile *p, enum ht_granularity granularity, bool noinlines,
                          bool columns);

/* select.c: the sample type a name or number selects, "" or NULL the default one; also
 * inuse_space for a file that says "space". -EINVAL with msg when there is none. */
int ht_profile_sample_index(const struct ht_profile *p, const char *name, char *msg,
                            size_t msg_size);

/* The unit each numeric label key is shown in, sorted by key; the array lives as long as the
 * profile. Take it before filtering. 0 or -ENOMEM. */
struct ht_label_unit {
    const char *key, *unit;
};
int ht_profile_label_units(struct ht_profile *p, struct ht_label_unit **units, size_t *n);
const char *ht_label_unit_of(const struct ht_label_unit *units, size_t n, const char *key);

#endif
