"""Domains that ask for DMARC reports, and what came of them."""

import email
import email.message
import gzip
import json
import xml.etree.ElementTree as ET

from strangers import GOOD, STRANGERS, hand_in, letter, messages
from zones import Zones, free_port

NS = "{urn:ietf:params:xml:ns:dmarc-2.0}"
RUA, RUF = "dmarc@second.test", "failures@second.test"


class Reported(Zones):
    signed = ("root",)
    plain = ("author.test", "asking.test", "silent.author.test", "second.test", "victim.test", "test", "127.in-addr.arpa")

    def __init__(self, directory):
        self.dir = directory
        self.dir.mkdir()
        self.port = free_port()
        self.anchors = []
        self.sign("root")
        for zone in self.plain:
            self.write(zone, self.records(zone))
        self.start()

    @staticmethod
    def records(zone):
        spf = f"@ IN TXT \"v=spf1 ip4:{GOOD} -all\"\n"
        if zone == "author.test":
            return spf + (f"_dmarc IN TXT \"v=DMARC1; p=quarantine; fo=1; rua=mailto:{RUA},mailto:x@victim.test; ruf=mailto:{RUF}\"\n"
                          "*.crash IN A 192.0.2.1\n")
        if zone == "asking.test":  # another address of the host that it names
            return spf + "_dmarc IN TXT \"v=DMARC1; p=none; rua=mailto:wrong@second.test!20m\"\n"
        if zone == "silent.author.test":
            return spf + "_dmarc IN TXT \"v=DMARC1; p=none; psd=n\"\n"
        if zone == "second.test":
            return spf + ("author.test._report._dmarc IN TXT \"v=DMARC1\"\n_dmarc IN TXT \"v=DMARC1; p=none\"\n"
                          f"asking.test._report._dmarc IN TXT \"v=DMARC1; rua=mailto:{RUF}\"\n")
        return ""


CONFIG = STRANGERS + f"[dmarc]\nreport_address = ['{RUA}']\nfailure_reports = true\n"


def options():
    return ["--user", "bob:bob-password", "--user", f"{RUA}:dmarc-password", "--user", f"{RUF}:failures-password"]


def waiting(suite):
    return {r["domain"]: r for r in json.loads(suite.ctl("--json", "dmarc", "report").stdout)}


def report_mails(suite, user="dmarc"):
    return [email.message_from_bytes(m) for m in messages(suite, user=user) if b"\r\nSubject: Report Domain:" in m]


def attached(m):
    return next(p for p in m.walk() if p.get_content_type() == "application/gzip")


def report_of(m):
    return ET.fromstring(gzip.decompress(attached(m).get_payload(decode=True)))


def send(suite, domain, source, n, subject="x"):
    for i in range(n):
        code, _ = hand_in(suite, letter(f"a@{domain}", f"{subject}-{i}"), f"a@{domain}", source)
        assert code == 250


def path(root, names):
    return root.findall("/".join(NS + n for n in names.split("/")))


def texts(root, names):
    return [e.text or "" for e in path(root, names)]
