/* SPDX-License-Identifier: MIT */
/* Bounds-checked, without allocation: the text may be a hostile region's. */
#include "config.h"

#include "region/labels.h"

#include <string.h>

bool ht_label_next(const unsigned char *text, uint32_t size, uint32_t *at,
                   struct ht_label_pair *out)
{
    if (size < 2 || *at > size - 2)
        return false;
    out->key_size = text[*at];
    out->value_size = text[*at + 1];
    const uint32_t key = *at + 2, value = key + out->key_size, end = value + out->value_size;
    if (end > size || !out->key_size)
        return false;
    out->key = (const char *)text + key;
    out->value = (const char *)text + value;
    *at = end;
    return true;
}

unsigned ht_view_labels(const struct ht_view *v, uint32_t number, struct ht_label_pair *out)
{
    ht_ref list = atomic_load_explicit(&v->header->label_sets, memory_order_acquire);
    const _Atomic ht_ref *sets = number && number <= HT_LABEL_SETS
                                     ? ht_view_at(v, list, HT_LABEL_SETS * sizeof(ht_ref))
                                     : NULL;
    ht_ref ref = sets ? atomic_load_explicit(&sets[number - 1], memory_order_acquire) : 0;
    const struct ht_label_set *set = ht_view_at(v, ref, sizeof *set);
    const uint32_t size = set ? set->size : 0;
    if (!size || size > HT_LABEL_TEXT || !(set = ht_view_at(v, ref, sizeof *set + size)))
        return 0;
    unsigned n = 0;
    uint32_t at = 0;
    while (n < HT_LABELS && ht_label_next(set->text, size, &at, &out[n]))
        n++;
    return n == set->n && at == size ? n : 0;
}

uint32_t ht_label_cut(const char *text, uint32_t n, uint32_t most)
{
    if (n <= most)
        return n;
    uint32_t cut = most;
    while (cut && most - cut < 3 && ((unsigned char)text[cut] & 0xc0) == 0x80)
        cut--;
    return ((unsigned char)text[cut] & 0xc0) == 0x80 ? most : cut;
}

void ht_thread_fold_name(const char *name, char *out, size_t size)
{
    size_t n = 0;
    for (; *name && n + 1 < size; name++) {
        bool digit = *name >= '0' && *name <= '9';
        if (!digit || !n || out[n - 1] != '#')
            out[n++] = digit ? '#' : *name;
    }
    out[n] = 0;
}

const char *ht_label_key_next(const char **list, size_t *n)
{
    const char *key = *list;
    if (!key)
        return NULL;
    const char *comma = strchr(key, ',');
    *n = comma ? (size_t)(comma - key) : strlen(key);
    *list = comma ? comma + 1 : NULL;
    return key;
}

static bool is_in(const char *list, const char *key, size_t n)
{
    const char *one;
    size_t size;
    while ((one = ht_label_key_next(&list, &size)))
        if (size == n && !memcmp(one, key, n))
            return true;
    return false;
}

static bool key_valid(const char *key, size_t n)
{
    if (!n || n > HT_LABEL_KEY || is_in("bytes,age,rate", key, n) ||
        (n >= 7 && !memcmp(key, "pprof::", 7)))
        return false;
    for (size_t i = 0; i < n; i++) {
        const char c = key[i], low = (char)(c | 32);
        if (!(low >= 'a' && low <= 'z') && !(c >= '0' && c <= '9') && !strchr("._-/:", c))
            return false;
    }
    return true;
}

bool ht_label_keys_valid(const char *list)
{
    const char *key;
    size_t n;
    unsigned keys = 0;
    while ((key = ht_label_key_next(&list, &n)))
        if (!key_valid(key, n) || is_in(list, key, n) || ++keys > HT_LABELS)
            return false;
    return true;
}
