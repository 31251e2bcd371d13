/* SPDX-License-Identifier: MIT */
/*
 * One dump at a time, on a separate stack, because the caller's may be a coroutine's. The region is
 * streamed into a temporary file, which is renamed when it is complete; until then an older file
 * stays. A request that comes during a dump is served by the thread that is dumping.
 */
#include "config.h"

#include "target/process/dump.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "region/pattern.h"
#include "region/stream.h"
#include "region/text.h"
#include "target/os/descriptors.h"
#include "target/os/sys.h"
#include "target/process/mark.h"
#include "target/process/memory_names.h"
#include "target/process/namespaces.h"
#include "target/process/output.h"
#include "target/state/process_info.h"
#include "target/state/say.h"
#include "target/state/state.h"
#include "target/tables/writer.h"

/* One dump at a time (ht_state->dump_busy): workspace and stack are its holder's. Untouched pages
 * of .bss until the first dump. */
static struct ht_stream_workspace workspace;
static _Alignas(16) unsigned char dump_stack[64 * 1024];
static char path_buffer[2200], temporary[2260];

static int write_all(void *sink, const void *data, size_t n)
{
    long fd = *(long *)sink;
    const char *at = data;
    while (n) {
        long r = SYS3(SYS_write, fd, at, n);
        if (r == -EINTR)
            continue;
        if (r <= 0)
            return r ? (int)r : -EIO;
        at += r;
        n -= (size_t)r;
    }
    return 0;
}

static int stream_to(const struct ht_view *v, long fd)
{
    struct ht_stream_options o = {
        .gzip = true,
        .level = 1, /* fast, because the program waits for it; as in Go's runtime/pprof */
        .time_nanos = (int64_t)ht_sys_clock_exact(CLOCK_REALTIME),
        .name = ht_memory_name,
    };
    ht_memory_names_take(v);
    int64_t r = ht_stream_profile(v, &o, &workspace, write_all, &fd);
    ht_memory_names_drop();
    return r < 0 ? (int)r : 0;
}

/* A temporary name, created exclusively, then renamed: an older file stays whole if this fails. In
 * another pid namespace the pid may be a relative's at this moment. */
