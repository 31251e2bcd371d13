/* SPDX-License-Identifier: MIT */
/* The root of a stack says whether it was cut, and its symbol why (region/stream.h). */
#include "config.h"

#include "cli/source/truncated.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "region/layout.h"
#include "region/stream.h"

struct sums {
    double all, lost, cut;
    unsigned depth; /* the largest at which a stack was cut */
};

/* The function at the root, where it is the mark of a stack that is not whole. */
static const struct ht_function *mark_of(const struct ht_sample *s)
{
    const struct ht_location *root = s->n_locations ? s->locations[s->n_locations - 1] : NULL;
    const struct ht_function *f = root && root->n_lines == 1 ? root->lines[0].function : NULL;
    return f && !root->address && !strncmp(f->name, HT_TRUNCATED, strlen(HT_TRUNCATED) - 1) ? f
                                                                                            : NULL;
}

/* What was allocated; of a profile that does not say, its first value. */
static size_t value_of(const struct ht_profile *p)
{
    for (size_t i = 0; i < p->n_sample_types; i++)
        if (!strcmp(p->sample_types[i].type, "alloc_space"))
            return i;
    return 0;
}

static void add(struct sums *sums, const struct ht_profile *p)
{
    const size_t at = value_of(p), prefix = strlen(HT_CUT_SYMBOL);
    for (size_t i = 0; p->n_sample_types && i < p->n_samples; i++) {
        const struct ht_sample *s = &p->samples[i];
        const double value = s->values[at] > 0 ? (double)s->values[at] : 0;
        const struct ht_function *mark = mark_of(s);
        sums->all += value;
        if (!mark)
            continue;
        if (strncmp(mark->system_name, HT_CUT_SYMBOL, prefix) != 0) {
            sums->lost += value;
            continue;
        }
        const unsigned long depth = strtoul(mark->system_name + prefix, NULL, 10);
        sums->cut += value;
        if (depth > sums->depth && depth <= HT_MAX_DEPTH)
            sums->depth = (unsigned)depth;
    }
}

bool ht_truncated_line(struct ht_profile *const *profiles, size_t n, char *line, size_t size)
{
    struct sums sums = {0};
    for (size_t i = 0; i < n; i++)
        add(&sums, profiles[i]);
    const bool cut = sums.cut > sums.lost;
    const double share = (cut ? sums.cut : sums.lost) / (sums.all > 0 ? sums.all : 1);
    *line = '\0';
    if (share < 0.01)
        return false;
    if (cut)
        snprintf(line, size,
                 "%.0f%% of what was allocated has stacks deeper than %u frames, which are cut "
                 "(below [truncated]): %s%d%s",
                 100 * share, sums.depth, sums.depth < HT_MAX_DEPTH ? "--depth=" : "", HT_MAX_DEPTH,
                 sums.depth < HT_MAX_DEPTH ? " keeps more" : " is the most");
    else
        snprintf(line, size,
                 "%.0f%% of what was allocated has stacks that end in code without unwind tables "
                 "(below [truncated]): build it with -fasynchronous-unwind-tables, or have it keep "
                 "frame pointers (java -XX:+PreserveFramePointer)",
                 100 * share);
    return true;
}
