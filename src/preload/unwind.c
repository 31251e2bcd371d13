/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "preload/cfi.h"
#include "preload/module.h"
#include "preload/replay.h"
#include "preload/segment.h"
#include "preload/unwind.h"
#include "preload/window.h"
#include "preload/writer.h"

/* A walk: what may be read, the object that the pc is in now, and those met before. */
struct walk {
    struct ht_window w;
    struct ht_recorder recorder; /* on only within the thread's own stack */
    struct ht_hash hash;
    uint32_t generation, shift;
    enum { WALK_PLAIN, WALK_SEGMENTS, WALK_WHOLE } how; /* what is recalled and recorded */
    uint64_t start, size;                               /* of the object; size 0: none yet */
    ht_ref module;                                      /* 0: code in no object */
    bool known, hidden; /* in an object; in our own, which never shows */
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
    ht_ref main = atomic_load_explicit(&ht_state->main_module, memory_order_acquire);
    if (main && pc - ht_main_start < ht_main_size) { /* nothing else was ever there */
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
    *w = ht_interrupted(r->sp, handler_sp);
    return STEP_OK;
}

static enum step step_recipe(uint64_t recipe, struct ht_regs *r, struct walk *k)
{
    struct ht_window *w = &k->w;
    struct ht_recorder *c = &k->recorder;
    uint64_t cfa;
    int64_t offset = ht_recipe_cfa_offset(recipe);
    switch (ht_recipe_kind(recipe)) {
    case HT_STEP_RSP:
        cfa = r->sp + (uint64_t)offset;
        break;
    case HT_STEP_RBP:
        ht_record_bp_use(c, r->bp);
        cfa = r->bp + (uint64_t)offset;
        break;
    case HT_STEP_RBP_DEREF:
        ht_record_bp_use(c, r->bp);
        if (!ht_readable(w, r->bp + (uint64_t)offset, 8))
            return STEP_LOST;
        cfa = ht_load(r->bp + (uint64_t)offset);
        ht_record_word(c, r->bp + (uint64_t)offset, cfa);
        break;
    case HT_STEP_PLT:
        cfa = r->sp + 8 + (((r->pc - 1) & 15) >= (uint64_t)offset ? 8 : 0);
        break;
    case HT_STEP_SIGNAL:
        c->on = false;
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
            ht_record_bp_use(c, r->bp);
        at = (ht_recipe_rbp(recipe) == HT_RBP_CFA ? cfa : r->bp) +
             (uint64_t)ht_recipe_rbp_offset(recipe);
        if (!ht_readable(w, at, 8))
            return STEP_LOST;
        bp = ht_load(at);
        ht_record_bp_load(c, at);
        break;
    case HT_RBP_LOST:
        c->bp = HT_BP_LOST;
        bp = 0;
        break;
    default:
        break;
    }
    r->pc = ht_load(cfa - 8);
    ht_record_word(c, cfa - 8, r->pc);
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
        if (f) {
            frames[(*n)++] = f;
            ht_hash_frame(&k->hash, f);
        }
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
        k->recorder.on = false;
        if (ht_config.unwind != HT_UNWIND_DWARF && cross_unknown(k, r, frames, n, max))
            return true;
        break;
    case HT_STEP_OTHER:
        k->recorder.on = false;
        if (ht_step_other(&k->replay, r) && r->sp > sp && r->pc > 4096)
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
 * Follows frames of ordinary code as far as they go: in the object that the walk is in, met before,
 * stepped by the common recipes, within the window as it is, up to where a segment begins. Some 60
 * instructions a frame, which is why all it needs is in variables of its own.
 */
static inline __attribute__((always_inline)) uint32_t
follow(struct walk *k, struct ht_regs *r, ht_ref *frames, uint32_t n, uint32_t max)
{
    const unsigned char *base = ht_state->base;
    uint64_t pc = r->pc, sp = r->sp, bp = r->bp;
    const uint64_t start = k->start, size = k->hidden ? 0 : k->size, lo = k->w.lo, hi = k->w.hi;
    const ht_ref module = k->module;
    struct ht_recorder *c = &k->recorder;
    struct ht_hash hash = k->hash;
    while (n < max && pc - 1 - start < size) {
        ht_ref ref = atomic_load_explicit(hint_of(pc), memory_order_acquire);
        const struct ht_frame *f = (const struct ht_frame *)(base + (uint64_t)ref * 8);
        if (HT_UNLIKELY(!ref || f->pc != pc || f->module != module)) {
            if (!(ref = frame_made(pc, module)))
                break;
            f = (const struct ht_frame *)(base + (uint64_t)ref * 8);
        }
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
        if (kind == HT_STEP_RBP)
            ht_record_bp_use(c, bp);
        if (rule == HT_RBP_CFA) {
            bp = ht_load(at);
            ht_record_bp_load(c, at);
        }
        frames[n++] = ref;
        ht_hash_frame(&hash, ref);
        pc = ht_load(cfa - 8);
        ht_record_word(c, cfa - 8, pc);
        sp = cfa;
        if (ht_segment_begins(ht_segment_key(pc, sp)))
            break;
    }
    r->pc = pc;
    r->sp = sp;
    r->bp = bp;
    k->hash = hash;
    return n;
}

static void begin(struct walk *k, const struct ht_regs *r)
{
    k->w = ht_window_of(r->sp - 16);
    k->size = 0;
    k->start = 0;
    k->n_seen = 0;
    k->replay.begun = false;
    k->hash = (struct ht_hash){0, 1};
    k->generation = atomic_load_explicit(&ht_unload_generation, memory_order_relaxed);
    ht_record_begin(&k->recorder, r, 0, HT_MEMO_WORDS);
    k->recorder.on = k->how == WALK_WHOLE && k->w.own;
}

static inline bool segment_begins(const struct walk *k, const struct ht_regs *r, uint32_t n)
{
    if (k->how != WALK_SEGMENTS || !k->w.own || r->sp < k->w.lo || r->sp >= k->w.hi)
        return false;
    return !n || ht_segment_begins(ht_segment_key(r->pc, r->sp)) ||
           (k->recorder.on && n - k->recorder.first >= HT_SEGMENT_FRAMES);
}

/* Where a segment may begin: keeps the one that led here, goes through those that are known, and
 * begins another. True: the stack's end was reached. */
static inline __attribute__((always_inline)) bool
pass_segments(struct walk *k, struct ht_regs *r, ht_ref *frames, uint32_t *n, uint32_t max)
{
    bool end;
    if (!segment_begins(k, r, *n))
        return false;
    if (k->recorder.on)
        ht_segment_keep(&k->recorder, r, false, frames, *n, k->generation, k->shift);
    *n += ht_segments_recall(r, k->w.hi, k->generation, k->shift, frames + *n, max - *n, &k->hash,
                             &end);
    ht_record_begin(&k->recorder, r, *n, HT_SEGMENT_WORDS);
    return end;
}

/* A segment is kept before it grows too long. */
static inline uint32_t at_most(const struct walk *k, uint32_t max)
{
    uint32_t full = k->recorder.first + HT_SEGMENT_FRAMES;
    return k->how == WALK_SEGMENTS && k->recorder.on && full < max ? full : max;
}

/* Fills frames (leaf first, at most max; HT_SEGMENT_FRAMES more may be written to) and returns
 * their number; *flags gets HT_STACK_*. */
static uint32_t unwind(struct walk *k, struct ht_regs r, ht_ref *frames, uint32_t max,
                       uint32_t *flags)
{
    bool fp_only = ht_config.unwind == HT_UNWIND_FP;
    uint32_t n = 0;
    *flags = 0;
    begin(k, &r);
    for (;;) {
        if (pass_segments(k, &r, frames, &n, max))
            break;
        if (HT_UNLIKELY(r.pc - 1 - k->start >= k->size))
            enter_object(k, r.pc - 1);
        uint32_t before = n;
        if (HT_LIKELY(!fp_only))
            n = follow(k, &r, frames, n, at_most(k, max));
        if (HT_UNLIKELY(n == max)) {
            *flags |= HT_STACK_DEPTH;
            break;
        }
        if (n != before)
            continue;
        uint64_t recipe;
        if (HT_UNLIKELY(k->hidden)) {
            k->recorder.on = false;
            recipe = make_recipe(r.pc, k->module);
        } else {
            ht_ref f = frame_at(r.pc, k->module);
            if (HT_UNLIKELY(!f))
                return 0;
            frames[n++] = f;
            ht_hash_frame(&k->hash, f);
            recipe = k->known ? ((struct ht_frame *)ht_at(f))->recipe : HT_STEP_UNKNOWN;
        }
        if (HT_UNLIKELY(fp_only) && ht_recipe_kind(recipe) != HT_STEP_SIGNAL) {
            if (ht_recipe_kind(recipe) == HT_STEP_END)
                break;
            if (ht_step_fp(&r, &k->w) && r.pc > 4096)
                continue;
            *flags |= HT_STACK_TRUNCATED;
            break;
        }
        if (!step_any(k, recipe, &r, frames, &n, max, flags)) {
            if (!*flags && k->how == WALK_SEGMENTS && k->recorder.on)
                ht_segment_keep(&k->recorder, &r, true, frames, n, k->generation, k->shift);
            break;
        }
    }
    return n;
}

/* Below this rate whole stacks are remembered too: above, samples are too rare to find themselves
 * again, and the table of segments is small, so that it costs little memory. */
#define MEMO_MAX_RATE 4096u
#define FEW_BITS      HT_SEGMENT_FEW_BITS

static inline __attribute__((always_inline)) ht_ref walk(const struct ht_regs *r, ht_ref *frames,
                                                         uint64_t rate)
{
    struct walk k;
    bool memo = rate <= MEMO_MAX_RATE;
    k.how = ht_config.unwind == HT_UNWIND_FP ? WALK_PLAIN : WALK_SEGMENTS;
    k.shift = 64 - (memo ? HT_SEGMENT_BITS : FEW_BITS);
    uint32_t flags, n = unwind(&k, *r, frames, ht_config.depth, &flags);
    if (!n)
        return 0;
    ht_ref stack = ht_stack_intern_hashed(frames, n, flags, k.hash.sum);
    if (flags & (HT_STACK_TRUNCATED | HT_STACK_DEPTH)) {
        ht_count(&ht_state->header->truncated, 1);
    } else if (memo && stack && k.how == WALK_SEGMENTS && ht_memo_again(r, stack)) {
        k.how = WALK_WHOLE;
        unwind(&k, *r, frames, ht_config.depth, &flags);
        ht_memo_keep(&k.recorder, stack, k.generation);
    }
    return stack;
}

/* What a walk needs of the program's stack is little where the depth is the usual one (HAZARDS 9).
 */
#define USUAL_DEPTH 128

static __attribute__((noinline)) ht_ref walk_usual(const struct ht_regs *r, uint64_t rate)
{
    ht_ref frames[USUAL_DEPTH + HT_SEGMENT_FRAMES];
    return walk(r, frames, rate);
}

static __attribute__((noinline)) ht_ref walk_deep(const struct ht_regs *r, uint64_t rate)
{
    ht_ref frames[HT_MAX_DEPTH + HT_SEGMENT_FRAMES];
    return walk(r, frames, rate);
}

ht_ref ht_stack_of(const struct ht_regs *r, uint64_t rate)
{
    ht_ref known = rate <= MEMO_MAX_RATE ? ht_memo_recall(r) : 0;
    if (HT_LIKELY(known))
        return known;
    return ht_config.depth > USUAL_DEPTH ? walk_deep(r, rate) : walk_usual(r, rate);
}
