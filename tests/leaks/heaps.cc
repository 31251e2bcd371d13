// SPDX-License-Identifier: MIT
/*
 * heaps [COUNT [MOVERS [moving]]]: a heap of which it is known what leaked.
 *
 * Every block is allocated by a function whose name says what must be said of it: kept_X is
 * reachable, lost_X is not, unseen_X is reachable in a way that no scan sees, register_X by a
 * register of a blocked thread alone, hidden_X is lost while an old pointer to it is still
 * somewhere. COUNT times each; MOVERS threads move blocks of kept_moving between places as fast as
 * they can, with a third word also at the end. Prints "NAME BLOCKS BYTES" for each, then "ready",
 * and waits for its input to end; x there makes it another program, f has it fork, and u map and
 * unmap memory with pointers in it, again and again.
 */
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <atomic>
#include <vector>

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ALONE __attribute__((noinline, noclone))

static void escape(void *p)
{
    asm volatile("" : : "g"(p) : "memory");
}

static struct truth {
    const char *name;
    std::atomic<long> blocks, bytes;
} truths[64];

static void count(const char *name, size_t size)
{
    for (truth &t : truths) {
        if (!t.name)
            t.name = name;
        if (!strcmp(t.name, name)) {
            t.blocks++;
            t.bytes += (long)size;
            return;
        }
    }
}

ALONE static void **counted(void *made, const char *name, size_t size)
{
    escape(made);
    count(name, size);
    return (void **)made;
}
// Allocates in the function itself, which so is the owner.
#define BLOCK(size) counted(calloc(1, size), __func__, size)

