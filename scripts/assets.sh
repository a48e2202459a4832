#!/usr/bin/env bash
# Third-party files of the pages, by the lock file, for embedding in the binary.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
need cargo "install Rust 1.95 or later"
npm_ci crates/web
