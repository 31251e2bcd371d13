/* SPDX-License-Identifier: MIT */
/*
 * A stack is followed by the rules of each frame's function, on a copy of its memory. Of a thread
 * that was not stopped only pc and sp are known (/proc/PID/task/TID/syscall). That is enough for
 * code that counts its frame from sp, as the C library's system calls do; the other registers come
 * to be known when a frame is met that saved them.
 *
 * A function with a frame pointer may be met before rbp is known: its caller's frame is then looked
 * for on the stack. A place counts when the return address there stands behind a call of just this
 * function; failing that, behind some call, when the stack can be followed from there to its end.
 * Such a stack is marked as guessed.
 */
#include "config.h"

#include <string.h>

#include "remote/module.h"
#include "remote/remote.h"
#include "remote/rows.h"

#define SEARCH (64u << 10) /* how far up the stack a frame is searched */
#define BP     (1u << HT_REG_BP)

struct walk {
    struct ht_remote *r;
    const struct ht_remote_stack *stack;
};

static bool load(void *ctx, uint64_t at, uint64_t *word)
{
    const struct walk *w = ctx;
    if (at >= w->stack->at && at - w->stack->at + 8 <= w->stack->n) {
        memcpy(word, w->stack->data + (at - w->stack->at), 8);
        return true;
    }
    return ht_remote_word(w->r, at, word);
}

static bool is_code(const struct ht_remote *r, uint64_t at)
{
    const struct ht_remote_map *m = ht_remote_map_at(r, at);
    return m && m->executable;
}

/* Where the function around pc begins, there; 0: not known. The usual form of an entry: a 4-byte
 * distance behind length and CIE pointer. */
static uint64_t function_start(struct ht_remote *r, uint64_t pc)
{
    struct ht_remote_module *m = ht_remote_module_at(r, pc);
    if (!m || !ht_remote_tables(r, m))
        return 0;
    uint64_t fde = ht_cfi_entry(m->here.start + (pc - m->start), &m->here);
    int32_t distance;
    if (!fde || fde + 12 > m->here.end)
        return 0;
    memcpy(&distance, (const void *)(fde + 8), 4);
    return fde + 8 + (uint64_t)(int64_t)distance - m->here.start + m->start;
}

enum call { NO_CALL, SOME_CALL, THIS_CALL };

/* What kind of call stands before a return address. */
static enum call call_before(struct ht_remote *r, uint64_t ra, uint64_t function)
{
    unsigned char b[7];
    int32_t distance;
    if (!is_code(r, ra - 1) || ht_remote_read(r, ra - 7, b, 7) != 7)
        return NO_CALL;
    memcpy(&distance, b + 3, 4);
    if (b[2] == 0xe8) {
        uint64_t to = ra + (uint64_t)(int64_t)distance;
        if (to == function)
            return THIS_CALL;
        return is_code(r, to) ? SOME_CALL : NO_CALL;
    }
    /* ff /2: through a register or memory, with one, two, three, six or seven bytes. */
    bool through = (b[5] == 0xff && (b[6] & 0xf8) == 0xd0) ||
                   (b[4] == 0xff && (b[5] & 0xf8) == 0x50) || (b[1] == 0xff && b[2] == 0x15) ||
                   (b[1] == 0xff && (b[2] & 0xf8) == 0x90) || (b[0] == 0xff && b[1] == 0x94);
    if (through)
        return SOME_CALL;
    /* The kernel calls a signal's handler, and lets it return into a trampoline. */
    const struct ht_row *row = ht_remote_row(r, ra - 1);
    return row && row->signal ? SOME_CALL : NO_CALL;
}

/* Whether a stack can be followed to its end. */
static bool leads_to_end(struct walk *w, struct ht_all_regs regs)
{
    bool exact = false;
    for (unsigned i = 0; i < HT_REMOTE_DEPTH; i++) {
        uint64_t pc = regs.r[HT_REG_PC] - !exact, sp = regs.r[HT_REG_SP];
        const struct ht_row *row = is_code(w->r, pc) ? ht_remote_row(w->r, pc) : NULL;
        if (row && row->rule[HT_REG_PC] == HT_RULE_UNDEFINED)
            return true;
        if (!row || !ht_cfi_step(row, &regs, load, w) || (regs.r[HT_REG_SP] <= sp && !row->signal))
            return false;
        exact = row->signal;
    }
    return false;
}

/* Looks for the frame of a function that keeps rbp at CFA - 16, and makes rbp known. */
static bool find_frame(struct walk *w, struct ht_all_regs *regs, uint64_t pc)
{
    uint64_t sp = regs->r[HT_REG_SP], function = function_start(w->r, pc), weak = 0;
    for (uint64_t at = (sp + 15) & ~15ull; at < sp + SEARCH; at += 16) {
        uint64_t ra;
        if (!load(w, at + 8, &ra))
            break;
        enum call call = call_before(w->r, ra, function);
        struct ht_all_regs trial = *regs;
        trial.r[HT_REG_BP] = at;
        trial.known |= BP;
        if (call == THIS_CALL || (call == SOME_CALL && !weak && leads_to_end(w, trial)))
            weak = at;
        if (call == THIS_CALL)
            break;
    }
    if (!weak)
        return false;
    regs->r[HT_REG_BP] = weak;
    regs->known |= BP;
    return true;
}

/* Code without tables: by its frame pointer. */
static bool step_frame_pointer(struct walk *w, struct ht_all_regs *regs)
{
    uint64_t bp = regs->r[HT_REG_BP], up, pc;
    if (!(regs->known & BP) || bp < regs->r[HT_REG_SP] || !load(w, bp, &up) ||
        !load(w, bp + 8, &pc))
        return false;
    regs->r[HT_REG_SP] = bp + 16;
    regs->r[HT_REG_BP] = up;
    regs->r[HT_REG_PC] = pc;
    regs->known = BP | 1u << HT_REG_SP | 1u << HT_REG_PC;
    return true;
}

void ht_remote_unwind(struct ht_remote *r, const struct ht_all_regs *first,
                      const struct ht_remote_stack *stack, struct ht_remote_thread *t)
{
    struct walk w = {r, stack};
    struct ht_all_regs regs = *first;
    bool exact = t->stopped; /* pc is the instruction itself, and no return address */
    t->depth = 0;
    t->truncated = t->guessed = false;
    while (t->depth < HT_REMOTE_DEPTH) {
        uint64_t pc = regs.r[HT_REG_PC] - !exact, sp = regs.r[HT_REG_SP];
        if (!is_code(r, pc)) {
            t->truncated = regs.r[HT_REG_PC] != 0; /* 0: the end of a stack made by hand */
            return;
        }
        t->frame_sp[t->depth] = sp;
        t->frames[t->depth++] = pc;
        const struct ht_row *row = ht_remote_row(r, pc);
        if (row && row->signal) /* the kernel let the handler return to its first instruction */
            t->frames[t->depth - 1] = regs.r[HT_REG_PC];
        if (row && row->rule[HT_REG_PC] == HT_RULE_UNDEFINED)
            return;
        if (row && row->cfa == HT_CFA_REGISTER && row->cfa_register == HT_REG_BP &&
            !(regs.known & BP) && find_frame(&w, &regs, pc))
            t->guessed = true;
        bool stepped = row ? ht_cfi_step(row, &regs, load, &w) : step_frame_pointer(&w, &regs);
        exact = row && row->signal;
        if (!stepped || (regs.r[HT_REG_SP] <= sp && !exact)) {
            t->truncated = true;
            return;
        }
    }
    t->truncated = true;
}
