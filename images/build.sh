#!/usr/bin/env bash
# Makes the base image of actors, abaco-jupyter/python:<version>, on the engine that answers.
#
#   images/build.sh [--python 3.11] [--samples]
#
# Where a registry answers it stands on python:<version>-slim. Elsewhere it stands on a Debian that
# debootstrap puts together from the mirror in this machine's own apt sources (as root, on Debian;
# a few minutes, and seconds when it is in the cache). Does nothing when the image is there in this
# revision. Says nothing unless it fails or this will take minutes.
set -euo pipefail
shopt -s inherit_errexit 2>/dev/null || true # absent before bash 4.4

here=$(cd "$(dirname "$0")" && pwd)
home=~ # not $HOME, which a service may lack
cache=${XDG_CACHE_HOME:-$home/.cache}/abaco-jupyter
certificates=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}

setting() { sed -n "s/^$1 = \"\(.*\)\"$/\1/p" "$here/manifest.toml"; }
samples() { sed -n '/^\[samples\]/,$s/^\([a-z_]*\) = "\(.*\)"$/\1 \2/p' "$here/manifest.toml"; }
fail() { echo "images/build.sh: $*" >&2; exit 1; }

# quietly WHAT COMMAND...: its output is shown only when it fails.
quietly() {
    local what=$1; shift
    if ! "$@" >"$work/log" 2>&1; then
        tail -n 30 "$work/log" >&2
        fail "$what failed; the last lines of its output stand above"
    fi
}

python=$(setting default)
samples=no
while [ $# -gt 0 ]; do
    case $1 in
        --python) python=${2:?--python needs a version such as 3.11}; shift 2 ;;
        --samples) samples=yes; shift ;;
        *) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done
grep -q "^versions = .*\"$python\"" "$here/manifest.toml" ||
    fail "no Python $python among the versions in manifest.toml"

image=$(setting image):$python
revision=$(setting revision)
work=$(mktemp -d "${TMPDIR:-/tmp}/abaco-images.XXXXXX")
trap 'rm -rf "$work"' EXIT

present() { docker image inspect "$1" >/dev/null 2>&1; }
made() {
    local label='{{index .Config.Labels "abaco.base"}}'
    [ "$(docker image inspect -f "$label" "$image" 2>/dev/null)" = "$revision" ]
}

# The Debian release that has this Python.
release() {
    case $python in
        3.9) echo bullseye ;;
        3.11) echo bookworm ;;
        3.13) echo trixie ;;
        *) fail "no registry answers, and no Debian release has Python $python" ;;
    esac
}

# The mirror of this machine's apt sources, whatever it is.
mirror() {
    local codename
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    apt-get indextargets --format '$(RELEASE) $(REPO_URI)' | sed -n "s/^$codename //p" | head -n 1
}

check_debootstrap() {
    [ "$(. /etc/os-release && echo "${ID:-}")" = debian ] && [ "$(id -u)" = 0 ] ||
        fail "no registry answers; to make the image without one, run this as root on Debian"
    command -v debootstrap >/dev/null && return
    export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
    quietly "apt-get update" apt-get update
    quietly "installing debootstrap" apt-get install -y debootstrap </dev/null
}

# The file system of a Debian with Python, as a compressed tar archive at $1.
bootstrap() {
    local root=$work/root from
    from=$(mirror)
    [ -n "$from" ] || fail "no mirror of this release in this machine's apt sources"
    echo "images/build.sh: making $image with debootstrap, which takes a few minutes" >&2
    quietly debootstrap debootstrap --variant=minbase \
        --include=ca-certificates,python3,python3-pip,python-is-python3 "$(release)" "$root" "$from"
    # pip may install beside Debian's own packages: an image has one purpose.
    rm -f "$root"/usr/lib/python3*/EXTERNALLY-MANAGED
    rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}/*
    mkdir -p "$cache"
    tar -C "$root" --numeric-owner -c . | gzip -1 >"$1.part"
    mv "$1.part" "$1"
}

# Prints the name of the image to stand on.
base() {
    local slim=python:$python-slim debian
    if present "$slim" || timeout 300 docker pull -q "$slim" >/dev/null 2>&1; then
        echo "$slim"
        return
    fi
    debian=abaco-jupyter/debian:$(release)-$revision
    if ! present "$debian"; then
        local archive
        archive=$cache/debian-$(release)-$revision.tar.gz
        if [ ! -s "$archive" ]; then
            check_debootstrap
            bootstrap "$archive"
        fi
        quietly "docker import" docker import "$archive" "$debian"
    fi
    echo "$debian"
}

docker version >/dev/null 2>&1 ||
    fail "no Docker engine answers; images/engine.sh start DIR starts one"
if ! made; then
    [ -r "$certificates" ] || fail "no certificates at $certificates; name them in SSL_CERT_FILE"
    standing_on=$(base)
    mkdir "$work/context"
    cp "$here/python/Dockerfile" "$work/context/Dockerfile"
    cp "$here/runtime/abaco_runtime/startup/sitecustomize.py" "$work/context/"
    cp "$certificates" "$work/context/ca-certificates.crt"
    quietly "docker build" docker build --build-arg "base=$standing_on" \
        --build-arg "revision=$revision" -t "$image" "$work/context"
fi
if [ "$samples" = yes ]; then
    while read -r sample name; do
        # On the host's network, as pip in an actor's own build: what the machine reaches, it does.
        quietly "building $name" docker build --network host --build-arg "base=$image" -t "$name" \
            -f "$here/samples/$sample/Dockerfile" "$here" </dev/null
    done < <(samples)
fi
