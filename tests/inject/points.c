/* SPDX-License-Identifier: MIT */
/*
 * What is no system call and can fail all the same, made to fail: HEAPTAP_INJECT=POINT:N is the N-th time at
 * that point, POINT:N+ that and all behind it. The linker puts these functions in the way of the library's
 * calls from one file to another (--wrap). The times are counted in the file HEAPTAP_INJECT_COUNTS, by all
 * processes of a run together, so that a child and a second image have numbers of their own.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <protobuf-c/protobuf-c.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "cfi/cfi.h"
#include "target/os/fault.h"
#include "target/os/sys.h"
#include "target/process/create.h"
#include "target/stack/module.h"
#include "target/stack/replay.h"
#include "target/stack/unwind.h"
#include "target/stack/walk_cache.h"
#include "target/tables/live.h"
#include "target/tables/stacks.h"
#include "target/tables/writer.h"

/* clang-format off */
static const char *const names[] = {
    "system", "lock", "chunk", "walk", "trail", "object", "module", "recipe", "replay", "memory", "record", "data", "frame",
    "stack", "site", "node", "copied module", "insert", "clock", "auxv", "file", "region", "bounds",
    "zlib memory", "zlib", "message",
};
/* clang-format on */
enum { POINTS = sizeof names / sizeof names[0], NUMBERS = 512 };

static struct shared {
    struct {
        char name[24];
        atomic_long times;
    } points[64];
    atomic_long made[NUMBERS], failed[NUMBERS]; /* system calls, by number */
} own, *shared = &own;
static unsigned wanted = POINTS;
static long first;
static bool onward, read_already;

static void read_environment(void)
{
    const char *v = getenv("HEAPTAP_INJECT"), *colon = v ? strchr(v, ':') : NULL;
    const char *path = getenv("HEAPTAP_INJECT_COUNTS");
    read_already = true;
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *p =
        fd >= 0 ? mmap(NULL, sizeof own, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (p != MAP_FAILED)
        shared = p;
    if (fd >= 0)
        close(fd);
    for (unsigned i = 0; i < POINTS; i++) {
        strcpy(shared->points[i].name, names[i]);
        if (colon && strlen(names[i]) == (size_t)(colon - v) &&
            !strncmp(names[i], v, (size_t)(colon - v)))
            wanted = i;
    }
    if (colon) {
        first = strtol(colon + 1, NULL, 10);
        onward = strchr(colon, '+') != NULL;
    }
}

bool ht_fault(const char *point)
{
    if (!read_already)
        read_environment();
    unsigned i = 0;
    while (strcmp(names[i], point))
        if (++i == POINTS)
            abort();
    long n = atomic_fetch_add(&shared->points[i].times, 1) + 1;
    return i == wanted && (n == first || (n > first && onward));
}

void ht_note_system_call(long number, bool failed)
{
    if (read_already)
        atomic_fetch_add(
            failed ? &shared->failed[number % NUMBERS] : &shared->made[number % NUMBERS], 1);
}

#define WRAP(point, type, name, parameters, arguments, failed)                                     \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        if (ht_fault(point))                                                                       \
            return failed;                                                                         \
        return __real_##name arguments;                                                            \
    }

/* Walking. */
WRAP("walk", ht_ref, ht_site_of,
     (const struct ht_regs *r, uint64_t size, uint64_t rate, uint32_t labels),
     (r, size, rate, labels), 0)
WRAP("trail", struct ht_walk_cache *, ht_walk_cache_take, (uint32_t thread_slot, uint64_t rate),
     (thread_slot, rate), NULL)
WRAP("object", bool, ht_object_find, (uint64_t pc, struct ht_object *o), (pc, o), false)
WRAP("module", ht_ref, ht_module_of, (const struct ht_object *o), (o), 0)
WRAP("recipe", uint64_t, ht_cfi_recipe, (uint64_t pc, const struct ht_object *o), (pc, o),
     HT_STEP_UNKNOWN)
WRAP("replay", bool, ht_step_other, (struct ht_replay * p, struct ht_regs *r), (p, r), false)

/* Tables. "chunk" is in writer.c, "lock" in state.h. */
WRAP("memory", void *, ht_sys_anonymous, (size_t n), (n), NULL)
WRAP("record", ht_ref, ht_record_new, (enum ht_chunk_kind kind), (kind), 0)
WRAP("record", ht_ref, ht_page_new, (enum ht_chunk_kind kind), (kind), 0)
WRAP("data", ht_ref, ht_data_new, (size_t n), (n), 0)
WRAP("frame", ht_ref, ht_frame_intern,
     (uint64_t pc, ht_ref module, uint64_t (*recipe)(uint64_t, ht_ref)), (pc, module, recipe), 0)
WRAP("stack", ht_ref, ht_stack_intern,
     (const ht_ref *frames, uint32_t n, uint32_t flags, uint64_t hash), (frames, n, flags, hash), 0)
WRAP("site", ht_ref, ht_site_find, (ht_ref stack, uint64_t size, uint64_t rate, uint32_t labels),
     (stack, size, rate, labels), 0)
WRAP("node", uint32_t, ht_live_reserve, (void), (), 0)
WRAP("copied module", ht_ref, ht_module_copy,
     (const struct ht_module *old, const char *path, uint32_t n), (old, path, n), 0)

bool __real_ht_live_insert(uint32_t node, const void *p, uint64_t size, ht_ref site, uint32_t time,
                           struct ht_record *stale);
bool __wrap_ht_live_insert(uint32_t node, const void *p, uint64_t size, ht_ref site, uint32_t time,
                           struct ht_record *stale);
bool __wrap_ht_live_insert(uint32_t node, const void *p, uint64_t size, ht_ref site, uint32_t time,
                           struct ht_record *stale)
{
    stale->found = false;
    if (!ht_fault("insert"))
        return __real_ht_live_insert(node, p, size, site, time, stale);
    if (node)
        ht_live_unreserve(node);
    return false;
}

/* What the process is asked for: the clock, the auxiliary vector, a thread's stack, /proc, a region. */
WRAP("clock", uint64_t, ht_sys_clock, (int clock), (clock), 0)
WRAP("auxv", unsigned long, getauxval, (unsigned long type), (type), 0)
WRAP("file", long, ht_sys_read_file, (const char *path, char *buf, size_t n), (path, buf, n),
     -ENOENT)
WRAP("region", int, ht_region_create, (bool file), (file), -ENOMEM)

void __real_ht_stack_bounds(uint64_t *lo, uint64_t *hi);
void __wrap_ht_stack_bounds(uint64_t *lo, uint64_t *hi);
void __wrap_ht_stack_bounds(uint64_t *lo, uint64_t *hi)
{
    if (ht_fault("bounds"))
        *lo = *hi = 0;
    else
        __real_ht_stack_bounds(lo, hi);
}

/* Writing: zlib's memory, zlib in its midst, a message that does not fit its buffer. */
WRAP("zlib memory", int, deflateInit2_,
     (z_streamp s, int level, int method, int bits, int memory, int strategy, const char *version,
      int size),
     (s, level, method, bits, memory, strategy, version, size), Z_MEM_ERROR)
WRAP("zlib", int, deflate, (z_streamp s, int flush), (s, flush), Z_STREAM_ERROR)
WRAP("message", size_t, protobuf_c_message_get_packed_size, (const ProtobufCMessage *m), (m),
     SIZE_MAX / 2)
