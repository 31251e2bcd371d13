/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <dlfcn.h>
#include <sys/mman.h>

#include "preload/cfi.h"
#include "preload/module.h"
#include "preload/sandbox.h"
#include "preload/sys.h"
#include "preload/unwind.h"
#include "preload/writer.h"

static uint64_t main_stack_end;
static uint64_t pthread_size; /* of glibc's struct pthread */

/* mmap never places anything within this of the main stack's top (mmap_base's minimal gap). */
#define MAIN_STACK_SPAN (120ull << 20)

void ht_unwind_setup(void)
{
    void **end = dlsym(RTLD_DEFAULT, "__libc_stack_end");
    main_stack_end = end ? (uint64_t)*end : 0;
    const uint32_t *size = dlsym(RTLD_DEFAULT, "_thread_db_sizeof_pthread");
    pthread_size = size && *size < 8192 ? *size : 0x700;
}

/*
 * pthread_getattr_np takes locks and allocates (HAZARDS 8). glibc puts a thread's struct pthread at
 * the top of its stack, and two words in it are stackblock and stackblock_size: they are found
 * by what they must satisfy instead of by a version's offset.
 */
void ht_stack_bounds(struct ht_tls *t)
{
    uint64_t here = (uint64_t)__builtin_frame_address(0), tcb;
    t->stack_lo = t->stack_hi = 0;
    if (main_stack_end && here < main_stack_end && main_stack_end - here < MAIN_STACK_SPAN) {
        t->stack_lo = main_stack_end - MAIN_STACK_SPAN;
        t->stack_hi = (main_stack_end + 4095) & ~4095ull;
        return;
    }
    __asm__("mov %%fs:0x10, %0" : "=r"(tcb)); /* tcbhead_t.self */
    if (here >= tcb)
        return;
    const uint64_t *w = (const uint64_t *)tcb;
    for (uint64_t i = 0x280 / 8; i + 1 < pthread_size / 8; i++) {
        uint64_t block = w[i], size = w[i + 1];
        if (block < tcb && block + size > tcb && size < (1ull << 40) &&
            block + size - tcb <= pthread_size + 8192 && here > block) {
            t->stack_lo = block;
            t->stack_hi = tcb;
            return;
        }
    }
}

/* The memory a walk may load from: [lo, hi), grown page by page on stacks that are not the
 * thread's own (coroutines, sigaltstack). */
struct window {
    uint64_t lo, hi;
    bool own;
    struct ht_trace *trace;
};

static struct window window_of(uint64_t sp)
{
    const struct ht_tls *t = &ht_tls;
    if (sp >= t->stack_lo && sp < t->stack_hi)
        return (struct window){sp, t->stack_hi, true, NULL};
    /* A thread that took its first sample elsewhere may be on the main stack by now. */
    if (sp < main_stack_end && main_stack_end - sp < MAIN_STACK_SPAN)
        return (struct window){sp, (main_stack_end + 4095) & ~4095ull, true, NULL};
    return (struct window){sp, (sp + 4096) & ~4095ull, false, NULL};
}

static bool readable(struct window *w, uint64_t at, uint64_t n)
{
    if ((at & 7) || at < w->lo || at + n < at)
        return false;
    /* Next page of a foreign stack: asks the kernel, with a call that allocators make. */
    for (int pages = 0; at + n > w->hi; pages++) {
        if (w->own || ht_sandboxed || pages == 16 || at > w->hi + 65536 ||
            SYS_FAILED(SYS3(SYS_madvise, w->hi, 4096, MADV_POPULATE_READ)))
            return false;
        w->hi += 4096;
    }
    return true;
}

static uint64_t load(uint64_t at)
{
    return *(const uint64_t *)at;
}

