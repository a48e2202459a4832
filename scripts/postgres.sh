# A private PostgreSQL on a free port; source it from bash after lib.sh. Nothing of it outlives the script:
# call postgres_stop in a trap.

PG_FOLDER=""
PG_BIN=""

postgres_bin() {
  local newest
  newest=$(find /usr/lib/postgresql -mindepth 3 -maxdepth 3 -path '*/bin/pg_ctl' 2>/dev/null | sort -V | tail -n 1)
  if [ -n "$newest" ]; then PG_BIN=$(dirname "$newest"); return 0; fi
  if command -v pg_ctl >/dev/null 2>&1 && command -v initdb >/dev/null 2>&1; then
    PG_BIN=$(dirname "$(command -v pg_ctl)")
    return 0
  fi
  return 1
}

# The server refuses to run as root.
as_postgres() {
  if [ "$(id -u)" -ne 0 ]; then "$@"; return; fi
  if command -v runuser >/dev/null 2>&1; then runuser -u postgres -- "$@"; else su postgres -s /bin/sh -c "$(printf '%q ' "$@")"; fi
}

free_port() {
  node -e 'const s=require("node:net").createServer();s.listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})'
}

# Debian's package makes and starts a cluster of its own as it is installed, which nobody here asked for; afterwards its choices
# are again what they were.
postgres_install() {
  local choices=/etc/postgresql-common/createcluster.conf
  apt_install postgresql-common
  as_root cp -p "$choices" "$choices.rialto"
  as_root sed -i -E 's/^#?[[:space:]]*create_main_cluster[[:space:]]*=.*/create_main_cluster = false/' "$choices"
  apt_install postgresql
  as_root mv "$choices.rialto" "$choices"
}

# Starts the server and sets RIALTO_TEST_POSTGRES.
postgres_start() {
  postgres_bin || postgres_install
  postgres_bin || die "PostgreSQL is installed, but its programs were not found"
  PG_FOLDER=$(mktemp -d "${TMPDIR:-/tmp}/rialto-pg.XXXXXX")
  chmod 700 "$PG_FOLDER"
  if [ "$(id -u)" -eq 0 ]; then chown postgres "$PG_FOLDER"; fi
  local port log="$PG_FOLDER/log"
  # The server's own folder as the working folder: the checkout may be closed to its user.
  (cd / && as_postgres "$PG_BIN/initdb" -D "$PG_FOLDER/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$PG_FOLDER.init" 2>&1) \
    || { cat "$PG_FOLDER.init" >&2; rm -f "$PG_FOLDER.init"; die "PostgreSQL cannot make its data folder"; }
  rm -f "$PG_FOLDER.init"
  for _ in 1 2 3; do
    port=$(free_port)
    local options="-c listen_addresses=127.0.0.1 -p $port -k '' -c max_connections=400 -c shared_buffers=128MB"
    # Tests may lose data with the machine; measurements must pay for durable commits.
    if [ -z "${PG_DURABLE:-}" ]; then options="$options -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c wal_level=minimal -c max_wal_senders=0 -c max_wal_size=128MB -c min_wal_size=32MB"; fi
    if (cd / && as_postgres "$PG_BIN/pg_ctl" -D "$PG_FOLDER/data" -l "$log" -w -t 60 -o "$options" start >/dev/null </dev/null); then
      export RIALTO_TEST_POSTGRES="postgres://postgres@127.0.0.1:$port"
      return 0
    fi
  done
  as_postgres cat "$log" >&2 || true
  die "PostgreSQL does not start"
}

postgres_stop() {
  if [ -z "$PG_FOLDER" ]; then return 0; fi
  (cd / && as_postgres "$PG_BIN/pg_ctl" -D "$PG_FOLDER/data" -m immediate -w -t 30 stop >/dev/null 2>&1) || true
  rm -rf "$PG_FOLDER"
  PG_FOLDER=""
}
