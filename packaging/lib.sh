# SPDX-License-Identifier: MIT
# Sourced by the scripts of this folder. Sets ROOT and VERSION; the sources are the files of the clone, as they are now.
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VERSION=$(sed -n "s/^  version: '\(.*\)',$/\1/p" "$ROOT/meson.build")
OUT=${HEAPTAP_BUILD:-$ROOT/build}/packages

say() { printf '%s\n' "$*"; }
fail() { say "heaptap: $*" >&2; exit 1; }

usage() { say "heaptap: $*" >&2; exit 2; }

need() { # COMMAND PACKAGE
  command -v "$1" >/dev/null || fail "$1 is not installed (apt-get install $2)"
}

# sources DIR: the tracked files; without git, what is no build.
sources() {
  mkdir -p "$1"
  if git -C "$ROOT" rev-parse -q --verify HEAD >/dev/null 2>&1; then
    (cd "$ROOT" && git ls-files -z --cached --others --exclude-standard | xargs -0 -r ls -d 2>/dev/null | tar -cf - -T -) | tar -xf - -C "$1"
  else
    tar -C "$ROOT" -cf - --exclude='./build*' --exclude=./.git . | tar -xf - -C "$1"
  fi
}

# The last commit's time, so that two builds of it are alike.
source_date() {
  git -C "$ROOT" log -1 --format=%ct 2>/dev/null || stat -c %Y "$ROOT/meson.build"
}
