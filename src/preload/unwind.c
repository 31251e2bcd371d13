/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "preload/cfi.h"
#include "preload/module.h"
#include "preload/replay.h"
#include "preload/unwind.h"
#include "preload/window.h"
#include "preload/writer.h"

/* A walk: what may be read, the object that the pc is in now, and those met before. */
struct walk {
    struct ht_window w;
    uint64_t start, size; /* of the object; size 0: none yet */
    ht_ref module;        /* 0: code in no object */
    bool known, hidden;   /* in an object; in our own, which never shows */
    uint32_t n_seen;
    struct {
        uint64_t start, size;
        ht_ref module;
    } seen[8];
    struct ht_replay replay;
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

enum step { STEP_OK, STEP_END, STEP_LOST };

/* mcontext_t's gregs in the ucontext that the kernel leaves at rsp (x86-64 signal frame). */
static enum step step_signal(struct ht_regs *r, struct ht_window *w)
{
    if (!ht_readable(w, r->sp, 40 + 17 * 8))
        return STEP_LOST;
    uint64_t g = r->sp + 40, handler_sp = r->sp;
    r->bp = ht_load(g + 10 * 8);
    r->sp = ht_load(g + 15 * 8);
    /* Not a return address: the ht_interrupted instruction itself. One more, so that "minus one"
     * finds it, as for every other frame. */
    r->pc = ht_load(g + 16 * 8) + 1;
    ht_not_traced(w);
    *w = ht_interrupted(r->sp, handler_sp);
    return STEP_OK;
}

static enum step step_recipe(uint64_t recipe, struct ht_regs *r, struct ht_window *w)
{
    uint64_t cfa;
    int64_t offset = ht_recipe_cfa_offset(recipe);
    switch (ht_recipe_kind(recipe)) {
    case HT_STEP_RSP:
        cfa = r->sp + (uint64_t)offset;
        break;
    case HT_STEP_RBP:
        ht_bp_matters(w);
        cfa = r->bp + (uint64_t)offset;
        break;
    case HT_STEP_RBP_DEREF:
        ht_bp_matters(w);
        if (!ht_readable(w, r->bp + (uint64_t)offset, 8))
            return STEP_LOST;
        cfa = ht_load_traced(w, r->bp + (uint64_t)offset);
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
    if (cfa <= r->sp || !ht_readable(w, cfa - 8, 8))
        return STEP_LOST;
    uint64_t bp = r->bp, at;
    switch (ht_recipe_rbp(recipe)) {
    case HT_RBP_CFA:
    case HT_RBP_RBP:
        if (ht_recipe_rbp(recipe) == HT_RBP_RBP)
            ht_bp_matters(w);
        at = (ht_recipe_rbp(recipe) == HT_RBP_CFA ? cfa : r->bp) +
             (uint64_t)ht_recipe_rbp_offset(recipe);
        if (!ht_readable(w, at, 8))
            return STEP_LOST;
        bp = ht_load_traced(w, at);
        if (w->trace)
            w->trace->bp_given = false;
        break;
    case HT_RBP_LOST:
        bp = 0;
        break;
    default:
        break;
    }
    r->pc = ht_load_traced(w, cfa - 8);
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
        if (guessed == GUESSED_MAX || !ht_step_fp(&at, &k->w) || at.pc < 4096)
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
        ht_not_traced(&k->w);
        if (ht_step_other(&k->replay, r) && r->sp > sp && r->pc > 4096)
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
        if (cfa <= sp || cfa > hi || (cfa & 7) || !ht_load(cfa - 8))
            break;
        if (rule == HT_RBP_CFA && (at < lo || at > hi - 8 || (at & 7)))
            break;
        if (traced && kind == HT_STEP_RBP)
            ht_bp_matters(&k->w);
        if (rule == HT_RBP_CFA) {
            bp = traced ? ht_load_traced(&k->w, at) : ht_load(at);
            if (traced)
                k->w.trace->bp_given = false;
        }
        frames[n++] = ref;
        pc = traced ? ht_load_traced(&k->w, cfa - 8) : ht_load(cfa - 8);
        sp = cfa;
    }
    r->pc = pc;
    r->sp = sp;
    r->bp = bp;
    return n;
}

static void begin(struct walk *k, const struct ht_regs *r, struct ht_trace *trace)
{
    k->w = ht_window_of(r->sp - 16);
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
            if (ht_step_fp(&r, &k.w) && r.pc > 4096)
                continue;
            *flags |= HT_STACK_TRUNCATED;
            return n;
        }
        if (!step_any(&k, recipe, &r, frames, &n, max, flags))
            return n;
    }
}
