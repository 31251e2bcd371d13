/* SPDX-License-Identifier: MIT */
/* Creates the region: chooses its place and size, and fills in its header. */
#include "config.h"

#include "target/process/create.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "region/size.h"
#include "region/text.h"
#include "target/os/sys.h"
#include "target/process/namespaces.h"
#include "target/state/process_info.h"
#include "target/state/state.h"
#include "target/tables/writer.h"

/* How long the region's file is made; 0: there can be none. Beyond the limit on the size of files
 * the kernel raises SIGXFSZ, which ends the program; a region that grows beyond its file goes on in
 * private memory. */
static uint64_t file_size(uint64_t size)
{
    struct rlimit r = {RLIM_INFINITY, RLIM_INFINITY};
    SYS4(SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, &r);
    if (r.rlim_cur >= size)
        return size;
    if (r.rlim_cur < HT_REGION_FILE_LEAST)
        return 0;
    return HT_HEADER_SIZE + (r.rlim_cur - HT_HEADER_SIZE) / HT_CHUNK_SIZE * HT_CHUNK_SIZE;
}

/* The size that the region may grow to. */
static uint64_t region_size(void)
{
    struct rlimit as = {RLIM_INFINITY, RLIM_INFINITY}, memlock = as;
    SYS4(SYS_prlimit64, 0, RLIMIT_AS, NULL, &as);
    SYS4(SYS_prlimit64, 0, RLIMIT_MEMLOCK, NULL, &memlock);
    return ht_region_size(as.rlim_cur, memlock.rlim_cur);
}

/* The user's own directory, 0700, not a link: anything else could be a trap. */
static long open_directory(const char *path)
{
    SYS2(SYS_mkdir, path, 0700);
    long fd = SYS4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    if (SYS_FAILED(fd))
        return fd;
    struct stat st;
    long r = SYS2(SYS_fstat, fd, &st);
    if (SYS_FAILED(r) || st.st_uid != (uid_t)SYS0(SYS_geteuid) || (st.st_mode & 077)) {
        SYS1(SYS_close, fd);
        return -EPERM;
    }
    return fd;
}

#define FAR   (256ull << 30)
#define APART (4ull << 30) /* more than a region may have */

/*
 * Maps the start of the region at an address where it can grow. The kernel places mappings close to
 * each other, from the top (or the bottom) of their area, so an address far from all of them stays
 * free around the region although it is not reserved. A parent's region, which a forked child still
 * has mapped, is at one of these addresses. When all are taken, the kernel chooses the address, and
 * as much is mapped at once as most programs need.
 */
static unsigned char *map_first(int prot, int flags, long fd, uint64_t size, uint64_t *mapped)
{
    uint64_t at = ((uint64_t)&map_first & ~(APART - 1)) - FAR, first = HT_REGION_FIRST;
    if (first > size)
        first = size;
    for (int i = 0; i < 16 && (uint64_t)&map_first > 2 * FAR; i++, at -= APART) {
        long r = SYS6(SYS_mmap, at, first, prot, flags | MAP_FIXED_NOREPLACE, fd, 0);
        if ((uint64_t)r == at) {
            *mapped = first;
            return (unsigned char *)r;
        }
        if (!SYS_FAILED(r)) /* before Linux 4.17 it is a hint */
            SYS2(SYS_munmap, r, first);
    }
    long r;
    *mapped = size < 256 * HT_CHUNK_SIZE ? size : 256 * HT_CHUNK_SIZE;
    while (SYS_FAILED(r = SYS6(SYS_mmap, 0, *mapped, prot, flags, fd, 0)) && *mapped > first)
        *mapped = first;
    return SYS_FAILED(r) ? NULL : (unsigned char *)r;
}

/* For a child of a daemon that gave up root before its first sample: a directory of its new
 * user. */
static void name_directory(void)
{
    if (!ht_config.region_dir_by_user)
        return;
    struct ht_text t = ht_text(ht_config.region_dir, sizeof ht_config.region_dir);
    ht_text_string(&t, "/dev/shm/heaptap-");
    ht_text_number(&t, (uint64_t)SYS0(SYS_geteuid));
}

