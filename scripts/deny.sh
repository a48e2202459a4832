#!/usr/bin/env bash
# Licences, bans and sources of the dependencies; advisories need their database, so they are a step of their own.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
cargo deny --version >/dev/null 2>&1 || die "cargo-deny is missing: cargo install --locked cargo-deny"
cargo deny check licenses bans sources
