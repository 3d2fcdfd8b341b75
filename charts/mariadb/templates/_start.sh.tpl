{{/*
Starts one server. With PEERS, the host names of all servers, it is a member of a Galera cluster.

A cluster is begun by one server only, and never while another runs: two beginnings are two clusters, and
the one that loses is overwritten. So each server asks the others first, then looks at its own volume:

  another server answers            join it, unless the data here belongs to another cluster
  FORCE_BOOTSTRAP names this pod    begin with the data here: the operator knows that it is the newest
  FORCE_BOOTSTRAP names another     wait for it
  gvwstate.dat                      all stopped at once: Galera goes on when all who were there are back
  grastate.dat: safe_to_bootstrap   it was the last to stop: begin with the data here
  pod 0, no grastate.dat            a new cluster, or a single server's data: begin
  otherwise                         wait for another server
*/}}
{{- define "mariadb.start" -}}
set -eu
data=/var/lib/mysql/data

# The first process of a container heeds no signal that it does not ask for. The server that follows asks for its own.
trap 'exit 143' TERM

say() { echo "start: $*" >&2; }

server() { exec /usr/sbin/mariadbd --defaults-file=/etc/ccp/my.cnf "$@"; }

member() { server --wsrep-node-name="$POD_NAME" --wsrep-node-address="$POD_IP" "$@"; }

# Makes an empty database with its root user. A start that is cut short leaves nothing half done.
initialize() {
  say "making an empty database"
  rm -rf "$data.new"
  mariadb-install-db --defaults-file=/etc/ccp/my.cnf --datadir="$data.new" \
    --auth-root-authentication-method=normal --skip-test-db >&2
  password=$(printf %s "$MYSQL_PWD" | sed "s/[\\\\']/\\\\&/g")
  /usr/sbin/mariadbd --defaults-file=/etc/ccp/my.cnf --datadir="$data.new" --wsrep-on=0 --bootstrap <<SQL
DELETE FROM mysql.global_priv WHERE User = 'root' AND Host <> 'localhost';
DELETE FROM mysql.proxies_priv;
FLUSH PRIVILEGES;
ALTER USER 'root'@'localhost' IDENTIFIED BY '$password';
CREATE USER 'root'@'%' IDENTIFIED BY '$password';
GRANT ALL PRIVILEGES ON *.* TO 'root'@'%' WITH GRANT OPTION;
SQL
  if [ -d "$data" ]; then rmdir "$data"; fi
  mv "$data.new" "$data"
}

# The first other server that answers.
running_peer() {
  for peer in $PEERS; do
    case $peer in "$POD_NAME".*) continue ;; esac
    if mariadb-admin --host="$peer" --port="$PORT" --user=root --connect-timeout=3 ping >/dev/null 2>&1; then
      echo "$peer"
      return
    fi
  done
  return 1
}

grastate() { sed -n "s/^$1: *//p" "$data/grastate.dat" 2>/dev/null; }

join() {
  ours=$(grastate uuid || true)
  theirs=$(mariadb --host="$1" --port="$PORT" --user=root -sNe "SHOW GLOBAL STATUS LIKE 'wsrep_cluster_state_uuid'" | cut -f 2)
  case $ours in
    "" | 00000000-0000-0000-0000-000000000000 | "$theirs") ;;
    *)
      say "$1 is in cluster '$theirs', the data here belongs to $ours and joining would overwrite it: delete this pod's volume, or stop the others and set galera.force_bootstrap to $POD_NAME"
      exit 1
      ;;
  esac
  say "joining the cluster of $1"
  mkdir -p "$data"
  member
}

if [ -z "$PEERS" ]; then
  [ -d "$data/mysql" ] || initialize
  server
fi

while :; do
  if peer=$(running_peer); then
    join "$peer"
  elif [ "$FORCE_BOOTSTRAP" = "$POD_NAME" ]; then
    say "no other server answers: beginning a cluster with the data here, as galera.force_bootstrap says"
    sed -i 's/^safe_to_bootstrap:.*/safe_to_bootstrap: 1/' "$data/grastate.dat"
    rm -f "$data/gvwstate.dat"
    member --wsrep-new-cluster
  elif [ -n "$FORCE_BOOTSTRAP" ]; then
    : # another pod begins
  elif [ -s "$data/gvwstate.dat" ]; then
    say "all servers stopped at once: going on when those that were there are back"
    member
  elif [ "$(grastate safe_to_bootstrap)" = 1 ]; then
    say "this server was the last to stop: beginning with its data"
    member --wsrep-new-cluster
  elif [ "${POD_NAME##*-}" = 0 ] && [ ! -e "$data/grastate.dat" ]; then
    [ -d "$data/mysql" ] || initialize
    say "beginning a new cluster"
    member --wsrep-new-cluster
  fi
  say "waiting for another server"
  sleep 5
done
{{- end }}
