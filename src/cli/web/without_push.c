/* SPDX-License-Identifier: MIT */
/* push, in a heaptap that was built without libcurl or libjansson. */
#include "config.h"

#include <errno.h>
#include <stdio.h>

#include "cli/web/push.h"

int ht_push(const char *url, const struct ht_profile *p, const struct ht_push_options *o, char *msg,
            size_t msg_size)
{
    snprintf(msg, msg_size,
             "cannot push to %s: heaptap was built without libcurl or libjansson (install "
             "libcurl4-openssl-dev and libjansson-dev and build again)",
             url);
    return -ENOTSUP;
}
