"""Mail that goes out: messages a second to Postfix's smtp-sink, in 20 destinations, from reception and from a full queue.

Both servers know the destinations by routes (transport maps) to 20 addresses on loopback, where one smtp-sink listens, and
take mail on port 25 without TLS: Postfix relays for its own networks, GK Mail by aliases. A run from reception begins with
the first connection; one from a full queue when the queue, filled while nobody listened, is told to go. Both end when the
queue is empty; the sink's own count is held against what was sent.
"""

import os
import shutil
import subprocess
import tempfile
import time

from gk import GkMail
from measure import anywhere, cpu_seconds, median, system_calls
from peers import Peers, free_port

DESTINATIONS = 20
SINK = shutil.which("smtp-sink", path=os.environ["PATH"] + ":/usr/sbin")

LIMITS = """\
user_messages_per_hour = 0
user_messages_per_day = 0
user_recipients_per_hour = 0
user_recipients_per_day = 0
domain_messages_per_hour = 0
domain_messages_per_day = 0
domain_recipients_per_hour = 0
domain_recipients_per_day = 0
connections_per_minute = 0
messages_per_minute = 0
messages_per_hour = 0
"""


def names():
    return [f"d{i}.test" for i in range(DESTINATIONS)]


def address(i):
    return f"127.0.9.{i + 1}"


class Sink:
    """smtp-sink on every address of loopback."""

    def __init__(self, port):
        self.port = port
        self.process = None

    def start(self):
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        self.out = tempfile.TemporaryFile()  # it says its counts all the time
        self.process = subprocess.Popen([SINK, *user, "-m", "2000", "-c", f"0.0.0.0:{self.port}", "1000"], stdout=self.out,
                                        stderr=subprocess.DEVNULL)
        Peers.wait_port(self.port)

    def stop(self):
        """How many messages it took."""
        if self.process is None:
            return 0
        self.process.terminate()
        self.process.wait()
        self.process = None
        self.out.seek(0)
        out = self.out.read().decode()
        self.out.close()
        # "sess=20 quit=20 mesg=1000", each over the one before.
        counts = [int(word[5:]) for word in out.split() if word.startswith("mesg=")]
        return counts[-1] if counts else 0


class GkOut(GkMail):
    def start_for(self, port):
        self.config = self.config.replace("[limits]\n", "[limits]\n" + LIMITS) + "".join(
            f'[[route]]\ndomain = "{d}"\nhost = "[{address(i)}]"\nport = {port}\ntls = "none"\n' for i, d in enumerate(names()))
        self.start()
        domain = self.users()[0].split("@")[1]
        self.targets = [f"to-{d}@{domain}" for d in names()]
        for t, d in zip(self.targets, names()):
            self.ctl("alias", "add", t, f"x@{d}")
        return self

    def ctl(self, *arguments):
        return subprocess.run([self.bin / "gkmail", "--dir", self.dir, *arguments], check=True, capture_output=True, text=True).stdout

    def settled(self):
        return self.metrics()["queue_size"] == 0

    def hold(self):
        pass

    def go(self):
        self.ctl("queue", "flush", "all")


class PostfixOut(Peers):
    def start_for(self, port):
        self.write()
        conf = self.dir / "conf"
        (conf / "transport").write_text("".join(f"{d} smtp:[{address(i)}]:{port}\n" for i, d in enumerate(names())))
        with open(conf / "main.cf", "a") as f:
            f.write(f"transport_maps = texthash:{conf}/transport\nsmtp_tls_security_level = none\ndefault_destination_concurrency_limit = 20\n")
        subprocess.run(["postfix", "-c", conf, "set-permissions"], capture_output=True)
        subprocess.run(["postfix", "-c", conf, "check"], capture_output=True)
        with anywhere():
            subprocess.run(["postfix", "-c", conf, "start"], check=True, capture_output=True)
        self.wait_port(self.ports["smtp"])
        self.targets = [f"x@{d}" for d in names()]
        return self

    name = "Postfix"

    def pids(self):
        from peers import descendants
        return descendants({int((self.dir / "postfix/pid/master.pid").read_text())})

    def conf(self, *settings):
        subprocess.run(["postconf", "-c", self.dir / "conf", *settings], check=True)
        subprocess.run(["postfix", "-c", self.dir / "conf", "reload"], check=True, capture_output=True)

    def hold(self):
        self.conf("defer_transports=smtp")

    def go(self):
        self.conf("defer_transports=")
        subprocess.run(["postqueue", "-c", self.dir / "conf", "-f"], check=True)


def wait_settled(server, seconds=300):
    until = time.monotonic() + seconds
    while not server.settled():
        time.sleep(0.01)
        if time.monotonic() > until:
            raise RuntimeError(f"{server.name}: the queue does not empty")


def send(server, load, messages, sessions=20):
    load("-p", server.ports["smtp"], "-s", sessions, "-m", messages, "-l", 4096, "-f", "sender@away.test", "-t",
         ",".join(server.targets))


def finish(server, sink, messages, began, cpu):
    wait_settled(server)
    took = time.monotonic() - began
    cpu = cpu_seconds(server) - cpu
    got = sink.stop()
    if got < messages:
        raise RuntimeError(f"{server.name}: {messages} sent, the sink has {got}")
    return {"rate": messages / took, "cpu": cpu * 1000 / messages}


def from_reception(server, load, sink, messages):
    sink.start()
    cpu, began = cpu_seconds(server), time.monotonic()
    send(server, load, messages)
    return finish(server, sink, messages, began, cpu)


def from_full_queue(server, load, sink, messages):
    server.hold()
    send(server, load, messages)
    time.sleep(1)
    sink.start()
    cpu, began = cpu_seconds(server), time.monotonic()
    server.go()
    return finish(server, sink, messages, began, cpu)


ROWS = (("from reception, 20 sessions, 4 KiB", from_reception, 2000, 5, 5), ("from a full queue, 4 KiB", from_full_queue, 3000, 4, 4))


def outbound_rows(args, load, table, work, build, peers_too):
    table.head(f"Messages a second to {DESTINATIONS} other hosts")
    if SINK is None:
        table.head("(no smtp-sink)")
        return
    sink = Sink(free_port())
    servers = [GkOut(work / "gk-out", build / "bin").start_for(sink.port)]
    if peers_too:
        servers.append(PostfixOut(work / "postfix-out").start_for(sink.port))
    try:
        for name, run, messages, times, goal in ROWS:
            results = [[] for _ in servers]
            for _ in range(args.rounds):
                for s, r in zip(servers, results):
                    r.append(run(s, load, sink, messages * (times if s is servers[0] else 1)))
            table.row(name, [median([x["rate"] for x in r]) for r in results], goal=("ratio", goal))
            table.row("  server CPU, ms a message", [median([x["cpu"] for x in r]) for r in results], "less", digits=2)
        sink.start()
        traced = [system_calls(s, work, lambda s=s: (send(s, load, 400), wait_settled(s))) for s in servers]
        if None not in traced:
            table.row("system calls a message, from reception", [t[0] / 400 for t in traced], "less")
    finally:
        sink.stop()
        for s in servers:
            s.stop()
