/* SPDX-License-Identifier: MIT */
/* Whether two sampled sums differ by more than chance, and which of many such differences to
 * believe. */
#ifndef HEAPTAP_SRC_EVIDENCE_DIFFERENCE_H
#define HEAPTAP_SRC_EVIDENCE_DIFFERENCE_H

#include <stddef.h>

#include "evidence/interval.h"

enum ht_verdict {
    HT_SAME,  /* no difference was seen */
    HT_MAYBE, /* one that may be chance */
    HT_GREW,  /* one that is believed */
    HT_SHRANK,
};

/* What a stack holds of one size, before and after. */
struct ht_part {
    double size, p; /* p: that such an object is sampled; of two rates the smaller */
    struct ht_evidence before, after;
};

/* A stack, before and after. */
struct ht_change {
    struct ht_evidence before, after; /* sums of the parts */
    double before_rate, after_rate;   /* what a small object's sample stands for on each side */
    double p;                         /* of a difference as large where there is none */
    double least_p;                   /* the least that so many samples could give */
    enum ht_verdict verdict;
    struct ht_interval interval; /* of the difference; the caller's to set, for the order */
};

/*
 * Tests a stack's parts, and sums them up. Small objects (sampled less than every other time) are
 * taken together: given both sides' sampled ones, those of one side have a binomial law
 * (Przyborowski and Wilenski 1940); counts are values over their variance per byte. Large ones are
 * compared by size (sizes within 1.9 of each other together, since a label may be a class's mean):
 * of the N objects that both sides then have, each side misses its own, by a binomial law. p is the
 * least of these times their number. Sorts the parts.
 */
void ht_change_test(struct ht_change *c, struct ht_part *parts, size_t n);

/*
 * For two moments of one process: replaces before and after by what died and by what was born and
 * is alive, as far as the counters of all allocations tell, which were sampled once for both. born:
 * of the allocations between the two. That is an upper bound of both where something was born and
 * died.
 */
void ht_part_pair(struct ht_part *part, const struct ht_evidence *born);

/* The same where it is known, of what is alive now, what was alive then: survivors, as a value. */
void ht_part_pair_survivors(struct ht_part *part, double survivors);

/* Several profiles a side: sums of the n values and of their squares a side, and the variance that
 * sampling alone gives their mean. Welch's test, with no less spread than sampling's. */
struct ht_spread {
    size_t n;
    double sum, squares, variance;
};
double ht_spread_test(const struct ht_spread *before, const struct ht_spread *after);

/*
 * Benjamini's and Hochberg's choice at this level of false discoveries, over the n changes, which
 * are independent. Those with so few samples that they could not be chosen do not count (Gilbert
 * 2005). Sets each verdict.
 */
int ht_changes_judge(struct ht_change **changes, size_t n, double level);

/* The order in which differences are listed: grew, shrank, may have changed, same; each by what it
 * changed by at least. */
int ht_change_compare(const struct ht_change *a, const struct ht_change *b);

/* The interval of after - before, from both sides' own (Donner and Zou 2010). */
struct ht_interval ht_change_interval(const struct ht_change *c, double confidence);

#endif
