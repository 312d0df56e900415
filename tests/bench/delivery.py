"""Mail that comes in: messages a second that are durable in their Maildirs, what each costs, logins.

A run begins with the first connection and ends when the last message is durable: for GK Mail when its queue is empty and
no delivery waits for a checkpoint any more (gkmail_queue_undurable), for Postfix when its queue is empty, since
virtual(8) syncs each file before that. Afterwards the files are counted.
"""

import json
import os
import subprocess
import time

from measure import cpu_seconds, median, system_calls


class Load:
    """The load generator, on one CPU of its own choosing for all servers alike."""

    def __init__(self, tool, cpu):
        self.tool = tool
        self.cpu = cpu

    def __call__(self, *args):
        out = subprocess.run(["taskset", "-c", str(self.cpu), self.tool, *map(str, args)], stdout=subprocess.PIPE,
                             check=True).stdout
        return json.loads(out)


def count_of(server, user):
    dirs = [server.maildir(user) / sub for sub in ("new", "cur")]
    return sum(sum(1 for _ in os.scandir(d)) for d in dirs if d.is_dir())


def wait_settled(server):
    until = time.monotonic() + 300
    while not server.settled():
        time.sleep(0.01)
        if time.monotonic() > until:
            raise RuntimeError(f"{server.name}: the queue does not empty")


def deliver(server, load, sessions, messages, octets, tls=False, each_new=False, to=None):
    users = to or server.users()
    args = ["-p", server.ports["submissions" if tls else "smtp"], "-s", sessions, "-m", messages, "-l", octets,
            "-f", server.users()[0], "-t", ",".join(users)]
    if tls:
        args += ["-T", "tls", "-u", server.login_name(server.users()[0]), "-w", server.password(server.users()[0])]
    if each_new:
        args.append("-1")
    before = sum(count_of(server, u) for u in users)
    cpu = cpu_seconds(server)
    began = time.monotonic()
    result = load(*args)
    wait_settled(server)
    took = time.monotonic() - began
    cpu = cpu_seconds(server) - cpu
    after = sum(count_of(server, u) for u in users)
    if after - before != messages:
        raise RuntimeError(f"{server.name}: {messages} sent, {after - before} in Maildirs")
    return {"rate": messages / took, "p50": result["p50_us"] / 1000, "p99": result["p99_us"] / 1000,
            "max": result["max_us"] / 1000, "cpu": cpu * 1000 / messages,
            "load": 100 * result["load_cpu_seconds"] / took}


# Name, sessions, messages for the peers, how many times as many for GK Mail, octets, TLS and login, a new connection each,
# goal. Both run for seconds: a run ends with the wait for a checkpoint, an eighth of a second on average, which in a run of
# half a second would be a quarter of all.
ROWS = (
    ("1 session, 4 KiB", 1, 1500, 3, 4096, False, False, 3),
    ("20 sessions, 4 KiB", 20, 2000, 8, 4096, False, False, 10),
    ("100 sessions, 4 KiB", 100, 2000, 8, 4096, False, False, 10),
    ("20 sessions, 100 KiB", 20, 1000, 4, 102400, False, False, 5),
    ("TLS, logged in, 1 session", 1, 800, 3, 4096, True, False, 10),
    ("TLS, logged in, 20 sessions", 20, 1500, 6, 4096, True, False, 4),
    ("TLS, new connection and login each, 1 at a time", 1, 120, 6, 4096, True, True, 10),
    ("TLS, new connection and login each, 20 at a time", 20, 500, 5, 4096, True, True, 4),
)


def delivery_rows(servers, load, table, rounds):
    table.head("Messages a second, durable in Maildirs")
    for name, sessions, messages, times, octets, tls, each_new, goal in ROWS:
        results = [[] for _ in servers]
        for _ in range(rounds):
            for s, r in zip(servers, results):
                n = messages * times if s is servers[0] else messages
                r.append(deliver(s, load, sessions, n, octets, tls, each_new))

        def medians(key):
            return [median([x[key] for x in r]) for r in results]
        table.row(name, medians("rate"), goal=("ratio", goal))
        table.row("  MAIL to 250, p50 ms", medians("p50"), "less", digits=2)
        table.row("  MAIL to 250, p99 ms", medians("p99"), "less", digits=2)
        table.row("  longest 250, ms (checkpoints within)", [max(x["max"] for x in r) for r in results], "less")
        table.row("  server CPU, ms a message", medians("cpu"), "less", ("most", 1) if not tls else None, 2)
        table.row("  load generator, % of its CPU", medians("load"), "less")


def call_rows(servers, load, table, work):
    """In runs of their own: a traced server is slow."""
    table.head("System calls a message (strace, 20 sessions, 4 KiB)")
    messages = 400
    traced = [system_calls(s, work, lambda s=s: deliver(s, load, 20, messages, 4096)) for s in servers]
    if None in traced:
        table.head("(no strace)")
        return
    table.row("system calls", [t[0] / messages for t in traced], "less", ("most", 100))
    table.row("of them syncs", [sum(t[1].values()) / messages for t in traced], "less", digits=2)
    for s, t in zip(servers, traced):
        print(f"    {s.name}: {messages} messages, " + ", ".join(f"{n} {k}" for k, n in t[1].items()))


def login_rows(servers, load, table, rounds):
    table.head("IMAP logins a second (TLS handshake, LOGIN, LOGOUT)")
    for sessions, count, goal in ((1, 100, None), (20, 400, 2)):
        results = [[] for _ in servers]
        for _ in range(rounds):
            for s, r in zip(servers, results):
                user = s.users()[1]
                cpu = cpu_seconds(s)
                out = load("-i", "-p", s.ports["imaps"], "-s", sessions, "-m", count, "-T", "tls", "-u",
                           s.login_name(user), "-w", s.password(user))
                cpu = cpu_seconds(s) - cpu
                r.append({"rate": out["rate"], "cpu": cpu * 1000 / count,
                          "load": 100 * out["load_cpu_seconds"] / out["seconds"]})

        def medians(key):
            return [median([x[key] for x in r]) for r in results]
        table.row(f"{sessions} at a time", medians("rate"), goal=goal and ("ratio", goal))
        table.row("  server CPU, ms a login", medians("cpu"), "less", digits=2)
        table.row("  load generator, % of its CPU", medians("load"), "less")
