/* SPDX-License-Identifier: MIT */
/*
 * A daemon with leaks, to practise on (docs/leak-hunt.md). It serves requests: each makes a session
 * that is closed again and an entry of a cache, which is bounded. Every tenth session is forgotten;
 * now and then so are a tree (of a query) and two blocks that point to each other (in a room). A
 * list of users only grows: the program can reach it, and never looks at it. "ready" is printed when
 * the cache is full: from then on nothing but these grows.
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

/* A term of a query and what it is made of. */
struct term {
    struct term *left, *right;
    char text[240];
};

static struct term *parse_query(int depth)
{
    struct term *t = malloc(sizeof *t);
    t->left = depth ? parse_query(depth - 1) : NULL;
    t->right = depth ? parse_query(depth - 1) : NULL;
    snprintf(t->text, sizeof t->text, "term of depth %d", depth);
    return t;
}

/* Each knows the other. */
struct member {
    struct member *other;
    char name[1000];
};

static void join_room(void)
{
    struct member *a = malloc(sizeof *a), *b = malloc(sizeof *b);
    a->other = b;
    b->other = a;
    snprintf(a->name, sizeof a->name, "somebody");
    snprintf(b->name, sizeof b->name, "somebody else");
}

struct user {
    struct user *next;
    char name[1000];
};
static struct user *users;

static void remember_user(void)
{
    struct user *u = malloc(sizeof *u);
    snprintf(u->name, sizeof u->name, "somebody");
    u->next = users;
    users = u;
}

static void handle_request(unsigned long request)
{
    struct session *s = open_session("somebody");
    remember_answer(request);
    if (request % 10) /* the bug: one in ten is never closed */
        close_session(s);
    if (request % 100 == 1 && parse_query(3)->left == NULL) /* its answer is all that is wanted */
        puts("a query of one term");
    if (request % 100 == 2)
        join_room();
    if (request % 50 == 3)
        remember_user();
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
