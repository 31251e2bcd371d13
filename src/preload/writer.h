/* SPDX-License-Identifier: MIT */
/*
 * The writing side of the region: creation, chunks, and the append-only tables.
 * Everything here is lock-free or takes ht_state->grow by trying; nothing allocates; all of it may be
 * called from a malloc hook on any stack. Failure returns 0 (no reference) and the caller counts it.
 */
#ifndef HEAPTAP_SRC_PRELOAD_WRITER_H
#define HEAPTAP_SRC_PRELOAD_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/state.h"
#include "region/layout.h"
#include "region/view.h"

static inline void *ht_at(ht_ref ref)
{
    return ht_state->base + (uint64_t)ref * 8;
}

/* Creates this process's region: a file, or private memory where no file can be had. `file` false
 * asks for private memory (inside a sandbox, where opening files may be fatal). 0 or -errno. */
int ht_region_create(bool file);

/* A zeroed record of a kind; its commit word is the caller's to store. */
ht_ref ht_record_new(enum ht_chunk_kind kind);

/* n bytes (8-aligned, n <= 4 KiB) that are reached by reference only. */
ht_ref ht_data_new(size_t n);

/* The frame of a return address in a module (0: none), made on first sight with make(pc, module). */
ht_ref ht_frame_intern(uint64_t pc, ht_ref module, uint64_t (*recipe)(uint64_t pc, ht_ref module));

/* The stack of n frames (sum: their struct ht_hash), and the site of a size at a rate on it. */
ht_ref ht_stack_intern(const ht_ref *frames, uint32_t n, uint32_t flags);
ht_ref ht_stack_intern_hashed(const ht_ref *frames, uint32_t n, uint32_t flags, uint64_t sum);
ht_ref ht_site_intern(ht_ref stack, uint64_t size, uint64_t rate);

/* The counters of this thread at a site that several threads use in exact mode, or NULL: the site's
 * own. */
struct ht_shard *ht_site_shard(struct ht_site *s, uint32_t stripe);

/* The live record of a node in the region: makes it on first use, fills it, clears it. */
void ht_mirror_set(ht_ref *mirror, uint64_t addr, uint64_t size, ht_ref site, uint32_t time);
void ht_mirror_clear(ht_ref mirror);

/* Before a sandbox: reserves some chunks for every kind, and puts the rest of the region in private
 * memory, so that writing to it takes no further system call. */
void ht_region_detach(void);

/* Gives back address space beyond what is used and `size`. True when there was some. */
bool ht_region_shrink(uint64_t size);

/* The view of our own region as it is now. */
void ht_own_view(struct ht_view *v);

#endif
