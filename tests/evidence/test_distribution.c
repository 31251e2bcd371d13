/* SPDX-License-Identifier: MIT */
/* Shows: the distribution functions give the figures of printed tables, and intervals keep their
 * promises at the edges. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "evidence/distribution.h"
#include "evidence/interval.h"

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

static void near(double got, double want, double digits)
{
    if (!(fabs(got - want) <= digits))
        fail_msg("%.12g is not %.12g", got, want);
}

/* Chi-square's upper points: Abramowitz and Stegun, table 26.8. */
static void gamma_table(void **state)
{
    static const struct {
        double df, q, x;
    } points[] = {
        {1, 0.95, 3.84146},    {1, 0.005, 3.92704e-5}, {2, 0.975, 7.37776},   {2, 0.025, 0.0506356},
        {5, 0.5, 4.35146},     {10, 0.95, 18.3070},    {10, 0.025, 3.24697},  {30, 0.99, 50.8922},
        {100, 0.005, 67.3276}, {100, 0.95, 124.342},   {100, 0.975, 129.561},
    };
    for (size_t i = 0; i < N_OF(points); i++)
        near(2 * ht_gamma_quantile(points[i].df / 2, points[i].q) / points[i].x, 1, 5e-6);
    for (double a = 1e-3; a < 1e9; a *= 3)
        for (double q = 0.005; q < 1; q += 0.199) {
            double x = ht_gamma_quantile(a, q);
            if (x > 0)
                near(ht_gamma_cdf(a, x), q, 1e-6);
        }
    assert_true(ht_gamma_cdf(2, 0) == 0 && ht_gamma_cdf(2, 1e9) == 1);
}

/* A Poisson count's limits at 95 %: Garwood's table. */
static void garwood(void **state)
{
    static const double counts[][3] = {{1, 0.0253, 5.572},   {2, 0.2422, 7.225},
                                       {4, 1.0899, 10.242},  {10, 4.795, 18.390},
                                       {30, 20.241, 42.827}, {100, 81.364, 121.627}};
    for (size_t i = 0; i < N_OF(counts); i++) {
        struct ht_evidence e = {0};
        double rate = 0x1p50, size = 0x1p30, p = ht_sampled_probability(size, rate, true);
        ht_evidence_add(&e, &(struct ht_observation){counts[i][0] * size / p, size, p, size});
        struct ht_interval in = ht_evidence_interval(&e, rate, 0.95);
        near(e.samples, counts[i][0], 1e-9);
        near(in.low / rate, counts[i][1], 2e-3);
        near(in.high / rate, counts[i][2], 5e-3);
    }
    near(ht_evidence_unlisted(1, 0.95), 0, 0);
    near(ht_evidence_unlisted(1000, 0.95), 2995.73, 0.01);
    near(ht_evidence_unlisted(1000, 0.999), 6907.76, 0.01);
}

static void beta_tables(void **state)
{
    static const double student[][2] = {{1, 12.7062},  {2, 4.30265},  {5, 2.57058},
                                        {10, 2.22814}, {30, 2.04227}, {120, 1.97993}};
    for (size_t i = 0; i < N_OF(student); i++)
        near(ht_student_two_sided(student[i][1], student[i][0]), 0.05, 2e-6);
    near(ht_normal_two_sided(0.95), 1.959964, 1e-6);
    near(ht_normal_two_sided(0.99), 2.575829, 1e-6);
    /* Clopper's and Pearson's limits for 5 of 10: 0.1871 and 0.8129. */
    near(ht_beta_cdf(5, 6, 0.187086), 0.025, 1e-6);
    near(ht_beta_cdf(6, 5, 0.812914), 0.975, 1e-6);
    /* P(Bin(10, 0.3) <= 2) = I_0.7(8, 3) = 0.3828. */
    near(ht_beta_cdf(8, 3, 0.7), 0.382783, 1e-6);
    near(ht_beta_cdf(1e6, 1e6, 0.5), 0.5, 1e-9);
    assert_true(ht_beta_cdf(2, 3, 0) == 0 && ht_beta_cdf(2, 3, 1) == 1);
}

static void negative_binomial(void **state)
{
    /* r = 2, p = 0.9: 0.81, 0.972, 0.9963, 0.99954. */
    static const double want[][2] = {{0.5, 0}, {0.81 + 1e-9, 1}, {0.972 + 1e-9, 2}, {0.999, 3}};
    for (size_t i = 0; i < N_OF(want); i++)
        near(ht_negative_binomial_quantile(2, 0.9, want[i][0]), want[i][1], 0);
    near(ht_negative_binomial_quantile(5, 1, 0.975), 0, 0);
    double m = ht_negative_binomial_quantile(5, 1e-4, 0.975);
    near(m * 1e-4, ht_gamma_quantile(5, 0.975), 2e-3);
}

static void edges(void **state)
{
    struct ht_evidence e = {0}, large = {0};
    /* Exact mode: the value and nothing beside it. */
    ht_evidence_add(&e, &(struct ht_observation){640, 64, ht_sampled_probability(64, 1, true), 64});
    struct ht_interval in = ht_evidence_interval(&e, 0, 0.99);
    near(in.low, 640, 0);
    near(in.high, 640, 0);
    /* One large object: seen for certain, and less than what would have been seen besides. */
    double p = ht_sampled_probability(1 << 26, 524288, true);
    ht_evidence_add(&large, &(struct ht_observation){1 << 26, 1 << 26, p, 1 << 26});
    in = ht_evidence_interval(&large, 524288, 0.95);
    near(in.low, 1 << 26, 1);
    near(in.high - (1 << 26), 3.69 * 524288, 0.02 * 524288);
    for (int i = 0; i < 9; i++)
        ht_evidence_add(&large, &(struct ht_observation){1 << 26, 1 << 26, p, 1 << 26});
    in = ht_evidence_interval(&large, 524288, 0.95);
    near(in.high / (10.0 * (1 << 26)), 1, 1e-9);
    /* What was seen is never above the lower end. */
    for (double size = 1; size < 1e8; size *= 3)
        for (double k = 1; k < 2000; k *= 2) {
            struct ht_evidence s = {0};
            p = ht_sampled_probability(size, 524288, true);
            ht_evidence_add(&s, &(struct ht_observation){k * size / p, size, p, size});
            in = ht_evidence_interval(&s, 524288, 0.95);
            if (!(in.low >= k * size * (1 - 1e-9) && in.low <= s.value * (1 + 1e-9) &&
                  in.high >= s.value * (1 - 1e-9)))
                fail_msg("%g samples of %g bytes: %g..%g", k, size, in.low, in.high);
        }
    struct ht_evidence nothing = {0};
    near(ht_evidence_interval(&nothing, 1000, 0.95).high, 3688.9, 0.1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gamma_table), cmocka_unit_test(garwood),
        cmocka_unit_test(beta_tables), cmocka_unit_test(negative_binomial),
        cmocka_unit_test(edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
