{{/*
The OpenStack releases in order, as in ../releases.yaml.
*/}}
{{- define "common.releases" -}}
newton ocata pike queens rocky stein train ussuri victoria wallaby xena yoga zed antelope bobcat caracal dalmatian epoxy flamingo gazpacho
{{- end }}

{{/*
The place of a release in that order: "0" for newton. An unknown name fails the rendering.
(list $ "zed")
*/}}
{{- define "common.releaseIndex" -}}
{{- $want := index . 1 -}}
{{- $aliases := dict "2023.1" "antelope" "2023.2" "bobcat" "2024.1" "caracal" "2024.2" "dalmatian" "2025.1" "epoxy" "2025.2" "flamingo" "2026.1" "gazpacho" -}}
{{- $want = get $aliases $want | default $want -}}
{{- $releases := splitList " " (include "common.releases" .) -}}
{{- if not (has $want $releases) -}}
{{- fail (printf "global.openstack.release: no OpenStack release %q; one of %s" $want (join ", " $releases)) -}}
{{- end -}}
{{- range $i, $name := $releases }}{{ if eq $name $want }}{{ $i }}{{ end }}{{ end -}}
{{- end }}

{{/*
"true" when the release being deployed is not older than the one named, else empty.
(list $ "ocata")
*/}}
{{- define "common.since" -}}
{{- $root := index . 0 -}}
{{- if ge (include "common.releaseIndex" (list $root $root.Values.global.openstack.release) | int) (include "common.releaseIndex" . | int) }}true{{ end -}}
{{- end }}

{{/*
"true" when the release being deployed is not newer than the one named, else empty.
(list $ "pike")
*/}}
{{- define "common.until" -}}
{{- $root := index . 0 -}}
{{- if le (include "common.releaseIndex" (list $root $root.Values.global.openstack.release) | int) (include "common.releaseIndex" . | int) }}true{{ end -}}
{{- end }}

{{/*
The workloads that a service has, as a JSON array: one for each instance of it, and for each set of
per-node overrides one more. Empty when services.yaml says that the backend or the release has no such
service, or values that it is not placed.
(list $ "nova-compute") gives [{"name", "service", "replicas", "roles", "nodes", "sets", "not_sets", "overrides"}]
*/}}
{{- define "common.workloads" -}}
{{- $root := index . 0 -}}
{{- $definition := index . 1 -}}
{{- $catalog := $root.Files.Get "services.yaml" | fromYaml -}}
{{- $facts := get $catalog.services $definition -}}
{{- if not $facts }}{{ fail (printf "chart %s: services.yaml has no service %q" $root.Chart.Name $definition) }}{{ end -}}
{{- $available := has $root.Values.global.network.backend ($facts.network | default (list $root.Values.global.network.backend)) -}}
{{- if $facts.since }}{{ $available = and $available (include "common.since" (list $root $facts.since)) }}{{ end -}}
{{- if $facts.until }}{{ $available = and $available (include "common.until" (list $root $facts.until)) }}{{ end -}}
{{- $workloads := list -}}
{{- range $name, $service := $root.Values.services -}}
{{- if and $available $service.enabled (eq ($service.definition | default $name) $definition) -}}
{{- $variants := $service.variants | default list -}}
{{- $own := list -}}
{{- range $variants }}{{ $own = concat $own (.sets | default list) }}{{ end -}}
{{- $base := dict "service" $name "replicas" ($service.replicas | default 1) "roles" ($service.roles | default list) -}}
{{- if or (not $variants) $service.roles $service.nodes }}
{{- $workloads = append $workloads (merge (dict "name" $name "nodes" ($service.nodes | default list) "sets" list "not_sets" $own "overrides" dict) $base) -}}
{{- end -}}
{{- range $variants -}}
{{- $workloads = append $workloads (merge (dict "name" (printf "%s-%s" $name .name) "nodes" (.nodes | default list) "sets" (.sets | default list) "not_sets" list "overrides" .overrides) $base) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $workloads -}}
{{- end }}

{{/*
"true" when any of the services named has a workload, else empty.
(list $ "nova-api" "nova-conductor")
*/}}
{{- define "common.placed" -}}
{{- $root := index . 0 -}}
{{- $placed := false -}}
{{- range rest . }}{{ if include "common.workloads" (list $root .) | fromJsonArray }}{{ $placed = true }}{{ end }}{{ end -}}
{{- if $placed }}true{{ end -}}
{{- end }}

{{/*
"true" when any service of the chart has a workload, else empty.
*/}}
{{- define "common.anyPlaced" -}}
{{- $catalog := .Files.Get "services.yaml" | fromYaml -}}
{{- include "common.placed" (concat (list .) (keys $catalog.services)) -}}
{{- end }}

{{/*
The nodes that a workload may use: those of its roles (any of them), narrowed by its overrides. Empty when
it may use any.
(list $ $workload)
*/}}
{{- define "common.nodeAffinity" -}}
{{- $workload := index . 1 -}}
{{- if and (eq (index . 0).Values.global.placement "hostname") $workload.nodes -}}
nodeAffinity:
  requiredDuringSchedulingIgnoredDuringExecution:
    nodeSelectorTerms:
      - matchExpressions:
          - {key: kubernetes.io/hostname, operator: In, values: {{ toJson $workload.nodes }}}
{{- else if $workload.roles -}}
nodeAffinity:
  requiredDuringSchedulingIgnoredDuringExecution:
    nodeSelectorTerms:
      {{- range $workload.roles }}
      - matchExpressions:
          - {key: {{ printf "role.ccp.openstack.org/%s" . | quote }}, operator: In, values: ["true"]}
          {{- with $workload.sets }}
          - {key: config.ccp.openstack.org/overrides, operator: In, values: {{ toJson . }}}
          {{- end }}
          {{- with $workload.not_sets }}
          - {key: config.ccp.openstack.org/overrides, operator: NotIn, values: {{ toJson . }}}
          {{- end }}
      {{- end }}
{{- end -}}
{{- end }}

{{/*
The affinity of a Deployment's or StatefulSet's pods: its nodes, and replicas apart where they can be.
(list $ $workload)
*/}}
{{- define "common.affinity" -}}
{{- with include "common.nodeAffinity" . }}{{ . }}
{{ end -}}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels: {{- include "common.selector" (list (index . 0) (index . 1).name) | nindent 12 }}
{{- end }}

{{/*
The affinity of a service's Jobs: the nodes of the service itself.
(list $ "keystone")
*/}}
{{- define "common.jobAffinity" -}}
{{- $root := index . 0 -}}
{{- include "common.nodeAffinity" (list $root (get $root.Values.services (index . 1) | default dict)) -}}
{{- end }}
