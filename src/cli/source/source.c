/* SPDX-License-Identifier: MIT */
/*
 * Tells by the word what a source is (standard input, a URL, a PID, a region file, a profile
 * file) and reads it. Several sources are merged as they come.
 */
#include "config.h"

#include "cli/source/source.h"

#include <errno.h>
#include <stdio.h>

#include "cli/source/binary.h"
#include "cli/words.h"
#include "profile/ops.h"

static struct ht_profile *load_region(const char *source, const struct ht_source_options *o,
                                      int *err, char *msg, size_t msg_size)
{
    char note[512];
    struct ht_profile *p = ht_region_load(source, o ? o->ages : NULL, o ? o->symbolize : NULL, err,
                                          msg, msg_size, note, sizeof note);
    if (p && *note)
        ht_complain(0, "%s", note);
    return p;
}

bool ht_source_is_region(const char *source)
{
    pid_t pid;
    return ht_region_is_pid(source, &pid) || ht_region_is_file(source);
}

struct ht_profile *ht_source_load_with(const char *source, const struct ht_source_options *o,
                                       int *err, char *msg, size_t msg_size)
{
    char note[512];
    if (ht_source_is_region(source)) {
        if (o && o->binary)
            ht_complain(0, "%s is not used: a process and a region know their program", o->binary);
        return load_region(source, o, err, msg, msg_size);
    }
    if (o && o->ages) {
        *err = -EINVAL;
        snprintf(msg, msg_size, "%s: ages are known of a process (PID) or a region only", source);
        return NULL;
    }
    struct ht_profile *p = ht_source_is_url(source)
                               ? ht_source_load_url(source, err, msg, msg_size)
                               : ht_profile_read_file(source, err, msg, msg_size);
    if (p && o && o->binary && (*err = ht_binary_override(p, o->binary))) {
        snprintf(msg, msg_size, "out of memory");
        ht_profile_destroy(p);
        return NULL;
    }
    if (p && o && o->files_too && o->symbolize)
        ht_symbolize(p, o->symbolize, note, sizeof note);
    return p;
}

struct ht_profile *ht_source_load(const char *source, int *err, char *msg, size_t msg_size)
{
    return ht_source_load_with(source, NULL, err, msg, msg_size);
}

struct ht_profile *ht_sources_load(const char *const *sources, size_t n, bool compact,
                                   const struct ht_source_options *o, int *err, char *msg,
                                   size_t msg_size)
{
    enum { AT_ONCE = 32 };
    struct ht_profile *parts[AT_ONCE], *sum = NULL;
    size_t done = 0, held = 0;
    if (n == 1 && !compact)
        return ht_source_load_with(sources[0], o, err, msg, msg_size);
    while (done < n) {
        held = 0;
        if (sum)
            parts[held++] = sum;
        sum = NULL;
        while (held < AT_ONCE && done < n) {
            parts[held] = ht_source_load_with(sources[done], o, err, msg, msg_size);
            if (!parts[held])
                break;
            held++;
            done++;
        }
        if (held == AT_ONCE || done == n)
            sum = ht_profile_merge(parts, held, err, msg, msg_size);
        for (size_t i = 0; i < held; i++)
            ht_profile_destroy(parts[i]);
        if (!sum)
            return NULL;
    }
    return sum;
}
