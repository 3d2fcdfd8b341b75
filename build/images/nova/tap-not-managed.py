"""Says whether Nova tells libvirt that it does not manage the interfaces of the VIF type tap.

Exit code 0 when it does, and does so for no other ethernet interface; 1 when it does not.
"""

import sys

from lxml import etree
from nova.virt.libvirt import config, designer, vif


class Driver(vif.LibvirtGenericVIFDriver):
    """The driver, without the settings of an installation."""

    def __init__(self):
        pass

    def get_base_config(self, *args, **kwargs):
        conf = config.LibvirtConfigGuestInterface()
        conf.mac_addr = "fa:16:3e:00:00:01"
        return conf


def managed(conf):
    return etree.fromstring(conf.to_xml()).find("target").get("managed")


tap = Driver().get_config_tap(
    None,
    {"address": "fa:16:3e:00:00:01", "vnic_type": "normal", "devname": "tap0", "network": None},
    None, None, "kvm",
)
other = Driver().get_base_config()
designer.set_vif_host_backend_ethernet_config(other, "tap1")
if managed(tap) != "no":
    print("the interfaces of the VIF type tap are not marked managed='no'")
    sys.exit(1)
if managed(other) is not None:
    sys.exit("other ethernet interfaces are marked managed=%r, too, which breaks Open vSwitch" % managed(other))
print("the interfaces of the VIF type tap are marked managed='no'")
