/* SPDX-License-Identifier: MIT */
/*
 * Whatever bytes come: the decoder refuses them with a line or gives a profile that keeps pprof's
 * rules, survives being written and read again, and goes through every operation and report.
 */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/ops.h"
#include "report/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char msg[512];

#define MUST(cond)                                                                                 \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "fuzz: not true: %s (%s)\n", #cond, msg);                              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static struct ht_profile *again(const struct ht_profile *p, bool text)
{
    void *out;
    size_t size;
    int err = 0;
    if (text && ht_profile_encode_text(p, &out, &size, msg, sizeof(msg)))
        return NULL; /* a difference, or no heap */
    if (!text)
        MUST(!ht_profile_encode(p, false, &out, &size));
    struct ht_profile *q = ht_profile_decode(out, size, &err, msg, sizeof(msg));
    free(out);
    MUST(q);
    if (!text)
        MUST(q->n_samples == p->n_samples && q->n_locations == p->n_locations);
    return q;
}

typedef int (*report_fn)(FILE *out, struct ht_profile *p, const struct ht_report_options *o);

static void report(const struct ht_profile *p, report_fn fn, unsigned variant)
{
    static FILE *nowhere;
    if (!nowhere)
        nowhere = fopen("/dev/null", "w");
    struct ht_report_options o;
    ht_report_options_init(&o);
    o.msg = msg;
    o.msg_size = sizeof(msg);
    o.json = variant & 1;
    o.cum = variant & 2;
    o.granularity = (enum ht_granularity)(variant >> 2 & 3);
    o.no_inlines = variant & 16;
    o.mean = variant & 32;
    o.symbol = fn == ht_report_peek ? "." : NULL;
    o.tagroot = variant & 8 ? "thread,bytes" : NULL;
    o.tagleaf = variant & 4 ? "bytes,x" : NULL;
    o.by = (variant & 24) == 24 ? "bytes" : NULL;
    struct ht_profile *q = ht_profile_copy(p);
    MUST(q);
    fn(nowhere, q, &o);
    ht_profile_destroy(q);
}

static void operate(struct ht_profile *p, unsigned variant)
{
    int err = 0;
    static const struct ht_filter filters[] = {
        {.focus = "a", .hide = "m"},
        {.ignore = "x", .show = "[a-m]", .tagfocus = "1b:"},
        {.show_from = "e", .tagignore = "t", .taghide = "b"},
        {.prune_from = "o", .tagfocus = "bytes=:4kb", .tagshow = "."},
    };
    struct ht_profile *base = ht_profile_copy(p), *one = ht_profile_copy(p);
    MUST(base && one);
    struct ht_profile *diff =
        ht_profile_subtract(one, base, variant & 1, variant & 2, &err, msg, sizeof(msg));
    if (diff)
        MUST(!ht_profile_check(diff, msg, sizeof(msg)));
    ht_profile_destroy(diff);
    ht_profile_destroy(base);
    ht_profile_destroy(one);
    struct ht_profile *merged =
        ht_profile_merge((struct ht_profile *[]){p, p}, 2, &err, msg, sizeof(msg));
    if (merged)
        MUST(!ht_profile_check(merged, msg, sizeof(msg)));
    ht_profile_destroy(merged);
    ht_profile_remove_uninteresting(p, msg, sizeof(msg));
    MUST(!ht_profile_filter(p, &filters[variant >> 2 & 3], NULL, msg, sizeof(msg)));
    ht_profile_aggregate(p, (enum ht_granularity)(variant % 5), variant & 4, variant & 8);
    MUST(!ht_profile_check(p, msg, sizeof(msg)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const report_fn reports[] = {ht_report_top,    ht_report_tree,  ht_report_peek,
                                        ht_report_dot,    ht_report_raw,   ht_report_traces,
                                        ht_report_folded, ht_report_sizes, ht_report_owners};
    int err = 0;
    *msg = '\0';
    struct ht_profile *p = ht_profile_decode(data, size, &err, msg, sizeof(msg));
    if (!p) {
        MUST(err < 0 && *msg && !strchr(msg, '\n'));
        return 0;
    }
    MUST(!ht_profile_check(p, msg, sizeof(msg)));
    ht_profile_destroy(again(p, false));
    ht_profile_destroy(again(p, true));
    unsigned variant = data[size / 2] * 7u + data[size - 1] + (unsigned)size;
    for (size_t i = 0; i < sizeof(reports) / sizeof(*reports); i++)
        report(p, reports[i], variant + (unsigned)i * 5);
    operate(p, variant);
    ht_profile_destroy(p);
    return 0;
}
