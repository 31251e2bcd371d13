/* SPDX-License-Identifier: MIT */
/*
 * HTTP by libcurl. https://grafana.com/docs/pyroscope/latest/reference-server-api/: with
 * format=pprof the body of /ingest is the profile itself. In the other form it is a message of
 * push/v1/push.proto, as the Connect protocol sends it. Redirects are not followed, and of an
 * answer the first bytes are read: a store can neither lead elsewhere nor keep us.
 */
#include "config.h"

#include "cli/push/send.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/push/address.h"
#include "cli/source/curl_library.h"
#include "util/buffer.h"
#include "util/utf8.h"

#define REPLY_SHOWN 200
#define REPLY_MAX   (64u << 10)
#define TIMEOUT     30L
#define WAIT_MAX    3600L

struct ht_sender {
    struct ht_curl curl;
    CURL *c;
    const char *url;
    char shown[256];
    enum ht_push_form form;
    bool add_ingest;
    struct curl_slist *headers;
    const atomic_int *stop;
};

static bool ends_in(const char *path, size_t n, const char *end)
{
    size_t k = strlen(end);
    return n >= k && !memcmp(path + n - k, end, k);
}

static void find_form(struct ht_sender *s)
{
    const char *host = strstr(s->url, "://") + 3, *path = host + strcspn(host, "/?#");
    size_t n = strcspn(path, "?#");
    while (n && path[n - 1] == '/')
        n--;
    s->add_ingest = !n && path[strcspn(path, "?#")] == '\0';
    s->form = !n || ends_in(path, n, "/ingest")                 ? HT_PUSH_INGEST
              : ends_in(path, n, "/push.v1.PusherService/Push") ? HT_PUSH_CONNECT
                                                                : HT_PUSH_POST;
}

enum ht_push_form ht_sender_form(const struct ht_sender *s)
{
    return s->form;
}

static bool add_header(struct ht_sender *s, const char *line)
{
    struct curl_slist *more = s->curl.slist_append(s->headers, line);
    if (more)
        s->headers = more;
    return more != NULL;
}

struct ht_sender *ht_sender_create(const char *url, const struct ht_words *headers,
                                   const atomic_int *stop, char *msg, size_t msg_size)
{
    struct ht_sender *s = calloc(1, sizeof *s);
    if (!s) {
        snprintf(msg, msg_size, "out of memory");
        return NULL;
    }
    if (!ht_curl_open(&s->curl)) {
        snprintf(msg, msg_size, HT_CURL_MISSING);
        free(s);
        return NULL;
    }
    s->url = url;
    s->stop = stop;
    ht_push_url_shown(url, s->shown, sizeof s->shown);
    find_form(s);
    s->c = s->curl.easy_init();
    bool good =
        s->c && add_header(s, "Expect:") &&
        add_header(s, s->form == HT_PUSH_CONNECT ? "Content-Type: application/proto"
                                                 : "Content-Type: application/octet-stream") &&
        (s->form != HT_PUSH_CONNECT || add_header(s, "Connect-Protocol-Version: 1"));
    for (size_t i = 0; good && headers && i < headers->n; i++)
        good = add_header(s, headers->word[i]);
    if (good)
        return s;
    snprintf(msg, msg_size, "out of memory");
    ht_sender_destroy(s);
    return NULL;
}

void ht_sender_destroy(struct ht_sender *s)
{
    if (!s)
        return;
    s->curl.slist_free_all(s->headers);
    if (s->c)
        s->curl.easy_cleanup(s->c);
    free(s);
}

/* "shop{host=a,unit=b}" */
static char *series_name(const struct ht_push_item *item)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return NULL;
    fputs(item->service, f);
    for (size_t i = 0; i < item->n_labels; i++)
        fprintf(f, "%c%s=%s", i ? ',' : '{', item->labels[i].key, item->labels[i].value);
    if (item->n_labels)
        putc('}', f);
    if (!fclose(f))
        return text;
    free(text);
    return NULL;
}

static char *item_url(const struct ht_sender *s, const struct ht_push_item *item)
{
    char *name = series_name(item), *full = NULL;
    char *escaped = name ? s->curl.easy_escape(s->c, name, 0) : NULL;
    size_t n = strcspn(s->url, "#");
    bool parameters = memchr(s->url, '?', n);
    while (s->add_ingest && n && s->url[n - 1] == '/')
        n--;
    if (escaped && asprintf(&full,
                            "%.*s%s%cname=%s&from=%" PRId64 "&until=%" PRId64
                            "&format=pprof&spyName=heaptap&sampleRate=100",
                            (int)n, s->url, s->add_ingest ? "/ingest" : "", parameters ? '&' : '?',
                            escaped, item->from, item->until) < 0)
        full = NULL;
    s->curl.free(escaped);
    free(name);
    return full;
}

/* A field of a protobuf message, of bytes: tag and length; the bytes follow. */
static int put_field(struct ht_buffer *b, unsigned field, const void *data, size_t size)
{
    unsigned char head[11] = {(unsigned char)(field << 3 | 2)};
    size_t n = 1, rest = size;
    do {
        head[n++] = (unsigned char)((rest & 127) | (rest > 127 ? 128 : 0));
        rest >>= 7;
    } while (rest);
    int err = ht_buffer_append(b, head, n);
    return err ? err : ht_buffer_append(b, data, size);
}

