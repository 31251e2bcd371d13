/* SPDX-License-Identifier: MIT */
/* Content-Encoding: gzip. Level 1: on a fast connection the time to compress is what counts, and
 * columns of numbers gain little from more. */
#include "config.h"

#include "serve/compress.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

enum { LEAST = 1024, LEVEL = 1 };

/* "gzip;q=0" refuses. Returns 1, 0 for a refusal, -1 where another coding is named. */
static int one_coding(const char *word, size_t n)
{
    size_t name = strcspn(word, ";, \t");
    if (name > n)
        name = n;
    if (!(name == 1 && *word == '*') && !(name == 4 && !strncasecmp(word, "gzip", 4)))
        return -1;
    for (const char *at = word + name; at + 2 < word + n; at++)
        if ((*at == 'q' || *at == 'Q') && at[1] == '=')
            return strtod(at + 2, NULL) > 0;
    return 1;
}

bool ht_accepts_gzip(const char *header)
{
    bool any = false;
    while (header && *header) {
        header += strspn(header, ", \t");
        size_t n = strcspn(header, ",");
        int accepted = n ? one_coding(header, n) : -1;
        if (accepted >= 0 && *header != '*')
            return accepted;
        any |= accepted > 0;
        header += n;
    }
    return any;
}

static bool is_text(const char *type)
{
    return !strncmp(type, "text/", 5) || !strcmp(type, "application/json");
}

void *ht_gzip(const char *type, const void *data, size_t size, size_t *packed)
{
    z_stream z = {0};
    if (size < LEAST || size > UINT_MAX / 2 || !is_text(type) ||
        deflateInit2(&z, LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return NULL;
    size_t bound = deflateBound(&z, size);
    unsigned char *out = malloc(bound);
    z.next_in = (unsigned char *)(uintptr_t)data;
    z.avail_in = (unsigned)size;
    z.next_out = out;
    z.avail_out = (unsigned)bound;
    bool ok = out && deflate(&z, Z_FINISH) == Z_STREAM_END;
    *packed = z.total_out;
    deflateEnd(&z);
    void *less = ok ? realloc(out, *packed) : NULL;
    if (!less)
        free(out);
    return less;
}
