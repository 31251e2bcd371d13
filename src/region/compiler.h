/* SPDX-License-Identifier: MIT */
/* Hints to the compiler, for both halves. */
#ifndef HEAPTAP_SRC_REGION_COMPILER_H
#define HEAPTAP_SRC_REGION_COMPILER_H

#define HT_LIKELY(x)     __builtin_expect(!!(x), 1)
#define HT_UNLIKELY(x)   __builtin_expect(!!(x), 0)
#define HT_ALWAYS_INLINE static inline __attribute__((always_inline))

#endif
