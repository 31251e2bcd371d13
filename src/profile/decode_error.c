/* SPDX-License-Identifier: MIT */
/* The line about a profile's first fault; later ones are not reported. */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "profile/decode.h"

bool ht_decode_fail(struct ht_decoder *d, int err, const char *fmt, ...)
{
    if (d->err)
        return false;
    d->err = err;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(d->msg, d->msg_size, fmt, ap);
    va_end(ap);
    return false;
}

bool ht_decode_no_memory(struct ht_decoder *d)
{
    return ht_decode_fail(d, -ENOMEM, "it needs more memory than there is or than %zuGB",
                          HT_PROFILE_MEMORY_LIMIT >> 30);
}
