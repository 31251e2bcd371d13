/* SPDX-License-Identifier: MIT */
/*
 * What a 32-bit child of a profiled program is preloaded with: nothing. Without it its loader says
 * that it cannot preload the 64-bit library (tests/hazards/h14).
 */
typedef int ht_nothing;
