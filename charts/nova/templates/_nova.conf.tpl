{{/*
nova.conf, the same for all services. What differs by pod comes by environment.
*/}}
{{- define "nova.conf" -}}
{{- $calico := eq .Values.global.network.backend "calico" -}}
DEFAULT:
  compute_driver: libvirt.LibvirtDriver
  debug: {{ .Values.debug }}
  use_stderr: true
  state_path: /var/lib/nova
  enabled_apis: [osapi_compute, metadata]
  osapi_compute_listen_port: {{ .Values.api_port.cont }}
  osapi_compute_workers: {{ .Values.workers | int }}
  metadata_listen_port: {{ .Values.metadata.port.cont }}
  metadata_workers: {{ .Values.workers | int }}
  {{- if kindIs "invalid" .Values.force_config_drive | ternary $calico .Values.force_config_drive }}
  force_config_drive: true
  {{- end }}
  cpu_allocation_ratio: {{ .Values.allocation_ratio.cpu | toJson }}
  disk_allocation_ratio: {{ .Values.allocation_ratio.disk | toJson }}
  ram_allocation_ratio: {{ .Values.allocation_ratio.ram | toJson }}
  # Where there is one compute node, or the others are full.
  allow_resize_to_same_host: true
cache:
  enabled: true
  backend: oslo_cache.memcache_pool
  memcache_servers: {{ printf "%s:11211" (include "common.host" (list . "nova-api" "memcached")) | quote }}
conductor:
  workers: {{ .Values.workers | int }}
filter_scheduler:
  enabled_filters: {{ toJson .Values.scheduler.enabled_filters }}
glance:
  region_name: {{ .Values.global.openstack.region | quote }}
  valid_interfaces: internal
keystone_authtoken:
  {{- include "common.keystoneMiddleware" (list . "nova-api" .Values.username) | nindent 2 }}
libvirt:
  virt_type: {{ .Values.virt_type | quote }}
  {{- if eq .Values.virt_type "qemu" }}
  cpu_mode: none
  {{- end }}
neutron:
  {{- include "common.keystoneAuth" (list . "nova-api" .Values.username) | nindent 2 }}
  valid_interfaces: internal
  # With Calico nobody stands between a server and the API, which knows the server by its address.
  service_metadata_proxy: {{ not $calico }}
  {{- if eq .Values.global.network.backend "openvswitch" }}
  ovs_bridge: br-int
  {{- end }}
oslo_concurrency:
  lock_path: /var/lib/nova/tmp
oslo_middleware:
  enable_proxy_headers_parsing: true
oslo_policy:
  policy_file: policy.yaml
{{- if eq .Values.global.network.backend "openvswitch" }}
os_vif_ovs:
  ovsdb_connection: unix:/run/openvswitch/db.sock
{{- end }}
placement:
  {{- include "common.keystoneAuth" (list . "nova-api" .Values.username) | nindent 2 }}
  valid_interfaces: internal
scheduler:
  # Hosts that are new come into their cell by themselves, after this many seconds at most.
  discover_hosts_in_cells_interval: 60
  workers: {{ .Values.workers | int }}
service_user:
  {{- omit (include "common.keystoneAuth" (list . "nova-api" .Values.username) | fromYaml) "region_name" | toYaml | nindent 2 }}
  send_service_user_token: true
vnc:
  enabled: true
  # QEMU lets in whoever shows a certificate, and of all pods nova-novncproxy alone has it: browsers come
  # by the proxy, and nobody goes around it.
  auth_schemes: [vencrypt]
  vencrypt_client_key: /etc/nova/vnc-tls/tls.key
  vencrypt_client_cert: /etc/nova/vnc-tls/tls.crt
  vencrypt_ca_certs: /etc/nova/vnc-tls/ca.crt
  server_listen: $my_ip
  server_proxyclient_address: $my_ip
  novncproxy_port: {{ .Values.novncproxy_port.cont }}
  novncproxy_base_url: {{ printf "%s/vnc_lite.html" (include "common.publicURL" (list . .Values.novncproxy_port "nova-novncproxy" 6080)) | quote }}
{{- end }}

{{/*
The file's text.
*/}}
{{- define "nova.ini" -}}
{{ include "common.ini" (list (include "nova.conf" .) .Values.conf.nova) }}
{{- end }}
