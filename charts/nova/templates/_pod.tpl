{{/*
The environment of a service: its name among Nova's hosts, and what is secret in nova.conf.
(list $ "nova-conductor")
*/}}
{{- define "nova.env" -}}
{{- $root := index . 0 -}}
- name: OS_DEFAULT__HOST
  valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
{{ include "common.messagingEnv" . }}
{{ include "common.secretEnv" (list $root "SERVICE_PASSWORD" "nova-password") }}
- {name: OS_KEYSTONE_AUTHTOKEN__PASSWORD, value: $(SERVICE_PASSWORD)}
- {name: OS_NEUTRON__PASSWORD, value: $(SERVICE_PASSWORD)}
- {name: OS_PLACEMENT__PASSWORD, value: $(SERVICE_PASSWORD)}
- {name: OS_SERVICE_USER__PASSWORD, value: $(SERVICE_PASSWORD)}
{{- end }}

{{/*
The databases, for all services but those on compute nodes.
(list $ "nova-conductor")
*/}}
{{- define "nova.databaseEnv" -}}
{{- $root := index . 0 -}}
{{ include "common.secretEnv" (list $root "DB_PASSWORD" "nova-db-password") }}
- name: OS_DATABASE__CONNECTION
  value: {{ include "common.databaseURL" (list $root (index . 1) $root.Values.db.username $root.Values.db.name) | quote }}
- name: OS_API_DATABASE__CONNECTION
  value: {{ include "common.databaseURL" (list $root (index . 1) $root.Values.db.username $root.Values.db.api_name) | quote }}
{{- end }}

{{- define "nova.volumeMounts" -}}
- {name: config, mountPath: /etc/nova/nova.conf, subPath: nova.conf, readOnly: true}
- {name: state, mountPath: /var/lib/nova}
- {name: tmp, mountPath: /tmp}
{{- end }}

{{- define "nova.volumes" -}}
- name: config
  configMap: {name: nova}
- name: state
  emptyDir: {}
- name: tmp
  emptyDir: {}
{{- end }}

{{/*
Health of a service that has no port: it is ready while one of its processes is connected to the message
bus, and started anew when none has been for ten minutes.
*/}}
{{- define "nova.busProbes" -}}
readinessProbe:
  exec: {{- include "nova.busConnected" . | nindent 4 }}
  periodSeconds: 15
  timeoutSeconds: 10
livenessProbe:
  exec: {{- include "nova.busConnected" . | nindent 4 }}
  periodSeconds: 60
  timeoutSeconds: 10
  failureThreshold: 10
{{- end }}

{{- define "nova.busConnected" -}}
command:
  - /bin/sh
  - -c
  - |
    # An established connection is 01 in /proc/net/tcp, port 5672 is 1628.
    sockets=$(awk '$3 ~ /:1628$/ && $4 == "01" {print "socket:[" $10 "]"}' /proc/net/tcp*)
    find /proc/[0-9]*/fd -lname 'socket:*' -printf '%l\n' 2>/dev/null | grep -qxF "$sockets"
{{- end }}

{{/*
Ready while it is connected to the message bus, once Nova has had the node's hypervisor.
*/}}
{{- define "nova.hypervisorUp" -}}
command:
  - /bin/sh
  - -c
  - |
    [ -e /tmp/hypervisor-up ] || { python3 /etc/ccp/hypervisor.py && touch /tmp/hypervisor-up; } || exit 1
    {{- get (include "nova.busConnected" . | fromYaml) "command" | last | nindent 4 }}
{{- end }}

{{- define "nova.hypervisor" -}}
"""Says whether Nova has this node's hypervisor and takes it for up, so that servers can be placed there.

Exit code 0 when it has, 1 when it has not yet.
"""

import socket
import sys

from keystoneauth1 import exceptions, loading
from oslo_config import cfg

GROUP = "placement"  # which has the credentials, the region and the interface

conf = cfg.ConfigOpts()
conf.register_opt(cfg.StrOpt("host"))
for register in (
    loading.register_auth_conf_options,
    loading.register_session_conf_options,
    loading.register_adapter_conf_options,
):
    register(conf, GROUP)
conf(["--config-file", "/etc/nova/nova.conf"], project="nova")
auth = loading.load_auth_from_conf_options(conf, GROUP)
session = loading.load_session_from_conf_options(conf, GROUP, auth=auth)
nova = loading.load_adapter_from_conf_options(
    conf, GROUP, session=session, auth=auth, service_type="compute", default_microversion="2.53"
)
try:
    # libvirt's name of the node begins with its host name.
    hypervisors = nova.get(
        "/os-hypervisors/detail", params={"hypervisor_hostname_pattern": socket.gethostname()}
    ).json()["hypervisors"]
except exceptions.NotFound:  # none of that name
    hypervisors = []
except exceptions.ClientException as error:
    sys.exit("Nova does not answer: %s" % error)
for hypervisor in hypervisors:
    if hypervisor["service"]["host"] == conf.host and hypervisor["state"] == "up":
        print("hypervisor %s is up" % hypervisor["hypervisor_hostname"])
        sys.exit()
sys.exit("Nova has no hypervisor that is up on %s yet" % conf.host)
{{- end }}

{{- define "nova.databases" -}}
{{ list .Values.db.name .Values.db.api_name (printf "%s_cell0" .Values.db.name) | toJson }}
{{- end }}

{{- define "nova.databaseJob" -}}
{{ include "common.databaseJobName" (list . "nova" .Values.db.username (include "nova.databases" . | fromJsonArray) "nova-api") }}
{{- end }}

{{- define "nova.dbSyncJob" -}}
{{ include "common.jobName" (list . "nova-db-sync" (include "common.image" (list . "nova")) (include "nova.databaseEnv" (list . "nova-api")) .Values.global.openstack.release .Values.cells_v2.cell_name) }}
{{- end }}

{{/*
How Keystone knows Nova, as JSON for common.identityJob.
*/}}
{{- define "nova.identity" -}}
{{ dict
    "service" "nova-api"
    "user" .Values.username
    "roles" (list "admin" "service")
    "catalog" (list (dict
      "type" "compute"
      "name" "nova"
      "public" (print (include "common.publicURL" (list . .Values.api_port "nova-api" 8774)) "/v2.1")
      "internal" (print (include "common.internalURL" (list . "nova-api" 8774)) "/v2.1")))
  | toJson }}
{{- end }}

{{- define "nova.identityJob" -}}
{{ include "common.identityJobName" (list . "nova" (include "nova.identity" . | fromJson)) }}
{{- end }}

{{- define "nova.bootstrapScript" -}}
import json, os, openstack

compute = openstack.connect().compute
there = {flavor.name for flavor in compute.flavors(details=False, is_public="None")}
for flavor in json.loads(os.environ["WANTED"]):
    if flavor["name"] not in there:
        compute.create_flavor(**flavor)
    print("flavor", flavor["name"], "is there", flush=True)
{{- end }}

{{- define "nova.bootstrapJob" -}}
{{ include "common.jobName" (list . "nova-bootstrap" (toJson .Values.bootstrap)) }}
{{- end }}
