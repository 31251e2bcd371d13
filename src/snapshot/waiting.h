/* SPDX-License-Identifier: MIT */
/* Processes that have no region before their first sample: programs that another one started under
 * `heaptap run`, and forked children. */
#ifndef HEAPTAP_SRC_SNAPSHOT_WAITING_H
#define HEAPTAP_SRC_SNAPSHOT_WAITING_H

#include <stdbool.h>
#include <stdint.h>

#include "snapshot/process.h"

/* What its region's header will say, as far as /proc shows it. */
struct ht_waiting {
    uint64_t run_id, rate, start_wall_ns;
    char name[64];
    char exe[1024], output[1024], command_line[2048];
    uint32_t command_line_size;
};

/* Whether `p`, which has that map, is one. False also where it cannot be found out. */
bool ht_waiting_read(const struct ht_process_info *p, const struct ht_process_map *map,
                     struct ht_waiting *out);

/* The same of a child that was forked from a profiled process. Its header's texts are its parent's.
 */
bool ht_waiting_forked(const struct ht_process_info *p, const struct ht_process_map *map,
                       struct ht_waiting *out);

/* Whether another process than this is the one that `heaptap run` started: then a pattern without
 * %p gets its pid. False also where that cannot be found out. */
bool ht_waiting_is_relative(const struct ht_process_info *p);

#endif
