/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <stdbool.h>
#include <string.h>

#include "preload/cfi.h"

enum { REG_BP = 6, REG_SP = 7, REG_RA = 16 };

/* A bounded reader: past the end it reads zeroes and stays `bad`. */
struct in {
    const unsigned char *at, *end;
    bool bad;
};

static uint64_t fixed(struct in *in, unsigned n)
{
    uint64_t v = 0;
    if ((uint64_t)(in->end - in->at) < n) {
        in->bad = true;
        in->at = in->end;
        return 0;
    }
    memcpy(&v, in->at, n);
    in->at += n;
    return v;
}

static uint64_t uleb(struct in *in)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint64_t b = fixed(in, 1);
        if (shift < 64)
            v |= (b & 0x7f) << shift;
        if (!(b & 0x80))
            return v;
    }
    in->bad = true;
    return 0;
}

static int64_t sleb(struct in *in)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 70;) {
        uint64_t b = fixed(in, 1);
        if (shift < 64)
            v |= (b & 0x7f) << shift;
        shift += 7;
        if (!(b & 0x80)) {
            if ((b & 0x40) && shift < 64)
                v |= ~0ull << shift;
            return (int64_t)v;
        }
    }
    in->bad = true;
    return 0;
}

/* DW_EH_PE_*: format in the low four bits, base in the next three. */
static uint64_t encoded(struct in *in, unsigned encoding, uint64_t data_base)
{
    if (encoding == 0xff)
        return 0;
    uint64_t here = (uint64_t)in->at, v;
    switch (encoding & 0x0f) {
    case 0x00:
    case 0x04:
    case 0x0c:
        v = fixed(in, 8);
        break;
    case 0x01:
        v = uleb(in);
        break;
    case 0x02:
        v = fixed(in, 2);
        break;
    case 0x03:
        v = fixed(in, 4);
        break;
    case 0x09:
        v = (uint64_t)sleb(in);
        break;
    case 0x0a:
        v = (uint64_t)(int64_t)(int16_t)fixed(in, 2);
        break;
    case 0x0b:
        v = (uint64_t)(int64_t)(int32_t)fixed(in, 4);
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
    bool augmented, signal;
    struct in program;
};

struct rule {
    enum { SAME, AT_CFA, AT_REG, UNDEFINED, OTHER } kind;
    int64_t offset;
};

struct row {
    unsigned cfa_reg;
    int64_t cfa_offset;
    enum { CFA_REG, CFA_RBP_DEREF, CFA_PLT, CFA_OTHER } cfa;
    struct rule bp, ra, sp;
};

/* The length word of a CIE or FDE; narrows `in` to its body. False at a terminator. */
static bool entry(struct in *in, struct in *body)
{
    uint64_t n = fixed(in, 4);
    if (n == 0xffffffff)
        n = fixed(in, 8);
    if (!n || in->bad || n > (uint64_t)(in->end - in->at))
        return false;
    *body = (struct in){in->at, in->at + n, false};
    return true;
}

static bool read_cie(const unsigned char *at, const unsigned char *end, struct cie *c)
{
    struct in in = {at, end, false}, b;
    if (!entry(&in, &b) || fixed(&b, 4) != 0)
        return false;
    unsigned version = (unsigned)fixed(&b, 1);
    const char *aug = (const char *)b.at;
    const char *nul = memchr(aug, 0, (size_t)(b.end - b.at));
    if (!nul || (version != 1 && version != 3))
        return false;
    b.at = (const unsigned char *)nul + 1;
    memset(c, 0, sizeof *c);
    c->code_align = uleb(&b);
    c->data_align = sleb(&b);
    if ((version == 1 ? fixed(&b, 1) : uleb(&b)) != REG_RA)
        return false;
    if (*aug == 'z') {
        uint64_t n = uleb(&b);
        if (b.bad || n > (uint64_t)(b.end - b.at))
            return false;
        struct in a = {b.at, b.at + n, false};
        b.at += n;
        c->augmented = true;
        for (aug++; *aug; aug++) {
            if (*aug == 'R') {
                c->fde_encoding = (unsigned)fixed(&a, 1);
            } else if (*aug == 'L') {
                fixed(&a, 1);
            } else if (*aug == 'P') {
                unsigned encoding = (unsigned)fixed(&a, 1);
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

/* gcc's realigned frames: DW_OP_breg6 N; DW_OP_deref. Lazy PLT entries: ld's fixed expression. */
static void cfa_expression(struct row *r, struct in e)
{
    static const unsigned char plt[] = {0x77, 0x08, 0x80, 0x00, 0x3f, 0x1a, 0x3b,
                                        0x2a, 0x33, 0x24, 0x22};
    size_t n = (size_t)(e.end - e.at);
    r->cfa = CFA_OTHER;
    /* The compared constant (0x3b: 11) differs with the PLT's flavour; 11 and 6 are ld's. */
    if (n == sizeof plt && !memcmp(e.at, plt, 6) && !memcmp(e.at + 7, plt + 7, 4)) {
        r->cfa = CFA_PLT;
        r->cfa_offset = e.at[6] - 0x30;
    } else if (n >= 3 && e.at[0] == 0x76) {
        e.at++;
        int64_t offset = sleb(&e);
        if (!e.bad && e.end - e.at == 1 && *e.at == 0x06) {
            r->cfa = CFA_RBP_DEREF;
            r->cfa_offset = offset;
        }
    }
}

static struct rule *rule_of(struct row *r, uint64_t reg)
{
    return reg == REG_BP ? &r->bp : reg == REG_RA ? &r->ra : reg == REG_SP ? &r->sp : NULL;
}

static void set(struct row *r, uint64_t reg, int kind, int64_t offset)
{
    struct rule *to = rule_of(r, reg);
    if (to)
        *to = (struct rule){kind, offset};
}

static void reg_expression(struct row *r, uint64_t reg, struct in e)
{
    set(r, reg, OTHER, 0);
    if (e.at < e.end && *e.at == 0x76) { /* DW_OP_breg6 N alone: saved at rbp + N */
        e.at++;
        int64_t offset = sleb(&e);
        if (!e.bad && e.at == e.end)
            set(r, reg, AT_REG, offset);
    }
}

#define STATES 8

/* Runs instructions until the row for `target` is complete. False: something not understood. */
static bool execute(struct in p, const struct cie *c, struct row *r, const struct row *initial,
                    uint64_t loc, uint64_t target)
{
    struct row stack[STATES];
    unsigned depth = 0;
    while (p.at < p.end && !p.bad) {
        unsigned op = (unsigned)fixed(&p, 1), low = op & 0x3f;
        uint64_t reg;
        uint64_t advance = 0;
        bool moves = false;
        switch (op & 0xc0) {
        case 0x40: /* advance_loc */
            advance = low;
            moves = true;
            break;
        case 0x80: /* offset */
            set(r, low, AT_CFA, (int64_t)uleb(&p) * c->data_align);
            break;
        case 0xc0: /* restore */
            if (initial && rule_of(r, low))
                *rule_of(r, low) = *rule_of((struct row *)initial, low);
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
                advance = fixed(&p, 1u << (op - 2));
                moves = true;
                break;
            case 0x05: /* offset_extended */
                reg = uleb(&p);
                set(r, reg, AT_CFA, (int64_t)uleb(&p) * c->data_align);
                break;
            case 0x06: /* restore_extended */
                reg = uleb(&p);
                if (initial && rule_of(r, reg))
                    *rule_of(r, reg) = *rule_of((struct row *)initial, reg);
                break;
            case 0x07: /* undefined */
                set(r, uleb(&p), UNDEFINED, 0);
                break;
            case 0x08: /* same_value */
                set(r, uleb(&p), SAME, 0);
                break;
            case 0x09: /* register */
                set(r, uleb(&p), OTHER, 0);
                uleb(&p);
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
                r->cfa = CFA_REG;
                r->cfa_reg = (unsigned)uleb(&p);
                r->cfa_offset = (int64_t)uleb(&p);
                break;
            case 0x0d: /* def_cfa_register */
                r->cfa = CFA_REG;
                r->cfa_reg = (unsigned)uleb(&p);
                break;
            case 0x0e: /* def_cfa_offset */
                r->cfa_offset = (int64_t)uleb(&p);
                break;
            case 0x0f: /* def_cfa_expression */
            case 0x10: /* expression */
            case 0x16: { /* val_expression */
                reg = op == 0x0f ? 0 : uleb(&p);
                uint64_t n = uleb(&p);
                if (p.bad || n > (uint64_t)(p.end - p.at))
                    return false;
                struct in e = {p.at, p.at + n, false};
                p.at += n;
                if (op == 0x0f)
                    cfa_expression(r, e);
                else if (op == 0x10)
                    reg_expression(r, reg, e);
                else
                    set(r, reg, OTHER, 0);
                break;
            }
            case 0x11: /* offset_extended_sf */
                reg = uleb(&p);
                set(r, reg, AT_CFA, sleb(&p) * c->data_align);
                break;
            case 0x12: /* def_cfa_sf */
                r->cfa = CFA_REG;
                r->cfa_reg = (unsigned)uleb(&p);
                r->cfa_offset = sleb(&p) * c->data_align;
                break;
            case 0x13: /* def_cfa_offset_sf */
                r->cfa_offset = sleb(&p) * c->data_align;
                break;
            case 0x14: /* val_offset */
            case 0x15:
                set(r, uleb(&p), OTHER, 0);
                uleb(&p);
                break;
            case 0x2e: /* GNU_args_size */
                uleb(&p);
                break;
            case 0x2f: /* GNU_negative_offset_extended */
                reg = uleb(&p);
                set(r, reg, AT_CFA, -(int64_t)uleb(&p) * c->data_align);
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

static bool fits(int64_t v)
{
    return v >= -(1 << 27) && v < (1 << 27);
}

static uint64_t recipe_of(const struct row *r, bool signal)
{
    if (signal)
        return HT_RECIPE(HT_STEP_SIGNAL, HT_RBP_SAME, 0, 0);
    if (r->ra.kind == UNDEFINED)
        return HT_RECIPE(HT_STEP_END, HT_RBP_SAME, 0, 0);
    if (r->ra.kind != AT_CFA || r->ra.offset != -8 || r->sp.kind != SAME || !fits(r->cfa_offset))
        return HT_STEP_OTHER;
    unsigned kind;
    switch (r->cfa) {
    case CFA_REG:
        kind = r->cfa_reg == REG_SP ? HT_STEP_RSP : r->cfa_reg == REG_BP ? HT_STEP_RBP
                                                                         : HT_STEP_OTHER;
        break;
    case CFA_RBP_DEREF:
        kind = HT_STEP_RBP_DEREF;
        break;
    case CFA_PLT:
        kind = HT_STEP_PLT;
        break;
    default:
        kind = HT_STEP_OTHER;
    }
    if (kind == HT_STEP_OTHER)
        return HT_STEP_OTHER;
    unsigned bp = HT_RBP_LOST;
    int64_t bp_offset = 0;
    if (r->bp.kind == SAME) {
        bp = HT_RBP_SAME;
    } else if ((r->bp.kind == AT_CFA || r->bp.kind == AT_REG) && fits(r->bp.offset)) {
        bp = r->bp.kind == AT_CFA ? HT_RBP_CFA : HT_RBP_RBP;
        bp_offset = r->bp.offset;
    }
    return HT_RECIPE(kind, bp, r->cfa_offset, bp_offset);
}

/* The FDE that .eh_frame_hdr's sorted table names for pc, or 0. Only the table every linker writes
 * (datarel, sdata4) is searched. */
static uint64_t find_fde(uint64_t pc, uint64_t end, uint64_t hdr)
{
    struct in in = {(const unsigned char *)hdr, (const unsigned char *)end, false};
    uint64_t version = fixed(&in, 1);
    unsigned eh_encoding = (unsigned)fixed(&in, 1), count_encoding = (unsigned)fixed(&in, 1);
    unsigned table_encoding = (unsigned)fixed(&in, 1);
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

uint64_t ht_cfi_recipe(uint64_t pc, uint64_t start, uint64_t end, uint64_t hdr)
{
    if (!hdr || hdr < start || hdr + 12 > end)
        return HT_STEP_UNKNOWN;
    uint64_t fde = find_fde(pc, end, hdr);
    if (fde < start || fde >= end)
        return HT_STEP_UNKNOWN;
    struct in in = {(const unsigned char *)fde, (const unsigned char *)end, false}, b;
    if (!entry(&in, &b))
        return HT_STEP_UNKNOWN;
    uint64_t here = (uint64_t)b.at, back = fixed(&b, 4);
    struct cie c;
    if (!back || here - back < start || here - back >= end ||
        !read_cie((const unsigned char *)(here - back), (const unsigned char *)end, &c))
        return HT_STEP_UNKNOWN;
    uint64_t first = encoded(&b, c.fde_encoding, 0);
    uint64_t size = encoded(&b, c.fde_encoding & 0x0f, 0);
    if (b.bad || pc < first || pc - first >= size)
        return HT_STEP_UNKNOWN;
    if (c.augmented) {
        uint64_t n = uleb(&b);
        if (b.bad || n > (uint64_t)(b.end - b.at))
            return HT_STEP_UNKNOWN;
        b.at += n;
    }
    struct row row, initial;
    memset(&row, 0, sizeof row);
    row.cfa = CFA_OTHER;
    row.ra.kind = OTHER;
    if (!execute(c.program, &c, &row, NULL, 0, UINT64_MAX))
        return HT_STEP_OTHER;
    initial = row;
    if (!execute(b, &c, &row, &initial, first, pc))
        return HT_STEP_OTHER;
    return recipe_of(&row, c.signal);
}
