#!/usr/bin/env bash
# Pictures of every page, light and dark, wide and narrow: scripts/screenshots.sh FOLDER [ONLY]
# Starts a demo of its own and stops it at the end. ONLY takes the pages whose name holds that word.
set -euo pipefail
[ $# -ge 1 ] || { echo "usage: $0 FOLDER [ONLY]" >&2; exit 2; }
folder=$(realpath -m "$1")
only=${2:-}
cd "$(dirname "$0")/.."
. scripts/lib.sh
need node "install Node.js 20 or later"
npm_ci crates/web
npm_ci e2e
cargo build --locked -p rialto
target=${CARGO_TARGET_DIR:-target}
RIALTO_TEST_BINARY=$(realpath "$target/debug/rialto") node e2e/screenshots.js "$folder" ${only:+"$only"}
say "$(find "$folder" -name '*.png' | wc -l) pictures in $folder"
