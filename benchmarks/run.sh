#!/usr/bin/env bash
# `make bench`: gets the peers and an engine, runs all benchmarks, writes docs/benchmarks.*, and
# ends what it started. Arguments name single benchmarks, whose figures are printed instead.
set -euo pipefail
cd "$(dirname "$0")/.."
services=$(mktemp -d /tmp/abaco-bench.XXXXXX)
trap 'images/engine.sh stop "$services" || true; rm -rf "$services"' EXIT

.venv/bin/python -m benchmarks.peer_packages
images/engine.sh start "$services"
images/build.sh
images/build.sh --python "$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
.venv/bin/python -m benchmarks "$@"
