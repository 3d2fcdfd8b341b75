{{/*
The host names of all nodes, separated by blanks.
(list $ $workload)
*/}}
{{- define "rabbitmq.peers" -}}
{{- $root := index . 0 -}}
{{- $workload := index . 1 -}}
{{- $peers := list -}}
{{- range until (int $workload.replicas) -}}
{{- $peers = append $peers (printf "%s-%d.%s" $workload.name . (include "rabbitmq.domain" (list $root $workload))) -}}
{{- end -}}
{{- join " " $peers -}}
{{- end }}

{{- define "rabbitmq.domain" -}}
{{- $root := index . 0 -}}
{{ (index . 1).name }}-peers.{{ $root.Release.Namespace }}.svc.{{ $root.Values.global.cluster_domain }}
{{- end }}

{{/*
The options of rabbitmq.conf, as YAML.
(list $ $workload)
*/}}
{{- define "rabbitmq.options" -}}
{{- $values := (index . 0).Values -}}
{{- $replicas := (index . 1).replicas | int -}}
listeners.tcp.default: {{ $values.port.cont }}
management.tcp.port: 15672
log.console: true
log.console.level: info
vm_memory_high_watermark.relative: {{ $values.high_watermark_ratio }}
{{- with dig "limits" "memory" "" $values.resources.rabbitmq | toString | regexFind "^[0-9]+[KMG]i?$" }}
# The ratio is of what the container may use, not of what the node has.
total_memory_available_override_value: {{ . }}B
{{- end }}
queue_master_locator: min-masters
{{- if gt $replicas 1 }}
# With a majority the rest pauses; of two neither is one.
cluster_partition_handling: {{ ternary "pause_minority" "autoheal" (gt $replicas 2) }}
cluster_formation.peer_discovery_backend: classic_config
{{- range $i, $peer := splitList " " (include "rabbitmq.peers" .) }}
cluster_formation.classic_config.nodes.{{ add1 $i }}: rabbit@{{ $peer }}
{{- end }}
{{- end }}
{{- end }}

{{/*
rabbitmq.conf, with a user's options merged last; a null drops one.
(list $ $workload)
*/}}
{{- define "rabbitmq.conf" -}}
{{- range $key, $value := mustMergeOverwrite (include "rabbitmq.options" . | fromYaml) (deepCopy (index . 0).Values.conf.rabbitmq) }}
{{- if not (kindIs "invalid" $value) }}
{{ $key }} = {{ kindIs "string" $value | ternary $value (toJson $value) }}
{{- end }}
{{- end }}
{{- end }}
