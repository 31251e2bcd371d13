/* SPDX-License-Identifier: MIT */
/* URLs as sources, in a heaptap that was built without libcurl. */
#include "config.h"

#include <errno.h>
#include <stdio.h>

#include "cli/source/source.h"

struct ht_profile *ht_source_load_url(const char *url, int *err, char *msg, size_t msg_size)
{
    *err = -ENOTSUP;
    snprintf(msg, msg_size,
             "cannot read %s: heaptap was built without libcurl (install libcurl4-openssl-dev and "
             "build again)",
             url);
    return NULL;
}
