/* SPDX-License-Identifier: MIT */
/* Makes a profile with names from a region. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "profile/profile.h"
#include "snapshot/region.h"
#include "symbolize/symbolize.h"

void ht_region_note(const struct ht_region *r, const char *word, char *note, size_t size)
{
    uint64_t unprofiled = atomic_load(&r->view.header->unprofiled);
    *note = 0;
    if (r->lost_from)
        snprintf(note, size,
                 "%s: the last part of the region was in the memory of the process, "
                 "which is gone: the profile is not complete",
                 word);
    else if (r->fresh)
        snprintf(note, size,
                 "process %s has had no sample yet, so the profile is empty, without what its "
                 "parent had in use",
                 word);
    else if (unprofiled)
        snprintf(note, size,
                 "%s: %" PRIu64 " of its forked children %s not profiled: they were forked "
                 "under a seccomp filter",
                 word, unprofiled, unprofiled == 1 ? "is" : "are");
    else if (!r->alive)
        snprintf(note, size, "process %u has ended: this is its profile up to its last sample",
                 r->view.header->pid);
}

struct ht_profile *ht_region_names(const struct ht_region *r, const char *word,
                                   const struct ht_region_ages *ages,
                                   const struct ht_symbolize_options *symbolize, int *err,
                                   char *msg, size_t msg_size, char *note, size_t note_size)
{
    char why[400] = "", unused[2];
    if (!note)
        note = unused, note_size = sizeof unused;
    struct ht_profile *p = ht_region_profile(r, ages, err, why, sizeof why);
    if (!p) {
        snprintf(msg, msg_size, "cannot read the profile of %s: %s", word, why);
        return NULL;
    }
    ht_region_note(r, word, note, note_size);
    if (!symbolize)
        return p;
    struct ht_symbolize_options o = *symbolize;
    o.pid = r->pid;
    *err = ht_symbolize(p, &o, why, sizeof why);
    if (*err) {
        snprintf(msg, msg_size, "cannot name the addresses of %s: %s", word, strerror(-*err));
        ht_profile_destroy(p);
        return NULL;
    }
    if (*why && !*note)
        snprintf(note, note_size, "%s", why);
    return p;
}

struct ht_profile *ht_region_load(const char *word, const struct ht_region_ages *ages,
                                  const struct ht_symbolize_options *symbolize, int *err, char *msg,
                                  size_t msg_size, char *note, size_t note_size)
{
    struct ht_region r;
    *err = ht_region_open_for(&r, word, ages, msg, msg_size);
    if (*err)
        return NULL;
    struct ht_profile *p =
        ht_region_names(&r, word, ages, symbolize, err, msg, msg_size, note, note_size);
    ht_region_close(&r);
    return p;
}
