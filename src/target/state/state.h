/* SPDX-License-Identifier: MIT */
/*
 * The state of the target half: 64 bytes a thread, one block of process state that a fork's child
 * finds zeroed, and a few globals that it inherits.
 */
#ifndef HEAPTAP_SRC_TARGET_STATE_STATE_H
#define HEAPTAP_SRC_TARGET_STATE_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "region/compiler.h"
#include "region/labels.h"
#include "region/layout.h"
#include "target/os/hidden.h"
#include "target/os/object.h" /* ht_unload_generation */
#include "target/os/sys.h"    /* ht_sandboxed */
#include "target/state/caches.h"
#include "util/hash.h"

/* Loads and stores of fields that a seqlock guards. */
#define HT_LOAD_RELAXED(x)     __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define HT_STORE_RELAXED(x, v) __atomic_store_n(&(x), v, __ATOMIC_RELAXED)

/*
 * Per thread; touched by its own thread and by signal handlers on it. `bytes_until_sample` must
 * come first: the assembler fast path subtracts from it. All zero: not initialised, and the first
 * call is a borrow.
 */
struct ht_tls {
    uint64_t bytes_until_sample; /* bytes (size + 1 each) to the next sample */
    /* The rate with which `bytes_until_sample` was drawn; 0: sampling is off, and at the end of
     * `bytes_until_sample` the thread looks whether it still is. */
    uint64_t rate;
    uint64_t random;             /* splitmix64 state */
    uint64_t stack_lo, stack_hi; /* of the thread's own stack; 0, 0 when not known */
    uint8_t ready;
    uint8_t lock_refused;      /* a lock could not be had; set by lock.c, reset with each sample */
    uint16_t locks_held;       /* ranks (lock.h), where their order is checked */
    uint32_t reentrancy_depth; /* > 0: inside a hook's cold path */
    /* The thread's number (thread_slot.h), by which it finds its free list and its counters; 0: it
     * has none yet. */
    uint32_t thread_slot;
    uint16_t thread_labels; /* the set that has only the thread's name; thread_name.c */
    uint16_t label_cell;    /* own.c: the cell with the thread's labels, from 1; 0: none */
    uint32_t labels_seen;   /* the moment (thread_name.c) up to which thread_labels holds */
    uint32_t last_block;    /* node of the block allocated last (temporary.h); 0: none */
};
_Static_assert(sizeof(struct ht_tls) <= 64, "TLS budget (tests/hazards/h03)");

extern __thread struct ht_tls ht_tls __attribute__((tls_model("initial-exec")));

#define HT_ROOT_BITS    10
#define HT_CACHE_BITS   14 /* gcc -O2 has 5,000 calling places */
#define HT_MODULE_SLOTS 256

/* A part of the table of stacks. `lock` guards `count` and what is stored in the table, which
 * anybody reads. */
#define HT_STACK_SHARDS 256u
struct ht_stack_shard {
    _Atomic(_Atomic ht_ref *) table; /* number of buckets, then their heads; release; NULL: none */
    _Atomic uint32_t lock, count;
    _Atomic ht_ref only[2]; /* the table of one bucket while memory is out */
};

/* Twice as many as there may be sets. */
#define HT_LABEL_SLOTS (2 * HT_LABEL_SETS)

/* 0, as in a wiped page: a process that has taken no sample yet, and has no region: a forked child,
 * or one whose region waits (`waiting_pid`). HT_INERT: it has, and has no region, by choice or for
 * lack of memory; `header` is NULL then. */
enum ht_activity { HT_FORKED, HT_ACTIVE, HT_INERT };

/* How much of a table of hints is used: a page at first, and twice as much whenever many hints had
 * to give way to others. */
#define HT_HINTS_LEAST 1024u
struct ht_hints_use {
    _Atomic uint32_t mask;    /* for their index; relaxed */
    _Atomic uint32_t evicted; /* hints, while there is more to be used; relaxed */
};

/*
 * Everything that refers to this process's region. It lies in memory marked MADV_WIPEONFORK: a
 * forked child finds zeroes, and so knows that it has no region yet; a vfork child shares it and is
 * treated as one of the parent's threads. Fields: _Atomic as declared, others written under `grow`
 * or before `active`.
 */
