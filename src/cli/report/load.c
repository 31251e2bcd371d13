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
#include <time.h>
#include <unistd.h>

#include "cli/source/ages.h"
#include "cli/source/binary.h"
#include "cli/source/source.h"
#include "cli/source/truncated.h"
#include "cli/words.h"
#include "evidence/sampling.h"
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

/* "Old: FILE, TIME, pid: 4711, samples: 96": the comments that only one side has. */
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

/* Separates the comments of both sides, which a difference has in one list. */
static bool tell_apart(struct ht_profile *diff, const struct ht_report_args *a, const char *word,
                       const struct ht_profile *p, const struct ht_profile *base)
{
    bool ok = true;
    diff->n_comments = 0;
    for (size_t i = 0; ok && i < p->n_comments; i++)
        if (says(base, p->comments[i]) && !says(diff, p->comments[i]))
            ok = !ht_profile_add_comment(diff, p->comments[i]);
    return ok && add_side(diff, "Old", a->bases[0], base, p) &&
           add_side(diff, "New", word, p, base);
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

/* Before profiles are compared both get names, because equal places are recognised by them. */
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

/* The options for reading sources; they refer to *ages. */
static int source_options(struct ht_report_args *a, size_t first, struct ht_region_ages *ages,
                          struct ht_source_options *o, char *msg, size_t msg_size)
{
    ht_load_take_binary(a, first);
    int err = ht_ages_parse(ages, a->min_age, a->max_age, a->ages, msg, msg_size);
    if (isatty(STDERR_FILENO))
        a->symbolize.progress = stderr;
    *o = (struct ht_source_options){
        .ages = ages->min_ns || ages->max_ns || ages->label ? ages : NULL,
        .symbolize = a->no_symbols ? NULL : &a->symbolize,
        .files_too = any_region(a, first),
        .binary = a->binary,
    };
    return err;
}

/* Adds names and drops uninteresting frames. Takes p; returns it, or NULL. */
static struct ht_profile *finish(struct ht_profile *p, struct ht_report_args *a, int *err,
                                 char *msg, size_t msg_size)
{
    char note[512] = "";
    if (!a->no_symbols && (*err = ht_symbolize(p, &a->symbolize, note, sizeof(note)))) {
        snprintf(msg, msg_size, "%s", strerror(-*err));
        goto fail;
    }
    ht_note(note);
    if (ht_truncated_line(&p, 1, note, sizeof(note)))
        ht_note(note);
    if ((*err = ht_profile_remove_uninteresting(p, msg, msg_size)))
        goto fail;
    return p;
fail:
    ht_profile_destroy(p);
    return NULL;
}

struct ht_profile *ht_load_profile(struct ht_report_args *a, size_t first, int *err, char *msg,
                                   size_t msg_size)
{
    struct ht_region_ages ages;
    struct ht_source_options o;
    if ((*err = source_options(a, first, &ages, &o, msg, msg_size)))
        return NULL;
    struct ht_profile *p = ht_sources_load(a->sources + first, a->n_sources - first, a->compact, &o,
                                           err, msg, msg_size);
    if (p && a->n_bases)
        p = minus_bases(p, a, a->sources[first], &o, err, msg, msg_size);
    return p ? finish(p, a, err, msg, msg_size) : NULL;
}

/* One profile of a comparison on its way into the sum. */
struct side {
    struct ht_profile *p; /* it, perhaps without its samples */
    struct ht_sampling sampling;
    const struct ht_profile *of; /* the profile that `sampling` is of */
    int64_t allocated;           /* objects, or whatever its first type counts */
    const struct ht_report_options *o;
    char *msg;
    size_t msg_size;
};

/* -ENODATA when it does not record how it was sampled. */
static int look(struct side *s, struct ht_profile *p)
{
    int index = ht_profile_sample_index(p, s->o->sample_index, s->msg, s->msg_size);
    if (index < 0)
        return index;
    s->of = p;
    return ht_sampling_of(&s->sampling, p, (size_t)index, s->msg, s->msg_size) ? 0 : -ENODATA;
}

static int see(void *ctx, struct ht_profile *p, const struct ht_sample *sample)
{
    struct side *s = ctx;
    int err = s->of == p ? 0 : look(s, p);
    if (err)
        return err;
    if (sample->values[s->sampling.index] && !ht_sampling_size(&s->sampling, sample)) {
        snprintf(s->msg, s->msg_size, "%s", ht_sampling_no_size);
        return -ENODATA;
    }
    s->allocated = (int64_t)((uint64_t)s->allocated + (uint64_t)sample->values[0]);
    return 0;
}

/* Adds a source to the sum, labelled with its number. */
static int add(struct ht_merge *sum, const char *source, size_t number,
               const struct ht_source_options *o, struct side *s, double *rate)
{
    char text[24];
    snprintf(text, sizeof(text), "%zu", number);
    int err = ht_merge_label(sum, HT_COMPARED_RUN, text);
    if (err)
        snprintf(s->msg, s->msg_size, "out of memory");
    else
        err = ht_source_merge(sum, source, o, see, s, &s->p, s->msg, s->msg_size);
    if (!err && s->of != s->p) /* it has no sample */
        err = look(s, s->p);
    if (!err && s->sampling.rate > *rate)
        *rate = s->sampling.rate;
    return err;
}

static const char *comment_of(const struct ht_profile *p, const char *prefix)
{
    for (size_t i = 0; i < p->n_comments; i++)
        if (!strncmp(p->comments[i], prefix, strlen(prefix)))
            return p->comments[i];
    return NULL;
}

/* Two moments of one process: the same pid and program, the second later and with no fewer
 * allocations. */
static bool same_process(const struct side *sides)
{
    const struct ht_profile *before = sides[0].p, *after = sides[1].p;
    const char *was = comment_of(before, "pid: "), *is = comment_of(after, "pid: ");
    if (!was || !is || strcmp(was, is) != 0 || !before->n_mappings || !after->n_mappings ||
        strcmp(before->mappings[0]->build_id, after->mappings[0]->build_id) != 0 ||
        strcmp(before->mappings[0]->file, after->mappings[0]->file) != 0 ||
        before->mappings[0]->start != after->mappings[0]->start ||
        before->period != after->period || before->time_nanos >= after->time_nanos)
        return false;
    return sides[0].allocated <= sides[1].allocated;
}

/* How many sites of the process had been folded. */
static unsigned long long folded(const struct ht_profile *p)
{
    const char *line = comment_of(p, "folded: ");
    return line ? strtoull(line + strlen("folded: "), NULL, 10) : 0;
}

/* Adds a profile of what was alive at the first moment and still is, if that is known: *known. 0 or
 * -ENOMEM. */
static int add_survivors(struct ht_merge *sum, const char *source, size_t number, int64_t since,
                         const struct ht_source_options *o, const struct side *like, double *rate,
                         bool *known)
{
    struct timespec now;
    struct ht_source_options then = *o;
    char msg[512];
    struct side s = {.o = like->o, .msg = msg, .msg_size = sizeof(msg)};
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t age = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - since;
    struct ht_region_ages ages = {.min_ns = age > 0 ? (uint64_t)age : 1};
    then.ages = &ages;
    int err = ht_source_is_region(source) && !o->ages ? add(sum, source, number, &then, &s, rate)
                                                      : -ENODATA;
    ht_profile_destroy(s.p);
    *known = !err;
    return err == -ENOMEM ? err : 0;
}

struct ht_profile *ht_load_compared(struct ht_report_args *a, size_t first, struct ht_compared *c,
                                    int *err, char *msg, size_t msg_size)
{
    struct ht_region_ages ages;
    struct ht_source_options o;
    if ((*err = source_options(a, first, &ages, &o, msg, msg_size)))
        return NULL;
    size_t n = a->n_bases + a->n_sources - first;
    struct side *sides = calloc(n, sizeof(sides[0]));
    struct ht_merge *merge = ht_merge_create();
    struct ht_profile *sum = NULL;
    *c = (struct ht_compared){.n_before = a->n_bases, .n_after = n - a->n_bases};
    if (!sides || !merge) {
        *err = -ENOMEM;
        snprintf(msg, msg_size, "out of memory");
    }
    for (size_t i = 0; !*err && i < n; i++) {
        bool base = i < a->n_bases;
        sides[i] = (struct side){.o = &a->report, .msg = msg, .msg_size = msg_size};
        *err = add(merge, base ? a->bases[i] : a->sources[first + i - a->n_bases], i, &o, &sides[i],
                   base ? &c->before_rate : &c->after_rate);
        if (n > 2) { /* only of two it is asked what they have in common */
            ht_profile_destroy(sides[i].p);
            sides[i].p = NULL;
        }
    }
    if (!*err && n == 2 && same_process(sides)) {
        c->same_process = true;
        c->folded = folded(sides[0].p) != folded(sides[1].p);
        c->seconds = (double)(sides[1].p->time_nanos - sides[0].p->time_nanos) / 1e9;
        *err = add_survivors(merge, a->sources[first], n, sides[0].p->time_nanos, &o, &sides[1],
                             &c->after_rate, &c->survivors);
        if (*err)
            snprintf(msg, msg_size, "out of memory");
    }
    if (!*err) {
        sum = ht_merge_finish(merge, err, msg, msg_size);
        merge = NULL;
    }
    if (sum && n == 2 && !tell_apart(sum, a, a->sources[first], sides[1].p, sides[0].p)) {
        ht_profile_destroy(sum);
        sum = NULL;
        *err = -ENOMEM;
        snprintf(msg, msg_size, "out of memory");
    }
    ht_merge_destroy(merge);
    for (size_t i = 0; sides && i < n; i++)
        ht_profile_destroy(sides[i].p);
    free(sides);
    return sum ? finish(sum, a, err, msg, msg_size) : NULL;
}

int ht_load_narrow(struct ht_profile *p, const struct ht_report_options *o, char *msg,
                   size_t msg_size)
{
    const struct ht_filter filter = ht_report_filter(o);
    struct ht_report_options labels = *o;
    labels.msg = msg;
    labels.msg_size = msg_size;
    const bool by = o->by && *o->by; /* as in ht_report_begin */
    int err = by ? 0 : ht_report_label_frames(p, &labels);
    if (!err)
        err = ht_profile_filter(p, &filter, NULL, msg, msg_size);
    if (!err && by)
        err = ht_report_label_frames(p, &labels);
    int type = err ? err : ht_profile_sample_index(p, o->sample_index, msg, msg_size);
    if (type < 0)
        return type;
    p->default_sample_type = p->sample_types[type].type;
    return 0;
}
