/* SPDX-License-Identifier: MIT */
/*
 * Finds a pc's entry in .eh_frame by the binary-search table of .eh_frame_hdr, and executes the
 * entry's program up to that pc. Every read is checked against the section's end, for a file may
 * be hostile; what is not understood ends in "no row".
 */
#include "config.h"

#include "cfi/cfi.h"

#include <errno.h>
#include <string.h>

#include "cfi/cfi_read.h"

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

/* Unsigned, for a damaged entry's number may be any. */
static int64_t factored(const struct cie *c, uint64_t n)
{
    return (int64_t)(n * (uint64_t)c->data_align);
}

/* DW_CFA_remember_state nests once in what gcc and clang write. */
#define STATES 4

/* Reads an expression's length and passes over it. Its place, from the section's start on; -1: it
 * goes beyond the instructions. */
static int64_t expression(struct ht_in *p, const struct cie *c)
{
    int64_t at = (int64_t)((uint64_t)p->at - c->base);
    uint64_t n = ht_uleb(p);
    if (p->bad || n > (uint64_t)(p->end - p->at))
        return -1;
    p->at += n;
    return at;
}

/* An instruction that sets the rule of one register. False: it is none, or not understood. */
static bool rule_instruction(unsigned op, struct ht_in *p, const struct cie *c, struct ht_row *r,
                             const struct ht_row *initial)
{
    uint64_t reg = ht_uleb(p);
    int64_t at;
    switch (op) {
    case 0x05: /* offset_extended */
        set(r, reg, HT_RULE_CFA, factored(c, ht_uleb(p)));
        return true;
    case 0x06: /* restore_extended */
        restore(r, initial, reg);
        return true;
    case 0x07: /* undefined */
        set(r, reg, HT_RULE_UNDEFINED, 0);
        return true;
    case 0x08: /* same_value */
        set(r, reg, HT_RULE_SAME, 0);
        return true;
    case 0x09: /* register */
        set(r, reg, HT_RULE_REGISTER, (int64_t)ht_uleb(p));
        return true;
    case 0x10: /* expression */
    case 0x16: /* val_expression */
        at = expression(p, c);
        if (at < 0)
            return false;
        set(r, reg, op == 0x10 ? HT_RULE_EXPRESSION : HT_RULE_VAL_EXPRESSION, at);
        return true;
    case 0x11: /* offset_extended_sf */
        set(r, reg, HT_RULE_CFA, factored(c, (uint64_t)ht_sleb(p)));
        return true;
    case 0x14: /* val_offset */
        set(r, reg, HT_RULE_VAL_CFA, factored(c, ht_uleb(p)));
        return true;
    case 0x15: /* val_offset_sf */
        set(r, reg, HT_RULE_VAL_CFA, factored(c, (uint64_t)ht_sleb(p)));
        return true;
    case 0x2f: /* GNU_negative_offset_extended */
        set(r, reg, HT_RULE_CFA, factored(c, -ht_uleb(p)));
        return true;
    default:
        return false;
    }
}

/* An instruction that says how the CFA is computed. False: not understood, or it changes a part of
 * an expression. */
static bool cfa_instruction(unsigned op, struct ht_in *p, const struct cie *c, struct ht_row *r)
{
    bool whole = op == 0x0c || op == 0x0f || op == 0x12;
    int64_t at;
    if (!whole && r->cfa == HT_CFA_EXPRESSION)
        return false;
    switch (op) {
    case 0x0c: /* def_cfa */
        r->cfa = HT_CFA_REGISTER;
        r->cfa_register = (unsigned)ht_uleb(p);
        r->cfa_offset = (int64_t)ht_uleb(p);
        return true;
    case 0x0d: /* def_cfa_register */
        r->cfa = HT_CFA_REGISTER;
        r->cfa_register = (unsigned)ht_uleb(p);
        return true;
    case 0x0e: /* def_cfa_offset */
        r->cfa_offset = (int64_t)ht_uleb(p);
        return true;
    case 0x0f: /* def_cfa_expression */
        at = expression(p, c);
        if (at < 0)
            return false;
        r->cfa = HT_CFA_EXPRESSION;
        r->cfa_offset = at;
        return true;
    case 0x12: /* def_cfa_sf */
        r->cfa = HT_CFA_REGISTER;
        r->cfa_register = (unsigned)ht_uleb(p);
        r->cfa_offset = factored(c, (uint64_t)ht_sleb(p));
        return true;
    default: /* 0x13, def_cfa_offset_sf */
        r->cfa_offset = factored(c, (uint64_t)ht_sleb(p));
        return true;
    }
}

