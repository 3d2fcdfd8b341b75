{{/*
The secrets of the server and its Jobs.
(list $ "neutron-server")
*/}}
{{- define "neutron.serverEnv" -}}
{{- $root := index . 0 -}}
{{ include "common.secretEnv" (list $root "DB_PASSWORD" "neutron-db-password") }}
- name: OS_DATABASE__CONNECTION
  value: {{ include "common.databaseURL" (list $root (index . 1) $root.Values.db.username $root.Values.db.name) | quote }}
{{ include "common.messagingEnv" . }}
{{ include "common.secretEnv" (list $root "SERVICE_PASSWORD" "neutron-password") }}
- {name: OS_KEYSTONE_AUTHTOKEN__PASSWORD, value: $(SERVICE_PASSWORD)}
- {name: OS_NOVA__PASSWORD, value: $(SERVICE_PASSWORD)}
- {name: OS_PLACEMENT__PASSWORD, value: $(SERVICE_PASSWORD)}
{{- include "neutron.etcdEnv" $root }}
{{- end }}

{{/*
The environment of an agent. Its host is the node, by the name that nova-compute has too.
(list $ "neutron-dhcp-agent")
*/}}
{{- define "neutron.agentEnv" -}}
- name: OS_DEFAULT__HOST
  valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
{{ include "common.messagingEnv" . }}
{{- include "neutron.etcdEnv" (index . 0) }}
{{- end }}

{{- define "neutron.etcdEnv" -}}
{{- if and (eq .Values.global.network.backend "calico") .Values.global.network.calico.etcd_username }}
{{ include "common.secretEnv" (list . "OS_CALICO__ETCD_PASSWORD" "calico-etcd-password") }}
{{- end }}
{{- end }}

{{/*
The client's certificate for etcd, where there is one.
*/}}
{{- define "neutron.etcdMount" -}}
{{- if and (eq .Values.global.network.backend "calico") .Values.global.network.calico.etcd_secret }}
- {name: etcd, mountPath: /etc/neutron/etcd, readOnly: true}
{{- end }}
{{- end }}

{{- define "neutron.etcdVolume" -}}
{{- if and (eq .Values.global.network.backend "calico") .Values.global.network.calico.etcd_secret }}
- name: etcd
  secret: {secretName: {{ .Values.global.network.calico.etcd_secret | quote }}, defaultMode: 0440}
{{- end }}
{{- end }}

{{/*
The server's files and folders, for its Jobs too.
*/}}
{{- define "neutron.serverMounts" -}}
- {name: config, mountPath: /etc/neutron/neutron.conf, subPath: neutron.conf, readOnly: true}
{{- if include "neutron.hasML2" . }}
- {name: config, mountPath: /etc/neutron/plugins/ml2/ml2_conf.ini, subPath: ml2_conf.ini, readOnly: true}
{{- end }}
- {name: state, mountPath: /var/lib/neutron}
- {name: tmp, mountPath: /tmp}
{{- include "neutron.etcdMount" . }}
{{- end }}

{{- define "neutron.serverVolumes" -}}
- name: config
  configMap: {name: neutron}
- name: state
  emptyDir: {}
- name: tmp
  emptyDir: {}
{{- include "neutron.etcdVolume" . }}
{{- end }}

{{- define "neutron.serverConfigFiles" -}}
--config-file, /etc/neutron/neutron.conf{{ if include "neutron.hasML2" . }}, --config-file, /etc/neutron/plugins/ml2/ml2_conf.ini{{ end }}
{{- end }}

{{/*
Health of an agent, none of which has a port: it is ready while one of its processes is connected to what it
takes its work from, and started anew when none has been for ten minutes.
The port that it is connected to.
*/}}
{{- define "neutron.agentProbes" -}}
readinessProbe:
  exec: {{- include "neutron.connected" . | nindent 4 }}
  periodSeconds: 15
  timeoutSeconds: 10
livenessProbe:
  exec: {{- include "neutron.connected" . | nindent 4 }}
  periodSeconds: 60
  timeoutSeconds: 10
  failureThreshold: 10
{{- end }}

{{- define "neutron.connected" -}}
command:
  - /bin/sh
  - -c
  - |
    # An established connection is 01 in /proc/net/tcp, port {{ int . }} is {{ int . | printf "%04X" }}.
    sockets=$(awk '$3 ~ /:{{ int . | printf "%04X" }}$/ && $4 == "01" {print "socket:[" $10 "]"}' /proc/net/tcp*)
    find /proc/[0-9]*/fd -lname 'socket:*' -printf '%l\n' 2>/dev/null | grep -qxF "$sockets"
{{- end }}
