/* SPDX-License-Identifier: MIT */
/*
 * Series in the place of libm: a sample may come before libm is loaded, and in a program with
 * another rounding mode. The target's floating-point state is put back.
 */
#include "config.h"

#include "region/weight.h"

#include <string.h>
#include <xmmintrin.h>

#include "region/layout.h"

static const double LN2_HIGH = 6.93147180369123816490e-01;
static const double LN2_LOW = 1.90821492927058770002e-10;

/* 1/k: the series below are on every sample, and a division takes as long as ten products. */
static const double INVERSE[22] = {
    0,        1.0,      1.0 / 2,  1.0 / 3,  1.0 / 4,  1.0 / 5,  1.0 / 6,  1.0 / 7,
    1.0 / 8,  1.0 / 9,  1.0 / 10, 1.0 / 11, 1.0 / 12, 1.0 / 13, 1.0 / 14, 1.0 / 15,
    1.0 / 16, 1.0 / 17, 1.0 / 18, 1.0 / 19, 1.0 / 20, 1.0 / 21,
};

/* A term this far below a sum near its first one changes nothing more. */
#define NEGLIGIBLE 0x1p-58

static inline double natural_log(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, 8);
    int e = (int)((bits >> 52) & 0x7ff) - 1023;
    bits = (bits & 0xfffffffffffffULL) | 0x3ff0000000000000ULL;
    double m;
    memcpy(&m, &bits, 8);
    if (m > 1.41421356237309504880) {
        m *= 0.5;
        e++;
    }
    /* ln m = 2 atanh(f), |f| <= 0.1716: the series to f^21 leaves less than 2^-56. */
    double f = (m - 1.0) / (m + 1.0), s = f * f, sum = s * INVERSE[21];
    sum = (sum + INVERSE[19]) * s;
    sum = (sum + INVERSE[17]) * s;
    sum = (sum + INVERSE[15]) * s;
    sum = (sum + INVERSE[13]) * s;
    sum = (sum + INVERSE[11]) * s;
    sum = (sum + INVERSE[9]) * s;
    sum = (sum + INVERSE[7]) * s;
    sum = (sum + INVERSE[5]) * s;
    sum = (sum + INVERSE[3]) * s;
    return e * LN2_HIGH + (e * LN2_LOW + 2.0 * f * (1.0 + sum));
}

double ht_ln(double x)
{
    return natural_log(x);
}

double ht_one_minus_exp(double x)
{
    if (x > 40.0)
        return 1.0;
    if (x < 0.5) { /* series: exp would cancel */
        double term = x, sum = x;
        for (int k = 2; k < 20 && (term > x * NEGLIGIBLE || -term > x * NEGLIGIBLE); k++) {
            term *= -x * INVERSE[k];
            sum += term;
        }
        return sum;
    }
    int k = (int)(x * 1.44269504088896340736 + 0.5);
    double r = (x - k * LN2_HIGH) - k * LN2_LOW, term = 1, sum = 1;
    for (int i = 1; i < 20 && (term > NEGLIGIBLE || -term > NEGLIGIBLE); i++) {
        term *= -r * INVERSE[i];
        sum += term;
    }
    uint64_t bits = (uint64_t)(1023 - k) << 52;
    double scale;
    memcpy(&scale, &bits, 8);
    return 1.0 - sum * scale;
}

double ht_probability(uint64_t size, uint64_t rate)
{
    if (rate <= 1)
        return 1.0;
    return ht_one_minus_exp(((double)size + 1.0) / (double)rate);
}

/* The target's floating-point state is its own: no flag of ours may show there, none of its traps
 * hit us, and its rounding mode is not for our sums (tests/hazards/h32). */
#define DEFAULT_MXCSR 0x1f80u

static struct ht_split split(double v)
{
    struct ht_split s;
    s.whole = (uint64_t)v;
    s.fraction = (uint64_t)((v - (double)s.whole) * (1 << HT_FRACTION_BITS));
    return s;
}

void ht_weights(uint64_t size, uint64_t rate, struct ht_split *objects, struct ht_split *bytes)
{
    if (rate <= 1) {
        *objects = (struct ht_split){1, 0};
        *bytes = (struct ht_split){size, 0};
        return;
    }
    unsigned saved = _mm_getcsr();
    _mm_setcsr(DEFAULT_MXCSR);
    double p = ht_probability(size, rate);
    if (p >= 1.0) {
        *objects = (struct ht_split){1, 0};
        *bytes = (struct ht_split){size, 0};
    } else {
        *objects = split(1.0 / p);
        *bytes = split((double)size / p);
    }
    __asm__ volatile("" ::: "memory"); /* the sums end before the state is the target's again */
    _mm_setcsr(saved);
}

uint64_t ht_distance(uint64_t random_bits, uint64_t rate)
{
    if (rate <= 1)
        return 0;
    unsigned saved = _mm_getcsr();
    _mm_setcsr(DEFAULT_MXCSR);
    double u = ((double)(random_bits >> 11) + 0.5) * 0x1p-53;
    uint64_t distance = (uint64_t)(-natural_log(u) * (double)rate);
    __asm__ volatile("" : "+r"(distance)::"memory");
    _mm_setcsr(saved);
    return distance;
}
