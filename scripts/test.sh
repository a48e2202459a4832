#!/usr/bin/env bash
# Everything that CI runs. Installs what is missing, starts private servers on free ports, and stops them at the end.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
. scripts/postgres.sh
. scripts/nats.sh
exec </dev/null
# A whole run leaves no use for what speeds up the next edit, and it takes half of the disk.
export CARGO_INCREMENTAL="${CARGO_INCREMENTAL:-0}"
trap 'postgres_stop; nats_stop' EXIT
trap 'exit 130' INT TERM

need cargo "install Rust 1.95 or later"
need node "install Node.js 20 or later"
chromium=${RIALTO_TEST_CHROMIUM:-$(command -v chromium || command -v chromium-browser || true)}
if [ -z "$chromium" ]; then apt_install chromium; chromium=$(command -v chromium); fi
npm_ci crates/web
npm_ci e2e

say "format"
cargo fmt --all --check

say "lints"
cargo clippy --workspace --all-targets --locked -- -D warnings

say "PostgreSQL for the tests"
postgres_start

say "NATS for the tests"
nats_start

say "tests on SQLite and PostgreSQL"
cargo test --workspace --locked

say "pages in Chromium"
# The binary of the tests above: one built by itself has other features, and compiles everything again.
target=${CARGO_TARGET_DIR:-target}
RIALTO_TEST_BINARY=$(realpath "$target/debug/rialto") RIALTO_TEST_CHROMIUM=$chromium npm --prefix e2e test --silent

say "all tests passed"
