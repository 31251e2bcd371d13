/* SPDX-License-Identifier: MIT */
/* heaptap leaks: which live blocks of a process nobody points to. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/process/leaks_report.h"
#include "cli/source/process_word.h"
#include "cli/words.h"
#include "profile/profile.h"
#include "region/units.h"
#include "snapshot/region.h"
#include "symbolize/symbolize.h"
#include "util/jansson.h"

static const char usage[] =
    "usage: heaptap leaks [OPTIONS] PID\n\n"
    "Which live blocks of a profiled process nobody points to. Its readable memory is looked\n"
    "through from outside, in several passes; it is not stopped. Of a sampled process the\n"
    "sampled blocks are asked about, and stand for the others. Over glibc's malloc, and over\n"
    "any with HEAPTAP_RATE=1, also what only leaked blocks lead to is listed.\n" HT_PROCESS_HELP
    "\n"
    "  --passes=N          at least so many passes (3); a block is leaked if all miss it\n"
    "  --every=TIME        from the start of one to that of the next (1s)\n"
    "  --budget=SIZE       read so many bytes a second at most (500MB); 0: no limit\n"
    "  --stop              look at registers too: each thread is stopped once, for a moment (a\n"
    "                      wait of its may end early with EINTR)\n"
    "  -o, --output=FILE   write the leaked samples as a profile, with the label leak (- for\n"
    "                      standard output, and no report)\n"
    "  --all               every site, and not only the 20 with the most bytes\n"
    "  --fast              names from symbol tables only: no lines, no inlined calls\n"
    "  --fail              exit 3 when something leaked\n"
    "  --json              as JSON (docs/json.md)\n";

enum { LEAKS_FOUND = 3, SHOWN = 20 };

struct request {
    struct ht_leak_options look;
    const char *passes, *every, *budget, *output;
    bool all, fast, fail, json;
};

/* "500MB/s", "500M": ht_parse_size takes the latter. */
static bool parse_budget(const char *word, uint64_t *bytes)
{
    char copy[32];
    size_t n = strlen(word);
    if (n >= sizeof copy)
        return false;
    memcpy(copy, word, n + 1);
    if (n > 2 && !strcmp(copy + n - 2, "/s"))
        copy[n -= 2] = '\0';
    if (n > 1 && copy[n - 1] == 'B')
        copy[n - 1] = '\0';
    return ht_parse_size(copy, bytes);
}

static int check(struct request *q)
{
    q->look.passes = 3;
    q->look.every_ns = 1000000000u;
    q->look.budget = 500u << 20;
    if (q->passes) {
        char *end;
        unsigned long n = strtoul(q->passes, &end, 10);
        if (*q->passes < '0' || *q->passes > '9' || *end || n < 1 || n > HT_LEAK_PASSES)
            return ht_complain(2, "--passes=%s: use 1 to %d", q->passes, HT_LEAK_PASSES);
        q->look.passes = (unsigned)n;
    }
    if (q->every && !ht_parse_duration(q->every, &q->look.every_ns))
        return ht_complain(2, "--every=%s: use a duration, such as 500ms or 10s", q->every);
    if (q->budget && !parse_budget(q->budget, &q->look.budget))
        return ht_complain(2, "--budget=%s: use a size, such as 200MB; 0 is no limit", q->budget);
    if (q->json && !HT_JANSSON)
        return ht_complain(1, "%s", HT_JSON_MISSING);
    return -1;
}

static void show_progress(void *ctx, const struct ht_leaks *l, uint64_t done, uint64_t all)
{
    fprintf(stderr, "\r\033[Kpass %u: %.0f%%", l->n_passes + 1,
            all ? 100 * (double)(done < all ? done : all) / (double)all : 100);
    if (l->n_passes)
        fprintf(stderr, "; without a reference: %zu", l->candidates[l->n_passes - 1]);
    fflush(stderr);
}

