#!/usr/bin/env bash
# Runs the suite that every connector passes, and writes what it found, and what each connector took, into docs/CONNECTORS.md.
set -euo pipefail
cd "$(dirname "$0")/.."
DOC=docs/CONNECTORS.md

# between MARK FILE: what stands in FILE takes the place of what stands after MARK, up to the line that ends it.
between() {
  awk -v mark="$1" -v file="$2" '
    index($0, mark) == 1 { print; while ((getline line < file) > 0) print line; skip = 1; next }
    skip && /^<!-- end of / { skip = 0 }
    !skip { print }' "$DOC" >"$DOC.new"
  mv "$DOC.new" "$DOC"
}

# of FOLDER PATTERN: "files lines" of the Rust files there whose names end so, tests apart.
of() {
  find "$1" -name '*.rs' ! -name '*_test.rs' -print0 | xargs -0 cat | wc -l | tr -d ' ' >"$2.lines"
  find "$1" -name '*.rs' ! -name '*_test.rs' | wc -l | tr -d ' ' >"$2.files"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: >"$work/empty"
between '<!-- conformance:' "$work/empty"
RIALTO_CONFORMANCE_WRITE=1 cargo test --locked -p rialto-connectors --test connectors -- conformance::of_

{
  echo '| connector | files | lines | its description for the suite | its simulator: files | lines |'
  echo '|---|---|---|---|---|---|'
  for kind in personify360 membersuite imis; do
    of "crates/connectors/src/$kind" "$work/connector"
    of "crates/sandbox/src/$kind" "$work/sandbox"
    describes=$(wc -l <"crates/connectors/tests/conformance/$kind.rs" | tr -d ' ')
    echo "| \`$kind\` | $(cat "$work/connector.files") | $(cat "$work/connector.lines") | $describes lines | $(cat "$work/sandbox.files") | $(cat "$work/sandbox.lines") |"
  done
} >"$work/size"
between '<!-- size:' "$work/size"
cargo test --locked -p rialto-connectors --test connectors -- conformance::table
