/* SPDX-License-Identifier: MIT */
/*
 * An event that is inherited can only be mapped when it is bound to a processor, so there is one
 * for each thread and processor; those of one processor write into one ring. Records of different
 * rings are put in order by their time, for a sample must be read with the maps of its moment.
 */
#include "config.h"

#include "cpu/events.h"

#include <asm/perf_regs.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define STACK_SIZE 32768u
#define SMALL_RING (128u * 4096u) /* what perf_event_mlock_kb lets anybody have on each processor */
#define LARGE_RING (1024u * 4096u)

struct ht_ring {
    struct perf_event_mmap_page *page;
    size_t size; /* of the data behind the page; a power of two */
    int cpu, fd;
};

/* DWARF's register numbers in the order of the kernel's (asm/perf_regs.h). */
static const struct {
    unsigned kernel, dwarf;
} registers[] = {
    {PERF_REG_X86_AX, 0},   {PERF_REG_X86_BX, 3},   {PERF_REG_X86_CX, 2},   {PERF_REG_X86_DX, 1},
    {PERF_REG_X86_SI, 4},   {PERF_REG_X86_DI, 5},   {PERF_REG_X86_BP, 6},   {PERF_REG_X86_SP, 7},
    {PERF_REG_X86_IP, 16},  {PERF_REG_X86_R8, 8},   {PERF_REG_X86_R9, 9},   {PERF_REG_X86_R10, 10},
    {PERF_REG_X86_R11, 11}, {PERF_REG_X86_R12, 12}, {PERF_REG_X86_R13, 13}, {PERF_REG_X86_R14, 14},
    {PERF_REG_X86_R15, 15},
};
enum { N_REGISTERS = sizeof registers / sizeof *registers };

static void fill(struct perf_event_attr *a, const struct ht_event_options *o)
{
    memset(a, 0, sizeof *a);
    a->size = sizeof *a;
    a->type = PERF_TYPE_SOFTWARE;
    a->config = PERF_COUNT_SW_CPU_CLOCK;
    a->freq = 1;
    a->sample_freq = o->frequency;
    a->sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_PERIOD |
                     PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER;
    if (o->kernel)
        a->sample_type |= PERF_SAMPLE_CALLCHAIN;
    for (unsigned i = 0; i < N_REGISTERS; i++)
        a->sample_regs_user |= 1ull << registers[i].kernel;
    a->sample_stack_user = STACK_SIZE;
    a->exclude_callchain_user = 1;
    a->exclude_kernel = !o->kernel;
    a->exclude_hv = 1;
    a->disabled = 1;
    a->inherit = 1;
    a->enable_on_exec = o->on_exec;
    a->mmap = a->mmap2 = a->comm = a->comm_exec = a->task = 1;
    a->sample_id_all = 1;
    a->use_clockid = 1;
    a->clockid = CLOCK_MONOTONIC;
    a->watermark = 1;
    a->wakeup_watermark = SMALL_RING / 4;
}

