/* SPDX-License-Identifier: MIT */
/*
 * custom-labels, ABI v1: `custom_labels_current_set` is a thread's pointer to an array of labels.
 * The program or a library that it starts with defines it, with `custom_labels_abi_version` 1. Of
 * one key the first label counts; one whose key is NULL is none.
 */
#include "config.h"

#include "target/labels/custom_labels.h"

#include <string.h>

#include "target/os/loader.h"
#include "target/os/thread_local.h"

#define MOST 64u /* labels of a set that are looked at */

struct bytes {
    uint64_t size, at;
};

static struct ht_thread_local current_set; /* written at the start */
static bool there;

/* libcustomlabels*.so and customlabels.node, as the specification names them. */
static bool named_as_specified(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const size_t n = strlen(name);
    return (!strncmp(name, "libcustomlabels", 15) && n >= 18 && !strcmp(name + n - 3, ".so")) ||
           (n >= 17 && !strcmp(name + n - 17, "customlabels.node"));
}

bool ht_custom_labels_find(const struct link_map *l, bool is_program)
{
    const uint32_t *version;
    if (there || (!is_program && !named_as_specified(l->l_name)))
        return false;
    version = ht_loader_symbol_in(l, "custom_labels_abi_version");
    there = version && *version == 1 &&
            ht_thread_local_find(l, "custom_labels_current_set", &current_set);
    return there;
}

/* Copies a value into the room, if it has place. */
static void keep(struct ht_label_values *v, struct ht_label_room *room, int key, const char *value,
                 uint32_t n)
{
    n = ht_label_cut(value, n, HT_LABEL_VALUE);
    if (n > sizeof room->text - room->used)
        return;
    memcpy(room->text + room->used, value, n);
    v->value[key] = room->text + room->used;
    v->size[key] = (uint8_t)n;
    v->found |= 1u << key;
    room->used += n;
}

static void add_label(struct ht_label_values *v, struct ht_label_room *room,
                      struct ht_unknown_memory *m, const struct bytes *label)
{
    char text[HT_LABEL_VALUE + 1];
    if (!label[0].at || !label[0].size || label[0].size > HT_LABEL_KEY || !label[1].at ||
        !ht_unknown_read(m, label[0].at, text, label[0].size))
        return;
    const int key = ht_label_key_number(text, label[0].size);
    /* One more than may be kept, so that no character is cut. */
    const uint64_t n = label[1].size < sizeof text ? label[1].size : sizeof text;
    if (key >= 0 && !(v->found & 1u << key) && ht_unknown_read(m, label[1].at, text, n))
        keep(v, room, key, text, (uint32_t)n);
}

void ht_custom_labels(struct ht_label_values *v, struct ht_label_room *room)
{
    struct ht_unknown_memory m = {0};
    uint64_t set = there ? ht_thread_local_read(&current_set, &m) : 0;
    uint64_t head[2]; /* storage, count */
    struct bytes label[2];
    if (!set || !ht_unknown_read(&m, set, head, sizeof head))
        return;
    for (uint64_t i = 0; i < head[1] && i < MOST; i++)
        if (ht_unknown_read(&m, head[0] + i * sizeof label, label, sizeof label))
            add_label(v, room, &m, label);
        else
            break;
}
