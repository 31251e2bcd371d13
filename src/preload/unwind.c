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

/* A walk: what may be read, the object that the pc is in now, and those met before. */
struct walk {
    struct window w;
    uint64_t start, size; /* of the object; size 0: none yet */
    ht_ref module;        /* 0: code in no object */
    bool known, hidden;   /* in an object; in our own, which never shows */
    uint32_t n_seen;
    struct {
        uint64_t start, size;
        ht_ref module;
    } seen[8];
    struct replay replay;
};

static bool seen_before(struct walk *k, uint64_t pc)
{
    for (uint32_t i = k->n_seen; i-- > 0;)
        if (pc - k->seen[i].start < k->seen[i].size) {
            k->start = k->seen[i].start;
            k->size = k->seen[i].size;
            k->module = k->seen[i].module;
            return true;
        }
    return false;
}

/* Makes the object around pc the current one. An object is checked once a walk. */
static __attribute__((noinline)) bool enter_object(struct walk *k, uint64_t pc)
{
    struct ht_object o;
    k->known = true;
    if (!seen_before(k, pc)) {
        k->module = 0;
        k->known = ht_object_find(pc, &o) && (k->module = ht_module_of(&o));
        k->start = k->known ? o.start : pc;
        k->size = k->known ? o.end - o.start : 0;
        if (k->known) {
            uint32_t i = k->n_seen < 8 ? k->n_seen++ : (uint32_t)(pc >> 12) & 7;
            k->seen[i].start = k->start;
            k->seen[i].size = k->size;
            k->seen[i].module = k->module;
        }
    }
    k->hidden = k->known && k->start == ht_self.start;
    return k->known;
}

static __attribute__((noinline)) uint64_t make_recipe(uint64_t pc, ht_ref module)
{
    if (!module)
        return HT_STEP_UNKNOWN;
    const struct ht_module *m = ht_at(module);
    struct ht_object o = {m->start, m->end, m->link_map, m->eh_frame_hdr};
    return ht_cfi_recipe(pc - 1, &o);
}

static _Atomic ht_ref *hint_of(uint64_t pc)
{
    return &ht_state->frame_cache[pc * 0x9e3779b97f4a7c15ULL >> (64 - HT_CACHE_BITS)];
}

static __attribute__((noinline)) ht_ref frame_made(uint64_t pc, ht_ref module)
{
    ht_ref ref = ht_frame_intern(pc, module, make_recipe);
    if (ref)
        atomic_store_explicit(hint_of(pc), ref, memory_order_release);
    return ref;
}

