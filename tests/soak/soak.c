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
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "heaptap/heaptap.h"

enum { WORKERS = 6, SLOTS = 2048, SIZES = 2064, CHURN = 1 << 13 };
enum kind { MALLOC, CALLOC, REALLOC, ALIGNED, TOP_UP, KINDS };
static const char *const names[KINDS] = {"site_malloc", "site_calloc", "site_realloc", "site_aligned",
                                         "site_top_up"};

/* What one thread allocated and, less what it freed, left: by kind and size. */
struct counts {
    long made[KINDS][SIZES], left[KINDS][SIZES];
};
static struct counts counts[WORKERS + 2]; /* the workers', those of the short threads, main's */
static _Atomic(unsigned char *) slots[SLOTS];
static atomic_int stop, still, standing;
static atomic_long wrong, handled, hooked, operations;
static double rate;

/* Sites alike must not become one. */
#if defined(__clang__)
#define SITE __attribute__((noinline)) static void *
#else
#define SITE __attribute__((noinline, noclone, no_icf)) static void *
#endif
#define STAY(p) __asm__ volatile("" : "+r"(p)::"memory")

SITE site_malloc(size_t n)
{
    void *p = malloc(n);
    STAY(p);
    return p;
}

SITE site_calloc(size_t n)
{
    void *p = calloc(1, n);
    STAY(p);
    return p;
}

SITE site_realloc(size_t n)
{
    void *p = realloc(NULL, n / 2 + 1);
    STAY(p);
    p = realloc(p, n);
    STAY(p);
    return p;
}

SITE site_aligned(size_t n)
{
    void *p = NULL;
    if (posix_memalign(&p, 128, n))
        abort();
    STAY(p);
    return p;
}

SITE site_top_up(size_t n)
{
    void *p = malloc(n);
    STAY(p);
    return p;
}

static unsigned char *take(struct counts *c, enum kind kind, size_t n)
{
    unsigned char *p;
    switch (kind) {
    case CALLOC:
        p = site_calloc(n);
        for (size_t i = 0; i < n; i++)
            wrong += p[i] != 0;
        break;
    case REALLOC:
        c->made[REALLOC][n / 2 + 1]++;
        p = site_realloc(n);
        break;
    case ALIGNED:
        p = site_aligned(n);
        wrong += (uintptr_t)p % 128 != 0;
        break;
    default:
        p = site_malloc(n);
    }
    c->made[kind][n]++;
    c->left[kind][n]++;
    uint64_t head = n | (uint64_t)kind << 32;
    memcpy(p, &head, sizeof head);
    for (size_t i = sizeof head; i < n; i++)
        p[i] = (unsigned char)(n * 7 + i);
    return p;
}

static uint64_t verified(const unsigned char *p)
{
    uint64_t head;
    memcpy(&head, p, sizeof head);
    size_t n = (uint32_t)head;
    if (n >= SIZES || head >> 32 >= KINDS) {
        wrong++;
        return 0;
    }
    for (size_t i = sizeof head; i < n; i++)
        if (p[i] != (unsigned char)(n * 7 + i)) {
            wrong++;
            break;
        }
    return head;
}

static void give(struct counts *c, unsigned char *p)
{
    uint64_t head = verified(p);
    c->left[head >> 32][(uint32_t)head]--;
    free(p);
}