static unsigned char *map_file(uint64_t size, uint64_t *mapped, uint32_t pid, uint64_t ticks,
                               char *path, size_t n)
{
    const uint64_t length = file_size(size);
    if (!length)
        return NULL;
    long dir = open_directory(ht_config.region_dir);
    if (SYS_FAILED(dir))
        return NULL;
    char name[64];
    long fd = -EEXIST;
    /* exec keeps pid and start time: the old image's region has a lower number. */
    for (uint64_t i = 0; fd == -EEXIST && i < 1000; i++) {
        struct ht_text t = ht_text(name, sizeof name);
        ht_text_number(&t, pid);
        ht_text_string(&t, ".");
        ht_text_number(&t, ticks);
        ht_text_string(&t, ".");
        ht_text_number(&t, i);
        fd = SYS4(SYS_openat, dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    }
    unsigned char *base = NULL;
    if (!SYS_FAILED(fd)) {
        SYS2(SYS_fchmod, fd, 0600); /* whatever the program's umask is: others read it */
        /* The header's pages are reserved here, those of chunks when they are made. */
        long r = SYS2(SYS_ftruncate, fd, length);
        if (!SYS_FAILED(r))
            r = SYS4(SYS_fallocate, fd, 0, 0, HT_HEADER_SIZE);
        if (!SYS_FAILED(r))
            base = map_first(PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, size, mapped);
        if (base) {
            /* The lock lasts as long as the mapping, not the descriptor (flock(2) locks belong
             * to the open file, which the mapping holds). So a command that removes dead regions
             * knows that this one lives, even from a pid namespace where the process is not
             * visible. */
            SYS2(SYS_flock, fd, LOCK_EX | LOCK_NB);
            struct ht_text t = ht_text(path, n);
            ht_text_string(&t, ht_config.region_dir);
            ht_text_string(&t, "/");
            ht_text_string(&t, name);
        } else {
            SYS3(SYS_unlinkat, dir, name, 0);
        }
        SYS1(SYS_close, fd);
    }
    SYS1(SYS_close, dir);
    return base;
}

int ht_region_create(bool file)
{
    struct ht_state *s = ht_state;
    uint64_t size = region_size();
    uint32_t pid = (uint32_t)SYS0(SYS_getpid);
    uint64_t ticks = file ? ht_start_ticks() : 0;
    s->region_path[0] = 0;
    uint64_t mapped = 0;
    if (file)
        name_directory();
    unsigned char *base =
        file ? map_file(size, &mapped, pid, ticks, s->region_path, sizeof s->region_path) : NULL;
    bool private = !base;
    if (!base)
        base = map_first(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                         size, &mapped);
    if (!base)
        return -ENOMEM;
    SYS3(SYS_madvise, base, mapped, MADV_DONTDUMP); /* and growth */

    struct ht_region_header *h = (struct ht_region_header *)base;
    h->version = HT_LAYOUT_VERSION;
    h->header_size = HT_HEADER_SIZE;
    h->chunk_size = HT_CHUNK_SIZE;
    h->pid = pid;
    h->uid = (uint32_t)SYS0(SYS_geteuid);
    h->parent_pid = (uint32_t)SYS0(SYS_getppid);
    h->size = size;
    h->start_ticks = ticks;
    h->start_wall_ns = ht_sys_clock(CLOCK_REALTIME_COARSE); /* the clock of files' times */
    h->start_mono_ns = ht_sys_clock(CLOCK_MONOTONIC_COARSE);
    h->run_id = ht_config.run_id;
    h->address = (uint64_t)base;
    h->depth = ht_config.depth;
    h->signal_number = (uint32_t)ht_config.signal_number;
    memcpy(h->exe, ht_process.exe, sizeof h->exe);
    memcpy(h->output, ht_config.output, sizeof h->output);
    memcpy(h->name, ht_process.name, sizeof h->name);
    memcpy(h->command_line, ht_process.command_line, sizeof h->command_line);
    h->command_line_size = ht_process.command_line_size;
    h->pid_namespace = file ? ht_pid_namespace() : 0;
    atomic_store(&h->inherits, s->inherits);
    h->magic = HT_REGION_MAGIC;
    h->checksum = ht_fnv1a(h, offsetof(struct ht_region_header, checksum));
    atomic_store(&h->rate, atomic_load(&ht_rate) ? atomic_load(&ht_rate) : ht_config.rate);
    atomic_store(&h->flags, (ht_config.peak ? HT_REGION_PEAK : 0u) |
                                (ht_config.temporary ? HT_REGION_TEMPORARY : 0u) |
                                (ht_config.mmap ? HT_REGION_MAPPINGS : 0u));
    atomic_store(&h->private_from, private ? HT_HEADER_SIZE : 0);
    atomic_store_explicit(&h->state, HT_STATE_RUNNING, memory_order_release);

    s->base = base;
    s->header = h;
    s->limit = size;
    s->mapped = mapped;
    atomic_store_explicit(&ht_region_mapped, mapped, memory_order_relaxed);
    s->peak_or_growth = ht_config.peak || ht_config.growth || ht_config.temporary;
    atomic_store_explicit(&s->frames_use.mask, HT_HINTS_LEAST - 1, memory_order_relaxed);
    atomic_store_explicit(&s->sites_use.mask, HT_HINTS_LEAST - 1, memory_order_relaxed);
    return 0;
}
