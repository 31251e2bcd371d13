/* SPDX-License-Identifier: MIT */
/*
 * soak SECONDS RATE OPERATIONS DIRECTORY PLUGIN: threads that allocate in every way, hand blocks to each
 * other and verify every byte; threads that come and go; signal handlers that allocate; forks; dlopen
 * and dlclose; dumps by signal. Every few seconds all is still for a moment: a profile is written to
 * DIRECTORY, a child forks and writes one too, and a line says what each must hold. Then operations
 * are made until there were OPERATIONS of them. What a free costs is measured before and after, beside
 * the free of glibc itself. Lines of JSON, for run.py.
 */
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heaptap/heaptap.h"
#include "soak.h"

static const void *own, *hooks; /* link maps of this program, and of what malloc is */

/* Only where the allocator below us is not interrupted, which has locks and no way to know: in the
 * program itself, and anywhere in the library's own code. */
__attribute__((noinline)) static void from_handler(int number, siginfo_t *info, void *context)
{
    struct dl_find_object o;
    void *pc = (void *)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
    if (_dl_find_object(pc, &o) || (o.dlfo_link_map != own && o.dlfo_link_map != hooks))
        return;
    void *p = malloc(300);
    STAY(p);
    free(p);
    handled++;
    hooked += o.dlfo_link_map == hooks;
}

/* In a forked child, while the workers stood still: it has what lived, and goes on from there. */
static void child_of_stillness(const char *directory, long loads, int64_t began)
{
    char file[600];
    wrong = 0;
    for (int k = 0; k < KINDS; k++) /* what it inherits is the first that its profile knows */
        memcpy(sum.made[k], sum.left[k], sizeof sum.made[k]);
    for (unsigned i = 0; i < SLOTS; i++) {
        unsigned char *p = slots[i];
        if (p && i % 3 == 0)
            give(&sum, p);
        else if (p)
            verified(p);
        if (i % 3 == 0)
            slots[i] = take(&sum, (enum kind)(i % TOP_UP), 16 + i % 1900);
    }
    heaptap_call_flush();
    snprintf(file, sizeof file, "%s/child.%d.pb.gz", directory, getpid());
    int error;
    while ((error = heaptap_call_dump(file)) == -EBUSY)
        usleep(1000);
    report("child", file, error, loads, began);
    _exit(wrong != 0);
}

static void wait_for(pid_t child)
{
    int status = 0;
    if (child < 0)
        return;
    while (waitpid(child, &status, 0) < 0)
        ;
    wrong += status != 0;
}

static void stillness(const char *directory, long loads, bool dumps, bool cost)
{
    static int n;
    char file[600];
    still = 1;
    while (standing < WORKERS)
        usleep(200);
    int64_t began = now(CLOCK_REALTIME);
    add_up();
    heaptap_call_flush();
    snprintf(file, sizeof file, "%s/still.%d.pb.gz", directory, n++);
    int error = -ENOSYS;
    while (dumps && (error = heaptap_call_dump(file)) == -EBUSY)
        usleep(1000);
    report("still", file, error, loads, began);
    if (cost)
        free_cost("start");
    pid_t child = fork();
    if (!child)
        child_of_stillness(directory, loads, began);
    wait_for(child);
    still = 0;
    while (standing)
        usleep(200);
}

/* A fork while all others go on: what the child finds in the slots is whole, and it can allocate. */
static void fork_amid(void)
{
    pid_t child = fork();
    if (!child) {
        wrong = 0;
        for (unsigned i = 0; i < SLOTS; i += 3)
            if (slots[i])
                verified(slots[i]);
        short_thread(&sum);
        _exit(wrong != 0);
    }
    wait_for(child);
}

int main(int argc, char **argv)
{
    if (argc < 6)
        return 2;
    int64_t seconds = atol(argv[1]);
    rate = atof(argv[2]);
    const char *directory = argv[4];
    bool dumps = heaptap_call_active() >= 0;
    pthread_t t[WORKERS];
    struct sigaction ours = {.sa_sigaction = from_handler, .sa_flags = SA_RESTART | SA_SIGINFO};
    struct dl_find_object o;
    if (!_dl_find_object((void *)main, &o))
        own = o.dlfo_link_map;
    if (!_dl_find_object((void *)malloc, &o) && dumps)
        hooks = o.dlfo_link_map;
    sigaction(SIGUSR2, &ours, NULL);
    top_up(2000000, CHURN); /* the tables take the size that the load needs */
    for (int i = 0; i < WORKERS; i++)
        pthread_create(&t[i], NULL, worker, &counts[i]);
    int64_t begin = now(CLOCK_MONOTONIC), next = begin;
    long forks = 0, loads = 0, threads = 0, asked = 0, stills = 0;
    for (long i = 0; now(CLOCK_MONOTONIC) - begin < seconds * 1000000000; i++) {
        usleep(3000);
        /* One thread has the requests for dumps, the others the handlers that allocate: a handler that came
         * down on the other's could not tell that malloc lies below. */
        pthread_kill(t[1 + i % (WORKERS - 1)], SIGUSR2);
        if (i % 40 == 0) {
            fork_amid();
            forks++;
        }
        if (i % 5 == 0) {
            void *h = dlopen(argv[5], RTLD_NOW | RTLD_LOCAL);
            void *(*grab)(size_t) = h ? (void *(*)(size_t))dlsym(h, "grab") : NULL;
            if (grab) {
                free(grab(500));
                loads++;
            } else {
                wrong++;
            }
            if (h)
                dlclose(h);
        }
        if (i % 7 == 0) {
            pthread_t one;
            if (!pthread_create(&one, NULL, short_thread, &counts[WORKERS])) {
                pthread_join(one, NULL);
                threads++;
            }
        }
        if (i % 100 == 0 && dumps) {
            pthread_kill(t[0], SIGUSR1);
            asked++;
        }
        if (now(CLOCK_MONOTONIC) > next) {
            stillness(directory, loads, dumps, stills++ == 1);
            next = now(CLOCK_MONOTONIC) + 4000000000;
        }
    }
    stop = 1;
    for (int i = 0; i < WORKERS; i++)
        pthread_join(t[i], NULL);
    line("{\"at\": \"did\", \"forks\": %ld, \"loads\": %ld, \"threads\": %ld, \"asked\": %ld}\n",
         forks, loads, threads, asked);
    top_up(atol(argv[3]), CHURN / 2);
    free_cost("end");
    for (int i = 0; i < SLOTS; i++)
        if (slots[i])
            give(&counts[WORKERS + 1], slots[i]);
    add_up();
    report("end", "", 0, loads, now(CLOCK_REALTIME));
    return wrong != 0;
}