/* A load that the walk depends on. */
static uint64_t load_traced(struct window *w, uint64_t at)
{
    uint64_t value = load(at);
    struct ht_trace *t = w->trace;
    if (t) {
        if (t->n == HT_MEMO_WORDS || at - t->sp > UINT32_MAX) {
            t->usable = false;
        } else {
            t->offsets[t->n] = (uint32_t)(at - t->sp);
            t->words[t->n++] = value;
        }
    }
    return value;
}

static void bp_matters(struct window *w)
{
    if (w->trace)
        w->trace->bp_used |= w->trace->bp_given;
}

static void not_traced(struct window *w)
{
    if (w->trace)
        w->trace->usable = false;
}

/* Modules met on this walk, checked once each. */
struct seen {
    struct {
        uint64_t start, end;
        ht_ref module;
    } m[8];
    uint32_t n;
};

static bool module_at(struct seen *s, uint64_t pc, ht_ref *module)
{
    for (uint32_t i = s->n; i-- > 0;)
        if (pc >= s->m[i].start && pc < s->m[i].end) {
            *module = s->m[i].module;
            return true;
        }
    struct ht_object o;
    if (!ht_object_find(pc, &o) || !(*module = ht_module_of(&o)))
        return false;
    uint32_t i = s->n < 8 ? s->n++ : (uint32_t)(pc >> 12) & 7;
    s->m[i].start = o.start;
    s->m[i].end = o.end;
    s->m[i].module = *module;
    return true;
}

static uint64_t make_recipe(uint64_t pc, ht_ref module)
{
    if (!module)
        return HT_STEP_UNKNOWN;
    const struct ht_module *m = ht_at(module);
    struct ht_object o = {m->start, m->end, m->link_map, m->eh_frame_hdr};
    return ht_cfi_recipe(pc - 1, &o);
}

static ht_ref frame_at(uint64_t pc, ht_ref module)
{
    _Atomic ht_ref *hint = &ht_state->frame_cache[ht_mix(pc) >> (64 - HT_CACHE_BITS)];
    ht_ref ref = atomic_load_explicit(hint, memory_order_acquire);
    if (ref) {
        const struct ht_frame *f = ht_at(ref);
        if (f->pc == pc && f->module == module)
            return ref;
    }
    ref = ht_frame_intern(pc, module, make_recipe);
    if (ref)
        atomic_store_explicit(hint, ref, memory_order_release);
    return ref;
}

/* One step by frame pointer. The saved pair must lie above us on a stack whose bounds are known. */
static bool step_fp(struct ht_regs *r, struct window *w)
{
    if (!w->own || r->bp < r->sp || !readable(w, r->bp, 16))
        return false;
    uint64_t bp = load(r->bp), pc = load(r->bp + 8);
    not_traced(w);
    r->sp = r->bp + 16;
    r->bp = bp;
    r->pc = pc;
    return true;
}

enum step { STEP_OK, STEP_END, STEP_LOST };

/*
 * What a function has popped is still where its rules say, in the red zone, if a signal came right
 * then. It is mapped where the handler runs further down the same stack; else the page is all we
 * know.
 */
static struct window interrupted(uint64_t sp, uint64_t handler_sp)
{
    struct window w = window_of(sp);
    uint64_t page = sp & ~4095ull;
    w.lo = sp - 128;
    if (sp - handler_sp > 65536 && w.lo < page)
        w.lo = page;
    return w;
}

/* mcontext_t's gregs in the ucontext that the kernel leaves at rsp (x86-64 signal frame). */
static enum step step_signal(struct ht_regs *r, struct window *w)
{
    if (!readable(w, r->sp, 40 + 17 * 8))
        return STEP_LOST;
    uint64_t g = r->sp + 40, handler_sp = r->sp;
    r->bp = load(g + 10 * 8);
    r->sp = load(g + 15 * 8);
    /* Not a return address: the interrupted instruction itself. One more, so that "minus one"
     * finds it, as for every other frame. */
    r->pc = load(g + 16 * 8) + 1;
    not_traced(w);
    *w = interrupted(r->sp, handler_sp);
    return STEP_OK;
}

