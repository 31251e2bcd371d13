/* SPDX-License-Identifier: MIT */
/*
 * The phase of the rounds is random, so that the machines of a fleet do not send at the same time.
 * After a failure the pause doubles, up to five minutes, less a random part.
 */
#include "config.h"

#include "cli/push/pusher.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "cli/push/address.h"
#include "cli/push/headers.h"
#include "cli/push/queue.h"
#include "cli/push/rounds.h"
#include "cli/push/send.h"
#include "region/units.h"
#include "serve/serve.h"

#define SECOND       1000000000ull
#define PAUSE_MAX    (300 * SECOND)
#define BATCH        32
#define BATCH_BYTES  (4u << 20)
#define DRAIN        3
#define REFUSAL_LINE (600 * SECOND) /* between two lines about refusals */

struct ht_pusher {
    const struct ht_pusher_options *o;
    char shown[256];
    uint64_t every;
    struct ht_words headers;
    struct ht_queue *queue;
    struct ht_sender *sender;
    struct ht_rounds *rounds;
    struct ht_server *server;
    pthread_t round_thread, send_thread;
    bool started;
    atomic_int cut;       /* not 0: a transfer ends soon */
    pthread_mutex_t lock; /* all that follows; changed is its condition */
    pthread_cond_t changed;
    bool stopping, drained;
    struct ht_rounds_counts rounded;
    uint64_t sent, sent_bytes, failures, refused, damaged;
    int64_t last_sent; /* seconds since 1970 */
    /* of the sending thread alone */
    unsigned in_a_row, singly;
    uint64_t not_before, line_after;
};

