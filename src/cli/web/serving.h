/* SPDX-License-Identifier: MIT */
/* What serve and view share: the server's options, and running it until a signal. */
#ifndef HEAPTAP_SRC_CLI_WEB_SERVING_H
#define HEAPTAP_SRC_CLI_WEB_SERVING_H

#include "cli/push/pusher.h"
#include "cli/words.h"
#include "serve/serve.h"

struct ht_serving {
    const char *listen, *unix_path, *token_file;
    struct ht_words hosts, roots;
    bool no_browser;
    bool keep_views; /* in the user's file, unless others can reach the server */
    const struct ht_pusher_options *push; /* NULL: nothing is sent */
    const struct ht_words *pushed;        /* PIDs that are sent; none: all */
};

#define HT_SERVING_OPTIONS(s)                                                                      \
    {"listen", 'l', .value = &(s)->listen}, {"http", .value = &(s)->listen},                       \
        {"unix", .value = &(s)->unix_path}, {"token-file", .value = &(s)->token_file},             \
        {"allow-host", .list = &(s)->hosts}, {"source-root", .list = &(s)->roots},                 \
    {                                                                                              \
        "no-browser", .flag = &(s)->no_browser                                                     \
    }

#define HT_SERVING_HELP                                                                            \
    "  -l, --listen=ADDR:PORT  where to (default 127.0.0.1:6060; port 0: any free one)\n"          \
    "  --unix=PATH             a socket file instead, for this user only\n"                        \
    "  --token-file=FILE       data is given only with the bearer token that FILE holds\n"         \
    "  --allow-host=NAME       a name by which this server may be asked for, besides\n"            \
    "                          localhost and addresses; may be repeated\n"                         \
    "  --source-root=DIR       source files are shown from below DIR; may be repeated\n"           \
    "                          (default: this directory, /usr/include, /usr/src)\n"

/* Serves until SIGINT or SIGTERM. Prints where, and what listening there exposes. browser: opens
 * the page on a desktop. Exit status. */
int ht_serving_run(struct ht_serving *s, const struct ht_serve_source *source, const char *compare,
                   bool browser);

/* What has to be before the first thread of a server: signals that end it are blocked, so that all
 * threads inherit that, and the allocator is set for many threads. Twice does no harm. */
void ht_serving_prepare(void);

/*
 * reading.c: the same for profiles that a thread reads while the page stands. load: makes the i-th
 * profile, in that thread; NULL after it has complained. names: how the page calls them; compare:
 * the second opens compared with the first. Where one cannot be made, the server ends.
 */
struct ht_serving_load {
    struct ht_profile *(*load)(void *ctx, size_t i);
    void *ctx;
    const char *const *names;
    size_t n;
    bool compare;
};
int ht_serving_read(struct ht_serving *s, const struct ht_serving_load *l);

/* The same of SOURCEs, as they are. */
int ht_serving_sources(struct ht_serving *s, char *const *sources, size_t n, bool compare);

void ht_serving_finish(struct ht_serving *s);

#endif
