"""Everything at once, more and more of it, until the suite falls behind; then for long at two thirds of that.

One unit of load a second is 20 messages of strangers with all checks (where there is no nsd: without), 10 of users to users and
10 of users to other hosts (a sink), both over TLS and signed, 80 commands of IMAP clients at work and 80 requests by
WebSocket (Core/echo and lists of 20 messages in turns); besides, --idle IMAP connections of all users hold IDLE and hear
of their mail. The floors of the requirements (100 messages a minute, 10 IMAP connections, 50 WebSocket requests a second)
are less than one unit.

A step holds as long as every kind has 97 % of its rate, a 99th percentile below a second, and a queue that empties. What each
daemon used, the disk, the generators and the queue's syncs are told of each step, and what the last one lacked.
"""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import peers
from gk import GkMail
from measure import memory
from outbound import DESTINATIONS, LIMITS, SINK, Sink, address, names
from screening import STRANGERS, message, zones
from webload import Web, jmap, list_view, wait_until

STEPS = (1, 5, 10, 20, 30, 40, 50, 60, 80, 100, 125, 150, 200, 250, 300)
# Kind: a second in one unit.
UNIT = {"strangers": 20, "to users": 10, "to hosts": 10, "IMAP": 80, "WebSocket": 80}
MAIL = ("strangers", "to users", "to hosts")
ACTIVE, SOCKETS = 64, 128  # IMAP connections at work, WebSockets
ENOUGH, LATE_MS = 0.97, 1000
OWNERS, STARTS = "gkmail_mailbox_owners_active", "gkmail_mailbox_owner_starts_total"
TICK = os.sysconf("SC_CLK_TCK")


class Mixed(Web):
    """The suite with routes to the sink, its clients' files, and what is known of its processes."""

    def __init__(self, args, work, z, sink):
        self.server = GkMail(work / "mixed", Path(args.build).resolve() / "bin", users=args.users or 200, cheap=True)
        limits = "".join(line + "\n" for line in LIMITS.splitlines() if line.split()[0] not in STRANGERS)
        auth = '[auth]\nhash_memory = "8MiB"\nhash_passes = 1\n'
        self.server.config = (
            STRANGERS.replace("[limits]\n", "[limits]\n" + limits).replace("[mailbox]\n", "[mailbox]\nmax_connections = 10000\nmax_owners = 6000\n")
            + auth + "[web]\nrequests_per_minute = 0\n" + (f"[screen]\nenabled = true\n{z.conf()}" if z else "[screen]\nenabled = false\n")
            + "".join(f'[[route]]\ndomain = "{d}"\nhost = "[{address(i)}]"\nport = {sink.port}\ntls = "none"\n'
                      for i, d in enumerate(names())))
        self.server.start()
        self.every = self.server.users()
        self.users = self.every[:SOCKETS]
        self.reader = self.users[-1]
        self.port = self.server.ports["https"]
        self.work = work

    def prepare(self, z, octets=4096):
        """Files that the generators read."""
        domain = self.every[0].split("@")[1]
        subprocess.run([self.server.bin / "gkmail", "--dir", self.server.dir, "dkim", "generate", domain], check=True,
                       capture_output=True)
        self.stranger = self.work / "mixed-stranger"
        self.stranger.write_bytes(message(z.key, octets) if z else b"Subject: load\r\n\r\n" + (b"x" * 72 + b"\r\n") * 54)
        self.passwords = self.work / "mixed-passwords"
        self.passwords.write_text("".join(f"{u}\t{self.server.password(u)}\n" for u in self.every))
        self.to = self.work / "mixed-to"
        self.to.write_text("\n".join(self.every) + "\n")
        self.login()
        inbox = {u: self.call(u, jmap("Mailbox/get", account=self.account[u], ids=None))[0][1]["list"][0]["id"] for u in self.users}
        turns = iter(range(len(self.users)))
        self.requests = self.asking(lambda u: list_view(self.account[u], inbox[u], limit=20) if next(turns) % 2
                                    else jmap("Core/echo", hello="world"), self.users, "socket")

    def names(self):
        """pid -> name of the program; owners, which are children of a process of the same name, apart."""
        found, up = {}, {}
        for pid in self.server.pids():
            try:
                found[pid] = Path(f"/proc/{pid}/comm").read_text().strip().removeprefix("gk-")
                up[pid] = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
        return {pid: "owners" if name == found.get(up.get(pid)) else name for pid, name in found.items()}

    def cpu(self):
        """Seconds by name; an owner that has ended stands in its parent's sums."""
        out = {}
        for pid, name in self.names().items():
            try:
                f = [int(x) for x in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:15]]
            except OSError:
                continue
            out[name] = out.get(name, 0) + (f[0] + f[1]) / TICK
            if name == "mailboxd":
                out["owners"] = out.get("owners", 0) + (f[2] + f[3]) / TICK
        return out

    def memory(self):
        out = {}
        for pid, name in self.names().items():
            out[name] = out.get(name, 0) + memory([pid]) / 1024
        return out

    def owners(self, metric=OWNERS):
        return self.server.metrics()[metric]

    def syncs(self):
        m = self.server.metrics()
        return [m[f"gkmail_queue_{k}"] for k in ("sync_seconds_sum", "sync_seconds_count", "synced_records_total",
                                                 "checkpoint_seconds_sum", "checkpoint_seconds_count")]


