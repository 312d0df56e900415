"""GK Mail beside Debian's Postfix + Dovecot, in one run on one disk: a table with ratios.

Each row is measured in interleaved rounds (A B A B …); the table shows medians and the ratio of medians. "Into Maildirs"
ends when the last message is in its Maildir and durable: for GK Mail after a sync of the file system that stands for its
next checkpoint, for Postfix when virtual(8) has synced the last file, which it does by itself.

    make bench [BENCH="--rounds 5 --messages 2000"]
"""

import argparse
import json
import os
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import peers  # noqa: E402


class GkMail:
    name = "GK Mail"

    def __init__(self, directory, binaries):
        self.dir = Path(directory)
        self.bin = Path(binaries)

    def start(self):
        extra = self.dir.parent / "extra.toml"
        extra.write_text("[limits]\nconnections_per_ip = 100000\nconnections = 100000\n[log]\nlevel = \"info\"\n")
        self.process = subprocess.Popen([self.bin / "gkmail", "sandbox", "--dir", self.dir, "--json", "--users",
                                         str(peers.USERS), "--config", extra], stdout=subprocess.PIPE)
        self.info = json.loads(self.process.stdout.readline())
        self.ports = self.info["ports"]
        return self

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def users(self):
        return [u["address"] for u in self.info["users"]]

    def password(self, user):
        return next(u["password"] for u in self.info["users"] if u["address"] == user)

    def login_name(self, user):
        return user

    def maildir(self, user):
        return Path(next(u["maildir"] for u in self.info["users"] if u["address"] == user))

    def pids(self):
        return peers.descendants({self.info["pid"]})


def count(server):
    return sum(count_of(server, user) for user in server.users())


def count_of(server, user):
    dirs = [server.maildir(user) / sub for sub in ("new", "cur")]
    return sum(sum(1 for _ in os.scandir(d)) for d in dirs if d.is_dir())


def load(server, tool, sessions, messages, octets, tls=False, to=None):
    """Messages a second from the first connection until the last is durable in its Maildir, and the 250 latencies."""
    users = server.users()
    command = [tool, "-p", str(server.ports["submissions" if tls else "smtp"]), "-s", str(sessions), "-m", str(messages),
               "-l", str(octets), "-f", users[0], "-t", ",".join(to or users)]
    if tls:
        command += ["-T", "tls", "-u", server.login_name(users[0]), "-w", server.password(users[0])]
    before = count(server)
    cpu = cpu_seconds(server)
    began = time.monotonic()
    result = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    while count(server) < before + messages:
        time.sleep(0.005)
        if time.monotonic() - began > 300:
            raise RuntimeError(f"{server.name}: mail is missing")
    if isinstance(server, GkMail):
        os.sync()
    took = time.monotonic() - began
    return {"rate": messages / took, "p50_ms": result["p50_us"] / 1000, "p99_ms": result["p99_us"] / 1000,
            "max_ms": result["max_us"] / 1000, "cpu_ms": (cpu_seconds(server) - cpu) * 1000 / messages,
            "load_cpu": result["load_cpu_seconds"]}


def cpu_seconds(server):
    """CPU of the processes that run now and of their finished children."""
    total = 0
    for pid in server.pids():
        try:
            f = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += sum(int(x) for x in f[11:15])
        except OSError:
            continue
    return total / os.sysconf("SC_CLK_TCK")


class Imap:
    """IMAP by hand: nothing between the socket and the stopwatch."""

    def __init__(self, server, user):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        s = socket.create_connection(("127.0.0.1", server.ports["imaps"]), timeout=120)
        self.s = context.wrap_socket(s, server_hostname="localhost")
        self.s.recv(4096)
        self.command(f"LOGIN {server.login_name(user)} {server.password(user)}")

    def command(self, text):
        """Seconds until the tagged reply, and how many octets came."""
        began = time.monotonic()
        self.s.sendall(b"t " + text.encode() + b"\r\n")
        n, tail = 0, b""
        while True:
            data = self.s.recv(1 << 20)
            if not data:
                raise RuntimeError(f"{text}: connection closed")
            n += len(data)
            tail = (tail + data)[-4000:]
            at = tail.rfind(b"\r\nt ") + 2 if b"\r\nt " in tail else (0 if tail.startswith(b"t ") else -1)
            if at >= 0 and tail.endswith(b"\r\n"):
                if not tail[at:].startswith(b"t OK"):
                    raise RuntimeError(f"{text}: {tail[at:]!r}")
                return time.monotonic() - began, n

    def idle(self):
        self.s.sendall(b"i IDLE\r\n")
        self.s.recv(4096)

    def close(self):
        self.s.close()


