/* SPDX-License-Identifier: MIT */
/* Adds up the evidence of a figure's samples and prints the interval behind it. */
#include "config.h"

#include "report/intervals.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evidence/distribution.h"
#include "profile/units.h"

/* An interval whose sides differ by more than this ratio is written by its ends. */
#define LOPSIDED 1.25

void ht_intervals_begin(struct ht_report *r)
{
    struct ht_report_intervals *in = &r->intervals;
    if (!r->o.intervals && !r->o.json)
        return;
    if (r->o.mean) {
        snprintf(in->why, sizeof(in->why), "a mean has none");
        return;
    }
    in->confidence = r->o.confidence;
    in->on = ht_sampling_of(&in->sampling, r->p, r->index, in->why, sizeof(in->why));
    in->samples = -1;
}

double ht_intervals_samples(const struct ht_report *r)
{
    const struct ht_report_intervals *in = &r->intervals;
    double sum = 0;
    if (in->samples >= 0)
        return in->samples;
    for (size_t i = 0; in->on && i < r->p->n_samples; i++)
        sum += ht_sampling_evidence(&in->sampling, &r->p->samples[i]).samples;
    return sum;
}

static int64_t to_value(double v)
{
    return v >= -0x1p62 && v <= 0x1p62 ? (int64_t)llround(v)
           : v < 0                     ? INT64_MIN / 2
                                       : INT64_MAX / 2;
}

bool ht_intervals_ends(const struct ht_report *r, const struct ht_evidence *e, int64_t *low,
                       int64_t *high)
{
    const struct ht_report_intervals *in = &r->intervals;
    if (!in->on || in->sampling.rate <= 1 || !e || !(e->samples > 0))
        return false;
    struct ht_interval ends = ht_sampling_interval(&in->sampling, e, in->confidence);
    *low = to_value(ends.low);
    *high = to_value(ends.high);
    return true;
}

/* A figure of three digits, without zeros at its end. */
static void three_digits(double v, char *buf, size_t size)
{
    int digits = fabs(v) >= 100 ? 0 : fabs(v) >= 10 ? 1 : 2;
    int n = snprintf(buf, size, "%.*f", digits, v);
    while (digits > 0 && n > 0 && buf[n - 1] == '0')
        buf[--n] = '\0';
    if (n > 0 && buf[n - 1] == '.')
        buf[n - 1] = '\0';
}

const char *ht_intervals_short(const struct ht_report *r, const struct ht_evidence *e,
                               char buf[HT_VALUE_MAX])
{
    int64_t low, high;
    buf[0] = '\0';
    if (!ht_intervals_ends(r, e, &low, &high))
        return buf;
    double value = e->value, below = value - (double)low, above = (double)high - value;
    double more = fmax(below, above), less = fmin(below, above);
    double percent = value != 0 ? more / fabs(value) * 100 : INFINITY;
    if (more < 0.5)
        return buf;
    if (more <= less * LOPSIDED && percent < 100) {
        snprintf(buf, HT_VALUE_MAX, percent < 0.95 ? "\xc2\xb1%.1f%%" : "\xc2\xb1%.0f%%",
                 fmax(percent, 0.1));
        return buf;
    }
    char from[32], to[32];
    const char *unit;
    double ratio = 1 / r->o.divide_by;
    double shown = ht_unit_scale(to_value(value * ratio), r->sample_unit, r->output_unit, &unit);
    double scale = value * ratio != 0 ? shown / (value * ratio) * ratio : ratio;
    three_digits((double)low * scale, from, sizeof(from));
    three_digits((double)high * scale, to, sizeof(to));
    snprintf(buf, HT_VALUE_MAX, "(%s\xe2\x80\x93%s)", from, to);
    return buf;
}

