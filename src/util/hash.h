/* SPDX-License-Identifier: MIT */
/* Multipliers for hashes of 64 bits. */
#ifndef HEAPTAP_SRC_UTIL_HASH_H
#define HEAPTAP_SRC_UTIL_HASH_H

/* 2^64 divided by the golden ratio: the product's upper bits are a hash of a number whose upper
 * bits vary little (Knuth, "multiplicative hashing"). */
#define HT_GOLDEN_RATIO 0x9e3779b97f4a7c15

/* For hashes in which each bit is to change all others (ht_mix, ht_stack_sum). Odd. */
#define HT_MIX_FACTOR 0xd6e8feb86659fd93

#endif
