{{/*
An ini file from its sections, written as YAML: lists become comma-separated values, a null drops the option.
The second item, a user's `conf.FILE` value, is merged over the first.
(list "DEFAULT: {debug: false}" .Values.conf.keystone)
*/}}
{{- define "common.ini" -}}
{{- $sections := index . 0 | fromYaml -}}
{{- with $sections.Error }}{{ fail (printf "an ini file's sections are not YAML: %s" .) }}{{ end -}}
{{- $blocks := list -}}
{{- range $section, $options := mustMergeOverwrite $sections (deepCopy (index . 1 | default dict)) -}}
{{- $lines := list (printf "[%s]" $section) -}}
{{- range $option, $value := $options -}}
{{- if kindIs "slice" $value -}}
{{- $lines = append $lines (printf "%s = %s" $option (join "," $value)) -}}
{{- else if kindIs "string" $value -}}
{{- $lines = append $lines (printf "%s = %s" $option $value) -}}
{{- else if not (kindIs "invalid" $value) -}}
{{- $lines = append $lines (printf "%s = %s" $option (toJson $value)) -}}
{{- end -}}
{{- end -}}
{{- $blocks = append $blocks (join "\n" $lines) -}}
{{- end -}}
{{- join "\n\n" $blocks -}}
{{- end }}

{{/*
The host name under which a service finds what it needs: its own mapping, else the provider of that
need in this deployment, else a service of that very name.
(list $ "keystone" "database")
*/}}
{{- define "common.host" -}}
{{- $root := index . 0 -}}
{{- $service := get $root.Values.services (index . 1) | default dict -}}
{{- $need := index . 2 -}}
{{- get ($service.mapping | default dict) $need | default (get $root.Values.global.providers $need) | default $need -}}
{{- end }}

{{/*
A database URL. The password stays a reference that Kubernetes fills in from the variable DB_PASSWORD.
(list $ "keystone" .Values.db.username .Values.db.name)
*/}}
{{- define "common.databaseURL" -}}
mysql+pymysql://{{ index . 2 }}:$(DB_PASSWORD)@{{ include "common.host" (list (index . 0) (index . 1) "database") }}:3306/{{ index . 3 }}?charset=utf8
{{- end }}

{{/*
The transport URL of a message bus, "rpc" or "notifications"; the password as above from RABBITMQ_PASSWORD.
(list $ "nova-api" "rpc")
*/}}
{{- define "common.transportURL" -}}
{{- $root := index . 0 -}}
rabbit://{{ $root.Values.global.messaging.user }}:$(RABBITMQ_PASSWORD)@{{ include "common.host" . }}:5672/
{{- end }}

{{/*
The variables that give an OpenStack service its message bus.
(list $ "nova-api")
*/}}
{{- define "common.messagingEnv" -}}
{{- $root := index . 0 -}}
{{ include "common.secretEnv" (list $root "RABBITMQ_PASSWORD" "rabbitmq-password") }}
- name: OS_DEFAULT__TRANSPORT_URL
  value: {{ include "common.transportURL" (list $root (index . 1) "rpc") | quote }}
- name: OS_OSLO_MESSAGING_NOTIFICATIONS__TRANSPORT_URL
  value: {{ include "common.transportURL" (list $root (index . 1) "notifications") | quote }}
{{- end }}

{{/*
The sections that every client of Keystone has, as YAML for common.ini: where tokens are checked and who
the service itself is. The password comes by environment.
(list $ "glance-api" .Values.username)
*/}}
{{- define "common.keystoneAuth" -}}
{{- $root := index . 0 -}}
auth_type: password
auth_url: {{ include "common.keystoneURL" (list $root (index . 1)) | quote }}
username: {{ index . 2 | quote }}
user_domain_name: {{ $root.Values.global.service_account.domain | quote }}
project_name: {{ $root.Values.global.service_account.project | quote }}
project_domain_name: {{ $root.Values.global.service_account.domain | quote }}
region_name: {{ $root.Values.global.openstack.region | quote }}
{{- end }}

{{- define "common.keystoneURL" -}}
http://{{ include "common.host" (list (index . 0) (index . 1) "keystone") }}:5000/v3
{{- end }}

{{/*
What the middleware in front of an API needs besides common.keystoneAuth.
(list $ "glance-api" .Values.username)
*/}}
{{- define "common.keystoneMiddleware" -}}
{{- $root := index . 0 -}}
{{ include "common.keystoneAuth" . }}
www_authenticate_uri: {{ include "common.keystoneURL" (list $root (index . 1)) | quote }}
memcached_servers: {{ printf "%s:11211" (include "common.host" (list $root (index . 1) "memcached")) | quote }}
service_token_roles_required: true
{{- end }}

{{/*
The address that people outside the cluster use for an API: its Ingress when there is one, else its Service.
(list $ .Values.public_port "keystone" 5000)
*/}}
{{- define "common.publicURL" -}}
{{- $root := index . 0 -}}
{{- $ingress := $root.Values.global.ingress -}}
{{- $port := index . 1 -}}
{{- if and $ingress.enabled $port.ingress -}}
https://{{ $port.ingress }}.{{ $ingress.domain }}:{{ $ingress.port }}
{{- else -}}
{{ include "common.internalURL" (list $root (index . 2) (index . 3)) }}
{{- end -}}
{{- end }}

{{/*
The address of an API inside the cluster.
(list $ "keystone" 5000)
*/}}
{{- define "common.internalURL" -}}
{{- $root := index . 0 -}}
http://{{ index . 1 }}.{{ $root.Release.Namespace }}.svc.{{ $root.Values.global.cluster_domain }}:{{ index . 2 }}
{{- end }}

{{/*
Fails where values still have a key that is one of global now: a ccp.yaml may use it as ever, plain Helm would not
see it.
(list $ (dict "region" "network.calico.openstack_region"))
*/}}
{{- define "common.moved" -}}
{{- $root := index . 0 -}}
{{- range $old, $new := index . 1 -}}
{{- $value := $root.Values -}}
{{- range $key := splitList "." $old }}{{ $value = get (kindIs "map" $value | ternary $value dict) $key }}{{ end -}}
{{- if not (has (toString $value) (list "" "<nil>")) }}{{ fail (printf "%s: %s is global.%s now" $root.Chart.Name $old $new) }}{{ end -}}
{{- end -}}
{{- end }}
