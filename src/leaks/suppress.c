/* SPDX-License-Identifier: MIT */
/* As in LeakSanitizer, blocks that only a suppressed block leads to are suppressed with it. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "leaks/leaks.h"
#include "profile/profile.h"
#include "profile/suppressions.h"

static bool is_suppressed(const struct ht_leak_rows *rows, const bool *known,
                          const struct ht_leak_block *b)
{
    const struct ht_leak_row *row = b->grade ? ht_leak_rows_find(rows, b) : NULL;
    return row && known[row - rows->row];
}

int ht_leaks_suppress(struct ht_leaks *l, const struct ht_leak_rows *named,
                      const struct ht_suppressions *s, size_t *suppressed)
{
    *suppressed = 0;
    bool *known = calloc(named->n + 1, 1), *gone = calloc(l->n + 1, 1);
    if (!known || !gone) {
        free(known);
        free(gone);
        return -ENOMEM;
    }
    for (size_t i = 0; i < named->profile->n_samples; i++)
        if (named->of_sample[i] != UINT32_MAX)
            known[named->of_sample[i]] = ht_suppressions_match(s, &named->profile->samples[i]);
    for (size_t i = 0; i < l->n; i++) {
        const struct ht_leak_block *b = &l->block[i];
        gone[i] = is_suppressed(named, known, b) ||
                  (b->grade == HT_LEAK_UNREACHABLE && b->head != HT_LEAK_NO_HEAD &&
                   is_suppressed(named, known, &l->block[b->head]));
    }
    for (size_t i = 0; i < l->n; i++)
        if (gone[i]) {
            l->n_of[l->block[i].grade]--;
            l->n_of[HT_LEAK_NONE]++;
            l->block[i].grade = HT_LEAK_NONE;
            ++*suppressed;
        }
    free(known);
    free(gone);
    return 0;
}
