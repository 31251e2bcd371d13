/* SPDX-License-Identifier: MIT */
/*
 * Blocks of which it is known who holds them; each by a function whose name says it. Prints "ready"
 * and waits for its input to end. The library beside it (held_library.c) has a table of its own.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "held_library.h"

#define ALONE __attribute__((noinline, noclone))

ALONE static void *block(size_t size)
{
    void *p = calloc(1, size);
    if (!p)
        abort();
    return p;
}
/* In the function itself, which so is the owner. */
#define BLOCK(size)                                                                                \
    ({                                                                                             \
        void *made = calloc(1, size);                                                              \
        __asm__ volatile("" : "+r"(made)::"memory");                                               \
        made;                                                                                      \
    })

/* One pointer; an array; a list; a tree below a table; two ways to one block. */
static void *volatile one_pointer;
static void *volatile entries[64];
struct node {
    struct node *next;
    char data[56];
};
static struct node *volatile list_head;
static void **volatile tables[4];
static void *volatile shared_one;
static __thread void *volatile local_pointer[3];

ALONE static void *by_global(void)
{
    return BLOCK(100);
}
ALONE static void *by_array(void)
{
    return BLOCK(200);
}
ALONE static struct node *by_list(void)
{
    return BLOCK(sizeof(struct node));
}
ALONE static void *by_table(void)
{
    return BLOCK(80);
}
ALONE static void **table_of(void)
{
    return BLOCK(32 * sizeof(void *));
}
ALONE static void *by_two(void)
{
    return BLOCK(72);
}
ALONE static void *by_library(void)
{
    return BLOCK(120);
}
ALONE static void *by_local(void)
{
    return BLOCK(88);
}
ALONE static void *by_frame(void)
{
    return BLOCK(96);
}
ALONE static void *by_main(void)
{
    return BLOCK(104);
}
ALONE static void *by_mapping(void)
{
    return BLOCK(112);
}
ALONE static void *by_kernel(void)
{
    return BLOCK(136);
}
ALONE static void *by_register(void)
{
    return BLOCK(144);
}
ALONE static void *by_spinning(void)
{
    return BLOCK(152);
}
ALONE static void by_nobody(void)
{
    BLOCK(160);
}
ALONE static void *by_young(void)
{
    return BLOCK(168);
}

static int waiting[2];
static volatile int settled;
static volatile int ended;

ALONE static void wipe(void)
{
    char below[30000];
    memset(below, 0, sizeof below);
    __asm__ volatile("" : : "g"(below) : "memory");
}

ALONE static int wait_for_work(void *volatile *job)
{
    char byte;
    wipe();
    __sync_fetch_and_add(&settled, 1);
    return (int)read(waiting[0], &byte, 1) + (*job != NULL);
}

ALONE static int handle_job(void)
{
    void *volatile job[2] = {by_frame(), NULL};
    return wait_for_work(job);
}

static void *worker(void *number)
{
    char name[16];
    snprintf(name, sizeof name, "worker-%d", (int)(long)number);
    pthread_setname_np(pthread_self(), name);
    local_pointer[1] = by_local();
    return (void *)(long)handle_job();
}

/* The only pointer is in rbx, while it waits. */
static void *registered(void *unused)
{
    char *byte = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    long result;
    (void)unused;
    pthread_setname_np(pthread_self(), "registered");
    __sync_fetch_and_add(&settled, 1);
    void *p = by_register();
    __asm__ volatile(
        "mov %[p], %%rbx\n\txor %[p], %[p]\n\t"
        "mov $-128, %%rcx\n"
        "1:\tmovq $0, (%%rsp,%%rcx)\n\tadd $8, %%rcx\n\tjnz 1b\n\t"
        "xor %%r8, %%r8\n\txor %%r9, %%r9\n\txor %%r10, %%r10\n\tsyscall\n\txor %%ebx, %%ebx"
        : "=a"(result), [p] "+r"(p)
        : "a"((long)SYS_read), "D"((long)waiting[0]), "S"(byte), "d"(1L)
        : "rbx", "rcx", "r8", "r9", "r10", "r11", "memory");
    return NULL;
}

ALONE static long spin(void *volatile *kept)
{
    long turns = 0;
    __sync_fetch_and_add(&settled, 1);
    while (!ended)
        turns += *kept != NULL;
    return turns;
}

static void *spinning(void *unused)
{
    void *volatile kept[1];
    (void)unused;
    pthread_setname_np(pthread_self(), "spinning");
    kept[0] = by_spinning();
    return (void *)spin(kept);
}

/* Lies where the program had mappings of its own, of which heaptap's table (--mmap) has addresses. */
ALONE static void by_nobody_large(void)
{
    char *p = BLOCK(900 << 10);
    memset(p, 1, 900 << 10);
}

ALONE static void large_after_mappings(void)
{
    const size_t each = 64 << 10;
    char *p = mmap(NULL, 16 * each, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < 16; i++)
        mmap(p + i * each, each, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
             -1, 0);
    munmap(p, 16 * each);
    by_nobody_large();
}

static void *builder(void *unused)
{
    struct epoll_event e = {.events = EPOLLIN};
    /* Apart from all other mappings. */
    void **page = mmap(NULL, 3 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    page += (1 << 20) / sizeof *page;
    mprotect(page, 1 << 20, PROT_READ | PROT_WRITE);
    (void)unused;
    one_pointer = by_global();
    for (int i = 0; i < 64; i++)
        entries[i] = by_array();
    for (int i = 0; i < 1000; i++) {
        struct node *n = by_list();
        n->next = list_head;
        list_head = n;
    }
    for (int i = 0; i < 4; i++) {
        tables[i] = table_of();
        for (int k = 0; k < 16; k++)
            tables[i][k] = by_table();
    }
    shared_one = by_two();
    library_keep(by_library());
    page[100] = by_mapping();
    page[101] = shared_one; /* a variable holds it too, and comes first */
    e.data.ptr = by_kernel();
    if (epoll_ctl(epoll_create1(0), EPOLL_CTL_ADD, waiting[0], &e))
        abort();
    memset(&e, 0, sizeof e);
    __asm__ volatile("" : : "g"(&e) : "memory");
    by_nobody();
    large_after_mappings();
    wipe();
    return NULL;
}

static pthread_t start(void *(*run)(void *), long with)
{
    pthread_t t;
    if (pthread_create(&t, NULL, run, (void *)with))
        abort();
    return t;
}

ALONE static int serve(void *volatile *kept)
{
    char byte;
    wipe();
    puts("ready");
    fflush(stdout);
    while (read(0, &byte, 1) > 0) /* each byte: a block that is young */
        kept[1] = by_young();
    return kept[0] == NULL;
}

int main(void)
{
    void *volatile kept[2] = {NULL, NULL};
    if (pipe(waiting))
        return 1;
    free(block(1));
    pthread_join(start(builder, 0), NULL);
    for (long i = 1; i <= 3; i++)
        start(worker, i);
    start(registered, 0);
    start(spinning, 0);
    while (settled < 5)
        usleep(1000);
    usleep(20000); /* in their system calls */
    kept[0] = by_main();
    int status = serve(kept);
    ended = 1;
    _exit(status);
}
