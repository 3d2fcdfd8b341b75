{{/*
Until rocky the API is a part of nova: nova's image and nova.conf, and of nova's API database the tables
that it needs, here in a database of its own. Since stein image, file and database are Placement's.
*/}}
{{- define "placement.project" -}}
{{ ternary "nova" "placement" (eq (include "common.until" (list . "rocky")) "true") }}
{{- end }}

{{- define "placement.conf" -}}
DEFAULT:
  debug: {{ .Values.debug }}
  use_stderr: true
api:
  auth_strategy: keystone
keystone_authtoken:
  {{- include "common.keystoneMiddleware" (list . "placement-api" .Values.username) | nindent 2 }}
oslo_middleware:
  enable_proxy_headers_parsing: true
{{- end }}

{{- define "placement.uwsgi" -}}
[uwsgi]
plugins = python3
master = true
need-app = true
lazy-apps = true
enable-threads = true
die-on-term = true
processes = {{ .Values.wsgi.processes | int }}
threads = {{ .Values.wsgi.threads | int }}
buffer-size = 65535
# It closes each connection; clients that are not told send their next request into the closed one.
add-header = Connection: close
{{- end }}

{{- define "placement.env" -}}
{{ include "common.secretEnv" (list . "DB_PASSWORD" "placement-db-password") }}
- name: {{ ternary "OS_API_DATABASE__CONNECTION" "OS_PLACEMENT_DATABASE__CONNECTION" (eq (include "placement.project" .) "nova") }}
  value: {{ include "common.databaseURL" (list . "placement-api" .Values.db.username .Values.db.name) | quote }}
{{ include "common.secretEnv" (list . "OS_KEYSTONE_AUTHTOKEN__PASSWORD" "placement-password") }}
{{- end }}

{{- define "placement.volumeMounts" -}}
- {name: config, mountPath: /etc/{{ include "placement.project" . }}/{{ include "placement.project" . }}.conf, subPath: {{ include "placement.project" . }}.conf, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- end }}

{{- define "placement.volumes" -}}
- name: config
  configMap: {name: placement}
- name: tmp
  emptyDir: {}
{{- end }}

{{- define "placement.databaseJob" -}}
{{ include "common.databaseJobName" (list . "placement" .Values.db.username (list .Values.db.name) "placement-api") }}
{{- end }}

{{- define "placement.dbSyncJob" -}}
{{ include "common.jobName" (list . "placement-db-sync" (include "common.image" (list . (include "placement.project" .))) (include "placement.env" .)) }}
{{- end }}

{{/*
What Keystone knows of Placement, for common.identityJob.
*/}}
{{- define "placement.identity" -}}
service: placement-api
user: {{ .Values.username | quote }}
roles: [admin, service]
catalog:
  - type: placement
    name: placement
    public: {{ include "common.publicURL" (list . .Values.port "placement-api" 8778) | quote }}
    internal: {{ include "common.internalURL" (list . "placement-api" 8778) | quote }}
{{- end }}

{{- define "placement.identityJob" -}}
{{ include "common.identityJobName" (list . "placement" (include "placement.identity" . | fromYaml)) }}
{{- end }}