static inline ht_ref frame_at(uint64_t pc, ht_ref module)
{
    ht_ref ref = atomic_load_explicit(hint_of(pc), memory_order_acquire);
    if (HT_LIKELY(ref)) {
        const struct ht_frame *f = ht_at(ref);
        if (HT_LIKELY(f->pc == pc && f->module == module))
            return ref;
    }
    return frame_made(pc, module);
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
static __attribute__((noinline)) bool cross_unknown(struct walk *k, struct ht_regs *r,
                                                    ht_ref *frames, uint32_t *n, uint32_t max)
{
    struct ht_regs at = *r;
    uint64_t pcs[GUESSED_MAX];
    uint32_t guessed = 0;
    do {
        if (guessed == GUESSED_MAX || !step_fp(&at, &k->w) || at.pc < 4096)
            return false;
        pcs[guessed++] = at.pc;
    } while (!enter_object(k, at.pc - 1));
    for (uint32_t i = 0; i + 1 < guessed && *n < max; i++) {
        ht_ref f = frame_at(pcs[i], 0);
        if (f)
            frames[(*n)++] = f;
    }
    *r = at;
    return true;
}

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

/* One step by any recipe. False: the walk is over. */
static __attribute__((noinline)) bool step_any(struct walk *k, uint64_t recipe, struct ht_regs *r,
                                               ht_ref *frames, uint32_t *n, uint32_t max,
                                               uint32_t *flags)
{
    enum step s = STEP_LOST;
    uint64_t sp = r->sp;
    switch (ht_recipe_kind(recipe)) {
    case HT_STEP_UNKNOWN:
        if (ht_config.unwind != HT_UNWIND_DWARF && cross_unknown(k, r, frames, n, max))
            return true;
        break;
    case HT_STEP_OTHER:
        not_traced(&k->w);
        if (step_other(&k->replay, r) && r->sp > sp && r->pc > 4096)
            return true;
        break;
    default:
        s = step_recipe(recipe, r, &k->w);
    }
    if (s == STEP_LOST)
        *flags |= HT_STACK_TRUNCATED;
    return s == STEP_OK;
}

/*
 * Follows frames of ordinary code as far as they go: in the object that the walk is in, met before,
 * stepped by the common recipes, within the window as it is. Some 40 instructions a frame, which
 * is why all it needs is in variables of its own.
 */
static inline __attribute__((always_inline)) uint32_t
follow(struct walk *k, struct ht_regs *r, ht_ref *frames, uint32_t n, uint32_t max, bool traced)
{
    const unsigned char *base = ht_state->base;
    uint64_t pc = r->pc, sp = r->sp, bp = r->bp;
    const uint64_t start = k->start, size = k->hidden ? 0 : k->size, lo = k->w.lo, hi = k->w.hi;
    const ht_ref module = k->module;
    while (n < max && pc - 1 - start < size) {
        ht_ref ref = atomic_load_explicit(hint_of(pc), memory_order_acquire);
        const struct ht_frame *f = (const struct ht_frame *)(base + (uint64_t)ref * 8);
        if (!ref || f->pc != pc || f->module != module)
            break;
        const uint64_t recipe = f->recipe;
        const unsigned kind = ht_recipe_kind(recipe), rule = ht_recipe_rbp(recipe);
        if (kind - HT_STEP_RSP > HT_STEP_RBP - HT_STEP_RSP || rule > HT_RBP_CFA)
            break;
        const uint64_t cfa =
            (kind == HT_STEP_RSP ? sp : bp) + (uint64_t)ht_recipe_cfa_offset(recipe);
        const uint64_t at = cfa + (uint64_t)ht_recipe_rbp_offset(recipe);
        if (cfa <= sp || cfa > hi || (cfa & 7) || !load(cfa - 8))
            break;
        if (rule == HT_RBP_CFA && (at < lo || at > hi - 8 || (at & 7)))
            break;
        if (traced && kind == HT_STEP_RBP)
            bp_matters(&k->w);
        if (rule == HT_RBP_CFA) {
            bp = traced ? load_traced(&k->w, at) : load(at);
            if (traced)
                k->w.trace->bp_given = false;
        }
        frames[n++] = ref;
        pc = traced ? load_traced(&k->w, cfa - 8) : load(cfa - 8);
        sp = cfa;
    }
    r->pc = pc;
    r->sp = sp;
    r->bp = bp;
    return n;
}

static void begin(struct walk *k, const struct ht_regs *r, struct ht_trace *trace)
{
    k->w = window_of(r->sp - 16);
    k->w.trace = trace;
    k->size = 0;
    k->start = 0;
    k->n_seen = 0;
    k->replay.begun = false;
    if (trace) {
        trace->sp = r->sp;
        trace->n = 0;
        trace->usable = k->w.own;
        trace->bp_given = true;
        trace->bp_used = false;
    }
}

uint32_t ht_unwind(struct ht_regs r, ht_ref *frames, uint32_t max, uint32_t *flags,
                   struct ht_trace *trace)
{
    struct walk k;
    bool fp_only = ht_config.unwind == HT_UNWIND_FP;
    uint32_t n = 0;
    *flags = 0;
    begin(&k, &r, trace);
    for (;;) {
        if (HT_UNLIKELY(r.pc - 1 - k.start >= k.size))
            enter_object(&k, r.pc - 1);
        if (HT_LIKELY(!fp_only))
            n = k.w.trace ? follow(&k, &r, frames, n, max, true)
                          : follow(&k, &r, frames, n, max, false);
        if (HT_UNLIKELY(n == max)) {
            *flags |= HT_STACK_DEPTH;
            return n;
        }
        if (r.pc - 1 - k.start >= k.size)
            enter_object(&k, r.pc - 1);
        uint64_t recipe;
        if (HT_UNLIKELY(k.hidden)) {
            recipe = make_recipe(r.pc, k.module);
        } else {
            ht_ref f = frame_at(r.pc, k.module);
            if (HT_UNLIKELY(!f))
                return 0;
            frames[n++] = f;
            recipe = k.known ? ((struct ht_frame *)ht_at(f))->recipe : HT_STEP_UNKNOWN;
        }
        if (HT_UNLIKELY(fp_only) && ht_recipe_kind(recipe) != HT_STEP_SIGNAL) {
            if (ht_recipe_kind(recipe) == HT_STEP_END)
                return n;
            if (step_fp(&r, &k.w) && r.pc > 4096)
                continue;
            *flags |= HT_STACK_TRUNCATED;
            return n;
        }
        if (!step_any(&k, recipe, &r, frames, &n, max, flags))
            return n;
    }
}
