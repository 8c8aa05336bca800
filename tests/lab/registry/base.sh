#!/usr/bin/env bash
# Makes the file systems of two base images, as root: a small Debian, and a later one without a package of the first.
# `base.sh FOLDER OWNER` writes, for each, FOLDER/<name>.tar.gz and what dpkg-query says inside it, FOLDER/<name>.dpkg.
set -euo pipefail
OUT=$1 OWNER=$2
MIRROR=${PLUMBLINE_DEBIAN_MIRROR:-http://deb.debian.org/debian}
# It gets device files and programs that run as root: not on a file system that allows neither.
WORK=$(mktemp -d /var/tmp/plumbline-base.XXXXXX)
trap 'rm -rf "$WORK"' EXIT

pack() {
  local name=$1
  # shellcheck disable=SC2016 # dpkg-query's own variables
  chroot "$WORK/root" dpkg-query --show \
    --showformat '${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\n' >"$OUT/$name.dpkg"
  # What no program needs stays out, so that the images are small. One date, so that the same files give the same bytes.
  tar --create --directory "$WORK/root" --sort=name --numeric-owner --mtime=@1735689600 \
    --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' --exclude='./var/lib/apt/lists/*' \
    --exclude='./var/cache/apt/*' --exclude='./var/log/*' --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' \
    --exclude='./usr/share/locale/*' --exclude='./usr/lib/x86_64-linux-gnu/gconv/*' . |
    gzip --no-name -1 >"$OUT/$name.tar.gz"
}

debootstrap --variant=minbase --include=less bookworm "$WORK/root" "$MIRROR" >"$OUT/debootstrap.log" 2>&1 ||
  { tail -n 20 "$OUT/debootstrap.log" >&2 && exit 1; }
pack base-2025-01
chroot "$WORK/root" dpkg --purge less >/dev/null
pack base-2025-06
chown -R "$OWNER" "$OUT"
