/* SPDX-License-Identifier: MIT */
/* The calls of heaptap.h. */
#include "config.h"

#define HEAPTAP_STRONG
#include "heaptap/heaptap.h"
#include "target/hooks/export.h"
#include "target/hooks/sampled.h"
#include "target/labels/own.h"
#include "target/process/adopt.h"
#include "target/process/dump.h"
#include "target/sampler/rate.h"
#include "target/state/state.h"
#include "target/tables/writer.h"

/* The rate that heaptap_start goes back to. */
static _Atomic uint64_t chosen_rate;

static uint64_t wanted_rate(void)
{
    uint64_t r = atomic_load(&chosen_rate);
    return r ? r : ht_config.rate;
}

EXPORT int heaptap_active(void)
{
    return ht_state && atomic_load(&ht_rate) != 0;
}

EXPORT int heaptap_start(void)
{
    if (!ht_state)
        return -ENODEV;
    ht_sample_set_rate(wanted_rate());
    ht_tls.bytes_until_sample = 0; /* this thread draws anew at its next call */
    ht_tls.rate = 0;
    return 0;
}

EXPORT int heaptap_stop(void)
{
    if (!ht_state)
        return -ENODEV;
    ht_sample_set_rate(0);
    return 0;
}

EXPORT int heaptap_set_rate(size_t bytes)
{
    if (bytes < 1 || bytes > (1ull << 40))
        return -EINVAL;
    if (!ht_state)
        return -ENODEV;
    atomic_store(&chosen_rate, bytes);
    if (atomic_load(&ht_rate))
        ht_sample_set_rate(bytes);
    /* The countdown drawn at the old rate is dropped, which adds no bias: its distribution has
     * no memory. */
    ht_tls.bytes_until_sample = 0;
    ht_tls.rate = 0;
    return 0;
}

EXPORT int heaptap_dump(const char *path)
{
    int saved = errno;
    ht_adopt_for_dump();
    int r = path ? ht_dump_path(path) : ht_dump_request();
    errno = saved;
    return r;
}

EXPORT int heaptap_dump_fd(int fd)
{
    int saved = errno;
    ht_adopt_for_dump();
    int r = ht_dump_fd(fd);
    errno = saved;
    return r;
}

static void flush(void)
{
    if (ht_live_pending() && !ht_forked())
        ht_drain();
}

EXPORT int heaptap_flush(void)
{
    flush();
    return 0;
}

EXPORT int heaptap_read_counts(struct heaptap_counts *counts)
{
    struct ht_region_totals t;
    struct ht_view view;
    int saved = errno;
    ht_adopt_for_dump();
    errno = saved;
    if (!ht_active())
        return -ENODEV;
    flush();
    ht_own_view(&view);
    ht_region_totals(&view, &t);
    counts->allocations = (uint64_t)t.values.alloc_objects;
    counts->allocated_bytes = (uint64_t)t.values.alloc_bytes;
    counts->frees = (uint64_t)(t.values.alloc_objects - t.values.inuse_objects);
    counts->freed_bytes = (uint64_t)(t.values.alloc_bytes - t.values.inuse_bytes);
    return 0;
}

EXPORT int heaptap_read_temporary(uint64_t *objects, uint64_t *bytes)
{
    int saved = errno;
    ht_adopt_for_dump();
    errno = saved;
    if (!ht_active())
        return -ENODEV;
    struct ht_region_header *h = ht_state->header;
    if (!(atomic_load(&h->flags) & HT_REGION_TEMPORARY))
        return -ENOTSUP;
    *objects = atomic_load(&h->temporary_objects);
    *bytes = atomic_load(&h->temporary_bytes);
    return 0;
}

EXPORT int heaptap_label(const char *key, const char *value)
{
    return ht_state && ht_config.n_labels ? ht_own_label(key, value) : 0;
}

EXPORT void heaptap_label_end(int before)
{
    ht_own_label_end(before);
}

EXPORT const char *heaptap_version(void)
{
    return HT_VERSION;
}
