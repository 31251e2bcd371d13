/* SPDX-License-Identifier: MIT */
/*
 * POST /ingest?name=..&from=..&until=..&format=pprof, multipart/form-data with two parts: profile
 * (pprof, gzipped) and sample_type_config (JSON that says how each sample type is to be treated).
 * https://grafana.com/docs/pyroscope/latest/reference-server-api/
 */
#include "config.h"

#include "cli/web/push.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/source/curl_library.h"
#include "profile/profile.h"

#define MAX_REPLY 512

struct reply {
    char text[MAX_REPLY];
    size_t n;
};

static size_t keep_reply(char *data, size_t size, size_t n, void *ctx)
{
    struct reply *r = ctx;
    for (size_t i = 0; i < size * n && r->n + 1 < sizeof r->text; i++)
        r->text[r->n++] = (unsigned char)data[i] < 0x20 ? ' ' : data[i];
    r->text[r->n] = '\0';
    return size * n;
}

/* In-use values are levels, which are averaged over time; allocations are counts, which add up. */
static char *type_config(const struct ht_profile *p)
{
    json_t *all = json_object();
    for (size_t i = 0; all && i < p->n_sample_types; i++) {
        const struct ht_value_type *t = &p->sample_types[i];
        bool level = !strncmp(t->type, "inuse", 5) || !strncmp(t->type, "peak", 4);

        json_object_set_new(all, t->type,
                            json_pack("{s:s, s:s, s:s, s:b}", "units",
                                      strcmp(t->unit, "bytes") ? "objects" : "bytes",
                                      "display-name", t->type, "aggregation",
                                      level ? "average" : "sum", "cumulative", 0));
    }
    char *text = all ? json_dumps(all, JSON_COMPACT) : NULL;
    json_decref(all);
    return text;
}

static char *ingest_url(const struct ht_curl *curl, CURL *c, const char *url,
                        const struct ht_profile *p, const char *name)
{
    int64_t until = p->time_nanos > 0 ? p->time_nanos / 1000000000 : (int64_t)time(NULL);
    int64_t length = p->duration_nanos > 0 ? p->duration_nanos / 1000000000 : 0;
    size_t n = strlen(url);
    char *escaped = curl->easy_escape(c, name, 0), *full = NULL;
    while (n && url[n - 1] == '/')
        n--;
    const char *path = n >= 7 && !strncmp(url + n - 7, "/ingest", 7) ? "" : "/ingest";
    if (escaped &&
        asprintf(&full,
                 "%.*s%s?name=%s&from=%" PRId64 "&until=%" PRId64
                 "&format=pprof&spyName=heaptap&sampleRate=100",
                 (int)n, url, path, escaped, until - (length > 0 ? length : 1), until) < 0)
        full = NULL;
    curl->free(escaped);
    return full;
}

static curl_mime *form(const struct ht_curl *curl, CURL *c, const void *profile, size_t size,
                       const char *config)
{
    curl_mime *mime = curl->mime_init(c);
    curl_mimepart *part = mime ? curl->mime_addpart(mime) : NULL;
    if (!part || curl->mime_name(part, "profile") || curl->mime_filename(part, "profile.pprof") ||
        curl->mime_type(part, "application/octet-stream") || curl->mime_data(part, profile, size))
        goto fail;
    part = curl->mime_addpart(mime);
    if (!part || curl->mime_name(part, "sample_type_config") ||
        curl->mime_filename(part, "sample_type_config.json") ||
        curl->mime_type(part, "application/json") ||
        curl->mime_data(part, config, CURL_ZERO_TERMINATED))
        goto fail;
    return mime;
fail:
    curl->mime_free(mime);
    return NULL;
}

static struct curl_slist *headers(const struct ht_curl *curl, const struct ht_push_options *o)
{
    struct curl_slist *list = curl->slist_append(NULL, "Expect:");
    char *line;
    if (o->token && asprintf(&line, "Authorization: Bearer %s", o->token) >= 0) {
        list = curl->slist_append(list, line);
        free(line);
    }
    if (o->tenant && asprintf(&line, "X-Scope-OrgID: %s", o->tenant) >= 0) {
        list = curl->slist_append(list, line);
        free(line);
    }
    return list;
}

static int send_form(const struct ht_curl *curl, CURL *c, const char *url, curl_mime *mime,
                     struct curl_slist *head, char *msg, size_t msg_size)
{
    char why[CURL_ERROR_SIZE] = "";
    struct reply reply = {0};
    long status = 0;
    curl->easy_setopt(c, CURLOPT_URL, url);
    curl->easy_setopt(c, CURLOPT_MIMEPOST, mime);
    curl->easy_setopt(c, CURLOPT_HTTPHEADER, head);
    curl->easy_setopt(c, CURLOPT_ERRORBUFFER, why);
    curl->easy_setopt(c, CURLOPT_WRITEFUNCTION, keep_reply);
    curl->easy_setopt(c, CURLOPT_WRITEDATA, &reply);
    curl->easy_setopt(c, CURLOPT_CONNECTTIMEOUT, 10L);
    curl->easy_setopt(c, CURLOPT_TIMEOUT, 60L);
    curl->easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl->easy_setopt(c, CURLOPT_USERAGENT, "heaptap/" HT_VERSION);
    CURLcode code = curl->easy_perform(c);
    if (code) {
        snprintf(msg, msg_size, "cannot reach %.*s: %s", (int)strcspn(url, "?"), url,
                 *why ? why : curl->easy_strerror(code));
        return -EIO;
    }
    curl->easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    if (status / 100 == 2)
        return 0;
    snprintf(msg, msg_size, "%.*s answers %ld: %s", (int)strcspn(url, "?"), url, status,
             reply.text);
    return -EPROTO;
}

int ht_push(const char *url, const struct ht_profile *p, const struct ht_push_options *o, char *msg,
            size_t msg_size)
{
    struct ht_curl library;
    const struct ht_curl *curl = &library;
    struct curl_slist *head = NULL;
    curl_mime *mime = NULL;
    char *full = NULL, *config = NULL;
    void *data = NULL;
    int err = -ENOMEM;
    if (!ht_curl_open(&library)) {
        snprintf(msg, msg_size, HT_CURL_MISSING);
        return -ENOENT;
    }
    CURL *c = curl->easy_init();
    size_t size;
    if (c && (full = ingest_url(curl, c, url, p, o->name)) && (config = type_config(p)) &&
        (head = headers(curl, o)))
        err = ht_profile_encode(p, true, &data, &size);
    if (!err && !(mime = form(curl, c, data, size, config)))
        err = -ENOMEM;
    if (err)
        snprintf(msg, msg_size, "cannot make the request: %s", strerror(-err));
    else
        err = send_form(curl, c, full, mime, head, msg, msg_size);
    curl->mime_free(mime);
    curl->slist_free_all(head);
    free(data);
    free(config);
    free(full);
    if (c)
        curl->easy_cleanup(c);
    return err;
}