static void **roots[64];
static int n_roots;
static void root(void *p)
{
    if (n_roots % 4096 == 0) { // pages that are no heap
        roots[n_roots / 4096] =
            (void **)mmap(nullptr, 4096 * sizeof(void *), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }
    roots[n_roots / 4096][n_roots % 4096] = p;
    n_roots++;
}

// --- shapes: what the last argument is, is what leads to all of it --------------------------------

#define LIST(name)                                                                                 \
    ALONE static void *name()                                                                      \
    {                                                                                              \
        void **head = nullptr;                                                                     \
        for (int i = 0; i < 10; i++) {                                                             \
            void **node = BLOCK(48);                                                               \
            node[2] = head;                                                                        \
            head = node;                                                                           \
        }                                                                                          \
        escape(head);                                                                              \
        return head;                                                                               \
    }
LIST(kept_list)
LIST(lost_list)

#define TREE(name)                                                                                 \
    ALONE static void *name(int depth)                                                             \
    {                                                                                              \
        void **node = BLOCK(64);                                                                   \
        if (depth) {                                                                               \
            node[3] = name(depth - 1);                                                             \
            node[4] = name(depth - 1);                                                             \
        }                                                                                          \
        escape(node);                                                                              \
        return node;                                                                               \
    }
TREE(kept_tree)
TREE(lost_tree)

#define CYCLE(name)                                                                                \
    ALONE static void *name()                                                                      \
    {                                                                                              \
        void **first = BLOCK(40), **node = first;                                                  \
        for (int i = 0; i < 6; i++) {                                                              \
            void **next = BLOCK(40);                                                               \
            node[1] = next;                                                                        \
            next[2] = node;                                                                        \
            node = next;                                                                           \
        }                                                                                          \
        node[1] = first;                                                                           \
        first[2] = node;                                                                           \
        escape(first);                                                                             \
        return first;                                                                              \
    }
CYCLE(kept_cycle)
CYCLE(lost_cycle)

#define HASH(name)                                                                                 \
    ALONE static void *name()                                                                      \
    {                                                                                              \
        void **table = BLOCK(32 * sizeof(void *));                                                 \
        for (int i = 0; i < 64; i++) {                                                             \
            void **entry = BLOCK(72), **at = &table[i * 7 % 32];                                   \
            entry[0] = *at;                                                                        \
            entry[1] = BLOCK(24); /* the key */                                                    \
            *at = entry;                                                                           \
        }                                                                                          \
        escape(table);                                                                             \
        return table;                                                                              \
    }
HASH(kept_hash)
HASH(lost_hash)

#define RING(name)                                                                                 \
    ALONE static void *name()                                                                      \
    {                                                                                              \
        void **ring = BLOCK(16 * sizeof(void *));                                                  \
        for (int i = 5; i < 18; i++)                                                               \
            ring[i % 16] = BLOCK(200);                                                             \
        escape(ring);                                                                              \
        return ring;                                                                               \
    }
RING(kept_ring)
RING(lost_ring)

#define MANY(name)                                                                                 \
    ALONE static void *name()                                                                      \
    {                                                                                              \
        static const size_t sizes[] = {1, 24, 100, 1000, 5000, 40000, 300000};                     \
        void **all = BLOCK(8 * sizeof(void *));                                                    \
        for (int i = 0; i < 7; i++)                                                                \
            all[i] = BLOCK(sizes[i]);                                                              \
        escape(all);                                                                               \
        return all;                                                                                \
    }
MANY(kept_sizes)
MANY(lost_sizes)

// Two blocks and a hole between them, which stays in the arena's lists of free chunks.
ALONE static void *kept_beside_hole()
{
    void **before = BLOCK(1500), *hole = malloc(3000), **behind = BLOCK(1500);
    before[0] = behind;
    escape(hole);
    free(hole);
    return before;
}

// Nothing points to any of them: what the grade `unreferenced` is of.
ALONE static void lost_plain()
{
    for (int i = 0; i < 20; i++)
        escape(BLOCK(100 + 16 * i));
}

// A block that points to itself, as an empty list head does.
ALONE static void lost_self()
{
    void **p = BLOCK(48);
    p[0] = p[1] = p;
    escape(p);
}

// --- pointers of other forms ------------------------------------------------------------------------

ALONE static void *kept_interior()
{
    return (char *)BLOCK(96) + 40;
}
ALONE static void *kept_low_tag()
{
    return (void *)((uintptr_t)BLOCK(64) | 5);
}
ALONE static void *kept_high_tag()
{
    return (void *)((uintptr_t)BLOCK(64) | 0xabcdull << 48);
}

static uintptr_t xor_ends[2];
ALONE static void *unseen_xor()
{
    // Five nodes, each with its neighbours' addresses joined by XOR.
    void **n[7] = {};
    for (int i = 1; i < 6; i++)
        n[i] = BLOCK(32);
    for (int i = 1; i < 6; i++)
        n[i][0] = (void *)((uintptr_t)n[i - 1] ^ (uintptr_t)n[i + 1]);
    xor_ends[0] ^= (uintptr_t)n[1] ^ (uintptr_t)n[5]; // to be had with the other end alone
    escape(n);
    memset(n, 0, sizeof n);
    escape(n);
    return nullptr;
}

static uint32_t *offsets; // from 0, in units of 16 bytes
static int n_offsets;
ALONE static void unseen_compressed()
{
    offsets[n_offsets++] = (uint32_t)((uintptr_t)BLOCK(80) >> 4);
    n_offsets++;
}

ALONE static void unseen_packed(char *page)
{
    void *p = BLOCK(80);
    memcpy(page + 4, &p, sizeof p);
}

ALONE static void unseen_pipe(int fd)
{
    void *p = BLOCK(80);
    if (write(fd, &p, sizeof p) != sizeof p)
        abort();
}

ALONE static void unseen_protected(void **page)
{
    page[3] = BLOCK(80);
}

// Memory that is registered with userfaultfd, and memory that not even the kernel reads; where there is.
ALONE static void unseen_userfault(void **page)
{
    page[5] = BLOCK(80);
}
ALONE static void unseen_secret(void **page)
{
    page[5] = BLOCK(80);
}

// Shared memory that was written by way of its file: the page is not mapped in.
ALONE static void unseen_absent()
{
    int file = memfd_create("absent", MFD_CLOEXEC);
    void *p = BLOCK(80);
    if (file < 0 || ftruncate(file, 4096) || pwrite(file, &p, sizeof p, 64) != sizeof p ||
        mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) == MAP_FAILED)
        abort();
    close(file);
}

static void special_memory()
{
    void **page =
        (void **)mmap(nullptr, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uffdio_api api = {};
    api.api = UFFD_API;
    int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
    if (uffd >= 0 && !ioctl(uffd, UFFDIO_API, &api)) {
        uffdio_register r = {};
        r.range.start = (uintptr_t)page;
        r.range.len = 65536;
        r.mode = UFFDIO_REGISTER_MODE_MISSING;
        unseen_userfault(page); // present before
        if (ioctl(uffd, UFFDIO_REGISTER, &r))
            abort();
    }
    int secret = (int)syscall(447 /* memfd_secret */, 0);
    if (secret >= 0 && !ftruncate(secret, 4096)) {
        page = (void **)mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, secret, 0);
        if (page != MAP_FAILED)
            unseen_secret(page);
    }
}

