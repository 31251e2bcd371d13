/* SPDX-License-Identifier: MIT */
/* heaptap threads: where each thread of a process stands. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/process/threads_json.h"
#include "cli/source/process_word.h"
#include "cli/words.h"
#include "profile/ops.h"
#include "profile/profile.h"
#include "remote/remote.h"
#include "remote/text.h"
#include "snapshot/region.h"
#include "symbolize/symbolize.h"
#include "util/jansson.h"

static const char usage[] =
    "usage: heaptap threads [OPTIONS] PID\n\n"
    "Shows where each thread of a process stands: threads at the same place as one group, what\n"
    "they wait for, who holds a mutex, and who waits in a circle. The process need not be\n"
    "profiled, and is not stopped.\n" HT_PROCESS_HELP "\n"
    "  --stop              stop threads that run, and those whose stack cannot be followed\n"
    "                      otherwise, one by one and for a moment (a wait of theirs may end\n"
    "                      early with EINTR)\n"
    "  --all               every place, and not only the 20 where most threads are\n"
    "  --debug=1           text as Go's goroutine profile has it; go tool pprof reads it\n"
    "  --debug=2           each thread with its stack\n"
    "  -o, --output=FILE   write a profile too (threads/count, with the labels thread, state,\n"
    "                      syscall; - for standard output, and no report)\n"
    "  --fast              names from symbol tables only: no lines, no inlined calls\n"
    "  --json              as JSON (docs/json.md)\n";

struct request {
    bool stop, all, fast, json;
    const char *debug, *output;
};

static int name(struct ht_profile *p, pid_t pid, bool fast)
{
    char note[512];
    struct ht_symbolize_options o = {.lines_and_inlines = !fast, .pid = pid};
    if (isatty(STDERR_FILENO))
        o.progress = stderr;
    return p ? ht_symbolize(p, &o, note, sizeof note) : -ENOMEM;
}

/* Turns the profile of threads into one of groups: without tid, and with digits in names folded. */
static int show(struct ht_remote *r, const struct ht_remote_threads *t, const struct request *q)
{
    struct ht_profile *each = ht_remote_threads_profile(r, t, true);
    struct ht_profile *grouped = ht_remote_threads_profile(r, t, false);
    bool only_file = q->output && !strcmp(q->output, "-");
    int err = name(each, r->pid, q->fast);
    if (!err)
        err = name(grouped, r->pid, q->fast);
    if (!err && q->output)
        err = ht_profile_write_file(grouped, q->output);
    if (err)
        fprintf(stderr, "heaptap: cannot write %s: %s\n", q->output ? q->output : "names",
                strerror(-err));
    else if (q->json)
        err = ht_threads_json(stdout, r, t, each);
    else if (q->debug && *q->debug == '1')
        err = ht_threads_grouped(stdout, grouped);
    else if (q->debug)
        err = ht_threads_stacks(stdout, t, each);
    else if (!only_file)
        err = ht_threads_summary(stdout, r, t, each, q->all ? 0 : 20);
    ht_profile_destroy(each);
    ht_profile_destroy(grouped);
    return err ? 1 : 0;
}

int ht_cmd_threads(int argc, char **argv)
{
    struct request q = {0};
    struct ht_words rest = {0};
    const struct ht_word_option options[] = {
        {"stop", .flag = &q.stop},
        {"all", .flag = &q.all},
        {"fast", .flag = &q.fast},
        {"json", .flag = &q.json},
        {"debug", .value = &q.debug},
        {"output", 'o', .value = &q.output},
        {NULL},
    };
    struct ht_remote r;
    struct ht_remote_threads threads;
    const char *word = "";
    char msg[512], buf[HT_PROCESS_WORD];
    pid_t pid = 0;
    int status = ht_words_read(argc, argv, options, usage, &rest);
    if (status < 0 && rest.n != 1)
        status = ht_complain(2, "threads takes one process, by PID or name");
    if (status < 0 &&
        (word = rest.word[0], ht_process_word(&word, buf, true, false, msg, sizeof msg)))
        status = ht_complain(1, "%s", msg);
    if (status < 0 && !ht_region_is_pid(word, &pid))
        status = ht_complain(2, "%s is no process", word);
    if (status < 0 && q.debug && strcmp(q.debug, "1") != 0 && strcmp(q.debug, "2") != 0)
        status = ht_complain(2, "--debug=%s: use 1 or 2", q.debug);
    if (status < 0 && q.json && !HT_JANSSON)
        status = ht_complain(1, "%s", HT_JSON_MISSING);
    if (status < 0 && pid == getpid())
        status = ht_complain(1, "a command cannot look at itself: give another process");
    if (status < 0 && ht_remote_open(&r, pid, msg, sizeof msg))
        status = ht_complain(1, "%s", msg);
    if (status < 0) {
        status = ht_remote_list_threads(&r, q.stop, &threads, msg, sizeof msg)
                     ? ht_complain(1, "%s", msg)
                     : show(&r, &threads, &q);
        if (status == 0 || status == 1)
            ht_remote_threads_free(&threads);
        ht_remote_close(&r);
    }
    ht_words_finish(&rest);
    return status;
}
