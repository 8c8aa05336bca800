# shellcheck shell=bash
# What `./dev` runs beside the product, and how it is stopped. Read by ./dev.

LAB_REGIONS=eu-west-1,us-east-1,ap-southeast-2
SERVICES=()
SCRATCH=

# Whatever ends this script, everything it started ends before it: the last started first, each given time to finish.
stop_services_on_exit() {
  SCRATCH=$(mktemp -d /tmp/plumbline-dev.XXXXXX)
  # The database's user has to get to its folder inside.
  chmod 711 "$SCRATCH"
  trap stop_services EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

# Remembers a process to stop, and the signal that stops it gently.
stop_later() { SERVICES+=("$1:$2"); }

stop_services() {
  local i
  trap '' HUP INT TERM
  for ((i = ${#SERVICES[@]} - 1; i >= 0; i--)); do
    stop_service "${SERVICES[i]%%:*}" "${SERVICES[i]##*:}"
  done
  rm -rf "$SCRATCH"
}

stop_service() {
  local signal=$1 pid=$2 tries
  kill -s "$signal" "$pid" 2>/dev/null || true
  for ((tries = 0; tries < 300; tries++)); do
    kill -0 "$pid" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -s KILL "$pid" 2>/dev/null || true
}

# Waits until a command works, as long as the process lives; shows its log if it does not.
wait_for() {
  local what=$1 pid=$2 log=$3 tries
  shift 3
  for ((tries = 0; tries < 1800; tries++)); do
    if "$@" >/dev/null 2>&1; then return; fi
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  tail -n 20 "$log" >&2
  die "$what did not start"
}

# Starts the stand-in AWS and seeds it. Sets AWS_ENDPOINT, and ESTATE to the file in which the estate describes itself.
start_aws() {
  local port=${PLUMBLINE_LAB_AWS_PORT:-5005} log=$SCRATCH/aws.log
  # A port that is taken is no obstacle: then any free one will do.
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then port=0; fi
  say "Starting the stand-in AWS"
  setsid "$PLUMBLINE_LAB_PYTHON" tests/lab/aws/server.py --port "$port" --regions "$LAB_REGIONS" >"$log" 2>&1 &
  stop_later TERM "$!"
  wait_for "the stand-in AWS" "$!" "$log" grep --quiet endpoint "$log"
  AWS_ENDPOINT=$(sed -nE 's/.*"endpoint": "([^"]+)".*/\1/p' "$log")
  ESTATE=$SCRATCH/estate.json
  say "Seeding its estate"
  "$PLUMBLINE_LAB_PYTHON" tests/lab/aws/estate.py "$AWS_ENDPOINT" >"$ESTATE"
  say "The stand-in AWS is at $AWS_ENDPOINT"
}

# Starts the registry with its images, and says in the estate's description how to reach it.
start_registry() {
  local folder=$SCRATCH/registry said=$SCRATCH/registry.json log=$SCRATCH/registry.log
  say "Starting the registry"
  mkdir "$folder"
  setsid "$PLUMBLINE_LAB_PYTHON" tests/lab/registry/server.py "$PLUMBLINE_LAB_IMAGES" "$folder" \
    --port "${PLUMBLINE_LAB_REGISTRY_PORT:-5006}" >"$said" 2>"$log" &
  stop_later TERM "$!"
  wait_for "the registry" "$!" "$log" grep --quiet host "$said"
  "$PLUMBLINE_LAB_PYTHON" - "$ESTATE" "$said" <<'PYTHON'
import json, sys
estate, registry = (json.load(open(path)) for path in sys.argv[1:])
json.dump({**estate, "registry": registry}, open(sys.argv[1], "w"))
PYTHON
  say "The registry is at $(sed -nE 's/.*"host": "([^"]+)".*/\1/p' "$said")"
}

# Starts the stand-in cluster, and says in the estate's description how to reach it, and that this machine is a host of it.
start_cluster() {
  local said=$SCRATCH/cluster.json log=$SCRATCH/cluster.log
  say "Starting the stand-in cluster"
  setsid "$TARGET/debug/plumbline-lab-cluster" "${PLUMBLINE_LAB_CLUSTER_PORT:-5007}" "$ESTATE" >"$said" 2>"$log" &
  stop_later TERM "$!"
  wait_for "the stand-in cluster" "$!" "$log" grep --quiet server "$said"
  "$PLUMBLINE_LAB_PYTHON" - "$ESTATE" "$said" <<'PYTHON'
import json, sys
estate, cluster = (json.load(open(path)) for path in sys.argv[1:])
json.dump({**estate, "cluster": cluster, "this_machine": True}, open(sys.argv[1], "w"))
PYTHON
  say "The stand-in cluster is at $(sed -nE 's/.*"server":"([^"]+)".*/\1/p' "$said")"
}

# The user that Postgres runs as: it refuses to be root.
database_user() {
  if [ "$(id -u)" != 0 ]; then
    id -un
  elif id postgres >/dev/null 2>&1; then
    echo postgres
  else
    echo nobody
  fi
}

# Runs a command as that user, in place of this shell.
exec_as_database_user() {
  local user
  user=$(database_user)
  [ "$(id -un)" != "$user" ] || exec "$@"
  exec setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups "$@"
}

# Starts a database cluster that is thrown away afterwards, and points DATABASE_URL at it. Each test makes its own database in it.
start_test_postgres() {
  local bin folder=$SCRATCH/postgres log=$SCRATCH/postgres.log
  bin=$(postgres_bin)
  say "Starting a database for the tests"
  mkdir --mode=0700 "$folder"
  [ "$(id -u)" != 0 ] || chown "$(database_user)" "$folder"
  (cd / && exec_as_database_user "$bin/initdb" -D "$folder/data" -U postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync) \
    >"$log" 2>&1 || { cat "$log" >&2 && die "initdb failed"; }
  # Losing it in a power cut is fine; waiting for the disk is not. In a session of its own, out of reach of Ctrl-C.
  (cd / && exec_as_database_user setsid "$bin/postgres" -D "$folder/data" -k "$folder" -h '' -p 5432 -c max_connections=200 \
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_locks_per_transaction=256) >"$log" 2>&1 &
  stop_later INT "$!"
  wait_for "the database" "$!" "$log" "$bin/pg_isready" --host="$folder" --port=5432 --username=postgres
  export DATABASE_URL="postgres://postgres@localhost:5432/postgres?host=${folder//\//%2F}"
}

# Where `./dev up` keeps its data: in the clone, unless the user that the database drops to could not get there.
data_folder() {
  local folder=${PLUMBLINE_DATA:-$ROOT/data}
  if [ -z "${PLUMBLINE_DATA:-}" ] && ! (exec_as_database_user test -x "$ROOT"); then
    folder=/var/tmp/plumbline-$(cksum <<<"$ROOT" | cut -d' ' -f1)
  fi
  echo "$folder"
}
