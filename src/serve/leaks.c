/* SPDX-License-Identifier: MIT */
/*
 * /debug/leaks: a look at a process's memory when somebody asks for one, and never else: it costs a
 * pass over all of it. The same object of JSON as `heaptap leaks --json`, or with who=REGEX as
 * `heaptap leaks --who`. /debug/leaks/progress says how far a look is.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "leaks/sites.h"
#include "leaks/who.h"
#include "profile/profile.h"
#include "serve/http.h"
#include "util/jansson.h"

#define JSON     "application/json"
#define EVERY_NS 1000000000u
#define BUDGET   (500u << 20) /* bytes a second, as `heaptap leaks` */
#define HOLDERS  8u           /* of one way, as there */

/* A place for a look at this process. NULL after an answer: one is under way, or too many are. */
static struct ht_look *enter(const struct ht_request *r, pid_t pid, enum MHD_Result *answer)
{
    struct ht_server *s = r->s;
    struct ht_look *free_one = NULL;
    bool there = false;
    pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < HT_MAX_LOOKS; i++) {
        there |= s->looks[i].pid == pid;
        if (!s->looks[i].pid)
            free_one = &s->looks[i];
    }
    if (there || s->stopping)
        free_one = NULL;
    if (free_one)
        *free_one = (struct ht_look){.server = s, .pid = pid};
    pthread_mutex_unlock(&s->lock);
    if (there)
        *answer = ht_answer_error(r, MHD_HTTP_CONFLICT,
                                  "process %d is being looked through already", (int)pid);
    else if (!free_one)
        *answer = ht_answer_error(r, MHD_HTTP_SERVICE_UNAVAILABLE,
                                  "%d processes are being looked through already; try again later",
                                  HT_MAX_LOOKS);
    return free_one;
}

static void leave(struct ht_look *look)
{
    struct ht_server *s = look->server;
    pthread_mutex_lock(&s->lock);
    *look = (struct ht_look){0};
    pthread_mutex_unlock(&s->lock);
}

static void show_progress(void *ctx, const struct ht_leaks *l, uint64_t done, uint64_t all)
{
    struct ht_look *look = ctx;
    pthread_mutex_lock(&look->server->lock);
    look->pass = l->n_passes + (done < all);
    look->done = done;
    look->all = all;
    look->left = l->n_passes ? (int64_t)l->candidates[l->n_passes - 1] : -1;
    pthread_mutex_unlock(&look->server->lock);
}

static int answer_body(const struct ht_request *r, const struct ht_leaks *l, FILE *out, char *msg,
                       size_t msg_size)
{
    struct ht_leak_rows rows = {0};
    struct ht_leak_sites sites = {0};
    int err = ht_leak_rows_make(l, &rows, msg, msg_size);
    if (!err) {
        ht_symbols(r->s, rows.profile, l->region.pid);
        err = ht_leak_sites_make(l, &rows, &sites, msg, msg_size);
    }
    if (!err)
        err = ht_leaks_json(out, l, &sites);
    ht_leak_sites_free(&sites);
    ht_leak_rows_free(&rows);
    return err;
}

/* Names come in the midst of a look for holders. */
static int name_for_who(void *ctx, struct ht_profile *p)
{
    const struct ht_look *look = ctx;
    ht_building_enter(look->server);
    ht_symbols(look->server, p, look->pid);
    ht_building_leave(look->server);
    return 0;
}

/* who: NULL, or whose holders are asked for; the answer is in w then, and else in l. */
static int look_at(const struct ht_request *r, struct ht_look *look, unsigned passes,
                   const char *who, struct ht_leaks *l, struct ht_who *w, char *msg,
                   size_t msg_size)
{
    struct ht_remote remote;
    const struct ht_who_options o = {.look = {.passes = passes,
                                              .every_ns = EVERY_NS,
                                              .budget = BUDGET,
                                              .progress = show_progress,
                                              .ctx = look,
                                              .cancel = &r->s->stop_sampling},
                                     .site = who,
                                     .holders = HOLDERS,
                                     .name = name_for_who,
                                     .name_ctx = look};
    int err = ht_remote_open(&remote, look->pid, msg, msg_size);
    if (err)
        return err;
    ht_building_leave(r->s);
    err = who ? ht_leaks_who(&remote, &o, w, msg, msg_size)
              : ht_leaks_look(&remote, &o.look, l, msg, msg_size);
    ht_building_enter(r->s);
    ht_remote_close(&remote);
    return err;
}

enum MHD_Result ht_get_leaks(const struct ht_request *r)
{
    const char *word = ht_query(r, "passes"), *who = ht_query(r, "who");
    char *end = NULL, msg[512] = "";
    unsigned long passes = word ? strtoul(word, &end, 10) : 3;
    enum MHD_Result answer;
    struct ht_leaks l = {0};
    struct ht_who w = {0};
    struct ht_body b;
    if (!HT_JANSSON)
        return ht_answer_error(r, MHD_HTTP_NOT_IMPLEMENTED, "%s", HT_JSON_MISSING);
    if (word && (*word < '0' || *word > '9' || *end || passes < 1 || passes > HT_LEAK_PASSES))
        return ht_answer_error(r, MHD_HTTP_BAD_REQUEST, "passes must be a number from 1 to %d",
                               HT_LEAK_PASSES);
    pid_t pid = ht_request_process(r, &answer);
    struct ht_look *look = pid ? enter(r, pid, &answer) : NULL;
    if (!look)
        return answer;
    int err = look_at(r, look, (unsigned)passes, who, &l, &w, msg, sizeof msg);
    if (err) {
        answer = err == -EINVAL    ? ht_answer_error(r, MHD_HTTP_BAD_REQUEST, "%s", msg)
                 : err == -ENODATA ? ht_answer_error(r, MHD_HTTP_NOT_FOUND, "%s", msg)
                                   : ht_answer_failure(r, err, msg);
    } else if (ht_body_open(&b)) {
        answer = MHD_NO;
    } else {
        err = who ? ht_who_json(b.out, &w, who) : answer_body(r, &l, b.out, msg, sizeof msg);
        answer = ht_body_answer(r, &b, err, JSON, NULL);
    }
    ht_leaks_free(&l);
    ht_who_free(&w);
    leave(look);
    return answer;
}

enum MHD_Result ht_get_leaks_progress(const struct ht_request *r)
{
    enum MHD_Result answer;
    struct ht_look now = {0};
    struct ht_body b;
    pid_t pid = ht_request_process(r, &answer);
    if (!pid)
        return answer;
    pthread_mutex_lock(&r->s->lock);
    for (unsigned i = 0; i < HT_MAX_LOOKS; i++)
        if (r->s->looks[i].pid == pid)
            now = r->s->looks[i];
    pthread_mutex_unlock(&r->s->lock);
    if (ht_body_open(&b))
        return MHD_NO;
    fprintf(b.out, "{\"looking\":%s,\"pass\":%u,\"done\":%llu,\"all\":%llu,\"left\":%lld}",
            now.pid ? "true" : "false", now.pass, (unsigned long long)now.done,
            (unsigned long long)now.all, (long long)(now.pid ? now.left : -1));
    return ht_body_answer(r, &b, 0, JSON, NULL);
}
