/* SPDX-License-Identifier: MIT */
/* Profiles from a server, by libcurl. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/source/curl_library.h"
#include "cli/source/source.h"

#define BODY_LIMIT ((size_t)1 << 30)

struct body {
    char *data;
    size_t size, cap;
    bool too_large;
    bool from_pprof; /* the server's error text is for pprof's readers (X-Go-Pprof) */
};

static size_t take_body(char *data, size_t one, size_t n, void *arg)
{
    struct body *b = arg;
    if (n > BODY_LIMIT - b->size) {
        b->too_large = true;
        return 0;
    }
    if (b->size + n + 1 > b->cap) {
        size_t cap = (b->size + n + 1) * 2;
        char *more = realloc(b->data, cap);
        if (!more)
            return 0;
        b->data = more;
        b->cap = cap;
    }
    memcpy(b->data + b->size, data, n);
    b->size += n;
    b->data[b->size] = '\0';
    return n;
}

static size_t take_header(char *data, size_t one, size_t n, void *arg)
{
    struct body *b = arg;
    if (n > 11 && !strncasecmp(data, "x-go-pprof:", 11))
        b->from_pprof = true;
    return n;
}

/* pprof's rule: a profile over N seconds may take half as long again, any other a minute. */
static long timeout_of(const char *url)
{
    const char *s = strstr(url, "seconds=");
    long seconds = s ? strtol(s + 8, NULL, 10) : 0;
    return seconds > 0 && seconds < 1 << 20 ? seconds + seconds / 2 + 5 : 65;
}

static int fetch(const struct ht_curl *c, const char *url, struct body *b, char *why, size_t size)
{
    CURL *h = c->easy_init();
    if (!h)
        return -ENOMEM;
    c->easy_setopt(h, CURLOPT_URL, url);
    c->easy_setopt(h, CURLOPT_FOLLOWLOCATION, 1L);
    c->easy_setopt(h, CURLOPT_MAXREDIRS, 5L);
    c->easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    c->easy_setopt(h, CURLOPT_TIMEOUT, timeout_of(url));
    c->easy_setopt(h, CURLOPT_WRITEFUNCTION, take_body);
    c->easy_setopt(h, CURLOPT_WRITEDATA, b);
    c->easy_setopt(h, CURLOPT_HEADERFUNCTION, take_header);
    c->easy_setopt(h, CURLOPT_HEADERDATA, b);
    CURLcode r = c->easy_perform(h);
    long status = 0;
    int err = 0;
    c->easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
    if (b->too_large) {
        snprintf(why, size, "the answer is larger than %zuMB", BODY_LIMIT >> 20);
        err = -EFBIG;
    } else if (r != CURLE_OK) {
        snprintf(why, size, "%s", c->easy_strerror(r));
        err = -EIO;
    } else if (status != 200) {
        if (b->data)
            b->data[strcspn(b->data, "\r\n")] = '\0';
        snprintf(why, size, "the server answered %ld%s%s", status, b->from_pprof ? ": " : "",
                 b->from_pprof && b->data ? b->data : "");
        err = -EIO;
    }
    c->easy_cleanup(h);
    return err;
}

struct ht_profile *ht_source_load_url(const char *source, int *err, char *msg, size_t msg_size)
{
    char *url = NULL;
    if (asprintf(&url, "%s%s", ht_url_has_scheme(source) ? "" : "http://", source) < 0) {
        *err = -ENOMEM;
        snprintf(msg, msg_size, "cannot read %s: out of memory", source);
        return NULL;
    }
    struct ht_curl c;
    struct body b = {0};
    char why[256] = "out of memory";
    struct ht_profile *p = NULL;
    if (ht_curl_open(&c)) {
        *err = fetch(&c, url, &b, why, sizeof(why));
    } else {
        *err = -ENOENT;
        snprintf(why, sizeof(why), HT_CURL_MISSING);
    }
    if (*err)
        snprintf(msg, msg_size, "cannot read %s: %s", url, why);
    else if (!(p = ht_profile_decode(b.data, b.size, err, why, sizeof(why))))
        snprintf(msg, msg_size, "%s is not a profile heaptap can read: %s", url, why);
    free(b.data);
    free(url);
    return p;
}
