/* SPDX-License-Identifier: MIT */
/*
 * The region: one mapped file a process, written by the target alone and read by anybody.
 *
 * It is a header (with the totals and the sums of folded sites) followed by chunks of
 * HT_CHUNK_SIZE. A chunk holds records of one kind, all of one size, so that a reader can walk a
 * region of a process that was killed anywhere: what is not committed is skipped, what comes behind
 * it is still found. Nothing ever moves. Live records are used again, and so are sites and stacks
 * once they are folded (struct ht_folded). Records refer to each other by ht_ref: the byte offset
 * from the start of the region divided by 8; 0 is none.
 *
 * Memory order: a record is written with plain stores and becomes visible by a release store of its
 * `commit` (live records: of `addr`); readers load that with acquire. Counters are relaxed and only
 * grow; a reader loads what was freed before what was allocated, so a difference is never negative
 * by more than what happened while it read.
 */
#ifndef HEAPTAP_SRC_REGION_LAYOUT_H
#define HEAPTAP_SRC_REGION_LAYOUT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define HT_REGION_MAGIC   0x3150415450414548ULL /* "HEAPTAP1", little endian */
#define HT_LAYOUT_VERSION 6u
#define HT_HEADER_SIZE    20480u
#define HT_CHUNK_SIZE     65536u
#define HT_CHUNK_MAGIC    0x4b4e4843u  /* "CHNK" */
#define HT_REGION_MAX     (1ULL << 34) /* what an ht_ref can address, halved */
#define HT_MAX_DEPTH      512
#define HT_MAX_SEGMENTS   6

typedef uint32_t ht_ref;

enum ht_chunk_kind {
    HT_KIND_NONE,
    HT_KIND_MODULE,
    HT_KIND_FRAME,
    HT_KIND_STACK,
    HT_KIND_SITE,
    HT_KIND_LIVE,
    HT_KIND_DATA, /* frame lists and strings: reached by reference only */
    HT_KIND_MAPPING,
    HT_KIND_COUNT
};

/*
 * The head of every chunk. `kind` is stored with release once the chunk's beginning is present in
 * memory. `present`: how many bytes of the chunk are, its head with them; 0: all. It grows
 * (release) before a record is made behind it. What lies behind it is not to be looked at in a
 * mapping: a full file system has no page for it.
 */
struct ht_chunk {
    uint32_t magic;
    _Atomic uint32_t kind;
    _Atomic uint32_t present;
    uint32_t reserved[29]; /* so that sites lie on pairs of cache lines */
};
_Static_assert(sizeof(struct ht_chunk) == 128, "chunk head");

/* Values of a record's commit word. */
enum {
    HT_COMMITTED = 0xc0de1u,
    HT_DETACHED = 0xc0de2u, /* counts as before, but is not found for new samples any more */
};

/* A mapped object. Written once under the frame that first needed it. */
struct ht_module {
    _Atomic uint32_t commit;
    uint32_t n_segments;   /* executable ones, at most HT_MAX_SEGMENTS */
    uint64_t start, end;   /* of the whole object in memory */
    uint64_t bias;         /* l_addr */
    uint64_t eh_frame_hdr; /* address of PT_GNU_EH_FRAME's contents, 0: none */
    uint64_t link_map;     /* the loader's handle, when it was loaded last; relaxed */
    uint64_t ident[4];     /* words of the mapped ELF header and note: tell a reload apart */
    uint64_t note_addr;    /* where ident[2..3] were read, 0: nowhere */
    uint8_t build_id[32];
    uint32_t build_id_size; /* 0: none */
    ht_ref path;            /* into a DATA chunk */
    uint32_t path_size;     /* without the NUL */
    uint32_t flags;         /* HT_MODULE_* */
    struct {
        uint64_t start, limit, offset;
    } segments[HT_MAX_SEGMENTS];
    uint64_t fingerprint;     /* of the path and, where there is no build-id, the first segment */
    _Atomic uint64_t checked; /* fingerprint found right at this ht_unload_generation; relaxed */
    uint64_t reserved[12];
};
_Static_assert(sizeof(struct ht_module) == 392, "module record");

