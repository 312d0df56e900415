"""Thousands of users with a parked connection each while mail comes to all of them at a steady rate."""

import selectors
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from gk import GkMail
from imapclient import Imap
from measure import cpu_seconds, percentile

RATE, SECONDS = 2000, 10
STARTS = "gkmail_mailbox_owner_starts_total"


class Watch(threading.Thread):
    """Notes when each client of a sample sees EXISTS."""

    def __init__(self, clients):
        super().__init__(daemon=True)
        self.selector = selectors.DefaultSelector()
        self.seen = [[] for _ in clients]
        for i, c in enumerate(clients):
            c.s.setblocking(False)
            self.selector.register(c.s, selectors.EVENT_READ, (i, c.s))
        self.ending = False

    def run(self):
        while not self.ending:
            for key, _ in self.selector.select(0.2):
                i, s = key.data
                try:
                    if b"EXISTS" in s.recv(65536):
                        self.seen[i].append(time.time())
                except OSError:
                    continue


def crowd_rows(args, load, table, work):
    from pathlib import Path
    server = GkMail(work / "crowd", Path(args.build).resolve() / "bin", users=args.users, cheap=True).start()
    try:
        measure(server, args.users, load, table, work)
    finally:
        server.stop()


def measure(server, users, load, table, work):
    def settle(address):
        c = Imap(server, address)
        c.command("SELECT INBOX")
        c.idle()
        return c

    addresses = server.users()
    with ThreadPoolExecutor(8) as pool:
        clients = list(pool.map(settle, addresses))
    time.sleep(6)
    before = server.metrics()
    parked = before["gkmail_imap_connections_parked"]
    cpu = cpu_seconds(server)
    sample = list(range(0, users, 10))
    watch = Watch([clients[i] for i in sample])
    watch.start()
    listed = work / "addresses"
    listed.write_text("\n".join(addresses) + "\n")
    began = time.time()
    out = load("-p", server.ports["smtp"], "-s", 100, "-m", RATE * SECONDS, "-l", 4096, "-f", addresses[0], "-t",
               f"@{listed}", "-r", RATE)
    time.sleep(3)
    cpu = cpu_seconds(server) - cpu
    owners = server.metrics()[STARTS] - before[STARTS]
    watch.ending = True
    watch.join()
    # Message n is due at n / RATE for user n mod users: the first EXISTS at or after that is for it or a later one.
    late = []
    for user, seen in zip(sample, watch.seen):
        for n in range(user, RATE * SECONDS, users):
            due = began + n / RATE
            after = [t for t in seen if t >= due]
            late.append((after[0] - due) * 1000 if after else 3000)
    table.head(f"{RATE:,} messages/s across {users:,} users, {parked:,.0f} connections parked before")
    table.row("messages a second taken", [out["rate"]], goal=("least", RATE * 0.98), digits=0)
    table.row("MAIL (when due) to 250, p50 ms", [out["p50_us"] / 1000], "less")
    table.row("MAIL (when due) to 250, p99 ms", [out["p99_us"] / 1000], "less")
    table.row("due to EXISTS, p50 ms", [percentile(late, 50)], "less")
    table.row("due to EXISTS, p99 ms", [percentile(late, 99)], "less")
    table.row("server CPU, ms a message", [cpu * 1000 / (RATE * SECONDS)], "less", digits=2)
    table.row("owners started meanwhile", [owners], "less", digits=0)
    for c in clients:
        c.close()
