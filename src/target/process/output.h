/* SPDX-License-Identifier: MIT */
/* The names of profiles: expands a pattern for this process, and finds a name that no related
 * process has. */
#ifndef HEAPTAP_SRC_TARGET_PROCESS_OUTPUT_H
#define HEAPTAP_SRC_TARGET_PROCESS_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ht_region_header;

/* A name in the making. One at a time: its holder has ht_state->dump_busy. */
struct ht_output {
    char *path; /* of `size` bytes */
    size_t size;
    uint64_t since; /* a file written since then is a relative's, and stays; 0: no file is */
    uint32_t pid;
};

/* The path for the region's process by the pattern. False when it does not fit. */
bool ht_output_expand(struct ht_output *o, const struct ht_region_header *h, const char *pattern,
                      uint32_t number, bool last);

/*
 * When one pattern names the same file in several processes, each gets its own. Sets o->since:
 * under `heaptap run` to its beginning, otherwise to the process's, or with `execed` to that of its
 * first image.
 */
void ht_output_keep_relatives(struct ht_output *o, const struct ht_region_header *h, bool execed);

/* Renames a complete file to o->path, or to another name if that is a relative's. 0 or -errno. */
int ht_output_publish(struct ht_output *o, const char *temporary);

#endif
