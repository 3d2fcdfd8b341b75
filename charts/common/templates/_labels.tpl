{{/*
The labels that a selector uses; they never change during an object's life.
(list $ "keystone")
*/}}
{{- define "common.selector" -}}
app.kubernetes.io/instance: {{ (index . 0).Release.Name | quote }}
app.kubernetes.io/component: {{ index . 1 | quote }}
{{- end }}

{{/*
The labels of every object. The second item is the workload that the object belongs to.
(list $ "keystone")
*/}}
{{- define "common.labels" -}}
{{- $root := index . 0 -}}
{{ include "common.selector" . }}
app.kubernetes.io/name: {{ $root.Chart.Name }}
app.kubernetes.io/part-of: openstack
app.kubernetes.io/version: {{ $root.Values.global.openstack.release | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ $root.Chart.Name }}-{{ $root.Chart.Version }}
{{- end }}

{{/*
The labels of a pod: those above but for what changes with each release of the chart.
(list $ "keystone")
*/}}
{{- define "common.podLabels" -}}
{{- $root := index . 0 -}}
{{ include "common.selector" . }}
app.kubernetes.io/name: {{ $root.Chart.Name }}
app.kubernetes.io/part-of: openstack
{{- end }}
