{{- define "neutron.metadataAgent" -}}
DEFAULT:
  debug: {{ .Values.debug }}
  nova_metadata_host: {{ include "common.host" (list . "neutron-metadata-agent" "nova-metadata") | quote }}
  nova_metadata_port: 8775
  metadata_workers: {{ .Values.workers | int }}
{{- end }}

{{- define "neutron.dhcpAgent" -}}
DEFAULT:
  debug: {{ .Values.debug }}
  interface_driver: openvswitch
  enable_isolated_metadata: {{ .Values.dhcp_agent.enable_isolated_metadata }}
ovs:
  ovsdb_connection: {{ .Values.ovsdb.connection }}
{{- end }}

{{- define "neutron.l3Agent" -}}
DEFAULT:
  debug: {{ .Values.debug }}
  interface_driver: openvswitch
  agent_mode: {{ .Values.dvr | ternary "dvr_snat" "legacy" }}
ovs:
  ovsdb_connection: {{ .Values.ovsdb.connection }}
{{- end }}

{{- define "neutron.openvswitchAgent" -}}
{{- $mappings := list -}}
{{- range .Values.physnets }}{{ $mappings = append $mappings (printf "%s:%s" .name .bridge_name) }}{{ end -}}
DEFAULT:
  debug: {{ .Values.debug }}
agent:
  tunnel_types: {{ has "vxlan" .Values.ml2.tenant_network_types | ternary (list "vxlan") list | toJson }}
  l2_population: {{ .Values.dvr }}
  arp_responder: {{ .Values.dvr }}
  enable_distributed_routing: {{ .Values.dvr }}
  extensions: {{ .Values.enable_qos | ternary (list "qos") list | toJson }}
ovs:
  ovsdb_connection: {{ .Values.ovsdb.connection }}
  bridge_mappings: {{ toJson $mappings }}
securitygroup:
  firewall_driver: openvswitch
{{- end }}

{{/*
The files' texts.
*/}}
{{- define "neutron.metadataAgent.ini" -}}
{{ include "common.ini" (list (include "neutron.metadataAgent" .) .Values.conf.metadata_agent) }}
{{- end }}

{{- define "neutron.dhcpAgent.ini" -}}
{{ include "common.ini" (list (include "neutron.dhcpAgent" .) .Values.conf.dhcp_agent) }}
{{- end }}

{{- define "neutron.l3Agent.ini" -}}
{{ include "common.ini" (list (include "neutron.l3Agent" .) .Values.conf.l3_agent) }}
{{- end }}

{{- define "neutron.openvswitchAgent.ini" -}}
{{ include "common.ini" (list (include "neutron.openvswitchAgent" .) .Values.conf.openvswitch_agent) }}
{{- end }}
