#!/usr/bin/env bash
# A Docker engine for tests and demonstrations.
#
#   images/engine.sh start DIR     uses the engine that answers, else starts one
#   images/engine.sh stop DIR      ends the engine that `start DIR` started, and no other
#
# DIR gets dockerd.pid and dockerd.log. On Debian as root a missing engine is installed first.
# Exit status 3: there is no engine, and none can be started here; the reason is said.
set -euo pipefail

say() { echo "images/engine.sh: $*" >&2; }
answers() { docker version >/dev/null 2>&1; }
on_debian() { [ "$(. /etc/os-release 2>/dev/null && echo "${ID:-}")" = debian ]; }

install_engine() {
    say "installing docker.io, iptables and debootstrap"
    local log=$dir/apt.log
    if ! { apt-get update -q && DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
        apt-get install -q -y --no-install-recommends docker.io iptables debootstrap ca-certificates
    } >"$log" 2>&1 </dev/null; then
        tail -n 20 "$log" >&2
        say "apt-get failed; the last lines of $log stand above"
        exit 3
    fi
    # Debian starts the new service where it has an init system.
}

start_engine() {
    setsid dockerd >"$dir/dockerd.log" 2>&1 </dev/null &
    local pid=$!
    echo "$pid" >"$dir/dockerd.pid"
    local deadline=$((SECONDS + 60))
    until answers; do
        if ! kill -0 "$pid" 2>/dev/null || [ $SECONDS -ge $deadline ]; then
            tail -n 20 "$dir/dockerd.log" >&2
            say "dockerd does not answer; the last lines of $dir/dockerd.log stand above"
            stop
            exit 3
        fi
        sleep 0.2
    done
    say "started dockerd $(docker version -f '{{.Server.Version}}'), process $pid"
}

start() {
    if answers; then
        say "a Docker engine answers: $(docker version -f '{{.Server.Version}}')"
        return
    fi
    if [ "$(id -u)" != 0 ]; then
        say "no Docker engine answers, and only root can start one"
        exit 3
    fi
    mkdir -p "$dir"
    if ! command -v dockerd >/dev/null; then
        if ! on_debian; then
            say "no Docker engine answers, and dockerd is missing: install Docker"
            exit 3
        fi
        install_engine
    fi
    answers || start_engine
}

stop() {
    local pid
    pid=$(cat "$dir/dockerd.pid" 2>/dev/null) || return 0
    if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ]; then
        kill "$pid"
        timeout 60 tail --pid="$pid" -f /dev/null || say "process $pid does not end"
        say "stopped dockerd, process $pid"
    fi
    rm -f "$dir/dockerd.pid"
}

dir=${2:-}
case "${1:-}:$dir" in
    start:?*) start ;;
    stop:?*) stop ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
