"""A fake of networking-calico's mechanism driver.

Neutron is real in the tests, and loads this by the name that its configuration
has. It binds no port and writes nothing into etcd.
"""

from neutron_lib.plugins.ml2 import api


class Driver(api.MechanismDriver):
    def initialize(self):
        pass
