/* SPDX-License-Identifier: MIT */
/* Puts together what the sources of labels say of the calling thread. */
#include "config.h"

#include "target/labels/labels.h"

#include "target/labels/thread_name.h"
#include "target/tables/label_sets.h"

uint32_t ht_labels_gather(void)
{
    const uint32_t number = ht_config.thread_label ? ht_thread_name_set() : 0;
    if (HT_UNLIKELY(number == HT_LABELS_OTHER))
        ht_count(&ht_state->header->labels_other, 1);
    return number;
}
