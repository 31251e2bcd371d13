/* SPDX-License-Identifier: MIT */
/*
 * libjansson where heaptap is built with it. Without it each of its values is NULL, which is what
 * jansson's own constructors give when there is no memory; --json is refused with HT_JSON_MISSING
 * before any report begins.
 */
#ifndef HEAPTAP_SRC_UTIL_JANSSON_H
#define HEAPTAP_SRC_UTIL_JANSSON_H

#define HT_JSON_MISSING                                                                            \
    "built without libjansson: there is no JSON (install libjansson-dev and build again)"

#if HT_JANSSON
#include <jansson.h>

#else
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct json json_t;
typedef int64_t json_int_t;
enum { JSON_FLAGS = 0 };
#define JSON_INDENT(n)         JSON_FLAGS
#define JSON_REAL_PRECISION(n) JSON_FLAGS

static inline json_t *json_object(void)
{
    return NULL;
}
static inline json_t *json_array(void)
{
    return NULL;
}
static inline json_t *json_string(const char *s)
{
    return NULL;
}
static inline json_t *json_integer(json_int_t n)
{
    return NULL;
}
static inline json_t *json_real(double n)
{
    return NULL;
}
static inline json_t *json_null(void)
{
    return NULL;
}
static inline json_t *json_boolean(int is)
{
    return NULL;
}
static inline json_t *json_pack(const char *format, ...)
{
    return NULL;
}
static inline int json_object_set_new(json_t *object, const char *key, json_t *value)
{
    return -1;
}
static inline int json_array_append_new(json_t *array, json_t *value)
{
    return -1;
}
static inline json_t *json_array_get(const json_t *array, size_t i)
{
    return NULL;
}
static inline size_t json_array_size(const json_t *array)
{
    return 0;
}
static inline int json_dumpf(const json_t *json, FILE *out, size_t flags)
{
    return -1;
}
static inline void json_decref(json_t *json)
{
}
#endif

#endif
