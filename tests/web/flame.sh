#!/bin/sh
# SPDX-License-Identifier: MIT
# heaptap flame, looked at with Chromium. flame.sh HEAPTAP
set -eu
heaptap=$(realpath "$1")
cd "$(dirname "$0")"
command -v node >/dev/null || { echo "SKIP: no node on this machine"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 mksample.py "$dir"
"$heaptap" flame "$dir/new.pb.gz" -o "$dir/flame.html"
"$heaptap" flame "$dir/new.pb.gz" --base "$dir/old.pb.gz" -o "$dir/diff.html"
python3 -c 'import json, sys, pprofile
print(json.dumps(pprofile.totals(open(sys.argv[1], "rb").read())))' "$dir/new.pb.gz" >"$dir/totals.json"
node flame.mjs "$dir/flame.html" "$dir/diff.html" "$dir/totals.json"
