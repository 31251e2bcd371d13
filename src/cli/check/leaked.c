/* SPDX-License-Identifier: MIT */
/* check --fail-if-leaked: the samples that `heaptap leaks` or `run --leaks` labelled, or a look at
 * a process now. */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/check/check.h"
#include "cli/source/process_word.h"
#include "leaks/leaks.h"
#include "profile/suppressions.h"
#include "profile/units.h"
#include "snapshot/region.h"
#include "symbolize/symbolize.h"

static int named_rows(const struct ht_leaks *l, struct ht_leak_rows *rows, pid_t pid, char *msg,
                      size_t msg_size)
{
    char note[512];
    const struct ht_symbolize_options o = {.lines_and_inlines = true, .pid = pid};
    int err = ht_leak_rows_make(l, rows, msg, msg_size);
    if (!err && (err = ht_symbolize(rows->profile, &o, note, sizeof note)))
        snprintf(msg, msg_size, "%s", strerror(-err));
    return err;
}

static int look(pid_t pid, const struct ht_suppressions *s, struct ht_profile **out,
                size_t *suppressed, char *msg, size_t msg_size)
{
    struct ht_remote r;
    struct ht_leaks l = {0};
    struct ht_leak_rows rows = {0};
    const struct ht_leak_options o = {.passes = 3, .every_ns = 1000000000u, .budget = 500u << 20};
    int err = ht_remote_open(&r, pid, msg, msg_size);
    if (err)
        return err;
    err = ht_leaks_look(&r, &o, &l, msg, msg_size);
    if (!err)
        err = named_rows(&l, &rows, pid, msg, msg_size);
    if (!err && s->n) {
        err = ht_leaks_suppress(&l, &rows, s, suppressed);
        ht_leak_rows_free(&rows);
        if (!err)
            err = named_rows(&l, &rows, pid, msg, msg_size);
    }
    if (!err) {
        *out = rows.profile;
        rows.profile = NULL;
    }
    ht_leak_rows_free(&rows);
    ht_leaks_free(&l);
    ht_remote_close(&r);
    return err;
}

int ht_check_look(const char *word, const struct ht_suppressions *s, struct ht_profile **out,
                  size_t *suppressed, char *msg, size_t msg_size)
{
    char buf[HT_PROCESS_WORD];
    pid_t pid;
    *out = NULL;
    if (ht_process_word(&word, buf, false, true, msg, msg_size) || !ht_region_is_pid(word, &pid))
        return 0; /* it is read as any source is, and what is wrong with it is said then */
    return look(pid, s, out, suppressed, msg, msg_size);
}

static bool is_leaked(const struct ht_sample *s)
{
    for (uint32_t i = 0; i < s->n_labels; i++)
        if (s->labels[i].str && !strcmp(s->labels[i].key, "leak"))
            return true;
    return false;
}

static bool was_looked_at(const struct ht_profile *p)
{
    for (size_t i = 0; i < p->n_comments; i++)
        if (!strncmp(p->comments[i], "leaks: ", 7))
            return true;
    return false;
}

/* The first function of the stack that has a name. */
static const char *name_of(const struct ht_sample *s)
{
    for (size_t i = 0; i < s->n_locations; i++)
        for (size_t k = 0; k < s->locations[i]->n_lines; k++)
            if (*s->locations[i]->lines[k].function->name)
                return s->locations[i]->lines[k].function->name;
    return "?";
}

int ht_check_leaked(const struct ht_profile *p, const struct ht_sampling *sampling, size_t value,
                    double confidence, struct ht_check_result *r)
{
    struct ht_evidence sum = {0};
    const struct ht_sample *most = NULL;
    char text[32], low[32], high[32];
    bool looked = was_looked_at(p);
    for (size_t i = 0; i < p->n_samples; i++) {
        const struct ht_sample *s = &p->samples[i];
        if (!is_leaked(s))
            continue;
        struct ht_evidence one = ht_sampling_evidence(sampling, s);
        ht_evidence_sum(&sum, &one);
        if (!most || s->values[value] > most->values[value])
            most = s;
    }
    if (!looked && !most)
        return -ENODATA;
    snprintf(r->name, sizeof r->name, "fail-if-leaked");
    r->outcome = most ? HT_BROKEN : HT_HOLDS;
    if (!most) {
        snprintf(r->message, sizeof r->message, "no leak was found");
        return 0;
    }
    struct ht_interval in = ht_sampling_interval(sampling, &sum, confidence);
    ht_unit_label((int64_t)llround(sum.value), "bytes", "auto", text, sizeof text);
    ht_unit_label((int64_t)llround(in.low), "bytes", "auto", low, sizeof low);
    ht_unit_label((int64_t)llround(in.high), "bytes", "auto", high, sizeof high);
    if (in.high > in.low)
        snprintf(r->message, sizeof r->message,
                 "%s leaked (%s to %s with %g %%), most of it by %.200s", text, low, high,
                 confidence * 100, name_of(most));
    else
        snprintf(r->message, sizeof r->message, "%s leaked, most of it by %.200s", text,
                 name_of(most));
    return 0;
}
