"""Takes what OpenStack's own parsers can check out of rendered manifests.

Usage: extract.py OUTPUT-DIRECTORY < MANIFESTS

Writes, for each ConfigMap, its files to OUTPUT/files/CONFIGMAP/FILE; for each image whose containers get
options of oslo.config by environment (OS_GROUP__OPTION), an ini file with all of these to
OUTPUT/environment/IMAGE; and for each BGP export filter of the Calico hook, a configuration of BIRD to
OUTPUT/bird/FILTER.conf or OUTPUT/bird6/FILTER.conf.
"""

import os
import re
import sys

import yaml

# oslo.config's environment source: upper case, so that a group's own case is lost. All but DEFAULT are lower.
OPTION = re.compile(r"OS_([A-Z0-9_]+?)__([A-Z0-9_]+)$")

BIRD = """\
router id 192.0.2.1;
filter {name} {{
{text}
  reject;
}}
protocol device {{ }}
protocol kernel {{ import none; export filter {name}; }}
"""


def write(*path, text):
    path = os.path.join(*path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def pod_specs(document):
    """The document's pod template, in a list; none when it has none."""
    spec = document.get("spec") or {}
    if document["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    if "template" in spec and "spec" in spec["template"]:
        return [spec["template"]["spec"]]
    return []


def add_options(groups, container):
    """Adds the container's options of oslo.config to groups: group -> options."""
    for variable in container.get("env") or []:
        match = OPTION.match(variable["name"])
        if match:
            group = match.group(1) if match.group(1) == "DEFAULT" else match.group(1).lower()
            groups.setdefault(group, set()).add(match.group(2).lower())


def ini(groups):
    """An ini file that sets the options of groups; the values are secrets, and not looked at."""
    lines = []
    for group, options in sorted(groups.items()):
        lines += [f"[{group}]"] + [f"{option} = secret" for option in sorted(options)]
    return "\n".join(lines) + "\n"


def image_name(reference):
    return re.sub(r"[:@][^/]*$", "", reference).rsplit("/", 1)[-1]


def main():
    output = sys.argv[1]
    images = {}
    for document in yaml.safe_load_all(sys.stdin):
        if not document:
            continue
        name = document["metadata"]["name"]
        if document["kind"] == "ConfigMap":
            for file, text in (document.get("data") or {}).items():
                write(output, "files", name, file, text=text)
            if name == "ccp-hook-calico":
                filters = yaml.safe_load(document["data"]["calico.yaml"])["bgp"]["filters"]
                for filter_name, texts in filters.items():
                    for version, daemon in (("ipv4", "bird"), ("ipv6", "bird6")):
                        if texts.get(version):
                            write(output, daemon, filter_name + ".conf",
                                  text=BIRD.format(name=filter_name, text=texts[version]))
        for spec in pod_specs(document):
            for container in (spec.get("initContainers") or []) + spec["containers"]:
                add_options(images.setdefault(image_name(container["image"]), {}), container)
    for image, groups in images.items():
        if groups:
            write(output, "environment", image, text=ini(groups))


main()
