/* SPDX-License-Identifier: MIT */
/* heaptap watch: the allocation sites of a process, as they grow. */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/guess.h"
#include "cli/process/figures.h"
#include "cli/process/watch_leaks.h"
#include "cli/process/watch_sites.h"
#include "cli/process/watch_threads.h"
#include "cli/source/ages.h"
#include "cli/source/process_word.h"
#include "cli/words.h"
#include "region/units.h"

static const char usage[] =
    "usage: heaptap watch [OPTIONS] PID\n\n"
    "A live table of allocation sites: bytes in use, growth and allocations a second. In a "
    "terminal\n"
    "q quits, i g r o sort by in-use bytes, growth, rate and objects, space refreshes at once, l\n"
    "looks for leaks, which reads all of its memory several times (`heaptap leaks`).\n"
    "When standard output is no terminal a table is printed every interval.\n" HT_PROCESS_HELP "\n"
    "  -n, --interval=TIME      between two tables (default 2s)\n"
    "  --count=N                end after N tables\n"
    "  --threads                where threads stand instead: those places first where most came\n"
    "                           since the first look (the process need not be profiled)\n"
    "  --sort=KEY               inuse, growth, rate or objects\n" HT_AGE_LIMITS_HELP;

/* Confidence of the intervals. */
#define CONFIDENCE 0.95

/* Width of a line when standard output is no terminal. */
#define PRINTED_COLUMNS 200

static const char *const keys[HT_WATCH_KEYS] = {"inuse", "growth", "rate", "objects"};
static const char letters[] = "igro";

static volatile sig_atomic_t resized, ended;
static struct termios saved;

static void on_signal(int number)
{
    if (number == SIGWINCH)
        resized = 1;
    else
        ended = 1;
}

static void terminal(bool on)
{
    if (on) {
        tcgetattr(STDIN_FILENO, &saved);
        struct termios raw = saved;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
        fputs("\033[?1049h\033[?25l", stdout); /* the alternate screen, no cursor */
    } else {
        fputs("\033[?25h\033[?1049l", stdout);
        tcsetattr(STDIN_FILENO, TCSANOW, &saved);
    }
    fflush(stdout);
}

static void size_of_terminal(int *rows, int *columns)
{
    struct winsize size;
    *rows = 24;
    *columns = 80;
    if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col) {
        *rows = size.ws_row;
        *columns = size.ws_col;
    }
}

static void signed_rate(double v, char *out, size_t size)
{
    char figure[24];
    ht_figure_bytes(v, figure, sizeof figure);
    snprintf(out, size, "%s%s/s", v > 0 ? "+" : "", figure);
}

