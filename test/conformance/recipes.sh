#!/usr/bin/env bash
# Holds the recipes of build/images against what they mend in Debian's packages, and against the programs that the
# manifests start or that OpenStack calls: recipes.sh CHECK MANIFESTS.yaml
#   taps      the step of Nova's recipe that patches it, run on a copy of the Nova that is installed here
#   programs  what nova-compute calls for configuration drives, and what wraps the commands of containers, is installed
#   logs      the log that Calico's DHCP agent writes without an end leads nowhere
set -euo pipefail
recipes=$(cd "$(dirname "$0")/../../build/images" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# installs RECIPE PACKAGE says whether the recipe installs the package.
installs() {
  sed -e ':a' -e '/\\$/N; s/\\\n//; ta' "$recipes/$1/Containerfile" | grep -E "apt-get install .*[[:space:]]$2([[:space:]]|\$)" >/dev/null || {
    echo "the recipe of $1 does not install $2"
    return 1
  }
}

case $1 in
  taps)
    cp -r /usr/lib/python3/dist-packages/nova "$work"
    cp -r "$recipes/nova" "$work/ccp"
    # The step as it stands in the recipe, with the copy in the place of the image's folders.
    step=$(sed -n '/^ && if ! python3 .*tap-not-managed.py/,/fi$/p' "$recipes/nova/Containerfile" |
      sed -e 's/^ && //' -e "s|/usr/local/share/ccp|$work/ccp|g")
    cd "$work"
    export PYTHONPATH=$work PATH=/usr/bin:/bin
    if python3 ccp/tap-not-managed.py; then echo "this Nova has the mend already"; fi
    bash -euc "$step"
    python3 ccp/tap-not-managed.py
    ;;
  programs)
    installs nova "$(/usr/bin/python3 -c 'import nova.conf; print(nova.conf.CONF.mkisofs_cmd)')"
    if grep -q 'command: \[dumb-init,' "$2"; then installs base dumb-init; fi
    ;;
  logs)
    grep -q 'ln -sf /dev/null /var/log/neutron/dhcp-agent\.log$' "$recipes/neutron/Containerfile" || {
      echo "the recipe of neutron does not lead /var/log/neutron/dhcp-agent.log to /dev/null"
      exit 1
    }
    ;;
esac
