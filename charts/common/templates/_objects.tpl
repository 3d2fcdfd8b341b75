{{/*
The service account of a chart's pods, and the right to look at Jobs that their `ccp-hook wait` needs.
(list $ "keystone")
*/}}
{{- define "common.serviceAccount" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $name | quote }}
  labels: {{- include "common.labels" . | nindent 4 }}
{{- include "common.imagePullSecrets" $root }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ $name | quote }}
  labels: {{- include "common.labels" . | nindent 4 }}
rules:
  - apiGroups: [batch]
    resources: [jobs]
    verbs: [get]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ $name | quote }}
  labels: {{- include "common.labels" . | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ $name | quote }}
subjects:
  - kind: ServiceAccount
    name: {{ $name | quote }}
    namespace: {{ $root.Release.Namespace | quote }}
{{- end }}

{{/*
Keeps one replica of a workload running while nodes are drained.
(list $ "keystone")
*/}}
{{- define "common.podDisruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ index . 1 | quote }}
  labels: {{- include "common.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: {{- include "common.selector" . | nindent 6 }}
{{- end }}

{{/*
"true" when pods on the nodes' own network connect to a service with this network, as services.yaml says.
(list $ "mariadb")
*/}}
{{- define "common.nodesConnect" -}}
{{- $root := index . 0 -}}
{{- $catalog := $root.Files.Get "services.yaml" | fromYaml -}}
{{- if has $root.Values.global.network.backend (get $catalog.services (index . 1)).nodes_connect }}true{{ end -}}
{{- end }}

{{/*
Who may connect to a workload's pods: anybody to the first list of ports, the pods of the deployment to
the second, and these and pods on the nodes' own network to the third, which may be left out. A policy
knows the latter by their node's address only, from global.network.node_networks; while that is empty the
third list is for anybody too.
(list $ "rabbitmq" list (list "epmd") (list "amqp"))
*/}}
{{- define "common.networkPolicy" -}}
{{- $nodes := list -}}
{{- if gt (len .) 4 }}{{ $nodes = index . 4 }}{{ end -}}
{{- $networks := (index . 0).Values.global.network.node_networks -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ index . 1 | quote }}
  labels: {{- include "common.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- include "common.selector" . | nindent 6 }}
  policyTypes: [Ingress]
  ingress:
    {{- with concat (index . 2) (empty $networks | ternary $nodes list) }}
    - ports:
        {{- range . }}
        - {port: {{ . }}, protocol: TCP}
        {{- end }}
    {{- end }}
    {{- with index . 3 }}
    - from:
        - podSelector:
            matchLabels:
              app.kubernetes.io/part-of: openstack
      ports:
        {{- range . }}
        - {port: {{ . }}, protocol: TCP}
        {{- end }}
    {{- end }}
    {{- if and $nodes $networks }}
    - from:
        - podSelector:
            matchLabels:
              app.kubernetes.io/part-of: openstack
        {{- range $networks }}
        - ipBlock: {cidr: {{ . | quote }}}
        {{- end }}
      ports:
        {{- range $nodes }}
        - {port: {{ . }}, protocol: TCP}
        {{- end }}
    {{- end }}
{{- end }}

{{/*
The Ingress of an API, when global.ingress is enabled and the port has an ingress name.
(list $ "keystone" .Values.public_port 5000)
*/}}
{{- define "common.ingress" -}}
{{- $root := index . 0 -}}
{{- $ingress := $root.Values.global.ingress -}}
{{- $port := index . 2 -}}
{{- if and $ingress.enabled $port.ingress -}}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ index . 1 | quote }}
  labels: {{- include "common.labels" . | nindent 4 }}
  annotations:
    ccp.openstack.org/url: {{ printf "https://%s.%s:%v" $port.ingress $ingress.domain $ingress.port | quote }}
spec:
  rules:
    - host: {{ printf "%s.%s" $port.ingress $ingress.domain | quote }}
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: {{ index . 1 | quote }}
                port:
                  number: {{ index . 3 }}
{{- end }}
{{- end }}