struct ht_state {
    _Atomic uint32_t active; /* enum ht_activity; release once the region is ready */
    _Atomic uint32_t grow;   /* try-lock: new chunk */
    /* The process whose region is made at its first sample; 0, as in a forked child: none does
     * that. Written at start. */
    uint32_t waiting_pid;
    uint32_t peak_or_growth;
    unsigned char *base; /* of the region */
    struct ht_region_header *header;
    uint64_t limit;                          /* bytes that the region may have */
    uint64_t mapped;                         /* bytes mapped so far; guarded by grow */
    _Atomic uint32_t making;                 /* try-lock: a new module */
    _Atomic uint32_t prefaulted;             /* ht_prefault_tables was called */
    _Atomic uint64_t cursors[HT_KIND_COUNT]; /* (chunk + 1) << 32 | used */
    struct ht_hints_use frames_use, sites_use;
    _Atomic ht_ref frame_roots[1u << HT_ROOT_BITS];
    struct ht_stack_shard stack_shards[HT_STACK_SHARDS]; /* stacks.c */
    _Atomic ht_ref modules[HT_MODULE_SLOTS];             /* by hash of the link_map */
    _Atomic ht_ref main_module;                          /* release; 0: not met yet */
    struct ht_fold fold;                                 /* tables/fold.h */
    struct ht_weight_cache_entry weight_cache[1u << HT_WEIGHT_CACHE_BITS];
    _Atomic ht_ref frame_cache[1u << HT_CACHE_BITS]; /* relaxed hints, checked on use */
    _Atomic ht_ref sites[1u << HT_CACHE_BITS];       /* the same, by the stack's hash and size */
    struct ht_stack_cache_entry stack_cache[1u << HT_STACK_CACHE_BITS];
    struct ht_walk_cache
        walk_caches[HT_WALK_CACHES_FEW + HT_WALK_CACHES_OWN + HT_WALK_CACHES_SHARED];
    _Atomic uint32_t label_lock;                  /* try-lock: a new label set */
    _Atomic uint16_t label_slots[HT_LABEL_SLOTS]; /* label_sets.c: numbers by hash; release */
    _Atomic uint64_t postfork_thread; /* the thread, by its ht_tls, that makes a child's region */
    uint32_t inherits;                /* as the region's, before there is one */
    _Atomic uint32_t dump_busy, dump_wanted;
    uint32_t dump_number;
    bool execed; /* this process had another image before, whose region was there */
    _Atomic uint64_t next_interval_ns, last_dump_inuse;
    char region_path[1200]; /* "" when the region is in private memory */
    char mark_path[320];    /* mark.h; "": there is none */
};

/* A key of --labels. */
struct ht_label_key {
    uint8_t size;
    char text[HT_LABEL_KEY];
};

struct ht_config {
    uint64_t rate;
    uint32_t depth;
    int signal_number; /* 0: none */
    uint64_t interval_ns, growth;
    uint64_t run_id;
    uint64_t seed;     /* 0: from AT_RANDOM */
    uint32_t fold;     /* how many sites and stacks a region may have; 0: any number */
    uint32_t run_pid;  /* of `heaptap run` itself, 0: not known */
    uint32_t run_root; /* pid of the program `heaptap run` started, 0: not under run */
    /* Of `heaptap run`: when it started, by the clock of files; its pid namespace; the device of
     * its regions. 0: not known. */
    uint64_t run_start_ns, run_pid_namespace, run_device;
    bool peak, temporary, children, start, secure, mmap;
    bool run_leaks;  /* `run` looks for leaks at the end */
    bool fold_fixed; /* else more where more lives */
    enum { HT_UNWIND_AUTO, HT_UNWIND_FP, HT_UNWIND_DWARF } unwind;
    uint32_t n_labels;     /* keys of --labels */
    uint32_t thread_label; /* which of them is "thread", from 1; 0: none */
    struct ht_label_key labels[HT_LABELS];
    char output[1024]; /* absolute pattern */
    char region_dir[256];
    bool region_dir_by_user; /* composed when a region is made, of the user then */
};

/* Hidden: one instruction reads each, wherever it is defined. */
extern HT_HIDDEN struct ht_config ht_config;
extern HT_HIDDEN struct ht_state *ht_state; /* NULL until the library is initialised */
extern HT_HIDDEN _Atomic uint64_t ht_rate;  /* current; 0: dormant */
extern HT_HIDDEN bool ht_mappings_on;       /* mappings are recorded; written once, at the start */
/* Raised by a child that leaves its parent's. */
extern HT_HIDDEN _Atomic uint32_t ht_region_generation;

/* Once the library is initialised. */
static inline uint32_t ht_activity(void)
{
    return atomic_load_explicit(&ht_state->active, memory_order_acquire);
}

/* The region is there and this process's own. */
static inline bool ht_active(void)
{
    return ht_state && atomic_load_explicit(&ht_state->active, memory_order_acquire) == HT_ACTIVE;
}

/* ht_active() where ht_state is known to be there. */
static inline bool ht_region_is_own(void)
{
    return atomic_load_explicit(&ht_state->active, memory_order_acquire) == HT_ACTIVE;
}

static inline bool ht_forked(void)
{
    return ht_state && !atomic_load_explicit(&ht_state->active, memory_order_acquire);
}

/* ht_forked() where ht_state is known to be there. */
static inline bool ht_region_is_parents(void)
{
    return atomic_load_explicit(&ht_state->active, memory_order_acquire) == HT_FORKED;
}

static inline void ht_count(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline void ht_lose(enum ht_loss why)
{
    struct ht_state *s = ht_state;
    if (s && atomic_load_explicit(&s->active, memory_order_acquire) == HT_ACTIVE)
        ht_count(&s->header->losses[why], 1);
}

/*
 * Makes the pages present that every sample uses (not those that only small rates use): a page that
 * is first read and then written costs two page faults, and one fault takes as long as making six
 * recipes. Called at a process's first sample, because most processes never take one; not inside a
 * sandbox.
 */
void ht_prefault_tables(void);

/* Sets a hint of the table with that use. Any thread; signal-safe; lock-free. */
void ht_hint_set(struct ht_hints_use *use, _Atomic ht_ref *hint, ht_ref ref);

static inline uint64_t ht_mix(uint64_t x)
{
    x ^= x >> 32;
    x *= HT_MIX_FACTOR;
    x ^= x >> 29;
    x *= HT_MIX_FACTOR;
    return x ^ (x >> 32);
}

#endif