enum {
    HT_MODULE_MAIN = 1,
    HT_MODULE_VDSO = 2,
};

/*
 * A return address with the module it lies in: the same address in another module (after dlclose
 * and dlopen) is another frame. `recipe` is the target's own (how to step out of this frame) and
 * means nothing to a reader. child: a hash trie over the pc, two bits a level; CAS from 0, release.
 */
struct ht_frame {
    uint64_t pc;
    uint64_t recipe;
    ht_ref module; /* 0: in no known object */
    _Atomic uint32_t commit;
    _Atomic ht_ref child[4];
};
_Static_assert(sizeof(struct ht_frame) == 40, "frame record");

/* A call stack: refs of frames, leaf first, in a DATA chunk. */
struct ht_stack {
    uint64_t hash;
    ht_ref frames;
    uint16_t n_frames;
    uint16_t flags;          /* HT_STACK_* */
    _Atomic ht_ref next;     /* the target's own: in its hash table, or in a free list; relaxed */
    _Atomic ht_ref sites;    /* head of the list through ht_site.next; CAS, release */
    _Atomic uint32_t commit; /* HT_COMMITTED, HT_DETACHED; 0: none */
    _Atomic uint32_t last_used; /* the target's own: a pass of tables/fold.h; relaxed */
};
_Static_assert(sizeof(struct ht_stack) == 32, "stack record");

enum {
    HT_STACK_TRUNCATED = 1, /* the unwinder had to stop before the thread's first frame */
    HT_STACK_DEPTH = 2,     /* cut at the configured depth */
    HT_STACK_FOLDED = 4,    /* not known any more: that of objects whose site was folded before a
                               forked child took them over; without frames */
};

/* A weight is kept as a whole part and a fraction of 2^-28, so that free takes away exactly what
 * malloc added, whatever the order. */
#define HT_FRACTION_BITS 28

/* Objects and bytes, in whole parts. Relaxed. The order is that of fractions. */
struct ht_counts {
    _Atomic uint64_t alloc_objects, alloc_bytes, freed_objects, freed_bytes;
};

/*
 * What one stack allocated in one class of sizes (region/size_class.h) at one rate with one set of
 * labels. A line that is mostly read, and one that is counted in; records lie on pairs of lines,
 * for processors fetch a line's neighbour too.
 *
 * In exact mode (rate 1) the `owner_slot` thread alone counts in `own`, without a locked
 * instruction, and others in `shared`, until there are `shards`. At other rates all count in `own`
 * and `fractions`, by locked additions, the number of samples last and with release.
 */
struct ht_site {
    _Atomic ht_ref stack; /* while the record is free: the next free one */
    _Atomic ht_ref next;  /* next site of the same stack */
    uint64_t stack_hash;  /* the stack's */
    uint64_t size_low;    /* sizes from here to size_low + 2^size_bits - 1 */
    uint64_t rate;
    union {
        uint32_t owner_slot; /* exact mode: the thread that made it; written before commit */
        _Atomic uint32_t
            folded_in; /* else: the version of the folded sums it is part of; 0: none */
    };
    _Atomic uint32_t commit; /* HT_COMMITTED, HT_DETACHED; 0: none */
    union {
        _Atomic ht_ref shards; /* exact mode: HT_COUNTER_SHARDS of struct ht_counter_shard,
                                  64-aligned; release; 0: none */
        _Atomic uint32_t made; /* else, the target's own: in which pass of tables/fold.h; relaxed */
    };
    union {
        _Atomic uint32_t contention; /* exact mode: how often one of the others came, about */
        _Atomic uint32_t last_used;  /* else, the target's own: when a sample last came, in
                                        samples; relaxed */
    };
    uint16_t labels; /* number of the label set, 0: none */
    uint8_t size_bits;
    uint8_t flags;                             /* HT_SITE_* */
    _Atomic uint32_t alloc_count, freed_count; /* samples, modulo 2^32; not in exact mode */
    ht_ref peak;                               /* struct ht_peak, where peaks are kept */
    struct ht_counts own;
    union {
        struct ht_counts shared;
        _Atomic uint64_t fractions[4]; /* in the order of struct ht_counts */
    };
};
_Static_assert(sizeof(struct ht_site) == 128 && offsetof(struct ht_site, own) == 64, "site record");

