/* SPDX-License-Identifier: MIT */
/* Recipes: straight from what compilers write, and from a row of rules for all else. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "cfi/cfi.h"
#include "cfi/cfi_read.h"

static bool fits(int64_t v)
{
    return v >= -(1 << 27) && v < (1 << 27);
}

/* An expression of the form "DW_OP_breg6 N" and what follows it, or false. */
static bool rbp_expression(const struct ht_row *r, int64_t at, int64_t *offset, struct ht_in *rest)
{
    *rest = ht_expression(r->base + (uint64_t)at);
    if (ht_fixed(rest, 1) != 0x76)
        return false;
    *offset = ht_sleb(rest);
    return !rest->bad;
}

/* The CFA of a lazy PLT entry: ld's fixed expression, but for the constant compared with rip & 15.
 */
static bool plt_expression(const struct ht_row *r, int64_t *constant)
{
    static const unsigned char plt[] = {0x77, 0x08, 0x80, 0x00, 0x3f, 0x1a,
                                        0x3b, 0x2a, 0x33, 0x24, 0x22};
    struct ht_in e = ht_expression(r->base + (uint64_t)r->cfa_offset);
    if ((size_t)(e.end - e.at) != sizeof plt || memcmp(e.at, plt, 6) ||
        memcmp(e.at + 7, plt + 7, 4))
        return false;
    *constant = e.at[6] - 0x30;
    return true;
}

static unsigned cfa_kind(const struct ht_row *r, int64_t *offset)
{
    struct ht_in rest;
    *offset = r->cfa_offset;
    if (r->cfa == HT_CFA_REGISTER)
        return r->cfa_register == HT_REG_SP   ? HT_STEP_RSP
               : r->cfa_register == HT_REG_BP ? HT_STEP_RBP
                                              : HT_STEP_OTHER;
    if (r->cfa != HT_CFA_EXPRESSION)
        return HT_STEP_OTHER;
    /* gcc's realigned frames: DW_OP_breg6 N; DW_OP_deref. */
    if (rbp_expression(r, r->cfa_offset, offset, &rest) && rest.end - rest.at == 1 &&
        *rest.at == 0x06)
        return HT_STEP_RBP_DEREF;
    return plt_expression(r, offset) ? HT_STEP_PLT : HT_STEP_OTHER;
}

uint64_t ht_cfi_row_recipe(const struct ht_row *r)
{
    int64_t offset, bp_offset = r->value[HT_REG_BP];
    struct ht_in rest;
    if (r->signal)
        return HT_RECIPE(HT_STEP_SIGNAL, HT_RBP_SAME, 0, 0);
    if (r->rule[HT_REG_PC] == HT_RULE_UNDEFINED)
        return HT_RECIPE(HT_STEP_END, HT_RBP_SAME, 0, 0);
    unsigned kind = cfa_kind(r, &offset);
    if (kind == HT_STEP_OTHER || !fits(offset) || r->rule[HT_REG_PC] != HT_RULE_CFA ||
        r->value[HT_REG_PC] != -8 || r->rule[HT_REG_SP] != HT_RULE_SAME)
        return HT_STEP_OTHER;
    switch (r->rule[HT_REG_BP]) {
    case HT_RULE_SAME:
        return HT_RECIPE(kind, HT_RBP_SAME, offset, 0);
    case HT_RULE_CFA:
        return fits(bp_offset) ? HT_RECIPE(kind, HT_RBP_CFA, offset, bp_offset) : HT_STEP_OTHER;
    case HT_RULE_UNDEFINED:
        return HT_RECIPE(kind, HT_RBP_LOST, offset, 0);
    case HT_RULE_EXPRESSION: /* DW_OP_breg6 N alone: saved at rbp + N */
        if (rbp_expression(r, bp_offset, &bp_offset, &rest) && rest.at == rest.end &&
            fits(bp_offset))
            return HT_RECIPE(kind, HT_RBP_RBP, offset, bp_offset);
        return HT_STEP_OTHER;
    default:
        return HT_STEP_OTHER;
    }
}

/* What of a row a recipe holds, where the return address is at CFA - 8. */
struct usual {
    uint32_t cfa_register, cfa_offset;
    uint32_t bp; /* saved at CFA - 8 * bp; 0: not */
};

/*
 * The CIE of gcc's and clang's C ("zR") or, but for the routine it names, C++ ("zPLR"): addresses
 * are words that count from where they stand, code counts bytes, data -8; CFA = rsp + 8, the return
 * address at CFA - 8.
 */
static bool usual_cie(const unsigned char *p)
{
    const uint64_t last = 0x0000019008070c1b; /* R's encoding; def_cfa 7 8; offset 16 1; nop nop */
    uint64_t w[4];
    memcpy(w, p, sizeof w);
    if (w[0] == 0x14) /* length, 0 */
        return w[1] == 0x0110780100527a01 && w[2] == last;
    return w[0] == 0x1c && w[1] == 0x780100524c507a01 && (w[2] & 0x07ffff) == 0x030710 &&
           w[3] == last;
}

