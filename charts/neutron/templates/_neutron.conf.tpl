{{/*
neutron.conf, the same for the server and all agents. What differs by pod comes by environment.
*/}}
{{- define "neutron.conf" -}}
{{- $openvswitch := eq .Values.global.network.backend "openvswitch" -}}
DEFAULT:
  debug: {{ .Values.debug }}
  use_stderr: true
  state_path: /var/lib/neutron
  bind_port: {{ .Values.server_port.cont }}
  api_workers: {{ .Values.workers | int }}
  rpc_workers: {{ .Values.workers | int }}
  {{- if $openvswitch }}
  core_plugin: ml2
  service_plugins: {{ .Values.enable_qos | ternary (list "router" "qos") (list "router") | toJson }}
  l3_ha: {{ .Values.l3_ha }}
  router_distributed: {{ .Values.dvr }}
  {{- else }}
  core_plugin: {{ .Values.core_plugin | quote }}
  service_plugins: []
  {{- end }}
  {{- if eq .Values.global.network.backend "calico" }}
  {{- with .Values.global.network.calico.reporting_interval }}
  # A node is alive while Felix reports: two reports may be late or lost.
  agent_down_time: {{ mul 3 . }}
  {{- end }}
  {{- end }}
{{- if eq .Values.global.network.backend "calico" }}
{{- with .Values.global.network.calico }}
calico:
  etcd_host: {{ .etcd_host | quote }}
  etcd_port: {{ .etcd_port }}
  etcd_scheme: {{ .etcd_scheme }}
  {{- if .etcd_secret }}
  etcd_key_file: /etc/neutron/etcd/tls.key
  etcd_cert_file: /etc/neutron/etcd/tls.crt
  etcd_ca_cert_file: /etc/neutron/etcd/ca.crt
  {{- end }}
  {{- with .etcd_username }}
  etcd_username: {{ . | quote }}
  {{- end }}
  {{- with .openstack_region }}
  openstack_region: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end }}
database:
  max_pool_size: {{ .Values.db.max_pool_size | int }}
  max_overflow: {{ .Values.db.max_overflow | int }}
keystone_authtoken:
  {{- include "common.keystoneMiddleware" (list . "neutron-server" .Values.username) | nindent 2 }}
nova:
  {{- include "common.keystoneAuth" (list . "neutron-server" .Values.username) | nindent 2 }}
  endpoint_type: internal
oslo_concurrency:
  lock_path: /var/lib/neutron/lock
oslo_middleware:
  enable_proxy_headers_parsing: true
placement:
  {{- include "common.keystoneAuth" (list . "neutron-server" .Values.username) | nindent 2 }}
  endpoint_type: internal
{{- end }}

{{/*
"true" when the server's plugin is ML2, which has a file of its own.
*/}}
{{- define "neutron.hasML2" -}}
{{- if or (eq .Values.global.network.backend "openvswitch") (eq .Values.core_plugin "ml2") }}true{{ end -}}
{{- end }}

{{- define "neutron.ml2" -}}
{{- if eq .Values.global.network.backend "openvswitch" -}}
{{- $flat := list -}}
{{- $vlan := list -}}
{{- range .Values.physnets -}}
{{- if .flat }}{{ $flat = append $flat .name }}{{ end -}}
{{- if kindIs "string" .vlan_range }}{{ $vlan = append $vlan (printf "%s:%s" .name .vlan_range) }}{{ else if .vlan_range }}{{ $vlan = append $vlan .name }}{{ end -}}
{{- end -}}
ml2:
  type_drivers: [local, flat, vlan, vxlan]
  tenant_network_types: {{ toJson .Values.ml2.tenant_network_types }}
  mechanism_drivers: {{ .Values.dvr | ternary (list "openvswitch" "l2population") (list "openvswitch") | toJson }}
  extension_drivers: {{ .Values.enable_qos | ternary (list "port_security" "qos") (list "port_security") | toJson }}
ml2_type_flat:
  flat_networks: {{ toJson $flat }}
ml2_type_vlan:
  network_vlan_ranges: {{ toJson $vlan }}
ml2_type_vxlan:
  vni_ranges: {{ toJson .Values.ml2.vni_ranges }}
{{- else if eq .Values.global.network.backend "calico" -}}
ml2:
  type_drivers: [local, flat]
  tenant_network_types: local
  mechanism_drivers: calico
{{- end }}
{{- end }}

{{/*
The files' texts.
*/}}
{{- define "neutron.ini" -}}
{{ include "common.ini" (list (include "neutron.conf" .) .Values.conf.neutron) }}
{{- end }}

{{- define "neutron.ml2.ini" -}}
{{ include "common.ini" (list (include "neutron.ml2" .) .Values.conf.ml2_conf) }}
{{- end }}