static int name(struct ht_profile *p, pid_t pid, bool fast)
{
    char note[512];
    struct ht_symbolize_options o = {.lines_and_inlines = !fast, .pid = pid};
    return ht_symbolize(p, &o, note, sizeof note);
}

static int write_leaked(const struct ht_leak_rows *rows, const char *path)
{
    struct ht_profile *p = ht_leak_rows_leaked(rows);
    int err = p ? ht_profile_write_file(p, path) : -ENOMEM;
    ht_profile_destroy(p);
    return err ? ht_complain(1, "cannot write %s: %s", path, strerror(-err)) : 0;
}

static int report(const struct ht_leaks *l, const struct request *q, pid_t pid)
{
    struct ht_leak_rows rows;
    struct ht_leak_sites sites = {0};
    char msg[512];
    int status = 0;
    int err = ht_leak_rows_make(l, &rows, msg, sizeof msg);
    if (!err && (err = name(rows.profile, pid, q->fast)))
        snprintf(msg, sizeof msg, "%s", strerror(-err));
    if (!err && q->output)
        status = write_leaked(&rows, q->output);
    if (!err && !status && (!q->output || strcmp(q->output, "-") != 0)) {
        err = ht_leak_sites_make(l, &rows, &sites, msg, sizeof msg);
        if (!err && q->json)
            status = ht_leaks_json(stdout, l, &sites) ? ht_complain(1, "out of memory") : 0;
        else if (!err)
            ht_leaks_text(stdout, l, &sites, q->all ? 0 : SHOWN);
    }
    if (err)
        status = ht_complain(1, "cannot report the leaks of process %d: %s", (int)pid, msg);
    ht_leak_sites_free(&sites);
    ht_leak_rows_free(&rows);
    bool found = l->n_of[HT_LEAK_UNREFERENCED] || l->n_of[HT_LEAK_UNREACHABLE];
    return status ? status : q->fail && found ? LEAKS_FOUND : 0;
}

static int look(struct request *q, pid_t pid)
{
    struct ht_remote r;
    struct ht_leaks l = {0};
    char msg[512];
    if (ht_remote_open(&r, pid, msg, sizeof msg))
        return ht_complain(1, "%s", msg);
    bool terminal = isatty(STDERR_FILENO);
    if (terminal)
        q->look.progress = show_progress;
    int err = ht_leaks_look(&r, &q->look, &l, msg, sizeof msg);
    if (terminal)
        fputs("\r\033[K", stderr);
    int status = err ? ht_complain(1, "%s", msg) : report(&l, q, pid);
    ht_leaks_free(&l);
    ht_remote_close(&r);
    return status;
}

int ht_cmd_leaks(int argc, char **argv)
{
    struct request q = {0};
    struct ht_words rest = {0};
    const struct ht_word_option options[] = {
        {"passes", .value = &q.passes},      {"every", .value = &q.every},
        {"budget", .value = &q.budget},      {"stop", .flag = &q.look.stop},
        {"output", 'o', .value = &q.output}, {"all", .flag = &q.all},
        {"fast", .flag = &q.fast},           {"fail", .flag = &q.fail},
        {"json", .flag = &q.json},           {NULL},
    };
    const char *word = "";
    char buf[HT_PROCESS_WORD], msg[512];
    pid_t pid = 0;
    int status = ht_words_read(argc, argv, options, usage, &rest);
    if (status < 0 && rest.n != 1)
        status = ht_complain(2, "leaks takes one process, by PID or name");
    if (status < 0)
        status = check(&q);
    if (status < 0 &&
        (word = rest.word[0], ht_process_word(&word, buf, false, false, msg, sizeof msg)))
        status = ht_complain(1, "%s", msg);
    if (status < 0 && !ht_region_is_pid(word, &pid))
        status = ht_complain(2, "%s is no process", word);
    if (status < 0)
        status = look(&q, pid);
    ht_words_finish(&rest);
    return status;
}
