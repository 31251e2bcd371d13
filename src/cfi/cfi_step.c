/* SPDX-License-Identifier: MIT */
/* Stepping with all registers and any rule. */
#include "config.h"

#include "cfi/cfi.h"
#include "cfi/cfi_read.h"

#define DEPTH 16
#define OPERATIONS                                                                                 \
    64 /* more than any compiler or assembler writes; branches cannot loop for ever */

struct machine {
    uint64_t stack[DEPTH];
    unsigned n;
    bool bad;
};

static void push(struct machine *m, uint64_t v)
{
    if (m->n < DEPTH)
        m->stack[m->n++] = v;
    else
        m->bad = true;
}

static uint64_t pop(struct machine *m)
{
    if (m->n)
        return m->stack[--m->n];
    m->bad = true;
    return 0;
}

static uint64_t peek(struct machine *m, uint64_t below)
{
    if (below < m->n)
        return m->stack[m->n - 1 - below];
    m->bad = true;
    return 0;
}

static void push_register(struct machine *m, const struct ht_all_regs *regs, uint64_t reg,
                          int64_t offset)
{
    if (reg < HT_N_REGS && (regs->known & 1u << reg))
        push(m, regs->r[reg] + (uint64_t)offset);
    else
        m->bad = true;
}

static bool constant(struct machine *m, unsigned op, struct ht_in *e)
{
    switch (op) {
    case 0x08: /* const1u */
        push(m, ht_fixed(e, 1));
        return true;
    case 0x09:
        push(m, (uint64_t)(int8_t)ht_fixed(e, 1));
        return true;
    case 0x0a:
        push(m, ht_fixed(e, 2));
        return true;
    case 0x0b:
        push(m, (uint64_t)(int16_t)ht_fixed(e, 2));
        return true;
    case 0x0c:
        push(m, ht_fixed(e, 4));
        return true;
    case 0x0d:
        push(m, (uint64_t)(int32_t)ht_fixed(e, 4));
        return true;
    case 0x0e:
    case 0x0f:
        push(m, ht_fixed(e, 8));
        return true;
    case 0x10:
        push(m, ht_uleb(e));
        return true;
    case 0x11:
        push(m, (uint64_t)ht_sleb(e));
        return true;
    default:
        return false;
    }
}

static bool binary(struct machine *m, unsigned op)
{
    uint64_t b = m->n > 0 ? m->stack[m->n - 1] : 0, a = m->n > 1 ? m->stack[m->n - 2] : 0, v;
    switch (op) {
    case 0x1a:
        v = a & b;
        break;
    case 0x1c:
        v = a - b;
        break;
    case 0x1e:
        v = a * b;
        break;
    case 0x21:
        v = a | b;
        break;
    case 0x22:
        v = a + b;
        break;
    case 0x24:
        v = b < 64 ? a << b : 0;
        break;
    case 0x25:
        v = b < 64 ? a >> b : 0;
        break;
    case 0x26:
        v = (uint64_t)((int64_t)a >> (b < 63 ? b : 63));
        break;
    case 0x27:
        v = a ^ b;
        break;
    case 0x29:
        v = a == b;
        break;
    case 0x2a:
        v = (int64_t)a >= (int64_t)b;
        break;
    case 0x2b:
        v = (int64_t)a > (int64_t)b;
        break;
    case 0x2c:
        v = (int64_t)a <= (int64_t)b;
        break;
    case 0x2d:
        v = (int64_t)a < (int64_t)b;
        break;
    case 0x2e:
        v = a != b;
        break;
    default:
        return false;
    }
    pop(m);
    pop(m); /* fewer than two: bad from here on */
    push(m, v);
    return true;
}

