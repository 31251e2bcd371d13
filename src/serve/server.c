/* SPDX-License-Identifier: MIT */
/* Starts and stops the server. Each connection has its own thread, so that a slow client, or one
 * that waits for seconds=, delays nobody. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "serve/http.h"
#include "serve/listen.h"

static enum MHD_Result handle(void *ctx, struct MHD_Connection *c, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **state)
{
    struct ht_request *r = *state;
    if (!r) {
        r = calloc(1, sizeof *r);
        if (!r)
            return MHD_NO;
        r->s = ctx;
        r->c = c;
        *state = r;
        return MHD_YES;
    }
    if (*upload_size) {
        /* Data beyond the limit is read and dropped; the request is then refused. */
        if (r->body_size <= HT_MAX_BODY) {
            char *more = realloc(r->body, r->body_size + *upload_size + 1);

            if (!more)
                return MHD_NO;
            memcpy(more + r->body_size, upload, *upload_size);
            r->body = more;
            r->body_size += *upload_size;
            more[r->body_size] = '\0';
        }
        *upload_size = 0;
        return MHD_YES;
    }
    r->method = method;
    if (*url != '/')
        return ht_answer_error(r, MHD_HTTP_BAD_REQUEST, "the address must begin with /");
    if (r->body_size > HT_MAX_BODY)
        return ht_answer_error(r, MHD_HTTP_CONTENT_TOO_LARGE, "a request has at most %d bytes",
                               HT_MAX_BODY);
    return ht_dispatch(r, url);
}

static void completed(void *ctx, struct MHD_Connection *c, void **state,
                      enum MHD_RequestTerminationCode why)
{
    struct ht_request *r = *state;
    if (r)
        free(r->body);
    free(r);
    *state = NULL;
}

static void destroy_locks(struct ht_server *s)
{
    ht_source_names_finish(&s->source_names);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->symbols);
    pthread_mutex_destroy(&s->lock);
}

struct ht_server *ht_serve_start(const struct ht_serve_options *o,
                                 const struct ht_serve_source *source, char *msg, size_t msg_size)
{
    struct ht_server *s = calloc(1, sizeof *s);
    if (!s) {
        snprintf(msg, msg_size, "out of memory");
        return NULL;
    }
    s->o = *o;
    s->source = source;
    int fd = o->unix_path
                 ? ht_listen_unix(o->unix_path, msg, msg_size)
                 : ht_listen_tcp(o->host ? o->host : "127.0.0.1", o->port, &s->port, msg, msg_size);
    if (fd < 0)
        goto no_socket;
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->symbols, NULL);
    ht_source_names_init(&s->source_names);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &attr);
    pthread_condattr_destroy(&attr);
    s->history = ht_history_start(source);
    s->daemon = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL,
        NULL, handle, s, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)HT_MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, 30u,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)32768, MHD_OPTION_THREAD_STACK_SIZE,
        (size_t)1024 * 1024, MHD_OPTION_NOTIFY_COMPLETED, completed, NULL,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (s->daemon)
        return s;
    snprintf(msg, msg_size, "cannot start the HTTP server: %s", strerror(errno));
    close(fd);
    ht_history_destroy(s->history);
    destroy_locks(s);
no_socket:
    free(s);
    return NULL;
}

uint16_t ht_serve_port(const struct ht_server *s)
{
    return s->port;
}

void ht_serve_stop(struct ht_server *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    s->stop_sampling = 1;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    if (s->source->stop)
        s->source->stop(s->source->ctx);
    MHD_stop_daemon(s->daemon);
    ht_history_destroy(s->history);
    if (s->o.unix_path)
        unlink(s->o.unix_path);
    destroy_locks(s);
    free(s);
}
