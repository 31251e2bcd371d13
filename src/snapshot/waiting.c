/* SPDX-License-Identifier: MIT */
/* The environment, as it was at the start, says that the process is of a run, at which rate, and
 * where its profile goes. A forked child has its parent's, and its parent's region. */
#include "config.h"

#include "snapshot/waiting.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "region/layout.h"
#include "region/units.h"

#define TICK (1000000000 / 100) /* nanoseconds; USER_HZ */
#define MOST (1u << 22)         /* of an environment; the kernel allows a quarter of the stack */

/* A file of the process, with a NUL behind it. NULL: it cannot be read, or is larger. */
static char *read_file(pid_t pid, const char *file, size_t *n)
{
    char path[64], *text = NULL;
    size_t room = 4096, got = 0;
    ssize_t r = -1;
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && room <= MOST) {
        char *more = realloc(text, room);
        if (!more)
            break;
        text = more;
        while (got < room - 1 && (r = read(fd, text + got, room - 1 - got)) > 0)
            got += (size_t)r;
        if (r <= 0)
            break;
        room *= 2;
    }
    if (fd >= 0)
        close(fd);
    if (r) {
        free(text);
        return NULL;
    }
    text[got] = 0;
    *n = got;
    return text;
}

/* The value of a variable, or NULL. */
static const char *variable(const char *environment, size_t size, const char *name)
{
    size_t n = strlen(name);
    for (size_t at = 0; at < size; at += strlen(environment + at) + 1)
        if (!strncmp(environment + at, name, n) && environment[at + n] == '=')
            return environment + at + n + 1;
    return NULL;
}

static void copy(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}

static void name_by_file(const struct ht_process_info *p, struct ht_waiting *out)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/exe", (int)p->thread);
    ssize_t n = readlink(path, out->exe, sizeof out->exe - 1);
    out->exe[n > 0 ? n : 0] = 0;
    const char *slash = strrchr(out->exe, '/');
    snprintf(out->name, sizeof out->name, "%.*s", (int)sizeof out->name - 1,
             slash ? slash + 1 : out->exe);
}

static void read_command_line(const struct ht_process_info *p, struct ht_waiting *out)
{
    size_t n;
    char *text = read_file(p->thread, "cmdline", &n);
    if (!text)
        return;
    out->command_line_size =
        (uint32_t)(n < sizeof out->command_line ? n : sizeof out->command_line);
    memcpy(out->command_line, text, out->command_line_size);
    free(text);
}

static uint64_t start_of(const struct ht_process_info *p)
{
    struct timespec now, up;
    clock_gettime(CLOCK_REALTIME, &now);
    clock_gettime(CLOCK_BOOTTIME, &up);
    int64_t booted =
        (now.tv_sec - up.tv_sec) * 1000000000ll + (int64_t)now.tv_nsec - (int64_t)up.tv_nsec;
    return (uint64_t)booted + p->start_ticks * TICK;
}

bool ht_waiting_read(const struct ht_process_info *p, const struct ht_process_map *map,
                     struct ht_waiting *out)
{
    size_t n = 0;
    unsigned root = 0;
    /* The target half: may_wait() of lifecycle.c. */
    if (map->address || map->inherited || map->parents || !map->library || !map->glibc ||
        p->filtered)
        return false;
    char *environment = read_file(p->thread, "environ", &n);
    const char *run = environment ? variable(environment, n, "HEAPTAP_RUN") : NULL;
    const char *children = environment ? variable(environment, n, "HEAPTAP_CHILDREN") : NULL;
    memset(out, 0, sizeof *out);
    bool waits = run && sscanf(run, "%" SCNu64 ":%u", &out->run_id, &root) == 2 && out->run_id &&
                 root != (unsigned)p->own_pid && (!children || strcmp(children, "0") != 0);
    if (waits) {
        const char *rate = variable(environment, n, "HEAPTAP_RATE");
        if (!rate || !ht_parse_size(rate, &out->rate) || !out->rate)
            out->rate = 512 * 1024;
        copy(out->output, sizeof out->output, variable(environment, n, "HEAPTAP_OUTPUT"));
        out->start_wall_ns = start_of(p);
        name_by_file(p, out);
        read_command_line(p, out);
    }
    free(environment);
    return waits;
}

bool ht_waiting_forked(const struct ht_process_info *p, const struct ht_process_map *map,
                       struct ht_waiting *out)
{
    struct ht_region_header h;
    size_t n = 0;
    if (map->address || !map->inherited || p->filtered)
        return false;
    int memory = ht_process_memory(p->thread);
    bool is = memory >= 0 && !ht_read_at(memory, &h, sizeof h, map->inherited) &&
              h.magic == HT_REGION_MAGIC && h.version == HT_LAYOUT_VERSION;
    if (memory >= 0)
        close(memory);
    char *environment = is ? read_file(p->thread, "environ", &n) : NULL;
    const char *children = environment ? variable(environment, n, "HEAPTAP_CHILDREN") : NULL;
    is = is && (!children || strcmp(children, "0") != 0);
    free(environment);
    memset(out, 0, sizeof *out);
    if (!is)
        return false;
    out->run_id = h.run_id;
    out->rate = atomic_load(&h.rate);
    out->start_wall_ns = start_of(p);
    snprintf(out->name, sizeof out->name, "%.*s", (int)sizeof h.name, h.name);
    snprintf(out->exe, sizeof out->exe, "%.*s", (int)sizeof h.exe, h.exe);
    snprintf(out->output, sizeof out->output, "%.*s", (int)sizeof h.output, h.output);
    read_command_line(p, out);
    return true;
}

bool ht_waiting_is_relative(const struct ht_process_info *p)
{
    size_t n = 0;
    uint64_t id;
    unsigned root = 0;
    char *environment = read_file(p->thread, "environ", &n);
    const char *run = environment ? variable(environment, n, "HEAPTAP_RUN") : NULL;
    bool is = run && sscanf(run, "%" SCNu64 ":%u", &id, &root) == 2 && id && root &&
              root != (unsigned)p->own_pid;
    free(environment);
    return is;
}
