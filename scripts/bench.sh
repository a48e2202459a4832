#!/usr/bin/env bash
# Measurements; prints one table. Arguments go to the benchmark.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
. scripts/postgres.sh
. scripts/nats.sh
exec </dev/null
trap 'postgres_stop; nats_stop' EXIT
trap 'exit 130' INT TERM

need node "install Node.js 20 or later"
npm_ci crates/web
PG_DURABLE=1 postgres_start
nats_start
cargo run --release --locked -p rialto-bench -- "$@"
