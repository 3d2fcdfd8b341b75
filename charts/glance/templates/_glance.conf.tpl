{{- define "glance-api.conf" -}}
DEFAULT:
  debug: {{ .Values.debug }}
  use_stderr: true
  bind_port: {{ .Values.api_port.cont | int }}
  workers: {{ .Values.workers | int }}
  {{- if include "common.until" (list . "stein") }}
  registry_host: {{ include "common.host" (list . "glance-api" "glance-registry") | quote }}
  registry_port: 9191
  {{- end }}
glance_store:
  stores: [file, http]
  default_store: file
  filesystem_store_datadir: /var/lib/glance/images
keystone_authtoken:
  {{- include "common.keystoneMiddleware" (list . "glance-api" .Values.username) | nindent 2 }}
paste_deploy:
  flavor: keystone
oslo_middleware:
  enable_proxy_headers_parsing: true
oslo_messaging_notifications:
  driver: noop
{{- end }}

{{- define "glance-registry.conf" -}}
DEFAULT:
  debug: {{ .Values.debug }}
  use_stderr: true
  bind_port: {{ .Values.registry_port.cont | int }}
  workers: {{ .Values.workers | int }}
keystone_authtoken:
  {{- include "common.keystoneMiddleware" (list . "glance-registry" .Values.username) | nindent 2 }}
paste_deploy:
  flavor: keystone
oslo_messaging_notifications:
  driver: noop
{{- end }}

{{/*
What comes by environment.
(list $ "glance-api")
*/}}
{{- define "glance.env" -}}
{{- $root := index . 0 -}}
{{ include "common.secretEnv" (list $root "DB_PASSWORD" "glance-db-password") }}
- name: OS_DATABASE__CONNECTION
  value: {{ include "common.databaseURL" (list $root (index . 1) $root.Values.db.username $root.Values.db.name) | quote }}
{{ include "common.secretEnv" (list $root "OS_KEYSTONE_AUTHTOKEN__PASSWORD" "glance-password") }}
{{- end }}

{{- define "glance.databaseJob" -}}
{{ include "common.databaseJobName" (list . "glance" .Values.db.username (list .Values.db.name) "glance-api") }}
{{- end }}

{{- define "glance.dbSyncJob" -}}
{{ include "common.jobName" (list . "glance-db-sync" (include "common.image" (list . "glance")) (include "glance.env" (list . "glance-api"))) }}
{{- end }}

{{/*
What Keystone knows of Glance, for common.identityJob.
*/}}
{{- define "glance.identity" -}}
service: glance-api
user: {{ .Values.username | quote }}
roles: [admin, service]
catalog:
  - type: image
    name: glance
    public: {{ include "common.publicURL" (list . .Values.api_port "glance-api" 9292) | quote }}
    internal: {{ include "common.internalURL" (list . "glance-api" 9292) | quote }}
{{- end }}

{{- define "glance.identityJob" -}}
{{ include "common.identityJobName" (list . "glance" (include "glance.identity" . | fromYaml)) }}
{{- end }}
