#!/bin/sh
# Gives eth0 what a DHCP server offered. udhcpc calls it with the name of what happened.
# shellcheck disable=SC2154 # the variables are udhcpc's
case $1 in bound | renew)
  if [ -n "$mtu" ]; then ip link set eth0 mtu "$mtu"; fi
  ip address flush dev eth0
  ip address add "$ip/${mask:-32}" dev eth0
  # A router outside of the address's own subnet is on the link all the same.
  ip route replace "$router" dev eth0
  ip route replace default via "$router"
  echo "GUEST address $ip"
  ;;
esac
