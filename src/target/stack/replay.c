/* SPDX-License-Identifier: MIT */
/*
 * Walks again from the library's own frame to the one asked for, with all registers, because a
 * recipe keeps only three.
 */
#include "config.h"

#include "target/stack/replay.h"

static bool load_word(void *w, uint64_t at, uint64_t *word)
{
    if (!ht_ensure_readable(w, at, 8))
        return false;
    *word = ht_load(at);
    return true;
}

#define CALLEE_SAVED (1u << 3 | 1u << HT_REG_BP | 0xfu << 12)

/* One step with all registers; over code without unwind data by its frame pointer. */
static bool replay_step(struct ht_replay *p)
{
    struct ht_object o;
    struct ht_row row;
    uint64_t *r = p->regs.r, sp = r[HT_REG_SP];
    if (ht_object_find(r[HT_REG_PC] - 1, &o)) {
        if (ht_cfi_row(r[HT_REG_PC] - 1, &o, &row) ||
            !ht_cfi_step(&row, &p->regs, load_word, &p->w))
            return false;
        if (row.signal) {
            r[HT_REG_PC]++;
            p->w = ht_interrupted(r[HT_REG_SP], sp);
        }
        return true;
    }
    struct ht_regs f = {r[HT_REG_PC], r[HT_REG_SP], r[HT_REG_BP]};
    if (!(p->regs.known & 1u << HT_REG_BP) || !ht_step_fp(&f, &p->w))
        return false;
    r[HT_REG_PC] = f.pc;
    r[HT_REG_SP] = f.sp;
    r[HT_REG_BP] = f.bp;
    p->regs.known = 1u << HT_REG_PC | 1u << HT_REG_SP | 1u << HT_REG_BP;
    return true;
}

static void replay_begin(struct ht_replay *p)
{
    uint64_t *r = p->regs.r;
    __asm__ volatile("mov %%rbx, 24(%0)\n\tmov %%rbp, 48(%0)\n\tmov %%rsp, 56(%0)\n\t"
                     "mov %%r12, 96(%0)\n\tmov %%r13, 104(%0)\n\tmov %%r14, 112(%0)\n\t"
                     "mov %%r15, 120(%0)\n\tlea 1f(%%rip), %%rax\n1:\tmov %%rax, 128(%0)"
                     :
                     : "r"(r)
                     : "rax", "memory");
    p->regs.known = CALLEE_SAVED | 1u << HT_REG_SP | 1u << HT_REG_PC;
    p->w = ht_stack_range_of(r[HT_REG_SP]);
    p->begun = true;
}

bool ht_step_other(struct ht_replay *p, struct ht_regs *to)
{
    const uint64_t *r = p->regs.r;
    if (!p->begun)
        replay_begin(p);
    for (unsigned i = 0; r[HT_REG_SP] != to->sp || r[HT_REG_PC] != to->pc; i++)
        if (i == 2 * HT_MAX_DEPTH || !replay_step(p))
            return false;
    if (!replay_step(p))
        return false;
    to->pc = r[HT_REG_PC];
    to->sp = r[HT_REG_SP];
    to->bp = p->regs.known & 1u << HT_REG_BP ? r[HT_REG_BP] : 0;
    return true;
}
