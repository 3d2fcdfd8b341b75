{{/*
The reference of an image: [registry/]namespace/name:tag, or @digest in the tag's place. Namespace, tag and digest are
replaceable by global.images.image_specs.NAME.
(list $ "keystone")
*/}}
{{- define "common.image" -}}
{{- $images := (index . 0).Values.global.images -}}
{{- $name := index . 1 -}}
{{- $spec := get ($images.image_specs | default dict) $name | default dict -}}
{{- with $images.registry }}{{ . }}/{{ end }}{{ $spec.namespace | default $images.namespace }}/{{ $name }}
{{- with $spec.digest }}@{{ . }}{{ else }}:{{ $spec.tag | default $images.tag }}{{ end }}
{{- end }}

{{/*
The pull secrets of a service account, and so of its pods, when there are any.
*/}}
{{- define "common.imagePullSecrets" -}}
{{- with .Values.global.images.pull_secret }}
imagePullSecrets:
  - name: {{ . | quote }}
{{- end }}
{{- end }}

{{/*
A pod that needs nothing from its host: an ordinary user, the runtime's seccomp profile. 42424 is the
user that the images are built for.
*/}}
{{- define "common.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 42424
runAsGroup: 42424
fsGroup: 42424
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "common.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/*
An environment variable whose value is a key of the credentials Secret.
(list $ "DB_PASSWORD" "keystone-db-password")
*/}}
{{- define "common.secretEnv" -}}
- name: {{ index . 1 | quote }}
  valueFrom:
    secretKeyRef:
      name: {{ (index . 0).Values.global.credentials.secret | quote }}
      key: {{ index . 2 | quote }}
{{- end }}

{{/*
The init container that holds a pod back until what it needs is there; its log says what it waits for.
(list $ (list "--tcp=mariadb:3306" "--job=keystone-db-sync-1a2b3c"))
*/}}
{{- define "common.wait" -}}
{{- $root := index . 0 -}}
- name: wait
  image: {{ include "common.image" (list $root "ccp-hook") | quote }}
  imagePullPolicy: {{ $root.Values.global.images.pull_policy }}
  args:
    - wait
    {{- range index . 1 }}
    - {{ . | quote }}
    {{- end }}
  env:
    - name: CCP_HOOK_NAMESPACE
      valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
  securityContext: {{- include "common.securityContext" $root | nindent 4 }}
    runAsNonRoot: true
    runAsUser: 65532
  resources:
    requests: {cpu: 10m, memory: 32Mi}
    limits: {memory: 128Mi}
{{- end }}

{{/*
The name of a Job: it carries a checksum of what the Job depends on, so that an upgrade which changes
any of it runs the Job again, and one which does not leaves it alone.
(list $ "keystone-db-sync" "image or configuration text"...)
*/}}
{{- define "common.jobName" -}}
{{ index . 1 }}-{{ rest (rest .) | join "\n" | sha256sum | trunc 8 }}
{{- end }}

{{/*
Tells a pod template that its configuration changed.
*/}}
{{- define "common.checksum" -}}
checksum/config: {{ . | sha256sum }}
{{- end }}