static uint64_t step(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

static void *worker(void *arg)
{
    struct counts *c = arg;
    uint64_t x = 88172645463325252ull + (uint64_t)(c - counts) * 7919;
    long done = 0;
    for (; !stop; done += 2) {
        if (still) {
            operations += done;
            done = 0;
            standing++;
            while (still)
                usleep(500);
            standing--;
        }
        uint64_t r = step(&x);
        enum kind kind = r >> 60 < REALLOC + 2 ? (enum kind)(r >> 60) : MALLOC;
        unsigned char *p = take(c, kind, 16 + (r >> 20) % 2000);
        p = atomic_exchange(&slots[r % SLOTS], p);
        if (p)
            give(c, p);
    }
    operations += done;
    return NULL;
}

/* One that lives for a moment. */
static void *short_thread(void *arg)
{
    struct counts *c = arg;
    unsigned char *p[40];
    for (unsigned i = 0; i < 40; i++)
        p[i] = take(c, MALLOC, 16 + i * 30);
    for (unsigned i = 0; i < 40; i++)
        give(c, p[i]);
    return NULL;
}

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

static void line(const char *format, ...)
{
    char text[4000];
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    if (write(STDOUT_FILENO, text, (size_t)n) != n)
        _exit(3);
}

static int64_t now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/*
 * "name": [objects, bytes, live objects, live bytes], their variances as estimates at this rate, and how
 * many samples are to be expected of what was allocated and of what lives.
 */
static size_t truth(char *out, size_t size, const struct counts *sum)
{
    size_t at = 0;
    for (int k = 0; k < KINDS; k++) {
        double v[4] = {0}, var[4] = {0}, samples[2] = {0};
        for (int n = 0; n < SIZES; n++)
            for (int live = 0; live < 2; live++) {
                double count = (double)(live ? sum->left[k][n] : sum->made[k][n]);
                double p = rate <= 1 ? 1 : -expm1(-(n + 1) / rate);
                v[2 * live] += count;
                v[2 * live + 1] += count * n;
                var[2 * live] += count * (1 - p) / p;
                var[2 * live + 1] += count * n * n * (1 - p) / p;
                samples[live] += count * p;
            }
        at += (size_t)snprintf(out + at, size - at,
                               "%s\"%s\": [[%.0f,%.0f,%.0f,%.0f],[%g,%g,%g,%g],[%g,%g]]",
                               k ? ", " : "", names[k], v[0], v[1], v[2], v[3], var[0], var[1],
                               var[2], var[3], samples[0], samples[1]);
    }
    return at;
}

void *__libc_malloc(size_t n);
void __libc_free(void *p);

enum { GROUPS = 15, BATCHES = 40, BATCH = 400 };

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Nanoseconds of a free, batch by batch: of the hook's, and of glibc's own right beside it. The lower
 * quartile of each group's batches, then the ratio of the two; of the groups' ratios, all. */
static void free_cost(const char *when)
{
    static void *p[BATCH];
    static double of[2][BATCHES], ratio[GROUPS], ours[GROUPS];
    uint64_t x = 88172645463325252ull;
    for (int g = -1; g < GROUPS; g++) { /* the first warms up */
        for (int b = 0; b < 2 * BATCHES; b++) {
            bool raw = b & 1;
            for (int i = 0; i < BATCH; i++)
                p[i] = raw ? __libc_malloc(200) : malloc(200);
            for (int i = BATCH - 1; i > 0; i--) { /* not in the order of addresses */
                unsigned k = (unsigned)(step(&x) % (unsigned)(i + 1));
                void *t = p[i];
                p[i] = p[k];
                p[k] = t;
            }
            int64_t begin = now(CLOCK_MONOTONIC);
            if (raw)
                for (int i = 0; i < BATCH; i++)
                    __libc_free(p[i]);
            else
                for (int i = 0; i < BATCH; i++)
                    free(p[i]);
            of[raw][b / 2] = (double)(now(CLOCK_MONOTONIC) - begin) / BATCH;
        }
        for (int i = 0; i < 2; i++)
            qsort(of[i], BATCHES, sizeof of[i][0], by_value);
        if (g >= 0) {
            ours[g] = of[0][BATCHES / 4];
            ratio[g] = of[0][BATCHES / 4] / of[1][BATCHES / 4];
        }
    }
    qsort(ratio, GROUPS, sizeof ratio[0], by_value);
    qsort(ours, GROUPS, sizeof ours[0], by_value);
    line("{\"at\": \"cost\", \"when\": \"%s\", \"operations\": %ld, \"ns\": %.2f, \"ratio\": %.4f, "
         "\"low\": %.4f, \"high\": %.4f}\n",
         when, (long)operations, ours[GROUPS / 2], ratio[GROUPS / 2], ratio[2], ratio[GROUPS - 3]);
}

/* Operations as fast as they go, at ever other addresses, until there were so many. */
static void top_up(long until, unsigned churn)
{
    static void *held[CHURN];
    static uint16_t sizes[CHURN];
    struct counts *c = &counts[WORKERS + 1];
    uint64_t x = 362436069;
    long done = 0;
    for (; operations + done < until; done += 2) {
        uint64_t r = step(&x);
        unsigned k = r % churn;
        if (held[k]) {
            free(held[k]);
            c->left[TOP_UP][sizes[k]]--;
        }
        sizes[k] = (uint16_t)(16 + (r >> 32) % 400);
        held[k] = site_top_up(sizes[k]);
        c->made[TOP_UP][sizes[k]]++;
        c->left[TOP_UP][sizes[k]]++;
        if (done == 0xffffe) {
            operations += done + 2;
            done = -2;
        }
    }
    operations += done;
    for (unsigned k = 0; k < CHURN; k++)
        if (held[k]) {
            free(held[k]);
            held[k] = NULL;
            c->left[TOP_UP][sizes[k]]--;
        }
}

static struct counts sum;

static void add_up(void)
{
    memset(&sum, 0, sizeof sum);
    for (unsigned t = 0; t < WORKERS + 2; t++)
        for (int k = 0; k < KINDS; k++)
            for (int n = 0; n < SIZES; n++) {
                sum.made[k][n] += counts[t].made[k][n];
                sum.left[k][n] += counts[t].left[k][n];
            }
}

static void report(const char *what, const char *file, int error, long loads, int64_t began)
{
    char sites[3000];
    truth(sites, sizeof sites, &sum);
    line("{\"at\": \"%s\", \"file\": \"%s\", \"error\": %d, \"pid\": %d, \"wrong\": %ld, \"handled\": %ld, \"hooked\": %ld, \"loads\": %ld, "
         "\"operations\": %ld, \"began\": %lld, \"sites\": {%s}}\n",
         what, file, error, getpid(), (long)wrong, (long)handled, (long)hooked, loads, (long)operations, (long long)began,
         sites);
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
    line("{\"at\": \"did\", \"forks\": %ld, \"loads\": %ld, \"threads\": %ld, \"asked\": %ld}\n", forks,
         loads, threads, asked);
    top_up(atol(argv[3]), CHURN / 2);
    free_cost("end");
    for (int i = 0; i < SLOTS; i++)
        if (slots[i])
            give(&counts[WORKERS + 1], slots[i]);
    add_up();
    report("end", "", 0, loads, now(CLOCK_REALTIME));
    return wrong != 0;
}
