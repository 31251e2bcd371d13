/* SPDX-License-Identifier: MIT */
/*
 * Series and continued fractions of the incomplete gamma and beta functions (DLMF 8.11.4, 8.9.2 and
 * 8.17.22), evaluated by Lentz's method. Quantiles: a start from Wilson and Hilferty's cube, then
 * Newton's steps inside a bracket that bisection keeps.
 */
#include "config.h"

#include "evidence/distribution.h"

#include <math.h>

#define EPSILON    1e-15
#define TINY       1e-300
#define ITERATIONS 100000

/* From this shape on, the cube's error (below 1e-7 of the value) is nothing beside the data's. */
#define LARGE_SHAPE 1e7

static double log_gamma(double x)
{
    int sign;
    return lgamma_r(x, &sign);
}

/* A fraction's next step: d and c are updated by coefficient a over b; the factor to multiply by.
 */
static double lentz(double a, double b, double *c, double *d)
{
    *d = b + a * *d;
    *c = b + a / *c;
    if (fabs(*d) < TINY)
        *d = TINY;
    if (fabs(*c) < TINY)
        *c = TINY;
    *d = 1 / *d;
    return *c * *d;
}

static double gamma_series(double a, double x)
{
    double term = 1 / a, sum = term;
    for (int i = 1; i < ITERATIONS && term > sum * EPSILON; i++) {
        term *= x / (a + i);
        sum += term;
    }
    return sum * exp(-x + a * log(x) - log_gamma(a));
}

/* 1 - P(a, x) */
static double gamma_fraction(double a, double x)
{
    double b = x + 1 - a, c = 1 / TINY, d = 1 / b, h = d;
    for (int i = 1; i < ITERATIONS; i++) {
        double step = lentz(-i * (i - a), b + 2.0 * i, &c, &d);
        h *= step;
        if (fabs(step - 1) < EPSILON)
            break;
    }
    return h * exp(-x + a * log(x) - log_gamma(a));
}

static double normal_cdf(double z)
{
    return erfc(-z / M_SQRT2) / 2;
}

/* Acklam's rational start is not needed: bisection of erfc costs little where this is called. */
static double search_normal_quantile(double p)
{
    double low = -40, high = 40;
    for (int i = 0; i < 200 && high - low > 1e-14 * (1 + fabs(low)); i++) {
        double mid = (low + high) / 2;
        if (normal_cdf(mid) < p)
            low = mid;
        else
            high = mid;
    }
    return (low + high) / 2;
}

/* Intervals of one confidence ask for the same two again and again. */
static double normal_quantile(double p)
{
    static _Thread_local struct {
        double p, z;
    } last[2];
    if (last[p > 0.5].p != p) {
        last[p > 0.5].z = search_normal_quantile(p);
        last[p > 0.5].p = p;
    }
    return last[p > 0.5].z;
}

static double cube(double a, double z)
{
    double t = 1 - 1 / (9 * a) + z / (3 * sqrt(a));
    return a * t * t * t;
}

double ht_gamma_cdf(double a, double x)
{
    if (x <= 0)
        return 0;
    if (a >= LARGE_SHAPE)
        return normal_cdf((cbrt(x / a) - (1 - 1 / (9 * a))) * 3 * sqrt(a));
    return x < a + 1 ? gamma_series(a, x) : 1 - gamma_fraction(a, x);
}

double ht_gamma_quantile(double a, double p)
{
    double z = normal_quantile(p), x = cube(a, z);
    if (a >= LARGE_SHAPE)
        return x;
    double log_a = log_gamma(a);
    if (!(x > 0) || a < 1) /* P(a, x) is about x^a / (a gamma(a)) */
        x = exp((log(p) + log(a) + log_a) / a);
    if (!(x > 0))
        return 0;
    double low = 0, high = INFINITY;
    for (int i = 0; i < 400; i++) {
        double error = ht_gamma_cdf(a, x) - p;
        if (error > 0)
            high = x;
        else
            low = x;
        double density = exp(-x + (a - 1) * log(x) - log_a);
        double next = density > 0 ? x - error / density : -1;
        if (!(next > low && next < high))
            next = isinf(high) ? x * 2 : (low + high) / 2;
        if (fabs(next - x) <= 1e-12 * x)
            return next;
        x = next;
    }
    return x;
}

static double beta_fraction(double a, double b, double x)
{
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < TINY ? TINY : d);
    double h = d;
    for (int m = 1; m < ITERATIONS; m++) {
        double m2 = 2.0 * m;
        h *= lentz(m * (b - m) * x / ((a + m2 - 1) * (a + m2)), 1, &c, &d);
        double step = lentz(-(a + m) * (a + b + m) * x / ((a + m2) * (a + m2 + 1)), 1, &c, &d);
        h *= step;
        if (fabs(step - 1) < EPSILON)
            break;
    }
    return h;
}

double ht_beta_cdf(double a, double b, double x)
{
    if (x <= 0)
        return 0;
    if (x >= 1)
        return 1;
    double front = exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log1p(-x));
    if (x < (a + 1) / (a + b + 2))
        return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double ht_negative_binomial_quantile(double r, double p, double q)
{
    double low = -1, high = 1; /* P(X <= low) <= q < P(X <= high), once high has grown */
    if (p >= 1)
        return 0;
    while (ht_beta_cdf(r, high + 1, p) <= q && high < 0x1p60) {
        low = high;
        high *= 2;
    }
    while (high - low > 1) {
        double mid = floor((low + high) / 2);
        if (ht_beta_cdf(r, mid + 1, p) <= q)
            low = mid;
        else
            high = mid;
    }
    return high;
}

double ht_student_two_sided(double t, double df)
{
    return ht_beta_cdf(df / 2, 0.5, df / (df + t * t));
}

double ht_normal_two_sided(double confidence)
{
    return normal_quantile(0.5 + confidence / 2);
}
