# shellcheck shell=bash
# What `./dev` needs on a machine, each part put there if it is missing. Read by ./dev; safe to run again.

CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/plumbline
NEXTEST_VERSION=0.9.143
# The OpenID provider of the tests runs on no older one.
NODE_OLDEST=20
NODE_PACKAGE=node@22.23.3

say() { printf '==> %s\n' "$*"; }
die() {
  printf 'dev: %s\n' "$*" >&2
  exit 1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "need root for: $*. Install sudo, or run that as root"
  fi
}

# The first argument says what is missing; the others are the Debian packages that hold it.
install_packages() {
  local what=$1
  shift
  command -v apt-get >/dev/null || die "missing: $what. Install it (Debian calls the packages: $*)"
  say "Installing $what ($*)"
  as_root apt-get update --quiet=2
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends "$@" >/dev/null ||
    die "could not install $what ($*)"
}

need_command() {
  local command=$1
  shift
  command -v "$command" >/dev/null || install_packages "$command" "$@"
}

# A lock, so that two commands started at once do not build the same folder.
with_lock() {
  mkdir -p "$CACHE"
  (
    flock 9
    "$@"
  ) 9>"$CACHE/lock"
}

# Where rustup and cargo put programs, for a shell that has not been told yet.
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin

need_rust() {
  need_command cc build-essential
  if ! command -v cargo >/dev/null; then
    need_command curl curl ca-certificates
    say "Installing Rust by rustup"
    curl --proto '=https' --tlsv1.2 --fail --silent --show-error https://sh.rustup.rs |
      sh -s -- -y --quiet --profile minimal --default-toolchain none || die "could not install Rust: see https://rustup.rs"
  fi
  # The first call fetches the toolchain that rust-toolchain.toml names, if rustup has not got it.
  cargo --version >/dev/null || die "cargo does not run: is the toolchain of rust-toolchain.toml installed?"
}

need_nextest() {
  command -v cargo-nextest >/dev/null && return
  say "Installing cargo-nextest $NEXTEST_VERSION (a few minutes)"
  cargo install cargo-nextest --locked --version "$NEXTEST_VERSION"
}

# Prints the folder of initdb and postgres.
postgres_bin() {
  local folder
  if [ -n "${PLUMBLINE_PG_BIN:-}" ]; then
    echo "$PLUMBLINE_PG_BIN"
    return
  fi
  for folder in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort --version-sort --reverse) ${PATH//:/ }; do
    if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ]; then
      echo "$folder"
      return
    fi
  done
  return 1
}

