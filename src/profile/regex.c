/* SPDX-License-Identifier: MIT */
/*
 * PCRE2 in the place of Go's RE2, with limits on its work: a profile brings expressions of its
 * own.
 */
#include "config.h"

#include "profile/regex.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* RE2 never backtracks; a pattern that would is cut off here. */
#define MATCH_LIMIT 1000000
#define DEPTH_LIMIT 10000
/* After so many cut-offs a pattern is given up: a profile brings its own (drop_frames), and names.
 */
#define CUTOFF_LIMIT 16

struct ht_regex {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *context;
    int cutoffs;
};

int ht_regex_create(struct ht_regex **out, const char *pattern, const char *what, char *msg,
                    size_t msg_size)
{
    int code;
    PCRE2_SIZE at;
    struct ht_regex *re = calloc(1, sizeof(*re));
    if (!re)
        return -ENOMEM;
    /* $ is the end of the text only, and names may be no UTF-8: as in RE2. */
    re->code =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                      PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOLLAR_ENDONLY, &code, &at, NULL);
    if (!re->code) {
        char why[160] = "";
        pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof(why));
        snprintf(msg, msg_size, "%s: the regular expression '%s' is wrong at character %zu: %s",
                 what, pattern, (size_t)at + 1, why);
        ht_regex_destroy(re);
        return -EINVAL;
    }
    re->data = pcre2_match_data_create(1, NULL);
    re->context = pcre2_match_context_create(NULL);
    if (!re->data || !re->context) {
        ht_regex_destroy(re);
        snprintf(msg, msg_size, "out of memory");
        return -ENOMEM;
    }
    pcre2_set_match_limit(re->context, MATCH_LIMIT);
    pcre2_set_depth_limit(re->context, DEPTH_LIMIT);
    /* Without JIT (a kernel that refuses executable memory) it matches the slower way. */
    pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE);
    *out = re;
    return 0;
}

void ht_regex_destroy(struct ht_regex *re)
{
    if (!re)
        return;
    pcre2_match_context_free(re->context);
    pcre2_match_data_free(re->data);
    pcre2_code_free(re->code);
    free(re);
}

bool ht_regex_match(const struct ht_regex *re, const char *s)
{
    if (re->cutoffs >= CUTOFF_LIMIT)
        return false;
    size_t n = strlen(s);
    int r = pcre2_match(re->code, (PCRE2_SPTR)s, n, 0, 0, re->data, re->context);
    if (r == PCRE2_ERROR_JIT_STACKLIMIT)
        r = pcre2_match(re->code, (PCRE2_SPTR)s, n, 0, PCRE2_NO_JIT, re->data, re->context);
    if (r < 0 && r != PCRE2_ERROR_NOMATCH)
        ((struct ht_regex *)(uintptr_t)re)->cutoffs++; /* a memo, no part of its meaning */
    return r >= 0;
}
