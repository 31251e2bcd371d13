/* SPDX-License-Identifier: MIT */
/* heaptap cpu: where a process, or a program that is started, spends processor time. */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/source/process_word.h"
#include "cli/words.h"
#include "cpu/cpu.h"
#include "profile/ops.h"
#include "profile/profile.h"
#include "report/report.h"
#include "snapshot/region.h"
#include "symbolize/symbolize.h"
#include "util/jansson.h"

static const char usage[] =
    "usage: heaptap cpu [OPTIONS] PID\n"
    "       heaptap cpu [OPTIONS] -- PROGRAM [ARG]...\n\n"
    "Samples where a process spends processor time, and what it starts, by the kernel's perf\n"
    "events. Nothing is put into the process, which need not be profiled.\n" HT_PROCESS_HELP "\n"
    "  --seconds=N         how long (default 30 for a PID; a program to its end); Ctrl-C ends it\n"
    "                      earlier\n"
    "  --frequency=HZ      samples for each second of processor time (default 99)\n"
    "  --kernel            time in the kernel too (kernel.perf_event_paranoid at most 1, or root)\n"
    "  --ptrace            stop running threads for a moment instead, where perf events are\n"
    "                      refused (a wait may end early with EINTR; children are not followed)\n"
    "  -o, --output=FILE   write the profile too (samples/count, cpu/nanoseconds, label thread; -\n"
    "                      for standard output, and no report)\n"
    "  --nodecount=N       rows of the report (default 20; 0 all)\n"
    "  --cum               sort by what a function and all it calls take\n"
    "  --fast              names from symbol tables only: no lines, no inlined calls\n"
    "  --json              as JSON (docs/json.md)\n";

static volatile sig_atomic_t stop;

static void on_interrupt(int number)
{
    (void)number;
    stop = 1;
}

struct request {
    const char *seconds, *frequency, *output, *nodecount;
    bool kernel, ptrace, cum, fast, json;
};

/* Reads a number above 0 and at most `most`. */
static bool number(const char *word, double most, double *out)
{
    char *end;
    *out = strtod(word, &end);
    return end != word && !*end && isfinite(*out) && *out > 0 && *out <= most;
}

static int check(const struct request *q, struct ht_cpu_options *o, double *rows)
{
    double hz = 99;
    if (q->seconds && !number(q->seconds, 86400, &o->seconds))
        return ht_complain(2, "--seconds=%s: use a number above 0, up to 86400", q->seconds);
    if (q->frequency && (!number(q->frequency, 10000, &hz) || hz < 1))
        return ht_complain(2, "--frequency=%s: use a number from 1 to 10000", q->frequency);
    if (q->nodecount && strcmp(q->nodecount, "0") != 0 && !number(q->nodecount, 1e6, rows))
        return ht_complain(2, "--nodecount=%s: use a whole number", q->nodecount);
    if (q->ptrace && q->kernel)
        return ht_complain(2, "--ptrace does not see the kernel: leave --kernel out");
    if (q->json && !HT_JANSSON)
        return ht_complain(1, "%s", HT_JSON_MISSING);
    o->frequency = (unsigned)hz;
    return -1;
}

static int report(struct ht_profile *p, const struct request *q, double rows)
{
    struct ht_report_options r;
    char msg[512] = "";
    ht_report_options_init(&r);
    r.nodecount = q->nodecount ? (int)rows : 20;
    r.cum = q->cum;
    r.json = q->json;
    r.msg = msg;
    r.msg_size = sizeof msg;
    return ht_report_top(stdout, p, &r) ? ht_complain(1, "%s", msg) : 0;
}

/* Says how much processor time has no sample when that is most of it. */
static void say_missed(const struct ht_cpu_options *o, const struct ht_cpu_summary *s)
{
    if (s->used > 0.2 && s->sampled < s->used / 2)
        fprintf(stderr,
                "heaptap: %.2f s of %.2f s of processor time have samples: the rest was %sof "
                "threads that used less than 1/%u s (a higher --frequency finds them)\n",
                s->sampled, s->used, o->kernel ? "" : "in the kernel (--kernel), or ",
                o->frequency);
}