enum {
    /* A site of mmap and similar calls: exact, all sizes together, and in none of the totals of the
     * heap. Everything is counted in `own`; the rate is 0. */
    HT_SITE_MAPPING = 1,
    /* A site of objects that the process took over from its parent at the fork, and of nothing
     * else. It is detached, so that new samples make sites of their own. */
    HT_SITE_INHERITED = 2,
};
#define HT_RATE_MAPPING 0u /* a site's */

/* What a site held at the peak, rounded; valid for `epoch`. */
struct ht_peak {
    _Atomic uint64_t objects, bytes;
    _Atomic uint32_t epoch; /* release */
    uint32_t reserved;
};

/*
 * Where threads share a hot stack, each counts on a cache line of its own: in `own` the thread
 * whose number is `owner_slot` (CAS from 0), by one addition without a locked instruction; in
 * `shared` those that found no cell free. A site's totals are its owner's, the others' and its
 * cells' together.
 */
#define HT_COUNTER_SHARDS 16u
struct ht_counter_shard {
    struct ht_counts own;
    _Atomic uint32_t owner_slot;
    uint32_t reserved[7];
    struct ht_counts shared; /* relaxed fetch_add */
    uint64_t reserved2[4];
};
_Static_assert(sizeof(struct ht_counter_shard) == 128,
               "a line, and one that is seldom used before the next cell's");

/*
 * The totals of a region are the sums of its cells, at HT_TOTALS_OFFSET: so a listing reads the
 * header alone. The thread whose number is `owner_slot` (CAS from 0) counts in `own`, each addition
 * one instruction without a lock; those that found no cell free in `shared`. They are what all
 * sites, folded ones included, add up to.
 */
struct ht_total {
    struct ht_counts counts;
    _Atomic uint64_t fractions[4];                 /* in the order of struct ht_counts */
    _Atomic uint64_t alloc_samples, freed_samples; /* of them; in exact mode too */
};
#define HT_TOTAL_CELLS   32u
#define HT_TOTALS_OFFSET 8192u
struct ht_total_cell {
    struct ht_total own;
    _Atomic uint32_t owner_slot;
    uint32_t reserved[11];
    struct ht_total shared; /* relaxed fetch_add */
    uint64_t reserved2[6];
};
_Static_assert(sizeof(struct ht_total_cell) == 256, "two pairs of lines");

/*
 * Sums of sites that were folded: what they allocated, all of which was freed. By the doubling of
 * the size: 0 to 15, from 16 on, from 32 on and so on. Two versions, at HT_FOLDED_OFFSET: that of
 * an even header.fold_version and that of an odd one. The next version is filled first, and the
 * sites that it takes in say so (folded_in); then fold_version is raised (release), by which all of
 * them move at once; and only then are their records used again. A reader that finds another
 * fold_version after reading than before reads again.
 */
struct ht_folded {
    _Atomic uint64_t objects, object_fraction, bytes, byte_fraction, samples;
};
#define HT_FOLDED_CLASSES 48u
#define HT_FOLDED_OFFSET  (HT_TOTALS_OFFSET + HT_TOTAL_CELLS * 256u)
_Static_assert(HT_FOLDED_OFFSET + 2 * HT_FOLDED_CLASSES * sizeof(struct ht_folded) <=
                   HT_HEADER_SIZE,
               "folded sums");

