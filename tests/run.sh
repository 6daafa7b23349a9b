#!/usr/bin/env bash
# `make test`: gets what the tests need, runs them all, and ends what it started.
# On Debian as root it installs an engine, a browser and a database; elsewhere it uses what is
# there and says what it skips. Arguments are handed to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
services=$(mktemp -d /tmp/abaco-test.XXXXXX)

finish() {
    [ ! -e "$services/postgresql" ] || tests/postgresql.sh stop "$services/postgresql" || true
    images/engine.sh stop "$services/engine" || true
    rm -rf "$services"
}
trap finish EXIT

# A package's script may ask something, and needrestart does; nobody is there to answer.
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1

browser() { command -v chromium || command -v chromium-browser; } >/dev/null

install_browser() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || {
        echo "tests/run.sh: there is no chromium, and only root on Debian can install it" >&2
        return 1
    }
    { apt-get update -qq && apt-get install -qq -y chromium; } >/dev/null </dev/null
}

# The base image of the tests, and the one of the Python that runs the notebooks.
make_images() {
    images/build.sh && images/build.sh --python "$(.venv/bin/python -c \
        'import sys; print("%d.%d" % sys.version_info[:2])')"
}

lacking=()
{ images/engine.sh start "$services/engine" && make_images; } || lacking+=("docker")
browser || install_browser || lacking+=("browser")
if ABACO_TEST_POSTGRESQL=$(tests/postgresql.sh start "$services/postgresql"); then
    export ABACO_TEST_POSTGRESQL
else
    lacking+=("postgresql")
fi

if [ ${#lacking[@]} -gt 0 ]; then
    echo "=================================================================" >&2
    echo "  SKIPPED: every test that needs: ${lacking[*]}" >&2
    echo "  The reasons stand above; CI would fail here." >&2
    echo "=================================================================" >&2
fi
# Three at a time, as most of them wait for containers; the tests of a file stay together. One that
# hangs fails after ten minutes, and says where. One that fails is run once more, since engine,
# browser and three tests share a small machine; the summary names it under RERUN, and why it failed
# at first is still to be found out.
.venv/bin/pytest -raR --durations=30 -n 3 --dist loadfile --timeout 600 --reruns 1 "$@"
