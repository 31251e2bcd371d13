/* SPDX-License-Identifier: MIT */
/*
 * Reads /proc/self/status: the mode and the number of filters, against the number that
 * HEAPTAP_SECCOMP names.
 */
#include "config.h"

#include "target/process/filter_at_start.h"

#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "target/os/descriptors.h"
#include "target/os/loader.h"
#include "target/os/sys.h"

struct filters {
    uint64_t mode;  /* /proc/PID/status's Seccomp: 0 none, 1 strict, 2 filters */
    uint64_t count; /* 0: the kernel does not say (before Linux 5.9) */
    uint64_t pid;   /* as the process sees itself */
};

bool ht_no_filter_at_start;

static const char *field(const char *status, const char *name)
{
    size_t n = strlen(name);
    for (const char *line = status; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (!strncmp(line, name, n))
            return line + n;
        if (!*line)
            break;
    }
    return NULL;
}

/* The last number of a line. */
static uint64_t number(const char *at)
{
    uint64_t n = 0;
    for (; at && *at && *at != '\n'; at++) {
        if (*at == ' ' || *at == '\t')
            n = 0;
        else if (*at >= '0' && *at <= '9')
            n = n * 10 + (uint64_t)(*at - '0');
    }
    return n;
}

static bool read_filters(const char *path, struct filters *f)
{
    char status[4096];
    if (ht_sys_read_file(path, status, sizeof status) <= 0)
        return false;
    f->mode = number(field(status, "Seccomp:"));
    f->count = number(field(status, "Seccomp_filters:"));
    f->pid = number(field(status, "NSpid:"));
    return true;
}

static bool there(const char *path)
{
    char byte[2];
    return ht_sys_read_file(path, byte, sizeof byte) >= 0;
}

/* A container's filter is set for its first process, and answers with errors: under it run the
 * shells and package managers of every image. */
static bool containers_own(const struct filters *own)
{
    struct filters first;
    if (own->pid == 1)
        return own->count <= 1 && (there("/.dockerenv") || there("/run/.containerenv") ||
                                   getenv("KUBERNETES_SERVICE_HOST"));
    return read_filters("/proc/1/status", &first) && first.mode == own->mode &&
           first.count == own->count;
}

static bool under_unknown_filter(void)
{
    struct filters own;
    bool known_mode = read_filters("/proc/self/status", &own);
    ht_no_filter_at_start = known_mode && !own.mode;
    if (!known_mode || !own.mode)
        return false;
    /* The starter of a secure process is not trusted (docs/security.md). */
    const char *known = getauxval(AT_SECURE) ? NULL : getenv("HEAPTAP_SECCOMP");
    if (known && !strcmp(known, "trust"))
        return false;
    if (known && own.count && number(known) == own.count)
        return false;
    return !containers_own(&own);
}

static void look_at(void *unknown)
{
    *(bool *)unknown = under_unknown_filter();
}

/* Without a system call, which could be fatal here. Before glibc 2.32 the answer is always "not
 * known". */
static bool has_threads(void)
{
    const char *single = ht_first_symbol("__libc_single_threaded");
    return single && !*single;
}

bool ht_filter_unknown(void)
{
    bool unknown;
    /* A library that was initialized before may have threads, which rely on the lowest
     * descriptor (h51). A process that made a thread under this filter may make another. */
    if (!has_threads())
        return under_unknown_filter();
    ht_own_descriptors(look_at, &unknown);
    return unknown;
}
