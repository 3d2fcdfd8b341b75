"""Stands in for networking-calico: an ML2 mechanism driver and a DHCP agent.

The driver does as little as servers on Calico need. It binds ports as VIF type
tap, keeps etcd in step with Neutron's subnets and ports in networking-calico's
keys, and tells Neutron what Felix reports. It writes no policies. The agent only
listens to etcd: the stand-in for Felix answers DHCP.
"""

import base64
import json
import sys
import threading
import time
import uuid

from etcd3gw.client import Etcd3Client
from neutron.plugins.ml2.drivers import mech_agent
from neutron_lib import constants
from neutron_lib import context
from neutron_lib import worker
from neutron_lib.plugins import directory
from oslo_config import cfg
from oslo_log import log
import requests

LOG = log.getLogger(__name__)

cfg.CONF.register_opts(
    [
        cfg.StrOpt("etcd_host", default="127.0.0.1"),
        cfg.PortOpt("etcd_port", default=2379),
        cfg.StrOpt("etcd_scheme", default="http"),
        cfg.StrOpt("etcd_key_file"),
        cfg.StrOpt("etcd_cert_file"),
        cfg.StrOpt("etcd_ca_cert_file"),
        cfg.StrOpt("openstack_region"),
    ],
    "calico",
)

FELIX = "Calico per-host agent (felix)"
RESOURCES = "/calico/resources/v3/projectcalico.org/"


def region():
    name = cfg.CONF.calico.openstack_region
    return "region-" + name if name else "no-region"


def namespace():
    return "openstack" if region() == "no-region" else "openstack-" + region()


def subnets_prefix():
    return f"/calico/dhcp/v2/{region()}/subnet/"


def etcd():
    """Returns a new client: Neutron's processes must not share connections."""
    conf = cfg.CONF.calico
    return Etcd3Client(
        host=conf.etcd_host,
        port=conf.etcd_port,
        protocol=conf.etcd_scheme,
        ca_cert=conf.etcd_ca_cert_file,
        cert_key=conf.etcd_key_file,
        cert_cert=conf.etcd_cert_file,
        timeout=10,
        api_path="/v3/",
    )


def get_prefix(store, prefix):
    """Returns the values of the keys with a prefix, and when each was changed."""
    found = {}
    for value, item in store.get_prefix(prefix):
        found[item["key"].decode()] = value.decode(), int(item["mod_revision"])
    return found


class Driver(mech_agent.SimpleAgentMechanismDriverBase):
    def __init__(self):
        super().__init__(FELIX, "tap", {"port_filter": True})

    def get_workers(self):
        return [Keeper()]

    # What networks a port may be bound in.

    def get_allowed_network_types(self, agent=None):
        return ("local", "flat")

    def get_mappings(self, agent):
        return {}

    def check_segment_for_agent(self, segment, agent):
        return segment["network_type"] in self.get_allowed_network_types()

    # Whatever has changed, etcd is given all that it lacks.

    def create_subnet_postcommit(self, _):
        sync()

    update_subnet_postcommit = create_subnet_postcommit
    delete_subnet_postcommit = create_subnet_postcommit
    create_port_postcommit = create_subnet_postcommit
    update_port_postcommit = create_subnet_postcommit
    delete_port_postcommit = create_subnet_postcommit


def sync():
    """Makes etcd's subnets and endpoints those of Neutron."""
    plugin, admin, store = directory.get_plugin(), context.get_admin_context(), etcd()
    prefix = RESOURCES + "workloadendpoints/" + namespace() + "/"
    # etcd first: what another process writes after this is not taken for a leftover.
    there = {**get_prefix(store, subnets_prefix()), **get_prefix(store, prefix)}
    subnets = {subnet["id"]: subnet for subnet in plugin.get_subnets(admin)}
    wanted = {
        subnets_prefix() + subnet["id"]: subnet_value(subnet)
        for subnet in subnets.values()
        if subnet["enable_dhcp"]
    }
    for port in plugin.get_ports(admin):
        if port["device_owner"].startswith("compute:") and port["binding:vif_type"] == "tap":
            name = endpoint_name(port)
            wanted[prefix + name] = endpoint(name, port, subnets)
    for key, value in wanted.items():
        old = json.loads(there[key][0]) if key in there else None
        if old and "metadata" in old:
            value["metadata"].update({name: old["metadata"][name] for name in ("uid", "creationTimestamp")})
        if old != value:
            store.put(key, json.dumps(value))
    for key in there.keys() - wanted.keys():
        store.delete(key)


def subnet_value(subnet):
    value = {name: subnet[name] for name in ("network_id", "cidr", "host_routes", "gateway_ip")}
    if subnet["dns_nameservers"]:
        value["dns_servers"] = subnet["dns_nameservers"]
    return value


