/* SPDX-License-Identifier: MIT */
/* Parses the three options that choose live objects by their age. */
#include "config.h"

#include "cli/source/ages.h"

#include <errno.h>
#include <stdio.h>

#include "region/units.h"

static int parse(const char *name, const char *text, uint64_t *ns, char *msg, size_t size)
{
    if (!text || !*text || ht_parse_duration(text, ns))
        return 0;
    snprintf(msg, size, "--%s=%s is no duration: say 30s, 10m, 2h or 1d", name, text);
    return -EINVAL;
}

int ht_ages_parse(struct ht_region_ages *out, const char *min, const char *max, bool label,
                  char *msg, size_t msg_size)
{
    *out = (struct ht_region_ages){.label = label};
    int err = parse("min-age", min, &out->min_ns, msg, msg_size);
    if (!err)
        err = parse("max-age", max, &out->max_ns, msg, msg_size);
    if (!err && out->max_ns && out->min_ns > out->max_ns) {
        snprintf(msg, msg_size, "--min-age=%s is above --max-age=%s: nothing is left", min, max);
        err = -EINVAL;
    }
    return err;
}
