/* SPDX-License-Identifier: MIT */
/* The endpoints of Go's net/http/pprof that make sense for a heap. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "profile/ops.h"
#include "profile/profile.h"
#include "serve/http.h"
#include "serve/webdata.h"

#define TEXT "text/plain; charset=utf-8"

enum MHD_Result ht_get_cmdline(const struct ht_request *r)
{
    char id[32], msg[512] = "", *words;
    enum MHD_Result answer;
    if (!ht_request_target(r, id, &answer))
        return answer;
    size_t size;
    int err = r->s->source->cmdline(r->s->source->ctx, id, &words, &size, msg, sizeof msg);
    return err ? ht_answer_failure(r, err, msg)
               : ht_answer(r, MHD_HTTP_OK, TEXT, NULL, words, size);
}

enum MHD_Result ht_get_index(const struct ht_request *r)
{
    static const char *const rows[][2] = {
        {"heap", "what is in use now, and what has been allocated since the start"},
        {"allocs", "the same, shown first by what has been allocated"},
        {"threads", "where each thread stands, and what it waits for"},
        {"profile", "processor time; seconds= says for how long (30)"},
        {"cmdline", "the command line"},
        {"symbol", "names for addresses"},
    };
    struct ht_target *list;
    struct ht_body b;
    size_t n;
    int err = ht_request_list(r, &list, &n);

    if (err || ht_body_open(&b)) {
        if (!err)
            ht_targets_free(list, n);
        return ht_answer_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "cannot list the processes");
    }
    fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
          "<title>/debug/pprof/</title></head><body>\n",
          b.out);
    for (size_t i = 0; i < n; i++) {
        if (*r->id && strcmp(list[i].id, r->id) != 0)
            continue;
        fputs("<h1>", b.out);
        ht_web_html_text(b.out, list[i].name);
        fprintf(b.out, " %s%s</h1>\n<table>\n", list[i].pid ? list[i].id : "",
                list[i].pid && !list[i].alive ? " (dead)" : "");
        for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
            fprintf(b.out, "<tr><td><a href=\"/%s/debug/pprof/%s%s\">%s</a></td><td>%s</td></tr>\n",
                    list[i].id, rows[k][0], k < 3 ? "?debug=1" : "", rows[k][0], rows[k][1]);
        fputs("</table>\n", b.out);
    }
    if (!n)
        fputs("<p>No profiled process. Start one with <code>heaptap run PROGRAM</code>.</p>\n",
              b.out);
    fputs("</body></html>\n", b.out);
    ht_targets_free(list, n);
    return ht_body_answer(r, &b, 0, "text/html; charset=utf-8", NULL);
}

/* Sleeps until the time is over or the server stops. False when it stops, or too many requests
 * sleep already. */
static bool wait_seconds(struct ht_server *s, long seconds)
{
    bool slept = false;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += seconds;
    pthread_mutex_lock(&s->lock);
    if (s->waiting < HT_MAX_WAITING) {
        s->waiting++;
        while (!s->stopping && pthread_cond_timedwait(&s->changed, &s->lock, &until) != ETIMEDOUT)
            ;
        s->waiting--;
        slept = !s->stopping;
    }
    pthread_mutex_unlock(&s->lock);
    return slept;
}

/* The change in the next seconds: the second profile minus the first. */
static struct ht_profile *delta(const struct ht_request *r, const char *id, long seconds,
                                bool symbols, enum MHD_Result *answer)
{
    struct ht_profile *first = ht_request_profile_of(r, id, symbols, answer);
    char msg[256] = "";
    int err = 0;
    if (!first)
        return NULL;
    ht_building_leave(r->s);
    bool waited = wait_seconds(r->s, seconds);
    ht_building_enter(r->s);
    if (!waited) {
        ht_profile_destroy(first);
        *answer = ht_answer_error(r, MHD_HTTP_SERVICE_UNAVAILABLE,
                                  "%d requests wait for their seconds already; try again later",
                                  HT_MAX_WAITING);
        return NULL;
    }
    struct ht_profile *second = ht_request_profile_of(r, id, symbols, answer);
    if (!second) {
        ht_profile_destroy(first);
        return NULL;
    }
    int64_t from = first->time_nanos, to = second->time_nanos;
    struct ht_profile *d = ht_profile_subtract(second, first, false, false, &err, msg, sizeof msg);
    if (d) {
        d->time_nanos = to;
        d->duration_nanos = to - from;
        /* Removes the comments about each profile's own samples, which are not true of the
         * difference. */
        d->n_comments = 0;
    }
    ht_profile_destroy(first);
    ht_profile_destroy(second);
    if (!d)
        *answer = ht_answer_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "%s", msg);
    return d;
}

