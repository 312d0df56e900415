"""Mail of strangers with all checks (SPF, DKIM, DMARC, names, score) and without any: what they cost.

Each message bears an RSA signature and is checked in whole; the name server is nsd on loopback, whose answers gk-dnsd keeps
as it would those of a busy sender. Both suites are alike but for [screen] enabled.
"""

import os
import shutil
import sys
import time
from pathlib import Path

from delivery import cpu_seconds, count_of, wait_settled
from gk import GkMail
from measure import median

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))

# Name, sessions, messages, octets, the most CPU that the checks may add to a message, in ms.
ROWS = (
    ("20 sessions, 4 KiB", 20, 8000, 4096, 0.5),
    ("20 sessions, 100 KiB", 20, 2000, 102400, 1.5),
)
STRANGERS = """\
[limits]
connections = 100000
connections_per_ip = 100000
trusted_networks = []
messages_per_minute = 0
messages_per_hour = 0
connections_per_minute = 0
[smtp]
greet_delay = "0s"
[mailbox]
linger = "1s"
[queue]
checkpoint = "250ms"
"""


def zones(work):
    from dkimsign import Key
    from zones import Zones, free_port

    class Sender(Zones):
        signed = ("root",)
        plain = ("load.test", "test", "127.in-addr.arpa")

        def __init__(self, directory):
            self.dir = directory
            self.dir.mkdir()
            self.port = free_port()
            self.anchors = []
            self.key = Key(directory, "load.test", "s1")
            self.sign("root")
            self.write("test", "")
            self.write("127.in-addr.arpa", "1.0.0 IN PTR mail.load.test.")
            self.write("load.test", '@ IN TXT "v=spf1 a:mail.load.test -all"\n_dmarc IN TXT "v=DMARC1; p=reject"\n'
                       f"mail IN A 127.0.0.1\n{self.key.zone_line()}")
            self.start()

    return Sender(work / "senders")


def message(key, octets):
    head = (f"From: a@load.test\r\nTo: undisclosed-recipients:;\r\nSubject: load\r\nMessage-ID: <1@load.test>\r\n"
            f"Date: {time.strftime('%a, %d %b %Y %H:%M:%S +0000', time.gmtime())}\r\n\r\n")
    return key.sign((head + ("x" * 72 + "\r\n") * ((octets - len(head)) // 74)).encode())


def deliver(server, load, sessions, messages, path):
    before, cpu, began = sum(count_of(server, u) for u in server.users()), cpu_seconds(server), time.monotonic()
    result = load("-p", server.ports["smtp"], "-s", sessions, "-m", messages, "-b", path, "-f", "a@load.test", "-t",
                  ",".join(server.users()))
    wait_settled(server)
    took, cpu = time.monotonic() - began, cpu_seconds(server) - cpu
    if sum(count_of(server, u) for u in server.users()) - before != messages:
        raise RuntimeError("not every message is in INBOX")
    return {"rate": messages / took, "p50": result["p50_us"] / 1000, "cpu": cpu * 1000 / messages}


def screening_rows(load, table, rounds, work, build):
    table.head("Mail of strangers, messages a second durable in Maildirs: all checks on, and off")
    if not shutil.which("nsd", path=os.environ["PATH"] + ":/usr/sbin") or not shutil.which("ldns-signzone"):
        table.head("(no nsd, or no ldnsutils)")
        return
    z, suites = zones(work), {}
    try:
        for name, on in (("on", "true"), ("off", "false")):
            s = suites[name] = GkMail(work / f"checks-{name}", build / "bin")
            s.config = f"{STRANGERS}[screen]\nenabled = {on}\n{z.conf()}"
            s.start()
        for name, sessions, messages, octets, most in ROWS:
            path = work / f"stranger-{octets}"
            path.write_bytes(message(z.key, octets))
            r = {k: [] for k in suites}
            for _ in range(rounds):
                for k, s in suites.items():
                    r[k].append(deliver(s, load, sessions, messages, path))
            for key, text in (("rate", name), ("p50", "  MAIL to 250, p50 ms"), ("cpu", "  server CPU, ms a message")):
                on, off = (median([x[key] for x in r[k]]) for k in ("on", "off"))
                print(f"  {text:<52}{on:>15.2f} on{off:>14.2f} off{on / off:>9.2f}x", flush=True)
                table.rows.append({"name": f"checks, {name}: {key}", "values": [on, off], "ratio": on / off, "goal": None})
            extra = median([x["cpu"] for x in r["on"]]) - median([x["cpu"] for x in r["off"]])
            print(f"    the checks, CPU ms a message{extra:>40.2f}    at most {most}", flush=True)
            if extra > most:
                table.behind.append(f"checks, {name}")
    finally:
        for s in suites.values():
            s.stop()
        z.stop()
