/* SPDX-License-Identifier: MIT */
/* The report `owners` with ten rows, as one text, so that control characters are taken out of it.
 */
#include "config.h"

#include "cli/process/owners_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/report.h"
#include "util/utf8.h"

static long type_index(const struct ht_profile *p, const char *type)
{
    for (size_t i = 0; i < p->n_sample_types; i++)
        if (!strcmp(p->sample_types[i].type, type))
            return (long)i;
    return -1;
}

bool ht_owners_table_has(const struct ht_profile *p, const char *type)
{
    return type_index(p, type) >= 0;
}

int64_t ht_owners_table_total(const struct ht_profile *p, const char *type)
{
    const long at = type_index(p, type);
    int64_t total = 0;
    for (size_t i = 0; at >= 0 && i < p->n_samples; i++)
        total += p->samples[i].values[at];
    return total;
}

static bool is_worth_showing(const struct ht_profile *p, const char *type)
{
    const int64_t total = ht_owners_table_total(p, type);
    return total > 8 * p->period && total > 64 * 1024;
}

const char *ht_owners_table_type(const struct ht_profile *p, bool peak)
{
    if (peak && ht_owners_table_has(p, "peak_space"))
        return "peak_space";
    const int64_t left = ht_owners_table_total(p, "inuse_space");
    if (is_worth_showing(p, "inuse_space") && left >= ht_owners_table_total(p, "peak_space") / 10)
        return "inuse_space";
    return is_worth_showing(p, "peak_space") ? "peak_space" : "alloc_space";
}

void ht_owners_table_print(struct ht_profile *p, const char *type, const char *more)
{
    char msg[512] = "", *text = NULL;
    size_t size = 0;
    struct ht_report_options o;
    ht_report_options_init(&o);
    o.sample_index = type;
    o.nodecount = 10;
    o.intervals = o.advise = o.compact_labels = true;
    o.msg = msg;
    o.msg_size = sizeof msg;
    FILE *out = open_memstream(&text, &size);
    if (out && !ht_report_owners(out, p, &o) && !fflush(out) && text) {
        ht_plain_text(text, true);
        fprintf(stderr, "%s%s: %s",
                !strcmp(type, "inuse_space")  ? "in use at the end"
                : !strcmp(type, "peak_space") ? "in use at the peak"
                                              : "allocated in all",
                more, text);
    }
    if (out)
        fclose(out);
    free(text);
    ht_profile_destroy(p);
}
