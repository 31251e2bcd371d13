/* SPDX-License-Identifier: MIT */
/* What is a URL. */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "cli/source/source.h"

bool ht_url_has_scheme(const char *source)
{
    return !strncasecmp(source, "http://", 7) || !strncasecmp(source, "https://", 8);
}

/* "host:port/path", "[::1]:port/path": what pprof takes for a URL too. */
static bool is_host_and_port(const char *source)
{
    static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    size_t host =
        *source == '[' ? strspn(source + 1, "0123456789abcdefABCDEF:.%") + 1 : strspn(source, name);
    if (*source == '[' && source[host++] != ']')
        return false;
    size_t port = host && source[host] == ':' ? strspn(source + host + 1, "0123456789") : 0;
    const char *rest = source + host + 1 + port;
    return port > 0 && port <= 5 && (!*rest || *rest == '/' || *rest == '?');
}

bool ht_source_is_url(const char *source)
{
    return ht_url_has_scheme(source) || (is_host_and_port(source) && access(source, F_OK));
}
