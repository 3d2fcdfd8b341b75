#!/bin/busybox sh
# shellcheck shell=dash
# What a server of the tests runs: it says on its console what it got from the network, and answers.
# Each line that a test looks for begins with GUEST.
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
exec </dev/null >/dev/ttyS0 2>&1
echo 3 > /proc/sys/kernel/printk
for module in /modules/*; do
  case "$module" in
    # Open vSwitch in user space sees no checksum that somebody is yet to fill in: it takes the packet for a broken one.
    */*-virtio_net.ko) insmod "$module" csum=0 gso=0 ;;
    *) insmod "$module" ;;
  esac
done
ip link set lo up
ip link set eth0 up
# ping.sh and what is fetched below, for whoever can reach port 80.
httpd -h /www

until udhcpc -i eth0 -q -n -O mtu -s /lease.sh; do echo "GUEST no address"; done
(
  # The kernel looks for drives on its own time.
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    if [ -b /dev/sr0 ]; then break; fi
    sleep 1
  done
  if mount -t iso9660 -o ro /dev/sr0 /drive; then
    echo "GUEST drive $(/uuid.sh /drive/openstack/latest/meta_data.json)"
  else
    echo "GUEST drive none"
  fi
  until timeout 10 wget -O /www/meta_data.json http://169.254.169.254/openstack/latest/meta_data.json; do sleep 2; done
  echo "GUEST metadata $(/uuid.sh /www/meta_data.json)"
) &
while sleep 3; do echo "GUEST up $(cut -d. -f1 /proc/uptime)"; done