static int open_event(struct perf_event_attr *a, pid_t tid, int cpu)
{
    long fd = syscall(SYS_perf_event_open, a, tid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
    return fd < 0 ? -errno : (int)fd;
}

static int paranoid(void)
{
    FILE *f = fopen("/proc/sys/kernel/perf_event_paranoid", "re");
    int level = -2;
    if (f) {
        if (fscanf(f, "%d", &level) != 1)
            level = -2;
        fclose(f);
    }
    return level;
}

static int refuse(int err, bool kernel, char *msg, size_t size)
{
    int level = paranoid();
    if (err == -EACCES && kernel && level > 1)
        snprintf(msg, size,
                 "time in the kernel may not be sampled: kernel.perf_event_paranoid is %d (1 or "
                 "less allows it, or CAP_PERFMON; without --kernel 2 is enough)",
                 level);
    else if ((err == -EACCES || err == -EPERM) && level > 2)
        snprintf(msg, size,
                 "perf_event_open is refused: kernel.perf_event_paranoid is %d (sysctl "
                 "kernel.perf_event_paranoid=2 allows your own processes, CAP_PERFMON all; "
                 "--ptrace works without)",
                 level);
    else if (err == -EACCES || err == -EPERM)
        snprintf(msg, size,
                 "perf_event_open is refused: the process is another user's, or a container's "
                 "seccomp profile forbids it (CAP_PERFMON, or --ptrace, which works without)");
    else if (err == -EMFILE)
        snprintf(msg, size,
                 "too many threads and processors for the limit on open files (raise "
                 "it with ulimit -n)");
    else if (err == -ENOENT || err == -EOPNOTSUPP || err == -ENOSYS)
        snprintf(msg, size, "this kernel has no perf events (--ptrace works without)");
    else
        snprintf(msg, size, "perf_event_open: %s", strerror(-err));
    return err;
}

static int add_ring(struct ht_events *e, int fd, int cpu)
{
    size_t size = LARGE_RING;
    void *page = MAP_FAILED;
    for (; page == MAP_FAILED && size >= 16 * 4096; size /= 2)
        page = mmap(NULL, size + 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        return -errno;
    e->rings[e->n_rings++] = (struct ht_ring){.page = page, .size = size * 2, .cpu = cpu, .fd = fd};
    return 0;
}

static struct ht_ring *ring_of(struct ht_events *e, int cpu)
{
    for (size_t i = 0; i < e->n_rings; i++)
        if (e->rings[i].cpu == cpu)
            return &e->rings[i];
    return NULL;
}

/* As many descriptors as there may be. */
static void allow_descriptors(void)
{
    struct rlimit l;
    if (!getrlimit(RLIMIT_NOFILE, &l)) {
        l.rlim_cur = l.rlim_max;
        setrlimit(RLIMIT_NOFILE, &l);
    }
}

static int open_thread(struct ht_events *e, struct perf_event_attr *a, pid_t tid, int n_cpus)
{
    for (int cpu = 0; cpu < n_cpus; cpu++) {
        int fd = open_event(a, tid, cpu);
        if (fd == -ENODEV || fd == -EINVAL)
            continue; /* a processor that is off */
        if (fd < 0)
            return fd;
        e->fds[e->n_fds++] = fd;
        struct ht_ring *ring = ring_of(e, cpu);
        int err = ring ? (ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, ring->fd) ? -errno : 0)
                       : add_ring(e, fd, cpu);
        if (err)
            return err;
    }
    return 0;
}

int ht_events_open(struct ht_events *e, const pid_t *tids, size_t n,
                   const struct ht_event_options *o, char *msg, size_t msg_size)
{
    struct perf_event_attr a;
    long n_cpus = sysconf(_SC_NPROCESSORS_CONF);
    memset(e, 0, sizeof *e);
    e->kernel = o->kernel;
    fill(&a, o);
    allow_descriptors();
    if (n_cpus < 1)
        n_cpus = 1;
    e->rings = calloc((size_t)n_cpus, sizeof *e->rings);
    e->fds = calloc((size_t)n_cpus * n, sizeof *e->fds);
    e->whole = malloc(65536);
    int err = e->rings && e->fds && e->whole ? 0 : -ENOMEM;
    size_t opened = 0;
    for (size_t i = 0; !err && i < n; i++) {
        err = open_thread(e, &a, tids[i], (int)n_cpus);
        if (err == -ESRCH)
            err = 0; /* the thread has ended */
        else
            opened++;
    }
    if (!err && (!opened || !e->n_rings))
        err = -ESRCH;
    if (err) {
        refuse(err, o->kernel, msg, msg_size);
        ht_events_close(e);
    }
    return err;
}

void ht_events_close(struct ht_events *e)
{
    for (size_t i = 0; i < e->n_rings; i++)
        munmap(e->rings[i].page, e->rings[i].size + 4096);
    for (size_t i = 0; i < e->n_fds; i++)
        close(e->fds[i]);
    free(e->whole);
    free(e->rings);
    free(e->fds);
    free(e->held);
    free(e->order);
    memset(e, 0, sizeof *e);
}

void ht_events_start(struct ht_events *e)
{
    for (size_t i = 0; i < e->n_fds; i++)
        ioctl(e->fds[i], PERF_EVENT_IOC_ENABLE, 0);
}

void ht_events_stop(struct ht_events *e)
{
    for (size_t i = 0; i < e->n_fds; i++)
        ioctl(e->fds[i], PERF_EVENT_IOC_DISABLE, 0);
}

double ht_events_used(const struct ht_events *e)
{
    double sum = 0;
    for (size_t i = 0; i < e->n_fds; i++) {
        uint64_t ns;
        if (read(e->fds[i], &ns, sizeof ns) == sizeof ns)
            sum += (double)ns;
    }
    return sum / 1e9;
}

void ht_events_wait(struct ht_events *e, int ms)
{
    struct pollfd p[64];
    nfds_t n = 0;
    for (size_t i = 0; i < e->n_rings && n < 64; i++)
        p[n++] = (struct pollfd){.fd = e->rings[i].fd, .events = POLLIN};
    poll(p, n, ms);
    /* After the threads have ended, poll returns POLLHUP at once each time. */
    for (nfds_t i = 0; i < n; i++)
        if (p[i].revents & POLLHUP) {
            struct timespec t = {0, 5000000};
            nanosleep(&t, NULL);
            return;
        }
}

static int hold(struct ht_events *e, const struct perf_event_header *h)
{
    size_t size = (h->size + 7u) & ~7u;
    if (e->held_size + size > e->held_room) {
        size_t room = e->held_room ? e->held_room * 2 : 1u << 20;
        while (room < e->held_size + size)
            room *= 2;
        unsigned char *more = realloc(e->held, room);
        if (!more)
            return -ENOMEM;
        e->held = more;
        e->held_room = room;
    }
    if (e->n_order == e->order_room) {
        size_t room = e->order_room ? e->order_room * 2 : 256;
        struct ht_held_record *more = realloc(e->order, room * sizeof *more);
        if (!more)
            return -ENOMEM;
        e->order = more;
        e->order_room = room;
    }
    uint64_t time;
    /* Of a sample behind ip, pid and tid; of all others it is the last word (sample_id_all). */
    memcpy(&time,
           (const unsigned char *)h +
               (h->type == PERF_RECORD_SAMPLE ? sizeof *h + 16 : h->size - 8u),
           8);
    memcpy(e->held + e->held_size, h, h->size);
    e->order[e->n_order++] = (struct ht_held_record){time, e->held_size};
    e->held_size += size;
    return 0;
}

/* Takes the contents of a ring. The kernel writes data_head, this process data_tail. */
static int take(struct ht_events *e, struct ht_ring *ring)
{
    unsigned char *data = (unsigned char *)ring->page + 4096;
    uint64_t head = __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);
    uint64_t tail = ring->page->data_tail;
    int err = 0;
    while (!err && tail < head) {
        const struct perf_event_header *h = (void *)(data + (tail & (ring->size - 1)));
        size_t n = h->size, first = ring->size - (tail & (ring->size - 1));
        if (n < sizeof *h + 8 || n > head - tail)
            break;
        if (n > first) { /* it goes on at the beginning */
            memcpy(e->whole, h, first);
            memcpy(e->whole + first, data, n - first);
            h = (void *)e->whole;
        }
        err = hold(e, h);
        tail += n;
    }
    __atomic_store_n(&ring->page->data_tail, tail, __ATOMIC_RELEASE);
    return err;
}

