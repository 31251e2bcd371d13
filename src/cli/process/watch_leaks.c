/* SPDX-License-Identifier: MIT */
/* The report of `leaks` is written into memory, and as much of it shown as there is room for. */
#include "config.h"

#include "cli/process/watch_leaks.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/process/leaks_report.h"
#include "profile/profile.h"
#include "remote/remote.h"
#include "symbolize/symbolize.h"

struct view {
    int rows, columns;
    volatile sig_atomic_t cancel;
    char key; /* that ended the look */
};

/* 0: none within so many milliseconds; -1: input has ended, or a signal came. */
static int key_within(int ms)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    char c;
    int n = poll(&in, 1, ms);
    if (n <= 0)
        return n;
    return read(STDIN_FILENO, &c, 1) == 1 ? (unsigned char)c : -1;
}

static void last_line(const struct view *v, const char *text)
{
    printf("\033[%d;1H%.*s\033[K", v->rows, v->columns - 1, text);
    fflush(stdout);
}

static void show_progress(void *ctx, const struct ht_leaks *l, uint64_t done, uint64_t all)
{
    struct view *v = ctx;
    char text[160], left[48] = "";
    int key = key_within(0);
    if (key) {
        v->key = (char)key;
        v->cancel = 1;
    }
    if (l->n_passes)
        snprintf(left, sizeof left, "; without a reference: %zu", l->candidates[l->n_passes - 1]);
    snprintf(text, sizeof text, "looking for leaks: pass %u, %.0f%%%s  any key ends it",
             l->n_passes + (!l->n_passes || done < all),
             all ? 100 * (double)(done < all ? done : all) / (double)all : 100, left);
    last_line(v, text);
}

/* Lines, each cut at the last column. */
static void show(const struct view *v, const char *text)
{
    fputs("\033[H\033[J", stdout);
    for (int row = 1; row < v->rows && *text; row++) {
        size_t n = strcspn(text, "\n"), kept = 0;
        for (int left = v->columns; kept < n; kept++)
            if ((text[kept] & 0xc0) != 0x80 && !left--)
                break;
        printf("%.*s\r\n", (int)kept, text);
        text += n + (text[n] == '\n');
    }
    last_line(v, "any key goes back, q quits");
}

static int report(const struct ht_leaks *l, FILE *out, size_t shown, char *msg, size_t msg_size)
{
    struct ht_leak_rows rows = {0};
    struct ht_leak_sites sites = {0};
    const struct ht_symbolize_options o = {.lines_and_inlines = true, .pid = l->region.pid};
    int err = ht_leak_rows_make(l, &rows, msg, msg_size);
    if (!err) {
        char note[256];
        ht_symbolize(rows.profile, &o, note, sizeof note);
        err = ht_leak_sites_make(l, &rows, &sites, msg, msg_size);
    }
    if (!err)
        ht_leaks_text(out, l, &sites, shown);
    ht_leak_sites_free(&sites);
    ht_leak_rows_free(&rows);
    return err;
}

static int look(pid_t pid, struct view *v, FILE *out, char *msg, size_t msg_size)
{
    struct ht_remote r;
    struct ht_leaks l = {0};
    const struct ht_leak_options o = {.passes = 3,
                                      .every_ns = 1000000000u,
                                      .budget = 500u << 20,
                                      .cancel = &v->cancel,
                                      .progress = show_progress,
                                      .ctx = v};
    int err = ht_remote_open(&r, pid, msg, msg_size);
    if (err)
        return err;
    err = ht_leaks_look(&r, &o, &l, msg, msg_size);
    if (!err)
        err = report(&l, out, v->rows > 12 ? (size_t)v->rows - 10 : 2, msg, msg_size);
    ht_leaks_free(&l);
    ht_remote_close(&r);
    return err;
}

bool ht_watch_leaks(pid_t pid, int rows, int columns)
{
    struct view v = {.rows = rows, .columns = columns};
    char msg[512] = "", *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    last_line(&v, "looking for leaks...");
    int err = out ? look(pid, &v, out, msg, sizeof msg) : -ENOMEM;
    if (out)
        fclose(out);
    if (!v.cancel)
        show(&v, err ? *msg ? msg : strerror(-err) : text ? text : "");
    free(text);
    int key = v.cancel ? v.key : key_within(-1);
    return key != 'q' && key != 3 && key != -1;
}
