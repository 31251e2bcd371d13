/* SPDX-License-Identifier: MIT */
/*
 * Allocates from stacks of every kind, each time a size of its own, and prints for every size the
 * stack that the profile has to show: "STACK name size rule pc pc ...", leaf first, from the
 * probe's caller on, addresses as a profile has them. Rules: `equal`; `starts`: the first pcs are
 * those, what follows is unknowable (there the program's being alive is the test).
 */
#include "config.h"

#define UNW_LOCAL_ONLY
#include <dlfcn.h>
#include <libunwind.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "stacks.h"

#define FIRST_SIZE 10000
#define MAX_DEPTH  120

struct record {
    const char *name;
    bool whole;
    unsigned n;
    uint64_t pcs[MAX_DEPTH];
};
static struct record *records;
static unsigned n_records, max_records = 30000;

/* Libunwind's stack above the caller of this, as a profile's addresses. */
static void reference(struct record *r)
{
    unw_context_t context;
    unw_cursor_t c;
    unw_getcontext(&context);
    unw_init_local(&c, &context);
    for (int skip = 0; skip < 2; skip++)
        if (unw_step(&c) <= 0)
            return;
    do {
        unw_word_t pc;
        unw_get_reg(&c, UNW_REG_IP, &pc);
        if (!pc)
            break;
        /* True of the interrupted frame: its pc is no return address. */
        r->pcs[r->n++] = pc - !(unw_is_signal_frame(&c) > 0);
    } while (r->n < MAX_DEPTH && unw_step(&c) > 0);
}

static __attribute__((noinline)) void *allocate(size_t size)
{
    void *volatile p = malloc(size);
    return p;
}

static __attribute__((noinline)) void probe(void *name)
{
    if (n_records == max_records)
        return;
    struct record *r = &records[n_records];
    r->name = name;
    r->whole = true;
    reference(r);
    free(allocate(FIRST_SIZE + n_records));
    n_records++;
}

/* What is known is how the stack begins: the first `n` of libunwind's. */
static void probe_known(void *name, unsigned n)
{
    probe(name);
    records[n_records - 1].whole = false;
    if (records[n_records - 1].n > n)
        records[n_records - 1].n = n;
    KEEP_FRAME();
}

static void probe_second(void *name)
{
    probe_known(name, 2);
    KEEP_FRAME();
}

static void in_handler(int signal)
{
    mixed(4, probe, signal == SIGUSR2 ? "signal on sigaltstack" : "signal");
}

static void signals(void)
{
    static char stack[16384];
    stack_t alt = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction a = {.sa_handler = in_handler};
    sigaction(SIGHUP, &a, NULL);
    a.sa_flags = SA_ONSTACK;
    sigaltstack(&alt, NULL);
    sigaction(SIGUSR2, &a, NULL);
    raise(SIGHUP);
    raise(SIGUSR2);
}

/* From deep inside: the walk goes handler, trampoline, interrupted frames. */
static void raise_it(void *arg)
{
    raise((int)(intptr_t)arg);
    KEEP_FRAME();
}

static int compare_probing(const void *a, const void *b)
{
    probe("called back by qsort");
    return *(const int *)a - *(const int *)b;
}

static void *thread(void *arg)
{
    mixed(30, probe, "thread");
    mixed(5, raise_it, (void *)(intptr_t)SIGUSR2); /* no alternate stack here */
    return NULL;
}

#define COROUTINE_STACK 65536
static ucontext_t main_context, coroutine_context;

static void coroutine(void)
{
    deep_o2(20, probe, "coroutine");
    deep_o2(100, probe, "coroutine of several pages");
    swapcontext(&coroutine_context, &main_context);
    raise(SIGUSR2);
    realigned(3, probe, "coroutine");
    swapcontext(&coroutine_context, &main_context);
}

