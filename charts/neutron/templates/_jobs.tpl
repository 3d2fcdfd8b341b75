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
The networks to make, as JSON: external with Open vSwitch alone, internal, and the router between them where there are
both. Empty when there are none.
*/}}
{{- define "neutron.bootstrapNetworks" -}}
{{- $openvswitch := eq .Values.global.network.backend "openvswitch" -}}
{{- $internal := .Values.bootstrap.internal.enable -}}
{{- if kindIs "invalid" $internal }}{{ $internal = $openvswitch }}{{ end -}}
{{- $wanted := dict -}}
{{- if and $openvswitch .Values.bootstrap.external.enable -}}
{{- $_ := set $wanted "external" .Values.bootstrap.external -}}
{{- end -}}
{{- if $internal -}}
{{- $_ := set $wanted "internal" (merge (dict "routed" (not $openvswitch)) .Values.bootstrap.internal) -}}
{{- end -}}
{{- if and $wanted.external $wanted.internal -}}
{{- $_ := set $wanted "router" .Values.bootstrap.router -}}
{{- end -}}
{{- with $wanted }}{{ toJson . }}{{ end -}}
{{- end }}

{{- define "neutron.bootstrapJob" -}}
{{ include "common.jobName" (list . "neutron-bootstrap" (include "neutron.bootstrapNetworks" .)) }}
{{- end }}

{{- define "neutron.bootstrapScript" -}}
import ipaddress, json, os, openstack

wanted = json.loads(os.environ["WANTED"])
cloud = openstack.connect()
network, project = cloud.network, cloud.current_project_id

def first(found):
    return next(iter(found), None)

def there(kind, name, make):
    found = first(kind(name=name, project_id=project)) or make(name)
    print(type(found).__name__.lower(), name, "is there", flush=True)
    return found

if "external" in wanted:
    external = wanted["external"]
    outside = there(network.networks, external["net_name"], lambda name: network.create_network(
        name=name, is_router_external=True, provider_network_type="flat", provider_physical_network=external["physnet"]))
    options = {}
    if external.get("gateway"):
        options["gateway_ip"] = external["gateway"]
    if external.get("nameserver"):
        options["dns_nameservers"] = [external["nameserver"]]
    if external["pool"].get("start") and external["pool"].get("end"):
        options["allocation_pools"] = [external["pool"]]
    there(network.subnets, external["subnet_name"], lambda name: network.create_subnet(
        name=name, network_id=outside.id, cidr=external["network"], is_dhcp_enabled=False,
        ip_version=ipaddress.ip_network(external["network"]).version, **options))
if "internal" in wanted:
    internal = wanted["internal"]
    pool = there(network.subnet_pools, internal["subnetpool_name"], lambda name: network.create_subnet_pool(
        name=name, prefixes=[internal["pool_prefix"]], default_prefix_length=internal["subnet_prefix_length"]))
    options = {"is_shared": True, "provider_network_type": "local"} if internal["routed"] else {}
    inside = there(network.networks, internal["net_name"], lambda name: network.create_network(name=name, **options))
    subnet = there(network.subnets, internal["subnet_name"], lambda name: network.create_subnet(
        name=name, network_id=inside.id, ip_version=pool.ip_version, subnet_pool_id=pool.id,
        dns_nameservers=internal["dns_servers"]))
if "router" in wanted:
    router = there(network.routers, wanted["router"]["name"], lambda name: network.create_router(name=name))
    if (router.external_gateway_info or {}).get("network_id") != outside.id:
        network.update_router(router, external_gateway_info={"network_id": outside.id})
    if not first(network.ports(device_id=router.id, network_id=inside.id)):
        network.add_interface_to_router(router, subnet_id=subnet.id)
{{- end }}
