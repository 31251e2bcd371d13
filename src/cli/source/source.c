/* SPDX-License-Identifier: MIT */
/*
 * Decides by the word what a source is (standard input, a URL, a PID, a region file, a profile
 * file) and reads it. Several sources are merged one by one, gzipped files sample by sample.
 */
#include "config.h"

#include "cli/source/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/source/binary.h"
#include "cli/source/process_word.h"
#include "cli/words.h"
#include "profile/ops.h"
#include "util/open.h"

static struct ht_profile *load_region(const char *source, const struct ht_source_options *o,
                                      int *err, char *msg, size_t msg_size)
{
    char note[512];
    struct ht_profile *p = ht_region_load(source, o ? o->ages : NULL, o ? o->symbolize : NULL, err,
                                          msg, msg_size, note, sizeof note);
    if (p)
        ht_note(note);
    return p;
}

bool ht_source_is_region(const char *source)
{
    pid_t pid;
    char buf[HT_PROCESS_WORD], msg[512];
    if (!ht_source_is_url(source))
        ht_process_word(&source, buf, false, true, msg, sizeof msg);
    return ht_region_is_pid(source, &pid) || ht_region_is_file(source);
}

struct ht_profile *ht_source_load_with(const char *source, const struct ht_source_options *o,
                                       int *err, char *msg, size_t msg_size)
{
    char note[512], pid[HT_PROCESS_WORD];
    const char *word = source;
    if (!ht_source_is_url(source) &&
        (*err = ht_process_word(&source, pid, false, true, msg, msg_size)) &&
        (*err != -ENOENT || *source == '@' || !strncmp(source, "newest:", 7)))
        return NULL;
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
    if (!p && *err == -ENOENT && !strchr(word, '/'))
        snprintf(msg, msg_size,
                 "cannot read %s: No such file or directory, and no profiled process is called so "
                 "(heaptap ps lists them)",
                 word);
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

/* A descriptor of a profile file whose samples may go into a sum as they are read; -1: the source
 * is something else, or its samples must be had first. */
static int open_plain(const char *source, const struct ht_source_options *o)
{
    bool names_first = o && o->files_too && o->symbolize;
    if (names_first || (o && (o->ages || o->binary)) || !strcmp(source, "-") ||
        ht_source_is_url(source) || ht_source_is_region(source))
        return -1;
    return ht_open_regular(source);
}

int ht_source_merge(struct ht_merge *sum, const char *source, const struct ht_source_options *o,
                    ht_merge_see_fn see, void *ctx, struct ht_profile **rest, char *msg,
                    size_t msg_size)
{
    char why[400] = "";
    bool other = true;
    int err = 0, fd = open_plain(source, o);
    if (rest)
        *rest = NULL;
    if (fd >= 0) {
        err = ht_merge_add_file(sum, fd, see, ctx, rest, &other, why, sizeof why);
        close(fd);
    }
    if (err == -ENOMEM)
        snprintf(msg, msg_size, "cannot add %s: %s", source, why);
    else if (err && *why)
        snprintf(msg, msg_size, "%s is not a profile heaptap can read: %s", source, why);
    if (err || !other)
        return err;
    struct ht_profile *p = ht_source_load_with(source, o, &err, msg, msg_size);
    for (size_t i = 0; p && see && !err && i < p->n_samples; i++)
        err = see(ctx, p, &p->samples[i]);
    if (p && !err)
        err = ht_merge_add(sum, p, msg, msg_size);
    if (rest && !err)
        *rest = p;
    else
        ht_profile_destroy(p);
    return err;
}

struct ht_profile *ht_sources_load(const char *const *sources, size_t n, bool compact,
                                   const struct ht_source_options *o, int *err, char *msg,
                                   size_t msg_size)
{
    if (n == 1 && !compact)
        return ht_source_load_with(sources[0], o, err, msg, msg_size);
    struct ht_merge *sum = ht_merge_create();
    if (!sum) {
        *err = -ENOMEM;
        snprintf(msg, msg_size, "out of memory");
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        *err = ht_source_merge(sum, sources[i], o, NULL, NULL, NULL, msg, msg_size);
        if (*err) {
            ht_merge_destroy(sum);
            return NULL;
        }
    }
    return ht_merge_finish(sum, err, msg, msg_size);
}