static int stream_to_path(const struct ht_view *v, struct ht_output *o)
{
    struct stat st;
    if (!SYS_FAILED(SYS2(SYS_stat, o->path, &st)) && !S_ISREG(st.st_mode))
        return -EEXIST; /* a rename would replace /dev/null by a file */
    struct ht_text t = ht_text(temporary, sizeof temporary);
    ht_text_string(&t, o->path);
    ht_text_string(&t, ".tmp.");
    ht_text_number(&t, (uint64_t)SYS0(SYS_getpid));
    if (ht_pid_is_foreign(ht_state->header)) {
        ht_text_string(&t, ".");
        ht_text_number(&t, ht_state->header->pid_namespace);
    }
    if (t.cut)
        return -ENAMETOOLONG;
    SYS1(SYS_unlink, temporary);
    long fd = SYS4(SYS_openat, AT_FDCWD, temporary,
                   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (SYS_FAILED(fd))
        return (int)fd;
    SYS2(SYS_fchmod, fd, 0600); /* whatever the program's umask is */
    int err = stream_to(v, fd), closed = (int)SYS1(SYS_close, fd);
    if (!err)
        err = closed;
    if (!err)
        err = ht_output_publish(o, temporary);
    if (err)
        SYS1(SYS_unlink, temporary);
    return err;
}

struct job {
    enum { JOB_NUMBERED, JOB_LAST, JOB_PATH, JOB_FD, JOB_VIEW } kind;
    const char *path;
    int fd;
    const struct ht_view *view;
    bool execed; /* the image of this region was not the process's first */
    int err;
};

static void note_result(struct ht_region_header *h, const char *path, int err)
{
    if (err) {
        atomic_store_explicit(&h->dump_errno, (uint32_t)-err, memory_order_relaxed);
        ht_count(&h->dump_failures, 1);
        return;
    }
    struct ht_text t = ht_text(h->last_dump, sizeof h->last_dump);
    ht_text_string(&t, path);
    atomic_fetch_add_explicit(&h->dumps, 1, memory_order_release);
}

static void run_job(struct job *job)
{
    struct ht_state *s = ht_state;
    struct ht_view own;
    struct ht_output o = {.path = path_buffer, .size = sizeof path_buffer};
    if (job->kind == JOB_VIEW) {
        const struct ht_region_header *h = job->view->header;
        job->err = ht_output_expand(&o, h, h->output, 0, true) ? 0 : -ENAMETOOLONG;
        if (!job->err) {
            ht_output_keep_relatives(&o, h, job->execed);
            job->err = stream_to_path(job->view, &o);
        }
        return;
    }
    ht_own_view(&own);
    if (job->kind == JOB_FD) {
        job->err = stream_to(&own, job->fd);
        return;
    }
    if (job->kind == JOB_PATH) {
        struct ht_text t = ht_text(path_buffer, sizeof path_buffer);
        ht_text_string(&t, job->path);
        job->err = t.cut ? -ENAMETOOLONG : 0;
    } else {
        bool last = job->kind == JOB_LAST;
        if (!ht_output_expand(&o, s->header, ht_config.output, s->dump_number, last))
            job->err = -ENAMETOOLONG;
        else if (last || s->execed || ht_pid_is_foreign(s->header))
            ht_output_keep_relatives(&o, s->header, s->execed);
        if (!job->err && !last)
            s->dump_number++;
    }
    if (!job->err)
        job->err = stream_to_path(&own, &o);
    note_result(s->header, path_buffer, job->err);
    if (s->peak_or_growth)
        atomic_store_explicit(&s->last_dump_inuse,
                              atomic_load_explicit(&s->header->inuse_bytes, memory_order_relaxed),
                              memory_order_relaxed);
}

/* Runs a job on the dump stack, because it may not fit on a coroutine's 16 KiB or what a signal
 * left. */
__attribute__((noinline)) static void on_dump_stack(struct job *job)
{
    void *top = dump_stack + sizeof dump_stack;
    __asm__ volatile("mov %%rsp, %%rbx\n\t"
                     "mov %[top], %%rsp\n\t"
                     "call *%[fn]\n\t"
                     "mov %%rbx, %%rsp"
                     : "+D"(job)
                     : [top] "r"(top), [fn] "r"(run_job)
                     : "rax", "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "memory", "cc",
                       "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                       "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

static void with_descriptors(void *job)
{
    on_dump_stack(job);
}

static bool dump_lock(void)
{
    uint32_t idle = 0;
    return atomic_compare_exchange_strong(&ht_state->dump_busy, &idle, 1);
}

/* A dump that fails at the end is reported by `heaptap run`, where it can know of it. */
static bool run_is_told(void)
{
    const struct ht_state *s = ht_state;
    return ht_config.run_id &&
           (s->region_path[0] ? ht_run_finds(s->region_path) : ht_mark_is_found());
}

/* Says where the samples are that could not be written, and how long they last. */
static const char *then(bool last)
{
    const struct ht_state *s = ht_state;
    if (!s->region_path[0])
        return last
                   ? "; its samples were in its own memory, which goes with it"
                   : "; its samples are in its own memory (heaptap dump reads them while it lives)";
    /* When the first process of a pid namespace ends, all others there end, and so does a mount
     * namespace that only they use. */
    if (last && (s->header->pid == 1 || (ht_config.run_id && !ht_run_finds(s->region_path))))
        return "; the profile stays in the region while its namespaces last (heaptap recover "
               "there)";
    return "; the profile stays in the region (heaptap dump, heaptap recover)";
}

struct reason {
    int err;
    const char *text;
};

static const struct reason reasons[] = {
    {-EEXIST, ": it is no regular file"},
    {-ENOENT, ": no such directory"},
    {-EACCES, ": permission denied"},
    {-ENOSPC, ": no space left"},
    {-EROFS, ": the file system is read-only"},
    {-EMFILE, ": it may open no more files (ulimit -n)"},
    {-EFBIG, ": the limit on the size of files (ulimit -f) is too low"},
    {-ENAMETOOLONG, ": the path is too long"},
    {0, NULL},
};

static void put_reason(struct ht_text *t, int err)
{
    const struct reason *r = reasons;
    while (r->text && r->err != err)
        r++;
    ht_text_string(t, r->text ? r->text : ": error ");
    if (!r->text)
        ht_text_number(t, (uint64_t)-err);
}

static void complain(const char *path, int err, bool last)
{
    char line[160];
    struct ht_text t = ht_text(line, sizeof line);
    put_reason(&t, err);
    ht_text_string(&t, then(last));
    static _Atomic uint32_t said; /* once a process, so that a daemon's log is not filled */
    if (!atomic_exchange(&said, 1))
        ht_say("cannot write ", path, line);
}

static int run_locked(struct job *job)
{
    /* No signal handler of the program may run on the dump stack: a garbage collector's, for
     * example, looks for the thread's frames around its stack pointer. Writing a file takes
     * milliseconds. A descriptor may block forever, so that dump runs on the caller's own stack,
     * interruptible. */
    uint64_t all = ~(1ull << (SIGSEGV - 1) | 1ull << (SIGBUS - 1) | 1ull << (SIGFPE - 1) |
                     1ull << (SIGILL - 1) | 1ull << (SIGTRAP - 1) | 1ull << (SIGSYS - 1));
    struct ht_held held = ht_hold_write_signals(job->kind == JOB_FD ? 0 : all);
    /* allocations by a handler during the dump are not sampled on this thread */
    ht_tls.reentrancy_depth++;
    if (job->kind == JOB_FD)
        run_job(job);
    else
        ht_own_descriptors(with_descriptors, job);
    ht_tls.reentrancy_depth--;
    ht_release_write_signals(held, job->err);
    bool last = job->kind == JOB_LAST, run_says_it = last && run_is_told();
    if (job->err && job->kind != JOB_FD && !run_says_it)
        complain(job->path ? job->path : path_buffer, job->err, last);
    else if (!job->err && last && ht_process.cwd_lost)
        ht_say("wrote ", path_buffer, ht_process.cwd_lost);
    return job->err;
}

/* Serves requests that came while the lock was held. */
static int serve_wanted(int err)
{
    struct ht_state *s = ht_state;
    while (atomic_load(&s->dump_wanted)) {
        if (!dump_lock())
            return err; /* the lock's holder looks for requests when it is done */
        while (atomic_exchange(&s->dump_wanted, 0)) {
            struct job job = {.kind = JOB_NUMBERED};
            err = run_locked(&job);
        }
        atomic_store(&s->dump_busy, 0);
    }
    return err;
}

/* Not inlined into the malloc path's functions: tests/calls ends the malloc class here. */
__attribute__((noinline)) int ht_dump_request(void)
{
    if (!ht_active())
        return -ESRCH;
    if (ht_config.secure)
        return -EPERM; /* its starter chose where it would be written */
    atomic_store(&ht_state->dump_wanted, 1);
    return serve_wanted(0);
}

static int dump_now(struct job *job)
{
    if (!ht_active())
        return -ESRCH;
    if (!dump_lock())
        return -EBUSY;
    int err = run_locked(job);
    atomic_store(&ht_state->dump_busy, 0);
    serve_wanted(0);
    return err;
}

int ht_dump_path(const char *path)
{
    struct job job = {.kind = JOB_PATH, .path = path};
    return dump_now(&job);
}

int ht_dump_fd(int fd)
{
    struct job job = {.kind = JOB_FD, .fd = fd};
    return dump_now(&job);
}

static void unlink_region(void)
{
    struct ht_state *s = ht_state;
    if (s->region_path[0])
        SYS1(SYS_unlink, s->region_path);
    ht_mark_remove();
}

/* Whether the program itself had no sample only `run` knows: a process that it never saw may
 * have had some. */
static void leave_empty(void)
{
    struct ht_state *s = ht_state;
    if (s->region_path[0] && ht_run_waits() && s->header->pid == ht_config.run_root &&
        !ht_pid_is_foreign(s->header))
        atomic_store_explicit(&s->header->state, HT_STATE_DUMPED, memory_order_release);
    else
        unlink_region();
}

void ht_dump_last(void)
{
    struct ht_view v;
    if (!ht_active())
        return;
    ht_own_view(&v);
    if (!ht_region_has_samples(&v)) {
        leave_empty();
        return;
    }
    struct job job = {.kind = JOB_LAST};
    int err = -EBUSY;
    /* Another thread may be dumping while this one exits: waits until its dump is complete. */
    for (int i = 0; i < 5000 && (err = dump_now(&job)) == -EBUSY; i++) {
        struct timespec ms = {0, 1000000};
        SYS2(SYS_nanosleep, &ms, NULL);
    }
    ht_mark_result(err, err ? "" : ht_state->header->last_dump);
    if (err)
        return;
    atomic_store_explicit(&ht_state->header->state, HT_STATE_DUMPED, memory_order_release);
    if (!ht_run_waits())
        unlink_region();
}

void ht_dump_check(void)
{
    struct ht_state *s = ht_state;
    bool due = false;
    if (ht_config.interval_ns) {
        uint64_t now = ht_sys_clock(CLOCK_MONOTONIC_COARSE);
        uint64_t next = atomic_load_explicit(&s->next_interval_ns, memory_order_relaxed);
        if (!next)
            atomic_compare_exchange_strong(&s->next_interval_ns, &next,
                                           now + ht_config.interval_ns);
        else if (now >= next)
            due = atomic_compare_exchange_strong(&s->next_interval_ns, &next,
                                                 now + ht_config.interval_ns);
    }
    if (ht_config.growth) {
        uint64_t now = atomic_load_explicit(&s->header->inuse_bytes, memory_order_relaxed);
        uint64_t then = atomic_load_explicit(&s->last_dump_inuse, memory_order_relaxed);
        if (now >= then + ht_config.growth)
            due |= atomic_compare_exchange_strong(&s->last_dump_inuse, &then, now);
    }
    if (due)
        ht_dump_request();
}

/* False: there is no such region, or it cannot be opened. */
static bool dump_previous(long dir, const char *name)
{
    long fd = SYS4(SYS_openat, dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0);
    struct stat st;
    if (SYS_FAILED(fd))
        return false;
    struct ht_view v;
    long base = -1;
    uint64_t size = 0;
    /* Two processes in two pid namespaces can have the same pid, and may have started in the
     * same tick. A region that a process has mapped is locked (create.c), and so is not one that
     * an exec left. */
    if (!SYS_FAILED(SYS2(SYS_fstat, fd, &st)) && st.st_uid == (uid_t)SYS0(SYS_geteuid) &&
        !SYS_FAILED(SYS2(SYS_flock, fd, LOCK_EX | LOCK_NB))) {
        size = (uint64_t)st.st_size;
        base = SYS6(SYS_mmap, 0, size, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    SYS1(SYS_close, fd);
    if (SYS_FAILED(base))
        return true;
    /* A killed process of another namespace may have left a region of this number and start. */
    if (!ht_view_init(&v, (void *)base, size, NULL, 0) && (!v.header->run_id || !ht_run_waits()) &&
        !ht_namespaces_differ(v.header, ht_state->header->pid_namespace)) {
        struct job job = {.kind = JOB_VIEW, .view = &v, .execed = ht_state->execed = true};
        v.incomplete = atomic_load_explicit(&v.header->private_from, memory_order_relaxed) != 0;
        if (ht_region_has_samples(&v)) {
            if (!dump_lock())
                job.err = -EBUSY;
            else {
                run_locked(&job);
                atomic_store(&ht_state->dump_busy, 0);
            }
        }
        if (!job.err)
            SYS3(SYS_unlinkat, dir, name, 0);
    }
    SYS2(SYS_munmap, base, size);
    return true;
}

/* An image takes the lowest free number: the image before it has a lower one, or the next. */
static void dump_images_before(void *none)
{
    (void)none;
    const char *own = strrchr(ht_state->region_path, '/');
    if (!own || own[1] == 0)
        return;
    char name[64];
    size_t length = strlen(++own);
    const char *dot = strrchr(own, '.');
    if (!dot || length >= sizeof name)
        return;
    long dir = SYS4(SYS_openat, AT_FDCWD, ht_config.region_dir,
                    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    if (SYS_FAILED(dir))
        return;
    uint64_t mine = 0;
    for (const char *p = dot + 1; *p; p++)
        mine = mine * 10 + (uint64_t)(*p - '0');
    bool there = true;
    for (uint64_t i = 0; i < mine || there; i++) {
        if (i == mine)
            continue;
        struct ht_text t = ht_text(name, sizeof name);
        for (const char *p = own; p <= dot; p++)
            ht_text_char(&t, *p);
        ht_text_number(&t, i);
        there = dump_previous(dir, name);
    }
    SYS1(SYS_close, dir);
}

void ht_dump_previous_image(void)
{
    ht_own_descriptors(dump_images_before, NULL);
}
