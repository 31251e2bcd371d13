/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "preload/cfi.h"
#include "preload/cfi_read.h"

/* DW_EH_PE_*: format in the low four bits, base in the next three. */
static uint64_t encoded(struct ht_in *in, unsigned encoding, uint64_t data_base)
{
    if (encoding == 0xff)
        return 0;
    uint64_t here = (uint64_t)in->at, v;
    switch (encoding & 0x0f) {
    case 0x00:
    case 0x04:
    case 0x0c:
        v = ht_fixed(in, 8);
        break;
    case 0x01:
        v = ht_uleb(in);
        break;
    case 0x02:
        v = ht_fixed(in, 2);
        break;
    case 0x03:
        v = ht_fixed(in, 4);
        break;
    case 0x09:
        v = (uint64_t)ht_sleb(in);
        break;
    case 0x0a:
        v = (uint64_t)(int64_t)(int16_t)ht_fixed(in, 2);
        break;
    case 0x0b:
        v = (uint64_t)(int64_t)(int32_t)ht_fixed(in, 4);
        break;
    default:
        in->bad = true;
        return 0;
    }
    if ((encoding & 0x70) == 0x10)
        v += here;
    else if ((encoding & 0x70) == 0x30)
        v += data_base;
    else if ((encoding & 0x70) != 0)
        in->bad = true; /* textrel, funcrel, aligned: not used in .eh_frame on x86-64 */
    return v;
}

struct cie {
    uint64_t code_align;
    int64_t data_align;
    unsigned fde_encoding;
    uint64_t base; /* that positions of expressions count from */
    bool augmented, signal;
    struct ht_in program;
};

/* The length word of a CIE or FDE; narrows `in` to its body. False at a terminator. */
static bool entry(struct ht_in *in, struct ht_in *body)
{
    uint64_t n = ht_fixed(in, 4);
    if (n == 0xffffffff)
        n = ht_fixed(in, 8);
    if (!n || in->bad || n > (uint64_t)(in->end - in->at))
        return false;
    *body = (struct ht_in){in->at, in->at + n, false};
    return true;
}

static bool read_cie(const unsigned char *at, const unsigned char *end, struct cie *c)
{
    struct ht_in in = {at, end, false}, b;
    if (!entry(&in, &b) || ht_fixed(&b, 4) != 0)
        return false;
    unsigned version = (unsigned)ht_fixed(&b, 1);
    const char *aug = (const char *)b.at;
    const char *nul = memchr(aug, 0, (size_t)(b.end - b.at));
    if (!nul || (version != 1 && version != 3))
        return false;
    b.at = (const unsigned char *)nul + 1;
    memset(c, 0, sizeof *c);
    c->code_align = ht_uleb(&b);
    c->data_align = ht_sleb(&b);
    if ((version == 1 ? ht_fixed(&b, 1) : ht_uleb(&b)) != HT_REG_PC)
        return false;
    if (*aug == 'z') {
        uint64_t n = ht_uleb(&b);
        if (b.bad || n > (uint64_t)(b.end - b.at))
            return false;
        struct ht_in a = {b.at, b.at + n, false};
        b.at += n;
        c->augmented = true;
        for (aug++; *aug; aug++) {
            if (*aug == 'R') {
                c->fde_encoding = (unsigned)ht_fixed(&a, 1);
            } else if (*aug == 'L') {
                ht_fixed(&a, 1);
            } else if (*aug == 'P') {
                unsigned encoding = (unsigned)ht_fixed(&a, 1);
                encoded(&a, encoding & 0x0f, 0);
            } else if (*aug == 'S') {
                c->signal = true;
            } else {
                break; /* the length of the rest is known */
            }
        }
    } else if (*aug) {
        return false;
    }
    c->program = b;
    return !b.bad;
}

static void set(struct ht_row *r, uint64_t reg, enum ht_rule rule, int64_t value)
{
    if (reg >= HT_N_REGS)
        return;
    r->rule[reg] = (uint8_t)rule;
    r->value[reg] = (int32_t)value;
    if (r->value[reg] != value)
        r->rule[reg] = HT_RULE_UNKNOWN;
}

static void restore(struct ht_row *r, const struct ht_row *initial, uint64_t reg)
{
    if (initial && reg < HT_N_REGS) {
        r->rule[reg] = initial->rule[reg];
        r->value[reg] = initial->value[reg];
    }
}

