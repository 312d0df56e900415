"""The public RFC 7208 test suite: every case, with the explanations. The harness is the DNS."""

import ipaddress
import os
import pathlib
import re
import subprocess

import pytest
import yaml

SUITE = pathlib.Path(os.environ["GKMAIL_SUITES"]) / "spf" / "rfc7208-tests.yml"
PROGRAM = pathlib.Path(os.environ.get("GKMAIL_TOOLS", "build/tools")) / "spf_tool"
TYPES = {1: "A", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA"}
FOUND, NODATA, NXDOMAIN, FAILED = 1, 2, 3, 4


class Loader(yaml.SafeLoader):
    """Plain scalars stay text: a time like 1:2 or a number is none here."""


Loader.yaml_implicit_resolvers = {
    k: [(tag, rx) for tag, rx in v if tag in ("tag:yaml.org,2002:null", "tag:yaml.org,2002:merge")]
    for k, v in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class Zone:
    def __init__(self, data):
        self.names = {}
        for name, entries in data.items():
            records, timeout = [], False
            for entry in entries:
                if entry == "TIMEOUT":
                    timeout = True
                else:
                    records += entry.items()
            # Records of the type SPF stand for TXT unless the name has TXT of its own.
            if not any(kind == "TXT" for kind, _ in records):
                records += [("TXT", value) for kind, value in records if kind == "SPF"]
            records = [(kind, value) for kind, value in records if kind != "SPF" and value != "NONE"]
            self.names[name.lower().rstrip(".")] = records, timeout

    @staticmethod
    def octets(kind, value):
        if kind in ("A", "AAAA"):
            return ipaddress.ip_address(value).packed
        if kind == "TXT":
            return "".join(value if isinstance(value, list) else [value]).encode("latin-1")
        name = value[1] if kind == "MX" else value
        return name.lower().rstrip(".").encode()

    def ask(self, kind, name, seen=()):
        if name not in self.names:
            return NXDOMAIN, []
        records, timeout = self.names[name]
        alias = [v for k, v in records if k == "CNAME"]
        if alias:
            target = alias[0].lower().rstrip(".")
            return (FAILED, []) if target in seen else self.ask(kind, target, (*seen, target))
        found = [v for k, v in records if k == kind]
        if kind == "MX":
            found.sort(key=lambda v: int(v[0]))
        if found:
            return FOUND, [self.octets(kind, v) for v in found]
        return (FAILED if timeout else NODATA), []


def cases():
    for doc in yaml.load_all(SUITE.read_text(encoding="utf-8"), Loader):
        zone = Zone(doc["zonedata"])
        for name, case in doc["tests"].items():
            yield pytest.param(zone, case, id=name)


@pytest.fixture(scope="module")
def program():
    with subprocess.Popen([PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as p:
        yield p
        p.stdin.close()
        assert p.wait(20) == 0


def hexed(octets):
    return "x" + octets.hex()


def evaluate(p, zone, case):
    words = [case["host"], case["helo"], case["mailfrom"], "receiver.example.org"]
    p.stdin.write("check " + " ".join(hexed(w.encode()) for w in words) + "\n")
    while True:
        p.stdin.write("go\n")
        p.stdin.flush()
        while not (line := p.stdout.readline().split(" "))[0].startswith(("wait", "result")):
            name = bytes.fromhex(line[2].strip()[1:]).decode("latin-1")
            status, records = zone.ask(TYPES[int(line[1])], name)
            p.stdin.write(" ".join(["fact", line[1], line[2].strip(), str(status), *map(hexed, records)]) + "\n")
        if line[0] == "result":
            return line[1], bytes.fromhex(line[2].strip()[1:]).decode()


@pytest.mark.parametrize("zone, case", cases())
def test_spf(program, zone, case):
    expected = case["result"] if isinstance(case["result"], list) else [case["result"]]
    result, explanation = evaluate(program, zone, case)
    assert result in expected
    if "explanation" in case and result == "fail":
        wanted = "" if case["explanation"] == "DEFAULT" else case["explanation"]
        assert explanation == wanted


def test_all_cases_are_there():
    assert len(list(cases())) == 203 and re.search("RFC 7208", SUITE.read_text(encoding="utf-8"))
