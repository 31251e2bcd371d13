#!/bin/bash
# SPDX-License-Identifier: MIT
# only: glibc
# Hazard 61: a program that is started by /proc/self/exe, by a descriptor, from a memfd, or from a file that is gone.
# Shows: its profile has the program's name and path, neither "exe" nor "3" nor " (deleted)", nor another name of its file; while it lives a look from outside
# names its functions.
# Seen failing without "the kernel's own links are no names", "deleted is no part of a path", "a memfd's name" and "a link's name is the
# program's" (mutants).
export HEAPTAP_REGION_DIR=$H_TMP/regions XDG_CACHE_HOME=$H_TMP/cache
mkdir -m 700 "$H_TMP/regions"
bad=0
try() { # NAME WORDS...
  local name=$1
  shift
  rm -rf "$H_TMP/out" "$XDG_CACHE_HOME"
  mkdir "$H_TMP/out"
  cp "$H_PROGRAMS/h61_started" "$H_TMP/program"
  LD_PRELOAD="$H_PRELOAD" HEAPTAP_RATE=1 HEAPTAP_OUTPUT="$H_TMP/out/%e.pb.gz" "$H_TMP/program" "$@" &
  local pid=$!
  while [ -e /proc/$pid ] && ! grep -q '^State:.T' /proc/$pid/status 2>/dev/null; do sleep 0.02; done
  if [ -x "$H_BUILD/heaptap" ]; then
    "$H_BUILD/heaptap" top -unit=B $pid >"$H_TMP/top" 2>&1
    grep -q ' site_named$' "$H_TMP/top" || { echo "$*: a look from outside does not name its function:"; head -n 9 "$H_TMP/top"; bad=1; }
  fi
  kill -CONT $pid
  wait $pid || { echo "$*: exit $?"; bad=1; }
  # What a process allocates before it execs is a profile too, of the program as it was called.
  ls "$H_TMP/out" | grep -qx "$name.pb.gz" || { echo "$*: profiles $(ls "$H_TMP/out" | tr '\n' ' '), none of $name"; bad=1; }
  if [ -n "$(ls "$H_TMP/out" | grep -vE "^(program|$name)(\.[0-9]+)*\.pb\.gz$")" ]; then
    echo "$*: profiles of others: $(ls "$H_TMP/out" | tr '\n' ' ')"
    bad=1
  fi
  if gzip -dc "$H_TMP/out/$name.pb.gz" 2>/dev/null | grep -aq '(deleted)'; then
    echo "$*: a path in the profile says (deleted)"
    bad=1
  fi
}
try program self
try program descriptor
try program deleted "$H_TMP/program"
try wonderful memory wonderful
try program memory ""
# By a link of another name, as redis-server is one to redis-check-rdb: the profile is that name's, by a path that leads to the file.
if [ -x "$H_BUILD/heaptap" ]; then
  cp "$H_PROGRAMS/h61_started" "$H_TMP/program"
  ln -s program "$H_TMP/linked"
  (cd "$H_TMP" && LD_PRELOAD="$H_PRELOAD" HEAPTAP_RATE=1 HEAPTAP_OUTPUT="$H_TMP/linked.pb.gz" exec ./linked) &
  pid=$!
  while [ -e /proc/$pid ] && ! grep -q '^State:.T' /proc/$pid/status 2>/dev/null; do sleep 0.02; done
  for i in "$pid" "$H_TMP/linked.pb.gz"; do
    "$H_BUILD/heaptap" top -unit=B "$i" >"$H_TMP/top" 2>&1
    head -n 1 "$H_TMP/top" | grep -qx 'File: linked' && grep -q ' site_named$' "$H_TMP/top" || { echo "a link: $i:"; head -n 9 "$H_TMP/top"; bad=1; }
    [ "$i" = "$pid" ] && kill -CONT $pid && wait $pid
  done
  gzip -dc "$H_TMP/linked.pb.gz" | grep -aq '/linked' || { echo "a link: its path is not in the profile"; bad=1; }
fi
exit $bad
