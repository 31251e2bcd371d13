#!/bin/sh
# SPDX-License-Identifier: MIT
# link.sh NAME TARGET: a symbolic link below the prefix that is installed to (meson has install_symlink only since 0.61).
set -eu
mkdir -p "$(dirname "$MESON_INSTALL_DESTDIR_PREFIX/$1")"
ln -sfn "$2" "$MESON_INSTALL_DESTDIR_PREFIX/$1"
