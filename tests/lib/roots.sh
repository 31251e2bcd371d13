# SPDX-License-Identifier: MIT
# Sourced by tests/fresh: bare Debian roots. Made by debootstrap once, kept as archives in a cache folder, unpacked for each use. Every
# command runs in a mount namespace of its own, so that nothing stays mounted. The caller has set ROOT and sourced setup.sh.

CACHE=${HEAPTAP_FRESH_CACHE:-${XDG_CACHE_HOME:-/var/cache}/heaptap-fresh}
# An archive older than this is made again: the mirror has moved on.
ROOT_DAYS=14

# debian_mirror: the first Debian mirror of this machine's own apt configuration.
debian_mirror() {
  apt-get indextargets --format '$(REPO_URI) $(ORIGIN)' 'Created-By: Packages' 2>/dev/null |
    awk '$2 == "Debian" && $1 !~ /security|backports/ { print $1; exit }'
}

# Why no root can be made here; nothing when one can.
no_roots() {
  if [ "$(id -u)" != 0 ]; then say "not root"
  elif [ "${container-}" = heaptap-fresh ]; then say "this is a bare root already"
  elif ! command -v debootstrap >/dev/null; then say "no debootstrap"
  elif ! unshare -m --propagation private true 2>/dev/null; then say "no mount namespaces"
  elif ! command -v git >/dev/null || ! git -C "$ROOT" rev-parse -q --verify HEAD >/dev/null 2>&1; then say "not a git clone"
  elif [ -z "$(debian_mirror)" ]; then say "apt's configuration has no Debian mirror"
  elif ! mkdir -p "$CACHE" 2>/dev/null; then say "no cache folder: $CACHE"
  elif [ "$(df -m --output=avail "$CACHE" | sed 1d)" -lt 4000 ]; then say "less than 4 GB free in $CACHE"
  fi
}

# bare_archive SUITE: makes SUITE's archive in the cache unless there is a young one; prints its path. 1: it could not be made.
bare_archive() {
  local suite=$1 file=$CACHE/$1.tar work=$CACHE/make-$1.$$ script=
  if [ -f "$file" ] && [ -z "$(find "$file" -mtime +$ROOT_DAYS)" ]; then say "$file"; return 0; fi
  [ -e "/usr/share/debootstrap/scripts/$suite" ] || script=/usr/share/debootstrap/scripts/sid
  if unshare -m --propagation private debootstrap --variant=minbase "$suite" "$work" "$(debian_mirror)" ${script:+"$script"} >"$CACHE/$suite.log" 2>&1 &&
    tar --one-file-system -C "$work" -cf "$file.part" --exclude='./var/cache/apt/archives/*.deb' .; then
    rm -rf "$work"
    mv "$file.part" "$file"
    say "$file"
    return 0
  fi
  rm -rf "$work" "$file.part"
  return 1
}

# new_root SUITE: unpacks a bare root and makes it the current one: $root.
root=
new_root() {
  local file
  file=$(bare_archive "$1") || return 1
  drop_root
  root=$(mktemp -d "$CACHE/root-$1.XXXXXX")
  tar -C "$root" -xf "$file"
  cp -L /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null
  # The same package is not fetched a second time: what apt fetched stays, for the suite. Links, and no common folder: apt locks it.
  debs=$CACHE/$1.debs
  mkdir -p "$debs"
  find "$debs" -maxdepth 1 -name '*.deb' -mtime -$ROOT_DAYS -exec ln -t "$root/var/cache/apt/archives" {} + 2>/dev/null
  printf 'Binary::apt-get::APT::Keep-Downloaded-Packages "true";\nAPT::Keep-Downloaded-Packages "true";\n' >"$root/etc/apt/apt.conf.d/90keep"
  # The machine's proxy is the root's.
  apt-config dump 2>/dev/null | grep -i '^Acquire::http.*proxy' >"$root/etc/apt/apt.conf.d/91proxy"
  # A mirror may be a frozen copy, whose lists have ended: what is tried is not the mirror.
  printf 'Acquire::Check-Valid-Until "false";\n' >"$root/etc/apt/apt.conf.d/92frozen"
}
drop_root() {
  case $root in
    "$CACHE"/root-*)
      find "$root/var/cache/apt/archives" -maxdepth 1 -name '*.deb' -links 1 -exec ln -t "$debs" {} + 2>/dev/null
      rm -rf --one-file-system "$root"
      ;;
  esac
  root=
}

# in_root LIMIT USER COMMAND [ARG]...: as USER, in USER's home, for LIMIT seconds at most. $root_net empty: without a network.
root_net=yes
in_root() {
  local limit=$1 user=$2 unshare=(-m --propagation private)
  shift 2
  [ -n "$root_net" ] || unshare+=(-n)
  # shellcheck disable=SC2016
  timeout -k 10 "$limit" unshare "${unshare[@]}" bash -c '
    root=$1 user=$2
    shift 2
    mount --bind "$root" "$root" || { echo "tests/fresh: cannot mount $root"; exit 99; }
    mount -t proc proc "$root/proc" && mount -t sysfs -o ro sysfs "$root/sys" && mount --rbind /dev "$root/dev" && mount -t tmpfs -o mode=1777 shm "$root/dev/shm" ||
      { echo "tests/fresh: cannot mount in $root"; exit 99; }
    [ -z "${root_mount-}" ] || eval "$root_mount" || exit 99
    home=/root
    [ "$user" = root ] || home=/home/$user
    # Not a chroot alone: below one neither mount nor user namespaces can be made, and what is tried is a machine.
    cd "$root" && pivot_root . . && umount -l . || { echo "tests/fresh: cannot make $root the root"; exit 99; }
    exec chroot . /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME="$home" USER="$user" \
      LC_ALL=C.UTF-8 TERM=dumb container=heaptap-fresh setpriv --reuid="$user" --regid="$user" --init-groups -- \
      bash -c "cd && \"\$@\"" bash "$@"' bash "$root" "$user" "$@"
}

# unpack PATH [USER]: HEAD's files at PATH in the root, as a user who has fetched them has them.
unpack() {
  mkdir -p "$root$1"
  git -C "$ROOT" archive HEAD | tar -C "$root$1" -x
  chroot "$root" chown -R "${2:-root}:${2:-root}" "$1"
}

# root_size: of what is installed, in MB.
root_size() { du -smx --exclude=./proc --exclude=./dev --exclude=./var/cache "$root" | cut -f1; }
