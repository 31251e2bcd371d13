#!/bin/bash
# SPDX-License-Identifier: MIT
# only: glibc
# Hazard 67: a library is removed as soon as it is loaded, or with the directory that it was unpacked into.
# Shows: the profile that the process writes, `run`'s, and one taken by another without root's rights have its build-id and the names
# of its exported functions; for who looks at the living process a function without one goes by its place. What a filter might not
# allow is not tried.
# Seen failing without "a process names what is gone", "not under a filter" and "its memory is read where its file is not" (mutants).
export HEAPTAP_REGION_DIR=$H_TMP/regions HEAPTAP_RATE=1
mkdir -m 700 "$HEAPTAP_REGION_DIR"
library=$H_PROGRAMS/libh67_plugin.so
id=$(readelf -nW "$library" | sed -n 's/.*Build ID: //p')
has() { # WHAT FILE REGEX...
  local what=$1 file=$2
  shift 2
  HEAPTAP_REGION_DIR='' "$H_BUILD/heaptap" top -unit=B "$file" >"$H_TMP/top" 2>"$H_TMP/err" || { echo "$what: top:"; cat "$H_TMP/err"; exit 1; }
  for regex; do
    grep -qE "$regex" "$H_TMP/top" || { echo "$what has no $regex:"; head -n 12 "$H_TMP/top"; exit 1; }
  done
  HEAPTAP_REGION_DIR='' "$H_BUILD/heaptap" raw "$file" 2>/dev/null | grep -q "$id" || { echo "$what has not the build-id $id"; exit 1; }
}
make='^ *120000B .* unlinked_make$' hidden=' 140000B .* unlinked_hidden$'
[ -x "$H_BUILD/heaptap" ] || exit 77

export XDG_CACHE_HOME=$H_TMP/cache1
cp "$library" "$H_TMP/gone.so"
LD_PRELOAD=$H_PRELOAD HEAPTAP_OUTPUT=$H_TMP/own.pb.gz "$H_PROGRAMS/h67_unlinks" "$H_TMP/gone.so" </dev/null >/dev/null || { echo "exit $?"; exit 1; }
has "the process's own profile" "$H_TMP/own.pb.gz" "$make" "$hidden"
# A file with these names after all says more.
cp "$library" "$H_TMP/gone.so"
has "the process's own profile, and its file" "$H_TMP/own.pb.gz" "$make" ' 140000B .* site_local$'
rm "$H_TMP/gone.so"

# A filter that comes with the process, and is trusted, may be of before this call was one of ours.
cat >"$H_TMP/filter.py" <<'P'
import ctypes, os, struct, sys
code = b"".join(struct.pack("HBBI", *i) for i in ((0x20, 0, 0, 0), (0x15, 0, 1, 310), (6, 0, 0, 0x80000000), (6, 0, 0, 0x7fff0000)))
held = ctypes.create_string_buffer(code)
program = struct.pack("HxxxxxxQ", 4, ctypes.addressof(held))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.create_string_buffer(program), 0, 0):
    sys.exit(77)
os.environ["LD_PRELOAD"] = os.environ["H_PRELOAD"]
os.execv(sys.argv[1], sys.argv[1:])
P
cp "$library" "$H_TMP/gone.so"
HEAPTAP_SECCOMP=trust HEAPTAP_OUTPUT=$H_TMP/filtered.pb.gz python3 "$H_TMP/filter.py" "$H_PROGRAMS/h67_unlinks" "$H_TMP/gone.so" </dev/null >/dev/null
status=$?
[ $status = 77 ] || { [ $status = 0 ] && [ -s "$H_TMP/filtered.pb.gz" ]; } || { echo "under a filter: exit $status"; exit 1; }

if [ -z "$H_ALLOCATOR" ] || [ "$H_ALLOCATOR" = glibc ]; then
  export XDG_CACHE_HOME=$H_TMP/cache2
  cp "$library" "$H_TMP/gone.so"
  "$H_BUILD/heaptap" run -q --exact -o "$H_TMP/run.pb.gz" -- "$H_PROGRAMS/h67_unlinks" "$H_TMP/gone.so" </dev/null >/dev/null 2>"$H_TMP/err" || { echo "run: exit $?"; cat "$H_TMP/err"; exit 1; }
  [ -s "$H_TMP/err" ] && { echo "run said:"; cat "$H_TMP/err"; exit 1; }
  has "run's profile" "$H_TMP/run.pb.gz" "$make" "$hidden"
fi

export XDG_CACHE_HOME=$H_TMP/cache3
# Root without its rights is as any user.
rights=()
setpriv --bounding-set=-all true 2>/dev/null && rights=(setpriv --bounding-set=-all)
cp "$library" "$H_TMP/gone.so"
mkfifo "$H_TMP/in" "$H_TMP/says"
"${rights[@]}" env LD_PRELOAD="$H_PRELOAD" HEAPTAP_OUTPUT="$H_TMP/last.pb.gz" "$H_PROGRAMS/h67_unlinks" "$H_TMP/gone.so" <"$H_TMP/in" >"$H_TMP/says" &
pid=$!
exec 5>"$H_TMP/in" 6<"$H_TMP/says"
read -r -u 6 line
[ "$line" = ready ] || { echo "not ready"; exit 1; }
# The memory is for who may trace it: where the machine says that only a parent may, there is nothing to be seen.
if "${rights[@]}" head -c0 "/proc/$pid/mem" 2>/dev/null; then
  "${rights[@]}" "$H_BUILD/heaptap" dump -q -o "$H_TMP/alive.pb.gz" $pid 2>"$H_TMP/err" || { echo "dump:"; cat "$H_TMP/err"; exit 1; }
  has "a look without root's rights" "$H_TMP/alive.pb.gz" "$make" "$hidden" ' 140000B .* gone\.so\+0x[0-9a-f]+$'
fi
exec 5>&-
wait $pid || { echo "exit $?"; exit 1; }