/* Runs instructions until the row for `target` is complete. False: something not understood. */
static bool execute(struct ht_in p, const struct cie *c, struct ht_row *r,
                    const struct ht_row *initial, uint64_t loc, uint64_t target)
{
    struct ht_row stack[STATES];
    unsigned depth = 0;
    while (p.at < p.end && !p.bad) {
        unsigned op = (unsigned)ht_fixed(&p, 1), low = op & 0x3f;
        uint64_t advance = 0;
        bool moves = false;
        /* The three instructions that have an operand in their own byte. */
        if (op & 0xc0)
            op &= 0xc0;
        switch (op) {
        case 0x40: /* advance_loc */
            advance = low;
            moves = true;
            break;
        case 0x80: /* offset */
            set(r, low, HT_RULE_CFA, factored(c, ht_uleb(&p)));
            break;
        case 0xc0: /* restore */
            restore(r, initial, low);
            break;
        case 0x00: /* nop */
            break;
        case 0x01: /* set_loc */
            loc = encoded(&p, c->fde_encoding, 0);
            if (loc > target)
                return true;
            break;
        case 0x02:
        case 0x03:
        case 0x04: /* advance_loc1, 2, 4 */
            advance = ht_fixed(&p, 1u << (op - 2));
            moves = true;
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
        case 0x0c:
        case 0x0d:
        case 0x0e:
        case 0x0f:
        case 0x12:
        case 0x13:
            if (!cfa_instruction(op, &p, c, r))
                return false;
            break;
        case 0x2e: /* GNU_args_size */
            ht_uleb(&p);
            break;
        default:
            if (!rule_instruction(op, &p, c, r, initial))
                return false;
        }
        if (moves) {
            loc += advance * c->code_align;
            if (loc > target)
                return true;
        }
    }
    return !p.bad;
}

/* Where the sorted table is and how long; 0 where it is not pairs of words that count from the
 * header, as every linker writes it. */
static __attribute__((noinline)) uint64_t
table_behind(const unsigned char *hdr, const unsigned char *end, const unsigned char **table)
{
    struct ht_in in = {hdr, end, false};
    uint64_t version = ht_fixed(&in, 1);
    unsigned eh_encoding = (unsigned)ht_fixed(&in, 1), count_encoding = (unsigned)ht_fixed(&in, 1);
    unsigned table_encoding = (unsigned)ht_fixed(&in, 1);
    encoded(&in, eh_encoding, (uint64_t)hdr);
    uint64_t n = encoded(&in, count_encoding, (uint64_t)hdr);
    *table = in.at;
    return in.bad || version != 1 || table_encoding != 0x3b ? 0 : n;
}

uint64_t ht_cfi_entry(uint64_t pc, const struct ht_object *o)
{
    uint64_t hdr = o->eh_frame_hdr, end = o->end;
    if (!hdr || hdr < o->start || hdr + 12 > end)
        return 0;
    const uint32_t *word = (const uint32_t *)hdr;
    const unsigned char *at = (const unsigned char *)hdr + 12;
    /* The encodings that ld, gold and lld write: the number of entries is a word. */
    uint64_t n = HT_LIKELY(word[0] == 0x3b031b01)
                     ? word[2]
                     : table_behind((const unsigned char *)hdr, (const unsigned char *)end, &at);
    const int32_t(*table)[2] = (const void *)at;
    int64_t key = (int64_t)(pc - hdr);
    if (!n || n > (end - (uint64_t)at) / 8 || key < table[0][0])
        return 0;
    /* The last of the n from *table on that is not above the key. No branch to guess wrong. */
    while (n > 1) {
        uint64_t half = n / 2;
        table = table[half][0] <= key ? table + half : table;
        n -= half;
    }
    return hdr + (uint64_t)(int64_t)(*table)[1];
}

int ht_cfi_row(uint64_t pc, const struct ht_object *o, struct ht_row *row)
{
    uint64_t start = o->start, end = o->end, hdr = o->eh_frame_hdr, fde = ht_cfi_entry(pc, o);
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
