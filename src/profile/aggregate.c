/* SPDX-License-Identifier: MIT */
/* Granularity: frames that a report does not distinguish become equal. */
#include "config.h"

#include "profile/ops.h"

void ht_profile_aggregate(struct ht_profile *p, enum ht_granularity granularity, bool noinlines,
                          bool columns)
{
    bool address = granularity == HT_BY_ADDRESSES;
    if (address && !noinlines)
        return;
    bool line = address || granularity == HT_BY_LINES;
    bool function = granularity != HT_BY_FILES;
    bool file = granularity != HT_BY_FUNCTIONS;
    const char *none = ht_profile_str(p, "");

    for (size_t i = 0; i < p->n_mappings; i++) {
        struct ht_mapping *m = p->mappings[i];
        m->has_inline_frames = m->has_inline_frames && !noinlines;
        m->has_functions = m->has_functions && function;
        m->has_filenames = m->has_filenames && file;
        m->has_line_numbers = m->has_line_numbers && line;
    }
    for (size_t i = 0; i < p->n_functions; i++) {
        struct ht_function *f = p->functions[i];
        if (!function)
            f->name = f->system_name = none;
        if (!file)
            f->filename = none;
    }
    for (size_t i = 0; i < p->n_locations; i++) {
        struct ht_location *l = p->locations[i];
        if (noinlines && l->n_lines > 1) {
            l->lines += l->n_lines - 1; /* the function the inlined ones went into */
            l->n_lines = 1;
        }
        for (size_t j = 0; j < l->n_lines; j++) {
            if (!line)
                l->lines[j].line = 0;
            if (!line || !columns)
                l->lines[j].column = 0;
        }
        if (!address)
            l->address = 0;
    }
}
