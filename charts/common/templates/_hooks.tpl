{{/*
The annotations of an object that a hook needs, and that goes when the hook is done.
(list "pre-install,pre-upgrade" "-20")
*/}}
{{- define "common.hook" -}}
helm.sh/hook: {{ index . 0 }}
helm.sh/hook-weight: {{ index . 1 | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{/*
The annotations of a hook Job that stays until it runs again. Its last words, the warnings in its pod's status,
are what ccp status shows; an uninstall has to remove it.
(list "post-install,post-upgrade" "0")
*/}}
{{- define "common.lastingHook" -}}
helm.sh/hook: {{ index . 0 }}
helm.sh/hook-weight: {{ index . 1 | quote }}
helm.sh/hook-delete-policy: before-hook-creation
{{- end }}

{{/*
Exit code 2 of ccp-hook says that its call or its configuration is wrong: trying again will not help.
*/}}
{{- define "common.hookFailurePolicy" -}}
rules:
  - action: FailJob
    onExitCodes: {containerName: ccp-hook, operator: In, values: [2]}
{{- end }}

{{/*
A hook Job that runs ccp-hook. Its service account has the hook's own name.
(list $ "ccp-credentials" "pre-install,pre-upgrade" "-10" (list "credentials" "ensure"))
A further item, the name of a ConfigMap, is mounted at /etc/ccp.
*/}}
{{- define "common.hookJob" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ $name | quote }}
  labels: {{- include "common.labels" (list $root $name) | nindent 4 }}
  annotations: {{- include "common.hook" (list (index . 2) (index . 3)) | nindent 4 }}
spec:
  backoffLimit: 6
  podFailurePolicy: {{- include "common.hookFailurePolicy" . | nindent 4 }}
  template:
    metadata:
      labels: {{- include "common.podLabels" (list $root $name) | nindent 8 }}
    spec:
      serviceAccountName: {{ $name | quote }}
      restartPolicy: Never
      # A Go program that is process 1 exits with 2 when it is killed before it listens to signals.
      shareProcessNamespace: true
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        seccompProfile: {type: RuntimeDefault}
      containers:
        - name: ccp-hook
          image: {{ include "common.image" (list $root "ccp-hook") | quote }}
          imagePullPolicy: {{ $root.Values.global.images.pull_policy }}
          terminationMessagePolicy: FallbackToLogsOnError
          args:
            {{- range index . 4 }}
            - {{ . | quote }}
            {{- end }}
          env:
            - name: CCP_HOOK_NAMESPACE
              valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
          securityContext: {{- include "common.securityContext" $root | nindent 12 }}
          resources:
            requests: {cpu: 10m, memory: 32Mi}
            limits: {memory: 128Mi}
          {{- if gt (len .) 5 }}
          volumeMounts:
            - {name: config, mountPath: /etc/ccp, readOnly: true}
          {{- end }}
      {{- if gt (len .) 5 }}
      volumes:
        - name: config
          configMap: {name: {{ index . 5 | quote }}}
      {{- end }}
{{- end }}

{{/*
What makes the deployment's Secrets before anything needs them: each password, key repository, certificate
and pair of SSH keys that a chart's services.yaml names. What exists is left as it is. Only the chart that
is installed does it, for itself and its subcharts.
*/}}
{{- define "common.credentials" -}}
{{- $passwords := dict -}}
{{- $repositories := dict -}}
{{- $certificates := list -}}
{{- $sshKeys := list -}}
{{- range $chart := concat (list .) (values .Subcharts) -}}
{{- $catalog := $chart.Files.Get "services.yaml" | fromYaml -}}
{{- $unused := and $catalog.network (not (has $.Values.global.network.backend $catalog.network)) -}}
{{- $credentials := ternary dict ($catalog.credentials | default dict) (default false $unused) -}}
{{- $passwords = merge $passwords ($credentials.passwords | default dict) -}}
{{- $repositories = merge $repositories ($credentials.key_repositories | default dict) -}}
{{- $certificates = concat $certificates ($credentials.certificates | default list) | uniq -}}
{{- $sshKeys = concat $sshKeys ($credentials.ssh_keys | default list) | uniq -}}
{{- end -}}
{{- $secrets := concat (keys $repositories) $certificates $sshKeys | sortAlpha -}}
{{- $secrets = prepend $secrets .Values.global.credentials.secret -}}
{{- if and .Chart.IsRoot .Values.global.credentials.create (or $passwords $repositories $certificates $sshKeys) -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: ccp-credentials
  labels: {{- include "common.labels" (list . "ccp-credentials") | nindent 4 }}
  annotations: {{- include "common.hook" (list "pre-install,pre-upgrade" "-20") | nindent 4 }}
{{- include "common.imagePullSecrets" . }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: ccp-credentials
  labels: {{- include "common.labels" (list . "ccp-credentials") | nindent 4 }}
  annotations: {{- include "common.hook" (list "pre-install,pre-upgrade" "-20") | nindent 4 }}
rules:
  - apiGroups: [""]
    resources: [secrets]
    verbs: [create]
  - apiGroups: [""]
    resources: [secrets]
    resourceNames: {{ toJson $secrets }}
    verbs: [get, update]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: ccp-credentials
  labels: {{- include "common.labels" (list . "ccp-credentials") | nindent 4 }}
  annotations: {{- include "common.hook" (list "pre-install,pre-upgrade" "-20") | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: ccp-credentials
subjects:
  - kind: ServiceAccount
    name: ccp-credentials
    namespace: {{ .Release.Namespace | quote }}
---
{{- $arguments := list "credentials" "ensure" (printf "--secret=%s" .Values.global.credentials.secret) -}}
{{- range keys $passwords | sortAlpha }}{{ $arguments = append $arguments (printf "--password=%s" .) }}{{ end -}}
{{- range keys $repositories | sortAlpha }}{{ $arguments = append $arguments (printf "--key-repository=%s" .) }}{{ end -}}
{{- range $certificates | sortAlpha }}{{ $arguments = append $arguments (printf "--certificate=%s" .) }}{{ end -}}
{{- range $sshKeys | sortAlpha }}{{ $arguments = append $arguments (printf "--ssh-key=%s" .) }}{{ end }}
{{ include "common.hookJob" (list . "ccp-credentials" "pre-install,pre-upgrade" "-10" $arguments) }}
{{- end }}
{{- end }}

{{/*
What labels the nodes with their roles before anything is scheduled to them.
*/}}
{{- define "common.labelNodes" -}}
{{- $name := printf "%s-ccp-label-nodes" .Release.Namespace -}}
{{- $events := "pre-install,pre-upgrade,pre-rollback" -}}
{{- $hook := include "common.hook" (list $events "-20") -}}
{{- if and .Values.label_nodes.enabled (eq .Values.global.placement "label") -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: ccp-label-nodes
  labels: {{- include "common.labels" (list . "ccp-label-nodes") | nindent 4 }}
  annotations: {{- $hook | nindent 4 }}
{{- include "common.imagePullSecrets" . }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: ccp-label-nodes
  labels: {{- include "common.labels" (list . "ccp-label-nodes") | nindent 4 }}
  annotations: {{- $hook | nindent 4 }}
data:
  nodes.yaml: |
    nodes:
      {{- $idle := get .Values.label_nodes.idle_roles .Values.global.network.backend | default list }}
      {{- range .Values.label_nodes.nodes }}
      {{- $roles := list }}
      {{- range .roles }}{{ if not (has . $idle) }}{{ $roles = append $roles . }}{{ end }}{{ end }}
      - pattern: {{ .pattern | quote }}
        roles: {{ toJson $roles }}
        overrides: {{ .overrides | default false }}
      {{- end }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ $name | quote }}
  labels: {{- include "common.labels" (list . "ccp-label-nodes") | nindent 4 }}
  annotations: {{- $hook | nindent 4 }}
rules:
  - apiGroups: [""]
    resources: [nodes]
    verbs: [list, patch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ $name | quote }}
  labels: {{- include "common.labels" (list . "ccp-label-nodes") | nindent 4 }}
  annotations: {{- $hook | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ $name | quote }}
subjects:
  - kind: ServiceAccount
    name: ccp-label-nodes
    namespace: {{ .Release.Namespace | quote }}
---
{{ include "common.hookJob" (list . "ccp-label-nodes" $events "-10" (list "label-nodes" "--config=/etc/ccp/nodes.yaml" (printf "--node-match=%s" .Values.label_nodes.match)) "ccp-label-nodes") }}
{{- end }}
{{- end }}
