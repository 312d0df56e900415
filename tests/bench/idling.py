"""Clients that wait: memory of a connection in IDLE, and how soon new mail shows there."""

import time

from imapclient import Imap, Smtp
from measure import memory, percentile

BODY = b"From: <a@bench.test>\r\nSubject: news\r\n\r\nText.\r\n"
PARKED = 5  # seconds: beyond imap.park_after and mailbox.linger


def memory_rows(servers, table, connections):
    grown = []
    for s in servers:
        users = s.users()
        time.sleep(PARKED)
        before = memory(s.pids())
        clients = []
        for i in range(connections):
            c = Imap(s, users[i % len(users)])
            c.command("SELECT INBOX")
            c.idle()
            clients.append(c)
        time.sleep(PARKED)
        grown.append((memory(s.pids()) - before) / connections)
        for c in clients:
            c.close()
    table.head(f"{connections} TLS connections in IDLE, parked")
    table.row("KiB of memory each", grown, "less", ("most", 24))


def latencies(server, pause, samples):
    """Milliseconds from the 250 to EXISTS, one user after the other; a pause before each."""
    users = server.users()[:10]
    smtp = Smtp(server)
    clients = []
    for u in users:
        c = Imap(server, u)
        c.command("SELECT INBOX")
        c.idle()
        clients.append(c)
    out = []
    for i in range(samples):
        if pause and i % len(users) == 0:
            time.sleep(pause)
        sent = smtp.send(users[0], users[i % len(users)], BODY)
        out.append(max(0.0, clients[i % len(users)].wait_exists() - sent) * 1000)
    for c in clients:
        c.close()
    smtp.close()
    return out


def latency_rows(servers, table, rounds):
    table.head("From the 250 to EXISTS at a client in IDLE, ms")
    # The peers' half second each is slow enough to be known from few.
    busy = [latencies(s, 0, 60 * rounds if s.name == "GK Mail" else 20) for s in servers]
    parked = [latencies(s, PARKED, 10 * rounds if s.name == "GK Mail" else 10) for s in servers]
    for name, values in (("with a process", busy), ("parked", parked)):
        table.row(f"{name}, p50", [percentile(v, 50) for v in values], "less", digits=2)
        table.row(f"{name}, p99", [percentile(v, 99) for v in values], "less", ("most", 10), 2)