static uint64_t monotonic(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

/* From 0 to below n. */
static uint64_t random_below(uint64_t n)
{
    uint64_t v;
    if (getrandom(&v, sizeof v, GRND_NONBLOCK) != sizeof v)
        v = monotonic() * 0x9e3779b97f4a7c15;
    return n ? v % n : 0;
}

/* Until the time, or the end; called with the lock. False at the end. */
static bool wait_until(struct ht_pusher *p, uint64_t at)
{
    const struct timespec until = {(time_t)(at / SECOND), (long)(at % SECOND)};
    while (!p->stopping && monotonic() < at)
        pthread_cond_timedwait(&p->changed, &p->lock, &until);
    return !p->stopping;
}

static bool is_stopping(void *ctx)
{
    struct ht_pusher *p = ctx;
    pthread_mutex_lock(&p->lock);
    bool stopping = p->stopping;
    pthread_mutex_unlock(&p->lock);
    return stopping;
}

static void *go_round(void *ctx)
{
    struct ht_pusher *p = ctx;
    uint64_t next = monotonic() + random_below(p->every);
    pthread_mutex_lock(&p->lock);
    while (wait_until(p, next)) {
        struct ht_rounds_counts counts;
        pthread_mutex_unlock(&p->lock);
        ht_rounds_go(p->rounds, is_stopping, p, &counts);
        malloc_trim(0);
        pthread_mutex_lock(&p->lock);
        p->rounded = counts;
        pthread_cond_broadcast(&p->changed);
        /* A round that took longer than its time is not made up for. */
        for (next += p->every; next <= monotonic();)
            next += p->every;
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* What was taken out of the queue together. */
struct batch {
    struct ht_push_item items[BATCH];
    void *data[BATCH];
    uint64_t number[BATCH];
    size_t n, bytes;
};

static void take(struct ht_pusher *p, struct batch *b)
{
    bool several = ht_sender_form(p->sender) == HT_PUSH_CONNECT && !p->singly;
    *b = (struct batch){0};
    while (b->n < (several ? BATCH : 1) && b->bytes < BATCH_BYTES) {
        size_t size;
        if (ht_queue_take(p->queue, &b->data[b->n], &size, &b->number[b->n]))
            break;
        if (ht_push_item_decode(b->data[b->n], size, &b->items[b->n])) {
            free(b->data[b->n]);
            ht_queue_done(p->queue, b->number[b->n]);
            pthread_mutex_lock(&p->lock);
            p->damaged++;
            pthread_mutex_unlock(&p->lock);
            continue;
        }
        b->bytes += b->items[b->n++].profile_size;
    }
}

static void finish(struct ht_pusher *p, struct batch *b, bool done)
{
    for (size_t i = 0; i < b->n; i++) {
        if (done)
            ht_queue_done(p->queue, b->number[i]);
        else
            ht_queue_give_back(p->queue, b->number[i]);
        free(b->items[i].text);
        free(b->data[i]);
    }
}

static void sent(struct ht_pusher *p, const struct batch *b)
{
    if (p->in_a_row)
        ht_complain(0, "%s answers again", p->shown);
    p->in_a_row = 0;
    p->not_before = 0;
    p->singly -= p->singly > 0;
    ht_queue_away(p->queue, false);
    pthread_mutex_lock(&p->lock);
    p->sent += b->n;
    p->sent_bytes += b->bytes;
    p->last_sent = (int64_t)time(NULL);
    pthread_mutex_unlock(&p->lock);
}

static void failed(struct ht_pusher *p, long wait, const char *msg)
{
    uint64_t pause = p->in_a_row < 9 ? SECOND << p->in_a_row : PAUSE_MAX;
    if (pause > PAUSE_MAX)
        pause = PAUSE_MAX;
    pause = pause / 2 + random_below(pause / 2);
    if (pause < (uint64_t)wait * SECOND)
        pause = (uint64_t)wait * SECOND;
    if (!p->in_a_row++)
        ht_complain(0, "%s; profiles wait%s%s", msg, p->o->buffer ? " in " : "",
                    p->o->buffer ? p->o->buffer : "");
    p->not_before = monotonic() + pause;
    ht_queue_away(p->queue, true);
    pthread_mutex_lock(&p->lock);
    p->failures++;
    pthread_mutex_unlock(&p->lock);
}

static void refused(struct ht_pusher *p, const char *msg)
{
    if (monotonic() >= p->line_after)
        ht_complain(0, "%s; the profile is dropped", msg);
    p->line_after = monotonic() + REFUSAL_LINE;
    p->singly -= p->singly > 0;
    pthread_mutex_lock(&p->lock);
    p->refused++;
    pthread_mutex_unlock(&p->lock);
}

/* False when there is nothing to send. */
static bool send_some(struct ht_pusher *p)
{
    struct batch b;
    char msg[640];
    long wait;
    take(p, &b);
    if (!b.n)
        return false;
    enum ht_push_result result = ht_sender_send(p->sender, b.items, b.n, &wait, msg, sizeof msg);
    /* Of several the store does not say which it refuses: they go one by one. */
    bool apart = result == HT_PUSH_REFUSED && b.n > 1;
    if (result == HT_PUSH_SENT)
        sent(p, &b);
    else if (result == HT_PUSH_LATER)
        failed(p, wait, msg);
    else if (!apart)
        refused(p, msg);
    if (apart)
        p->singly = (unsigned)b.n;
    finish(p, &b, result == HT_PUSH_SENT || (result == HT_PUSH_REFUSED && !apart));
    return true;
}

static void *send_all(void *ctx)
{
    struct ht_pusher *p = ctx;
    bool more = true;
    pthread_mutex_lock(&p->lock);
    while (!p->stopping || (more && !p->in_a_row && !atomic_load(&p->cut))) {
        if (!p->stopping && p->not_before > monotonic()) {
            wait_until(p, p->not_before);
            continue;
        }
        if (!p->stopping && !more)
            pthread_cond_wait(&p->changed, &p->lock);
        pthread_mutex_unlock(&p->lock);
        more = send_some(p);
        pthread_mutex_lock(&p->lock);
    }
    p->drained = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void give_names(void *ctx, struct ht_profile *profile, pid_t pid)
{
    const struct ht_pusher *p = ctx;
    ht_serve_names(p->server, profile, pid);
}

static int read_options(struct ht_pusher *p, uint64_t *limit)
{
    const struct ht_pusher_options *o = p->o;
    *limit = 256ull << 20;
    p->every = 60 * SECOND;
    if (strncmp(o->url, "http://", 7) != 0 && strncmp(o->url, "https://", 8) != 0)
        return ht_complain(2, "--push takes a URL: --push=http://HOST:4040");
    if (o->every && (!ht_parse_duration(o->every, &p->every) || p->every < SECOND))
        return ht_complain(2, "--every=%s is no duration from 1s on: say 15s or 1m", o->every);
    if (o->buffer_size && (!ht_parse_size(o->buffer_size, limit) || !*limit))
        return ht_complain(2, "--push-buffer-size=%s is no size: say 256M", o->buffer_size);
    if (o->buffer_size && !o->buffer)
        return ht_complain(2, "--push-buffer-size needs --push-buffer=DIR");
    if (o->labels.n > HT_PUSH_LABELS - 4)
        return ht_complain(2, "there are more than %d labels", HT_PUSH_LABELS - 4);
    for (size_t i = 0; i < o->labels.n; i++)
        if (!ht_rounds_label_is_valid(o->labels.word[i]))
            return ht_complain(2, "--label=%s is no KEY=VALUE: a key has letters, digits and _",
                               o->labels.word[i]);
    return o->headers_file ? ht_push_headers_read(o->headers_file, &p->headers) : 0;
}

struct ht_pusher *ht_pusher_create(const struct ht_pusher_options *o, char *const *words,
                                   size_t n_words, int *status)
{
    char msg[512] = "out of memory";
    uint64_t limit;
    struct ht_pusher *p = calloc(1, sizeof *p);
    *status = 1;
    if (!p) {
        ht_complain(1, "%s", msg);
        return NULL;
    }
    p->o = o;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, &attr);
    pthread_condattr_destroy(&attr);
    ht_push_url_shown(o->url, p->shown, sizeof p->shown);
    *status = read_options(p, &limit);
    if (*status)
        goto fail;
    *status = 1;
    p->sender = ht_sender_create(o->url, &p->headers, &p->cut, msg, sizeof msg);
    if (p->sender)
        p->queue = ht_queue_create(o->buffer, limit, msg, sizeof msg);
    if (p->queue) {
        const struct ht_rounds_options rounds = {words,      n_words, &o->labels,
                                                 give_names, p,       p->queue};
        p->rounds = ht_rounds_create(&rounds);
    }
    if (p->rounds)
        return p;
    ht_complain(1, "%s", msg);
fail:
    ht_pusher_destroy(p);
    return NULL;
}

int ht_pusher_start(struct ht_pusher *p, struct ht_server *server)
{
    p->server = server;
    int err = pthread_create(&p->round_thread, NULL, go_round, p);
    if (err)
        return -err;
    err = pthread_create(&p->send_thread, NULL, send_all, p);
    if (err) {
        pthread_mutex_lock(&p->lock);
        p->stopping = true;
        pthread_cond_broadcast(&p->changed);
        pthread_mutex_unlock(&p->lock);
        pthread_join(p->round_thread, NULL);
        return -err;
    }
    p->started = true;
    return 0;
}

void ht_pusher_stop(struct ht_pusher *p)
{
    if (!p || !p->started)
        return;
    uint64_t end = monotonic() + DRAIN * SECOND;
    const struct timespec until = {(time_t)(end / SECOND), (long)(end % SECOND)};
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->changed);
    while (!p->drained && pthread_cond_timedwait(&p->changed, &p->lock, &until) != ETIMEDOUT)
        ;
    pthread_mutex_unlock(&p->lock);
    atomic_store(&p->cut, 1);
    pthread_join(p->round_thread, NULL);
    pthread_join(p->send_thread, NULL);
    ht_queue_away(p->queue, true);
    struct ht_queue_counts left;
    ht_queue_count(p->queue, &left);
    if (left.items)
        ht_complain(0, "%" PRIu64 " profiles were not sent%s%s", left.items,
                    p->o->buffer ? "; they are in " : "", p->o->buffer ? p->o->buffer : "");
    p->started = false;
}

void ht_pusher_destroy(struct ht_pusher *p)
{
    if (!p)
        return;
    ht_rounds_destroy(p->rounds);
    ht_sender_destroy(p->sender);
    ht_queue_destroy(p->queue);
    ht_push_headers_finish(&p->headers);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

void ht_pusher_metrics(void *pusher, FILE *out)
{
    struct ht_pusher *p = pusher;
    struct ht_queue_counts q;
    ht_queue_count(p->queue, &q);
    pthread_mutex_lock(&p->lock);
    const struct {
        const char *name, *help;
        uint64_t value;
        bool level;
    } rows[] = {
        {"processes", "Processes of the last round.", p->rounded.processes, true},
        {"sent_total", "Profiles that the store has taken.", p->sent, false},
        {"sent_bytes_total", "Their bytes, compressed.", p->sent_bytes, false},
        {"failures_total", "Requests that failed and are tried again.", p->failures, false},
        {"refused_total", "Profiles that the store refused.", p->refused, false},
        {"dropped_total", "Profiles dropped for want of room.", q.dropped, false},
        {"dropped_bytes_total", "Their bytes.", q.dropped_bytes, false},
        {"unread_total", "Profiles that could not be made, or read again.",
         p->rounded.failed + p->damaged, false},
        {"left_out_total", "Processes above the most that are sent.", p->rounded.left_out, false},
        {"buffer_errors_total", "Files of the buffer that could not be written or read.",
         q.buffer_errors, false},
        {"waiting", "Profiles that wait to be sent.", q.items, true},
        {"waiting_bytes", "Their bytes.", q.bytes, true},
        {"last_sent_seconds", "When the store last took one, in seconds since 1970.",
         (uint64_t)p->last_sent, true},
    };
    pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        fprintf(out,
                "# HELP heaptap_push_%s %s\n# TYPE heaptap_push_%s %s\nheaptap_push_%s %" PRIu64
                "\n",
                rows[i].name, rows[i].help, rows[i].name, rows[i].level ? "gauge" : "counter",
                rows[i].name, rows[i].value);
}
