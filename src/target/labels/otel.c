/* SPDX-License-Identifier: MIT */
/*
 * OpenTelemetry's thread context (OTEP 4947): `otel_thread_ctx_v1` is a thread's pointer to a
 * packed record, whose attributes have numbers for keys. Their names are in the process context
 * (OTEP 4719): a mapping that its publisher names by prctl, each time it has changed. The record is
 * written by its own thread alone, on which a sample reads it, as the specification asks for.
 */
#include "config.h"

#include "target/labels/otel.h"

#include <string.h>

#include "target/labels/otel_context.h"
#include "target/os/loader.h"
#include "target/os/object.h"
#include "target/os/thread_local.h"

/* trace-id[16], span-id[8], valid, trace-flags, size of the attributes (2 bytes), attributes. */
#define VALID      24u
#define SIZE       26u
#define HEAD       28u
#define ATTRIBUTES 612u /* that are looked at: 640 with the head, as recommended */

/* Written before `found`; found: 0 none, 1 being written, 2 there (release). */
static struct ht_thread_local context;
static _Atomic uint32_t found;

bool ht_otel_find(const struct link_map *l)
{
    struct ht_thread_local t;
    uint32_t none = 0;
    if (atomic_load_explicit(&found, memory_order_relaxed) ||
        !ht_thread_local_find(l, "otel_thread_ctx_v1", &t) ||
        !atomic_compare_exchange_strong_explicit(&found, &none, 1, memory_order_relaxed,
                                                 memory_order_relaxed))
        return false;
    context = t;
    atomic_store_explicit(&found, 2, memory_order_release);
    return true;
}

bool ht_otel_named(uint64_t at, const char *name, uint64_t caller)
{
    struct ht_unknown_memory m = {0};
    struct ht_object o;
    char text[sizeof "OTEL_CTX"];
    bool now = false;
    if (!ht_unknown_read(&m, (uint64_t)name, text, sizeof text) ||
        memcmp(text, "OTEL_CTX", sizeof text) != 0)
        return false;
    /* A library that was loaded later: the one that calls or, where its call was the last thing it
     * did, the one that the name is a constant of. Either stays as long as the call does. */
    const uint64_t in_it[] = {caller, (uint64_t)name};
    for (unsigned i = 0; i < 2; i++)
        if (ht_object_find(in_it[i], &o))
            now |= ht_otel_find((const struct link_map *)o.link_map);
    ht_otel_read_keys(at);
    return now;
}

/* The values stay where they are. */
static void add_attributes(struct ht_label_values *v, const unsigned char *a, uint32_t n)
{
    const unsigned char *last[HT_LABELS] = {0}; /* of one key the last one counts */
    for (uint32_t at = 0; n - at >= 2 && a[at + 1] <= n - at - 2; at += 2u + a[at + 1]) {
        const int key = ht_otel_key(a[at]);
        if (key >= 0)
            last[key] = a + at + 1;
    }
    for (unsigned key = 0; key < HT_LABELS; key++) {
        if (!last[key] || (v->found & 1u << key))
            continue;
        v->value[key] = (const char *)last[key] + 1;
        v->size[key] = (uint8_t)ht_label_cut(v->value[key], *last[key], HT_LABEL_VALUE);
        v->found |= 1u << key;
    }
}

void ht_otel_labels(struct ht_label_values *v, struct ht_label_room *room)
{
    struct ht_unknown_memory m = {0};
    unsigned char head[HEAD];
    uint16_t n;
    if (atomic_load_explicit(&found, memory_order_acquire) != 2)
        return;
    const uint64_t record = ht_thread_local_read(&context, &m);
    if (!record || (record & 1) || !ht_unknown_read(&m, record, head, sizeof head) ||
        head[VALID] != 1)
        return;
    memcpy(&n, head + SIZE, sizeof n);
    if (n > ATTRIBUTES)
        n = ATTRIBUTES;
    char *to = room->text + room->used;
    if (n && n <= sizeof room->text - room->used && ht_unknown_read(&m, record + HEAD, to, n)) {
        room->used += n;
        add_attributes(v, (const unsigned char *)to, n);
    }
}