/*
 * A sampled object that lives. addr: release when filled, 0 when free. A reader that finds the
 * same `sequence` before and after has a whole record.
 */
struct ht_live {
    _Atomic uint64_t addr;
    uint64_t size;
    ht_ref site;
    uint32_t time; /* seconds after header.start_mono_ns */
    _Atomic uint32_t sequence;
    uint32_t thread_slot; /* the target's own: of the thread that allocated it, where temporary
                             blocks are counted; relaxed */
};
_Static_assert(sizeof(struct ht_live) == 32, "live record");

/* Records of HT_KIND_MAPPING are of this form, too: addresses that the program mapped, and did not
 * unmap, by one call. What is left of it on each side of a hole has a record of its own. */

enum ht_loss {
    HT_LOSS_FULL,      /* a table could not grow */
    HT_LOSS_REENTRANT, /* a signal handler allocated inside our hook */
    HT_LOSS_BUSY,      /* a lock was not free in bounded time */
    HT_LOSS_STALE,     /* a live record replaced: its free went past us */
    HT_LOSS_FREE,      /* a free that could not be taken down */
    HT_LOSS_COUNT
};

enum ht_leak_look {
    HT_LEAK_LOOK_NONE,
    HT_LEAK_LOOK_ASKED, /* by the process, which waits */
    HT_LEAK_LOOK_DONE,  /* by `run`: it may go on */
    HT_LEAK_LOOK_LEFT,  /* by the process: it waits no longer */
};

enum ht_region_state {
    HT_STATE_RUNNING = 1,
    HT_STATE_DUMPED, /* the last dump is written, or there was nothing to write */
};

/* Mode of a region's file: `heaptap run`, which would have removed it, has gone, and its process
 * does. For one in another pid namespace, which cannot see that. */
#define HT_REGION_LEFT_MODE 01000

/*
 * Where the process keeps heaptap's private tables. Addresses of its objects stand in them: who
 * looks for what points to an object must not take these for the program's. All zero: not known.
 */
struct ht_private_memory {
    uint64_t state, state_size;                      /* address and bytes */
    uint64_t node_chunks, n_node_chunks, chunk_size; /* an array of so many addresses, 0: none, of
                                                        memory of that size in bytes */
    uint64_t arena, arena_size; /* in the library, and yet the program's: its first blocks */
};

/* An array of n addresses, 0: none, of private memory of `size` bytes each. All zero: not known. */
struct ht_private_array {
    uint64_t at, n, size;
};

enum {
    HT_REGION_PEAK = 1,        /* peak values are kept */
    HT_REGION_SIGNAL_LOST = 2, /* the program has its own handler for our signal */
    HT_REGION_ADOPTED = 4,     /* starts with what the parent had live at the fork */
    HT_REGION_TEMPORARY = 8,   /* temporary blocks are counted */
    HT_REGION_MAPPINGS = 16,   /* mappings are recorded */
};

struct ht_region_header {
    /* Fixed once created; covered by `checksum`. */
    uint64_t magic;
    uint32_t version;
    uint32_t header_size, chunk_size;
    uint32_t pid, uid, parent_pid;
    uint64_t size;          /* of the mapping, virtual */
    uint64_t start_ticks;   /* /proc/PID/stat field 22, 0: unknown */
    uint64_t start_wall_ns; /* CLOCK_REALTIME when the region was made */
    uint64_t start_mono_ns; /* CLOCK_MONOTONIC then */
    uint64_t run_id;        /* given by `heaptap run`, 0: none */
    uint64_t address;       /* where the target has it mapped */
    uint32_t depth, signal_number;
    char exe[1024];
    char output[1024];       /* absolute pattern */
    char command_line[2048]; /* NUL separated */
    char name[64];           /* %e */
    uint32_t command_line_size;
    uint32_t checksum; /* FNV-1a of the bytes before it */