static int put_label(struct ht_buffer *series, const char *key, const char *value)
{
    struct ht_buffer pair = {0};
    int err = put_field(&pair, 1, key, strlen(key));
    if (!err)
        err = put_field(&pair, 2, value, strlen(value));
    if (!err)
        err = put_field(series, 1, pair.data, pair.size);
    free(pair.data);
    return err;
}

/* PushRequest{series: {labels, samples: {raw_profile}}...}. __delta__: the values are what was
 * allocated since the profile before, so that the store need not take differences. */
static int put_series(struct ht_buffer *request, const struct ht_push_item *item)
{
    struct ht_buffer series = {0}, sample = {0};
    int err = put_label(&series, "__name__", "memory");
    if (!err)
        err = put_label(&series, "__delta__", "false");
    if (!err)
        err = put_label(&series, "service_name", item->service);
    for (size_t i = 0; !err && i < item->n_labels; i++)
        err = put_label(&series, item->labels[i].key, item->labels[i].value);
    if (!err)
        err = put_field(&sample, 1, item->profile, item->profile_size);
    if (!err)
        err = put_field(&series, 2, sample.data, sample.size);
    if (!err)
        err = put_field(request, 1, series.data, series.size);
    free(series.data);
    free(sample.data);
    return err;
}

struct reply {
    char text[REPLY_SHOWN];
    size_t n, total;
};

static size_t take_reply(char *data, size_t one, size_t n, void *ctx)
{
    struct reply *r = ctx;
    for (size_t i = 0; i < n && r->n + 1 < sizeof r->text; i++)
        r->text[r->n++] = (unsigned char)data[i] < ' ' ? ' ' : data[i];
    r->text[r->n] = '\0';
    r->total += n;
    return r->total > REPLY_MAX ? 0 : n; /* 0 ends the transfer */
}

static int progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct ht_sender *s = ctx;
    return s->stop && atomic_load(s->stop);
}

static enum ht_push_result post(struct ht_sender *s, const char *url, const void *body, size_t size,
                                long *wait, char *msg, size_t msg_size)
{
    const struct ht_curl *curl = &s->curl;
    struct reply reply = {0};
    long status = 0;
    char why[CURL_ERROR_SIZE] = "";
    curl->easy_setopt(s->c, CURLOPT_URL, url);
    curl->easy_setopt(s->c, CURLOPT_POST, 1L);
    curl->easy_setopt(s->c, CURLOPT_POSTFIELDS, body);
    curl->easy_setopt(s->c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
    curl->easy_setopt(s->c, CURLOPT_HTTPHEADER, s->headers);
    curl->easy_setopt(s->c, CURLOPT_ERRORBUFFER, why);
    curl->easy_setopt(s->c, CURLOPT_WRITEFUNCTION, take_reply);
    curl->easy_setopt(s->c, CURLOPT_WRITEDATA, &reply);
    curl->easy_setopt(s->c, CURLOPT_XFERINFOFUNCTION, progress);
    curl->easy_setopt(s->c, CURLOPT_XFERINFODATA, s);
    curl->easy_setopt(s->c, CURLOPT_NOPROGRESS, 0L);
    curl->easy_setopt(s->c, CURLOPT_CONNECTTIMEOUT, 10L);
    curl->easy_setopt(s->c, CURLOPT_TIMEOUT, TIMEOUT);
    curl->easy_setopt(s->c, CURLOPT_NOSIGNAL, 1L);
    curl->easy_setopt(s->c, CURLOPT_FOLLOWLOCATION, 0L);
    curl->easy_setopt(s->c, CURLOPT_USERAGENT, "heaptap/" HT_VERSION);
    CURLcode code = curl->easy_perform(s->c);
    curl->easy_setopt(s->c, CURLOPT_ERRORBUFFER, NULL);
    curl->easy_getinfo(s->c, CURLINFO_RESPONSE_CODE, &status);
    ht_plain_text(reply.text, false);
    /* A store that has answered and then goes on for ever has answered. */
    if (code && code != CURLE_WRITE_ERROR) {
        snprintf(msg, msg_size, "cannot reach %s: %s", s->shown,
                 *why ? why : curl->easy_strerror(code));
        return HT_PUSH_LATER;
    }
    if (status / 100 == 2)
        return HT_PUSH_SENT;
    snprintf(msg, msg_size, "%s answers %ld%s%s", s->shown, status, *reply.text ? ": " : "",
             reply.text);
    if (status != 408 && status != 429 && status / 100 != 5)
        return HT_PUSH_REFUSED;
    curl_off_t after = 0;
    curl->easy_getinfo(s->c, CURLINFO_RETRY_AFTER, &after);
    *wait = after < 0 ? 0 : after > WAIT_MAX ? WAIT_MAX : (long)after;
    return HT_PUSH_LATER;
}

enum ht_push_result ht_sender_send(struct ht_sender *s, const struct ht_push_item *items, size_t n,
                                   long *wait, char *msg, size_t msg_size)
{
    enum ht_push_result result = HT_PUSH_LATER;
    *wait = 0;
    snprintf(msg, msg_size, "out of memory");
    if (s->form == HT_PUSH_CONNECT) {
        struct ht_buffer request = {0};
        int err = 0;
        for (size_t i = 0; !err && i < n; i++)
            err = put_series(&request, &items[i]);
        if (!err)
            result = post(s, s->url, request.data, request.size, wait, msg, msg_size);
        free(request.data);
    } else {
        char *url = item_url(s, items);
        if (url)
            result = post(s, url, items->profile, items->profile_size, wait, msg, msg_size);
        free(url);
    }
    return result;
}
