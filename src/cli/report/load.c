/* SPDX-License-Identifier: MIT */
/*
 * The order in which a report's profile is made is pprof's: load and merge the sources, subtract
 * the bases, name what has no names, drop the frames that the profile calls uninteresting.
 */
#include "config.h"

#include "cli/report/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/source/ages.h"
#include "cli/source/binary.h"
#include "cli/source/source.h"
#include "cli/words.h"
#include "profile/ops.h"
#include "report/report.h"
#include "symbolize/symbolize.h"

static bool says(const struct ht_profile *p, const char *comment)
{
    for (size_t i = 0; i < p->n_comments; i++)
        if (!strcmp(p->comments[i], comment))
            return true;
    return false;
}

/* "Old: FILE, TIME, pid: 4711, samples: 96": what one says of itself and the other does not. */
static bool add_side(struct ht_profile *diff, const char *side, const char *word,
                     const struct ht_profile *p, const struct ht_profile *other)
{
    char *line = NULL, when[128];
    size_t size;
    FILE *f = open_memstream(&line, &size);
    if (!f)
        return false;
    fprintf(f, "%s: %s", side, word);
    if (p->time_nanos && ht_report_time(p->time_nanos, true, when, sizeof(when)))
        fprintf(f, ", %s", when);
    for (size_t i = 0; i < p->n_comments; i++)
        if (p->comments[i][0] != '#' && !says(other, p->comments[i]))
            fprintf(f, ", %s", p->comments[i]);
    bool ok = !fclose(f) && !ht_profile_add_comment(diff, line);
    free(line);
    return ok;
}

/* Whose pid and samples is whose: a difference has the comments of both, in one heap. */
static bool tell_apart(struct ht_profile *diff, const struct ht_report_args *a, const char *word,
                       const struct ht_profile *p, const struct ht_profile *base)
{
    bool ok = true;
    diff->n_comments = 0;
    for (size_t i = 0; ok && i < p->n_comments; i++)
        if (says(base, p->comments[i]) && !says(diff, p->comments[i]))
            ok = !ht_profile_add_comment(diff, p->comments[i]);
    return ok && add_side(diff, "Old", a->bases[0], base, p) && add_side(diff, "New", word, p, base);
}

static struct ht_profile *minus_bases(struct ht_profile *p, const struct ht_report_args *a,
                                      const char *word, const struct ht_source_options *o, int *err,
                                      char *msg, size_t msg_size)
{
    struct ht_profile *diff = NULL;
    struct ht_profile *base = ht_sources_load(a->bases, a->n_bases, false, o, err, msg, msg_size);
    if (base)
        diff = ht_profile_subtract(p, base, a->diff_base, a->normalize, err, msg, msg_size);
    if (diff && a->report.growth && !tell_apart(diff, a, word, p, base)) {
        ht_profile_destroy(diff);
        diff = NULL;
        *err = -ENOMEM;
        snprintf(msg, msg_size, "out of memory");
    }
    ht_profile_destroy(base);
    ht_profile_destroy(p);
    return diff;
}

/* Before a process's profile meets another, both need their names: equal places are told by them. */
static bool any_region(const struct ht_report_args *a, size_t first)
{
    bool any = false;
    for (size_t i = first; i < a->n_sources; i++)
        any |= ht_source_is_region(a->sources[i]);
    for (size_t i = 0; i < a->n_bases; i++)
        any |= ht_source_is_region(a->bases[i]);
    return any && a->n_sources - first + a->n_bases > 1;
}

void ht_load_take_binary(struct ht_report_args *a, size_t first)
{
    if (a->binary || a->n_sources < first + 2 || !strcmp(a->sources[first], "-") ||
        !ht_binary_is(a->sources[first]))
        return;
    a->binary = a->sources[first];
    a->n_sources--;
    memmove(a->sources + first, a->sources + first + 1,
            (a->n_sources - first) * sizeof(a->sources[0]));
}

struct ht_profile *ht_load_profile(struct ht_report_args *a, size_t first, int *err, char *msg,
                                   size_t msg_size)
{
    char note[512] = "";
    struct ht_region_ages ages;
    ht_load_take_binary(a, first);
    if ((*err = ht_ages_parse(&ages, a->min_age, a->max_age, a->ages, msg, msg_size)))
        return NULL;
    if (isatty(STDERR_FILENO))
        a->symbolize.progress = stderr;
    const struct ht_source_options o = {
        .ages = ages.min_ns || ages.max_ns || ages.label ? &ages : NULL,
        .symbolize = a->no_symbols ? NULL : &a->symbolize,
        .files_too = any_region(a, first),
        .binary = a->binary,
    };
    struct ht_profile *p =
        ht_sources_load(a->sources + first, a->n_sources - first, a->compact, &o, err, msg, msg_size);
    if (p && a->n_bases)
        p = minus_bases(p, a, a->sources[first], &o, err, msg, msg_size);
    if (!p)
        return NULL;
    if (!a->no_symbols && (*err = ht_symbolize(p, &a->symbolize, note, sizeof(note)))) {
        snprintf(msg, msg_size, "%s", strerror(-*err));
        goto fail;
    }
    if (*note)
        ht_complain(0, "%s", note);
    if ((*err = ht_profile_remove_uninteresting(p, msg, msg_size)))
        goto fail;
    return p;
fail:
    ht_profile_destroy(p);
    return NULL;
}

int ht_load_narrow(struct ht_profile *p, const struct ht_report_options *o, char *msg,
                   size_t msg_size)
{
    const struct ht_filter filter = {
        .focus = o->focus, .ignore = o->ignore, .hide = o->hide, .show = o->show,
        .show_from = o->show_from, .tagfocus = o->tagfocus, .tagignore = o->tagignore,
        .tagshow = o->tagshow, .taghide = o->taghide, .prune_from = o->prune_from};
    int err = ht_profile_filter(p, &filter, NULL, msg, msg_size);
    int type = err ? err : ht_profile_sample_index(p, o->sample_index, msg, msg_size);
    if (type < 0)
        return type;
    p->default_sample_type = p->sample_types[type].type;
    return 0;
}