const char *ht_intervals_text(const struct ht_report *r, const struct ht_evidence *e,
                              char buf[HT_VALUE_MAX])
{
    char text[HT_VALUE_MAX];
    int more = 0; /* more bytes than columns */
    for (const char *s = ht_intervals_short(r, e, text); *s; s++)
        more += (*s & 0xc0) == 0x80;
    snprintf(buf, HT_VALUE_MAX, " %-*.80s", HT_INTERVAL_COLUMNS - 1 + more, text);
    return buf;
}

bool ht_intervals_shown(const struct ht_report *r)
{
    return r->o.intervals && r->intervals.on && r->intervals.sampling.rate > 1;
}

const char *ht_intervals_column(const struct ht_report *r, const struct ht_graph_node *n, bool flat,
                                char buf[HT_VALUE_MAX])
{
    buf[0] = '\0';
    return ht_intervals_shown(r) ? ht_intervals_text(r, &n->evidence[flat ? 0 : 1], buf) : buf;
}

const char *ht_intervals_title(const struct ht_report *r, char buf[HT_VALUE_MAX])
{
    char title[16];
    buf[0] = '\0';
    snprintf(title, sizeof(title), "%g%%", r->intervals.confidence * 100);
    if (ht_intervals_shown(r))
        snprintf(buf, HT_VALUE_MAX, " %-*s", HT_INTERVAL_COLUMNS - 1, title);
    return buf;
}

void ht_intervals_json(const struct ht_report *r, const struct ht_evidence *e, const char *key,
                       json_t *o)
{
    char name[32];
    int64_t low, high;
    if (!ht_intervals_ends(r, e, &low, &high))
        return;
    snprintf(name, sizeof(name), "%s_low", key);
    json_object_set_new(o, name, json_integer(low));
    snprintf(name, sizeof(name), "%s_high", key);
    json_object_set_new(o, name, json_integer(high));
}

const char *ht_intervals_heading(const struct ht_report *r, char *buf, size_t size)
{
    const struct ht_report_intervals *in = &r->intervals;
    char least[HT_VALUE_MAX];
    buf[0] = '\0';
    if (!r->o.intervals)
        return buf;
    if (!in->on) {
        snprintf(buf, size, "No intervals: %s", in->why);
    } else if (in->sampling.rate <= 1) {
        snprintf(buf, size, "No intervals: every allocation was recorded");
    } else {
        double samples = ht_intervals_samples(r);
        double bytes = ht_evidence_unlisted(in->sampling.rate, in->confidence);
        snprintf(buf, size,
                 "%.0f sample%s; a site that holds less than %s may not be listed (%g %%)", samples,
                 samples > 0.5 && samples < 1.5 ? "" : "s",
                 ht_unit_label(to_value(bytes), "bytes", "auto", least, sizeof(least)),
                 in->confidence * 100);
    }
    return buf;
}

/* The variance that a sum would have had at another rate. */
static double variance_at(const struct ht_report *r, const uint32_t *part_of, uint32_t part,
                          double rate)
{
    struct ht_sampling s = r->intervals.sampling;
    double sum = 0;
    for (size_t i = 0; i < r->p->n_samples; i++) {
        const struct ht_sample *sample = &r->p->samples[i];
        struct ht_observation o;
        if (part_of[i] != part || !ht_sampling_observe(&s, sample, &o))
            continue;
        double p = ht_sampled_probability(o.size, rate, s.plus_one);
        sum += fabs(o.value) * o.unit * (1 - p) / p;
    }
    return sum;
}

double ht_intervals_rate_for(const struct ht_report *r, const uint32_t *part_of, uint32_t part,
                             double value, double precision)
{
    const struct ht_report_intervals *in = &r->intervals;
    if (!in->on)
        return 0;
    double z = ht_normal_two_sided(in->confidence);
    double goal = value * precision / z, rate = in->sampling.rate;
    for (int halved = 0; rate > 1; halved++, rate = floor(rate / 2))
        if (variance_at(r, part_of, part, rate) <= goal * goal)
            return halved ? rate : 0;
    return in->sampling.rate > 1 ? 1 : 0;
}