/* DW_CFA_remember_state nests once in what gcc and clang write. */
#define STATES 4

/* Runs instructions until the row for `target` is complete. False: something not understood. */
static bool execute(struct ht_in p, const struct cie *c, struct ht_row *r,
                    const struct ht_row *initial, uint64_t loc, uint64_t target)
{
    struct ht_row stack[STATES];
    unsigned depth = 0;
    while (p.at < p.end && !p.bad) {
        unsigned op = (unsigned)ht_fixed(&p, 1), low = op & 0x3f;
        uint64_t reg;
        uint64_t advance = 0;
        bool moves = false;
        switch (op & 0xc0) {
        case 0x40: /* advance_loc */
            advance = low;
            moves = true;
            break;
        case 0x80: /* offset */
            set(r, low, HT_RULE_CFA, (int64_t)ht_uleb(&p) * c->data_align);
            break;
        case 0xc0: /* restore */
            restore(r, initial, low);
            break;
        default:
            switch (op) {
            case 0x00: /* nop */
                break;
            case 0x01: { /* set_loc */
                uint64_t to = encoded(&p, c->fde_encoding, 0);
                if (to > target)
                    return true;
                loc = to;
                break;
            }
            case 0x02:
            case 0x03:
            case 0x04: /* advance_loc1, 2, 4 */
                advance = ht_fixed(&p, 1u << (op - 2));
                moves = true;
                break;
            case 0x05: /* offset_extended */
                reg = ht_uleb(&p);
                set(r, reg, HT_RULE_CFA, (int64_t)ht_uleb(&p) * c->data_align);
                break;
            case 0x06: /* restore_extended */
                restore(r, initial, ht_uleb(&p));
                break;
            case 0x07: /* undefined */
                set(r, ht_uleb(&p), HT_RULE_UNDEFINED, 0);
                break;
            case 0x08: /* same_value */
                set(r, ht_uleb(&p), HT_RULE_SAME, 0);
                break;
            case 0x09: /* register */
                reg = ht_uleb(&p);
                set(r, reg, HT_RULE_REGISTER, (int64_t)ht_uleb(&p));
                break;
            case 0x0a: /* remember_state */
                if (depth == STATES)
                    return false;
                stack[depth++] = *r;
                break;
            case 0x0b: /* restore_state */
                if (!depth)
                    return false;
                *r = stack[--depth];
                break;
            case 0x0c: /* def_cfa */
                r->cfa = HT_CFA_REGISTER;
                r->cfa_register = (unsigned)ht_uleb(&p);
                r->cfa_offset = (int64_t)ht_uleb(&p);
                break;
            case 0x0d: /* def_cfa_register */
                r->cfa = HT_CFA_REGISTER;
                r->cfa_register = (unsigned)ht_uleb(&p);
                break;
            case 0x0e: /* def_cfa_offset */
                r->cfa_offset = (int64_t)ht_uleb(&p);
                break;
            case 0x0f:   /* def_cfa_expression */
            case 0x10:   /* expression */
            case 0x16: { /* val_expression */
                reg = op == 0x0f ? 0 : ht_uleb(&p);
                int64_t at = (int64_t)((uint64_t)p.at - c->base);
                uint64_t n = ht_uleb(&p);
                if (p.bad || n > (uint64_t)(p.end - p.at))
                    return false;
                p.at += n;
                if (op == 0x0f) {
                    r->cfa = HT_CFA_EXPRESSION;
                    r->cfa_offset = at;
                } else {
                    set(r, reg, op == 0x10 ? HT_RULE_EXPRESSION : HT_RULE_VAL_EXPRESSION, at);
                }
                break;
            }
            case 0x11: /* offset_extended_sf */
                reg = ht_uleb(&p);
                set(r, reg, HT_RULE_CFA, ht_sleb(&p) * c->data_align);
                break;
            case 0x12: /* def_cfa_sf */
                r->cfa = HT_CFA_REGISTER;
                r->cfa_register = (unsigned)ht_uleb(&p);
                r->cfa_offset = ht_sleb(&p) * c->data_align;
                break;
            case 0x13: /* def_cfa_offset_sf */
                r->cfa_offset = ht_sleb(&p) * c->data_align;
                break;
            case 0x14: /* val_offset */
                reg = ht_uleb(&p);
                set(r, reg, HT_RULE_VAL_CFA, (int64_t)ht_uleb(&p) * c->data_align);
                break;
            case 0x15: /* val_offset_sf */
                reg = ht_uleb(&p);
                set(r, reg, HT_RULE_VAL_CFA, ht_sleb(&p) * c->data_align);
                break;
            case 0x2e: /* GNU_args_size */
                ht_uleb(&p);
                break;
            case 0x2f: /* GNU_negative_offset_extended */
                reg = ht_uleb(&p);
                set(r, reg, HT_RULE_CFA, -(int64_t)ht_uleb(&p) * c->data_align);
                break;
            default:
                return false;
            }
        }
        if (moves) {
            loc += advance * c->code_align;
            if (loc > target)
                return true;
        }
    }
    return !p.bad;
}

