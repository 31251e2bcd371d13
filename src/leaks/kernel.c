/* SPDX-License-Identifier: MIT */
/*
 * An event loop may hand a connection's address to the kernel (epoll_ctl) and keep it nowhere else.
 * The kernel shows such words: those of epoll in /proc/PID/fdinfo, those of timers in
 * /proc/PID/timers. It does not show words that io_uring, aio and pending signals have.
 */
#include "config.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "leaks/threads.h"

void ht_leak_add_word(struct ht_leak_threads *t, uint64_t word, uint64_t from)
{
    if (t->n_words == t->room) {
        size_t room = t->room ? 2 * t->room : 256;
        uint64_t *more = reallocarray(t->word, room, sizeof *more);
        t->word = more ? more : t->word;
        uint64_t *more_from = more ? reallocarray(t->from, room, sizeof *more_from) : NULL;
        if (!more_from)
            return;
        t->from = more_from;
        t->room = room;
    }
    t->word[t->n_words] = word;
    t->from[t->n_words++] = from;
}

/* Reads the lines of a file, and adds each number in base 16 that follows `mark` and precedes
 * `delimiter`. */
static void words_of(const char *path, const char *mark, char delimiter,
                     enum ht_leak_loose_kind kind, struct ht_leak_threads *out)
{
    char *line = NULL;
    size_t room = 0;
    FILE *f = fopen(path, "re");
    while (f && getline(&line, &room, f) > 0) {
        const char *at = strstr(line, mark);
        if (at && (at = strchr(at + strlen(mark) - 1, delimiter)))
            ht_leak_add_word(out, strtoull(at + 1, NULL, 16), ht_leak_loose(kind, 0, 0));
    }
    free(line);
    if (f)
        fclose(f);
}

void ht_leak_kernel_words(const struct ht_remote *r, struct ht_leak_threads *out)
{
    char path[320], target[32];
    snprintf(path, sizeof path, "/proc/%d/timers", (int)r->living);
    words_of(path, "signal: ", '/', HT_LOOSE_TIMER, out);
    snprintf(path, sizeof path, "/proc/%d/fd", (int)r->living);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        snprintf(path, sizeof path, "/proc/%d/fd/%s", (int)r->living, e->d_name);
        ssize_t n = *e->d_name == '.' ? -1 : readlink(path, target, sizeof target - 1);
        target[n > 0 ? n : 0] = '\0';
        if (strcmp(target, "anon_inode:[eventpoll]") != 0)
            continue;
        snprintf(path, sizeof path, "/proc/%d/fdinfo/%s", (int)r->living, e->d_name);
        words_of(path, "data: ", ' ', HT_LOOSE_EPOLL, out);
    }
    if (d)
        closedir(d);
}