def endpoint_name(port):
    parts = port["binding:host_id"], port["device_id"], port["id"]
    node, server, port_id = (part.replace("-", "--") for part in parts)
    return f"{node}-openstack-{server}-{port_id}"


def endpoint(name, port, subnets):
    """Returns the WorkloadEndpoint of a port."""
    spec = {
        "orchestrator": "openstack",
        "workload": port["device_id"],
        "node": port["binding:host_id"],
        "endpoint": port["id"],
        "interfaceName": "tap" + port["id"][:11],
        "mac": port["mac_address"],
        "ipNetworks": [],
    }
    for fixed in port["fixed_ips"]:
        bits, gateway = ("128", "ipv6Gateway") if ":" in fixed["ip_address"] else ("32", "ipv4Gateway")
        spec["ipNetworks"].append(fixed["ip_address"] + "/" + bits)
        if subnets[fixed["subnet_id"]]["gateway_ip"]:
            spec[gateway] = subnets[fixed["subnet_id"]]["gateway_ip"]
    return resource(
        "WorkloadEndpoint",
        name,
        spec,
        namespace=namespace(),
        labels={"projectcalico.org/namespace": namespace(), "projectcalico.org/orchestrator": "openstack"},
    )


def resource(kind, name, spec, **metadata):
    metadata.update(
        name=name,
        uid=str(uuid.uuid4()),
        creationTimestamp=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )
    return {"kind": kind, "apiVersion": "projectcalico.org/v3", "metadata": metadata, "spec": spec}


class Keeper(worker.BaseWorker):
    """A process of neutron-server that follows Felix, and mends what etcd missed."""

    def start(self):
        super().start()
        threading.Thread(target=self.run, daemon=True).start()

    def stop(self):
        pass

    wait = reset = stop

    def run(self):
        seen, beat = {}, 0
        while True:
            try:
                if beat % 60 == 0:
                    sync()
                    configure_felix()
                seen = follow_felix(seen)
                beat += 1
            except Exception:  # etcd or the database is away: the next second tries again
                LOG.exception("Calico")
            time.sleep(1)


def configure_felix():
    """Has Felix report its endpoints, and see to interfaces that begin with tap."""
    store, key = etcd(), RESOURCES + "felixconfigurations/default"
    values = store.get(key)
    config = json.loads(values[0]) if values else resource("FelixConfiguration", "default", {})
    spec = config["spec"]
    prefixes = [prefix for prefix in spec.get("interfacePrefix", "").split(",") if prefix]
    if spec.get("endpointReportingEnabled") and "tap" in prefixes:
        return
    if "tap" not in prefixes:
        prefixes.append("tap")
    spec.update(endpointReportingEnabled=True, interfacePrefix=",".join(prefixes))
    store.put(key, json.dumps(config))


def follow_felix(seen):
    """Tells Neutron what Felix has reported since, and returns all that it has."""
    plugin, admin = directory.get_plugin(), context.get_admin_context()
    prefix = f"/calico/felix/v2/{region()}/host/"
    now = get_prefix(etcd(), prefix)
    for key, (value, revision) in now.items():
        if key in seen and seen[key][1] == revision:
            continue
        host, kind, *rest = key[len(prefix):].split("/")
        try:
            report = json.loads(value)
        except ValueError:
            LOG.warning("%s is no JSON: %r", key, value)
            continue
        if kind == "status":
            state = {"agent_type": FELIX, "binary": "calico-felix", "host": host, "topic": constants.L2_AGENT_TOPIC}
            if report.get("first_update"):
                state["start_flag"] = True
            plugin.create_or_update_agent(admin, state)
        elif kind == "workload":
            status = {"up": constants.PORT_STATUS_ACTIVE, "down": constants.PORT_STATUS_DOWN}
            port = rest[-1]
            plugin.update_port_status(admin, port, status.get(report.get("status"), constants.PORT_STATUS_ERROR), host=host)
    for key in seen.keys() - now.keys():
        host, kind, *rest = key[len(prefix):].split("/")
        if kind == "workload":
            plugin.update_port_status(admin, rest[-1], constants.PORT_STATUS_ERROR, host=host)
    return now


def dhcp_agent():
    """Prints what etcd says of subnets, and so keeps a connection to it."""
    cfg.CONF(sys.argv[1:], project="neutron")
    start = subnets_prefix()
    watch = {
        "key": base64.b64encode(start.encode()).decode(),
        "range_end": base64.b64encode((start[:-1] + chr(ord("/") + 1)).encode()).decode(),
    }
    while True:
        try:
            store = etcd()
            with store.session.post(store.get_url("watch"), json={"create_request": watch}, stream=True) as answer:
                for line in answer.iter_lines():
                    print(line.decode(), flush=True)
        except requests.RequestException as error:
            print(error, flush=True)
        time.sleep(1)
