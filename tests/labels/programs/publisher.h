// SPDX-License-Identifier: MIT
// A publisher of labels for profilers, as an SDK has one. Compiled into the program, or into a library.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef HIDDEN // as if the program had no publisher
#define EXPORTED
#else
#define EXPORTED __attribute__((visibility("default")))
#endif

struct otel_record {
  uint8_t trace_id[16], span_id[8], valid, flags;
  uint16_t size;
  uint8_t attributes[612];
} __attribute__((packed));

struct text {
  size_t size;
  const char *at;
};
struct custom_label {
  struct text key, value;
};
struct custom_set {
  struct custom_label *storage;
  size_t count, capacity;
};

// The process context with these keys; schema: "tlsdesc_v1_dev". wrapped: as a ProcessContext, else as a Resource. Names it by prctl, or by
// syscall().
EXPORTED void publish_context(const char *schema, const char *const *keys, unsigned n, int wrapped, int by_syscall);
EXPORTED void attach_record(struct otel_record *record);
EXPORTED void attach_set(struct custom_set *set);
