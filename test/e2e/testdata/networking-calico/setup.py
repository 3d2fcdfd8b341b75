from setuptools import setup

setup(
    name="networking-calico",
    version="0",
    description="A fake of networking-calico, which no registry of packages that the tests use has",
    py_modules=["fake_networking_calico"],
    entry_points={"neutron.ml2.mechanism_drivers": ["calico = fake_networking_calico:Driver"]},
)
