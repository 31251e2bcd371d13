/* SPDX-License-Identifier: MIT */
/*
 * The name is asked of the kernel at a thread's first sample, after each change that comes by us,
 * and once a second, for others change names through /proc. Under a seccomp filter nothing is
 * asked: the name is then the one that was known, or that the thread gives itself.
 */
#include "config.h"

#include "target/labels/thread_name.h"

#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "target/os/sys.h"
#include "target/state/state.h"
#include "target/tables/label_sets.h"

#define NAME_SIZE 16 /* the kernel's TASK_COMM_LEN */

/* How often a thread was given a name by another. Relaxed. */
static _Atomic uint32_t changed;

/*
 * What ht_tls.labels_seen is while the name is up to date: never 0; the region's generation, so
 * that a forked child does not use its parent's numbers; and what grows with each change and each
 * second.
 */
#define MOMENT_BITS 23
static uint32_t moment(void)
{
    const uint32_t generation = atomic_load_explicit(&ht_region_generation, memory_order_relaxed);
    const uint64_t seconds = ht_sys_clock(CLOCK_MONOTONIC_COARSE) / 1000000000u;
    const uint32_t now = (uint32_t)seconds + atomic_load_explicit(&changed, memory_order_relaxed);
    return 1u << 31 | (generation & 0xff) << MOMENT_BITS | (now & ((1u << MOMENT_BITS) - 1));
}

static uint32_t set_of(const char *name)
{
    char folded[NAME_SIZE];
    unsigned char text[2 + HT_LABEL_KEY + NAME_SIZE];
    uint32_t size = 0;
    const struct ht_label_key *key = &ht_config.labels[ht_config.thread_label - 1];
    ht_thread_fold_name(name, folded, sizeof folded);
    const struct ht_label_pair label = {key->text, folded, key->size, (uint8_t)strlen(folded)};
    return ht_label_add(text, &size, &label) ? ht_label_set_intern(text, size, 1) : 0;
}

uint32_t ht_thread_name_set(void)
{
    struct ht_tls *t = &ht_tls;
    char name[NAME_SIZE] = "";
    const uint32_t now = moment();
    if (HT_LIKELY(t->labels_seen == now))
        return t->thread_labels;
    const bool same_region = t->labels_seen >> MOMENT_BITS == now >> MOMENT_BITS;
    if (ht_sandboxed)
        return same_region ? t->thread_labels : 0;
    /* First: a signal handler that changes the name meanwhile takes it back. */
    t->labels_seen = now;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (SYS_FAILED(SYS2(SYS_prctl, PR_GET_NAME, name)))
        name[0] = 0;
    t->thread_labels = (uint16_t)set_of(name);
    return t->thread_labels;
}

void ht_thread_name_remember(void)
{
    if (!ht_config.thread_label || ht_sandboxed || ht_tls.reentrancy_depth || !ht_active())
        return;
    ht_tls.reentrancy_depth++;
    ht_thread_name_set();
    ht_tls.reentrancy_depth--;
}

void ht_thread_renamed(const char *name, long result)
{
    struct ht_tls *t = &ht_tls;
    if (result || !ht_config.thread_label || !ht_active())
        return;
    t->labels_seen = 0;
    if (!ht_sandboxed || t->reentrancy_depth)
        return;
    t->reentrancy_depth++;
    char kept[NAME_SIZE] = ""; /* the kernel has read it: up to the NUL it is there */
    for (size_t i = 0; i < sizeof kept - 1 && name[i]; i++)
        kept[i] = name[i];
    t->thread_labels = (uint16_t)set_of(kept);
    t->labels_seen = moment();
    t->reentrancy_depth--;
}

void ht_other_thread_renamed(void)
{
    atomic_fetch_add_explicit(&changed, 1, memory_order_relaxed);
}
