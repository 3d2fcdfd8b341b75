{{/*
Starts one node. PEERS are the host names of all nodes, this one's too.

A node with data knows its cluster and starts. One without joins a running node, by the list of nodes in
rabbitmq.conf; only when none runs does pod 0 begin a cluster, so there is never a second one. Had the node
data before, the others still count it in, and must forget it first.
*/}}
{{- define "rabbitmq.start" -}}
set -eu
# The first process of a container heeds no signal that it does not ask for. The server that follows asks for its own.
trap 'exit 143' TERM
bin=/usr/lib/rabbitmq/bin

umask 077
rm -f "$HOME/.erlang.cookie"
printf %s "$ERLANG_COOKIE" >"$HOME/.erlang.cookie"
unset ERLANG_COOKIE

# The first other node that runs.
running_peer() {
  for peer in $PEERS; do
    case $peer in "$POD_NAME".*) continue ;; esac
    if "$bin/rabbitmq-diagnostics" --quiet --node="rabbit@$peer" check_running >/dev/null 2>&1; then
      echo "rabbit@$peer"
      return
    fi
  done
  return 1
}

while [ ! -e "$RABBITMQ_MNESIA_BASE/$RABBITMQ_NODENAME/cluster_nodes.config" ]; do
  if peer=$(running_peer); then
    echo "start: joining $peer" >&2
    if "$bin/rabbitmqctl" --quiet --node="$peer" forget_cluster_node "$RABBITMQ_NODENAME" >/dev/null 2>&1; then
      echo "start: $peer forgot what this node had been" >&2
    fi
    break
  elif [ "${POD_NAME##*-}" = 0 ]; then
    echo "start: beginning a cluster" >&2
    break
  fi
  echo "start: waiting for another node" >&2
  sleep 5
done

exec "$bin/rabbitmq-server"
{{- end }}
