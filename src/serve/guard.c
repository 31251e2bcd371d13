/* SPDX-License-Identifier: MIT */
/* Who may ask: the defences against other users, other sites and rebound names. */
#include "config.h"

#include <arpa/inet.h>
#include <string.h>

#include "serve/http.h"

static const char *header(const struct ht_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->c, MHD_HEADER_KIND, name);
}

/*
 * Another site's page can make its own name resolve to 127.0.0.1 and then read the answers, but the
 * browser still sends that name in the Host header. Addresses cannot be rebound, so they are
 * allowed.
 */
static bool host_is_ours(const struct ht_server *s, const char *host)
{
    const char *colon = strrchr(host, ':'), *end = host + strlen(host);
    char name[256];
    unsigned char address[16];
    size_t n;
    if (*host == '[') {
        const char *close = strchr(host, ']');

        if (!close || (close[1] && close[1] != ':'))
            return false;
        n = (size_t)(close - host) - 1;
        if (n >= sizeof name)
            return false;
        memcpy(name, host + 1, n);
        name[n] = '\0';
        return inet_pton(AF_INET6, name, address) == 1;
    }
    n = (size_t)((colon ? colon : end) - host);
    if (n == 0 || n >= sizeof name)
        return false;
    memcpy(name, host, n);
    name[n] = '\0';
    if (!strcasecmp(name, "localhost") || inet_pton(AF_INET, name, address) == 1)
        return true;
    for (size_t i = 0; i < s->o.n_hosts; i++)
        if (!strcasecmp(name, s->o.hosts[i]))
            return true;
    return false;
}

/* Takes the same time wherever the first wrong character is. */
static bool same_token(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b);
    unsigned char diff = na != nb;
    for (size_t i = 0; i < na; i++)
        diff |= (unsigned char)(a[i] ^ b[nb ? i % nb : 0]);
    return nb && !diff;
}

unsigned ht_guard(const struct ht_request *r, bool data, const char **why)
{
    const struct ht_server *s = r->s;
    const char *host = header(r, "Host"), *site = header(r, "Sec-Fetch-Site");
    if (!s->o.unix_path && (!host || !host_is_ours(s, host))) {
        *why = "this Host is not served; use the address, or start with --allow-host=NAME";
        return MHD_HTTP_FORBIDDEN;
    }
    if (!data)
        return 0;
    if (site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0) {
        *why = "requests from other sites are not served";
        return MHD_HTTP_FORBIDDEN;
    }
    if (s->o.token) {
        const char *given = header(r, "Authorization");

        if (!given || strncasecmp(given, "Bearer ", 7) != 0 || !same_token(given + 7, s->o.token)) {
            *why = "this server wants the bearer token of its --token-file";
            return MHD_HTTP_UNAUTHORIZED;
        }
    }
    return 0;
}
