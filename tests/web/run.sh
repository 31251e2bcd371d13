#!/bin/sh
# SPDX-License-Identifier: MIT
# The flame graph, the page and the server.
# run.sh flame|folded|page|views|compiler|sandwich|live|aged|kinds|leaks|http|processes|crowd|push|fleet|scrape HEAPTAP [CHURN or BENCH-PROFILES]
set -eu
what=$1
heaptap=$(realpath "$2")
churn=${3:+$(realpath "$3")}
here=$(cd "$(dirname "$0")" && pwd)
cd "$(dirname "$0")"
# Debian's own python3 has the prometheus parser, another one before it in PATH need not.
python=python3
[ ! -x /usr/bin/python3 ] || python=/usr/bin/python3
case $what in
flame | folded | page | views | compiler | sandwich | live | aged | kinds | leaks) command -v node >/dev/null || { echo "SKIP: no node on this machine"; exit 77; } ;;
esac
dir=$(mktemp -d)
# A copy of our own tells our processes from those of a test that runs at the same time.
[ -z "$churn" ] || [ "$what" = folded ] || { cp "$churn" "$dir/churn" && churn=$dir/churn; }
servers=
# What still writes its profile is waited for: it would write into what is being removed.
trap '[ -z "$servers" ] || { kill $servers 2>/dev/null || :; wait $servers || :; }; rm -rf "$dir"' EXIT
export XDG_CONFIG_HOME="$dir/config" # where views are saved
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

# serve COMMAND...: starts it and sets url.
# The file is emptied here: the background process does it at some later moment, and what the server before wrote would be read.
serve() {
  : >"$dir/where"
  "$heaptap" "$@" --listen :0 --no-browser >"$dir/where" &
  servers="$servers $!"
  for _ in $(seq 500); do
    grep -q http "$dir/where" && break
    sleep 0.2
  done
  url=$(grep -o 'http://[^ ]*' "$dir/where")
}

case $what in
http) $python http_files.py "$heaptap" "$dir" && $python reading.py "$heaptap" "$dir" ;;
crowd) $python crowd.py "$heaptap" "$churn" "$dir" ;;
processes) $python http_live.py "$heaptap" "$churn" "$dir" ;;
live | aged | kinds | leaks)
  mkdir -m 700 "$dir/regions"
  export HEAPTAP_REGION_DIR="$dir/regions"
  rate=16k
  words=400
  case $what in kinds) words= ;; leaks) words=wait rate=1 ;; esac
  "$heaptap" run -q -r $rate -o "$dir/%p.pb.gz" -- "$churn" $words >"$dir/ready" &
  servers="$servers $!"
  serve serve --source-root "$here"
  for _ in $(seq 500); do
    pid=$($python -c 'import json, sys, urllib.request
for t in json.load(urllib.request.urlopen(sys.argv[1] + "api/targets"))["targets"]:
    if t["name"] == "churn" and t["command"].startswith(sys.argv[2]) and t["alive"]: print(t["id"])' "$url" "$churn" | head -n 1)
    [ -z "$pid" ] || break
    sleep 0.2
  done
  [ $what != leaks ] || $python leaks_http.py "$url" "$pid"
  node $what.mjs "$url" "$pid"
  ;;
push) $python push.py "$heaptap" "$dir" ;;
fleet) $python fleet.py "$heaptap" "$churn" "$dir" ;;
scrape) $python scrape.py "$heaptap" "$churn" "$dir" ;;
flame)
  "$heaptap" flame "$dir/new.pb.gz" -o "$dir/flame.html"
  "$heaptap" flame "$dir/new.pb.gz" --base "$dir/old.pb.gz" -o "$dir/diff.html"
  totals "$dir/new.pb.gz" >"$dir/totals.json"
  node flame.mjs "$dir/flame.html" "$dir/diff.html" "$dir/totals.json"
  ;;
