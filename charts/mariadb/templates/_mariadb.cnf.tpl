{{/*
The workloads of both services, as common.workloads gives them, each with "cluster": whether its servers
replicate to each other.
*/}}
{{- define "mariadb.workloads" -}}
{{- $workloads := list -}}
{{- range include "common.workloads" (list . "mariadb") | fromJsonArray -}}
{{- $workloads = append $workloads (set . "cluster" (gt (int .replicas) 1)) -}}
{{- end -}}
{{- range include "common.workloads" (list . "galera") | fromJsonArray -}}
{{- $workloads = append $workloads (set . "cluster" true) -}}
{{- end -}}
{{- toJson $workloads -}}
{{- end }}

{{/*
The host names of a cluster's servers, separated by blanks.
(list $ $workload)
*/}}
{{- define "mariadb.peers" -}}
{{- $root := index . 0 -}}
{{- $workload := index . 1 -}}
{{- $peers := list -}}
{{- range until (int $workload.replicas) -}}
{{- $peers = append $peers (printf "%s-%d.%s-peers.%s.svc.%s" $workload.name . $workload.name $root.Release.Namespace $root.Values.global.cluster_domain) -}}
{{- end -}}
{{- join " " $peers -}}
{{- end }}

{{/*
my.cnf, as YAML for common.ini. What only the pod knows, its name and address, start.sh adds.
(list $ $workload)
*/}}
{{- define "mariadb.cnf" -}}
{{- $root := index . 0 -}}
{{- $values := $root.Values -}}
{{- $workload := index . 1 -}}
mysqld:
  # A folder in the volume, whose top may hold lost+found.
  datadir: /var/lib/mysql/data
  socket: /run/mysqld/mysqld.sock
  pid_file: /run/mysqld/mysqld.pid
  tmpdir: /tmp
  port: {{ $values.port.cont }}
  skip_name_resolve: 1
  character_set_server: utf8mb4
  max_connections: 4096
  {{- with $values.db.sql_mode }}
  sql_mode: {{ . | quote }}
  {{- end }}
  slow_query_log: {{ $values.db.slow_query_log_enabled }}
  slow_query_log_file: /dev/stderr
  long_query_time: {{ $values.db.long_query_time }}
  general_log: {{ $values.db.general_log_enabled }}
  general_log_file: /dev/stderr
  {{- if $workload.cluster }}
  binlog_format: ROW
  innodb_autoinc_lock_mode: 2
  wsrep_on: 1
  wsrep_provider: /usr/lib/galera/libgalera_smm.so
  wsrep_provider_options: gcache.size={{ $values.galera.gcache_size }}
  wsrep_cluster_name: {{ $values.galera.cluster_name | quote }}
  wsrep_cluster_address: gcomm://{{ include "mariadb.peers" . | replace " " "," }}
  wsrep_sst_method: rsync
  # The Service spreads connections over the servers: what one service wrote, another reads at once.
  wsrep_sync_wait: 1
  {{- end }}
{{- end }}
