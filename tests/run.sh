#!/usr/bin/env bash
# `make test`: gets what the tests need, runs them all, and ends what it started.
# On Debian as root it installs an engine, a browser and a database; elsewhere it uses what is
# there and says what it skips. Arguments are handed to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
services=$(mktemp -d /tmp/abaco-test.XXXXXX)

finish() {
    tests/postgresql.sh stop "$services/postgresql" || true
    images/engine.sh stop "$services/engine" || true
    rm -rf "$services"
}
trap finish EXIT

lacking=()
images/engine.sh start "$services/engine" && images/build.sh || lacking+=("docker")
if ! command -v chromium >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y chromium >/dev/null
fi
command -v chromium >/dev/null || lacking+=("browser")
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
.venv/bin/pytest "$@"
