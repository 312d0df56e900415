"""Name servers for tests: Debian's nsd with signed, unsigned and spoilt zones, and one that misbehaves."""

import contextlib
import os
import re
import shutil
import socket
import struct
import subprocess
import threading
import time

BIG = "".join(f'"{"x" * 250}" ' for _ in range(240))  # 60,000 octets of text
MANY = "".join(f"many 60 IN A 192.0.{i // 250}.{i % 250}\n" for i in range(520))

RECORDS = f"""
@ 300 IN MX 10 mx
@ 300 IN MX 20 MX2.Plain.test.
@ 300 IN TXT "v=spf1 " "ip4:192.0.2.1" " -all"
null 300 IN MX 0 .
mx 300 IN A 192.0.2.25
mx 300 IN AAAA 2001:db8::25
client 300 IN A 127.0.0.1
_25._tcp.mx 300 IN TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
_imaps._tcp 300 IN SRV 0 1 993 mx
alias 300 IN CNAME alias2
alias2 300 IN CNAME mx
dangling 300 IN CNAME nothing
loop 300 IN CNAME loop2
loop2 300 IN CNAME loop
away 300 IN CNAME mx.plain.test.
big 300 IN TXT {BIG}
{MANY}
*.wild 300 IN A 192.0.2.77
"""


def free_port():
    with socket.socket() as s, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u:
        s.bind(("127.0.0.1", 0))
        u.bind(("127.0.0.1", s.getsockname()[1]))
        return s.getsockname()[1]


def name_of(zone):
    return "." if zone == "root" else zone + "."