/* A number below 2^14. */
static inline bool usual_uleb(const unsigned char **at, const unsigned char *end, uint32_t *v)
{
    const unsigned char *p = *at;
    if (p >= end)
        return false;
    *v = *p++;
    if (*v & 0x80) {
        if (p >= end || (*p & 0x80))
            return false;
        *v = (*v & 0x7f) | (uint32_t)*p++ << 7;
    }
    *at = p;
    return true;
}

/* Runs instructions until the row for `target` is complete. False: one that is not among these. */
static bool usual_row(const unsigned char *at, const unsigned char *end, uint64_t loc,
                      uint64_t target, struct usual *u)
{
    struct usual stack[2];
    const unsigned char *four = end - 3; /* before it there are four bytes to read */
    uint32_t depth = 0, ignored;
    *u = (struct usual){HT_REG_SP, 8, 0};
    while (at < end) {
        /* Most are pairs of advance_loc and def_cfa_offset below 128: a large function has hundreds
         * of them before a pc. */
        while (at < four) {
            uint32_t pair;
            memcpy(&pair, at, sizeof pair);
            if ((pair & 0x80ffc0) != 0x000e40)
                break;
            loc += pair & 0x3f;
            if (loc > target)
                return true;
            u->cfa_offset = pair >> 16 & 0x7f;
            at += 3;
        }
        uint32_t op = *at++, low = op & 0x3f;
        if (op - 0x40 < 0x40) { /* advance_loc */
            loc += low;
            if (loc > target)
                return true;
            continue;
        }
        if (op >= 0xc0) { /* restore */
            if (low == HT_REG_BP)
                u->bp = 0;
            continue;
        }
        if (op >= 0x80) { /* offset */
            if (low == HT_REG_PC || low == HT_REG_SP ||
                !usual_uleb(&at, end, low == HT_REG_BP ? &u->bp : &ignored))
                return false;
            if (low == HT_REG_BP && !u->bp)
                return false;
            continue;
        }
        switch (op) {
        case 0x00: /* nop */
            break;
        case 0x02: /* advance_loc1, 2, 4 */
        case 0x03:
        case 0x04: {
            uint32_t by = 0, n = 1u << (op - 2);
            if ((uint64_t)(end - at) < n)
                return false;
            memcpy(&by, at, n);
            at += n;
            loc += by;
            if (loc > target)
                return true;
            break;
        }
        case 0x0a: /* remember_state */
            if (depth == 2)
                return false;
            stack[depth++] = *u;
            break;
        case 0x0b: /* restore_state */
            if (!depth)
                return false;
            *u = stack[--depth];
            break;
        case 0x0c: /* def_cfa */
            if (!usual_uleb(&at, end, &u->cfa_register) || !usual_uleb(&at, end, &u->cfa_offset))
                return false;
            break;
        case 0x0d: /* def_cfa_register */
            if (!usual_uleb(&at, end, &u->cfa_register))
                return false;
            break;
        case 0x0e: /* def_cfa_offset */
            if (!usual_uleb(&at, end, &u->cfa_offset))
                return false;
            break;
        default:
            return false;
        }
    }
    return true;
}

static uint32_t word_at(uint64_t at)
{
    uint32_t v;
    memcpy(&v, (const void *)at, sizeof v);
    return v;
}

/* HT_STEP_UNKNOWN: something of it is not usual. */
static uint64_t usual_recipe(uint64_t pc, const struct ht_object *o)
{
    uint64_t fde = ht_cfi_entry(pc, o);
    if (fde < o->start || fde > o->end - 17)
        return HT_STEP_UNKNOWN;
    uint64_t size = word_at(fde), cie = fde + 4 - word_at(fde + 4);
    uint64_t first = fde + 8 + (uint64_t)(int64_t)(int32_t)word_at(fde + 8);
    uint64_t augmentation = *(const unsigned char *)(fde + 16);
    if (size < 13 || size > o->end - fde - 4 || cie < o->start || cie > o->end - 32 ||
        !usual_cie((const unsigned char *)cie) || pc - first >= word_at(fde + 12) ||
        augmentation > size - 13 || augmentation >= 0x80)
        return HT_STEP_UNKNOWN;
    struct usual u;
    if (!usual_row((const unsigned char *)(fde + 17 + augmentation),
                   (const unsigned char *)(fde + 4 + size), first, pc, &u))
        return HT_STEP_UNKNOWN;
    if (u.cfa_register != HT_REG_SP && u.cfa_register != HT_REG_BP)
        return HT_STEP_UNKNOWN;
    return HT_RECIPE(u.cfa_register == HT_REG_SP ? HT_STEP_RSP : HT_STEP_RBP,
                     u.bp ? HT_RBP_CFA : HT_RBP_SAME, u.cfa_offset, -8 * (int64_t)u.bp);
}

uint64_t ht_cfi_recipe(uint64_t pc, const struct ht_object *o)
{
    struct ht_row row;
    uint64_t usual = usual_recipe(pc, o);
    if (usual != HT_STEP_UNKNOWN)
        return usual;
    int err = ht_cfi_row(pc, o, &row);
    if (err)
        return err == -ENOENT ? HT_STEP_UNKNOWN : HT_STEP_OTHER;
    return ht_cfi_row_recipe(&row);
}
