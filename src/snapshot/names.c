/* SPDX-License-Identifier: MIT */
/* Makes a profile with names from a region: a model, or at once the bytes of a file. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "profile/apart.h"
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

/* The note about r and the names of p. symbolize may be NULL. 0, or -errno with a line in msg. */
static int name(struct ht_profile *p, const struct ht_region *r, const char *word,
                const struct ht_symbolize_options *symbolize, char *msg, size_t msg_size,
                char *note, size_t note_size)
{
    char why[400] = "", unused[2];
    if (!note)
        note = unused, note_size = sizeof unused;
    ht_region_note(r, word, note, note_size);
    if (!symbolize)
        return 0;
    struct ht_symbolize_options o = *symbolize;
    o.pid = r->pid;
    int err = ht_symbolize(p, &o, why, sizeof why);
    if (err)
        snprintf(msg, msg_size, "cannot name the addresses of %s: %s", word, strerror(-err));
    else if (*why && !*note)
        snprintf(note, note_size, "%s", why);
    return err;
}

static void unreadable(const char *word, const char *why, char *msg, size_t msg_size)
{
    snprintf(msg, msg_size, "cannot read the profile of %s: %s", word, why);
}

struct ht_profile *ht_region_names(const struct ht_region *r, const char *word,
                                   const struct ht_region_ages *ages,
                                   const struct ht_symbolize_options *symbolize, int *err,
                                   char *msg, size_t msg_size, char *note, size_t note_size)
{
    char why[400] = "";
    struct ht_profile *p = ht_region_profile(r, ages, err, why, sizeof why);
    if (!p) {
        unreadable(word, why, msg, msg_size);
        return NULL;
    }
    if (!(*err = name(p, r, word, symbolize, msg, msg_size, note, note_size)))
        return p;
    ht_profile_destroy(p);
    return NULL;
}

int64_t ht_region_named(const struct ht_region *r, const char *word,
                        const struct ht_region_ages *ages,
                        const struct ht_symbolize_options *symbolize, void **data, size_t *size,
                        char *msg, size_t msg_size, char *note, size_t note_size)
{
    char why[400] = "";
    int64_t n;
    int err = 0;
    struct ht_apart *a = ht_region_apart(r, ages, &n);
    struct ht_profile *p = a ? ht_apart_rest(a, &err, why, sizeof why) : NULL;
    if (!p) {
        err = a ? err : (int)n;
        unreadable(word, *why ? why : strerror(-err), msg, msg_size);
    } else if (!(err = name(p, r, word, symbolize, msg, msg_size, note, note_size)) &&
               (err = ht_apart_finish(a, p, data, size))) {
        unreadable(word, strerror(-err), msg, msg_size);
    }
    ht_profile_destroy(p);
    ht_apart_destroy(a);
    return err ? err : n;
}

struct ht_profile *ht_region_load(const char *word, const struct ht_region_ages *ages,
                                  const struct ht_symbolize_options *symbolize, int *err, char *msg,
                                  size_t msg_size, char *note, size_t note_size)
{
    struct ht_region r;
    *err = ht_region_open_to_read(&r, word, msg, msg_size);
    if (*err)
        return NULL;
    struct ht_profile *p =
        ht_region_names(&r, word, ages, symbolize, err, msg, msg_size, note, note_size);
    ht_region_close(&r);
    return p;
}
