/* SPDX-License-Identifier: MIT */
/* heaptap serve: net/http/pprof's endpoints for profiled processes. */
#include "config.h"

#include <stdlib.h>
#include <sys/resource.h>

#include "cli/commands.h"
#include "cli/push/address.h"
#include "cli/source/source.h"
#include "cli/web/serving.h"

static const char usage[] =
    "usage: heaptap serve [OPTIONS] [PID or SOURCE]...\n\n"
    "Serves /debug/pprof/, /metrics and a web page for the processes named, or for all profiled\n"
    "processes of this user, as they come and go; or for profiles.\n" HT_SERVING_HELP
    "  --push=URL              sends their profiles to Pyroscope, or to a store that takes pprof\n"
    "  --every=TIME            between two profiles of a process (default 60s)\n"
    "  --label=KEY=VALUE       a label of all that is sent; may be repeated\n"
    "  --push-headers=FILE     sends the headers that FILE holds, one a line\n"
    "  --push-buffer=DIR       keeps in DIR what cannot be sent now\n"
    "  --push-buffer-size=SIZE at most so much of it, the newest (default 256M)\n"
    "\n" HT_SOURCE_HELP;

static int serve_processes(struct ht_serving *s, const struct ht_words *words)
{
    for (size_t i = 0; i < words->n; i++) {
        struct ht_region r;
        char msg[512];

        if (ht_region_open(&r, words->word[i], msg, sizeof msg))
            return ht_complain(1, "%s", msg);
        ht_region_close(&r);
    }
    struct ht_serve_source source;
    if (ht_source_live_init(&source, words->word, words->n))
        return ht_complain(1, "out of memory");
    int status = ht_serving_run(s, &source, NULL, false);
    ht_source_live_finish(&source);
    return status;
}

int ht_cmd_serve(int argc, char **argv)
{
    struct ht_serving s = {.no_browser = true};
    struct ht_pusher_options push = {0};
    const struct ht_word_option options[] = {HT_SERVING_OPTIONS(&s),
                                             {"push", .value = &push.url},
                                             {"every", .value = &push.every},
                                             {"label", .list = &push.labels},
                                             {"push-headers", .value = &push.headers_file},
                                             {"push-buffer", .value = &push.buffer},
                                             {"push-buffer-size", .value = &push.buffer_size},
                                             {NULL}};
    struct ht_words words = {0};
    int status = ht_words_read(argc, argv, options, usage, &words);
    size_t processes = 0;
    pid_t pid;
    for (size_t i = 0; i < words.n; i++)
        processes += ht_region_is_pid(words.word[i], &pid);
    if (status < 0 && processes && processes < words.n)
        status = ht_complain(2, "serve takes processes or profiles, not both at once");
    if (status < 0 && push.url && processes < words.n)
        status = ht_complain(2, "--push sends processes; a profile is sent by heaptap push");
    if (status < 0 && !push.url &&
        (push.every || push.labels.n || push.headers_file || push.buffer || push.buffer_size))
        status = ht_complain(2, "the options for sending need --push=URL, which says where to");
    char *url = NULL;
    if (status < 0 && push.url) {
        url = ht_push_url_take((char *)push.url);
        push.url = url;
        s.push = &push;
        s.pushed = &words;
        if (!url)
            status = ht_complain(1, "out of memory");
    }
    if (status < 0) {
        /* On a busy machine the profiled processes have priority. */
        setpriority(PRIO_PROCESS, 0, 10);
        status = processes == words.n ? serve_processes(&s, &words)
                                      : ht_serving_sources(&s, words.word, words.n, false);
    }
    free(url);
    ht_words_finish(&push.labels);
    ht_words_finish(&words);
    ht_serving_finish(&s);
    return status;
}
