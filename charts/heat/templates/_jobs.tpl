{{- define "heat.databaseJob" -}}
{{ include "common.databaseJobName" (list . "heat" .Values.db.username (list .Values.db.name) "heat-engine") }}
{{- end }}

{{- define "heat.dbSyncJob" -}}
{{ include "common.jobName" (list . "heat-db-sync" (include "common.image" (list . "heat")) (include "heat.env" (list . "heat-engine"))) }}
{{- end }}

{{- define "heat.domainJob" -}}
{{ include "common.jobName" (list . "heat-domain" (toJson .Values.domain) (toJson .Values.global.openstack)) }}
{{- end }}

{{/*
What Keystone knows of Heat, for common.identityJob. Keystone fills %(tenant_id)s in.
*/}}
{{- define "heat.identity" -}}
service: heat-engine
user: {{ .Values.username }}
roles: [admin, service]
catalog:
  {{- if include "common.placed" (list . "heat-api") }}
  - type: orchestration
    name: heat
    public: {{ include "common.publicURL" (list . .Values.api_port "heat-api" 8004) }}/v1/%(tenant_id)s
    internal: {{ include "common.internalURL" (list . "heat-api" 8004) }}/v1/%(tenant_id)s
  {{- end }}
  {{- if include "common.placed" (list . "heat-api-cfn") }}
  - type: cloudformation
    name: heat-cfn
    public: {{ include "common.publicURL" (list . .Values.api_cfn_port "heat-api-cfn" 8000) }}/v1
    internal: {{ include "common.internalURL" (list . "heat-api-cfn" 8000) }}/v1
  {{- end }}
{{- end }}

{{- define "heat.identityJob" -}}
{{ include "common.identityJobName" (list . "heat" (include "heat.identity" . | fromYaml)) }}
{{- end }}
