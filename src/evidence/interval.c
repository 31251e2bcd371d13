/* SPDX-License-Identifier: MIT */
/* The formulas of interval.h, over sums that are kept while observations are added. */
#include "config.h"

#include "evidence/interval.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "evidence/distribution.h"
#include "util/hash.h"

/* From so many sampled objects of one size on, a site is taken to have that size alone. */
#define ONE_SIZE_SAMPLES 5.5

/* Sums of so many samples differ from the exact law by less than their figures show. */
#define EXACT_SAMPLES 1e6

/* Profiles have few sizes and many samples: what was computed last of a size is kept. */
#define KNOWN_SIZES 64
struct known {
    double way; /* bytes over the rate; 0: nothing is known */
    double p, log_p;
};
static _Thread_local struct known known[KNOWN_SIZES];

static const struct known *known_of(double way)
{
    uint64_t bits;
    memcpy(&bits, &way, sizeof(bits));
    struct known *k = &known[bits * HT_GOLDEN_RATIO >> 58]; /* the upper six bits */
    if (k->way != way) {
        double p = -expm1(-way);
        *k = (struct known){way, p, log(p)};
    }
    return k;
}

static double way_of(double size, double rate, bool plus_one)
{
    double bytes = size + (plus_one ? 1 : 0);
    return (bytes < 1 ? 1 : bytes) / rate;
}

double ht_sampled_probability(double size, double rate, bool plus_one)
{
    return rate <= 1 ? 1 : known_of(way_of(size, rate, plus_one))->p;
}

void ht_observation_sample(struct ht_observation *o, double rate, bool plus_one)
{
    const struct known *k = rate <= 1 ? NULL : known_of(way_of(o->size, rate, plus_one));
    o->p = k ? k->p : 1;
    o->log_p = k ? k->log_p : 0;
}

struct ht_evidence ht_evidence_of(const struct ht_observation *o)
{
    if (o->value == 0)
        return (struct ht_evidence){0};
    double missed = (1 - o->p) / o->p, magnitude = fabs(o->value);
    double samples = o->unit > 0 ? magnitude / o->unit * o->p : 0;
    double variance = magnitude * o->unit * missed;
    return (struct ht_evidence){
        .value = o->value,
        .unseen = magnitude * (1 - o->p),
        .variance = variance,
        .samples = samples,
        .log_all_seen = samples * (o->log_p < 0 ? o->log_p : log(o->p)),
        .lattice = variance * o->unit,
        .next_mean = o->unit * missed,
        .next_variance = o->unit * o->unit * missed / o->p,
        .least_size = o->size,
        .most_size = o->size,
        .negative = o->value < 0,
    };
}

void ht_evidence_add(struct ht_evidence *e, const struct ht_observation *o)
{
    struct ht_evidence one = ht_evidence_of(o);
    ht_evidence_sum(e, &one);
}

void ht_evidence_scale(struct ht_evidence *e, double factor)
{
    e->value *= factor;
    e->unseen *= factor;
    e->next_mean *= factor;
    e->variance *= factor * factor;
    e->next_variance *= factor * factor;
    e->lattice *= factor * factor * factor;
}

/* The quantile of a gamma variable of this mean and variance. */
static double gamma_of(double mean, double variance, double q)
{
    if (!(mean > 0) || !(variance > 0))
        return mean > 0 ? mean : 0;
    return variance / mean * ht_gamma_quantile(mean * mean / variance, q);
}

/* One size: p and the size of an object follow from the sums. */
static struct ht_interval of_one_size(const struct ht_evidence *e, double tail)
{
    double p = 1 - e->unseen / e->value, unit = e->value * p / e->samples;
    double low = ht_negative_binomial_quantile(e->samples, p, tail);
    double high = ht_negative_binomial_quantile(e->samples + 1, p, 1 - tail);
    high = unit * (e->samples + high); /* below the estimate where p is nearly 1 */
    return (struct ht_interval){unit * (e->samples + low), high > e->value ? high : e->value};
}

struct ht_interval ht_evidence_interval(const struct ht_evidence *e, double rate, double confidence)
{
    double tail = (1 - confidence) / 2;
    if (e->negative) {
        double z = ht_normal_two_sided(confidence) * sqrt(e->variance);
        return (struct ht_interval){e->value - z, e->value + z};
    }
    bool one_size = e->least_size == e->most_size && e->samples >= ONE_SIZE_SAMPLES;
    if (one_size && !(e->variance > 0))
        return (struct ht_interval){e->value, e->value};
    if (one_size && e->samples < EXACT_SAMPLES)
        return of_one_size(e, tail);
    double seen = e->value - e->unseen, mean = e->next_mean, variance = e->next_variance;
    if (!one_size && rate > mean)
        mean = rate;
    if (!one_size && rate * rate > variance)
        variance = rate * rate;
    /* Whole objects are missed, where the gamma law has fractions: its lower quantile is up to half
     * an object too high, and 0 has a probability of its own. */
    double half = e->variance > 0 ? e->lattice / e->variance / 2 : 0;
    double low = exp(e->log_all_seen) > tail ? 0 : gamma_of(e->unseen, e->variance, tail) - half;
    return (struct ht_interval){
        seen + (low > 0 ? low : 0),
        seen + gamma_of(e->unseen + mean, e->variance + variance, 1 - tail),
    };
}

double ht_evidence_unlisted(double rate, double confidence)
{
    return rate > 1 ? -log(1 - confidence) * rate : 0;
}