ALONE static void kept_epoll(int epoll, int fd)
{
    epoll_event e = {};
    e.events = EPOLLIN;
    e.data.ptr = BLOCK(120);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e))
        abort();
    memset(&e, 0, sizeof e);
    escape(&e);
}

// --- what is lost, while an old pointer lies about ----------------------------------------------------

static std::vector<void *> *slack;
ALONE static void hidden_slack()
{
    slack->push_back(BLOCK(56));
    slack->pop_back();
}

// The blocks that have the pointers are freed together, so that none is used again for the next.
ALONE static void *hidden_freed()
{
    return BLOCK(104);
}
ALONE static void free_holders(int times)
{
    enum { MOST = 5 };
    void **holder[MOST];
    for (int i = 0; i < MOST && i < times; i++) {
        holder[i] = (void **)malloc(1000);
        holder[i][100] = hidden_freed();
        escape(holder[i]);
    }
    for (int i = 0; i < MOST && i < times; i++)
        free(holder[i]);
    memset(holder, 0, sizeof holder);
    escape(holder);
}

// --- threads ------------------------------------------------------------------------------------------

static __thread void *tls_pointer;
static int waiting[2]; // a pipe that nobody writes to
static std::atomic<int> settled;

ALONE static void kept_tls()
{
    tls_pointer = BLOCK(88);
    escape(&tls_pointer);
}
ALONE static void *kept_stack()
{
    return BLOCK(88);
}
ALONE static void *register_rbx()
{
    return BLOCK(88);
}

ALONE static void wipe()
{
    char below[60000];
    memset(below, 0, sizeof below);
    escape(below);
}

static void *waiting_thread(void *)
{
    void *volatile on_stack = kept_stack();
    char byte;
    kept_tls();
    wipe();
    settled++;
    if (read(waiting[0], &byte, 1) < 0)
        abort();
    return on_stack;
}

static void *register_thread(void *)
{
    char *byte =
        (char *)mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    long result;
    settled++;
    void *p = register_rbx();
    // Held in rbx alone, while the thread waits in read(2): not even the red zone has it.
    asm volatile(
        "mov %[p], %%rbx\n\txor %[p], %[p]\n\t"
        "mov $-128, %%rcx\n"
        "1:\tmovq $0, (%%rsp,%%rcx)\n\tadd $8, %%rcx\n\tjnz 1b\n\t"
        "xor %%r8, %%r8\n\txor %%r9, %%r9\n\txor %%r10, %%r10\n\tsyscall\n\txor %%ebx, %%ebx"
        : "=a"(result), [p] "+r"(p)
        : "a"((long)SYS_read), "D"((long)waiting[0]), "S"(byte), "d"(1L)
        : "rbx", "rcx", "r8", "r9", "r10", "r11", "memory");
    return nullptr;
}

static const int PLACES = 512;
static std::atomic<void *> *places;
ALONE static void *kept_moving()
{
    return BLOCK(72);
}

static std::atomic<bool> stop;
static void *mover(void *seed)
{
    uint64_t x = (uint64_t)seed * 0x9e3779b97f4a7c15u + 1;
    void *held = nullptr;
    while (!stop.load(std::memory_order_relaxed)) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        held = places[x % PLACES].exchange(held);
        if (x >> 60 == 0) { // put down whatever is held, as at the end of a request
            for (int i = 0; held; i++) {
                void *none = nullptr;
                if (places[(x + (uint64_t)i) % PLACES].compare_exchange_strong(none, held))
                    held = nullptr;
            }
        }
    }
    return held;
}

// --- all of it ----------------------------------------------------------------------------------------

