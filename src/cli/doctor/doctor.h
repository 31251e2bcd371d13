/* SPDX-License-Identifier: MIT */
/*
 * heaptap doctor: one table of checks for each kind of subject (this machine, a program that would
 * be started from here, a process), run in order. A check looks at one thing and adds what it
 * found.
 */
#ifndef HEAPTAP_SRC_CLI_DOCTOR_DOCTOR_H
#define HEAPTAP_SRC_CLI_DOCTOR_DOCTOR_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "cli/doctor/finding.h"
#include "cli/run/program.h"
#include "snapshot/process.h"
#include "snapshot/region.h"

/* Fields of /proc/PID/status. */
struct ht_status {
    char name[64];
    char state; /* 0: there is no such process */
    uid_t uid;  /* effective, as gid */
    gid_t gid;
    gid_t groups[256];
    size_t n_groups;
    pid_t parent;
    int seccomp;        /* 0 none, 1 strict, 2 filters */
    int n_filters;      /* -1: this kernel does not say (Linux 5.10) */
    uint64_t anonymous; /* resident bytes of anonymous memory */
};

struct ht_doctor {
    struct ht_findings findings;
    char subject[PATH_MAX + 64]; /* begins the verdict */
    bool stop; /* no further checks: the subject is not there, or may not be inspected */

    pid_t pid; /* 0: the subject is a program that would be started from here */
    int root;  /* its root directory (O_PATH), -1: not available */
    struct ht_status status;
    char *environment; /* of a process: NUL separated, as it was started; NULL: not available */
    size_t environment_size;
    char **argv; /* of a program that would be started, else NULL */
    struct ht_program program;
    bool program_known;

    struct ht_process_info info;
    char library[PATH_MAX];   /* of a process: the libheaptap that is mapped, "": none */
    char allocator[PATH_MAX]; /* of a process: an allocator's library that is mapped, "": none */
    bool secure;              /* of a process: AT_SECURE */
    bool parents_region;      /* of a process: it has its parent's region mapped, as after a fork */
    struct ht_region region;
    bool has_region;
};

struct ht_check {
    const char *name;
    void (*run)(struct ht_doctor *d);
};

/* Tables end in a NULL name. */
extern const struct ht_check ht_machine_checks[], ht_program_checks[], ht_process_checks[];

/* subject.c. pid 0: this process. False when there is none. */
bool ht_status_read(pid_t pid, struct ht_status *out);

/* Opens root, reads the environment and the maps of the process d->pid. 0 or -errno. */
int ht_subject_open(struct ht_doctor *d);
void ht_subject_close(struct ht_doctor *d);

/* A variable of the subject's environment, "" when it is unset or not known. */
const char *ht_subject_variable(const struct ht_doctor *d, const char *name);

/* A soft limit of the subject; RLIM_INFINITY when it cannot be read. */
rlim_t ht_subject_limit(const struct ht_doctor *d, int resource);

/* Whether the subject, with its user and in its root, may make files in a directory. 0 or -errno.
 */
int ht_subject_may_write(const struct ht_doctor *d, const char *directory);

/* Opens a path in the subject's root, for looking only (O_PATH). A descriptor or -errno. */
int ht_subject_look(const struct ht_doctor *d, const char *path, int flags);

/* The checks: process.c, region.c, program.c, place.c, machine.c. */
void ht_check_process(struct ht_doctor *d);
void ht_check_access(struct ht_doctor *d);
void ht_check_preload(struct ht_doctor *d);
void ht_check_namespaces(struct ht_doctor *d);
void ht_check_process_seccomp(struct ht_doctor *d);
void ht_check_region(struct ht_doctor *d);
void ht_check_samples(struct ht_doctor *d);
void ht_check_program(struct ht_doctor *d);
void ht_check_allocator(struct ht_doctor *d);
void ht_check_shared_memory(struct ht_doctor *d);
void ht_check_output(struct ht_doctor *d);
void ht_check_library(struct ht_doctor *d);
void ht_check_kernel(struct ht_doctor *d);
void ht_check_seccomp(struct ht_doctor *d);
void ht_check_limits(struct ht_doctor *d);
void ht_check_tracing(struct ht_doctor *d);
void ht_check_settings(struct ht_doctor *d);

#endif