static enum MHD_Result send_text(const struct ht_request *r, struct ht_profile *p)
{
    struct ht_body b;
    int err = ht_body_open(&b);
    if (!err)
        err = ht_legacy_write(b.out, p);
    ht_profile_destroy(p);
    return ht_body_answer(r, &b, err, TEXT, NULL);
}

static enum MHD_Result send_proto(const struct ht_request *r, struct ht_profile *p, bool allocs,
                                  bool is_delta)
{
    if (allocs)
        p->default_sample_type = ht_profile_str(p, "alloc_space");
    void *data;
    size_t size;
    int err = p->default_sample_type ? ht_profile_encode(p, true, &data, &size) : -ENOMEM;
    ht_profile_destroy(p);
    if (err)
        return ht_answer_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "cannot write the profile: %s",
                               strerror(-err));
    char disposition[64];
    snprintf(disposition, sizeof disposition, "attachment; filename=\"%s%s\"",
             allocs ? "allocs" : "heap", is_delta ? "-delta" : "");
    return ht_answer(r, MHD_HTTP_OK, "application/octet-stream", disposition, data, size);
}

/* Without the label that says the size of objects: where a site has several it is their mean, which
 * changes, so that a scraper that compares two profiles would not find the stack again. Takes p;
 * NULL: *answer says why. */
static struct ht_profile *without_sizes(const struct ht_request *r, struct ht_profile *p,
                                        enum MHD_Result *answer)
{
    const struct ht_filter sizes = {.taghide = "^bytes$"};
    char msg[256] = "";
    int err = ht_profile_filter(p, &sizes, NULL, msg, sizeof msg);
    struct ht_profile *less = err ? NULL : ht_profile_compact(p, &err, msg, sizeof msg);
    ht_profile_destroy(p);
    if (!less)
        *answer = ht_answer_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "%s", msg);
    return less;
}

/* Without names the profile is passed on from the source, without decoding it. */
static enum MHD_Result send_raw(const struct ht_request *r, const char *id)
{
    char msg[512] = "";
    void *data;
    size_t size;
    int err = r->s->source->raw(r->s->source->ctx, id, &data, &size, msg, sizeof msg);
    return err ? ht_answer_failure(r, err, msg)
               : ht_answer(r, MHD_HTTP_OK, "application/octet-stream",
                           "attachment; filename=\"heap\"", data, size);
}

enum MHD_Result ht_get_heap(const struct ht_request *r, bool allocs)
{
    const char *seconds = ht_query(r, "seconds"), *debug = ht_query(r, "debug");
    const char *symbolize = ht_query(r, "symbolize"), *sizes = ht_query(r, "sizes");
    bool sized = !sizes || strcmp(sizes, "none") != 0;
    bool text = debug && strtol(debug, NULL, 10) != 0;
    bool symbols = text || !symbolize || strcmp(symbolize, "none") != 0;
    double given = 0;
    long wait = 0;
    if (seconds) {
        if (!ht_query_seconds(seconds, &given))
            return ht_answer_error(r, MHD_HTTP_BAD_REQUEST,
                                   "seconds must be a whole number from 1 to %d", HT_MAX_SECONDS);
        wait = (long)given;
        if (text)
            return ht_answer_error(r, MHD_HTTP_BAD_REQUEST, "seconds and debug cannot be combined");
        if (!r->s->source->live)
            return ht_answer_error(r, MHD_HTTP_BAD_REQUEST,
                                   "this is a file: it has no next %ld seconds", wait);
    }
    enum MHD_Result answer;
    char id[32];
    if (!ht_request_target(r, id, &answer))
        return answer;
    if (!symbols && !allocs && !wait && sized && r->s->source->raw)
        return send_raw(r, id);
    struct ht_profile *p = wait ? delta(r, id, wait, symbols, &answer)
                                : ht_request_profile_of(r, id, symbols, &answer);
    if (p && !sized)
        p = without_sizes(r, p, &answer);
    if (!p)
        return answer;
    return text ? send_text(r, p) : send_proto(r, p, allocs, wait > 0);
}
