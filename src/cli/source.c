/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "cli/source.h"

struct kind {
    bool (*is)(const char *source);
    struct ht_profile *(*load)(const char *source, int *err, char *msg, size_t msg_size);
};

/* The first that claims the source has it; what none claims is a file. */
static const struct kind kinds[] = {
    {ht_source_is_url, ht_source_load_url},
};

struct ht_profile *ht_source_load(const char *source, int *err, char *msg, size_t msg_size)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (kinds[i].is(source))
            return kinds[i].load(source, err, msg, msg_size);
    return ht_profile_read_file(source, err, msg, msg_size);
}