    /* Changing; relaxed unless said otherwise. */
    _Atomic uint32_t n_chunks; /* handed out; release after the chunk is reserved */
    _Atomic uint32_t state;    /* enum ht_region_state, release */
    _Atomic uint32_t flags;
    _Atomic uint32_t peak_epoch;
    _Atomic uint64_t
        private_from; /* chunks at or above are in the target's private memory; 0: none */
    _Atomic uint64_t rate;
    _Atomic uint64_t losses[HT_LOSS_COUNT], truncated;
    _Atomic uint64_t dumps, dump_failures;
    _Atomic uint32_t dump_errno;
    _Atomic uint32_t inherits; /* objects of the parent's that are not taken over yet; 0 but when a
                                  child was killed in the midst of that */
    _Atomic uint64_t inuse_bytes, peak_bytes; /* kept for peak and growth only */
    char last_dump[1024];                     /* path; whole when `dumps` was raised (release) */
    _Atomic uint64_t unprofiled; /* forked children under a seccomp filter, which have no region */
    uint64_t pid_namespace;      /* its inode number, written before `state`; 0: not known */
    _Atomic uint32_t fold_version;                /* struct ht_folded; release */
    _Atomic uint32_t n_label_sets;                /* release */
    _Atomic uint64_t folded_sites, folded_stacks; /* how many there were */
    _Atomic ht_ref
        label_sets; /* HT_LABEL_SETS of ht_ref in a DATA chunk: to each struct ht_label_set, at its
                       number - 1 (release); written before `state`; 0: none are kept */
    uint32_t reserved;
    struct ht_counts mappings;     /* of all sites with HT_SITE_MAPPING */
    _Atomic uint64_t labels_other; /* samples whose labels found no room: HT_LABELS_OTHER */
    struct ht_private_memory private_memory; /* written before the first sample */
    /* Freed by the next call of the thread that allocated them; with HT_REGION_TEMPORARY. */
    _Atomic uint64_t temporary_objects, temporary_bytes;
    /* At its end the process waits for `heaptap run --leaks`, which alone writes to this region
     * besides it: enum ht_leak_look, seq_cst; raised while `run` is at it, relaxed. */
    _Atomic uint32_t leak_look, leak_beat;
    struct ht_private_array mapping_tables[2]; /* as private_memory: of run --mmap */
};
_Static_assert(sizeof(struct ht_region_header) <= HT_TOTALS_OFFSET, "header");

#define HT_LABEL_SETS 4096u

static inline uint32_t ht_kind_size(uint32_t kind)
{
    switch (kind) {
    case HT_KIND_MODULE:
        return sizeof(struct ht_module);
    case HT_KIND_FRAME:
        return sizeof(struct ht_frame);
    case HT_KIND_STACK:
        return sizeof(struct ht_stack);
    case HT_KIND_SITE:
        return sizeof(struct ht_site);
    case HT_KIND_LIVE:
    case HT_KIND_MAPPING:
        return sizeof(struct ht_live);
    default:
        return 0;
    }
}

static inline uint32_t ht_kind_capacity(uint32_t kind)
{
    uint32_t size = ht_kind_size(kind);
    return size ? (HT_CHUNK_SIZE - (uint32_t)sizeof(struct ht_chunk)) / size : 0;
}

static inline uint32_t ht_chunk_present(const struct ht_chunk *c)
{
    uint32_t n = atomic_load_explicit(&c->present, memory_order_acquire);
    return n >= sizeof *c && n < HT_CHUNK_SIZE ? n : HT_CHUNK_SIZE;
}

/* Of a chunk of that kind: the records in the part that is present. */
static inline uint32_t ht_chunk_records(const struct ht_chunk *c, uint32_t kind)
{
    uint32_t size = ht_kind_size(kind);
    return size ? (ht_chunk_present(c) - (uint32_t)sizeof *c) / size : 0;
}

static inline uint32_t ht_fnv1a(const void *data, uint64_t n)
{
    const unsigned char *p = data;
    uint32_t h = 2166136261u;
    for (uint64_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 16777619u;
    return h;
}

#endif