need_postgres() {
  local bin major
  postgres_bin >/dev/null || install_packages "Postgres" postgresql
  bin=$(postgres_bin) || die "missing: initdb and postgres (Debian's package postgresql)"
  major=$("$bin/postgres" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
  [ "$major" -ge 15 ] || die "Postgres in $bin is version $major; 15 or later is needed"
}

need_python() {
  python3 -c 'import ensurepip' 2>/dev/null || install_packages "Python" python3 python3-venv
  with_lock make_python_folder
  export PLUMBLINE_LAB_PYTHON=$CACHE/python/bin/python
}

make_python_folder() {
  local folder=$CACHE/python wanted
  wanted=$(cat tests/lab/requirements.txt <(python3 --version) | sha256sum)
  [ "$(cat "$folder/made-from" 2>/dev/null)" != "$wanted" ] || return 0
  say "Making the Python folder of the stand-in AWS (moto)"
  rm -rf "$folder"
  python3 -m venv "$folder"
  "$folder/bin/pip" install --quiet --disable-pip-version-check --requirement tests/lab/requirements.txt ||
    die "could not install moto, the stand-in AWS (tests/lab/requirements.txt)"
  echo "$wanted" >"$folder/made-from"
}

node_major() { [ -z "$1" ] || "$1" --version | sed -E 's/^v([0-9]+).*/\1/'; }

need_node() {
  local major
  command -v npm >/dev/null || install_packages "Node.js" nodejs npm
  with_lock make_node_folder
  export PLUMBLINE_LAB_NODE_MODULES=$CACHE/node/node_modules
  PLUMBLINE_LAB_NODE=$(command -v node || true)
  major=$(node_major "$PLUMBLINE_LAB_NODE")
  if [ "${major:-0}" -lt "$NODE_OLDEST" ]; then
    with_lock make_newer_node
    PLUMBLINE_LAB_NODE=$CACHE/newer-node/node_modules/node/bin/node
  fi
  [ -x "$PLUMBLINE_LAB_NODE" ] || die "missing: node (Debian's package nodejs)"
  export PLUMBLINE_LAB_NODE
}

make_node_folder() {
  local folder=$CACHE/node wanted
  wanted=$(sha256sum <tests/lab/package-lock.json)
  [ "$(cat "$folder/made-from" 2>/dev/null)" != "$wanted" ] || return 0
  say "Making the Node folder of the stand-in identity provider (oidc-provider)"
  rm -rf "$folder"
  mkdir -p "$folder"
  cp tests/lab/package.json tests/lab/package-lock.json "$folder"
  npm ci --prefix "$folder" --no-audit --no-fund --silent || die "could not install oidc-provider (tests/lab/package.json)"
  echo "$wanted" >"$folder/made-from"
}

# A distribution's Node may be too old; npm holds newer ones.
make_newer_node() {
  local folder=$CACHE/newer-node
  [ ! -x "$folder/node_modules/node/bin/node" ] || return 0
  say "Installing a newer Node.js ($NODE_PACKAGE)"
  npm install --prefix "$folder" --no-audit --no-fund --silent "$NODE_PACKAGE" || die "could not install $NODE_PACKAGE"
}

# A registry and what fills it. The images take a minute to make, the file systems of their bases two more.
need_registry() {
  need_command docker-registry docker-registry
  need_command skopeo skopeo
  need_command htpasswd apache2-utils
  need_command openssl openssl
  need_command debootstrap debootstrap
  command -v npm >/dev/null || install_packages "Node.js" nodejs npm
  need_python
  with_lock make_images_folder
  export PLUMBLINE_LAB_IMAGES=$CACHE/images
}

make_images_folder() {
  local folder=$CACHE/images lab=tests/lab/registry bases images
  bases=$(sha256sum <$lab/base.sh)
  images=$(cat $lab/*.sh $lab/build.py $lab/layout.py $lab/feeds.py | sha256sum)
  if [ "$(cat "$folder/bases-made-from" 2>/dev/null)" != "$bases" ]; then
    say "Making the base images of the lab's registry (debootstrap)"
    rm -rf "$folder"
    mkdir -p "$folder"
    as_root "$PWD/$lab/base.sh" "$folder" "$(id -u):$(id -g)" || die "could not make the base images ($folder/debootstrap.log)"
    echo "$bases" >"$folder/bases-made-from"
  fi
  [ "$(cat "$folder/made-from" 2>/dev/null)" != "$images" ] || return 0
  say "Making the other images of the lab's registry (pip, npm)"
  "$PLUMBLINE_LAB_PYTHON" $lab/build.py "$folder" || die "could not make the images ($lab/build.py)"
  echo "$images" >"$folder/made-from"
}

# A real engine, started by the tests themselves; nothing but busybox goes into its images.
need_docker() {
  need_command dockerd docker.io
  [ -x /bin/busybox ] || install_packages "busybox" busybox-static
  need_command openssl openssl
}

# For a look at the stand-in cluster, and for a test that it is enough of one.
need_kubectl() { need_command kubectl kubernetes-client; }

need_browser() {
  export CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
  export CHROMEDRIVER=${CHROMEDRIVER:-$(command -v chromedriver || true)}
  if [ -z "$CHROMIUM" ] || [ -z "$CHROMEDRIVER" ]; then
    install_packages "a browser and its driver" chromium chromium-driver
    CHROMIUM=$(command -v chromium) || die "missing: chromium"
    CHROMEDRIVER=$(command -v chromedriver) || die "missing: chromedriver (Debian's package chromium-driver)"
  fi
}
