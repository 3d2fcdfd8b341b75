#!/usr/bin/env bash
# The main job on one ccp.yaml: who runs where, the chart, the manifests for both
# networks, what the switch between them changed, and what the hook does to Calico.
# Writes to _out/.
set -euo pipefail
cd "$(dirname "$0")/../.."
file=${1:-examples/calico/ccp.yaml}
out=_out
mkdir -p "$out"
printf 'node%s\n' 1 2 3 >"$out/nodes.txt"

echo "== $file on the nodes node1, node2 and node3"
bin/ccp topology -f "$file" --nodes "$out/nodes.txt"

echo
echo "== the chart: $out/openstack"
bin/ccp generate -f "$file" -o "$out/openstack" 2>/dev/null
(cd "$out/openstack/charts" && echo ./*) | sed 's|\./||g'

# objects FILE: one line "Kind name" for each object; Jobs without the checksum in their names.
objects() {
  awk '/^kind: /{kind=$2} /^  name: /&&kind!=""{print kind, $2; kind=""}' "$1" |
    sed -E '/^Job /s/-[0-9a-f]{8}$//' | sort -u
}

echo
echo "== the manifests"
for network in calico openvswitch; do
  bin/ccp template -f "$file" --network "$network" >"$out/$network.yaml" 2>"$out/$network.log"
  objects "$out/$network.yaml" >"$out/$network.objects"
  echo "$out/$network.yaml: $(wc -l <"$out/$network.objects") objects"
done

echo
echo "== what the switch from openvswitch to calico changed"
comm -23 "$out/openvswitch.objects" "$out/calico.objects" | awk '/^(DaemonSet|Deployment|StatefulSet|Job) /{print "  gone:", $0}'
comm -13 "$out/openvswitch.objects" "$out/calico.objects" | awk '/^(DaemonSet|Deployment|StatefulSet|Job|Service|EndpointSlice) /{print "  new: ", $0}'
for line in '^ *mechanism_drivers =' '^ *tenant_network_types =' '^ *service_plugins =' '^ *etcd_host ='; do
  for network in openvswitch calico; do
    found=$(grep -m1 -E "$line" "$out/$network.yaml" || true)
    printf '  %-12s %s\n' "$network" "${found:-(no ${line#^ \*})}" | sed -E 's/  +([a-z_]+ =)/ \1/'
  done
done
echo "mentions of Open vSwitch in $out/calico.yaml: $(grep -ciE 'openvswitch|ovs' "$out/calico.yaml" || true)"

echo
echo "== the example's settings in Calico's datastore, an etcd started for this"
awk '/^  calico.yaml: \|/{found=1; next} /^---/{found=0} found{sub(/^    /, ""); print}' "$out/calico.yaml" >"$out/calico-settings.yaml"
go run ./test/demo bin/ccp-hook "$out/calico-settings.yaml"
