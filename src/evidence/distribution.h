/* SPDX-License-Identifier: MIT */
/*
 * Distribution functions that intervals and tests are made of, in double precision. Pure functions;
 * tests/evidence compares them with published tables.
 */
#ifndef HEAPTAP_SRC_EVIDENCE_DISTRIBUTION_H
#define HEAPTAP_SRC_EVIDENCE_DISTRIBUTION_H

/* P(a, x): the probability that a gamma variable of shape a > 0 and scale 1 is at most x >= 0. */
double ht_gamma_cdf(double a, double x);

/* The x of which P(a, x) = p, for 0 < p < 1 and a > 0. Relative error below 1e-9. */
double ht_gamma_quantile(double a, double p);

/* I_x(a, b), the regularised incomplete beta function, for a, b > 0 and 0 <= x <= 1. */
double ht_beta_cdf(double a, double b, double x);

/*
 * The quantile of a negative binomial variable, the failures before the r-th success where each
 * trial succeeds with probability p: the smallest m >= 0 with P(X <= m) > q. r > 0 may be a
 * fraction.
 */
double ht_negative_binomial_quantile(double r, double p, double q);

/* P(|T| > |t|) for Student's t with df > 0 degrees of freedom. */
double ht_student_two_sided(double t, double df);

/* The z of which a normal variable is within z of its mean with this probability. */
double ht_normal_two_sided(double confidence);

#endif
