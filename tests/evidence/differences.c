/* SPDX-License-Identifier: MIT */
/*
 * Shows: differences are believed when they should be. Of two equal heaps nothing is listed as grown in
 * 95 % of pairs; a leak of 10 sampled objects among 1,000 steady stacks of one process comes first; the
 * intervals of one process's differences cover the truth and are narrower than two processes'.
 *
 * usage: differences PAIRS
 */
#include "config.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evidence/difference.h"
#include "evidence/distribution.h"
#include "region/weight.h"

#define RATE   524288.0
#define STACKS 1000

static uint64_t state = 0xd1ff;

static double uniform(void)
{
    return ((double)(ht_random(&state) >> 11) + 0.5) * 0x1p-53;
}

/* How many of n objects are sampled. */
static double sampled(double n, double p)
{
    double k = 0, at = 0;
    for (;;) {
        at += p < 1 ? floor(log(uniform()) / log1p(-p)) + 1 : 1;
        if (at > n)
            return k;
        k++;
    }
}

static const double sizes[] = {16, 64, 1000, 30000, 524288, 2e6};

static double size_of(int stack)
{
    return sizes[stack % 6];
}

/* Expected samples: few stacks hold much, many hold little. */
static double expected(int stack)
{
    return 100.0 / (1 + stack % 250);
}

static void observe(struct ht_evidence *e, double size, double k)
{
    double p = ht_sampled_probability(size, RATE, true);
    if (k > 0)
        ht_evidence_add(e, &(struct ht_observation){round(k * size / p), size, p, size});
}

static struct ht_change changes[STACKS];
static struct ht_part parts[STACKS];
static struct ht_change *pointers[STACKS];

static void judge(void)
{
    for (int i = 0; i < STACKS; i++) {
        struct ht_change *c = &changes[i];
        c->before_rate = c->after_rate = RATE;
        parts[i].size = size_of(i);
        parts[i].p = ht_sampled_probability(size_of(i), RATE, true);
        ht_change_test(c, &parts[i], 1);
        c->interval = ht_change_interval(c, 0.95);
        pointers[i] = c;
    }
    if (ht_changes_judge(pointers, STACKS, 0.05))
        exit(2);
}

static int first(void)
{
    int best = 0;
    for (int i = 1; i < STACKS; i++)
        if (ht_change_compare(&changes[i], &changes[best]) < 0)
            best = i;
    return best;
}

/* Two processes of one heap. */
static void equal_pair(unsigned *grew, unsigned *any)
{
    bool g = false, a = false;
    memset(parts, 0, sizeof parts);
    for (int i = 0; i < STACKS; i++) {
        double p = ht_sampled_probability(size_of(i), RATE, true), n = ceil(expected(i) / p);
        observe(&parts[i].before, size_of(i), sampled(n, p));
        observe(&parts[i].after, size_of(i), sampled(n, p));
    }
    judge();
    for (int i = 0; i < STACKS; i++) {
        g |= changes[i].verdict == HT_GREW;
        a |= changes[i].verdict == HT_GREW || changes[i].verdict == HT_SHRANK;
    }
    *grew += g;
    *any += a;
}

/* One process: stacks replace this share of what they hold; the last one leaks 10 samples besides. */
static void leak_pair(unsigned *was_first, unsigned *grew, double replaced, int every)
{
    memset(parts, 0, sizeof parts);
    for (int i = 0; i < STACKS; i++) {
        double size = size_of(i), p = ht_sampled_probability(size, RATE, true);
        bool leak = i == STACKS - 1;
        double n = ceil(expected(i) / p), renewed = i % every || leak ? 0 : ceil(n * replaced);
        double died = sampled(renewed, p), k = died + sampled(n - renewed, p);
        double born_k = leak ? 10 : sampled(renewed, p);
        struct ht_part *c = &parts[i];
        struct ht_evidence born = {0};
        observe(&c->before, size, k);
        observe(&c->after, size, k - died + born_k);
        observe(&born, size, born_k);
        ht_part_pair(c, &born);
    }
    judge();
    *was_first += first() == STACKS - 1;
    *grew += changes[STACKS - 1].verdict == HT_GREW;
}

struct cover {
    unsigned n, covered;
    double paired, unpaired;
};

/* One stack of one process: some die, some are born, of which some die too. */
static void one_process(struct cover *c, double lambda, double died_share, double born_share,
                        double size)
{
    double p = ht_sampled_probability(size, RATE, true), n = ceil(lambda / p);
    double die = floor(n * died_share), born = floor(n * born_share), gone = floor(born / 3);
    double k_dead = sampled(die, p), k_kept = sampled(n - die, p);
    double k_new = sampled(born - gone, p), k_gone = sampled(gone, p);
    struct ht_part part = {.size = size, .p = p};
    struct ht_change apart = {.before_rate = RATE, .after_rate = RATE}, same = apart;
    struct ht_evidence births = {0};
    observe(&part.before, size, k_dead + k_kept);
    observe(&part.after, size, k_kept + k_new);
    observe(&births, size, k_new + k_gone);
    ht_change_test(&apart, &part, 1);
    ht_part_pair(&part, &births);
    ht_change_test(&same, &part, 1);
    double truth = (born - gone - die) * size;
    struct ht_interval in = ht_change_interval(&same, 0.95),
                       wide = ht_change_interval(&apart, 0.95);
    if (!(k_dead + k_kept + k_new > 0))
        return;
    c->n++;
    c->covered += in.low - 1 <= truth && truth <= in.high + 1;
    c->paired += in.high - in.low;
    c->unpaired += wide.high - wide.low;
}

static int report(const char *what, unsigned got, unsigned of, double least)
{
    double share = (double)got / of;
    bool bad = share < least - 3 * sqrt(least * (1 - least) / of);
    printf("%s%s: %.2f %% of %u (at least %g %%)\n", bad ? "FAIL " : "", what, 100 * share, of,
           100 * least);
    return bad;
}

int main(int argc, char **argv)
{
    unsigned pairs = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 200;
    unsigned grew = 0, any = 0, was_first = 0, leak_grew = 0, churn_first = 0, churn_grew = 0;
    int bad = 0;
    for (unsigned i = 0; i < pairs; i++) {
        equal_pair(&grew, &any);
        leak_pair(&was_first, &leak_grew, 0.01, 1);
        leak_pair(&churn_first, &churn_grew, 0.33, 10);
    }
    bad += report("equal heaps, nothing listed as grown", pairs - grew, pairs, 0.95);
    bad += report("equal heaps, nothing listed as changed", pairs - any, pairs, 0.95);
    bad += report("a leak of 10 samples in one process comes first", was_first, pairs, 0.99);
    bad += report("and is listed as grown", leak_grew, pairs, 0.99);
    printf("where every tenth stack replaces a third: first %.1f %%, grown %.1f %%\n",
           100.0 * churn_first / pairs, 100.0 * churn_grew / pairs);
    for (double lambda = 3; lambda <= 300; lambda *= 10)
        for (int steady = 0; steady < 2; steady++)
            for (size_t s = 0; s < 6; s += 2) {
                struct cover c = {0};
                char what[120];
                for (unsigned i = 0; i < 10 * pairs; i++)
                    one_process(&c, lambda, steady ? 0.01 : 0.3, steady ? 0.02 : 0.6, sizes[s]);
                snprintf(what, sizeof(what),
                         "%s, %g samples of %g B: covered (%.1f times narrower)",
                         steady ? "steady" : "churning", lambda, sizes[s], c.unpaired / c.paired);
                bad += report(what, c.covered, c.n, 0.95);
            }
    return bad ? 1 : 0;
}
