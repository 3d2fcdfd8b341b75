{{- define "heat.conf" -}}
DEFAULT:
  debug: {{ .Values.debug }}
  use_stderr: true
  num_engine_workers: {{ .Values.workers | int }}
  region_name_for_services: {{ .Values.global.openstack.region | quote }}
  stack_user_domain_name: {{ .Values.domain.name | quote }}
  stack_domain_admin: {{ .Values.domain.user | quote }}
  {{- if include "common.placed" (list . "heat-api-cfn") }}
  {{- $cfn := include "common.publicURL" (list . .Values.api_cfn_port "heat-api-cfn" 8000) }}
  heat_metadata_server_url: {{ $cfn | quote }}
  heat_waitcondition_server_url: {{ printf "%s/v1/waitcondition" $cfn | quote }}
  {{- end }}
heat_api:
  bind_port: {{ .Values.api_port.cont | int }}
  workers: {{ .Values.workers | int }}
heat_api_cfn:
  bind_port: {{ .Values.api_cfn_port.cont | int }}
  workers: {{ .Values.workers | int }}
clients:
  endpoint_type: {{ .Values.heat_endpoint_type | quote }}
clients_keystone:
  auth_uri: {{ include "common.keystoneURL" (list . "heat-engine") | quote }}
ec2authtoken:
  auth_uri: {{ include "common.keystoneURL" (list . "heat-api-cfn") | quote }}
keystone_authtoken:
  {{- include "common.keystoneMiddleware" (list . "heat-api" .Values.username) | nindent 2 }}
# As whom the engine acts for the users who own stacks.
trustee:
  auth_type: password
  auth_url: {{ include "common.keystoneURL" (list . "heat-engine") | quote }}
  username: {{ .Values.username | quote }}
  user_domain_name: {{ .Values.global.service_account.domain | quote }}
oslo_middleware:
  enable_proxy_headers_parsing: true
oslo_messaging_notifications:
  driver: noop
{{- end }}

{{/*
What comes by environment.
(list $ "heat-api")
*/}}
{{- define "heat.env" -}}
{{- $root := index . 0 -}}
{{ include "common.secretEnv" (list $root "DB_PASSWORD" "heat-db-password") }}
- name: OS_DATABASE__CONNECTION
  value: {{ include "common.databaseURL" (list $root (index . 1) $root.Values.db.username $root.Values.db.name) | quote }}
{{ include "common.messagingEnv" . }}
{{ include "common.secretEnv" (list $root "OS_KEYSTONE_AUTHTOKEN__PASSWORD" "heat-password") }}
{{ include "common.secretEnv" (list $root "OS_TRUSTEE__PASSWORD" "heat-password") }}
{{ include "common.secretEnv" (list $root "OS_DEFAULT__STACK_DOMAIN_ADMIN_PASSWORD" "heat-domain-password") }}
{{ include "common.secretEnv" (list $root "OS_DEFAULT__AUTH_ENCRYPTION_KEY" "heat-auth-encryption-key") }}
{{- end }}

{{- define "heat.volumeMounts" -}}
- {name: config, mountPath: /etc/heat/heat.conf, subPath: heat.conf, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- end }}

{{- define "heat.volumes" -}}
- name: config
  configMap: {name: heat}
- name: tmp
  emptyDir: {}
{{- end }}

{{/*
What holds a pod of Heat back.
(list $ "heat-api")
*/}}
{{- define "heat.wait" -}}
{{- $root := index . 0 -}}
{{ include "common.wait" (list $root (list
  (printf "--job=%s" (include "heat.dbSyncJob" $root))
  (printf "--job=%s" (include "heat.identityJob" $root))
  (printf "--job=%s" (include "heat.domainJob" $root))
  (printf "--tcp=%s:5672" (include "common.host" (list $root (index . 1) "rpc")))
  (printf "--http=%s" (include "common.keystoneURL" .)))) }}
{{- end }}

{{/*
The container of one of Heat's APIs.
(list $ "heat-api" .Values.api_port)
*/}}
{{- define "heat.api" -}}
{{- $root := index . 0 -}}
{{- $service := index . 1 -}}
- name: {{ $service | quote }}
  image: {{ include "common.image" (list $root "heat") | quote }}
  imagePullPolicy: {{ $root.Values.global.images.pull_policy }}
  securityContext: {{- include "common.securityContext" $root | nindent 4 }}
  command: [{{ $service }}, --config-file, /etc/heat/heat.conf]
  env: {{- include "heat.env" (list $root $service) | nindent 4 }}
  ports:
    - {name: api, containerPort: {{ (index . 2).cont }}}
  readinessProbe:
    httpGet: {path: /, port: api}
    periodSeconds: 5
    timeoutSeconds: 5
  livenessProbe:
    tcpSocket: {port: api}
    initialDelaySeconds: 30
    periodSeconds: 20
  resources: {{- toYaml (index $root.Values.resources $service) | nindent 4 }}
  volumeMounts: {{- include "heat.volumeMounts" $root | nindent 4 }}
{{- end }}
