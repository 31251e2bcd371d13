/* SPDX-License-Identifier: MIT */
/*
 * A server with a thread for each request, for docs/threads.md: one in ten waits for an answer that
 * never comes, and stays. Says "ready", and works until it is killed.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t answer = PTHREAD_COND_INITIALIZER;
static int answered;
static volatile unsigned last_digest;

static void pause_for(long ms)
{
    struct timespec t = {0, ms * 1000000};
    nanosleep(&t, NULL);
}

__attribute__((noinline)) static void wait_for_answer(void)
{
    pthread_mutex_lock(&lock);
    while (!answered)
        pthread_cond_wait(&answer, &lock);
    pthread_mutex_unlock(&lock);
}

__attribute__((noinline)) static unsigned digest(const char *body, size_t n)
{
    unsigned sum = 0;
    for (int round = 0; round < 800; round++)
        for (size_t i = 0; i < n; i++)
            sum = sum * 31 + (unsigned char)body[i];
    return sum;
}

static void *handle_request(void *arg)
{
    long number = (long)arg;
    char name[16], *body = malloc(20000);
    snprintf(name, sizeof name, "request-%ld", number % 100000);
    prctl(PR_SET_NAME, name);
    if (body) {
        memset(body, (int)number, 20000);
        last_digest = digest(body, 20000);
    }
    if ((long)arg % 10 == 0)
        wait_for_answer();
    free(body);
    return NULL;
}

int main(void)
{
    pthread_attr_t a;
    pthread_attr_init(&a);
    pthread_attr_setstacksize(&a, 65536);
    pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED);
    for (long i = 0;; i++) {
        pthread_t t;
        if (pthread_create(&t, &a, handle_request, (void *)i))
            return 1;
        if (i == 5) {
            puts("ready");
            fflush(stdout);
        }
        pause_for(40);
    }
}
