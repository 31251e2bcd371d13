/* SPDX-License-Identifier: MIT */
/*
 * The other two profiles of net/http/pprof, for any native process: /debug/pprof/profile (processor
 * time) and /debug/pprof/goroutine, here also called threads.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpu/cpu.h"
#include "profile/profile.h"
#include "remote/remote.h"
#include "remote/text.h"
#include "serve/http.h"

#define TEXT         "text/plain; charset=utf-8"
#define FREQUENCY    100 /* as Go's */
#define GO_S_DEFAULT 30

pid_t ht_request_process(const struct ht_request *r, enum MHD_Result *answer)
{
    pid_t pid = 0;
    char id[32];
    if (!ht_request_target(r, id, answer))
        return 0;
    struct ht_target *list;
    size_t n;
    if (ht_request_list(r, &list, &n)) {
        *answer = ht_answer_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "cannot list the processes");
        return 0;
    }
    for (size_t i = 0; i < n; i++)
        if (!strcmp(list[i].id, id) && list[i].alive)
            pid = list[i].pid;
    ht_targets_free(list, n);
    if (!pid)
        *answer = ht_answer_error(r, MHD_HTTP_NOT_FOUND, "%s is no process that runs", id);
    return pid;
}

static enum MHD_Result refuse(const struct ht_request *r, int err, const char *msg)
{
    return ht_answer_error(r, err == -ESRCH ? MHD_HTTP_NOT_FOUND : MHD_HTTP_INTERNAL_SERVER_ERROR,
                           "%s", *msg ? msg : strerror(-err));
}

static enum MHD_Result send_profile(const struct ht_request *r, struct ht_profile *p,
                                    const char *disposition)
{
    void *data;
    size_t size;
    int err = ht_profile_encode(p, true, &data, &size);
    ht_profile_destroy(p);
    return err ? refuse(r, err, "cannot write the profile")
               : ht_answer(r, MHD_HTTP_OK, "application/octet-stream", disposition, data, size);
}

/* Opens a process and lists its threads. False after an answer; otherwise the caller closes
 * both. */
static bool open_threads(const struct ht_request *r, struct ht_remote *remote,
                         struct ht_remote_threads *t, enum MHD_Result *answer)
{
    char msg[512] = "";
    pid_t pid = ht_request_process(r, answer);
    if (!pid)
        return false;
    int err = ht_remote_open(remote, pid, msg, sizeof msg);
    if (!err) {
        err = ht_remote_list_threads(remote, false, t, msg, sizeof msg);
        if (err)
            ht_remote_close(remote);
    }
    if (err)
        *answer = refuse(r, err, msg);
    return !err;
}

static struct ht_profile *threads_profile(const struct ht_request *r, struct ht_remote *remote,
                                          const struct ht_remote_threads *t, bool each,
                                          enum MHD_Result *answer)
{
    struct ht_profile *p = ht_remote_threads_profile(remote, t, each);
    if (p)
        ht_symbols(r->s, p, remote->pid);
    else
        *answer = refuse(r, -ENOMEM, "");
    return p;
}

struct ht_profile *ht_request_threads(const struct ht_request *r, enum MHD_Result *answer)
{
    struct ht_remote remote;
    struct ht_remote_threads threads;
    if (!open_threads(r, &remote, &threads, answer))
        return NULL;
    struct ht_profile *p = threads_profile(r, &remote, &threads, false, answer);
    ht_remote_threads_free(&threads);
    ht_remote_close(&remote);
    return p;
}

/* debug=1 and debug=2 are texts, as Go's are; else a profile. */
enum MHD_Result ht_get_threads(const struct ht_request *r)
{
    const char *word = ht_query(r, "debug");
    long debug = word ? strtol(word, NULL, 10) : 0;
    struct ht_remote remote;
    struct ht_remote_threads threads;
    enum MHD_Result answer;
    if (!open_threads(r, &remote, &threads, &answer))
        return answer;
    struct ht_profile *p = threads_profile(r, &remote, &threads, debug >= 2, &answer);
    struct ht_body b;
    int err;
    if (p && debug <= 0) {
        answer = send_profile(r, p, "attachment; filename=\"threads\"");
    } else if (p) {
        err = ht_body_open(&b);
        if (!err)
            err = debug == 1 ? ht_threads_grouped(b.out, p) : ht_threads_stacks(b.out, &threads, p);
        ht_profile_destroy(p);
        answer = ht_body_answer(r, &b, err, TEXT, NULL);
    }
    ht_remote_threads_free(&threads);
    ht_remote_close(&remote);
    return answer;
}

/* False when too many requests wait, or the server stops. */
static bool enter_waiting(struct ht_server *s)
{
    pthread_mutex_lock(&s->lock);
    bool in = !s->stopping && s->waiting < HT_MAX_WAITING;
    s->waiting += in;
    pthread_mutex_unlock(&s->lock);
    return in;
}

static void leave_waiting(struct ht_server *s)
{
    pthread_mutex_lock(&s->lock);
    s->waiting--;
    pthread_mutex_unlock(&s->lock);
}

struct ht_profile *ht_request_cpu(const struct ht_request *r, enum MHD_Result *answer)
{
    const char *seconds = ht_query(r, "seconds");
    struct ht_cpu_options o = {.frequency = FREQUENCY, .seconds = GO_S_DEFAULT};
    char msg[512] = "";
    if (seconds && !ht_query_seconds(seconds, &o.seconds)) {
        *answer = ht_answer_error(r, MHD_HTTP_BAD_REQUEST,
                                  "seconds must be a whole number from 1 to %d", HT_MAX_SECONDS);
        return NULL;
    }
    o.pid = ht_request_process(r, answer);
    if (!o.pid)
        return NULL;
    if (!enter_waiting(r->s)) {
        *answer = ht_answer_error(r, MHD_HTTP_SERVICE_UNAVAILABLE,
                                  "%d requests wait for their seconds already; try again later",
                                  HT_MAX_WAITING);
        return NULL;
    }
    o.stop = &r->s->stop_sampling;
    ht_building_leave(r->s);
    struct ht_cpu_summary summary;
    int err;
    struct ht_profile *p = ht_cpu_sample(&o, &summary, &err, msg, sizeof msg);
    ht_building_enter(r->s);
    leave_waiting(r->s);
    if (p)
        ht_symbols(r->s, p, o.pid);
    else
        *answer = refuse(r, err, msg);
    return p;
}

enum MHD_Result ht_get_cpu(const struct ht_request *r)
{
    enum MHD_Result answer;
    struct ht_profile *p = ht_request_cpu(r, &answer);
    return p ? send_profile(r, p, "attachment; filename=\"profile\"") : answer;
}
