/* SPDX-License-Identifier: MIT */
/*
 * How sure a sampled sum is.
 *
 * An object of s bytes is sampled with p = 1 - exp(-(s+1)/R) and then stands for 1/p objects. What
 * was seen exists; only the rest is a guess. For k sampled objects of one size the number of unseen
 * ones has a negative binomial law, of mean k(1-p)/p and variance k(1-p)/p^2. Sums over sizes and
 * stacks add both, since samples are independent. The interval is
 *
 *     seen + gamma(mean and variance of the unseen part)
 *
 * between its quantiles, the upper one with one more sampled object than there were (Fay and Feuer
 * 1997; with p small it is Garwood's exact interval of a Poisson count, 1936). For one size the
 * negative binomial law itself is taken: the exact equal-tailed interval (Clopper and Pearson
 * 1934). docs/internals/evidence.md has the measured coverage.
 */
#ifndef HEAPTAP_SRC_EVIDENCE_INTERVAL_H
#define HEAPTAP_SRC_EVIDENCE_INTERVAL_H

#include <stdbool.h>

/* What one sample of a profile (a stack's objects of one size) says. */
struct ht_observation {
    double value; /* estimated bytes or objects; of a difference also negative */
    double unit;  /* of one object: its bytes, or 1 */
    double p;     /* that such an object is sampled */
    double log_p; /* its logarithm; 0: to be computed */
    double size;  /* its bytes */
};

/* Sums of observations. All zero: nothing was seen. */
struct ht_evidence {
    double value;        /* the estimate */
    double unseen;       /* the part of its magnitude that was not seen */
    double variance;     /* of the estimate */
    double samples;      /* sampled objects */
    double log_all_seen; /* of the probability that nothing was missed */
    double lattice;      /* the size of a missed object, weighed by variance: times variance */
    double next_mean, next_variance; /* the most that one more sampled object would add */
    double least_size, most_size;    /* of the objects seen */
    bool negative;                   /* some values are: a difference */
};

struct ht_interval {
    double low, high;
};

/* The sampler's law: of heaptap and tcmalloc s+1 bytes are in the way of a sample, of others s.
 * rate
 * <= 1: 1. */
double ht_sampled_probability(double size, double rate, bool plus_one);

/* The same into p and log_p, from size. */
void ht_observation_sample(struct ht_observation *o, double rate, bool plus_one);

struct ht_evidence ht_evidence_of(const struct ht_observation *o);
void ht_evidence_add(struct ht_evidence *e, const struct ht_observation *o);

/* Adds other; here, for a report does it some hundred thousand times. */
static inline void ht_evidence_sum(struct ht_evidence *e, const struct ht_evidence *other)
{
    if (!other->samples)
        return;
    if (!e->samples || other->least_size < e->least_size)
        e->least_size = other->least_size;
    if (!e->samples || other->most_size > e->most_size)
        e->most_size = other->most_size;
    if (other->next_mean > e->next_mean)
        e->next_mean = other->next_mean;
    if (other->next_variance > e->next_variance)
        e->next_variance = other->next_variance;
    e->value += other->value;
    e->unseen += other->unseen;
    e->variance += other->variance;
    e->samples += other->samples;
    e->log_all_seen += other->log_all_seen;
    e->lattice += other->lattice;
    e->negative |= other->negative;
}

/* Multiplies the value: 1/n makes a mean of a sum of n. */
void ht_evidence_scale(struct ht_evidence *e, double factor);

/*
 * The equal-tailed interval. rate: what a single small object's sample stands for, in the value's
 * unit where that is bytes; 0 where it is not (objects), and in exact mode. Where all objects seen
 * are of one size and there are at least six, no other size is reckoned with; else a size may have
 * gone unseen. Never below what was seen. A difference has a symmetric interval of its variance.
 */
struct ht_interval ht_evidence_interval(const struct ht_evidence *e, double rate,
                                        double confidence);

/* What nobody saw is below this many bytes with this confidence: -ln(1 - confidence) * rate. */
double ht_evidence_unlisted(double rate, double confidence);

#endif
