/* SPDX-License-Identifier: MIT */
/*
 * Options of the server, its start, the line with its address, and the wait for the signal that
 * ends it.
 */
#include "config.h"

#include "cli/web/serving.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/web/token.h"

extern char **environ;

/* "127.0.0.1:6060", ":8080", "8080", "[::1]:6060", "localhost" -> host and port. */
static int parse_listen(char *text, struct ht_serve_options *o)
{
    char *colon = strrchr(text, ':'), *close = strchr(text, ']'), *port = NULL, *end;
    if (*text == '[' && close) {
        *close = '\0';
        o->host = text + 1;
        port = close[1] == ':' ? close + 2 : NULL;
    } else if (colon) {
        *colon = '\0';
        if (*text)
            o->host = text;
        port = colon + 1;
    } else if (strspn(text, "0123456789") == strlen(text)) {
        port = text;
    } else {
        o->host = text;
    }
    if (!port)
        return 0;
    errno = 0;
    unsigned long n = strtoul(port, &end, 10);
    if (end == port || *end || errno || n > 65535 || *port == '-')
        return -EINVAL;
    o->port = (uint16_t)n;
    return 0;
}

/* Without --source-root: /usr/include, /usr/src, and the current directory unless it is / or the
 * home directory. */
static int default_roots(struct ht_serving *s)
{
    static char include[] = "/usr/include", src[] = "/usr/src", here[PATH_MAX];
    const char *home = getenv("HOME");
    char *roots[] = {include, src, here};
    size_t n =
        getcwd(here, sizeof here) && strcmp(here, "/") != 0 && (!home || strcmp(here, home) != 0)
            ? 3
            : 2;

    s->roots.word = malloc(sizeof roots);
    if (!s->roots.word)
        return ht_complain(1, "out of memory");
    memcpy(s->roots.word, roots, sizeof roots);
    s->roots.n = n;
    return 0;
}

static bool is_loopback(const char *host)
{
    struct in_addr four;
    return !host || !strcmp(host, "localhost") || !strcmp(host, "::1") ||
           (inet_pton(AF_INET, host, &four) == 1 && ntohl(four.s_addr) >> 24 == 127);
}

/* The user's file of saved views, to free; NULL where there is no place for it, or where others
 * than this user may be meant to reach the server. */
static char *views_path(const struct ht_serving *s, const struct ht_serve_options *o)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char *path = NULL;
    if (!s->keep_views || s->hosts.n || (!o->unix_path && !is_loopback(o->host)))
        return NULL;
    int n = config && *config == '/' ? asprintf(&path, "%s/heaptap/views", config)
            : home && *home == '/'   ? asprintf(&path, "%s/.config/heaptap/views", home)
                                     : -1;
    return n < 0 ? NULL : path;
}

static void say_where(const struct ht_serve_options *o, uint16_t port)
{
    if (o->unix_path) {
        printf("heaptap: serving on %s\n", o->unix_path);
    } else {
        bool six = o->host && strchr(o->host, ':');

        printf("heaptap: serving http://%s%s%s:%u/\n", six ? "[" : "",
               o->host ? o->host : "127.0.0.1", six ? "]" : "", port);
    }
    fflush(stdout);
    if (!o->unix_path && !is_loopback(o->host))
        fprintf(stderr,
                "heaptap: whoever can reach %s can read %s: function names, paths, command lines, "
                "heap sizes, and source files below the source roots%s\n",
                o->host, o->token ? "with the token" : "without a password",
                o->token ? " (unencrypted)" : "; --token-file=FILE demands a token");
}

static void open_browser(uint16_t port)
{
    char url[64], program[] = "xdg-open", *argv[] = {program, url, NULL};
    if (!getenv("DISPLAY") && !getenv("WAYLAND_DISPLAY"))
        return;
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", port);
    pid_t pid;
    posix_spawnp(&pid, program, NULL, NULL, argv, environ);
}

static void ending_signals(sigset_t *ends)
{
    sigemptyset(ends);
    sigaddset(ends, SIGINT);
    sigaddset(ends, SIGTERM);
    sigaddset(ends, SIGHUP);
}

void ht_serving_prepare(void)
{
    sigset_t ends;
    ending_signals(&ends);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    signal(SIGPIPE, SIG_IGN);
    /* Each connection has a thread. Without this each of them would keep an arena as large as
     * the largest profile it ever built. */
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_MMAP_THRESHOLD, 256 << 10);
    mallopt(M_TRIM_THRESHOLD, 4 << 20);
}

int ht_serving_run(struct ht_serving *s, const struct ht_serve_source *source, const char *compare,
                   bool browser)
{
    struct ht_serve_options o = {.port = 6060, .unix_path = s->unix_path, .compare = compare};
    char token[HT_TOKEN_SIZE], msg[512], *listen = NULL;
    int sig, status = 0;
    if (s->listen) {
        listen = strdup(s->listen);
        if (!listen || parse_listen(listen, &o)) {
            free(listen);
            return ht_complain(2, "--listen=%s is no ADDR:PORT", s->listen);
        }
    }
    if (s->token_file) {
        status = ht_token_read(s->token_file, token);
        o.token = token;
    }
    if (!status && !s->roots.n)
        status = default_roots(s);
    if (status) {
        free(listen);
        return status;
    }
    o.hosts = s->hosts.word;
    o.n_hosts = s->hosts.n;
    o.source_roots = s->roots.word;
    o.n_source_roots = s->roots.n;
    sigset_t ends;
    ending_signals(&ends);
    ht_serving_prepare();
    struct ht_pusher *pusher = NULL;
    if (s->push && !(pusher = ht_pusher_create(s->push, s->pushed->word, s->pushed->n, &status))) {
        free(listen);
        return status;
    }
    if (pusher) {
        o.metrics = ht_pusher_metrics;
        o.metrics_ctx = pusher;
    }
    char *views = views_path(s, &o);
    o.views_path = views;
    struct ht_server *server = ht_serve_start(&o, source, msg, sizeof msg);
    if (server && pusher && (status = ht_pusher_start(pusher, server))) {
        ht_serve_stop(server);
        status = ht_complain(1, "cannot start a thread: %s", strerror(-status));
    } else if (server) {
        say_where(&o, ht_serve_port(server));
        if (browser && !s->no_browser && !o.unix_path && is_loopback(o.host))
            open_browser(ht_serve_port(server));
        sigwait(&ends, &sig);
        ht_pusher_stop(pusher);
        ht_serve_stop(server);
    } else {
        status = ht_complain(1, "%s", msg);
    }
    ht_pusher_destroy(pusher);
    free(views);
    free(listen);
    return status;
}

void ht_serving_finish(struct ht_serving *s)
{
    ht_words_finish(&s->hosts);
    ht_words_finish(&s->roots);
}
