/* SPDX-License-Identifier: MIT */
/* Label sets: each is one number, whoever asks for it first, and what has no room is the last one. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "stress.h"
#include "target/state/state.h"
#include "target/tables/label_sets.h"

enum { ROOM = 600, BEFORE = HT_LABELS_OTHER - 1 - ROOM, MORE = ROOM + 300 };

static _Atomic uint32_t known[MORE];

static uint32_t intern(unsigned k)
{
    unsigned char text[HT_LABEL_TEXT];
    char value[16];
    uint32_t size = 0;
    snprintf(value, sizeof value, "%u", k);
    CHECK(ht_label_add(text, &size,
                       &(struct ht_label_pair){"thread", value, 6, (uint8_t)strlen(value)}),
          "a label fits into the text");
    return ht_label_set_intern(text, size, 1);
}

static void intern_sets(unsigned thread)
{
    for (unsigned i = 0; i < MORE; i++) {
        if (i % 50 == 0)
            ht_together();
        unsigned k = i / 50 * 50 + (i * 7 + (thread & 3)) % 50;
        uint32_t number = intern(k), first = 0;
        CHECK(number >= 1 && number <= HT_LABELS_OTHER, "a label set's number is in range");
        if (!atomic_compare_exchange_strong(&known[k], &first, number))
            CHECK(first == number, "equal labels have one number");
    }
}

/* A reader finds every set whole, by its number. */
static void watch_sets(const struct ht_view *v)
{
    uint32_t n = atomic_load(&v->header->n_label_sets);
    CHECK(n < HT_LABELS_OTHER, "the number is below that of \"other\"");
    for (uint32_t i = BEFORE + 1; i <= n; i++) {
        struct ht_label_pair pair[HT_LABELS];
        CHECK(ht_view_labels(v, i, pair) == 1 && pair[0].key_size == 6 &&
                  !memcmp(pair[0].key, "thread", 6),
              "a label set that is seen has its key");
    }
}

void stress_labels(void)
{
    static bool taken[HT_LABEL_SETS];
    ht_config.n_labels = ht_config.thread_label = 1;
    ht_config.labels[0] = (struct ht_label_key){6, "thread"};
    ht_label_sets_start();
    atomic_store(&ht_state->header->n_label_sets, BEFORE);
    ht_crowd(intern_sets, watch_sets);
    unsigned other = 0;
    for (unsigned k = 0; k < MORE; k++) {
        if (known[k] == HT_LABELS_OTHER) {
            other++;
            continue;
        }
        CHECK(!taken[known[k]], "no two label sets share a number");
        taken[known[k]] = true;
    }
    CHECK(other == MORE - ROOM, "what finds no room is counted as \"other\"");
    struct ht_view v;
    struct ht_label_pair pair[HT_LABELS];
    ht_own_view(&v);
    CHECK(ht_view_labels(&v, HT_LABELS_OTHER, pair) == 1 && pair[0].value_size == 5 &&
              !memcmp(pair[0].value, "other", 5),
          "\"other\" has its value");
    CHECK(!ht_view_labels(&v, 0, pair) && !ht_view_labels(&v, HT_LABELS_OTHER + 1, pair),
          "numbers outside the table have no labels");
}