/* DWARF 4 section 2.5, without what has no place in unwind tables. */
static bool evaluate(struct ht_in e, const struct ht_all_regs *regs, const uint64_t *first,
                     bool (*load)(void *, uint64_t, uint64_t *), void *ctx, uint64_t *result)
{
    struct machine m = {.n = 0};
    const unsigned char *start = e.at;
    if (first)
        push(&m, *first);
    for (unsigned done = 0; e.at < e.end; done++) {
        unsigned op = (unsigned)ht_fixed(&e, 1);
        uint64_t v, w;
        if (done == OPERATIONS || m.bad || e.bad)
            return false;
        if (op >= 0x30 && op <= 0x4f) { /* lit */
            push(&m, op - 0x30);
            continue;
        }
        if (op >= 0x70 && op <= 0x8f) { /* breg */
            push_register(&m, regs, op - 0x70, ht_sleb(&e));
            continue;
        }
        if (constant(&m, op, &e) || binary(&m, op))
            continue;
        switch (op) {
        case 0x06: /* deref */
            if (!load(ctx, pop(&m), &v))
                return false;
            push(&m, v);
            break;
        case 0x12:
            push(&m, peek(&m, 0));
            break;
        case 0x13:
            pop(&m);
            break;
        case 0x14:
            push(&m, peek(&m, 1));
            break;
        case 0x15:
            push(&m, peek(&m, ht_fixed(&e, 1)));
            break;
        case 0x16:
            v = pop(&m);
            w = pop(&m);
            push(&m, v);
            push(&m, w);
            break;
        case 0x1f:
            push(&m, -pop(&m));
            break;
        case 0x20:
            push(&m, ~pop(&m));
            break;
        case 0x23: /* plus_uconst */
            push(&m, pop(&m) + ht_uleb(&e));
            break;
        case 0x28:   /* bra */
        case 0x2f: { /* skip */
            int64_t by = (int16_t)ht_fixed(&e, 2);
            if (op == 0x28 && !pop(&m))
                break;
            if (by < start - e.at || by > e.end - e.at)
                return false;
            e.at += by;
            break;
        }
        case 0x92: /* bregx */
            v = ht_uleb(&e);
            push_register(&m, regs, v, ht_sleb(&e));
            break;
        case 0x96: /* nop */
            break;
        default:
            return false;
        }
    }
    *result = pop(&m);
    return !m.bad && !e.bad;
}

/* A register's value in the caller's frame. */
static bool recover(const struct ht_row *row, const struct ht_all_regs *now, unsigned i,
                    uint64_t cfa, bool (*load)(void *, uint64_t, uint64_t *), void *ctx,
                    uint64_t *v)
{
    uint64_t value = (uint64_t)(int64_t)row->value[i];
    switch (row->rule[i]) {
    case HT_RULE_SAME:
        *v = now->r[i];
        return now->known & 1u << i;
    case HT_RULE_CFA:
        return load(ctx, cfa + value, v);
    case HT_RULE_VAL_CFA:
        *v = cfa + value;
        return true;
    case HT_RULE_REGISTER:
        if (value >= HT_N_REGS)
            return false;
        *v = now->r[value];
        return now->known & 1u << value;
    case HT_RULE_EXPRESSION:
        return evaluate(ht_expression(row->base + value), now, &cfa, load, ctx, &value) &&
               load(ctx, value, v);
    case HT_RULE_VAL_EXPRESSION:
        return evaluate(ht_expression(row->base + value), now, &cfa, load, ctx, v);
    default:
        return false;
    }
}

bool ht_cfi_step(const struct ht_row *row, struct ht_all_regs *regs,
                 bool (*load)(void *, uint64_t, uint64_t *), void *ctx)
{
    struct ht_all_regs next = {.known = 0};
    uint64_t cfa, v = 0;
    if (row->cfa == HT_CFA_REGISTER) {
        if (row->cfa_register >= HT_N_REGS || !(regs->known & 1u << row->cfa_register))
            return false;
        cfa = regs->r[row->cfa_register] + (uint64_t)row->cfa_offset;
    } else if (row->cfa != HT_CFA_EXPRESSION ||
               !evaluate(ht_expression(row->base + (uint64_t)row->cfa_offset), regs, NULL, load,
                         ctx, &cfa)) {
        return false;
    }
    for (unsigned i = 0; i < HT_N_REGS; i++)
        if (recover(row, regs, i, cfa, load, ctx, &v)) {
            next.r[i] = v;
            next.known |= 1u << i;
        }
    /* The stack pointer's own rule is the CFA, unless said otherwise (signal frames). */
    if (row->rule[HT_REG_SP] == HT_RULE_SAME) {
        next.r[HT_REG_SP] = cfa;
        next.known |= 1u << HT_REG_SP;
    }
    if (row->rule[HT_REG_PC] == HT_RULE_SAME || !(next.known & 1u << HT_REG_PC) ||
        !(next.known & 1u << HT_REG_SP))
        return false;
    *regs = next;
    return true;
}
