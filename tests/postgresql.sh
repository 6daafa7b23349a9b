#!/bin/sh
# A PostgreSQL cluster of our own for the tests.
#
#   tests/postgresql.sh start DIR    make it, note it in DIR, start it, print its URL
#   tests/postgresql.sh stop DIR     stop it and remove it and DIR
#
# It listens on a Unix socket only. PostgreSQL refuses to run as root, so root hands the cluster
# to the user postgres. On Debian as root the package is installed when it is missing.
set -eu

fail() {
    echo "postgresql.sh: $*" >&2
    exit 1
}

find_programs() {
    if command -v initdb >/dev/null && command -v pg_ctl >/dev/null; then
        dirname "$(readlink -f "$(command -v initdb)")"
        return
    fi
    for programs in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV); do
        if [ -x "$programs/initdb" ]; then
            echo "$programs"
            return
        fi
    done
}

install_programs() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
        fail "there is no PostgreSQL server here: install one (initdb and pg_ctl)"
    # Without this the package makes and starts a cluster of its own.
    mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] ||
        echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
    {
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends postgresql
    } >&2
}

as_server() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid="$server" --regid="$(id -g "$server")" --clear-groups "$@"
    else
        "$@"
    fi
}

start() {
    programs=$(find_programs)
    if [ -z "$programs" ]; then
        install_programs
        programs=$(find_programs)
    fi
    # In /tmp, because a socket's path is limited to about 100 bytes, and because the server's
    # user may not enter every directory of ours.
    home=$(mktemp -d /tmp/abaco-postgresql.XXXXXX)
    mkdir -p "$directory"
    echo "$home" >"$directory/home"
    echo "$programs" >"$directory/programs"
    if [ "$(id -u)" = 0 ]; then
        id "$server" >/dev/null 2>&1 || fail "there is no user $server to run it as"
        chown "$server" "$home"
    fi
    cd /
    as_server "$programs/initdb" -D "$home/data" -U abaco -A trust -E UTF8 --no-locale --no-sync >&2
    as_server "$programs/pg_ctl" -D "$home/data" -w -t 60 -l "$home/server.log" \
        -o "-c listen_addresses= -c unix_socket_directories=$home -c fsync=off" start >&2
    echo "postgresql+psycopg://abaco@/postgres?host=$home"
}

stop() {
    [ -e "$directory/programs" ] || fail "no cluster was started in $directory"
    home=$(cat "$directory/home")
    cd /
    as_server "$(cat "$directory/programs")/pg_ctl" -D "$home/data" -w -m immediate stop >&2 || true
    rm -rf "$home" "$directory"
}

[ $# = 2 ] || fail "usage: postgresql.sh start|stop DIR"
directory=$(realpath -m "$2")
server=postgres
case $1 in
start) start ;;
stop) stop ;;
*) fail "usage: postgresql.sh start|stop DIR" ;;
esac
