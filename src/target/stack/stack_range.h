/* SPDX-License-Identifier: MIT */
/* The memory that a walk may load from, and the loads. Inline, because each is a few
 * instructions. */
#ifndef HEAPTAP_SRC_TARGET_STACK_STACK_RANGE_H
#define HEAPTAP_SRC_TARGET_STACK_STACK_RANGE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>

#include "target/os/machine.h"
#include "target/os/sys.h"
#include "target/os/thread_stack.h"
#include "target/stack/unwind.h"
#include "target/state/state.h"

/* The memory a walk may load from: [lo, hi), grown page by page on stacks that are not the
 * thread's own (coroutines, sigaltstack). */
struct ht_stack_range {
    uint64_t lo, hi;
    bool is_thread_stack;
};

static inline struct ht_stack_range ht_stack_range_of(uint64_t sp)
{
    const struct ht_tls *t = &ht_tls;
    if (sp >= t->stack_lo && sp < t->stack_hi)
        return (struct ht_stack_range){sp, t->stack_hi, true};
    /* A thread whose first sample was on another stack may be on the main stack now. */
    if (sp < ht_main_stack_end && ht_main_stack_end - sp < HT_MAIN_STACK_SPAN)
        return (struct ht_stack_range){sp, HT_PAGE_UP(ht_main_stack_end), true};
    return (struct ht_stack_range){sp, HT_PAGE_DOWN(sp + HT_PAGE_SIZE), false};
}

static inline bool ht_ensure_readable(struct ht_stack_range *w, uint64_t at, uint64_t n)
{
    if ((at & 7) || at < w->lo || at + n < at)
        return false;
    /* The next page of a foreign stack: asks the kernel, by a call that allocators make too. */
    for (int pages = 0; at + n > w->hi; pages++) {
        if (w->is_thread_stack || ht_sandboxed || pages == 16 || at > w->hi + 65536)
            return false;
        long r = SYS3(SYS_madvise, w->hi, HT_PAGE_SIZE, MADV_POPULATE_READ);
        if (SYS_FAILED(r) && (r != -EINVAL || !ht_page_readable(w->hi))) /* EINVAL: before 5.14 */
            return false;
        w->hi += HT_PAGE_SIZE;
    }
    return true;
}

static inline uint64_t ht_load(uint64_t at)
{
    return *(const uint64_t *)at;
}

/* One step by frame pointer. The saved pair must lie above us on a stack whose bounds are known. */
static inline bool ht_step_fp(struct ht_regs *r, struct ht_stack_range *w)
{
    if (!w->is_thread_stack || r->bp < r->sp || !ht_ensure_readable(w, r->bp, 16))
        return false;
    uint64_t bp = ht_load(r->bp), pc = ht_load(r->bp + 8);
    r->sp = r->bp + 16;
    r->bp = bp;
    r->pc = pc;
    return true;
}

/*
 * The range of code that a signal interrupted at sp. A function that was just popping its frame has
 * its saved registers in the red zone below sp. That is mapped where the handler runs further down
 * the same stack; on another stack only the page of sp is known to be.
 */
static inline struct ht_stack_range ht_interrupted(uint64_t sp, uint64_t handler_sp)
{
    struct ht_stack_range w = ht_stack_range_of(sp);
    uint64_t page = HT_PAGE_DOWN(sp);
    w.lo = sp - HT_RED_ZONE;
    if (sp - handler_sp > 65536 && w.lo < page)
        w.lo = page;
    return w;
}

#endif
