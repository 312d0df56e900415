"""Honest clients beside hostile ones: 1,000 connections that say an octet a second, and a storm of wrong logins."""

import asyncio
import ssl
import threading
import time

from imapclient import Imap
from measure import percentile

SLOW, GUESSERS, SECONDS = 1000, 50, 8
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)  # the beginning of a TLS handshake


class Crowd(threading.Thread):
    """Runs coroutines beside the honest client, until told to end."""

    def __init__(self, port, clients):
        super().__init__(daemon=True)
        self.port, self.clients = port, clients
        self.ready = threading.Event()
        self.ending = False
        self.said = 0

    def run(self):
        asyncio.run(self.main())

    async def main(self):
        tasks = [asyncio.create_task(self.one(i)) for i in range(self.clients)]
        await asyncio.sleep(2)
        self.ready.set()
        await asyncio.gather(*tasks, return_exceptions=True)

    def end(self):
        self.ending = True
        self.join(30)


class Slow(Crowd):
    async def one(self, _):
        _, w = await asyncio.open_connection("127.0.0.1", self.port)
        for octet in HELLO:
            if self.ending:
                break
            w.write(bytes([octet]))
            await w.drain()
            self.said += 1
            await asyncio.sleep(1)
        w.close()


class Guessers(Crowd):
    async def one(self, i):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        while not self.ending:
            try:
                r, w = await asyncio.open_connection("127.0.0.1", self.port, ssl=context)
                await r.readline()
                w.write(b"a LOGIN %s guess%d\r\n" % (self.user.encode(), self.said))
                await w.drain()
                await r.readline()
                self.said += 1
                w.close()
            except OSError:
                await asyncio.sleep(0.1)


def honest(server, user):
    """Milliseconds of LOGIN and SELECT, and of NOOP in a session that is open."""
    opened, noops = [], []
    c = Imap(server, user)
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        n = Imap(server, user)
        opened.append(n.open())
        n.close()
        noops.append(c.command("NOOP")[0] * 1000)
        time.sleep(0.05)
    c.close()
    return opened, noops


def hostile_rows(servers, table):
    table.head("An honest client, ms")
    users = [s.users()[3] for s in servers]
    told = [("alone", lambda s, u: None),
            (f"beside {SLOW:,} clients at an octet a second", lambda s, u: Slow(s.ports["imaps"], SLOW)),
            (f"beside {GUESSERS} that guess its password", lambda s, u: Guessers(s.ports["imaps"], GUESSERS))]
    for text, make in told:
        opened, noops, said = [], [], []
        for s, u in zip(servers, users):
            crowd = make(s, u)
            if crowd is not None:
                crowd.user = u
                crowd.start()
                crowd.ready.wait()
            o, n = honest(s, u)
            if crowd is not None:
                crowd.end()
            opened.append(o)
            noops.append(n)
            said.append(crowd.said / (SECONDS + 2) if crowd else None)
        if any(said):
            table.row(f"{text}: octets or guesses a second", said, digits=0)
        for p in (50, 99):
            table.row(f"{text}: LOGIN and SELECT, p{p}", [percentile(o, p) for o in opened], "less", digits=2)
            table.row(f"{text}: NOOP, p{p}", [percentile(n, p) for n in noops], "less", digits=2)
