#!/bin/sh
# SPDX-License-Identifier: MIT
# The flame graph, the page and the server. run.sh flame|page|http|push HEAPTAP
set -eu
what=$1
heaptap=$(realpath "$2")
cd "$(dirname "$0")"
# Debian's own python3 has the prometheus parser, another one before it in PATH need not.
python=python3
[ ! -x /usr/bin/python3 ] || python=/usr/bin/python3
case $what in
flame | page) command -v node >/dev/null || { echo "SKIP: no node on this machine"; exit 77; } ;;
esac
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || :; rm -rf "$dir"' EXIT
$python mksample.py "$dir"

totals() {
  $python -c 'import json, sys, pprofile
print(json.dumps(pprofile.totals(open(sys.argv[1], "rb").read())))' "$1"
}

# What the page shows must be what the command prints: {name: [flat, cum]}.
rows() {
  "$heaptap" top --json --nodecount=0 --nodefraction=0 "$1" | $python -c 'import json, sys
print(json.dumps({r["name"]: [r["flat"], r["cum"]] for r in json.load(sys.stdin)["rows"]}))'
}

case $what in
http) $python http_files.py "$heaptap" "$dir" ;;
push) $python push.py "$heaptap" "$dir" ;;
flame)
  "$heaptap" flame "$dir/new.pb.gz" -o "$dir/flame.html"
  "$heaptap" flame "$dir/new.pb.gz" --base "$dir/old.pb.gz" -o "$dir/diff.html"
  totals "$dir/new.pb.gz" >"$dir/totals.json"
  node flame.mjs "$dir/flame.html" "$dir/diff.html" "$dir/totals.json"
  ;;
page)
  mkdir -p "$dir/src/src/cache"
  seq 80 | sed 's/.*/    line(&);/; 64s/$/ \/\/ planted here/' >"$dir/src/src/cache/cache.cc"
  totals "$dir/new.pb.gz" >"$dir/totals.json"
  rows "$dir/new.pb.gz" >"$dir/rows.json"
  "$heaptap" view --listen :0 --no-browser --source-root "$dir/src" "$dir/old.pb.gz" "$dir/new.pb.gz" >"$dir/where" &
  server=$!
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    grep -q http "$dir/where" && break
    sleep 0.2
  done
  node page.mjs "$(grep -o 'http://[^ ]*' "$dir/where")" "$dir/totals.json" "$dir/rows.json"
  ;;
esac
