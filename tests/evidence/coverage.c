/* SPDX-License-Identifier: MIT */
/*
 * Shows: the intervals of docs/internals/evidence.md cover the truth as often as they say, over
 * profiles drawn by the sampler's law, and are hardly wider than the shortest ones. A size counts
 * as far apart when the larger is nearly always sampled and the smaller nearly never.
 *
 * usage: coverage PROFILES [--table]
 * Exit 1 when a cell covers less than it says by more than three standard errors, or is wider than
 * 1.35 times the exact interval.
 */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evidence/distribution.h"
#include "evidence/interval.h"
#include "region/size_class.h"
#include "region/weight.h"

#define RATE 524288.0

static uint64_t state;

static double uniform(void)
{
    return ((double)(ht_random(&state) >> 11) + 0.5) * 0x1p-53;
}

/* A site: sizes, how its expected samples are spread over them, or 0 sizes for a range. */
struct mix {
    const char *name;
    int n;
    double size[3], share[3]; /* in rates */
    double low, high;         /* of a uniform size, when n is 0 */
    bool one_size;
};

static const struct mix mixes[] = {
    {"64 B", 1, {64 / RATE}, {1}, 0, 0, true},
    {"a quarter of the rate", 1, {0.25}, {1}, 0, 0, true},
    {"the rate", 1, {1}, {1}, 0, 0, true},
    {"twice the rate", 1, {2}, {1}, 0, 0, true},
    {"uniform to a tenth of the rate", 0, {0}, {0}, 0, 0.1, false},
    {"uniform to 4 rates", 0, {0}, {0}, 0, 4, false},
    {"half, one and two rates", 3, {0.5, 1, 2}, {0.4, 0.3, 0.3}, 0, 0, false},
    {"64 B and half the rate", 2, {64 / RATE, 0.5}, {0.5, 0.5}, 0, 0, false},
    {"64 B and 8 rates", 2, {64 / RATE, 8}, {0.5, 0.5}, 0, 0, false},
};

static const double lambdas[] = {1, 2, 3, 5, 10, 20, 30, 50, 100};
static const double confidences[] = {0.90, 0.95, 0.99};

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

/* A profile's samples of the site, as the target's writer makes them: one each for the first sizes,
 * then one a class of sizes, whose label is its mean. */
struct classes {
    double objects[200], bytes[200], label[200]; /* single sizes, then classes by four a doubling */
    int n_exact;
    unsigned n_single[2];
    double truth;
};

enum { CLASSES = 18 };

static int class_of(struct classes *c, double size)
{
    for (int i = 0; i < c->n_exact; i++)
        if (c->label[i] == size)
            return i;
    const bool small = (uint64_t)size < ht_small_sizes((uint64_t)RATE);
    if (c->n_single[small] == ht_single_sizes(small)) {
        uint64_t low;
        uint8_t bits;
        ht_size_class((uint64_t)size, (uint64_t)RATE, &low, &bits);
        return CLASSES + (low ? (int)floor(4 * log2((double)low)) : 0);
    }
    c->n_single[small]++;
    c->label[c->n_exact] = size;
    return c->n_exact++;
}

static void hit(struct classes *c, double size)
{
    double p = ht_sampled_probability(size, RATE, true);
    int at = class_of(c, size);
    c->objects[at] += 1 / p;
    c->bytes[at] += size / p;
}

static bool survives(bool inuse)
{
    return !inuse || uniform() < 0.6;
}

/* Objects of one size: n of them, those sampled found by skipping geometrically over the rest. */
static void draw_size(struct classes *c, double size, double expected, bool inuse)
{
    double p = ht_sampled_probability(size, RATE, true), exact = expected / p;
    if (inuse)
        exact /= 0.6;
    uint64_t n = (uint64_t)exact, alive = n;
    if (uniform() < exact - (double)n)
        alive = ++n;
    if (inuse) { /* the survivors' number: normal where that is as good, else one by one */
        alive = 0;
        if (n > 5000) {
            double z = sqrt(-2 * log(uniform())) * cos(2 * M_PI * uniform());
            double x = round(0.6 * (double)n + z * sqrt(0.24 * (double)n));
            alive = x < 0 ? 0 : x > (double)n ? n : (uint64_t)x;
        }
        for (uint64_t i = 0; n <= 5000 && i < n; i++)
            alive += survives(true);
    }
    c->truth += (double)alive * size;
    double at_object = 0;
    for (;;) {
        at_object += floor(log(uniform()) / log1p(-p)) + 1;
        if (at_object > (double)alive)
            break;
        hit(c, size);
    }
}

static void draw_range(struct classes *c, const struct mix *m, double expected, bool inuse)
{
    for (double done = 0; done < expected;) {
        double size = 1 + floor((m->low + (m->high - m->low) * uniform()) * RATE);
        double p = ht_sampled_probability(size, RATE, true);
        done += p;
        if (done > expected && uniform() > (expected - done + p) / p)
            break;
        if (!survives(inuse))
            continue;
        c->truth += size;
        if (uniform() < p)
            hit(c, size);
    }
}