ALONE static void build(int times, int epoll)
{
    int pipes[2];
    if (times)
        special_memory();
    char *packed =
        (char *)mmap(nullptr, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *closed =
        (char *)mmap(nullptr, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pipe(pipes))
        abort();
    for (int i = 0; i < times; i++) {
        root(kept_list());
        root(kept_tree(5));
        root(kept_cycle());
        root(kept_hash());
        root(kept_ring());
        root(kept_sizes());
        root(kept_beside_hole());
        root(kept_interior());
        root(kept_low_tag());
        root(kept_high_tag());
        lost_list();
        lost_tree(5);
        lost_cycle();
        lost_hash();
        lost_ring();
        lost_sizes();
        lost_plain();
        lost_self();
        unseen_xor();
        unseen_compressed();
        unseen_packed(packed + 16 * i);
        unseen_protected((void **)(closed + 64 * i));
        hidden_slack();
    }
    if (times)
        root(kept_beside_hole());
    for (int i = 0; i < times && i < 100; i++) {
        unseen_pipe(pipes[1]);
        kept_epoll(epoll, dup(waiting[0]));
        unseen_absent();
    }
    free_holders(times);
    mprotect(closed, 1 << 20, PROT_NONE);
    wipe();
}

// A thread by clone(2), whose stack is a block that only its own stack pointer leads to.
static int cloned(void *)
{
    static char byte;
    long result; // it has its maker's thread-local memory, and so calls nothing
    asm volatile("syscall"
                 : "=a"(result)
                 : "a"((long)SYS_read), "D"((long)waiting[0]), "S"(&byte), "d"(1L)
                 : "rcx", "r11", "memory");
    return (int)result;
}
ALONE static void kept_thread_stack()
{
    const size_t size = 32768;
    char *stack = (char *)BLOCK(size);
    if (clone(cloned, stack + size,
              CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_SYSVSEM | CLONE_THREAD,
              nullptr) < 0)
        abort();
}

static void *builder(void *times)
{
    int epoll = epoll_create1(0);
    build((int)(intptr_t)times, epoll);
    if (times)
        kept_thread_stack();
    wipe();
    return nullptr;
}

static pthread_t start(void *(*run)(void *), void *with)
{
    pthread_t t;
    if (pthread_create(&t, nullptr, run, with))
        abort();
    return t;
}

static void *forker(void *)
{
    while (!stop) {
        pid_t child = fork();
        if (!child)
            _exit(0);
        waitpid(child, nullptr, 0);
        usleep(500);
    }
    return nullptr;
}

static void *unmapper(void *)
{
    const size_t size = 16 << 20;
    while (!stop) {
        char *memory =
            (char *)mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (size_t i = 0; i < size; i += 4096)
            *(void **)(memory + i) = roots[0][0];
        munmap(memory, size);
    }
    return nullptr;
}

int main(int argc, char **argv)
{
    int times = argc > 1 ? atoi(argv[1]) : 5, waiters = times < 20 ? times : 20,
        movers = argc > 2 ? atoi(argv[2]) : 0;
    std::vector<pthread_t> moving;
    if (pipe(waiting))
        return 1;
    offsets = (uint32_t *)mmap(nullptr, 1 << 20, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    places = (std::atomic<void *> *)mmap(nullptr, PLACES * sizeof *places, PROT_READ | PROT_WRITE,
                                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    slack = new std::vector<void *>;
    slack->reserve(4);
    // A thread of its own builds: its stack is gone when the question is asked.
    pthread_join(start(builder, (void *)(intptr_t)times), nullptr);
    for (int i = 0; i < waiters; i++) {
        start(waiting_thread, nullptr);
        start(register_thread, nullptr);
    }
    while (settled < 2 * waiters)
        usleep(1000);
    if (movers)
        for (int i = 0; i < PLACES / 2; i++)
            places[2 * i] = kept_moving();
    for (int i = 0; i < movers; i++)
        moving.push_back(start(mover, (void *)(intptr_t)(i + 1)));
    usleep(10000);
    for (const truth &t : truths)
        if (t.name)
            printf("%s %ld %ld\n", t.name, t.blocks.load(), t.bytes.load());
    puts("ready");
    fflush(stdout);
    wipe();
    char byte;
    while (read(0, &byte, 1) > 0) {
        if (byte == 'x')
            execlp("sleep", "sleep", "30", nullptr);
        start(byte == 'f' ? forker : unmapper, nullptr);
    }
    if (argc > 3) // the end comes while they move
        _exit(0);
    stop = true;
    for (pthread_t t : moving)
        pthread_join(t, nullptr);
    _exit(0);
}
