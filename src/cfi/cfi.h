/* SPDX-License-Identifier: MIT */
/*
 * How to step out of a frame, from .eh_frame (LSB, .eh_frame_hdr; DWARF 4 section 6.4; System V ABI
 * for x86-64): as a recipe of one word, made once for a return address and shared by all threads,
 * or as the whole row of rules, for the few frames that a word does not hold.
 */
#ifndef HEAPTAP_SRC_CFI_CFI_H
#define HEAPTAP_SRC_CFI_CFI_H

#include <stdbool.h>
#include <stdint.h>

#include "cfi/object.h"

/* The usual ones are the first two of each: HT_RECIPE_UNUSUAL. */
enum ht_recipe_kind {
    HT_STEP_RSP,       /* CFA = rsp + offset */
    HT_STEP_RBP,       /* CFA = rbp + offset */
    HT_STEP_RBP_DEREF, /* CFA = *(rbp + offset): gcc's realigned frames */
    HT_STEP_PLT,       /* CFA = rsp + 8 + 8 * ((rip & 15) >= 11): a lazy PLT entry */
    HT_STEP_SIGNAL,    /* a signal trampoline: registers are in the ucontext at rsp */
    HT_STEP_END,       /* the thread's first frame */
    HT_STEP_UNKNOWN,   /* nothing is known of this pc */
    HT_STEP_OTHER,     /* there is a rule, but one that a word does not hold */
};

enum ht_recipe_rbp {
    HT_RBP_SAME,
    HT_RBP_CFA, /* at CFA + offset */
    HT_RBP_RBP, /* at rbp + offset */
    HT_RBP_LOST,
};

/* kind in bits 0-3, rbp rule in 4-5, CFA offset in 8-35, rbp offset in 36-63, both signed. */
#define HT_RECIPE(kind, rbp, cfa_offset, rbp_offset)                                               \
    ((uint64_t)(kind) | (uint64_t)(rbp) << 4 | ((uint64_t)(cfa_offset)&0xfffffff) << 8 |           \
     (uint64_t)(rbp_offset) << 36)
#define HT_RECIPE_BY_RBP  1ull    /* of a usual one: HT_STEP_RBP */
#define HT_RECIPE_LOADS   0x10ull /* and: HT_RBP_CFA */
#define HT_RECIPE_UNUSUAL 0x2eull /* any of these bits: another kind or rule */
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
 * cfi_recipe.c: the recipe of the instruction at pc (for a call: return address - 1) in a mapped
 * object. Reads only inside the object. HT_STEP_UNKNOWN when no entry covers pc.
 */
uint64_t ht_cfi_recipe(uint64_t pc, const struct ht_object *o);

/* The FDE that .eh_frame_hdr's sorted table names for pc, or 0. */
uint64_t ht_cfi_entry(uint64_t pc, const struct ht_object *o);

/* DWARF's register numbers. */
enum { HT_REG_BP = 6, HT_REG_SP = 7, HT_REG_PC = 16, HT_N_REGS = 17 };

enum ht_rule {
    HT_RULE_SAME,
    HT_RULE_CFA,            /* saved at CFA + value */
    HT_RULE_VAL_CFA,        /* is CFA + value */
    HT_RULE_REGISTER,       /* is in another register */
    HT_RULE_EXPRESSION,     /* saved at what an expression says */
    HT_RULE_VAL_EXPRESSION, /* is what an expression says */
    HT_RULE_UNDEFINED,
    HT_RULE_UNKNOWN,
};

/* Rules of one row. An expression is kept as its position relative to `base`. */
struct ht_row {
    uint64_t base;
    int64_t cfa_offset;
    enum { HT_CFA_NONE, HT_CFA_REGISTER, HT_CFA_EXPRESSION } cfa;
    uint32_t cfa_register;
    bool signal;
    uint8_t rule[HT_N_REGS]; /* enum ht_rule */
    int32_t value[HT_N_REGS];
};

/* 0; -ENOENT: no entry covers pc; -EINVAL: the entry is not understood. */
int ht_cfi_row(uint64_t pc, const struct ht_object *o, struct ht_row *row);

/* cfi_recipe.c: a row's rules as a recipe; HT_STEP_OTHER: a recipe cannot express them. */
uint64_t ht_cfi_row_recipe(const struct ht_row *row);

struct ht_all_regs {
    uint64_t r[HT_N_REGS];
    uint32_t known; /* bit by bit */
};

/* cfi_step.c: steps out of a frame by a row. load reads a word of the stack, or refuses. False: the
 * caller's frame cannot be found. */
bool ht_cfi_step(const struct ht_row *row, struct ht_all_regs *regs,
                 bool (*load)(void *ctx, uint64_t at, uint64_t *word), void *ctx);

#endif
