/* SPDX-License-Identifier: MIT */
/*
 * Recipes: how to step out of a frame, in one word, made once for a return address from .eh_frame
 * (LSB, .eh_frame_hdr; DWARF 4 section 6.4; System V ABI for x86-64) and shared by all threads.
 */
#ifndef HEAPTAP_SRC_PRELOAD_CFI_H
#define HEAPTAP_SRC_PRELOAD_CFI_H

#include <stdint.h>

enum ht_recipe_kind {
    HT_STEP_UNKNOWN,   /* nothing is known of this pc */
    HT_STEP_RSP,       /* CFA = rsp + offset */
    HT_STEP_RBP,       /* CFA = rbp + offset */
    HT_STEP_RBP_DEREF, /* CFA = *(rbp + offset): gcc's realigned frames */
    HT_STEP_PLT,       /* CFA = rsp + 8 + 8 * ((rip & 15) >= 11): a lazy PLT entry */
    HT_STEP_SIGNAL,    /* a signal trampoline: registers are in the ucontext at rsp */
    HT_STEP_END,       /* the thread's first frame */
    HT_STEP_OTHER,     /* there is a rule, but one that a word does not hold */
};

enum ht_recipe_rbp {
    HT_RBP_SAME,
    HT_RBP_CFA,   /* at CFA + offset */
    HT_RBP_RBP,   /* at rbp + offset */
    HT_RBP_LOST,
};

/* kind in bits 0-3, rbp rule in 4-5, CFA offset in 8-35, rbp offset in 36-63, both signed. */
#define HT_RECIPE(kind, rbp, cfa_offset, rbp_offset)                                               \
    ((uint64_t)(kind) | (uint64_t)(rbp) << 4 | ((uint64_t)(cfa_offset)&0xfffffff) << 8 |          \
     (uint64_t)(rbp_offset) << 36)
static inline unsigned ht_recipe_kind(uint64_t r)
{
    return r & 15;
}
static inline unsigned ht_recipe_rbp(uint64_t r)
{
    return (r >> 4) & 3;
}
static inline int64_t ht_recipe_cfa_offset(uint64_t r)
{
    return (int64_t)(r << 28) >> 36;
}
static inline int64_t ht_recipe_rbp_offset(uint64_t r)
{
    return (int64_t)r >> 36;
}

/*
 * The recipe of the instruction at pc (for a call: return address - 1) in the object mapped at
 * [start, end) whose PT_GNU_EH_FRAME lies at hdr. Reads only inside the object. HT_STEP_UNKNOWN
 * when no entry covers pc.
 */
uint64_t ht_cfi_recipe(uint64_t pc, uint64_t start, uint64_t end, uint64_t hdr);

#endif
