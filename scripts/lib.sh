# Shared by the scripts beside it; source it from bash.

say() { printf '\n==> %s\n' "$*"; }

die() { printf 'error: %s\n' "$*" >&2; exit 1; }

need() { command -v "$1" >/dev/null 2>&1 || die "$1 is missing: $2"; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else need sudo "install $* as root"; sudo "$@"; fi
}

# apt_install PACKAGE...: installs Debian packages without asking anything.
apt_install() {
  need apt-get "install these packages yourself: $*"
  say "installing $*"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null
}

# npm_ci FOLDER: the exact packages of the lock file, unless they are there already. No package's own scripts are run.
npm_ci() {
  if ! command -v npm >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1; then apt_install npm; fi
  need npm "install Node.js 20 or later with npm"
  local stamp="$1/node_modules/.rialto-lock"
  if [ -f "$stamp" ] && cmp -s "$1/package-lock.json" "$stamp"; then return 0; fi
  say "npm ci in $1"
  (cd "$1" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error </dev/null)
  cp "$1/package-lock.json" "$stamp"
}