class Generator:
    """One program under load; what it told."""

    def __init__(self, load, tool, *args, asks=True):
        self.asks = asks
        self.p = subprocess.Popen(["taskset", "-c", str(load.cpu), load.tool.with_name(tool), *map(str, args)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if asks and self.p.stdout.readline() != "ready\n":
            raise RuntimeError(f"{tool} is not ready")

    def go(self):
        self.p.stdin.write("\n")
        self.p.stdin.flush()

    def told(self):
        line = self.p.stdout.readline()
        self.p.stdin.close()
        self.p.wait()
        return json.loads(line)


def disk_of(path):
    """Milliseconds that the disk of a path had something to do. None where it has no name in diskstats."""
    dev = os.stat(path).st_dev
    for line in Path("/proc/diskstats").read_text().splitlines():
        f = line.split()
        if (int(f[0]), int(f[1])) == (os.major(dev), os.minor(dev)):
            return int(f[12])
    return None


def machine():
    """Seconds of all CPUs: busy, and all."""
    f = [int(x) for x in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(f) - f[3] - f[4]) / TICK, sum(f) / TICK


def start(suite, load, factor, seconds):
    """All five kinds, each at its rate for so many seconds."""
    rate = {k: v * factor for k, v in UNIT.items()}
    ports, one = suite.server.ports, suite.every[0]
    # As many sessions as a second's delay of each message would need, within reason.
    sessions = {k: min(100, max(4, int(rate[k]) // 4)) for k in MAIL}
    login = ("-T", "tls", "-u", one, "-w", suite.server.password(one), "-l", 4096, "-f", one)
    told = {
        "IMAP": Generator(load, "imapload", "-p", ports["imaps"], "-a", suite.passwords, "-s", ACTIVE, "-m",
                          int(rate["IMAP"] * seconds), "-r", int(rate["IMAP"])),
        "WebSocket": Generator(load, "webload", "-p", suite.port, "-s", SOCKETS, "-m", int(rate["WebSocket"] * seconds), "-a",
                               suite.requests, "-w", "-r", int(rate["WebSocket"]))}

    def mail(kind, port, *args):
        return Generator(load, "load", "-p", ports[port], "-s", sessions[kind], "-m", int(rate[kind] * seconds), "-r",
                         int(rate[kind]), *args, asks=False)

    def run():
        for g in told.values():
            g.go()
        told["strangers"] = mail("strangers", "smtp", "-b", suite.stranger, "-f", "a@load.test", "-t", f"@{suite.to}")
        told["to users"] = mail("to users", "submissions", *login, "-t", f"@{suite.to}")
        told["to hosts"] = mail("to hosts", "submissions", *login, "-t", ",".join(f"x@{d}" for d in names()))
        return {k: g.told() for k, g in told.items()}
    return run


def step(suite, load, factor, seconds):
    run = start(suite, load, factor, seconds)
    time.sleep(1)  # logins' owners and the page's first requests are behind
    cpu, disk, whole, syncs, began = suite.cpu(), disk_of(suite.work), machine(), suite.syncs(), time.monotonic()
    started = suite.owners(STARTS)
    told = run()
    took = time.monotonic() - began
    cpu = {k: v - cpu.get(k, 0) for k, v in suite.cpu().items()}
    busy = [b - a for a, b in zip(whole, machine())]
    disk = None if disk is None else (disk_of(suite.work) - disk) / took / 1000
    syncs = [b - a for a, b in zip(syncs, suite.syncs())]
    waiting = suite.server.metrics()["queue_size"]
    ended = time.monotonic()
    wait_until("the queue to empty", lambda: suite.server.metrics()["queue_size"] == 0)
    behind = time.monotonic() - ended
    return {"factor": factor, "seconds": took, "told": told, "cpu": cpu, "disk": disk, "machine": busy[0] / busy[1],
            "others": busy[0] / took - (sum(cpu.values()) + sum(t["load_cpu_seconds"] for t in told.values())) / took,
            "generators": sum(t["load_cpu_seconds"] for t in told.values()) / took, "waiting": waiting, "behind": behind,
            "sync_ms": syncs[0] * 1000 / max(1, syncs[1]), "syncs": syncs[1] / took, "batch": syncs[2] / max(1, syncs[1]),
            "checkpoint_ms": syncs[3] * 1000 / max(1, syncs[4]), "memory": suite.memory(),
            "owners": suite.owners(), "started": suite.owners(STARTS) - started}


def missed(s):
    """What a step did not hold, in words."""
    out = []
    for kind, t in s["told"].items():
        asked = UNIT[kind] * s["factor"]
        if t["failed"]:
            out.append(f"{kind}: {t['failed']} failed")
        elif t["rate"] < asked * ENOUGH:
            out.append(f"{kind}: {t['rate']:,.0f} of {asked:,.0f} a second")
        elif t["p99_us"] / 1000 > LATE_MS:
            out.append(f"{kind}: p99 {t['p99_us'] / 1000:,.0f} ms")
    if s["behind"] > 2:
        out.append(f"the queue: {s['waiting']:,.0f} waiting, empty {s['behind']:.1f} s later")
    return out


def bottleneck(s):
    """Which resource was at its end; each daemon's loop is one thread, so that one CPU is its end."""
    cpus = os.cpu_count()
    used = sorted(((v / s["seconds"], k) for k, v in s["cpu"].items()), reverse=True)
    first = ", ".join(f"{k} {v * 100:.0f} %" for v, k in used[:4])
    single = [x for x in used if x[1] != "owners"]
    if single and single[0][0] > 0.9:
        return f"one CPU, by {single[0][1]}, which has one loop"
    if s["generators"] > 0.9:
        return f"the generators, which have one CPU of {cpus} ({s['generators'] * 100:.0f} % of it); of the suite {first}"
    if s["machine"] > 0.92:
        return (f"all {cpus} CPUs ({s['machine'] * 100:.0f} %), of one CPU: generators {s['generators'] * 100:.0f} %, "
                f"kernel and others {s['others'] * 100:.0f} %, {first}")
    if s["disk"] is not None and s["disk"] > 0.9:
        return f"the disk ({s['disk'] * 100:.0f} % of the time at work; a sync takes {s['sync_ms']:.2f} ms)"
    return f"none is at its end: CPUs {s['machine'] * 100:.0f} %, a sync {s['sync_ms']:.2f} ms; {first}"


def tell(s):
    mail = sum(s["told"][k]["rate"] for k in MAIL)
    disk = "-" if s["disk"] is None else f"{s['disk'] * 100:.0f} %"
    print(f"\n  {s['factor']:g} units for {s['seconds']:.0f} s: {mail:,.0f} messages, {s['told']['IMAP']['rate']:,.0f} IMAP commands, "
          f"{s['told']['WebSocket']['rate']:,.0f} WebSocket requests a second; {s['told']['IMAP']['exists']:,} EXISTS")
    print("    " + "; ".join(f"{k} {t['p50_us'] / 1000:.2f} / {t['p99_us'] / 1000:.1f} / {t['max_us'] / 1000:.0f}"
                             for k, t in s["told"].items()) + "   (p50 / p99 / longest, ms)")
    print("    CPU, % of one: " + ", ".join(f"{k} {v / s['seconds'] * 100:.0f}" for k, v in
                                            sorted(s["cpu"].items(), key=lambda x: -x[1]) if v / s["seconds"] > 0.005)
          + f"; generators {s['generators'] * 100:.0f}, kernel and others {s['others'] * 100:.0f}; all CPUs {s['machine'] * 100:.0f} %")
    path = sum(s["cpu"].get(k, 0) for k in ("smtpd", "screen", "dnsd", "sign", "queue", "local", "remote", "connect", "authd"))
    read = {"IMAP command, imapd alone": ("imapd", "IMAP"), "WebSocket request, webd alone": ("webd", "WebSocket")}
    print(f"    CPU, ms: a message, without owners {path * 1000 / (mail * s['seconds']):.2f}; " + "; ".join(
        f"a {k} {s['cpu'].get(d, 0) * 1000 / (s['told'][t]['rate'] * s['seconds']):.2f}" for k, (d, t) in read.items()))
    print(f"    syncs {s['syncs']:.0f}/s of {s['batch']:.1f} records, {s['sync_ms']:.2f} ms each, checkpoints {s['checkpoint_ms']:.0f} ms; disk at work {disk}; "
          f"{s['waiting']:.0f} waiting at the end; memory {sum(s['memory'].values()):.0f} MiB (owners {s['memory'].get('owners', 0):.0f}: "
          f"{s['owners']:.0f}, {s['started']:.0f} started meanwhile)", flush=True)


def ramp(suite, load, seconds):
    best = 0
    for factor in STEPS:
        s = step(suite, load, factor, seconds)
        tell(s)
        lacking = missed(s)
        if lacking:
            print(f"    MISSED: {'; '.join(lacking)}\n    at its end: {bottleneck(s)}", flush=True)
            break
        best = factor
    return best


def sustained(suite, load, table, factor, seconds):
    """Four times the same: memory and latency must not grow."""
    parts = [step(suite, load, factor, seconds / 4) for _ in range(4)]
    for s in parts:
        tell(s)
    table.head(f"Sustained: {factor:g} units, {len(parts)} times {seconds / 4:.0f} s")
    table.row("messages a second (floor: 1.7)", [min(sum(s["told"][k]["rate"] for k in MAIL) for s in parts)], digits=0)
    table.row("IMAP commands a second", [min(s["told"]["IMAP"]["rate"] for s in parts)], digits=0)
    table.row("WebSocket requests a second (floor: 50)", [min(s["told"]["WebSocket"]["rate"] for s in parts)], digits=0)
    for kind in UNIT:
        table.row(f"  {kind}, p99 ms, the worst part", [max(s["told"][kind]["p99_us"] for s in parts) / 1000], "less")
    table.row("failed", [sum(t["failed"] for s in parts for t in s["told"].values())], "less", ("most", 0), 0)
    for what, s in (("first", parts[0]), ("last", parts[-1])):
        table.row(f"MiB without owners, after the {what} part",
                  [sum(v for k, v in s["memory"].items() if k != "owners")], "less")


def owners_leave(suite):
    wait_until("owners to leave", lambda: suite.owners() == 0)


def mixed_rows(args, load, table, work):
    table.head(f"All at once, {args.seconds} s a step; {args.idle} more connections in IDLE")
    if SINK is None:
        table.head("(no smtp-sink)")
        return
    nsd = shutil.which("nsd", path=os.environ["PATH"] + ":/usr/sbin") and shutil.which("ldns-signzone")
    sink = Sink(peers.free_port())
    sink.start()
    z, suite, held = zones(work) if nsd else None, None, None
    try:
        suite = Mixed(args, work, z, sink)
        suite.prepare(z)
        print(f"    strangers' mail {'with' if z else 'WITHOUT'} checks; {len(suite.every)} users, {DESTINATIONS} destinations")
        if args.idle:
            owners_leave(suite)
            before = memory(suite.server.pids())
            held = Generator(load, "imapload", "-p", suite.server.ports["imaps"], "-a", suite.passwords, "-k", args.idle)
            wait_until("the connections to park", lambda: suite.server.metrics()["gkmail_imap_connections_parked"] >= args.idle)
            owners_leave(suite)
            table.row(f"KiB of memory each of {args.idle:,} connections in IDLE",
                      [(memory(suite.server.pids()) - before) / args.idle], "less", ("most", 24))
        best = args.units or ramp(suite, load, args.seconds) * 2 / 3
        if best:
            sustained(suite, load, table, max(1, best), args.seconds * 4)
        if held:
            held.go()
            out = held.told()
            table.row("held connections that ended", [out["failed"]], "less", ("most", 0), 0)
            table.row("EXISTS that they heard", [out["exists"]], digits=0)
    finally:
        if suite:
            suite.server.stop()
        if z:
            z.stop()
        print(f"    the sink took {sink.stop():,} messages")
