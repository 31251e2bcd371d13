/* SPDX-License-Identifier: MIT */
/* Items to bytes and back. */
#include "config.h"

#include "cli/push/item.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool ht_push_key_is_valid(const char *key, size_t n)
{
    if (!n || n > 256 || isdigit((unsigned char)*key) || (n > 1 && key[0] == '_' && key[1] == '_'))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isascii((unsigned char)key[i]) || (!isalnum((unsigned char)key[i]) && key[i] != '_'))
            return false;
    return true;
}

void ht_push_plain(char *value)
{
    for (; *value; value++)
        if (*value <= ' ' || *value > '~' || strchr("{},=\"\\", *value))
            *value = '_';
}

void ht_push_plain_service(char *name)
{
    ht_push_plain(name);
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && !strchr("_./-", *name))
            *name = '_';
}

int ht_push_item_encode(const struct ht_push_item *item, void **data, size_t *size)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, size);
    if (!f)
        return -ENOMEM;
    fprintf(f, "heaptap-push 1 %" PRId64 " %" PRId64 " %s\n", item->from, item->until,
            item->service);
    for (size_t i = 0; i < item->n_labels; i++)
        fprintf(f, "%s=%s\n", item->labels[i].key, item->labels[i].value);
    putc('\n', f);
    fwrite(item->profile, 1, item->profile_size, f);
    if (fclose(f)) {
        free(text);
        return -ENOMEM;
    }
    *data = text;
    return 0;
}

int ht_push_item_decode(const void *data, size_t size, struct ht_push_item *item)
{
    const char *end = memmem(data, size, "\n\n", 2);
    int service = 0;
    *item = (struct ht_push_item){0};
    if (!end)
        return -EINVAL;
    item->text = strndup(data, (size_t)(end - (const char *)data));
    if (!item->text)
        return -ENOMEM;
    item->profile = end + 2;
    item->profile_size = size - (size_t)(end + 2 - (const char *)data);
    char *rest = item->text, *line = strsep(&rest, "\n");
    bool good = sscanf(line, "heaptap-push 1 %" SCNd64 " %" SCNd64 " %n", &item->from, &item->until,
                       &service) == 2 &&
                service && line[service] && item->profile_size;
    item->service = line + service;
    while (good && (line = strsep(&rest, "\n"))) {
        char *equals = strchr(line, '=');
        good = equals && item->n_labels < HT_PUSH_LABELS &&
               ht_push_key_is_valid(line, (size_t)(equals - line));
        if (good) {
            *equals = '\0';
            item->labels[item->n_labels++] = (struct ht_push_label){line, equals + 1};
        }
    }
    if (good)
        return 0;
    free(item->text);
    item->text = NULL;
    return -EINVAL;
}
