"""sbom.py VERSION PACKAGE-LOCK <EXPORTED-IMAGE - CycloneDX 1.5: the Debian packages whose files are in the image, and the packages of
npm that the web client is bundled of."""

import json
import re
import sys
import tarfile


def debian(stream):
    with tarfile.open(fileobj=stream, mode="r|*") as image:
        for member in image:
            if re.fullmatch(r"(\./)?var/lib/dpkg/status\.d/[^/]+", member.name) and member.isfile():
                text = image.extractfile(member).read().decode()
                yield dict(re.findall(r"^(\S+): (.*)$", text, re.M))


def npm(lock):
    for path, entry in json.load(open(lock))["packages"].items():
        if path and not entry.get("dev"):
            yield path.rpartition("node_modules/")[2], entry


def main():
    version, lock = sys.argv[1:]
    parts = []
    for d in debian(sys.stdin.buffer):
        parts.append({"type": "library", "name": d["Package"], "version": d["Version"],
                      "purl": f"pkg:deb/debian/{d['Package']}@{d['Version'].replace('+', '%2B')}?arch={d['Architecture']}&distro=debian-12"})
    for name, entry in npm(lock):
        parts.append({"type": "library", "name": name, "version": entry["version"],
                      "purl": f"pkg:npm/{name.replace('@', '%40')}@{entry['version']}",
                      "licenses": [{"expression": entry["license"]}]})
    json.dump({"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
               "metadata": {"component": {"type": "application", "name": "gkmail", "version": version}},
               "components": sorted(parts, key=lambda p: p["purl"])}, sys.stdout, indent=1)


main()
