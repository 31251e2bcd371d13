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
#include "cli/process/who_report.h"
#include "cli/source/process_word.h"
#include "cli/words.h"
#include "leaks/who.h"
#include "profile/profile.h"
#include "profile/suppressions.h"
#include "region/units.h"
#include "snapshot/region.h"
#include "symbolize/symbolize.h"
#include "util/jansson.h"

static const char usage[] =
    "usage: heaptap leaks [OPTIONS] PID\n"
    "       heaptap leaks --who REGEX [OPTIONS] PID\n\n"
    "Which live blocks of a profiled process nobody points to. Its readable memory is looked\n"
    "through from outside, in several passes; it is not stopped. Of a sampled process the\n"
    "sampled blocks are asked about, and stand for the others. Over glibc's malloc, and over\n"
    "any with HEAPTAP_RATE=1, also what only leaked blocks lead to is listed.\n"
    "With --who: who holds the blocks of which the stack has a function that matches, as a rule\n"
    "because they are old and still there: variables, threads, other blocks.\n" HT_PROCESS_HELP "\n"
    "  --who=REGEX         who holds the blocks of these functions\n"
    "  --min-age=TIME      with --who: only blocks that are at least so old\n"
    "  --holders=N         with --who: so many holders before the last one (8)\n"
    "  --passes=N          at least so many passes (3); a block is leaked if all miss it\n"
    "  --every=TIME        from the start of one to that of the next (1s)\n"
    "  --budget=SIZE       read so many bytes a second at most (500MB); 0: no limit\n"
    "  --idle=TIME         first watch for so long, and list also what is reachable and not "
    "touched:\n"
    "                      root, and a kernel with page_idle\n"
    "  --soft-dirty        with --idle: what is not written to, by soft-dirty bits: each page "
    "costs\n"
    "                      the process a fault when it is next written to\n"
    "  --stop              look at registers too: each thread is stopped once, for a moment (a\n"
    "                      wait of its may end early with EINTR)\n"
    "  -o, --output=FILE   write the leaked samples as a profile, with the label leak (- for\n"
    "                      standard output, and no report)\n"
    "  --suppressions=FILE\n"
    "                      without known ones: lines of leak:PATTERN (LeakSanitizer's) or\n"
    "                      stack:PATTERN\n"
    "  --all               every site, and not only the 20 with the most bytes\n"
    "  --fast              names from symbol tables only: no lines, no inlined calls\n"
    "  --fail              exit 3 when something leaked\n"
    "  --json              as JSON (docs/json.md)\n";

enum { LEAKS_FOUND = 3, SHOWN = 20 };

