#!/usr/bin/env bash
# Holds the rendered configuration against the real parsers of Debian 12 (OpenStack zed, BIRD 1.6): every
# OpenStack ini file and every option that is given by environment against oslo-config-validator, the BGP
# export filters against BIRD, Horizon's settings against Python, the names in Nova's policy against Nova,
# OpenSSH with the compute nodes' configuration, and the recipes of the images against Nova and the manifests.
#
# Usage: run.sh [MANIFESTS.yaml...]
# Without arguments it renders examples/calico/ccp.yaml for each network backend with bin/ccp.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

# Libraries, not daemons, so that nothing starts; bird is the exception and is only asked to parse, and sshd runs
# in a network of its own.
packages=(
  python3-oslo.config python3-yaml
  python3-keystone python3-glance python3-placement python3-nova python3-neutron python3-heat
  bird
  iproute2 openssh-client openssh-server patch
)
# Debian's Python: another one on PATH does not have Debian's packages.
python=/usr/bin/python3

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

# check NAME COMMAND... runs a command and prints one line, with its output when it fails.
check() {
  local name=$1
  shift
  if "$@" >"$work/log" 2>&1; then
    echo "ok    $name"
    passed=$((passed + 1))
  else
    echo "FAIL  $name"
    sed 's/^/      /' "$work/log"
    failed=$((failed + 1))
  fi
}

# What every service with an API, and every other one, takes from the libraries.
common=(oslo.log oslo.concurrency oslo.messaging oslo.policy oslo.reports oslo.service.periodic_task
  oslo.service.service osprofiler)
api=("${common[@]}" keystonemiddleware.auth_token oslo.cache oslo.db oslo.db.concurrency oslo.middleware
  oslo.middleware.cors oslo.middleware.healthcheck oslo.middleware.http_proxy_to_wsgi
  oslo.middleware.sizelimit oslo.service.sslutils oslo.service.wsgi)

# set_namespaces FILE sets `namespaces`: where the options that a file of that name may hold are defined.
set_namespaces() {
  case $1 in
    keystone.conf | keystone) namespaces=(keystone "${api[@]}") ;;
    glance-api.conf | glance) namespaces=(glance.api glance.store glance.multi_store "${api[@]}") ;;
    placement.conf | placement) namespaces=(placement.conf "${api[@]}") ;;
    nova.conf | nova-*.conf | nova) namespaces=(nova.conf os_brick os_vif oslo.limit oslo.privsep
      oslo.versionedobjects "${api[@]}") ;;
    heat.conf | heat) namespaces=(heat.common.config heat.common.context heat.common.crypt heat.common.wsgi
      heat.api.aws.ec2token heat.engine.clients heat.engine.clients.os.keystone.heat_keystoneclient
      heat.engine.notification heat.engine.resources "${api[@]}") ;;
    neutron.conf) namespaces=(neutron neutron.agent neutron.base.agent neutron.db neutron.extensions
      nova.auth ironic.auth placement.auth oslo.privsep "${api[@]}") ;;
    ml2_conf.ini) namespaces=(neutron.ml2 "${common[@]}") ;;
    openvswitch_agent.ini) namespaces=(neutron.ml2.ovs.agent "${common[@]}") ;;
    dhcp_agent.ini) namespaces=(neutron.dhcp.agent neutron.base.agent neutron.az.agent "${common[@]}") ;;
    l3_agent.ini) namespaces=(neutron.l3.agent neutron.base.agent neutron.az.agent "${common[@]}") ;;
    metadata_agent.ini) namespaces=(neutron.metadata.agent oslo.cache "${common[@]}") ;;
    neutron) namespaces=(neutron neutron.agent neutron.base.agent neutron.db neutron.extensions
      neutron.ml2 neutron.ml2.ovs.agent neutron.dhcp.agent neutron.l3.agent neutron.metadata.agent
      nova.auth ironic.auth placement.auth oslo.privsep "${api[@]}") ;;
    *) return 1 ;;
  esac
}