def imap_rates(server, user):
    c = Imap(server, user)
    out = {}
    c.command("SELECT INBOX")
    total = count_of(server, user)
    for name, text in (("FETCH FLAGS", "FETCH 1:* (UID FLAGS)"), ("FETCH ENVELOPE", "FETCH 1:* (ENVELOPE)"),
                       ("FETCH BODY[]", "FETCH 1:* (BODY.PEEK[])"), ("SEARCH SUBJECT", "SEARCH SUBJECT load"),
                       ("SEARCH TEXT", "SEARCH TEXT zzzznotthere")):
        seconds, _ = c.command(text)
        out[name] = total / seconds
    c.close()
    return out


def memory(pids):
    """PSS in KiB over processes: shared pages counted once."""
    total = 0
    for pid in pids:
        try:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        except OSError:
            continue
    return total


def idle_memory(server, connections):
    users = server.users()
    time.sleep(15)  # owners of earlier connections leave
    before = memory(server.pids())
    open_ = []
    for i in range(connections):
        c = Imap(server, users[i % len(users)])
        c.command("SELECT INBOX")
        c.idle()
        open_.append(c)
    time.sleep(15)  # beyond imap.park_after and mailbox.linger: all are parked
    grown = memory(server.pids()) - before
    for c in open_:
        c.close()
    return grown / connections


def median_of(rounds, key):
    return statistics.median(r[key] for r in rounds)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", default="build")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--messages", type=int, default=1000)
    p.add_argument("--mailbox", type=int, default=2000, help="messages in the mailbox that is read")
    p.add_argument("--idle", type=int, default=200)
    args = p.parse_args()
    work = Path(tempfile.mkdtemp(prefix="gkb-", dir=os.environ.get("TMPDIR", "/var/tmp")))
    work.chmod(0o755)
    tool = Path(args.build).resolve() / "tools/load"
    servers = [GkMail(work / "gk", Path(args.build).resolve() / "bin").start()]
    if peers.available():
        servers.append(peers.Peers(work / "peers").start())
    else:
        print("Postfix and Dovecot need root and their packages: GK Mail is measured alone.")
    try:
        run(servers, tool, args)
    finally:
        for s in servers:
            s.stop()
        shutil.rmtree(work, ignore_errors=True)


def show(name, values, better="more"):
    row = f"{name:<44}" + "".join(f"{v:>20.1f}" for v in values)
    if len(values) == 2 and values[0] and values[1]:
        ratio = values[0] / values[1] if better == "more" else values[1] / values[0]
        row += f"{ratio:>10.1f}x"
    print(row, flush=True)


def run(servers, tool, args):
    print(f"{'':<44}" + "".join(f"{s.name:>20}" for s in servers) + f"{'ratio':>11}")
    kinds = [("1 session, 4 KiB", 1, args.messages // 4, 4096, False), ("20 sessions, 4 KiB", 20, args.messages, 4096, False),
             ("20 sessions, 100 KiB", 20, args.messages // 4, 102400, False),
             ("1 session, 4 KiB, TLS and login", 1, args.messages // 4, 4096, True),
             ("20 sessions, 4 KiB, TLS and login", 20, args.messages, 4096, True)]
    for name, sessions, messages, octets, tls in kinds:
        results = [[] for _ in servers]
        for _ in range(args.rounds):
            for s, r in zip(servers, results):
                r.append(load(s, tool, sessions, messages, octets, tls))
        show(f"into Maildirs, messages/s: {name}", [median_of(r, "rate") for r in results])
        show("  250 after MAIL, p50 ms", [median_of(r, "p50_ms") for r in results], "less")
        show("  250 after MAIL, p99 ms", [median_of(r, "p99_ms") for r in results], "less")
        show("  server CPU, ms a message", [median_of(r, "cpu_ms") for r in results], "less")
        show("  load generator CPU, s", [median_of(r, "load_cpu") for r in results], "less")
    reader = peers.USERS - 1
    for s in servers:
        load(s, tool, 20, args.mailbox, 4096, to=[s.users()[reader]])
    for state in ("first", "again"):
        rounds = [[] for _ in servers]
        for _ in range(1 if state == "first" else args.rounds):
            for s, r in zip(servers, rounds):
                r.append(imap_rates(s, s.users()[reader]))
        for key in rounds[0][0]:
            show(f"messages/s: {key} ({state})", [median_of(r, key) for r in rounds])
    show(f"KiB of memory a TLS connection in IDLE ({args.idle})", [idle_memory(s, args.idle) for s in servers], "less")


if __name__ == "__main__":
    main()