static enum step step_recipe(uint64_t recipe, struct ht_regs *r, struct window *w)
{
    uint64_t cfa;
    int64_t offset = ht_recipe_cfa_offset(recipe);
    switch (ht_recipe_kind(recipe)) {
    case HT_STEP_RSP:
        cfa = r->sp + (uint64_t)offset;
        break;
    case HT_STEP_RBP:
        bp_matters(w);
        cfa = r->bp + (uint64_t)offset;
        break;
    case HT_STEP_RBP_DEREF:
        bp_matters(w);
        if (!readable(w, r->bp + (uint64_t)offset, 8))
            return STEP_LOST;
        cfa = load_traced(w, r->bp + (uint64_t)offset);
        break;
    case HT_STEP_PLT:
        cfa = r->sp + 8 + (((r->pc - 1) & 15) >= (uint64_t)offset ? 8 : 0);
        break;
    case HT_STEP_SIGNAL:
        return step_signal(r, w);
    case HT_STEP_END:
        return STEP_END;
    default:
        return STEP_LOST;
    }
    if (cfa <= r->sp || !readable(w, cfa - 8, 8))
        return STEP_LOST;
    uint64_t bp = r->bp, at;
    switch (ht_recipe_rbp(recipe)) {
    case HT_RBP_CFA:
    case HT_RBP_RBP:
        if (ht_recipe_rbp(recipe) == HT_RBP_RBP)
            bp_matters(w);
        at = (ht_recipe_rbp(recipe) == HT_RBP_CFA ? cfa : r->bp) +
             (uint64_t)ht_recipe_rbp_offset(recipe);
        if (!readable(w, at, 8))
            return STEP_LOST;
        bp = load_traced(w, at);
        if (w->trace)
            w->trace->bp_given = false;
        break;
    case HT_RBP_LOST:
        bp = 0;
        break;
    default:
        break;
    }
    r->pc = load_traced(w, cfa - 8);
    r->sp = cfa;
    r->bp = bp;
    return r->pc ? STEP_OK : STEP_END;
}

#define GUESSED_MAX 64

/*
 * Code without unwind data (a JIT's, hand-written assembler): follows frame pointers as long as
 * they climb, and believes them only when they lead back to code that is in an object. The frames
 * between are kept then; otherwise the stack ends here and counts as truncated.
 */
static bool cross_unknown(struct ht_regs *r, struct window *w, struct seen *seen, ht_ref *frames,
                          uint32_t *n, uint32_t max)
{
    struct ht_regs at = *r;
    uint64_t pcs[GUESSED_MAX];
    uint32_t guessed = 0;
    ht_ref module;
    do {
        if (guessed == GUESSED_MAX || !step_fp(&at, w) || at.pc < 4096)
            return false;
        pcs[guessed++] = at.pc;
    } while (!module_at(seen, at.pc - 1, &module));
    for (uint32_t i = 0; i + 1 < guessed && *n < max; i++) {
        ht_ref f = frame_at(pcs[i], 0);
        if (f)
            frames[(*n)++] = f;
    }
    *r = at;
    return true;
}

/*
 * All registers, for the few frames whose rule a recipe does not hold (ld.so's lazy-binding
 * trampoline keeps its CFA in rbx, assembler its own in anything). They are known here, in
 * our own frame, and nowhere above it: so the rows of the frames between are followed once more, by
 * ones that keep everything. A later such frame goes on from where the last one was.
 */
struct replay {
    struct ht_all_regs regs;
    struct window w;
    bool begun;
};

static bool load_word(void *w, uint64_t at, uint64_t *word)
{
    if (!readable(w, at, 8))
        return false;
    *word = load(at);
    return true;
}

#define CALLEE_SAVED (1u << 3 | 1u << HT_REG_BP | 0xfu << 12)

