#!/usr/bin/env bash
# Runs the benchmark's traffic against an instrumented gateway, so that it writes its profile: dev/release calls it.
#
#   tests/bench/train.sh BINARY

set -eu
exec python3 "$(dirname "$0")/bench.py" --train "${1:?usage: train.sh BINARY}"