class Zones:
    """nsd on a loopback port with zones that it serves; `conf` is what gk-dnsd needs to be told."""

    signed = ("root", "signed.test", "broken.test", "expired.test", "sub.signed.test")
    plain = ("plain.test", "127.in-addr.arpa", "open.signed.test")

    def __init__(self, directory):
        self.dir = directory
        self.dir.mkdir()
        self.port = free_port()
        self.anchors = []
        for zone in reversed(self.signed):  # the child first: its DS stands in the parent
            self.sign(zone)
        for zone in self.plain:
            extra = "1.0.0 300 IN PTR client.plain.test." if zone.endswith("arpa") else RECORDS
            self.write(zone, extra)
        self.start()

    def write(self, zone, records):
        path = self.dir / zone
        path.write_text(f"$ORIGIN {name_of(zone)}\n$TTL 300\n@ IN SOA ns hostmaster 1 3600 600 86400 30\n@ IN NS ns\n"
                        f"ns IN A 127.0.0.1\n{records}\n")
        return path

    def sign(self, zone):
        delegations = ""
        if zone == "signed.test":
            delegations = f"sub IN NS ns\n{self.child}\nopen IN NS ns\n"
        path = self.write(zone, RECORDS + delegations)
        key = self.run("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", name_of(zone)).strip()
        times = ["-i", "20200101", "-e", "20200201"] if zone == "expired.test" else []
        self.run("ldns-signzone", "-n", *times, str(path), key)
        ds = re.sub(r"\s+", " ", (self.dir / f"{key}.ds").read_text().strip())
        if zone == "sub.signed.test":
            self.child = ds  # the parent vouches for it
            return
        if zone == "root":  # only for those who are told of it
            self.root = ds
            return
        self.anchors.append(ds)
        if zone == "broken.test":  # after it was signed
            signed = self.dir / "broken.test.signed"
            signed.write_text(re.sub(r"(?m)^(mx\.broken\.test\.\s+\d+\s+IN\s+A\s+)192.0.2.25", r"\g<1>192.0.2.66",
                                     signed.read_text()))

    def run(self, *command):
        return subprocess.run(command, cwd=self.dir, check=True, capture_output=True, text=True).stdout

    def start(self):
        lines = [f'server:\n  ip-address: 127.0.0.1@{self.port}\n  zonesdir: "{self.dir}"\n  username: ""\n  chroot: ""\n'
                 f'  pidfile: "{self.dir}/pid"\n  database: ""\n  zonelistfile: "{self.dir}/list"\n'
                 f'  xfrdfile: "{self.dir}/xfrd"\n  logfile: "{self.dir}/log"\n  server-count: 1\n  rrl-ratelimit: 0\n'
                 "remote-control:\n  control-enable: no\n"]
        for zone in self.signed + self.plain:
            name = zone + (".signed" if zone in self.signed else "")
            lines.append(f'zone:\n  name: "{name_of(zone)}"\n  zonefile: "{name}"\n')
        (self.dir / "nsd.conf").write_text("".join(lines))
        nsd = shutil.which("nsd", path=os.environ["PATH"] + ":/usr/sbin")
        self.process = subprocess.Popen([nsd, "-d", "-c", str(self.dir / "nsd.conf")], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            log = (self.dir / "log").read_text() if (self.dir / "log").exists() else ""
            if " error: " in log:
                break
            if "nsd started" in log:
                return
            time.sleep(0.02)
        raise RuntimeError((self.dir / "log").read_text())

    def publish(self, zone, lines):
        """Adds records to a zone that is not signed."""
        path = self.dir / zone
        path.write_text(path.read_text().replace(" hostmaster 1 ", " hostmaster 2 ") + "\n".join(lines) + "\n")
        self.restart()

    def restart(self):
        """Serves what the files say now."""
        self.stop()
        (self.dir / "log").unlink()
        self.start()

    def stop(self):
        self.process.terminate()
        self.process.wait(10)

    def conf(self, hostile=None, timeout="3s"):
        zones = [f"{z} 127.0.0.1@{self.port}" for z in self.signed[1:] + self.plain]
        insecure = [z for z in self.plain if z != "open.signed.test"]
        if hostile:
            zones.append(f"hostile.test 127.0.0.1@{hostile.port}")
            insecure.append("hostile.test")
        quote = lambda v: "[" + ", ".join(f"'{x}'" for x in v) + "]"  # noqa: E731
        return (f"[dns]\nzones = {quote(zones)}\ntrust_anchors = {quote(self.anchors)}\n"
                f"insecure = {quote(insecure)}\ntimeout = '{timeout}'\n")


class Hostile:
    """Answers what the first label of the name says, over UDP and TCP."""

    def __init__(self):
        self.port = free_port()
        self.asked = []
        self.ended = False
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", self.port))
        self.tcp = socket.socket()
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind(("127.0.0.1", self.port))
        self.tcp.listen(50)
        for target in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=target, daemon=True).start()

    def stop(self):
        self.ended = True
        self.udp.close()
        self.tcp.close()

    def serve_udp(self):
        while not self.ended:
            try:
                q, peer = self.udp.recvfrom(4096)
            except OSError:
                return
            threading.Thread(target=self.one_udp, args=(q, peer), daemon=True).start()

    def one_udp(self, q, peer):
        for answer in self.answers(q, False):
            with contextlib.suppress(OSError):
                self.udp.sendto(answer, peer)

    def serve_tcp(self):
        while not self.ended:
            try:
                c, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self.one_tcp, args=(c,), daemon=True).start()

    def one_tcp(self, c):
        with c:
            c.settimeout(20)
            try:
                n = struct.unpack("!H", c.recv(2))[0]
                for answer in self.answers(c.recv(n), True):
                    c.sendall(struct.pack("!H", len(answer)) + answer)
            except (OSError, struct.error):
                return

    def answers(self, q, tcp):
        end = 12
        while q[end]:
            end += q[end] + 1
        question = q[12:end + 5]
        what = q[13:13 + q[12]].decode("ascii", "replace").lower().split("-")[0]
        self.asked.append((what, tcp))

        def message(records=b"", n=0, flags=0x8400, ident=q[:2]):
            return ident + struct.pack("!HHHHH", flags, 1, n, 0, 0) + question + records

        def record(data, kind=1, owner=b"\xc0\x0c"):
            return owner + struct.pack("!HHIH", kind, 1, 60, len(data)) + data

        address = record(b"\xc0\x00\x02\x01")
        if what == "silent":
            return []
        if what == "slow":
            time.sleep(0.3)
            return [message(address, 1)]
        if what == "truncated":
            return [message(address, 1) if tcp else message(flags=0x8600)]
        if what == "cut":
            return [message(address, 1)[:-3]]
        if what == "noise":
            return [q[:2] + os.urandom(400), os.urandom(300)]
        if what == "wrongid":
            return [message(address, 1, ident=bytes([q[0] ^ 1, q[1]]))]
        if what == "pointer":
            return [message(record(b"\xc0\x00\x02\x01", owner=b"\xc0" + bytes([12 + len(question)])), 1)]
        if what == "lies":  # about somebody else's name
            return [message(record(b"\xc0\x00\x02\x42", owner=b"\x02mx\x05plain\x04test\x00"), 1)]
        if what == "short":
            return [message(record(b"\xc0\x00\x02"), 1)]
        if what == "count":
            return [message(address, 4000)]
        if what == "refused":
            return [message(flags=0x8405)]
        if what == "failed":
            return [message(flags=0x8402)]
        if what == "chain":  # a new alias each time
            return [message(record(bytes([len(f"chain-{len(self.asked)}")]) +
                                   f"chain-{len(self.asked)}".encode() + question[question[0] + 1:-4], 5), 1)]
        return [message(address, 1)]
