"""A name server of fixed answers on a loopback port, for what only asks a little.

As a program it serves until it is ended:  python3 answers.py PORT 'example.org MX 10 mail.example.org' …
"""

import ipaddress
import socket
import struct
import sys
import threading

TYPES = {"A": 1, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28}


def wire(name):
    return b"".join(bytes([len(x)]) + x.encode() for x in name.rstrip(".").split(".") if x) + b"\0"


def rdata(kind, words):
    if kind in ("A", "AAAA"):
        return ipaddress.ip_address(words[0]).packed
    if kind == "MX":
        return struct.pack("!H", int(words[0])) + wire(words[1])
    if kind == "TXT":
        text = " ".join(words).encode()
        return bytes([len(text)]) + text
    return wire(words[0])


class Answers:
    """records: lines "NAME TYPE DATA"; changed at any time."""

    def __init__(self, records, port=0):
        self.records = list(records)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", port))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def stop(self):
        self.socket.close()

    def serve(self):
        while True:
            try:
                q, peer = self.socket.recvfrom(4096)
                self.socket.sendto(self.answer(q), peer)
            except OSError:
                return

    def answer(self, q):
        labels, at = [], 12
        while q[at]:
            labels.append(q[at + 1:at + 1 + q[at]].decode("ascii", "replace").lower())
            at += q[at] + 1
        name, kind = ".".join(labels), struct.unpack("!H", q[at + 1:at + 3])[0]
        known = [x.split() for x in self.records]
        found = [rdata(k, d) for n, k, *d in known if n.lower() == name and TYPES[k] == kind]
        there = any(n.lower() == name or n.lower().endswith("." + name) for n, *_ in known)
        body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(d)) + d for d in found)
        return q[:2] + struct.pack("!HHHHH", 0x8500 | (0 if there else 3), 1, len(found), 0, 0) + q[12:at + 5] + body

    def conf(self, *zones):
        """What gk-dnsd is to be told."""
        of = ", ".join(f"'{z} 127.0.0.1@{self.port}'" for z in zones)
        return f"[dns]\nzones = [{of}]\ninsecure = {list(zones)}\ntimeout = '5s'\n"


if __name__ == "__main__":
    Answers(sys.argv[2:], int(sys.argv[1]))
    threading.Event().wait()
