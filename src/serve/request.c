/* SPDX-License-Identifier: MIT */
/* What handlers need of a request: its parameters, its target, and that target's profile. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/ops.h"
#include "profile/profile.h"
#include "serve/http.h"
#include "symbolize/symbolize.h"

const char *ht_query(const struct ht_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->c, MHD_GET_ARGUMENT_KIND, name);
}

bool ht_query_seconds(const char *word, double *seconds)
{
    errno = 0;
    char *end;
    long n = strtol(word, &end, 10);
    *seconds = (double)n;
    return end != word && !*end && !errno && n > 0 && n <= HT_MAX_SECONDS;
}

void ht_building_enter(struct ht_server *s)
{
    pthread_mutex_lock(&s->lock);
    while (s->building >= HT_MAX_BUILDING)
        pthread_cond_wait(&s->changed, &s->lock);
    s->building++;
    pthread_mutex_unlock(&s->lock);
}

void ht_building_leave(struct ht_server *s)
{
    pthread_mutex_lock(&s->lock);
    s->building--;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

void ht_symbols(struct ht_server *s, struct ht_profile *p, pid_t pid)
{
    const struct ht_symbolize_options o = {.lines_and_inlines = true, .pid = pid};
    /* Functions without a name keep their address; no message about it is asked for, which would
     * take a look through all packages. */
    pthread_mutex_lock(&s->symbols);
    ht_symbolize(p, &o, NULL, 0);
    pthread_mutex_unlock(&s->symbols);
}

void ht_serve_names(struct ht_server *s, struct ht_profile *p, pid_t pid)
{
    ht_symbols(s, p, pid);
}

int ht_request_list(const struct ht_request *r, struct ht_target **list, size_t *n)
{
    return r->s->source->list(r->s->source->ctx, list, n);
}

bool ht_request_list_body(const struct ht_request *r, struct ht_target **list, size_t *n,
                          struct ht_body *b, enum MHD_Result *answer)
{
    if (ht_request_list(r, list, n)) {
        *answer = ht_answer_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "cannot list the processes");
        return false;
    }
    if (!ht_body_open(b))
        return true;
    ht_targets_free(*list, *n);
    *answer = MHD_NO;
    return false;
}

bool ht_request_target(const struct ht_request *r, char id[32], enum MHD_Result *answer)
{
    strcpy(id, r->id);
    if (*id)
        return true;
    struct ht_target *list;
    size_t n;
    int err = ht_request_list(r, &list, &n);
    if (err) {
        *answer = ht_answer_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR,
                                  "cannot list the processes: %s", strerror(-err));
        return false;
    }
    if (n == 1)
        strcpy(id, list[0].id);
    else if (n == 0)
        *answer = ht_answer_error(r, MHD_HTTP_NOT_FOUND,
                                  "no profiled process (start one with heaptap run PROGRAM)");
    else
        *answer = ht_answer_error(r, MHD_HTTP_NOT_FOUND, "%zu here: say which, as in /%s%s", n,
                                  list[0].id, r->path);
    ht_targets_free(list, n);
    return *id;
}

enum MHD_Result ht_answer_failure(const struct ht_request *r, int err, const char *msg)
{
    bool gone = err == -ENOENT || err == -ESRCH;
    return ht_answer_error(r, gone ? MHD_HTTP_NOT_FOUND : MHD_HTTP_INTERNAL_SERVER_ERROR, "%s",
                           *msg ? msg : strerror(-err));
}

static struct ht_profile *profile_by(const struct ht_request *r, const char *id, bool aged,
                                     bool symbols, enum MHD_Result *answer)
{
    const struct ht_serve_source *source = r->s->source;
    char msg[512] = "";
    int err = -ENOMEM;
    pid_t pid;
    struct ht_profile *p =
        (aged ? source->aged : source->profile)(source->ctx, id, &pid, &err, msg, sizeof msg);
    if (p && symbols) {
        ht_symbols(r->s, p, pid);
        ht_profile_remove_uninteresting(p, msg, sizeof msg);
    }
    if (!p)
        *answer = ht_answer_failure(r, err, msg);
    return p;
}

struct ht_profile *ht_request_profile_of(const struct ht_request *r, const char *id, bool symbols,
                                         enum MHD_Result *answer)
{
    return profile_by(r, id, false, symbols, answer);
}

struct ht_profile *ht_request_aged(const struct ht_request *r, enum MHD_Result *answer)
{
    char id[32];
    if (r->s->source->aged)
        return ht_request_target(r, id, answer) ? profile_by(r, id, true, true, answer) : NULL;
    *answer = ht_answer_error(r, MHD_HTTP_NOT_FOUND, "ages are known of processes only");
    return NULL;
}

struct ht_profile *ht_request_profile(const struct ht_request *r, bool symbols,
                                      enum MHD_Result *answer)
{
    char id[32];
    return ht_request_target(r, id, answer) ? ht_request_profile_of(r, id, symbols, answer) : NULL;
}
