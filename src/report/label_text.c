/* SPDX-License-Identifier: MIT */
/* A sample's labels as texts, one for each key with all its values, sorted. */
#include "config.h"

#include "report/label_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int ht_label_texts_init(struct ht_label_texts *t, const struct ht_sample *s, bool numeric,
                        int width, const char *before, const char *after, ht_label_number_fn number,
                        void *arg)
{
    *t = (struct ht_label_texts){0};
    if (!s->n_labels)
        return 0;
    t->text = calloc(s->n_labels, sizeof(*t->text));
    if (!t->text)
        return -ENOMEM;
    for (size_t i = 0, end; i < s->n_labels; i = end) {
        const struct ht_label *first = &s->labels[i];
        end = i + 1;
        while (end < s->n_labels && !strcmp(s->labels[end].key, first->key) &&
               !s->labels[end].str == !first->str)
            end++;
        if (!first->str != numeric)
            continue;
        size_t size;
        FILE *out = open_memstream(&t->text[t->n], &size);
        if (!out)
            return -ENOMEM;
        t->n++;
        fprintf(out, "%*s%s", width, first->key, before);
        for (size_t j = i; j < end; j++) {
            if (j > i)
                fputc(' ', out);
            if (numeric)
                number(out, &s->labels[j], arg);
            else
                fputs(s->labels[j].str, out);
        }
        fputs(after, out);
        if (fclose(out))
            return -ENOMEM;
    }
    qsort(t->text, t->n, sizeof(*t->text), compare);
    return 0;
}

void ht_label_texts_finish(struct ht_label_texts *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->text[i]);
    free(t->text);
    *t = (struct ht_label_texts){0};
}
