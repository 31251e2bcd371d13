// SPDX-License-Identifier: MIT
/*
 * lsan NAME [MODULE]: one situation of those that LeakSanitizer's tests are about, written anew: a block is allocated by `made`, put somewhere, and
 * the program ends. What must be said of it is in test_lsan.py.
 */
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <atomic>

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define ALONE __attribute__((noinline, noclone))

static void escape(const volatile void *p)
{
    asm volatile("" : : "g"(p) : "memory");
}
ALONE static void *made(size_t size = 1337)
{
    void *p = malloc(size);
    escape(p);
    return p;
}
ALONE static void wipe()
{
    char below[60000];
    memset(below, 0, sizeof below);
    escape(below);
}

static void *volatile in_data = (void *)1, *volatile in_bss;
static thread_local void *volatile in_tls;
static int ends[2];
static std::atomic<int> waiting;

static void rest()
{
    char c;
    waiting++;
    while (read(ends[0], &c, 1) != 1)
        ;
}
static pthread_t start(void *(*run)(void *), void *with = nullptr)
{
    pthread_t t;
    if (pthread_create(&t, nullptr, run, with))
        abort();
    return t;
}
// Runs in a thread that ends, and leaves nothing on its stack.
static void *(*to_run)(void *);
static void *run_and_wipe(void *)
{
    to_run(nullptr);
    wipe();
    return nullptr;
}
static void apart(void *(*run)(void *))
{
    to_run = run;
    pthread_join(start(run_and_wipe), nullptr);
}
static void wait_for(int n)
{
    while (waiting < n)
        usleep(1000);
}

// --- where the only pointer is -------------------------------------------------------------------------

static void *stack_thread(void *)
{
    void *volatile mine = made();
    rest();
    return mine;
}
static void *tls_thread(void *)
{
    in_tls = made();
    wipe();
    rest();
    return nullptr;
}
static void *register_thread(void *)
{
    waiting++;
    void *p = made();
    // In r12 alone, for ever.
    asm volatile("mov %0, %%r12\n\txor %0, %0\n1:\tpause\n\tjmp 1b" : "+r"(p) : : "r12", "memory");
    return nullptr;
}
template <int KEYS> static void *specific_thread(void *)
{
    static pthread_key_t key;
    for (int i = 0; i < KEYS; i++)
        if (pthread_key_create(&key, nullptr))
            abort();
    pthread_setspecific(key, made());
    wipe();
    rest();
    return nullptr;
}
static const char *module;
static void *dynamic_tls_thread(void *)
{
    void *handle = dlopen(module, RTLD_NOW | RTLD_LOCAL);
    void **(*place)() = handle ? (void **(*)())dlsym(handle, "place") : nullptr;
    if (!place)
        abort();
    *place() = made();
    wipe();
    rest();
    return nullptr;
}

static void *lose_plain(void *)
{
    made();
    return nullptr;
}
static void *lose_self(void *)
{
    void **p = (void **)made();
    p[2] = p;
    return nullptr;
}
static void *lose_large(void *)
{
    memset(made(33 << 20), 0, 4096);
    return nullptr;
}
static char *page;
static void *put_unaligned(void *)
{
    void *p = made();
    memcpy(page + 5, &p, sizeof p);
    return nullptr;
}
static void *put_in_page(void *)
{
    *(void **)(page + 64) = made();
    return nullptr;
}
static void *put_tagged(void *)
{
    in_bss = (void *)((uintptr_t)made() | (uintptr_t)0x3f << 57);
    return nullptr;
}
static void *put_interior(void *)
{
    in_bss = (char *)made() + 700;
    return nullptr;
}
static void *put_zero(void *)
{
    in_bss = made(0);
    return nullptr;
}
static void *lose_zero(void *)
{
    made(0);
    return nullptr;
}
static void *argument_thread(void *with)
{
    escape(with);
    return nullptr;
}

static pthread_key_t cleaned;
static void *cleanup_thread(void *)
{
    pthread_setspecific(cleaned, made());
    return nullptr;
}

// A frame that is left has it.
ALONE static void dig(int depth)
{
    void *volatile deep[64];
    for (auto &d : deep)
        d = depth ? nullptr : made();
    if (depth)
        dig(depth - 1);
    escape(deep);
}
static void *stale_thread(void *)
{
    dig(8);
    rest();
    return nullptr;
}

