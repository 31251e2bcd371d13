/* SPDX-License-Identifier: MIT */
/* The rules of pprof's CheckValid. */
#include "config.h"

#include <errno.h>
#include <stdio.h>

#include "profile/idmap.h"
#include "profile/profile.h"

#define REFUSE(...)                                                                                \
    do {                                                                                           \
        snprintf(msg, msg_size, __VA_ARGS__);                                                      \
        goto out;                                                                                  \
    } while (0)

int ht_profile_check(const struct ht_profile *p, char *msg, size_t msg_size)
{
    struct ht_idmap mappings = {0}, functions = {0}, locations = {0};
    int err = -EINVAL;
    if (ht_idmap_init(&mappings, p->n_mappings) || ht_idmap_init(&functions, p->n_functions) ||
        ht_idmap_init(&locations, p->n_locations)) {
        err = -ENOMEM;
        REFUSE("out of memory");
    }
    if (!p->n_sample_types && p->n_samples)
        REFUSE("there are samples but no sample types");
    for (size_t i = 0; i < p->n_mappings; i++)
        if (!ht_idmap_put(&mappings, p->mappings[i]->id, p->mappings[i]))
            REFUSE("mapping id %llu is 0 or not unique", (unsigned long long)p->mappings[i]->id);
    for (size_t i = 0; i < p->n_functions; i++)
        if (!ht_idmap_put(&functions, p->functions[i]->id, p->functions[i]))
            REFUSE("function id %llu is 0 or not unique", (unsigned long long)p->functions[i]->id);
    for (size_t i = 0; i < p->n_locations; i++) {
        struct ht_location *l = p->locations[i];
        if (!ht_idmap_put(&locations, l->id, l))
            REFUSE("location id %llu is 0 or not unique", (unsigned long long)l->id);
        if (l->mapping && ht_idmap_get(&mappings, l->mapping->id) != l->mapping)
            REFUSE("location %llu has a mapping that is not in the profile",
                   (unsigned long long)l->id);
        for (size_t j = 0; j < l->n_lines; j++) {
            struct ht_function *f = l->lines[j].function;
            if (!f || ht_idmap_get(&functions, f->id) != f)
                REFUSE("location %llu has a function that is not in the profile",
                       (unsigned long long)l->id);
        }
    }
    for (size_t i = 0; i < p->n_samples; i++) {
        const struct ht_sample *s = &p->samples[i];
        for (size_t j = 0; j < s->n_locations; j++) {
            struct ht_location *l = s->locations[j];
            if (!l || ht_idmap_get(&locations, l->id) != l)
                REFUSE("sample %zu has a location that is not in the profile", i + 1);
        }
    }
    err = 0;
out:
    ht_idmap_finish(&mappings);
    ht_idmap_finish(&functions);
    ht_idmap_finish(&locations);
    return err;
}