static void line(int columns, const char *end, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void line(int columns, const char *end, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t n = 0;
    for (int left = columns; text[n] && (left > 0 || (text[n] & 0xc0) == 0x80); n++)
        left -= (text[n] & 0xc0) != 0x80;
    printf("%.*s%s\n", (int)n, text, end);
}

/* The heading: the process, as many sums as there is room for, and the clock. */
static void print_sums(const struct ht_watch *w, int columns, const char *end)
{
    enum { IN_USE, RESIDENT, GROWTH, RATE, OBJECTS, CLOCK, SUMS };
    char sums[SUMS][48], figure[32], text[256];
    time_t t = time(NULL);
    ht_figure_bytes((double)w->inuse, figure, sizeof figure);
    snprintf(sums[IN_USE], sizeof sums[IN_USE], "  %s in use", w->fresh ? "?" : figure);
    ht_figure_bytes((double)w->resident, figure, sizeof figure);
    *sums[RESIDENT] = 0;
    if (w->resident)
        snprintf(sums[RESIDENT], sizeof sums[RESIDENT], " of %s resident", figure);
    *sums[GROWTH] = *sums[RATE] = 0;
    if (w->compared) {
        signed_rate(w->growth, figure, sizeof figure);
        snprintf(sums[GROWTH], sizeof sums[GROWTH], ", %s", figure);
        ht_figure_count(w->rate, figure, sizeof figure);
        snprintf(sums[RATE], sizeof sums[RATE], ", %s allocs/s", figure);
    }
    ht_figure_count((double)w->objects, figure, sizeof figure);
    snprintf(sums[OBJECTS], sizeof sums[OBJECTS], ", %s objects", figure);
    strftime(sums[CLOCK], sizeof sums[CLOCK], "  %H:%M:%S", localtime(&t));
    int n = snprintf(text, sizeof text, "%s (%d)%s", w->program, (int)w->pid,
                     !w->alive         ? " dead"
                     : w->state == 'T' ? " stopped"
                                       : "");
    for (int i = 0; i < SUMS; i++)
        if (n + (int)strlen(sums[i]) <= columns)
            n += snprintf(text + n, sizeof text - (size_t)n, "%s", sums[i]);
    line(columns, end, "%s", text);
}

/* "±18%" by the farther end of the interval, or "<3x" where the true value may be twice the figure
 * and more, in six columns. */
static const char *margin(const struct ht_watch *w, const struct ht_watch_site *s, char *out,
                          size_t size)
{
    char text[16] = "";
    if (w->sampled > 0 && s->inuse > 0) {
        struct ht_interval in = ht_evidence_interval(&s->evidence, w->sampled, CONFIDENCE);
        double value = (double)s->inuse, above = in.high / value - 1, below = 1 - in.low / value;
        double part = above > below ? above : below;
        if (part >= 1)
            snprintf(text, sizeof text, "<%.0fx", ceil(1 + part));
        else if (part >= 0.005)
            snprintf(text, sizeof text, "\xc2\xb1%.0f%%", part * 100);
    }
    snprintf(out, size, "%-*s", *text == '\xc2' ? 7 : 6, text);
    return out;
}

/* In a terminal each line overwrites the old one, so nothing flickers. */
static void print_table(const struct ht_watch *w, enum ht_watch_key key, int rows, int columns,
                        bool screen)
{
    const char *end = screen ? "\033[K" : "";
    char inuse[24], growth[32], objects[24], rate[24], sure[24];
    if (screen)
        fputs("\033[H", stdout);
    print_sums(w, columns, end);
    if (w->fresh) {
        line(columns, end, "no sample yet: it is not known what it has in use");
    } else if (w->sampled > 0) {
        ht_figure_bytes(ht_evidence_unlisted(w->sampled, CONFIDENCE), inuse, sizeof inuse);
        line(columns, end,
             "a site of less than %s may not be listed (95 %%); ! grew more than chance", inuse);
    }
    line(columns, end, "%10s %-6s %12s  %10s %9s  %s", "IN USE", "95%", "GROWTH", "ALLOCS/S",
         "OBJECTS", "OWNER \xe2\x86\x90 CALLERS");
    int room = screen ? rows - 4 : 20;
    for (size_t i = 0; i < w->n && room-- > 0; i++) {
        const struct ht_watch_site *s = &w->sites[i];
        ht_figure_bytes((double)s->inuse, inuse, sizeof inuse);
        ht_figure_count((double)s->objects, objects, sizeof objects);
        ht_figure_count(s->rate, rate, sizeof rate);
        signed_rate(s->growth, growth, sizeof growth);
        if (!w->compared)
            strcpy(rate, "-"), strcpy(growth, "-");
        line(columns, end, "%10s %s %12s%c %10s %9s  %s", inuse, margin(w, s, sure, sizeof sure),
             growth, s->grew ? '!' : ' ', rate, objects, s->text);
    }
    if (screen) {
        char foot[128];
        snprintf(foot, sizeof foot,
                 "sorted by %s  (i)n use (g)rowth (r)ate (o)bjects  (l)eaks  q quits", keys[key]);
        printf("\033[J\033[%d;1H%.*s\033[K", rows, columns - 1, foot);
    } else {
        putchar('\n');
    }
    fflush(stdout);
}

/* Waits for the interval or a key. The key, 0 when the time is over, -1 when the screen changed. */
static int wait_key(bool screen, double seconds)
{
    struct pollfd in = {.fd = screen ? STDIN_FILENO : -1, .events = POLLIN};
    char c = 0;
    int r = poll(&in, 1, (int)(seconds * 1000));
    if (r < 0)
        return -1;
    if (r > 0 && read(STDIN_FILENO, &c, 1) != 1)
        ended = 1;
    return c;
}

static double monotonic(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int watch(struct ht_watch *w, enum ht_watch_key key, double interval, long count,
                 bool screen, char *msg, size_t msg_size)
{
    double next = 0;
    int err = 0;
    while (!ended) {
        if (monotonic() >= next) {
            err = ht_watch_look(w, msg, msg_size);
            if (err == -ESRCH) { /* it wrote its profile and removed its region */
                w->alive = false;
                err = 0;
            }
            if (err)
                break;
            next = monotonic() + interval;
            resized = 1;
            if (count > 0)
                count--;
        }
        if (resized) {
            int rows, columns;
            resized = 0;
            size_of_terminal(&rows, &columns);
            if (!screen)
                columns = PRINTED_COLUMNS;
            ht_watch_sort(w, key);
            print_table(w, key, rows, columns, screen);
        }
        if (!count || !w->alive || ferror(stdout))
            break;
        double left = next - monotonic();
        int c = wait_key(screen, left > 0 ? left : 0);
        const char *letter = c > 0 ? strchr(letters, c) : NULL;
        if (c == 'q' || c == 3)
            break;
        if (c == 'l') {
            int rows, columns;
            size_of_terminal(&rows, &columns);
            if (!ht_watch_leaks(w->pid, rows, columns))
                break;
            fputs("\033[H\033[J", stdout);
        }
        if (c == ' ' || c == 'l')
            next = 0;
        if (letter) {
            key = (enum ht_watch_key)(letter - letters);
            resized = 1;
        }
    }
    return err;
}

static void print_threads(const struct ht_thread_watch *w, int rows, int columns, bool screen)
{
    const char *end = screen ? "\033[K" : "";
    char clock[16];
    time_t t = time(NULL);
    strftime(clock, sizeof clock, "%H:%M:%S", localtime(&t));
    if (screen)
        fputs("\033[H", stdout);
    line(columns, end, "%s (%d)  %ld threads, %+ld since the first look  %s", w->program,
         (int)w->pid, w->now, w->now - w->first, clock);
    line(columns, end, "%7s %7s         %-15s %s", "threads", "growth", "name", "place");
    int left = screen ? rows - 3 : 20;
    for (size_t i = 0; i < w->n && left > 0; i++) {
        const struct ht_thread_place *p = &w->places[i];
        if (!p->now && p->now == p->first)
            continue;
        line(columns, end, "%7ld %+7ld %-7s %-15s %s", p->now, p->now - p->first,
             ht_thread_place_climbs(p) ? "climbs" : "", p->name, p->stack);
        left--;
    }
    fputs(screen ? "\033[J" : "\n", stdout);
    fflush(stdout);
}

static int watch_threads(struct ht_thread_watch *w, double interval, long count, bool screen,
                         char *msg, size_t msg_size)
{
    int err = 0, shown = 0;
    while (!ended && !err) {
        int rows, columns;
        if (shown++)
            err = ht_thread_watch_look(w, msg, msg_size);
        if (err)
            break;
        size_of_terminal(&rows, &columns);
        print_threads(w, rows, screen ? columns : PRINTED_COLUMNS, screen);
        if (ferror(stdout) || (count > 0 && !--count))
            break;
        int c = wait_key(screen, interval);
        if (c == 'q' || c == 3)
            break;
    }
    return err == -ESRCH ? 0 : err; /* the process has ended */
}

static int begin_threads(pid_t pid, double interval, long count, bool screen)
{
    struct ht_thread_watch w = {.pid = pid};
    char msg[512];
    int err = ht_thread_watch_look(&w, msg, sizeof msg); /* said before the screen changes */
    if (!err && screen)
        terminal(true);
    if (!err) {
        err = watch_threads(&w, interval, count, screen, msg, sizeof msg);
        if (screen)
            terminal(false);
    }
    ht_thread_watch_finish(&w);
    return err ? ht_complain(1, "%s", msg) : 0;
}

/* 0, or 2 with a line. */
static int parse_key(const char *word, enum ht_watch_key *key)
{
    struct ht_guess guess = ht_guess(word, strlen(word));
    char said[80];
    for (int k = 0; k < HT_WATCH_KEYS; k++)
        if (!strcmp(word, keys[k])) {
            *key = (enum ht_watch_key)k;
            return 0;
        }
    for (int k = 0; k < HT_WATCH_KEYS; k++)
        ht_guess_offer(&guess, keys[k]);
    return ht_complain(2, "--sort=%s: inuse, growth, rate or objects%s", word,
                       ht_guess_text(&guess, "", said, sizeof said));
}

int ht_cmd_watch(int argc, char **argv)
{
    const char *interval = "2s", *count = NULL, *sort = "inuse", *min = NULL, *max = NULL;
    bool threads = false;
    const struct ht_word_option options[] = {{"interval", 'n', .value = &interval},
                                             {"count", .value = &count},
                                             {"sort", .value = &sort},
                                             {"threads", .flag = &threads},
                                             {"min-age", .value = &min},
                                             {"max-age", .value = &max},
                                             {NULL}};
    struct ht_words rest = {0};
    struct ht_watch w = {0};
    enum ht_watch_key key = HT_WATCH_INUSE;
    uint64_t ns = 0;
    char msg[512], buf[HT_PROCESS_WORD], *end = NULL;
    pid_t pid;
    int status = ht_words_read(argc, argv, options, usage, &rest);
    long tables = count ? strtol(count, &end, 10) : -1;
    if (status < 0 && rest.n != 1)
        status = ht_complain(2, "watch takes one process, by PID or name (heaptap ps lists them)");
    if (status < 0 && (!ht_parse_duration(interval, &ns) || ns < 50000000))
        status = ht_complain(2, "--interval=%s is no duration of 50ms or more", interval);
    if (status < 0 && count && (*end || tables < 1))
        status = ht_complain(2, "--count=%s: a number from 1 is needed", count);
    if (status < 0 && parse_key(sort, &key))
        status = 2;
    if (status < 0 && ht_ages_parse(&w.ages, min, max, false, msg, sizeof msg))
        status = ht_complain(2, "%s", msg);
    if (status < 0 &&
        (w.word = rest.word[0], ht_process_word(&w.word, buf, threads, false, msg, sizeof msg)))
        status = ht_complain(1, "%s", msg);
    if (status < 0 && !ht_region_is_pid(w.word, &pid))
        status = ht_complain(2, "%s is no process", w.word);
    if (status < 0) {
        bool screen = isatty(STDOUT_FILENO) && isatty(STDIN_FILENO);
        struct sigaction act = {.sa_handler = on_signal};
        sigaction(SIGINT, &act, NULL);
        sigaction(SIGTERM, &act, NULL);
        sigaction(SIGWINCH, &act, NULL);
        if (threads) {
            status = begin_threads(pid, (double)ns / 1e9, tables, screen);
            ht_words_finish(&rest);
            return status;
        }
        int err = ht_watch_look(&w, msg, sizeof msg); /* said before the screen changes */
        if (!err && screen)
            terminal(true);
        if (!err) {
            w.taken = 0;
            err = watch(&w, key, (double)ns / 1e9, tables, screen, msg, sizeof msg);
            if (screen)
                terminal(false);
        }
        status = err ? ht_complain(1, "%s", msg) : 0;
        ht_watch_finish(&w);
    }
    ht_words_finish(&rest);
    return status;
}