folded)
  "$churn" 2000000 8 >"$dir/large.pb.gz"
  "$heaptap" flame --symbolize=none "$dir/large.pb.gz" -o "$dir/large.html"
  node large.mjs "$dir/large.html"
  "$churn" 40000 8 >"$dir/new.pb.gz"
  "$churn" 40000 8 20 7 >"$dir/old.pb.gz"
  "$heaptap" merge -o "$dir/both.pb.gz" "$dir/new.pb.gz" "$dir/old.pb.gz"
  for base in "" "--base=$dir/both.pb.gz"; do
    for full in --full=false --full; do
      "$heaptap" flame --symbolize=none $full $base "$dir/new.pb.gz" -o "$dir/flame$full.html"
    done
    node folded.mjs "$dir/flame--full=false.html" "$dir/flame--full.html"
  done
  ;;
sandwich)
  totals "$dir/new.pb.gz" >"$dir/totals.json"
  serve view "$dir/old.pb.gz" "$dir/new.pb.gz"
  node sandwich.mjs "$url" "$dir/totals.json"
  ;;
views)
  "$heaptap" owners --json --nodecount=0 "$dir/new.pb.gz" >"$dir/owners.json"
  "$heaptap" top --sizes --json --trim=false "$dir/new.pb.gz" >"$dir/sizes.json"
  "$heaptap" top --json --trim=false --hide='^codec::decode$|EventLoop' "$dir/new.pb.gz" >"$dir/hidden.json"
  "$heaptap" top --json --trim=false --tagroot=thread "$dir/labels.pb.gz" >"$dir/labels.json"
  serve serve "$dir/new.pb.gz" "$dir/labels.pb.gz"
  # Of a graph with labels pprof draws fewer functions.
  $python -c 'import sys, urllib.request
urllib.request.urlretrieve(*sys.argv[1:])' "${url}1/debug/pprof/heap?sizes=none" "$dir/plain.pb.gz"
  "$heaptap" dot --nodecount=12 --nodefraction=0.005 --edgefraction=0 "$dir/plain.pb.gz" >"$dir/graph.dot"
  node views.mjs "$url" "$dir/owners.json" "$dir/sizes.json" "$dir/hidden.json" "$dir/labels.json" "$dir/graph.dot"
  ;;
compiler)
  command -v g++ >/dev/null || { echo "SKIP: no g++ on this machine"; exit 77; }
  printf '#include <map>\n#include <string>\n#include <vector>\nstd::map<std::string, std::vector<int>> m;\nint main() { m["a"].push_back(1); }\n' >"$dir/x.cc"
  "$heaptap" run -q -r 64k -o "$dir/run.%p.pb.gz" -- g++ -O1 -c "$dir/x.cc" -o "$dir/x.o"
  profile=$(ls -S "$dir"/run.*.pb.gz | head -n 1) # the compiler's, beside the driver's and the assembler's
  "$heaptap" owners --json --nodecount=0 "$profile" >"$dir/owners.json"
  serve view "$profile"
  node compiler.mjs "$url" "$dir/owners.json"
  g++ -O2 -g -Wl,--build-id "$here/inlined.cc" -o "$dir/inlined"
  for n in 100 300; do "$heaptap" run -q --exact -o "$dir/$n.pb.gz" -- "$dir/inlined" $n; done
  serve view --source-root "$here" "$dir/100.pb.gz" "$dir/300.pb.gz"
  node inlined.mjs "$url"
  ;;
page)
  mkdir -p "$dir/src/src/cache"
  seq 80 | sed 's/.*/    line(&);/; 64s/$/ \/\/ planted here/' >"$dir/src/src/cache/cache.cc"
  totals "$dir/new.pb.gz" >"$dir/totals.json"
  rows "$dir/new.pb.gz" >"$dir/rows.json"
  serve view --source-root "$dir/src" "$dir/old.pb.gz" "$dir/new.pb.gz"
  node page.mjs "$url" "$dir/totals.json" "$dir/rows.json" "$XDG_CONFIG_HOME/heaptap/views"
  ;;
esac
