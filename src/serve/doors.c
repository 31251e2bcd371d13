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

/* The living process that a request is about; 0 after it has been answered. */
static pid_t process_of(const struct ht_request *r, enum MHD_Result *answer)
{
    struct ht_target *list;
    char id[32];
    size_t n;
    pid_t pid = 0;

    if (!ht_request_target(r, id, answer))
        return 0;
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

/* debug=1 and debug=2 are texts, as Go's are; else a profile. */
static enum MHD_Result send_threads(const struct ht_request *r, struct ht_remote *remote,
                                    const struct ht_remote_threads *t, long debug)
{
    struct ht_profile *p = ht_remote_threads_profile(remote, t, debug >= 2);
    struct ht_body b;
    int err;

    if (!p)
        return refuse(r, -ENOMEM, "");
    ht_symbols(r->s, p, remote->pid);
    if (debug <= 0)
        return send_profile(r, p, "attachment; filename=\"threads\"");
    err = ht_body_open(&b);
    if (!err)
        err = debug == 1 ? ht_threads_grouped(b.out, p) : ht_threads_stacks(b.out, t, p);
    ht_profile_destroy(p);
    return ht_body_answer(r, &b, err, TEXT, NULL);
}

enum MHD_Result ht_get_threads(const struct ht_request *r)
{
    const char *debug = ht_query(r, "debug");
    struct ht_remote remote;
    struct ht_remote_threads threads;
    enum MHD_Result answer;
    char msg[512] = "";
    pid_t pid = process_of(r, &answer);
    int err;

    if (!pid)
        return answer;
    err = ht_remote_open(&remote, pid, msg, sizeof msg);
    if (err)
        return refuse(r, err, msg);
    err = ht_remote_list_threads(&remote, false, &threads, msg, sizeof msg);
    if (err) {
        answer = refuse(r, err, msg);
    } else {
        answer = send_threads(r, &remote, &threads, debug ? strtol(debug, NULL, 10) : 0);
        ht_remote_threads_free(&threads);
    }
    ht_remote_close(&remote);
    return answer;
}

/* False when there are too many that wait, or the server stops. */
static bool enter_waiting(struct ht_server *s)
{
    bool in;

    pthread_mutex_lock(&s->lock);
    in = !s->stopping && s->waiting < HT_MAX_WAITING;
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

enum MHD_Result ht_get_cpu(const struct ht_request *r)
{
    const char *seconds = ht_query(r, "seconds");
    struct ht_cpu_options o = {.frequency = FREQUENCY, .seconds = GO_S_DEFAULT};
    struct ht_cpu_summary summary;
    struct ht_profile *p;
    enum MHD_Result answer;
    char msg[512] = "";
    int err;

    if (seconds && !ht_query_seconds(seconds, &o.seconds))
        return ht_answer_error(r, MHD_HTTP_BAD_REQUEST,
                               "seconds must be a whole number from 1 to %d", HT_MAX_SECONDS);
    o.pid = process_of(r, &answer);
    if (!o.pid)
        return answer;
    if (!enter_waiting(r->s))
        return ht_answer_error(r, MHD_HTTP_SERVICE_UNAVAILABLE,
                               "%d requests wait for their seconds already; try again later",
                               HT_MAX_WAITING);
    o.stop = &r->s->stop_sampling;
    ht_building_leave(r->s);
    p = ht_cpu_sample(&o, &summary, &err, msg, sizeof msg);
    ht_building_enter(r->s);
    leave_waiting(r->s);
    if (!p)
        return refuse(r, err, msg);
    ht_symbols(r->s, p, o.pid);
    return send_profile(r, p, "attachment; filename=\"profile\"");
}
