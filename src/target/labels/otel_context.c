/* SPDX-License-Identifier: MIT */
/*
 * A head of 32 bytes leads to a ProcessContext message (opentelemetry-proto, common/v1): field 2
 * are its attributes; before 1.11 it was a Resource, with them in field 1. Two attributes matter:
 * the schema, and the list of the keys by number, which only grows. The publisher names the mapping
 * when it has written it, and does not change it meanwhile.
 */
#include "config.h"

#include "target/labels/otel_context.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "target/labels/values.h"
#include "target/os/unknown_memory.h"

#define PAYLOAD 65536u /* a larger one is not looked at */

struct head {
    char signature[8];
    uint32_t version, size;
    uint64_t published, payload;
};

/* Of each key there: its number in ht_config.labels, from 1; 0: not asked for. Relaxed. */
static _Atomic uint8_t keys[256];

/* Bytes of a message, from which fields are taken. */
struct bytes {
    const unsigned char *at, *end;
};

struct found {
    bool schema;
    uint8_t keys[256];
};

static bool take_number(struct bytes *b, uint64_t *n)
{
    *n = 0;
    for (unsigned shift = 0; b->at < b->end && shift < 64; shift += 7) {
        const unsigned char c = *b->at++;
        *n |= (uint64_t)(c & 127) << shift;
        if (c < 128)
            return true;
    }
    return false;
}

/* The next field that is bytes: its number, and what it holds. False: there is none, or the message
 * is damaged. */
static bool take_field(struct bytes *b, uint64_t *field, struct bytes *out)
{
    uint64_t tag, n;
    while (take_number(b, &tag)) {
        const unsigned fixed = (tag & 7) == 1 ? 8 : (tag & 7) == 5 ? 4 : 0;
        if (fixed) {
            if ((size_t)(b->end - b->at) < fixed)
                return false;
            b->at += fixed;
            continue;
        }
        if (((tag & 7) != 0 && (tag & 7) != 2) || !take_number(b, &n))
            return false;
        if ((tag & 7) == 0)
            continue;
        if (n > (size_t)(b->end - b->at))
            return false;
        *field = tag >> 3;
        *out = (struct bytes){b->at, b->at + n};
        b->at += n;
        return true;
    }
    return false;
}

static bool is(const struct bytes *b, const char *text)
{
    const size_t n = strlen(text);
    return (size_t)(b->end - b->at) == n && !memcmp(b->at, text, n);
}

/* The field of a message, the first one with that number. */
static bool field_of(struct bytes message, uint64_t wanted, struct bytes *out)
{
    uint64_t field;
    while (take_field(&message, &field, out))
        if (field == wanted)
            return true;
    return false;
}

enum { KEY = 1, VALUE = 2, STRING_VALUE = 1, ARRAY_VALUE = 5, ARRAY_VALUES = 1 };

/* The schemas that have the record in a thread-local variable; Go and Node.js have others. */
static bool is_schema(struct bytes value)
{
    struct bytes text;
    return field_of(value, STRING_VALUE, &text) &&
           (is(&text, "tlsdesc_v1_dev") || is(&text, "tls_v1"));
}

static void read_key_map(struct bytes value, struct found *f)
{
    struct bytes array, one, text;
    uint64_t field;
    if (!field_of(value, ARRAY_VALUE, &array))
        return;
    for (unsigned i = 0; i < 256 && take_field(&array, &field, &one);) {
        if (field != ARRAY_VALUES)
            continue;
        if (field_of(one, STRING_VALUE, &text))
            f->keys[i] = (uint8_t)(1 + ht_label_key_number((const char *)text.at,
                                                           (size_t)(text.end - text.at)));
        i++;
    }
}

static void read_attribute(struct bytes attribute, struct found *f)
{
    struct bytes key, value;
    if (!field_of(attribute, KEY, &key) || !field_of(attribute, VALUE, &value))
        return;
    if (is(&key, "threadlocal.schema_version"))
        f->schema = is_schema(value);
    else if (is(&key, "threadlocal.attribute_key_map"))
        read_key_map(value, f);
}

/* A ProcessContext has attributes in field 2, and in field 1 a Resource, which has them in its
 * field 1; or it is that Resource. */
static void read_context(struct bytes context, struct found *f)
{
    struct bytes one, inner;
    uint64_t field;
    while (take_field(&context, &field, &one)) {
        if (field > 2)
            continue;
        read_attribute(one, f);
        struct bytes resource = one;
        while (field == 1 && take_field(&resource, &(uint64_t){0}, &inner))
            read_attribute(inner, f);
    }
}

void ht_otel_read_keys(uint64_t at)
{
    static unsigned char payload[PAYLOAD];
    static struct found f;
    static _Atomic uint32_t busy; /* try-lock: the two above */
    struct ht_unknown_memory m = {0};
    struct head h;
    if (!ht_unknown_read(&m, at, &h, sizeof h) || memcmp(h.signature, "OTEL_CTX", 8) != 0 ||
        h.version != 2 || !h.published || !h.size || h.size > PAYLOAD ||
        atomic_exchange_explicit(&busy, 1, memory_order_acquire))
        return;
    memset(&f, 0, sizeof f);
    if (ht_unknown_read(&m, h.payload, payload, h.size))
        read_context((struct bytes){payload, payload + h.size}, &f);
    for (unsigned i = 0; f.schema && i < 256; i++)
        atomic_store_explicit(&keys[i], f.keys[i], memory_order_relaxed);
    atomic_store_explicit(&busy, 0, memory_order_release);
}

int ht_otel_key(uint8_t index)
{
    return (int)atomic_load_explicit(&keys[index], memory_order_relaxed) - 1;
}