/* What a report knows: the labels, and the sums rounded as a profile has them. */
static struct ht_evidence evidence_of(const struct classes *c)
{
    struct ht_evidence e = {0};
    for (size_t i = 0; i < N_OF(c->objects); i++) {
        if (!(c->objects[i] > 0))
            continue;
        double bytes = round(c->bytes[i]);
        double label = i < CLASSES ? c->label[i] : floor(bytes / round(c->objects[i]));
        ht_evidence_add(&e, &(struct ht_observation){
                                bytes, label, ht_sampled_probability(label, RATE, true), label});
    }
    return e;
}

struct cell {
    unsigned listed, profiles, covered[N_OF(confidences)];
    double width[N_OF(confidences)], exact[N_OF(confidences)];
};

/* The shortest equal-tailed exact interval of one size: Clopper's and Pearson's. */
static double exact_width(const struct mix *m, const struct ht_evidence *e, double tail)
{
    double size = round(m->size[0] * RATE), p = ht_sampled_probability(size, RATE, true);
    double k = round(e->samples);
    return size * (ht_negative_binomial_quantile(k + 1, p, 1 - tail) -
                   ht_negative_binomial_quantile(k, p, tail));
}

static void simulate(struct cell *cell, const struct mix *m, double lambda, bool inuse,
                     unsigned profiles)
{
    for (unsigned i = 0; i < profiles; i++) {
        struct classes c = {0};
        if (!m->n)
            draw_range(&c, m, lambda, inuse);
        for (int k = 0; k < m->n; k++)
            draw_size(&c, round(m->size[k] * RATE), lambda * m->share[k], inuse);
        struct ht_evidence e = evidence_of(&c);
        cell->profiles++;
        if (!(e.samples > 0)) /* not listed: no interval to be wrong */
            continue;
        cell->listed++;
        for (size_t k = 0; k < N_OF(confidences); k++) {
            struct ht_interval in = ht_evidence_interval(&e, RATE, confidences[k]);
            cell->covered[k] += in.low <= c.truth * (1 + 1e-6) && c.truth * (1 - 1e-6) <= in.high;
            cell->width[k] += in.high - in.low;
            if (m->one_size)
                cell->exact[k] += exact_width(m, &e, (1 - confidences[k]) / 2);
        }
    }
}

/* What a row of the table says: the least of its cells. */
struct row {
    double covered[N_OF(confidences)], widest;
    int bad;
};

static void judge(struct row *row, const struct cell *c, const char *name, bool inuse,
                  double lambda)
{
    double ratio = c->exact[1] > 0 ? c->width[1] / c->exact[1] : 0;
    bool wrong = ratio > 1.35;
    row->widest = ratio > row->widest ? ratio : row->widest;
    for (size_t k = 0; k < N_OF(confidences); k++) {
        double q = confidences[k], got = (double)c->covered[k] / c->listed;
        bool low = got < q - 3 * sqrt(q * (1 - q) / c->listed);
        if (low)
            printf("FAIL %s, %s, %g expected samples: %.1f %% of %g\n", name,
                   inuse ? "in use" : "allocated", lambda, 100 * got, 100 * q);
        wrong |= low;
        row->covered[k] = got < row->covered[k] ? got : row->covered[k];
    }
    if (ratio > 1.35)
        printf("FAIL %s, %g expected samples: %.2f times the exact interval\n", name, lambda,
               ratio);
    row->bad += wrong;
}

static void print_row(const struct row *r, const char *name, const char *what)
{
    printf("| %s | %s | %.1f | %.1f | %.1f | ", name, what, 100 * r->covered[0],
           100 * r->covered[1], 100 * r->covered[2]);
    if (r->widest > 0)
        printf("%.2f |\n", r->widest);
    else
        printf("|\n");
}

int main(int argc, char **argv)
{
    unsigned profiles = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 500, cells = 0;
    bool table = argc > 2 && !strcmp(argv[2], "--table");
    struct row all = {{1, 1, 1}, 0, 0};
    state = 0x5eed;
    if (table)
        printf("| sizes at the site | what | of 90 %% | of 95 %% | of 99 %% | width over exact |\n"
               "| --- | --- | ---: | ---: | ---: | ---: |\n");
    for (size_t m = 0; m < N_OF(mixes); m++)
        for (int inuse = 0; inuse < 2; inuse++) {
            struct row row = {{1, 1, 1}, 0, 0};
            for (size_t l = 0; l < N_OF(lambdas); l++, cells++) {
                struct cell c = {0};
                simulate(&c, &mixes[m], lambdas[l], inuse, profiles);
                judge(&row, &c, mixes[m].name, inuse, lambdas[l]);
            }
            if (table)
                print_row(&row, mixes[m].name, inuse ? "in use" : "allocated");
            for (size_t k = 0; k < N_OF(confidences); k++)
                all.covered[k] = row.covered[k] < all.covered[k] ? row.covered[k] : all.covered[k];
            all.widest = row.widest > all.widest ? row.widest : all.widest;
            all.bad += row.bad;
        }
    printf("coverage: %u cells of %u profiles; least covered: %.1f %% of 90, %.1f %% of 95, %.1f "
           "%% of 99; "
           "at most %.2f times as wide as the exact interval; %d cells fail\n",
           cells, profiles, 100 * all.covered[0], 100 * all.covered[1], 100 * all.covered[2],
           all.widest, all.bad);
    return all.bad ? 1 : 0;
}