static int by_time(const void *a, const void *b)
{
    const struct ht_held_record *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* Drops the first n records, and moves the others to the front. */
static int keep_rest(struct ht_events *e, size_t n)
{
    struct ht_events fresh = {0};
    if (n == e->n_order) {
        e->n_order = 0;
        e->held_size = 0;
        return 0;
    }
    for (size_t i = n; i < e->n_order; i++)
        if (hold(&fresh, (const void *)(e->held + e->order[i].at)))
            return -ENOMEM;
    free(e->held);
    free(e->order);
    e->held = fresh.held;
    e->held_size = fresh.held_size;
    e->held_room = fresh.held_room;
    e->order = fresh.order;
    e->n_order = fresh.n_order;
    e->order_room = fresh.order_room;
    return 0;
}

int ht_events_drain(struct ht_events *e, uint64_t until,
                    void (*record)(void *ctx, const struct perf_event_header *h), void *ctx)
{
    size_t n = 0;
    int err = 0;
    for (size_t i = 0; !err && i < e->n_rings; i++)
        err = take(e, &e->rings[i]);
    qsort(e->order, e->n_order, sizeof *e->order, by_time);
    while (n < e->n_order && e->order[n].time <= until)
        record(ctx, (const void *)(e->held + e->order[n++].at));
    if (err || !n)
        return err;
    return keep_rest(e, n);
}

static bool word(const unsigned char **at, const unsigned char *end, uint64_t *w)
{
    if (end - *at < 8)
        return false;
    memcpy(w, *at, 8);
    *at += 8;
    return true;
}

bool ht_event_read_sample(const struct ht_events *e, const struct perf_event_header *h,
                          struct ht_event_sample *s)
{
    const unsigned char *at = (const unsigned char *)(h + 1),
                        *end = (const unsigned char *)h + h->size;
    uint64_t ip, ids, abi, size, v, used = 0;
    *s = (struct ht_event_sample){0};
    if (!word(&at, end, &ip) || !word(&at, end, &ids) || !word(&at, end, &s->time) ||
        !word(&at, end, &s->period))
        return false;
    s->pid = (pid_t)(uint32_t)ids;
    s->tid = (pid_t)(ids >> 32);
    if (e->kernel) {
        if (!word(&at, end, &v) || v > (uint64_t)(end - at) / 8)
            return false;
        s->kernel = (const uint64_t *)at;
        s->n_kernel = v;
        at += 8 * v;
    }
    if (!word(&at, end, &abi))
        return false;
    for (unsigned i = 0; abi != PERF_SAMPLE_REGS_ABI_NONE && i < 64; i++)
        for (unsigned k = 0; k < N_REGISTERS; k++)
            if (registers[k].kernel == i) {
                if (!word(&at, end, &v))
                    return false;
                s->regs.r[registers[k].dwarf] = v;
                s->regs.known |= 1u << registers[k].dwarf;
            }
    s->has_regs = abi == PERF_SAMPLE_REGS_ABI_64;
    if (!word(&at, end, &size))
        return false;
    if (size > (uint64_t)(end - at))
        return false;
    s->stack = at;
    at += size;
    if (size && !word(&at, end, &used))
        return false;
    s->stack_size = used < size ? used : size;
    return true;
}
