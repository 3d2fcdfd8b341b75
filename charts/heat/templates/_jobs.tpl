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
The domain of the users that stacks make, with its admin, and the roles of those who make stacks; the cloud's
admin is one of these.
*/}}
{{- define "heat.domainScript" -}}
import json, os, openstack

wanted = json.loads(os.environ["WANTED"])
cloud = openstack.connect()
identity = cloud.identity

def first(found):
    return next(iter(found), None)

def role(name):
    return first(identity.roles(name=name)) or identity.create_role(name=name)

domain = (first(identity.domains(name=wanted["domain"]))
          or identity.create_domain(name=wanted["domain"], description="Users that stacks make"))
user = first(identity.users(name=wanted["user"], domain_id=domain.id))
if user:
    identity.update_user(user, password=os.environ["PASSWORD"])
else:
    user = identity.create_user(name=wanted["user"], domain_id=domain.id, password=os.environ["PASSWORD"])
identity.assign_domain_role_to_user(domain, user, role("admin"))
role("heat_stack_user")
identity.assign_project_role_to_user(cloud.current_project_id, cloud.current_user_id, role("heat_stack_owner"))
print("domain", domain.name, "and its admin", user.name, "are there", flush=True)
{{- end }}

{{/*
What Keystone knows of Heat, for common.identityJob. Keystone fills %(tenant_id)s in.
*/}}
{{- define "heat.identity" -}}
service: heat-engine
user: {{ .Values.username | quote }}
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
    public: {{ printf "%s/v1" (include "common.publicURL" (list . .Values.api_cfn_port "heat-api-cfn" 8000)) | quote }}
    internal: {{ printf "%s/v1" (include "common.internalURL" (list . "heat-api-cfn" 8000)) | quote }}
  {{- end }}
{{- end }}

{{- define "heat.identityJob" -}}
{{ include "common.identityJobName" (list . "heat" (include "heat.identity" . | fromYaml)) }}
{{- end }}
