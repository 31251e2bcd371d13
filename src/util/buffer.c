/* SPDX-License-Identifier: MIT */
/* A buffer that doubles when it is full, so that each byte is copied a few times at most. */
#include "config.h"

#include "util/buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int ht_buffer_append(void *sink, const void *data, size_t size)
{
    struct ht_buffer *b = sink;
    if (size > b->room - b->size) {
        size_t room = (b->size + size) * 2;
        unsigned char *more = realloc(b->data, room);
        if (!more)
            return -ENOMEM;
        b->data = more;
        b->room = room;
    }
    memcpy(b->data + b->size, data, size);
    b->size += size;
    return 0;
}
