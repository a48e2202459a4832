#!/usr/bin/env bash
# The long counts: 200 rounds of killing Rialto in the middle of a sync, of its writebacks, and of profile events on both ways, 200 random syncs undone, answers of the remote cut after each byte
# on both databases, and every fault of the sandbox.
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
postgres_start
nats_start
RIALTO_TEST_KILL_ROUNDS=${RIALTO_TEST_KILL_ROUNDS:-200} RIALTO_TEST_UNDO_ROUNDS=${RIALTO_TEST_UNDO_ROUNDS:-200} cargo test --release --locked -p rialto -p rialto-engine -- --nocapture
