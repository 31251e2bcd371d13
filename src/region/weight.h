/* SPDX-License-Identifier: MIT */
/*
 * The sampler's arithmetic, without libm (the target must not pull a library into the program).
 */
#ifndef HEAPTAP_SRC_REGION_WEIGHT_H
#define HEAPTAP_SRC_REGION_WEIGHT_H

#include <stdint.h>

#include "util/hash.h"

/* Natural logarithm of x > 0, finite and normal. Error below 2 ulp. */
double ht_ln(double x);

/* 1 - exp(-x) for x >= 0. Relative error below 1e-14. */
double ht_one_minus_exp(double x);

/*
 * Probability that an object of `size` bytes is sampled at mean distance `rate`:
 * p = 1 - exp(-(size + 1) / rate); 1 when rate <= 1 (exact mode).
 */
double ht_probability(uint64_t size, uint64_t rate);

/* A weight in units of 2^-HT_FRACTION_BITS split in whole and fraction. */
struct ht_split {
    uint64_t whole, fraction;
};

/* Horvitz-Thompson weights of one sampled object: 1/p objects, size/p bytes. Deterministic, so that
 * free subtracts exactly what malloc added. */
void ht_weights(uint64_t size, uint64_t rate, struct ht_split *objects, struct ht_split *bytes);

/* Distance in bytes to the next sample: floor of an exponential with mean `rate`, from 64 random
 * bits. 0 when rate <= 1. */
uint64_t ht_distance(uint64_t random_bits, uint64_t rate);

/* splitmix64 (Steele, Lea, Flood 2014): advances *state and returns 64 bits. */
static inline uint64_t ht_random(uint64_t *state)
{
    uint64_t z = (*state += HT_GOLDEN_RATIO);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

#endif
