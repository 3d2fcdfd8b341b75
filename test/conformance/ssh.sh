#!/usr/bin/env bash
# Runs OpenSSH with the configuration of the compute nodes, as the containers of nova-compute's pod do: sshd with
# the rights that it has there, and ssh and scp as nova-compute calls them. Afterwards nothing of it is left.
#
# Usage: ssh.sh FOLDER-WITH-SSHD_CONFIG-AND-SSH_CONFIG
set -euo pipefail
if [ -z "${CCP_IN_NAMESPACE-}" ]; then
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then as_root=(sudo); fi
  exec "${as_root[@]}" env CCP_IN_NAMESPACE=yes unshare --mount --net "$0" "$1"
fi
ip link set lo up
config=$(mktemp -d)
cp "$1/sshd_config" "$1/ssh_config" "$config"

# What is written here is seen in this namespace alone.
mount -t tmpfs -o mode=755 tmpfs /var/lib
mkdir /var/lib/upper /var/lib/work
mount -t overlay -o lowerdir=/etc,upperdir=/var/lib/upper,workdir=/var/lib/work overlay /etc
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/sshd /etc/nova/ssh /var/lib/nova/instances
chown 42424:42424 /var/lib/nova /var/lib/nova/instances
rm -f /etc/ssh/ssh_host_*
mv "$config/sshd_config" /etc/ssh/sshd_config
mv "$config/ssh_config" /etc/ssh/ssh_config.d/nova.conf
rmdir "$config"
# The Secret, as ccp-hook makes it, but for a client's key that may do all that sshd's configuration lets it.
ssh-keygen -q -t ed25519 -N '' -f /etc/nova/ssh/id_ed25519
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
cp /etc/nova/ssh/id_ed25519.pub /etc/ssh/authorized_keys
echo "* $(cat /etc/ssh/ssh_host_ed25519_key.pub)" >/etc/nova/ssh/known_hosts
chmod 0400 /etc/nova/ssh/* /etc/ssh/ssh_host_ed25519_key /etc/ssh/authorized_keys
ssh-keygen -q -t ed25519 -N '' -f /run/other-key
mount -o remount,bind,ro /etc

setpriv --no-new-privs --inh-caps=-all \
  --bounding-set=-all,+audit_write,+dac_override,+kill,+setgid,+setuid,+sys_chroot \
  /usr/sbin/sshd -D -e -o ListenAddress=127.0.0.2 &
sshd=$!
trap 'kill $sshd; wait $sshd || true' EXIT
port=$(sed -n 's/^Port //p' /etc/ssh/sshd_config)
until (exec 3<>"/dev/tcp/127.0.0.2/$port") 2>/dev/null; do kill -0 $sshd; done

works() {
  echo "+ $*"
  "$@" </dev/null
}
refused() {
  echo "- $*"
  if "$@" </dev/null; then
    echo "this was to be refused"
    exit 1
  fi
}
nova=(ssh -o BatchMode=yes)
server=/var/lib/nova/instances/11111111-2222-3333-4444-555555555555
head -c 100000 /dev/urandom >/run/disk
works "${nova[@]}" 127.0.0.2 mkdir -p $server
works "${nova[@]}" 127.0.0.2 touch $server/new
works "${nova[@]}" 127.0.0.2 rm $server/new
works scp -r /run/disk 127.0.0.2:$server/disk
works scp -C -r /run/disk 127.0.0.2:$server/disk.config
works cmp /run/disk $server/disk
works cmp /run/disk $server/disk.config
works "${nova[@]}" 127.0.0.2 rm -rf $server
works test ! -e $server

stranger=(ssh -F none -p "$port" -o BatchMode=yes -o UserKnownHostsFile=/etc/nova/ssh/known_hosts)
refused "${stranger[@]}" 127.0.0.2 true
refused "${stranger[@]}" -i /run/other-key 127.0.0.2 true
works "${stranger[@]}" -i /etc/nova/ssh/id_ed25519 127.0.0.2 true
refused "${nova[@]}" -l nobody 127.0.0.2 true
refused "${nova[@]}" -tt 127.0.0.2 true
refused "${nova[@]}" -o ExitOnForwardFailure=yes -R 9000:127.0.0.1:1 127.0.0.2 true
# Another machine that answers at a node's address.
chmod 0600 /run/other-key
echo "* $(cat /run/other-key.pub)" >/run/other-hosts
refused "${nova[@]}" -o UserKnownHostsFile=/run/other-hosts 127.0.0.2 true
