#!/bin/sh
# Builds and tries the application's image on a machine without a Docker engine: Debian, root, and
#
#   apt-get install buildah podman debootstrap
#
# The base is not fetched from an image registry: a Debian of the same release with its own Python 3.11 is imported under
# the base's name. So this proves the Dockerfile and what runs in it, not the official base image.
# Usage: docker/build-without-docker.sh   (6 minutes the first time, 1 minute after)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
image=${IMAGE:-localhost/unbroken:0.1.0}
base=docker.io/library/$(sed -n 's/^ARG BASE=//p' "$here/Dockerfile")
scratch=$(mktemp -d)
container=""
trap 'if [ -n "$container" ]; then buildah rm "$container" >/dev/null; fi; rm -rf "$scratch"' EXIT

if ! buildah inspect --type image "$base" >/dev/null 2>&1; then
    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates,tzdata bookworm "$scratch/base" >"$scratch/said" ||
        { tail -n 20 "$scratch/said" >&2; exit 1; }
    rm -rf "$scratch"/base/var/cache/apt/archives/*.deb "$scratch"/base/var/lib/apt/lists/*
    tar -C "$scratch/base" -c . | podman import - "$base" >/dev/null
fi

set -- -v /etc/ssl/certs:/etc/ssl/certs:ro
if [ -f /etc/pip.conf ]; then set -- "$@" -v /etc/pip.conf:/etc/pip.conf:ro; fi
buildah bud --quiet --isolation chroot --network host "$@" --build-arg "BASE=$base" -f "$here/Dockerfile" -t "$image" "$here/.." >/dev/null

size() { buildah inspect --type image --format '{{.FromImageID}}' "$1" >/dev/null && podman image inspect --format '{{.Size}}' "$1"; }
echo "base  $(($(size "$base") / 1000000)) MB"
echo "image $(($(size "$image") / 1000000)) MB"

# As compose runs it: nobody's root, a root that cannot be written, /tmp in memory, and one volume.
container=$(buildah from --pull-never "$image")
root=$(buildah mount "$container")
mkdir "$scratch/volume" "$scratch/root"
chown 10001:10001 "$scratch/volume"
chmod 0755 "$scratch"
export root scratch
in_image() {
    unshare --mount sh -eu -c '
        mount --bind "$root" "$scratch/root"
        mount -t tmpfs -o mode=1777,nosuid,nodev,noexec none "$scratch/root/tmp"
        mount -t proc none "$scratch/root/proc"
        mount --rbind /dev "$scratch/root/dev"
        mount --bind "$scratch/volume" "$scratch/root/srv/unbroken"
        mount -o remount,bind,ro "$scratch/root"
        exec /usr/sbin/chroot --userspec=10001:10001 "$scratch/root" /usr/bin/env -i HOME=/srv/unbroken PYTHONUNBUFFERED=1 \
            PATH=/opt/unbroken/bin:/usr/local/bin:/usr/bin:/bin UNBROKEN_SITE=/srv/unbroken/site \
            sh -c "cd /srv/unbroken; exec with-secrets \"\$@\"" sh "$@"' sh "$@"
}
in_image unbroken --version
in_image sh -c 'id -u; if touch /opt/unbroken/x 2>/dev/null; then echo "the root can be written"; exit 1; fi
    for tool in gcc cc ld make pip; do if command -v $tool; then echo "$tool has no business here"; exit 1; fi; done'
in_image unbroken demo --no-driver | tail -n 12
echo "built, and tried as user 10001 on a read-only root"
