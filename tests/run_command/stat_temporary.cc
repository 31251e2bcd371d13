// SPDX-License-Identifier: MIT
// Blocks that are freed at once, and those that only look so: prints for each case what
// heaptap_read_temporary says came to it. The truth is in test_stat.py.
#include <heaptap/heaptap.h>

#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <pthread.h>
#include <semaphore.h>
#include <sys/wait.h>
#include <unistd.h>

static void *volatile shared, *volatile kept;
static volatile size_t too_much = PTRDIFF_MAX, nothing = 0; // hidden from the compiler's warnings
static struct row {
    const char *name;
    unsigned long long objects, bytes;
} rows[40];
static int n_rows;
static uint64_t objects, bytes;

static void begin(const char *name)
{
    rows[n_rows].name = name;
    if (heaptap_call_temporary(&objects, &bytes))
        objects = bytes = 0;
}

static void end(void)
{
    uint64_t o = 0, b = 0;
    heaptap_call_temporary(&o, &b);
    rows[n_rows].objects = o - objects;
    rows[n_rows++].bytes = b - bytes;
}

// The compiler must not take a pair of calls away.
template <class T> static T *seen(T *p)
{
    __asm__ volatile("" : "+r"(p) : : "memory");
    return p;
}

// Another thread that does as it is told, one step after the other.
static sem_t go, done;
static void (*volatile job)(void);

static void *worker(void *)
{
    for (;;) {
        sem_wait(&go);
        if (!job)
            return nullptr;
        job();
        sem_post(&done);
    }
}

static void elsewhere(void (*what)(void))
{
    job = what;
    sem_post(&go);
    if (what)
        sem_wait(&done);
}

static void free_shared(void)
{
    free(shared);
}

static void free_and_allocate(void)
{
    void *was = seen(shared);
    free(shared);
    shared = malloc(72);
    if (shared != was)
        _exit(9); // not what this case is about
}

static void allocate_kept(void)
{
    kept = malloc(30);
}

static void set_rate(void)
{
    heaptap_call_set_rate(1 << 20);
}

static void one_after_the_other(void)
{
    begin("malloc"), free(seen(malloc(100))), end();
    begin("calloc"), free(seen(calloc(3, 50))), end();
    begin("aligned"), free(seen(aligned_alloc(256, 512))), end();
    void *p = nullptr;
    begin("memalign");
    if (!posix_memalign(&p, 64, 200))
        free(seen(p));
    end();
    begin("new"), delete seen(new long), end();
    begin("new[]"), delete[] seen(new char[33]), end();
    struct alignas(128) wide {
        char c[128];
    };
    begin("new aligned"), delete seen(new wide), end();
    begin("new nothrow"), delete[] seen(new (std::nothrow) char[44]), end();
    begin("large"), free(seen(malloc(3 << 20))), end();
    begin("none"), free(seen(malloc(0))), end();

    begin("nested");
    void *a = seen(malloc(10)), *b = seen(malloc(20));
    free(b), free(a), end();
    a = seen(malloc(11));
    begin("a free between");
    b = seen(malloc(12));
    free(a), free(b), end();
    begin("free of NULL between");
    a = seen(malloc(13));
    free(seen<void>(nullptr)), free(a), end();
    begin("a failure between");
    a = seen(malloc(14));
    if (malloc(too_much))
        _exit(9);
    free(a), end();
    begin("loop");
    for (int i = 1; i <= 1000; i++)
        free(seen(malloc(static_cast<size_t>(i))));
    end();
}

static void realloc_cases(void)
{
    begin("in place"); // two: what was before the realloc, and after it
    void *a = seen(malloc(100)), *b = seen(realloc(a, 101));
    if (a != b)
        _exit(9);
    free(b), end();
    begin("moved");
    a = seen(malloc(24)), b = seen(realloc(a, 100000));
    if (a == b)
        _exit(9);
    free(b), end();
    begin("realloc fails");
    a = seen(malloc(40));
    if (realloc(a, too_much))
        _exit(9);
    free(a), end();
    begin("realloc to 0");
    kept = realloc(seen(malloc(41)), nothing);
    end();
    begin("realloc to 0 between");
    a = seen(malloc(45)), b = seen(malloc(46));
    kept = realloc(a, nothing);
    free(b), end();
    begin("realloc of another");
    a = seen(malloc(42)), b = seen(malloc(43));
    a = seen(realloc(a, 44));
    free(b), free(a), end();
}

static void on_signal(int)
{
    kept = malloc(60);
}

static void *leave_one(void *)
{
    shared = malloc(50);
    return nullptr;
}

static void *free_the_one(void *)
{
    free(shared);
    return nullptr;
}

static void between_threads(void)
{
    pthread_t t;
    pthread_create(&t, nullptr, worker, nullptr);
    elsewhere(allocate_kept); // its first sample, and what the thread needs for that
    begin("freed elsewhere");
    shared = seen(malloc(70)), elsewhere(free_shared), end();
    begin("allocated elsewhere"); // by another thread: nothing to this one
    shared = seen(malloc(71)), elsewhere(allocate_kept), free(shared), end();
    begin("same address and node");
    shared = seen(malloc(72)), elsewhere(free_and_allocate), free(shared), end();
    begin("rate set elsewhere"); // the first allocation after that is still recorded
    elsewhere(set_rate);
    shared = seen(malloc(73)), kept = malloc(74), free(shared);
    heaptap_call_set_rate(1), end();
    elsewhere(nullptr);
    pthread_join(t, nullptr);
    // A new thread at the place of one that is gone.
    pthread_create(&t, nullptr, leave_one, nullptr);
    pthread_join(t, nullptr);
    begin("another thread's number");
    pthread_create(&t, nullptr, free_the_one, nullptr);
    pthread_join(t, nullptr);
    end();
}

// The child's own count: 0 after it has freed its parent's block, then one of its own.
static void with_child(void)
{
    begin("before a fork"), shared = seen(malloc(80));
    pid_t pid = fork();
    if (!pid) {
        uint64_t o = 9, b = 9;
        free(shared);
        if (heaptap_call_temporary(&o, &b) || o || b)
            _exit(1);
        free(seen(malloc(81)));
        _exit(heaptap_call_temporary(&o, &b) || o != 1 || b != 81 ? 2 : 0);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    free(shared), end();
    rows[n_rows].name = "child", rows[n_rows++].objects = static_cast<unsigned long long>(status);
}

int main()
{
    sem_init(&go, 0, 0);
    sem_init(&done, 0, 0);
    signal(SIGUSR1, on_signal);
    one_after_the_other();
    realloc_cases();
    begin("handler allocates");
    void *p = seen(malloc(61));
    raise(SIGUSR1);
    free(p), end();
    between_threads();
    with_child();
    begin("not sampled between");
    p = seen(malloc(90));
    heaptap_call_stop();
    void *q = seen(malloc(91));
    heaptap_call_start();
    free(p), end(), free(q);
    begin("rate between");
    heaptap_call_set_rate(1 << 20);
    p = seen(malloc(92)), q = seen(malloc(93));
    heaptap_call_set_rate(1);
    free(p), end(), free(q);
    for (int i = 0; i < n_rows; i++)
        printf("%s: %llu %llu\n", rows[i].name, rows[i].objects, rows[i].bytes);
    return 0;
}