privsep='nova_sys_admin|privsep_osbrick|vif_plug_ovs_privileged|vif_plug_linux_bridge_privileged'

# validate FILE KIND: the options of FILE are ones that a file (or an image's environment) named KIND may hold.
validate() {
  local namespaces=() namespace arguments=()
  if ! set_namespaces "$2"; then
    echo "nothing here knows whose options $2 holds: add it to set_namespaces in $0"
    return 1
  fi
  for namespace in "${namespaces[@]}"; do arguments+=(--namespace "$namespace"); done
  # The options of networking-calico, which Debian does not have, go unchecked. So do, of the validator's own
  # accord, those of [keystone_authtoken], which depend on auth_type. A section of oslo.privsep is named by the
  # code that asks for privileges, and not listed anywhere: its options are checked as those of [privsep].
  PYTHONWARNINGS=ignore "$python" /usr/bin/oslo-config-validator --fatal-warnings \
    "${arguments[@]}" --exclude-group calico --input-file <(sed -E "s/^\[(${privsep})\]$/[privsep]/" "$1") 2>&1 |
    sed -e '/^INFO:/d' -e '/^WARNING:oslo_config.generator:/d'
}

# known_rules FILE: the rules of a policy of Nova's are ones that Nova has.
known_rules() {
  "$python" - "$1" <<'PYTHON'
import sys

import yaml
from nova import policies

with open(sys.argv[1], encoding="utf-8") as file:
    unknown = yaml.safe_load(file).keys() - {rule.name for rule in policies.list_rules()}
sys.exit(f"Nova has no rules {sorted(unknown)}" if unknown else 0)
PYTHON
}

# check_manifests FILE checks everything in one deployment's manifests.
check_manifests() {
  local name file
  name=$(basename "$1" .yaml)
  local dir="$work/$name"
  "$python" "$here/extract.py" "$dir" <"$1"
  mkdir -p "$dir/files" "$dir/environment" "$dir/bird" "$dir/bird6"
  while IFS= read -r file; do
    case $(basename "$file") in
      local_settings.py) check "$name ${file#"$dir/files/"}" "$python" -m py_compile "$file" ;;
      uwsgi.ini | rabbitmq.conf | libvirtd.conf | virtlogd.conf | qemu.conf) ;; # other programs' files
      policy.yaml) check "$name ${file#"$dir/files/"}" known_rules "$file" ;;
      sshd_config) check "$name ${file#"$dir/files/"}" "$here/ssh.sh" "$(dirname "$file")" ;;
      *.conf | *.ini) check "$name ${file#"$dir/files/"}" validate "$file" "$(basename "$file")" ;;
    esac
  done < <(find "$dir/files" -type f | sort)
  while IFS= read -r file; do
    check "$name environment of $(basename "$file")" validate "$file" "$(basename "$file")"
  done < <(find "$dir/environment" -type f | sort)
  while IFS= read -r file; do
    check "$name filter ${file#"$dir/"}" "/usr/sbin/$(basename "$(dirname "$file")")" -p -c "$file"
  done < <(find "$dir/bird" "$dir/bird6" -type f | sort)
  # Nothing to check must not pass for nothing wrong.
  check "$name has configuration" test -n "$(ls "$dir/files")"
  if [ "$name" = calico ]; then check "$name has a filter" test -n "$(ls "$dir/bird")"; fi
}

"$root/test/packages.sh" "${packages[@]}"
manifests=("$@")
if [ $# -eq 0 ]; then
  mkdir "$work/rendered"
  for backend in calico openvswitch; do
    manifests+=("$work/rendered/$backend.yaml")
    "$root/bin/ccp" template -f "$root/examples/calico/ccp.yaml" --network "$backend" >"$work/rendered/$backend.yaml"
  done
fi
for file in "${manifests[@]}"; do check_manifests "$file"; done
for what in taps programs logs; do check "recipes: $what" "$here/recipes.sh" "$what" "${manifests[0]}"; done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
