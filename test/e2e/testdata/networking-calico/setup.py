from setuptools import setup

setup(
    name="networking-calico",
    version="0",
    description="Stands in for networking-calico, which no registry of packages that the tests use has",
    py_modules=["stand_in_networking_calico"],
    entry_points={
        "neutron.ml2.mechanism_drivers": ["calico = stand_in_networking_calico:Driver"],
        "console_scripts": ["calico-dhcp-agent = stand_in_networking_calico:dhcp_agent"],
    },
)