struct request {
    struct ht_leak_options look;
    const char *passes, *every, *budget, *output, *who, *min_age, *holders, *suppressions, *idle;
    struct ht_suppressions known;
    uint64_t oldest_s;
    unsigned n_holders;
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

/* 1 to `most`. */
static bool parse_number(const char *word, unsigned most, unsigned *n)
{
    char *end;
    unsigned long value = strtoul(word, &end, 10);
    *n = (unsigned)value;
    return *word >= '0' && *word <= '9' && !*end && value >= 1 && value <= most;
}

static int check(struct request *q)
{
    char msg[512];
    q->look.passes = 3;
    q->look.every_ns = 1000000000u;
    q->look.budget = 500u << 20;
    if (q->passes && !parse_number(q->passes, HT_LEAK_PASSES, &q->look.passes))
        return ht_complain(2, "--passes=%s: use 1 to %d", q->passes, HT_LEAK_PASSES);
    if (q->every && !ht_parse_duration(q->every, &q->look.every_ns))
        return ht_complain(2, "--every=%s: use a duration, such as 500ms or 10s", q->every);
    if (q->budget && !parse_budget(q->budget, &q->look.budget))
        return ht_complain(2, "--budget=%s: use a size, such as 200MB; 0 is no limit", q->budget);
    if (!q->who && (q->min_age || q->holders))
        return ht_complain(2, "--min-age and --holders go with --who");
    if (q->who && (q->output || q->fail))
        return ht_complain(2, "--who tells of blocks that are in use: there is no --output and no "
                              "--fail");
    uint64_t age_ns = 0;
    if (q->min_age && !ht_parse_duration(q->min_age, &age_ns))
        return ht_complain(2, "--min-age=%s: use a duration, such as 90s or 10m", q->min_age);
    q->oldest_s = age_ns / 1000000000u;
    q->n_holders = 8;
    if (q->holders && !parse_number(q->holders, HT_WHO_HOLDERS, &q->n_holders))
        return ht_complain(2, "--holders=%s: use 1 to %d", q->holders, HT_WHO_HOLDERS);
    if (q->idle && (!ht_parse_duration(q->idle, &q->look.idle_ns) || !q->look.idle_ns))
        return ht_complain(2, "--idle=%s: use a duration, such as 10s", q->idle);
    if ((q->look.idle_writes && !q->idle) || (q->who && q->idle))
        return ht_complain(2, "--soft-dirty goes with --idle, and --idle not with --who");
    if (q->who && q->suppressions)
        return ht_complain(2, "--suppressions is of leaks, and --who tells of no leaks");
    if (q->suppressions && ht_suppressions_read(&q->known, q->suppressions, msg, sizeof msg))
        return ht_complain(2, "%s", msg);
    if (q->json && !HT_JANSSON)
        return ht_complain(1, "%s", HT_JSON_MISSING);
    return -1;
}

static void show_progress(void *ctx, const struct ht_leaks *l, uint64_t done, uint64_t all)
{
    fprintf(stderr, "\r\033[Kpass %u: %.0f%%", l->n_passes + (!l->n_passes || done < all),
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

static int make_rows(const struct ht_leaks *l, const struct request *q, pid_t pid,
                     struct ht_leak_rows *rows, char *msg, size_t msg_size)
{
    ht_leak_rows_free(rows);
    int err = ht_leak_rows_make(l, rows, msg, msg_size);
    if (!err && (err = name(rows->profile, pid, q->fast)))
        snprintf(msg, msg_size, "%s", strerror(-err));
    return err;
}

/* Takes out what is known. */
static int suppress(struct ht_leaks *l, const struct request *q, pid_t pid,
                    struct ht_leak_rows *rows, char *msg, size_t msg_size)
{
    size_t n = 0;
    int err = ht_leaks_suppress(l, rows, &q->known, &n);
    if (err)
        snprintf(msg, msg_size, "%s", strerror(-err));
    if (err || !n)
        return err;
    ht_complain(0, "%zu leaked block%s suppressed", n, n == 1 ? " is" : "s are");
    return make_rows(l, q, pid, rows, msg, msg_size);
}

static int report(struct ht_leaks *l, const struct request *q, pid_t pid)
{
    struct ht_leak_rows rows = {0};
    struct ht_leak_sites sites = {0};
    char msg[512];
    int status = 0;
    int err = make_rows(l, q, pid, &rows, msg, sizeof msg);
    if (!err && q->suppressions)
        err = suppress(l, q, pid, &rows, msg, sizeof msg);
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

/* What name() needs. */
struct naming {
    pid_t pid;
    bool fast;
};

static int name_for_who(void *ctx, struct ht_profile *p)
{
    const struct naming *n = ctx;
    return name(p, n->pid, n->fast);
}

static int look_for_leaks(struct ht_remote *r, const struct request *q, pid_t pid, bool terminal)
{
    struct ht_leaks l = {0};
    char msg[512];
    int err = ht_leaks_look(r, &q->look, &l, msg, sizeof msg);
    if (terminal)
        fputs("\r\033[K", stderr);
    int status = err ? ht_complain(1, "%s", msg) : report(&l, q, pid);
    ht_leaks_free(&l);
    return status;
}

static int look_for_holders(struct ht_remote *r, const struct request *q, pid_t pid, bool terminal)
{
    struct ht_who w = {0};
    char msg[512];
    struct naming how = {pid, q->fast};
    const struct ht_who_options o = {.look = q->look,
                                     .site = q->who,
                                     .oldest_s = q->oldest_s,
                                     .holders = q->n_holders,
                                     .name = name_for_who,
                                     .name_ctx = &how};
    int err = ht_leaks_who(r, &o, &w, msg, sizeof msg), status = 0;
    if (terminal)
        fputs("\r\033[K", stderr);
    if (err)
        status = ht_complain(err == -EINVAL ? 2 : 1, "%s", msg);
    else if (q->json)
        status = ht_who_json(stdout, &w, q->who) ? ht_complain(1, "out of memory") : 0;
    else
        ht_who_report(stdout, &w, q->who, q->all ? 0 : SHOWN);
    ht_who_free(&w);
    return status;
}

static int look(struct request *q, pid_t pid)
{
    struct ht_remote r;
    char msg[512];
    if (ht_remote_open(&r, pid, msg, sizeof msg))
        return ht_complain(1, "%s", msg);
    bool terminal = isatty(STDERR_FILENO);
    if (terminal)
        q->look.progress = show_progress;
    int status =
        q->who ? look_for_holders(&r, q, pid, terminal) : look_for_leaks(&r, q, pid, terminal);
    ht_remote_close(&r);
    return status;
}

int ht_cmd_leaks(int argc, char **argv)
{
    struct request q = {0};
    struct ht_words rest = {0};
    const struct ht_word_option options[] = {
        {"passes", .value = &q.passes},
        {"every", .value = &q.every},
        {"budget", .value = &q.budget},
        {"stop", .flag = &q.look.stop},
        {"output", 'o', .value = &q.output},
        {"all", .flag = &q.all},
        {"fast", .flag = &q.fast},
        {"fail", .flag = &q.fail},
        {"json", .flag = &q.json},
        {"who", .value = &q.who},
        {"min-age", .value = &q.min_age},
        {"holders", .value = &q.holders},
        {"suppressions", .value = &q.suppressions},
        {"idle", .value = &q.idle},
        {"soft-dirty", .flag = &q.look.idle_writes},
        {NULL},
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
    ht_suppressions_finish(&q.known);
    ht_words_finish(&rest);
    return status;
}