static ucontext_t outside, inside;
static void context()
{
    void *volatile mine = made();
    swapcontext(&inside, &outside);
    escape(mine);
}
static void swap(bool guarded)
{
    size_t size = 65536;
    char *stack = (char *)mmap(nullptr, size + 4096, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (guarded)
        mprotect(stack, 4096, PROT_NONE);
    getcontext(&inside);
    inside.uc_stack.ss_sp = stack + 4096;
    inside.uc_stack.ss_size = size;
    inside.uc_link = &outside;
    makecontext(&inside, context, 0);
    swapcontext(&outside, &inside);
}

static void *contention_thread(void *)
{
    waiting++;
    for (;;) {
        void *volatile p[8];
        for (auto &one : p)
            one = made(128);
        for (auto &one : p)
            free((void *)one);
    }
}

static void at_exit_uses_stack()
{
    wipe();
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    auto is = [&](const char *what) { return !strcmp(name, what); };
    module = argc > 2 ? argv[2] : "";
    page = (char *)mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pipe(ends))
        return 1;
    if (is("use_stacks")) {
        void *volatile mine = made();
        exit(mine ? 0 : 1);
    }
    if (is("use_globals_initialized"))
        in_data = made();
    else if (is("use_globals_uninitialized"))
        in_bss = made();
    else if (is("use_tls_static"))
        in_tls = made();
    else if (is("use_stacks_threaded"))
        start(stack_thread), wait_for(1);
    else if (is("use_tls_static_threaded"))
        start(tls_thread), wait_for(1);
    else if (is("use_tls_dynamic"))
        start(dynamic_tls_thread), wait_for(1);
    else if (is("use_tls_pthread_specific_static"))
        start(specific_thread<1>), wait_for(1);
    else if (is("use_tls_pthread_specific_dynamic") || is("many_tls_keys_pthread"))
        start(specific_thread<200>), wait_for(1);
    else if (is("use_registers")) {
        for (int i = 0; i < 3; i++)
            start(register_thread);
        wait_for(3);
        usleep(20000);
    } else if (is("use_unaligned"))
        apart(put_unaligned);
    else if (is("register_root_region"))
        apart(put_in_page);
    else if (is("user_pointer"))
        apart(put_tagged);
    else if (is("interior_pointer"))
        apart(put_interior);
    else if (is("pointer_to_self"))
        apart(lose_self);
    else if (is("leak_check_at_exit"))
        apart(lose_plain);
    else if (is("ended_thread_stack"))
        pthread_join(start(lose_plain), nullptr);
    else if (is("exit_atexit_stale_stack"))
        atexit(at_exit_uses_stack), apart(lose_plain);
    else if (is("large_allocation_leak"))
        apart(lose_large);
    else if (is("malloc_zero"))
        apart(lose_zero);
    else if (is("malloc_zero_kept"))
        apart(put_zero);
    else if (is("stale_stack_leak"))
        start(stale_thread), wait_for(1);
    else if (is("create_thread_leak"))
        for (int i = 0; i < 10; i++)
            pthread_join(start(argument_thread, made()), nullptr), wipe();
    else if (is("leak_check_before_thread_started"))
        for (int i = 0; i < 4; i++) // they may not have begun when the program ends
            start(stack_thread);
    else if (is("cleanup_in_tsd_destructor"))
        pthread_key_create(&cleaned, free), apart(cleanup_thread);
    else if (is("swapcontext"))
        swap(false);
    else if (is("guard-page"))
        swap(true);
    else if (is("high_allocator_contention")) {
        for (int i = 0; i < 8; i++)
            start(contention_thread);
        wait_for(8);
    } else if (is("fork_threaded") || is("fork_and_leak")) {
        start(stack_thread), wait_for(1);
        pid_t child = fork();
        int status = 0;
        if (!child) {
            if (is("fork_and_leak"))
                apart(lose_plain);
            exit(0);
        }
        waitpid(child, &status, 0);
        exit(WEXITSTATUS(status));
    } else if (is("realloc_failure_keeps_original")) {
        in_bss = made();
        void *more = realloc(in_bss, (size_t)1 << 60);
        escape(more);
        if (more)
            return 1;
    } else if (is("realloc_zero")) {
        void *volatile none = realloc(made(), 0);
        escape(&none);
    } else {
        return 1;
    }
    wipe();
    return 0;
}