/* A page that faults lies below the coroutine's stack. */
static void *run_coroutine(void *arg)
{
    char *stack = mmap(NULL, COROUTINE_STACK + 4096, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(stack, 4096, PROT_NONE);
    getcontext(&coroutine_context);
    coroutine_context.uc_stack.ss_sp = stack + 4096;
    coroutine_context.uc_stack.ss_size = COROUTINE_STACK;
    makecontext(&coroutine_context, coroutine, 0);
    for (int i = 0; i < 2; i++)
        swapcontext(&main_context, &coroutine_context);
    munmap(stack, COROUTINE_STACK + 4096);
    return NULL;
}

typedef void (*asm_fn)(then_fn, void *, uint64_t rbp);

static asm_fn as_jit(asm_fn f, const unsigned char *end)
{
    char *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(code, (const void *)f, (size_t)(end - (const unsigned char *)f));
    mprotect(code, 4096, PROT_READ | PROT_EXEC);
    return (asm_fn)code;
}

static asm_fn jit_fp;

static void again_through_jit(void *arg)
{
    jit_fp(probe, arg, 0);
    KEEP_FRAME();
}

static uint64_t unaligned_word[4];

static void odd_code(void)
{
    static const uint64_t garbage[] = {
        0, 1, 8, 0xdeadbeef, 0x7fffffffffffffffULL, 0x8000000000000000ULL, ~0ull, ~7ull};
    asm_fn jit = as_jit(asm_no_cfi, asm_no_cfi_end);
    jit_fp = as_jit(asm_no_cfi_fp, asm_no_cfi_fp_end);
    deep_o0(1, again_through_jit, "JIT with frame pointers");
    jit_fp(again_through_jit, "JIT twice", 0);
    asm_cfa_expression(probe, "CFA by expression", 0);
    asm_cfa_rbx(probe, "CFA in rbx", 0);
    asm_cfa_rbx(again_through_jit, "CFA in rbx, under a JIT", 0); /* which may have changed rbx */
    records[n_records - 1].whole = false;
    records[n_records - 1].n = 3;
    for (unsigned i = 0; i < sizeof garbage / sizeof *garbage; i++) {
        jit(probe_second, "JIT, garbage in rbp", garbage[i]);
        asm_cfa_expression(probe, "garbage in rbp", garbage[i]);
        asm_wrong_cfa(probe_second, "wrong CFI", garbage[i]);
        asm_wrong_cfa(again_through_jit, "wrong CFI", garbage[i]);
        records[n_records - 1].whole = false;
        records[n_records - 1].n = 2;
    }
    /* rbp at itself, at the stack's words, at words that are no frame. */
    uint64_t here[4] = {(uint64_t)here, (uint64_t)odd_code, 0, 0};
    jit(probe_second, "JIT, rbp loops", (uint64_t)here);
    here[0] = (uint64_t)here + 1;
    jit(probe_second, "JIT, rbp odd", (uint64_t)here);
    jit(probe_second, "JIT, rbp in data", (uint64_t)unaligned_word + 3);
    for (int i = -20; i < 20; i += 4)
        jit(probe_second, "JIT, rbp near", (uint64_t)(here + i));
}

/* Every instruction of a piece of code, by the trap flag. */
static unsigned stepped_max;

static void on_step(int signal, siginfo_t *info, void *context)
{
    unsigned first = n_records;
    probe("stepped");
    if (n_records - first && n_records > stepped_max)
        ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~0x100L;
}

/* Compiled with -mno-red-zone: this pushes. */
static __attribute__((always_inline)) inline void set_trap_flag(bool on)
{
    if (on)
        __asm__ volatile("pushf; orl $0x100, (%%rsp); popf" ::: "memory", "cc");
    else
        __asm__ volatile("pushf; andl $0xfffffeff, (%%rsp); popf" ::: "memory", "cc");
}

static void nothing(void *arg)
{
}

static volatile double sink;

/* Without a call of malloc or free: frames of ours are not shown. */
static __attribute__((noinline)) void stepped_code(void)
{
    char text[64];
    set_trap_flag(true);
    sink =
        cbrt(sink + 2); /* the first call: through a PLT entry, ld.so's trampoline and resolver */
    sink = cbrt(sink + 2);
    realigned(2, nothing, NULL);
    deep_o2(2, nothing, NULL);
    deep_o0(2, nothing, NULL);
    asm_cfa_expression(nothing, NULL, 0x1234);
    asm_cfa_rbx(nothing, NULL, 0x1234);
    snprintf(text, sizeof text, "%g", 0.1);
    set_trap_flag(false);
    sink += text[0];
}

static void stepped(void)
{
    struct sigaction a = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
    stepped_max = n_records + 12000;
    sigaction(SIGTRAP, &a, NULL);
    stepped_code();
}

static void print_all(void)
{
    printf("PROBE %#lx\n", (unsigned long)(uintptr_t)allocate);
    for (unsigned i = 0; i < n_records; i++) {
        const struct record *r = &records[i];
        printf("STACK %s %u %s", r->name, FIRST_SIZE + i, r->whole ? "equal" : "starts");
        for (unsigned j = 0; j < r->n; j++)
            printf(" %lx", r->pcs[j]);
        printf("\n");
    }
}

int main(int argc, char **argv)
{
    pthread_t t;
    int numbers[] = {5, 4, 3, 2, 1};
    records = mmap(NULL, max_records * sizeof *records, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    deep_o2(30, probe, "30 frames without frame pointers");
    deep_o2(100, probe, "100 frames without frame pointers");
    deep_o0(30, probe, "30 frames with frame pointers");
    realigned(30, probe, "30 realigned frames");
    mixed(90, probe, "mixed frames");
    mixed(100, probe, "mixed frames");
    qsort(numbers, 5, sizeof *numbers, compare_probing);
    signals();
    mixed(20, raise_it, (void *)(intptr_t)SIGUSR2);
    mixed(20, raise_it, (void *)(intptr_t)SIGHUP);
    pthread_create(&t, NULL, thread, NULL);
    pthread_join(t, NULL);
    run_coroutine(NULL);
    pthread_create(&t, NULL, run_coroutine, NULL);
    pthread_join(t, NULL);
    void *plugin = dlopen(argc > 1 ? argv[1] : "./stacks-plugin.so", RTLD_NOW);
    void (*run)(int, then_fn, void *) =
        plugin ? (void (*)(int, then_fn, void *))dlsym(plugin, "plugin_run") : NULL;
    if (!run) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    run(40, probe, "dlopened C++");
    odd_code();
    stepped();
    print_all();
    return 0;
}
