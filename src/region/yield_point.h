/* SPDX-License-Identifier: MIT */
/*
 * HT_YIELD_POINT stands where another thread may come between two steps of a table: nothing in the
 * product. The tests' builds (HT_YIELD_POINTS) wait there by chance, or let another thread go on.
 */
#ifndef HEAPTAP_SRC_REGION_YIELD_POINT_H
#define HEAPTAP_SRC_REGION_YIELD_POINT_H

#ifdef HT_YIELD_POINTS
/* Points by table; every one must be passed, or a test has lost its race. */
enum ht_yield_point_id {
    HT_AT_LOCK, /* a lock is held by another thread */
    HT_AT_CURSOR,
    HT_AT_CHUNK,
    HT_AT_FRAME,
    HT_AT_STACK,
    HT_AT_SITE,
    HT_AT_SHARDS,
    HT_AT_REGION_RECORD,
    HT_AT_NODES,
    HT_AT_FILTER,
    HT_AT_LIVE,
    HT_AT_PENDING,
    HT_AT_WALK_CACHE,
    HT_AT_STACK_CACHE,
    HT_AT_PLACE,
    HT_AT_WEIGHTS,
    HT_AT_MODULE,
    HT_AT_LABELS,
    HT_AT_FOLD,
    HT_AT_MAPPINGS,
    HT_AT_VIEW, /* a reader, between a record's parts */
    HT_AT_COUNT
};
void ht_yield_point(enum ht_yield_point_id point);
#define HT_YIELD_POINT(point) ht_yield_point(HT_AT_##point)
#else
#define HT_YIELD_POINT(point) ((void)0)
#endif

#endif