static int finish(struct ht_profile *p, const struct ht_cpu_options *o, const struct request *q,
                  const struct ht_cpu_summary *summary, double rows)
{
    char note[512];
    struct ht_symbolize_options s = {.lines_and_inlines = !q->fast, .pid = o->pid};
    if (isatty(STDERR_FILENO))
        s.progress = stderr;
    int err = ht_symbolize(p, &s, note, sizeof note);
    if (err)
        return ht_complain(1, "cannot name the functions: %s", strerror(-err));
    if (q->output && (err = ht_profile_write_file(p, q->output)))
        return ht_complain(1, "cannot write %s: %s", q->output, strerror(-err));
    say_missed(o, summary);
    if (!summary->samples) {
        fprintf(stderr, "heaptap: no samples: it used less processor time than 1/%u s%s\n",
                o->frequency, o->kernel || o->ptrace ? "" : " outside the kernel");
        return 0;
    }
    if (summary->lost)
        fprintf(stderr, "heaptap: %llu samples were lost: the machine was too busy to take them\n",
                (unsigned long long)summary->lost);
    return q->output && !strcmp(q->output, "-") ? 0 : report(p, q, rows);
}

/* The program's own exit status, as the shell has it. */
static int status_of(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int sample(struct ht_cpu_options *o, const struct request *q, double rows)
{
    struct ht_cpu_summary summary = {0};
    struct sigaction a = {.sa_handler = on_interrupt};
    char msg[512] = "";
    int err;
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
    o->stop = &stop;
    struct ht_profile *p = ht_cpu_sample(o, &summary, &err, msg, sizeof msg);
    if (!p)
        return ht_complain(!summary.exec_errno                                             ? 1
                           : summary.exec_errno == ENOENT || summary.exec_errno == ENOTDIR ? 127
                                                                                           : 126,
                           "%s", msg);
    int status = finish(p, o, q, &summary, rows);
    ht_profile_destroy(p);
    return status || !o->program || stop ? status : status_of(summary.status);
}

int ht_cmd_cpu(int argc, char **argv)
{
    struct request q = {0};
    struct ht_cpu_options o = {0};
    struct ht_words rest = {0};
    const struct ht_word_option options[] = {
        {"seconds", .value = &q.seconds},
        {"frequency", .value = &q.frequency},
        {"kernel", .flag = &q.kernel},
        {"ptrace", .flag = &q.ptrace},
        {"nodecount", .value = &q.nodecount},
        {"cum", .flag = &q.cum},
        {"fast", .flag = &q.fast},
        {"json", .flag = &q.json},
        {"output", 'o', .value = &q.output},
        {NULL},
    };
    double rows = 0;
    const char *word = "";
    char buf[HT_PROCESS_WORD], msg[512];
    int program = 1;
    while (program < argc && strcmp(argv[program], "--") != 0)
        program++;
    int status = ht_words_read(program, argv, options, usage, &rest);
    if (status < 0 && program < argc - 1 && !rest.n)
        o.program = argv + program + 1;
    else if (status < 0 && (program < argc || rest.n != 1))
        status = ht_complain(2, "cpu takes one process, by PID or name, or -- and a program");
    else if (status < 0 &&
             (word = rest.word[0], ht_process_word(&word, buf, true, false, msg, sizeof msg)))
        status = ht_complain(1, "%s", msg);
    else if (status < 0 && !ht_region_is_pid(word, &o.pid))
        status = ht_complain(2, "%s is no process", word);
    o.kernel = q.kernel;
    o.ptrace = q.ptrace;
    if (status < 0)
        status = check(&q, &o, &rows);
    if (status < 0 && o.pid && !o.seconds)
        o.seconds = 30;
    if (status < 0 && o.pid == getpid())
        status = ht_complain(1, "a command cannot sample itself: give another process");
    if (status < 0)
        status = sample(&o, &q, rows);
    ht_words_finish(&rest);
    return status;
}
