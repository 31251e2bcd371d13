/* SPDX-License-Identifier: MIT */
/* The HTTP server: pprof's endpoints, Prometheus' metrics and the web page. server.c has these
 * functions but ht_serve_names (request.c); without_server.c has them in a build without a server.
 */
#ifndef HEAPTAP_SRC_SERVE_SERVE_H
#define HEAPTAP_SRC_SERVE_SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "serve/target.h"

struct ht_serve_options {
    const char *host;      /* address to listen on; NULL for 127.0.0.1 */
    uint16_t port;         /* 0: any free one */
    const char *unix_path; /* a socket instead of host and port; NULL for none */
    const char *token;     /* bearer token that data needs; NULL for none */
    char *const *hosts;    /* further names that a Host header may have */
    size_t n_hosts;
    char *const *source_roots; /* directories that source files may be shown from */
    size_t n_source_roots;
    const char *views_path; /* where the page's saved views are kept; NULL: in the browser. Not for
                               a server that others can reach */
    const char *compare;    /* the page opens with this target as what the first is compared with */
    /* Further metrics, when /metrics is asked for all; NULL for none. From many threads. */
    void (*metrics)(void *ctx, FILE *out);
    void *metrics_ctx;
};

struct ht_server;

/* Starts threads that serve until ht_serve_stop. NULL with one line in msg. The options' strings
 * and the source must outlive the server. */
struct ht_server *ht_serve_start(const struct ht_serve_options *o,
                                 const struct ht_serve_source *source, char *msg, size_t msg_size);

/* The port it listens on, 0 for a socket file. */
uint16_t ht_serve_port(const struct ht_server *s);

/* Names for a profile, by the symboliser that the server's requests use, too. From any thread. */
struct ht_profile;
void ht_serve_names(struct ht_server *s, struct ht_profile *p, pid_t pid);

/* Waits for the requests in progress (those that sleep for seconds= are cut short). */
void ht_serve_stop(struct ht_server *s);

#endif
