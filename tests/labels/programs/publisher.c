// SPDX-License-Identifier: MIT
#include "publisher.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// Of an alignment beyond the usual one, so that the block's place below the thread pointer is not the plain one.
EXPORTED _Alignas(64) __thread char publishers_own[100];
EXPORTED __thread struct otel_record *otel_thread_ctx_v1;
EXPORTED __thread struct custom_set *custom_labels_current_set;
EXPORTED const uint32_t custom_labels_abi_version = 1;

static size_t put_bytes(uint8_t *to, unsigned field, const void *bytes, size_t n) {
  size_t at = 0;
  to[at++] = (uint8_t)(field << 3 | 2);
  if (n > 127)
    to[at++] = (uint8_t)(n & 127) | 128, to[at++] = (uint8_t)(n >> 7);
  else
    to[at++] = (uint8_t)n;
  memcpy(to + at, bytes, n);
  return at + n;
}

static size_t put_attribute(uint8_t *to, unsigned field, const char *key, const uint8_t *value, size_t n) {
  static uint8_t pair[8192];
  size_t size = put_bytes(pair, 1, key, strlen(key));
  size += put_bytes(pair + size, 2, value, n);
  return put_bytes(to, field, pair, size);
}

void publish_context(const char *schema, const char *const *keys, unsigned n, int wrapped, int by_syscall) {
  static struct head {
    char signature[8];
    uint32_t version, size;
    uint64_t published, payload;
  } * head;
  static uint8_t payload[16384], value[4096], array[4096], one[300];
  size_t size = 0, in_array = 0, in_value;
  const unsigned field = wrapped ? 2 : 1;
  in_value = put_bytes(value, 1, "a service", 9);
  if (wrapped) {
    size_t resource = put_attribute(array, 1, "service.name", value, in_value);
    size += put_bytes(payload, 1, array, resource);
    payload[size++] = 3 << 3, payload[size++] = 5; // a field that no reader knows
  } else {
    size += put_attribute(payload, 1, "service.name", value, in_value);
  }
  in_value = put_bytes(value, 1, schema, strlen(schema));
  size += put_attribute(payload + size, field, "threadlocal.schema_version", value, in_value);
  for (unsigned i = 0; i < n; i++) {
    size_t in_one = put_bytes(one, 1, keys[i], strlen(keys[i]));
    in_array += put_bytes(array + in_array, 1, one, in_one);
  }
  in_value = put_bytes(value, 5, array, in_array);
  size += put_attribute(payload + size, field, "threadlocal.attribute_key_map", value, in_value);
  if (!head) {
    head = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (head == MAP_FAILED)
      abort();
    madvise(head, 4096, MADV_DONTFORK);
  }
  head->published = 0;
  head->version = 2;
  head->size = (uint32_t)size;
  head->payload = (uint64_t)payload;
  memcpy(head->signature, "OTEL_CTX", 8);
  head->published = (uint64_t)time(NULL);
  // What it returns does not matter: kernels without names for mappings refuse.
  if (by_syscall)
    syscall(SYS_prctl, 0x53564d41, 0, head, 4096, "OTEL_CTX");
  else
    prctl(0x53564d41, 0, head, 4096, "OTEL_CTX");
}

void attach_record(struct otel_record *record) {
  publishers_own[0]++;
  otel_thread_ctx_v1 = record;
}

void attach_set(struct custom_set *set) { custom_labels_current_set = set; }
