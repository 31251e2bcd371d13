/* SPDX-License-Identifier: MIT */
/* Names of JIT-compiled code, as runtimes leave them in /tmp/perf-PID.map. */
#ifndef HEAPTAP_SRC_SYMBOLIZE_PERFMAP_H
#define HEAPTAP_SRC_SYMBOLIZE_PERFMAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct ht_perfmap;

/* NULL when there is none, or it is not trusted (another user's). With `alive` the process is
 * asked for its mounts and its pid in them; otherwise taken_ns (0: unknown) is when the profile
 * was made, and a map that was begun later belongs to another process with that pid. */
struct ht_perfmap *ht_perfmap_open(pid_t pid, bool alive, const char *root, int64_t taken_ns);
void ht_perfmap_close(struct ht_perfmap *m);

/* NULL when no entry covers the address. The name lives as long as the map. */
const char *ht_perfmap_find(const struct ht_perfmap *m, uint64_t addr);

#endif
