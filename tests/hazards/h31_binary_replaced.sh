#!/bin/bash
# SPDX-License-Identifier: MIT
# Hazard 31: the binary is deleted or replaced while it runs, or started through ld-linux.so.
# Shows: the profile names it by its path, without " (deleted)", with the build-id of what ran; through the loader the first
# mapping is still the program. While it lives a dump from outside names its functions, from the file that is mapped, whoever asks:
# the links to what is mapped are root's, that to the program is not.
# Seen failing without "the program's own path", "what is mapped is read by the kernel's link", and "the program by its own" (mutants).
cp "$H_PROGRAMS/h31_until_eof" "$H_TMP/program"
build=$(readelf -nW "$H_TMP/program" | sed -n 's/.*Build ID: //p')
# Root without its rights is as any user.
rights=()
setpriv --bounding-set=-all true 2>/dev/null && rights=(setpriv --bounding-set=-all)
for how in delete replace loader "delete as any user"; do
  as=()
  export XDG_CACHE_HOME="$H_TMP/cache of $how" # names that an earlier run kept show nothing
  [ "$how" = "delete as any user" ] && as=("${rights[@]}")
  cp "$H_PROGRAMS/h31_until_eof" "$H_TMP/program"
  rm -f "$H_TMP/p.pb.gz" "$H_TMP/go" "$H_TMP/ready"
  mkfifo "$H_TMP/go"
  start=("$H_TMP/program")
  [ "$how" = loader ] && start=(/lib64/ld-linux-x86-64.so.2 "$H_TMP/program")
  "${as[@]}" env H_READY="$H_TMP/ready" LD_PRELOAD="$H_PRELOAD" HEAPTAP_RATE="$H_RATE" HEAPTAP_REGION_DIR="$H_TMP/regions" HEAPTAP_OUTPUT="$H_TMP/p.pb.gz" "${start[@]}" <"$H_TMP/go" &
  pid=$!
  exec 5>"$H_TMP/go"
  while [ ! -e "$H_TMP/ready" ] && kill -0 $pid 2>/dev/null; do sleep 0.01; done
  [[ $how = delete* ]] && rm "$H_TMP/program"
  [ "$how" = replace ] && cp /bin/true "$H_TMP/new" && mv "$H_TMP/new" "$H_TMP/program"
  if [ -x "$H_BUILD/heaptap" ]; then
    HEAPTAP_REGION_DIR="$H_TMP/regions" "${as[@]}" "$H_BUILD/heaptap" dump -q -o "$H_TMP/alive.pb.gz" $pid 2>"$H_TMP/err" || { echo "$how: dump:"; cat "$H_TMP/err"; exit 1; }
    "$H_BUILD/heaptap" top -unit=B "$H_TMP/alive.pb.gz" | grep -q ' site_early$' || { echo "$how: dump does not name what the program has:"; "$H_BUILD/heaptap" top "$H_TMP/alive.pb.gz"; exit 1; }
  fi
  exec 5>&-
  wait $pid || { echo "$how: exit $?"; exit 1; }
  python3 - "$H_LIB" "$H_TMP/p.pb.gz" "$H_TMP/program" "$build" <<'P' || { echo "($how)"; exit 1; }
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import pprof
p = pprof.Profile(sys.argv[2])
bad = pprof.check(p)
m = p.mappings[0]
if m.path != sys.argv[3] or m.build != sys.argv[4]:
    bad.append("mapping[0] is %s %s, not %s %s" % (m.path, m.build, sys.argv[3], sys.argv[4]))
print("\n".join(bad))
sys.exit(bool(bad))
P
done
