/* SPDX-License-Identifier: MIT */
/*
 * A daemon with a leak, to practise on (docs/leak-hunt.md). It serves requests: each makes a session
 * that is closed again and an entry of a cache, which is bounded. Every tenth session is forgotten.
 * "ready" is printed when the cache is full: from then on nothing but the leak grows.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct session {
    char *user;
    char buffer[4096];
};

#define CACHE 4096
static char *cache[CACHE];
static volatile sig_atomic_t ended;

static char *copy_text(const char *text, size_t n)
{
    char *p = malloc(n);
    snprintf(p, n, "%s", text);
    return p;
}

static struct session *open_session(const char *user)
{
    struct session *s = malloc(sizeof *s);
    s->user = copy_text(user, 64);
    memset(s->buffer, 0, sizeof s->buffer);
    return s;
}

static void close_session(struct session *s)
{
    free(s->user);
    free(s);
}

static void remember_answer(unsigned long request)
{
    char **entry = &cache[request % CACHE];
    free(*entry);
    *entry = copy_text("answer", 2048);
}

static void handle_request(unsigned long request)
{
    struct session *s = open_session("somebody");
    remember_answer(request);
    if (request % 10) /* the bug: one in ten is never closed */
        close_session(s);
}

static void on_term(int number)
{
    (void)number;
    ended = 1;
}

/* Ten requests come each millisecond, on a busy machine too. */
static void wait_for_requests(const struct timespec *start, unsigned long served)
{
    struct timespec next = *start;
    next.tv_sec += (time_t)(served / 10000);
    next.tv_nsec += (long)(served / 10 % 1000) * 1000000;
    if (next.tv_nsec >= 1000000000) {
        next.tv_nsec -= 1000000000;
        next.tv_sec++;
    }
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
}

int main(void)
{
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    signal(SIGTERM, on_term);
    for (unsigned long request = 0; !ended; request++) {
        handle_request(request);
        if (request + 1 == CACHE) {
            puts("ready");
            fflush(stdout);
        }
        if (request % 10 == 0)
            wait_for_requests(&start, request);
    }
    return 0;
}
