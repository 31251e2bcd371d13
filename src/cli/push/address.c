/* SPDX-License-Identifier: MIT */
/* Hides what a URL has before its host. */
#include "config.h"

#include "cli/push/address.h"

#include <stdio.h>
#include <string.h>

#include "util/utf8.h"

void ht_push_url_shown(const char *url, char *out, size_t size)
{
    const char *host = strstr(url, "://"), *at;
    host = host ? host + 3 : url;
    size_t n = strcspn(host, "/?#");
    at = memrchr(host, '@', n);
    int scheme = (int)(host - url);
    host = at ? at + 1 : host;
    snprintf(out, size, "%.*s%.*s", scheme, url, (int)strcspn(host, "?#"), host);
    ht_plain_text(out, false);
}

char *ht_push_url_take(char *url)
{
    char *copy = strdup(url), *host = strstr(url, "://");
    if (!copy || !host)
        return copy;
    host += 3;
    char *at = memrchr(host, '@', strcspn(host, "/?#"));
    if (at)
        memset(host, 'x', (size_t)(at - host));
    return copy;
}
