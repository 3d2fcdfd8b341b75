{{- define "keystone.conf" -}}
DEFAULT:
  debug: {{ .Values.debug }}
  use_stderr: true
  {{- if .Values.notifications.enable }}
  notification_format: {{ .Values.notifications.format | quote }}
  {{- end }}
identity:
  domain_specific_drivers_enabled: false
token:
  provider: fernet
  expiration: {{ .Values.fernet.token_expiration | int }}
fernet_tokens:
  key_repository: /etc/keystone/fernet-keys
  max_active_keys: {{ .Values.fernet.max_active_keys | int }}
credential:
  key_repository: /etc/keystone/credential-keys
cache:
  enabled: true
  backend: oslo_cache.memcache_pool
  memcache_servers: {{ printf "%s:11211" (include "common.host" (list . "keystone" "memcached")) | quote }}
oslo_middleware:
  enable_proxy_headers_parsing: true
oslo_messaging_notifications:
  driver: {{ ternary "messagingv2" "noop" .Values.notifications.enable }}
{{- end }}

{{- define "keystone.uwsgi" -}}
[uwsgi]
plugins = python3
master = true
need-app = true
lazy-apps = true
die-on-term = true
processes = {{ .Values.wsgi.processes | int }}
threads = {{ .Values.wsgi.threads | int }}
buffer-size = 65535
# It closes each connection; clients that are not told send their next request into the closed one.
add-header = Connection: close
{{- end }}

{{- define "keystone.env" -}}
{{ include "common.secretEnv" (list . "DB_PASSWORD" "keystone-db-password") }}
- name: OS_DATABASE__CONNECTION
  value: {{ include "common.databaseURL" (list . "keystone" .Values.db.username .Values.db.name) | quote }}
- name: OS_KEYSTONE_CONFIG_FILES
  value: /etc/keystone/keystone.conf
{{- if .Values.notifications.enable }}
{{ include "common.messagingEnv" (list . "keystone") }}
{{- end }}
{{- end }}

{{- define "keystone.volumeMounts" -}}
- {name: config, mountPath: /etc/keystone/keystone.conf, subPath: keystone.conf, readOnly: true}
- {name: fernet-keys, mountPath: /etc/keystone/fernet-keys, readOnly: true}
- {name: credential-keys, mountPath: /etc/keystone/credential-keys, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- end }}

{{- define "keystone.volumes" -}}
- name: config
  configMap: {name: keystone}
- name: fernet-keys
  secret: {secretName: {{ .Values.fernet_secret_name }}, defaultMode: 0440}
- name: credential-keys
  secret: {secretName: keystone-credential-keys, defaultMode: 0440}
- name: tmp
  emptyDir: {}
{{- end }}

{{- define "keystone.databaseJob" -}}
{{ include "common.databaseJobName" (list . "keystone" .Values.db.username (list .Values.db.name) "keystone") }}
{{- end }}

{{- define "keystone.dbSyncJob" -}}
{{ include "common.jobName" (list . "keystone-db-sync" (include "common.image" (list . "keystone")) (include "keystone.env" .)) }}
{{- end }}

{{- define "keystone.bootstrapJob" -}}
{{ include "common.jobName" (list . "keystone-bootstrap" (include "keystone.dbSyncJob" .) (toJson .Values.global.openstack) (include "common.publicURL" (list . .Values.public_port "keystone" 5000))) }}
{{- end }}
