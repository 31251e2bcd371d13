/* SPDX-License-Identifier: MIT */
/*
 * soak SECONDS [PLUGIN]: threads that allocate in every way, hand blocks to each other and verify
 * every byte; signal handlers that allocate; forks; dlopen and dlclose; dumps by signal. At the end
 * everything is freed. Prints what it did as JSON: the truth of site(), resident memory at a third
 * and at the end, and the cost of a pair then and at the start.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 6, SLOTS = 2048 };
static _Atomic(unsigned char *) slots[SLOTS];
static atomic_int stop;
static atomic_long wrong, taken, bytes;

/* Every block of the workers comes from here: its truth is counted beside it. */
__attribute__((noinline)) static void *site(size_t n)
{
    void *p = malloc(n);
    atomic_fetch_add(&taken, 1);
    atomic_fetch_add(&bytes, (long)n);
    return p;
}

static void fill(unsigned char *p, size_t n)
{
    memcpy(p, &n, sizeof n);
    for (size_t i = sizeof n; i < n; i++)
        p[i] = (unsigned char)(n * 7 + i);
}

static void verify(unsigned char *p)
{
    size_t n;
    memcpy(&n, p, sizeof n);
    for (size_t i = sizeof n; i < n; i++)
        if (p[i] != (unsigned char)(n * 7 + i)) {
            atomic_fetch_add(&wrong, 1);
            return;
        }
}

static void *worker(void *arg)
{
    uint64_t x = 88172645463325252ull + (uintptr_t)arg * 7919;
    while (!stop) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        size_t n = 16 + (x >> 20) % 2000;
        unsigned char *p;
        switch (x >> 60) {
        case 0:
            p = calloc(1, n);
            for (size_t i = 0; i < n; i++)
                if (p[i])
                    atomic_fetch_add(&wrong, 1);
            break;
        case 1:
            p = realloc(realloc(NULL, n / 2 + 1), n);
            break;
        case 2:
            if (posix_memalign((void **)&p, 128, n))
                abort();
            if ((uintptr_t)p & 127)
                atomic_fetch_add(&wrong, 1);
            break;
        default:
            p = site(n);
        }
        fill(p, n);
        p = atomic_exchange(&slots[x % SLOTS], p);
        if (p) {
            verify(p);
            free(p);
        }
    }
    return NULL;
}

static void handler(int number)
{
    (void)number;
    free(malloc(300));
}

static long resident(void)
{
    char line[256];
    long sum = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, "RssAnon:", 8) || !strncmp(line, "RssShmem:", 9))
            sum += atol(strchr(line, ':') + 1);
    if (f)
        fclose(f);
    return sum;
}

/* Nanoseconds of a pair on one thread: the best of many short runs, for the machine is shared. */
static double pair_cost(void)
{
    double best = 1e9;
    for (int r = 0; r < 200; r++) {
        struct timespec a, b;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
        for (int i = 0; i < 2000; i++) {
            void *volatile p = malloc(200);
            free(p);
        }
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
        double ns = ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / 2000;
        if (ns < best)
            best = ns;
    }
    return best;
}

int main(int argc, char **argv)
{
    int seconds = argc > 1 ? atoi(argv[1]) : 10;
    pthread_t t[THREADS];
    struct sigaction ours = {.sa_handler = handler, .sa_flags = SA_RESTART}, dump;
    sigaction(SIGUSR2, &ours, NULL);
    sigaction(SIGUSR1, NULL, &dump);
    double before = pair_cost();
    for (long i = 0; i < THREADS; i++)
        pthread_create(&t[i], NULL, worker, (void *)(i + 1));
    time_t begin = time(NULL);
    long third = 0, forks = 0, loads = 0;
    for (long i = 0; time(NULL) - begin < seconds; i++) {
        usleep(3000);
        pthread_kill(t[i % THREADS], SIGUSR2);
        if (i % 40 == 0) {
            pid_t child = fork();
            if (!child) {
                for (int k = 0; k < SLOTS; k += 3) {
                    unsigned char *p = slots[k];
                    if (p)
                        verify(p);
                }
                _exit(wrong != 0);
            }
            int status;
            waitpid(child, &status, 0);
            if (status)
                atomic_fetch_add(&wrong, 1);
            forks++;
        }
        if (argc > 2 && i % 5 == 0) {
            void *h = dlopen(argv[2], RTLD_NOW | RTLD_LOCAL);
            void *(*grab)(size_t) = h ? (void *(*)(size_t))dlsym(h, "grab") : NULL;
            if (grab)
                free(grab(500));
            else
                atomic_fetch_add(&wrong, 1);
            if (h)
                dlclose(h);
            loads++;
        }
        if (i % 100 == 0 && dump.sa_handler != SIG_DFL)
            raise(SIGUSR1);
        if (!third && time(NULL) - begin >= seconds / 3)
            third = resident();
    }
    stop = 1;
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    long last = resident();
    for (int i = 0; i < SLOTS; i++)
        free(slots[i]);
    printf("{\"wrong\": %ld, \"objects\": %ld, \"bytes\": %ld, \"forks\": %ld, \"loads\": %ld, "
           "\"third_kib\": %ld, \"end_kib\": %ld, \"pair_before\": %.1f, \"pair_after\": %.1f}\n",
           (long)wrong, (long)taken, (long)bytes, forks, loads, third, last, before, pair_cost());
    return wrong != 0;
}