/* One step with all registers, over code without unwind data by its frame pointer. */
static bool replay_step(struct replay *p)
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
            p->w = interrupted(r[HT_REG_SP], sp);
        }
        return true;
    }
    struct ht_regs f = {r[HT_REG_PC], r[HT_REG_SP], r[HT_REG_BP]};
    if (!(p->regs.known & 1u << HT_REG_BP) || !step_fp(&f, &p->w))
        return false;
    r[HT_REG_PC] = f.pc;
    r[HT_REG_SP] = f.sp;
    r[HT_REG_BP] = f.bp;
    p->regs.known = 1u << HT_REG_PC | 1u << HT_REG_SP | 1u << HT_REG_BP;
    return true;
}

static void replay_begin(struct replay *p)
{
    uint64_t *r = p->regs.r;
    __asm__ volatile("mov %%rbx, 24(%0)\n\tmov %%rbp, 48(%0)\n\tmov %%rsp, 56(%0)\n\t"
            "mov %%r12, 96(%0)\n\tmov %%r13, 104(%0)\n\tmov %%r14, 112(%0)\n\t"
            "mov %%r15, 120(%0)\n\tlea 1f(%%rip), %%rax\n1:\tmov %%rax, 128(%0)"
            :
            : "r"(r)
            : "rax", "memory");
    p->regs.known = CALLEE_SAVED | 1u << HT_REG_SP | 1u << HT_REG_PC;
    p->w = window_of(r[HT_REG_SP]);
    p->begun = true;
}

/* Steps out of the frame at r by its whole row. */
static __attribute__((noinline)) bool step_other(struct replay *p, struct ht_regs *to)
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

uint32_t ht_unwind(struct ht_regs r, ht_ref *frames, uint32_t max, uint32_t *flags,
                   struct ht_trace *trace)
{
    struct window w = window_of(r.sp - 16);
    w.trace = trace;
    if (trace) {
        trace->sp = r.sp;
        trace->n = 0;
        trace->usable = w.own;
        trace->bp_given = true;
        trace->bp_used = false;
    }
    struct seen seen = {.n = 0};
    struct replay replay;
    replay.begun = false;
    bool fp_only = ht_config.unwind == HT_UNWIND_FP;
    uint32_t n = 0;
    *flags = 0;
    for (;;) {
        if (n == max) {
            *flags |= HT_STACK_DEPTH;
            return n;
        }
        ht_ref module = 0;
        bool known = module_at(&seen, r.pc - 1, &module);
        uint64_t recipe = HT_STEP_UNKNOWN;
        if (r.pc - ht_self.start < ht_self.end - ht_self.start) { /* ours never show */
            recipe = make_recipe(r.pc, module);
        } else {
            ht_ref f = frame_at(r.pc, module);
            if (!f)
                return 0;
            frames[n++] = f;
            if (known)
                recipe = ((struct ht_frame *)ht_at(f))->recipe;
        }
        unsigned kind = ht_recipe_kind(recipe);
        if (kind == HT_STEP_END)
            return n;
        if (fp_only && kind != HT_STEP_SIGNAL) {
            if (step_fp(&r, &w) && r.pc > 4096)
                continue;
            *flags |= HT_STACK_TRUNCATED;
            return n;
        }
        if (kind == HT_STEP_UNKNOWN) {
            if (ht_config.unwind == HT_UNWIND_DWARF ||
                !cross_unknown(&r, &w, &seen, frames, &n, max)) {
                *flags |= HT_STACK_TRUNCATED;
                return n;
            }
            continue;
        }
        uint64_t sp = r.sp;
        if (kind == HT_STEP_OTHER && step_other(&replay, &r) && r.sp > sp && r.pc > 4096) {
            not_traced(&w);
            continue;
        }
        enum step s = step_recipe(recipe, &r, &w);
        if (s == STEP_OK)
            continue;
        if (s == STEP_LOST)
            *flags |= HT_STACK_TRUNCATED;
        return n;
    }
}