/* The FDE that .eh_frame_hdr's sorted table names for pc, or 0. Only the table every linker writes
 * (datarel, sdata4) is searched. */
static uint64_t find_fde(uint64_t pc, uint64_t end, uint64_t hdr)
{
    struct ht_in in = {(const unsigned char *)hdr, (const unsigned char *)end, false};
    uint64_t version = ht_fixed(&in, 1);
    unsigned eh_encoding = (unsigned)ht_fixed(&in, 1), count_encoding = (unsigned)ht_fixed(&in, 1);
    unsigned table_encoding = (unsigned)ht_fixed(&in, 1);
    encoded(&in, eh_encoding, hdr);
    uint64_t n = encoded(&in, count_encoding, hdr);
    if (in.bad || version != 1 || table_encoding != 0x3b || !n ||
        n > (uint64_t)(in.end - in.at) / 8)
        return 0;
    const int32_t(*table)[2] = (const void *)in.at;
    int64_t key = (int64_t)(pc - hdr);
    if (key < table[0][0])
        return 0;
    uint64_t low = 0, high = n; /* table[low] <= key < table[high] */
    while (high - low > 1) {
        uint64_t mid = low + (high - low) / 2;
        if (table[mid][0] <= key)
            low = mid;
        else
            high = mid;
    }
    return hdr + (uint64_t)(int64_t)table[low][1];
}

int ht_cfi_row(uint64_t pc, const struct ht_object *o, struct ht_row *row)
{
    uint64_t start = o->start, end = o->end, hdr = o->eh_frame_hdr;
    if (!hdr || hdr < start || hdr + 12 > end)
        return -ENOENT;
    uint64_t fde = find_fde(pc, end, hdr);
    if (fde < start || fde >= end)
        return -ENOENT;
    struct ht_in in = {(const unsigned char *)fde, (const unsigned char *)end, false}, b;
    if (!entry(&in, &b))
        return -ENOENT;
    uint64_t here = (uint64_t)b.at, back = ht_fixed(&b, 4);
    struct cie c;
    if (!back || here - back < start || here - back >= end ||
        !read_cie((const unsigned char *)(here - back), (const unsigned char *)end, &c))
        return -ENOENT;
    c.base = hdr;
    uint64_t first = encoded(&b, c.fde_encoding, 0);
    uint64_t size = encoded(&b, c.fde_encoding & 0x0f, 0);
    if (b.bad || pc < first || pc - first >= size)
        return -ENOENT;
    if (c.augmented) {
        uint64_t n = ht_uleb(&b);
        if (b.bad || n > (uint64_t)(b.end - b.at))
            return -ENOENT;
        b.at += n;
    }
    struct ht_row initial;
    memset(row, 0, sizeof *row);
    row->base = hdr;
    row->signal = c.signal;
    if (!execute(c.program, &c, row, NULL, 0, UINT64_MAX))
        return -EINVAL;
    initial = *row;
    return execute(b, &c, row, &initial, first, pc) ? 0 : -EINVAL;
}

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

static uint64_t recipe_of(const struct ht_row *r)
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

uint64_t ht_cfi_recipe(uint64_t pc, const struct ht_object *o)
{
    struct ht_row row;
    int r = ht_cfi_row(pc, o, &row);
    return r == -ENOENT ? HT_STEP_UNKNOWN : r ? HT_STEP_OTHER : recipe_of(&row);
}
