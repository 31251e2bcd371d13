/* SPDX-License-Identifier: MIT */
/*
 * Binomial tests of what was sampled on each side, small objects together and large ones by size;
 * of the differences of many stacks those are believed that the Benjamini-Hochberg rule keeps.
 */
#include "config.h"

#include "evidence/difference.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "evidence/distribution.h"

/* Sampled less often than this, objects count as small. */
#define SMALL 0.5

/* Labels of large objects within this of each other may be of one size. */
#define LABEL_RATIO 1.9

/* Where more than so many objects are missed on average, their law is taken for a normal one. */
#define MANY_MISSED 100
#define LAW         320 /* 100 and 12 of their standard deviations, and 31 */

/* The variance per unit of value: of a Poisson count with a weight, the weight. */
static double weight_of(const struct ht_evidence *e)
{
    return e->value > 0 ? e->variance / e->value : 0;
}

/* P(X <= k) and P(X >= k) of a binomial variable, k of n, also for fractions. */
static double at_most(double k, double n, double q)
{
    return n - k > 0 ? 1 - ht_beta_cdf(k + 1, n - k, q) : 1;
}

static double at_least(double k, double n, double q)
{
    return k > 0 ? ht_beta_cdf(k, n - k + 1, q) : 1;
}

static double doubled(double below, double above)
{
    double p = 2 * fmin(below, above);
    return p < 1 ? p : 1;
}

static double binomial(double k, double n, double q)
{
    return doubled(at_most(k, n, q), at_least(k, n, q));
}

struct test {
    double p, least_p;
};

static struct test test_small(const struct ht_evidence *was, const struct ht_evidence *is,
                              double ratio)
{
    double before = weight_of(was), after = weight_of(is);
    if (!(was->value > 0))
        before = after / ratio;
    if (!(is->value > 0))
        after = before * ratio;
    double k = is->value / after, n = k + was->value / before, q = before / (before + after);
    return (struct test){binomial(k, n, q), fmin(binomial(0, n, q), binomial(n, n, q))};
}

/* P(M = m) for the missed of n objects, each with this chance. */
static double missed(double m, double n, double chance)
{
    int sign;
    if (chance <= 0)
        return m > 0 ? 0 : 1;
    return exp(lgamma_r(n + 1, &sign) - lgamma_r(m + 1, &sign) - lgamma_r(n - m + 1, &sign) +
               m * log(chance) + (n - m) * log1p(-chance));
}

/* P(|M1 - M2| >= d): that two profiles of n objects differ by as many. */
static double differs_by(double d, double n, double chance)
{
    double mean = n * chance, sd = sqrt(mean * (1 - chance));
    if (d <= 0)
        return 1;
    if (mean > MANY_MISSED)
        return erfc((d - 0.5) / (2 * sd));
    double most = fmin(n, ceil(mean + 12 * sd + 30)), law[LAW], sum = 0;
    for (int m = 0; m <= (int)most; m++)
        law[m] = missed(m, n, chance);
    for (int m = (int)d; m <= (int)most; m++) {
        double fewer = 0;
        for (int k = 0; k <= m - (int)d; k++)
            fewer += law[k];
        sum += law[m] * fewer;
    }
    return fmin(1, 2 * sum);
}

static struct test test_large(double was, double is, double p)
{
    double n = fmax(round((was + is) / 2 / p), fmax(was, is));
    return (struct test){differs_by(fabs(is - was), n, 1 - p), differs_by(n, n, 1 - p)};
}

static void fold(struct test *all, unsigned *tests, struct test one)
{
    all->p = fmin(all->p, one.p);
    all->least_p = fmin(all->least_p, one.least_p);
    ++*tests;
}

static int by_size(const void *a, const void *b)
{
    double x = ((const struct ht_part *)a)->size, y = ((const struct ht_part *)b)->size;
    return (x > y) - (x < y);
}

void ht_change_test(struct ht_change *c, struct ht_part *parts, size_t n)
{
    double ratio = c->before_rate > 0 && c->after_rate > 0 ? c->after_rate / c->before_rate : 1;
    struct ht_evidence was = {0}, is = {0};
    struct test all = {1, 1};
    unsigned tests = 0;
    size_t i = 0;
    c->before = c->after = (struct ht_evidence){0};
    qsort(parts, n, sizeof(*parts), by_size);
    for (size_t k = 0; k < n; k++) {
        ht_evidence_sum(&c->before, &parts[k].before);
        ht_evidence_sum(&c->after, &parts[k].after);
    }
    for (; i < n && parts[i].p < SMALL; i++) {
        ht_evidence_sum(&was, &parts[i].before);
        ht_evidence_sum(&is, &parts[i].after);
    }
    if (was.value > 0 || is.value > 0)
        fold(&all, &tests, test_small(&was, &is, ratio));
    while (i < n) {
        double before = 0, after = 0, chance = 0;
        size_t from = i;
        do {
            double k = parts[i].before.samples + parts[i].after.samples;
            before += parts[i].before.samples;
            after += parts[i].after.samples;
            chance += k * parts[i].p;
            i++;
        } while (i < n && parts[i].size <= parts[i - 1].size * LABEL_RATIO);
        if (before + after > 0)
            fold(&all, &tests, test_large(round(before), round(after), chance / (before + after)));
        else if (i == from)
            i++;
    }
    c->p = tests ? fmin(1, all.p * tests) : 1;
    c->least_p = tests ? fmin(1, all.least_p * tests) : 1;
}

