/* SPDX-License-Identifier: MIT */
/* What a region's header says about the process; read once (settings.h), inherited by forks. */
#ifndef HEAPTAP_SRC_TARGET_STATE_PROCESS_INFO_H
#define HEAPTAP_SRC_TARGET_STATE_PROCESS_INFO_H

#include <stdint.h>

#include "target/os/hidden.h"

struct ht_process {
    char exe[1024];       /* absolute */
    char program[1024];   /* the same file by the name that it was started by; "": that is exe's */
    char name[64];        /* its last part: %e */
    char host[65];        /* %h */
    char cwd[1024];       /* the directory in which it started, or where profiles go instead */
    const char *cwd_lost; /* why instead, as the end of a line; NULL: it is where it started, or
                             profiles have a path of their own */
    char command_line[2048];
    uint32_t command_line_size;
};
extern HT_HIDDEN struct ht_process ht_process;

#endif
