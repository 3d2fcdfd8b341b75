{{- define "neutron.databaseJob" -}}
{{ include "common.databaseJobName" (list . "neutron" .Values.db.username (list .Values.db.name) "neutron-server") }}
{{- end }}

{{- define "neutron.dbSyncJob" -}}
{{ include "common.jobName" (list . "neutron-db-sync" (include "common.image" (list . "neutron")) (include "neutron.serverEnv" (list . "neutron-server")) (include "neutron.serverConfigFiles" .) .Values.global.openstack.release) }}
{{- end }}

{{/*
How Keystone knows Neutron, as JSON for common.identityJob. The admin role is for telling Nova what became of
ports, and for looking up the names of projects.
*/}}
{{- define "neutron.identity" -}}
{{ dict
    "service" "neutron-server"
    "user" .Values.username
    "roles" (list "admin" "service")
    "catalog" (list (dict
      "type" "network"
      "name" "neutron"
      "public" (include "common.publicURL" (list . .Values.server_port "neutron-server" 9696))
      "internal" (include "common.internalURL" (list . "neutron-server" 9696))))
  | toJson }}
{{- end }}

{{- define "neutron.identityJob" -}}
{{ include "common.identityJobName" (list . "neutron" (include "neutron.identity" . | fromJson)) }}
{{- end }}

{{/*
The networks to make, as a script; empty when there are none.
*/}}
{{- define "neutron.bootstrapScript" -}}
{{- $openvswitch := eq .Values.global.network.backend "openvswitch" -}}
{{- $external := and $openvswitch .Values.bootstrap.external.enable -}}
{{- $internal := .Values.bootstrap.internal.enable -}}
{{- if kindIs "invalid" $internal }}{{ $internal = $openvswitch }}{{ end -}}
{{- if or $external $internal -}}
exists() { # KIND NAME: whether the admin's project has one
  openstack $1 list --project "$OS_PROJECT_NAME" --project-domain "$OS_PROJECT_DOMAIN_NAME" --name "$2" -f value -c ID | grep -q .
}
{{- with .Values.bootstrap.external }}
{{- if $external }}
exists network {{ .net_name }} ||
  openstack network create {{ .net_name }} --external --provider-network-type flat --provider-physical-network {{ .physnet }} >/dev/null
exists subnet {{ .subnet_name }} ||
  openstack subnet create {{ .subnet_name }} --network {{ .net_name }} --no-dhcp --subnet-range {{ .network }}
  {{- with .gateway }} --gateway {{ . }}{{ end }}
  {{- with .nameserver }} --dns-nameserver {{ . }}{{ end }}
  {{- if and .pool.start .pool.end }} --allocation-pool start={{ .pool.start }},end={{ .pool.end }}{{ end }} >/dev/null
echo "network {{ .net_name }} is there"
{{- end }}
{{- end }}
{{- with .Values.bootstrap.internal }}
{{- if $internal }}
exists "subnet pool" {{ .subnetpool_name }} ||
  openstack subnet pool create {{ .subnetpool_name }} --pool-prefix {{ .pool_prefix }} --default-prefix-length {{ .subnet_prefix_length | int }} >/dev/null
exists network {{ .net_name }} ||
  openstack network create {{ .net_name }}{{ if not $openvswitch }} --share --provider-network-type local{{ end }} >/dev/null
exists subnet {{ .subnet_name }} ||
  openstack subnet create {{ .subnet_name }} --network {{ .net_name }} --subnet-pool {{ .subnetpool_name }}{{ range .dns_servers }} --dns-nameserver {{ . }}{{ end }} >/dev/null
echo "network {{ .net_name }} is there"
{{- end }}
{{- end }}
{{- if and $external $internal }}
{{- $router := .Values.bootstrap.router.name }}
exists router {{ $router }} || openstack router create {{ $router }} >/dev/null
openstack router set {{ $router }} --external-gateway {{ .Values.bootstrap.external.net_name }}
openstack port list --router {{ $router }} --network {{ .Values.bootstrap.internal.net_name }} -f value -c ID | grep -q . ||
  openstack router add subnet {{ $router }} {{ .Values.bootstrap.internal.subnet_name }}
echo "router {{ $router }} is there"
{{- end }}
{{- end }}
{{- end }}

{{- define "neutron.bootstrapJob" -}}
{{ include "common.jobName" (list . "neutron-bootstrap" (include "neutron.bootstrapScript" .)) }}
{{- end }}