static struct ht_evidence part_of(const struct ht_evidence *e, double value)
{
    struct ht_evidence part = *e;
    double share = e->value > 0 ? value / e->value : 0;
    if (!(share > 0))
        return (struct ht_evidence){0};
    part.value = value;
    part.unseen *= share;
    part.variance *= share;
    part.samples *= share;
    part.lattice *= share;
    part.log_all_seen *= share;
    return part;
}

void ht_part_pair(struct ht_part *part, const struct ht_evidence *born)
{
    double change = part->after.value - part->before.value;
    double alive = fmin(born->value > 0 ? born->value : 0, part->after.value);
    double died = alive - change;
    if (died < 0) { /* rounding: values are whole */
        died = 0;
        alive = change;
    }
    part->before = part_of(&part->before, died);
    part->after = part_of(&part->after, alive);
}

void ht_part_pair_survivors(struct ht_part *part, double survivors)
{
    double kept = fmax(0, fmin(survivors, fmin(part->before.value, part->after.value)));
    part->before = part_of(&part->before, part->before.value - kept);
    part->after = part_of(&part->after, part->after.value - kept);
}

static double spread_of(const struct ht_spread *s)
{
    double n = (double)s->n, mean = s->sum / n;
    double between = s->n > 1 ? (s->squares - n * mean * mean) / (n - 1) / n : 0;
    return fmax(between, s->variance);
}

double ht_spread_test(const struct ht_spread *before, const struct ht_spread *after)
{
    double n1 = (double)before->n, n2 = (double)after->n;
    double v1 = spread_of(before), v2 = spread_of(after), df;
    if (before->n < 2) { /* one profile has no spread of its own: the other side's */
        v1 = fmax(v1, v2 * n2 / n1);
        df = n2 - 1;
    } else if (after->n < 2) {
        v2 = fmax(v2, v1 * n1 / n2);
        df = n1 - 1;
    } else {
        double sum = v1 + v2;
        df = sum > 0 ? sum * sum / (v1 * v1 / (n1 - 1) + v2 * v2 / (n2 - 1)) : n1 + n2 - 2;
    }
    double change = after->sum / n2 - before->sum / n1, spread = sqrt(v1 + v2);
    if (change == 0 || df <= 0)
        return 1;
    return spread > 0 ? ht_student_two_sided(change / spread, df) : 0;
}

static int by_p(const void *a, const void *b)
{
    double x = (*(struct ht_change *const *)a)->p, y = (*(struct ht_change *const *)b)->p;
    return (x > y) - (x < y);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* How many hypotheses the level is to be shared among: the least k that is no less than the number
 * of those which level / k lets through at best. */
static size_t share(const double *least, size_t n, double level)
{
    size_t k = 1;
    for (size_t through = n; k < n; k++) {
        while (through > 0 && least[through - 1] > level / (double)k)
            through--;
        if (through <= k)
            break;
    }
    return k;
}

int ht_changes_judge(struct ht_change **changes, size_t n, double level)
{
    double *least = malloc((n + 1) * sizeof(*least));
    struct ht_change **sorted = malloc((n + 1) * sizeof(*sorted));
    size_t believed = 0, tested = 0;
    if (!least || !sorted) {
        free(least);
        free(sorted);
        return -ENOMEM;
    }
    for (size_t i = 0; i < n; i++)
        least[i] = changes[i]->least_p;
    qsort(least, n, sizeof(*least), ascending);
    size_t k = share(least, n, level);
    for (size_t i = 0; i < n; i++) {
        struct ht_change *c = changes[i];
        c->verdict = c->after.value != c->before.value ? HT_MAYBE : HT_SAME;
        if (c->least_p <= level / (double)k)
            sorted[tested++] = c;
    }
    qsort(sorted, tested, sizeof(*sorted), by_p);
    for (size_t i = 0; i < tested; i++)
        if (sorted[i]->p <= level * (double)(i + 1) / (double)tested)
            believed = i + 1;
    for (size_t i = 0; i < believed; i++)
        if (sorted[i]->verdict == HT_MAYBE)
            sorted[i]->verdict =
                sorted[i]->after.value > sorted[i]->before.value ? HT_GREW : HT_SHRANK;
    free(least);
    free(sorted);
    return 0;
}

static int rank(enum ht_verdict v)
{
    static const int ranks[] = {[HT_GREW] = 0, [HT_SHRANK] = 1, [HT_MAYBE] = 2, [HT_SAME] = 3};
    return ranks[v];
}

static int larger_first(double a, double b)
{
    return (a < b) - (a > b);
}

int ht_change_compare(const struct ht_change *a, const struct ht_change *b)
{
    int c = rank(a->verdict) - rank(b->verdict);
    if (!c)
        c = larger_first(fmax(a->interval.low, -a->interval.high),
                         fmax(b->interval.low, -b->interval.high));
    return c ? c
             : larger_first(fabs(a->after.value - a->before.value),
                            fabs(b->after.value - b->before.value));
}

struct ht_interval ht_change_interval(const struct ht_change *c, double confidence)
{
    struct ht_interval a = ht_evidence_interval(&c->before, c->before_rate, confidence);
    struct ht_interval b = ht_evidence_interval(&c->after, c->after_rate, confidence);
    double change = c->after.value - c->before.value;
    return (struct ht_interval){
        change - hypot(c->after.value - b.low, a.high - c->before.value),
        change + hypot(b.high - c->after.value, c->before.value - a.low),
    };
}
