/* SPDX-License-Identifier: MIT */
/* Inside the server: one request, and how it is answered. */
#ifndef HEAPTAP_SRC_SERVE_HTTP_H
#define HEAPTAP_SRC_SERVE_HTTP_H

#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "serve/history.h"
#include "serve/serve.h"
#include "serve/source_names.h"

#ifndef MHD_HTTP_CONTENT_TOO_LARGE /* libmicrohttpd before 0.9.74 */
#define MHD_HTTP_CONTENT_TOO_LARGE 413
#endif

/* Connections at once; each has a thread while it lasts. */
#define HT_MAX_CONNECTIONS 128
/* Requests that wait for seconds= at once. */
#define HT_MAX_WAITING 32
#define HT_MAX_SECONDS 3600
/* Processes whose memory is looked through at once. */
#define HT_MAX_LOOKS 4
/* Profiles in memory at once; further requests wait. */
#define HT_MAX_BUILDING 4
#define HT_MAX_BODY     (1024 * 1024)

struct ht_server;

/* A look for leaks that is under way. */
struct ht_look {
    struct ht_server *server;
    pid_t pid; /* 0: none */
    unsigned pass;
    uint64_t done, all; /* bytes */
    int64_t left;       /* blocks without a reference after the last pass; -1: there was none yet */
};

struct ht_server {
    struct ht_serve_options o;
    const struct ht_serve_source *source;
    struct MHD_Daemon *daemon;
    uint16_t port;
    struct ht_history *history; /* NULL: none is kept */
    struct ht_source_names source_names;
    /* building, waiting, stopping, looks; changed is its condition */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned building, waiting;
    struct ht_look looks[HT_MAX_LOOKS];
    bool stopping;
    volatile sig_atomic_t stop_sampling; /* set with stopping; read without the lock */
    /* held in the symboliser, which takes one thread at a time */
    pthread_mutex_t symbols;
};

struct ht_request {
    struct ht_server *s;
    struct MHD_Connection *c;
    const char *method, *path; /* the path without the target's part */
    char id[32];               /* the target, "" when the path names none */
    char *body;
    size_t body_size;
};

/* answer.c: answers with a malloc'ed body, which is the library's from then on. disposition may be
 * NULL. */
enum MHD_Result ht_answer(const struct ht_request *r, unsigned status, const char *type,
                          const char *disposition, void *body, size_t size);
/* Answers with a static body. */
enum MHD_Result ht_answer_static(const struct ht_request *r, const char *type, const char *body,
                                 size_t size);
/* Answers with one line of plain text that the pprof command shows to its user. */
enum MHD_Result ht_answer_error(const struct ht_request *r, unsigned status, const char *format,
                                ...) __attribute__((format(printf, 3, 4)));

/* A body that is written with stdio. */
struct ht_body {
    FILE *out;
    char *data;
    size_t size;
};
int ht_body_open(struct ht_body *b);
/* Ends it and answers; err other than 0 answers 500 instead. */
enum MHD_Result ht_body_answer(const struct ht_request *r, struct ht_body *b, int err,
                               const char *type, const char *disposition);

/* guard.c: 0 when the request may be served, else the status that refuses it and why. */
unsigned ht_guard(const struct ht_request *r, bool data, const char **why);

/* request.c: a parameter of the query, NULL when it is not there. */
const char *ht_query(const struct ht_request *r, const char *name);
/* A valid number of seconds from the query. */
bool ht_query_seconds(const char *word, double *seconds);
/* The target a request is about: the one it names, or the only one there is. False after an
 * answer. */
bool ht_request_target(const struct ht_request *r, char id[32], enum MHD_Result *answer);
/* The living process of a request; 0 after an answer. */
pid_t ht_request_process(const struct ht_request *r, enum MHD_Result *answer);
/* A profile of the request's target, with symbols and without uninteresting frames when
 * `symbols` is set. NULL after the request has been answered with the error; *answer is then to
 * be returned. */
struct ht_profile *ht_request_profile_of(const struct ht_request *r, const char *id, bool symbols,
                                         enum MHD_Result *answer);
struct ht_profile *ht_request_profile(const struct ht_request *r, bool symbols,
                                      enum MHD_Result *answer);
/* With names, and the ages of what is in use. NULL after an answer. */
struct ht_profile *ht_request_aged(const struct ht_request *r, enum MHD_Result *answer);
/* Where the process's threads stand, and its processor time of the next seconds=, with names. NULL
 * after an answer. */
struct ht_profile *ht_request_threads(const struct ht_request *r, enum MHD_Result *answer);
struct ht_profile *ht_request_cpu(const struct ht_request *r, enum MHD_Result *answer);
/* Answers with the error err of a target. */
enum MHD_Result ht_answer_failure(const struct ht_request *r, int err, const char *msg);
/* The targets there are now. 0 or -errno. */
int ht_request_list(const struct ht_request *r, struct ht_target **list, size_t *n);
/* The same, with a body to write about them. False after an answer, which is then to be returned.
 */
bool ht_request_list_body(const struct ht_request *r, struct ht_target **list, size_t *n,
                          struct ht_body *b, enum MHD_Result *answer);
void ht_symbols(struct ht_server *s, struct ht_profile *p, pid_t pid);

/* Waits for one of the places for profiles in memory; leave gives it back. Every handler of data
 * runs in one, and leaves it while it waits for seconds=. */
void ht_building_enter(struct ht_server *s);
void ht_building_leave(struct ht_server *s);

/* Handlers: pprof.c, doors.c, leaks.c, owners.c, symbol.c, metrics.c, page.c, source_file.c,
 * disassembly.c, layout.c, views.c. */
enum MHD_Result ht_get_index(const struct ht_request *r);
enum MHD_Result ht_get_heap(const struct ht_request *r, bool allocs);
enum MHD_Result ht_get_threads(const struct ht_request *r);
enum MHD_Result ht_get_cpu(const struct ht_request *r);
enum MHD_Result ht_get_leaks(const struct ht_request *r);
enum MHD_Result ht_get_owners(const struct ht_request *r);
enum MHD_Result ht_get_leaks_progress(const struct ht_request *r);
enum MHD_Result ht_get_cmdline(const struct ht_request *r);
enum MHD_Result ht_get_symbol(const struct ht_request *r);
enum MHD_Result ht_get_metrics(const struct ht_request *r);
enum MHD_Result ht_get_page(const struct ht_request *r);
enum MHD_Result ht_get_static(const struct ht_request *r, const char *name);
enum MHD_Result ht_get_targets(const struct ht_request *r);
enum MHD_Result ht_get_data(const struct ht_request *r);
enum MHD_Result ht_get_source(const struct ht_request *r);
enum MHD_Result ht_get_disassembly(const struct ht_request *r);
/* layout.c */
enum MHD_Result ht_post_layout(const struct ht_request *r);
/* views.c: GET and POST */
enum MHD_Result ht_saved_views(const struct ht_request *r);

/* dispatch.c: finds the handler of an address and calls it. */
enum MHD_Result ht_dispatch(struct ht_request *r, const char *url);

/* legacy.c: debug=1, the text form that pprof and people read. 0 or -errno. */
int ht_legacy_write(FILE *out, const struct ht_profile *p);

#endif
