/* SPDX-License-Identifier: MIT */
/*
 * One step for each frame, by the frame's recipe: a word that is made once for each return address
 * from the unwind tables (cfi) and kept in the frame's record. The stack cache is asked before the
 * walk, the walk cache during it. Where a frame has no rule, its frame pointer is tried; if that
 * fails the walk ends.
 */
#include "config.h"

#include "target/stack/unwind.h"

#include "cfi/cfi.h"
#include "target/os/machine.h"
#include "target/stack/module.h"
#include "target/stack/replay.h"
#include "target/stack/stack_cache.h"
#include "target/stack/stack_range.h"
#include "target/stack/walk_cache.h"
#include "target/state/state.h"
#include "target/tables/stacks.h"
#include "util/hash.h"

/* A walk: what may be read, the object around the current pc, and the objects met before. */
struct walk {
    struct ht_stack_range w;
    struct ht_walk_recorder recorder; /* on only within the thread's own stack */
    uint64_t start, size;             /* of the object; size 0: none yet */
    ht_ref module;                    /* 0: code in no object */
    bool known, hidden;               /* in an object; in our own, which never shows */
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

/* Makes the object around pc the current one. Each object is checked once in a walk. */
static __attribute__((noinline)) bool enter_object(struct walk *k, uint64_t pc)
{
    struct ht_object o;
    k->known = true;
    ht_ref main = atomic_load_explicit(&ht_state->main_module, memory_order_acquire);
    if (main && pc - ht_main_start < ht_main_size) { /* no other object was ever there */
        k->start = ht_main_start;
        k->size = ht_main_size;
        k->module = main;
    } else if (!seen_before(k, pc)) {
        k->module = 0;
        k->known = ht_object_find(pc, &o) && (k->module = ht_module_of(&o));
        k->start = k->known ? o.start : pc;
        k->size = k->known ? o.end - o.start : 0;
        if (k->known && o.start == ht_main_start)
            atomic_store_explicit(&ht_state->main_module, k->module, memory_order_release);
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
    uint64_t recipe = ht_cfi_recipe(pc - 1, &o);
    /* A function begins at pc, and the code before it has no entry. Calls do not return to such a
     * place: who made this stack wrote the address, and nothing called its first frame. makecontext
     * does so; glibc writes the address of __start_context. */
    if (recipe == HT_STEP_UNKNOWN && ht_cfi_entry(pc, &o) != ht_cfi_entry(pc - 1, &o) &&
        ht_cfi_recipe(pc, &o) != HT_STEP_UNKNOWN)
        recipe = HT_STEP_END;
    return recipe;
}

static inline uint64_t hint_slot(uint64_t pc, uint32_t mask)
{
    return (pc * HT_GOLDEN_RATIO >> (64 - HT_CACHE_BITS)) & mask;
}

static inline uint32_t hint_mask(void)
{
    return atomic_load_explicit(&ht_state->frames_use.mask, memory_order_relaxed);
}

static inline _Atomic ht_ref *hint_of(uint64_t pc)
{
    return &ht_state->frame_cache[hint_slot(pc, hint_mask())];
}

static __attribute__((noinline)) ht_ref frame_made(uint64_t pc, ht_ref module)
{
    ht_ref ref = ht_frame_intern(pc, module, make_recipe);
    if (ref)
        ht_hint_set(&ht_state->frames_use, hint_of(pc), ref);
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

/* Steps from a signal handler to the code that it interrupted, by the kernel's signal frame. */
static enum step step_signal(struct ht_regs *r, struct walk *k)
{
    struct ht_stack_range *w = &k->w;
    if (!ht_ensure_readable(w, r->sp, HT_SIGNAL_END))
        return STEP_LOST;
    uint64_t handler_sp = r->sp;
    r->bp = ht_load(handler_sp + HT_SIGNAL_BP);
    r->sp = ht_load(handler_sp + HT_SIGNAL_SP);
    /* The interrupted instruction itself, not a return address. Frames are looked up at pc - 1, so
     * one is added. */
    r->pc = ht_load(handler_sp + HT_SIGNAL_PC) + 1;
    *w = ht_interrupted(r->sp, handler_sp);
    ht_walk_recorder_moved(&k->recorder, w->is_thread_stack, w->hi);
    return STEP_OK;
}

static enum step step_recipe(uint64_t recipe, struct ht_regs *r, struct walk *k)
{
    struct ht_stack_range *w = &k->w;
    uint64_t cfa, bp = r->bp, at = 0;
    int64_t offset = ht_recipe_cfa_offset(recipe);
    unsigned noted = 0;
    bool by_words = true;
    switch (ht_recipe_kind(recipe)) {
    case HT_STEP_RSP:
        cfa = r->sp + (uint64_t)offset;
        break;
    case HT_STEP_RBP:
        noted = HT_BP_USED;
        cfa = r->bp + (uint64_t)offset;
        break;
    case HT_STEP_RBP_DEREF:
        if (!ht_ensure_readable(w, r->bp + (uint64_t)offset, 8))
            return STEP_LOST;
        cfa = ht_load(r->bp + (uint64_t)offset);
        by_words = false; /* a word more than a note has room for */
        break;
    case HT_STEP_PLT:
        cfa = r->sp + 8 + (((r->pc - 1) & 15) >= (uint64_t)offset ? 8 : 0);
        break;
    case HT_STEP_SIGNAL:
        return step_signal(r, k);
    case HT_STEP_END:
        ht_record_end(&k->recorder);
        return STEP_END;
    default:
        return STEP_LOST;
    }
    if (cfa <= r->sp || !ht_ensure_readable(w, cfa - 8, 8))
        return STEP_LOST;
    switch (ht_recipe_rbp(recipe)) {
    case HT_RBP_CFA:
    case HT_RBP_RBP:
        if (ht_recipe_rbp(recipe) == HT_RBP_RBP)
            noted |= HT_BP_USED;
        at = (ht_recipe_rbp(recipe) == HT_RBP_CFA ? cfa : r->bp) +
             (uint64_t)ht_recipe_rbp_offset(recipe);
        if (!ht_ensure_readable(w, at, 8))
            return STEP_LOST;
        bp = ht_load(at);
        noted |= HT_BP_LOADED;
        break;
    case HT_RBP_LOST:
        noted |= HT_BP_LOST;
        bp = 0;
        break;
    default:
        break;
    }
    if (by_words)
        ht_record_step(&k->recorder, noted, at);
    *r = (struct ht_regs){ht_load(cfa - 8), cfa, bp};
    if (r->pc)
        return STEP_OK;
    ht_record_frame(&k->recorder, r, 0); /* the word that says so is one more */
    ht_record_end(&k->recorder);
    return STEP_END;
}

#define GUESSED_MAX 64

/*
 * Code without unwind data (a JIT compiler's, hand-written assembler): follows frame pointers as
 * long as they rise, and accepts them only when they lead back to code that is in an object. Then
 * the frames between are kept; otherwise the stack ends here and counts as truncated.
 */
static __attribute__((noinline)) bool cross_unknown(struct walk *k, struct ht_regs *r,
                                                    ht_ref *frames, uint32_t *n, uint32_t max)
{
    struct ht_regs at = *r;
    uint64_t pcs[GUESSED_MAX];
    uint32_t guessed = 0;
    do {
        if (guessed == GUESSED_MAX || !ht_step_fp(&at, &k->w) || at.pc < HT_PAGE_SIZE)
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
        if (ht_step_other(&k->replay, r) && r->sp > sp && r->pc > HT_PAGE_SIZE)
            return true;
        break;
    default:
        s = step_recipe(recipe, r, k);
    }
    if (s == STEP_LOST)
        *flags |= HT_STACK_TRUNCATED;
    return s == STEP_OK;
}

/*
 * The fast loop: follows frames of ordinary code as far as possible, within one object, with known
 * frames and common recipes, within the readable range, and up to where the last walk may be met.
 * All of its state is in local variables, for some 75 instructions a frame.
 */
static inline __attribute__((always_inline)) uint32_t
follow(struct walk *k, struct ht_regs *r, ht_ref *frames, uint32_t n, uint32_t max, bool notes)
{
    const unsigned char *base = ht_state->base;
    const _Atomic ht_ref *cache = ht_state->frame_cache;
    const uint32_t mask = hint_mask();
    uint64_t pc = r->pc, sp = r->sp, bp = r->bp;
    const uint64_t start = k->start + 1, size = k->hidden ? 0 : k->size, hi = k->w.hi;
    const ht_ref module = k->module;
    struct ht_walk_cache_frame *last = k->recorder.last, *next = k->recorder.next;
    const struct ht_walk_cache_frame *floor = notes ? k->recorder.cache->frames + 1 : NULL;
    while (n < max && pc - start < size) {
        ht_ref ref = atomic_load_explicit(&cache[hint_slot(pc, mask)], memory_order_acquire);
        const struct ht_frame *f = (const struct ht_frame *)(base + (uint64_t)ref * 8);
        if (HT_UNLIKELY(f->pc != pc || f->module != module)) { /* of 0: the region's header */
            if (!(ref = frame_made(pc, module)))
                break;
            f = (const struct ht_frame *)(base + (uint64_t)ref * 8);
        }
        const uint64_t recipe = f->recipe;
        if (HT_UNLIKELY(recipe & HT_RECIPE_UNUSUAL))
            break;
        const uint64_t cfa =
            (recipe & HT_RECIPE_BY_RBP ? bp : sp) + (uint64_t)ht_recipe_cfa_offset(recipe);
        const uint64_t length = cfa - sp; /* cfa <= sp is a long one */
        if (length - 1 >= 8ull * HT_WALK_CACHE_SPAN || cfa > hi || (cfa & 7) || !ht_load(cfa - 8))
            break;
        uint32_t on = HT_VIA_RA;
        uint64_t caller_bp = bp;
        if (recipe & HT_RECIPE_LOADS) {
            const uint64_t from_sp = length + (uint64_t)ht_recipe_rbp_offset(recipe);
            if (from_sp >= length || ((from_sp | (sp + from_sp)) & 7))
                break;
            on = HT_VIA_RA_RBP + (uint32_t)(from_sp / 8);
            caller_bp = ht_load(sp + from_sp);
        }
        if (notes) {
            if (HT_UNLIKELY(last == floor))
                break;
            ht_record_at(--last, &(struct ht_regs){pc, sp, bp}, ref, on,
                         recipe & (HT_BP_USED | HT_BP_LOADED));
        }
        frames[n++] = ref;
        pc = ht_load(cfa - 8);
        sp = cfa;
        bp = caller_bp;
        if (notes && ht_walk_recorder_match(&next, pc, sp, bp))
            break;
    }
    *r = (struct ht_regs){pc, sp, bp};
    k->recorder.last = last;
    k->recorder.next = next;
    return n;
}

static void begin(struct walk *k, const struct ht_regs *r, struct ht_walk_cache *cache,
                  uint32_t generation)
{
    k->w = ht_stack_range_of(r->sp - 16);
    /* The leaf is mostly in the program itself. */
    k->module = atomic_load_explicit(&ht_state->main_module, memory_order_acquire);
    k->start = ht_main_start;
    k->size = k->module ? ht_main_size : 0;
    k->known = true;
    k->hidden = false;
    k->n_seen = 0;
    k->replay.begun = false;
    ht_walk_recorder_begin(&k->recorder, cache, k->w.is_thread_stack, k->w.hi, generation);
}

/* Fills frames (leaf first, at most max) and returns their number; *flags gets HT_STACK_*. */
static uint32_t unwind(struct walk *k, struct ht_regs r, ht_ref *frames, uint32_t max,
                       uint32_t *flags)
{
    bool fp_only = ht_config.unwind == HT_UNWIND_FP;
    uint32_t n = 0;
    *flags = 0;
    for (;;) {
        if (k->recorder.on && ht_walk_recorder_match(&k->recorder.next, r.pc, r.sp, r.bp) &&
            ht_walk_cache_splice(&k->recorder, &r, frames, &n, max))
            break;
        if (HT_UNLIKELY(r.pc - 1 - k->start >= k->size))
            enter_object(k, r.pc - 1);
        uint32_t before = n;
        if (HT_LIKELY(!fp_only))
            n = k->recorder.on ? follow(k, &r, frames, n, max, true)
                               : follow(k, &r, frames, n, max, false);
        if (HT_UNLIKELY(n == max)) {
            *flags |= HT_STACK_DEPTH;
            break;
        }
        if (n != before)
            continue;
        uint64_t recipe;
        if (HT_UNLIKELY(k->hidden)) {
            ht_record_frame(&k->recorder, &r, 0);
            recipe = make_recipe(r.pc, k->module);
        } else {
            ht_ref f = frame_at(r.pc, k->module);
            if (HT_UNLIKELY(!f))
                return 0;
            ht_record_frame(&k->recorder, &r, f);
            frames[n++] = f;
            recipe = k->known ? ((struct ht_frame *)ht_at(f))->recipe : HT_STEP_UNKNOWN;
        }
        if (HT_UNLIKELY(fp_only) && ht_recipe_kind(recipe) != HT_STEP_SIGNAL) {
            if (ht_recipe_kind(recipe) == HT_STEP_END)
                break;
            if (ht_step_fp(&r, &k->w) && r.pc > HT_PAGE_SIZE)
                continue;
            *flags |= HT_STACK_TRUNCATED;
            break;
        }
        if (!step_any(k, recipe, &r, frames, &n, max, flags))
            break;
    }
    return n;
}

/* What the site is looked up by. */
struct wanted {
    struct ht_regs regs;
    uint64_t size, rate;
    uint32_t labels;
};

static inline __attribute__((always_inline)) ht_ref
walk(const struct wanted *w, ht_ref *frames, struct ht_walk_cache *cache, uint32_t generation)
{
    struct walk k;
    begin(&k, &w->regs, cache, generation);
    uint32_t flags, n = unwind(&k, w->regs, frames, ht_config.depth, &flags);
    if (!n)
        return 0;
    const uint64_t hash = cache ? ht_walk_recorder_finish(&k.recorder, n, flags, generation) : 0;
    ht_ref site = hash ? ht_site_known(hash, w->size, w->rate, w->labels) : 0;
    if (HT_UNLIKELY(!site)) {
        if (flags)
            ht_count(&ht_state->header->truncated, 1);
        const ht_ref stack = ht_stack_intern(frames, n, flags, hash);
        if (!stack || !(site = ht_site_intern(stack, w->size, w->rate, w->labels)))
            return 0;
    }
    if (hash && w->rate <= HT_SMALL_RATE)
        ht_stack_cache_insert(cache, hash, ((const struct ht_site *)ht_at(site))->stack);
    return site;
}

/* At the usual depth a walk needs little of the program's stack (tests/hazards/h09). */
#define USUAL_DEPTH 128

static __attribute__((noinline)) ht_ref walk_usual(const struct wanted *w,
                                                   struct ht_walk_cache *cache, uint32_t generation)
{
    ht_ref frames[USUAL_DEPTH];
    return walk(w, frames, cache, generation);
}

static __attribute__((noinline)) ht_ref walk_deep(const struct wanted *w,
                                                  struct ht_walk_cache *cache, uint32_t generation)
{
    ht_ref frames[HT_MAX_DEPTH];
    return walk(w, frames, cache, generation);
}

static __attribute__((noinline)) ht_ref walk_any(const struct ht_regs *r, uint64_t size,
                                                 uint64_t rate, uint32_t labels,
                                                 uint32_t generation)
{
    struct ht_walk_cache *t =
        ht_config.unwind == HT_UNWIND_FP ? NULL : ht_walk_cache_take(ht_tls.thread_slot, rate);
    const struct wanted w = {*r, size, rate, labels};
    const ht_ref site = ht_config.depth > USUAL_DEPTH ? walk_deep(&w, t, generation)
                                                      : walk_usual(&w, t, generation);
    if (t)
        ht_walk_cache_release(t);
    return site;
}

ht_ref ht_site_of(const struct ht_regs *r, uint64_t size, uint64_t rate, uint32_t labels)
{
    const uint32_t generation = atomic_load_explicit(&ht_unload_generation, memory_order_relaxed);
    uint64_t hash = 0;
    const ht_ref stack = rate <= HT_SMALL_RATE ? ht_stack_cache_lookup(r, generation, &hash) : 0;
    if (HT_UNLIKELY(!stack))
        return walk_any(r, size, rate, labels, generation);
    const ht_ref known = ht_site_known(hash, size, rate, labels);
    if (HT_LIKELY(known))
        return known;
    return ht_stack_is(stack, hash) ? ht_site_find(stack, size, rate, labels)
                                    : walk_any(r, size, rate, labels, generation);
}
