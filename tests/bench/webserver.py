"""gk-webd: requests and messages a second with their times, CPU of each, and memory of an open WebSocket. GK Mail alone.

The client is one Python process on one CPU and costs more than the server: read the server's CPU beside the rates.
"""

import base64
import http.client
import json
import os
import selectors
import socket
import ssl
import time

from gk import GkMail
from imapclient import CONTEXT
from measure import cpu_seconds, memory, percentile

SECONDS = 4
CONNECTIONS = (1, 100, 1000)
CORE = "urn:ietf:params:jmap:core"
ECHO = {"using": [CORE], "methodCalls": [["Core/echo", {"hello": "world"}, "c"]]}


class Conn:
    """A TLS connection that asks the same again and again; `done` says whether the octets hold a whole answer."""

    def __init__(self, port, question, done):
        s = socket.create_connection(("127.0.0.1", port), timeout=120)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.s = CONTEXT.wrap_socket(s, server_hostname="localhost")
        self.question, self.done, self.have = question, done, b""

    def upgrade(self, head):
        self.s.sendall(head)
        while b"\r\n\r\n" not in self.have:
            self.have += self.s.recv(65536)
        assert b" 101 " in self.have[:20], self.have
        self.have = self.have.partition(b"\r\n\r\n")[2]

    def ask(self):
        self.began = time.monotonic()
        self.s.sendall(self.question)

    def read(self):
        """True when an answer is whole."""
        try:
            while True:
                some = self.s.recv(65536)
                assert some, self.have
                self.have += some
                if self.s.pending() == 0:
                    break
        except ssl.SSLWantReadError:
            return False
        n = self.done(self.have)
        if n:
            self.have = self.have[n:]
        return bool(n)


def http_done(data):
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return 0
    assert data[9:12] == b"200", data[:head]
    at = data.lower().find(b"content-length: ", 0, head)
    if at >= 0:
        n = head + 4 + int(data[at + 16:data.index(b"\r", at)])
        return n if len(data) >= n else 0
    return len(data) if data.endswith(b"0\r\n\r\n") else 0


def frame_done(data):
    """One unmasked frame without fragments."""
    if len(data) < 2:
        return 0
    n, at = data[1] & 127, 2
    if n == 126:
        n, at = int.from_bytes(data[2:4], "big"), 4
    return at + n if len(data) >= at + n else 0


def drive(server, conns, seconds):
    """Each connection has one question under way: rate, milliseconds of each, server's CPU in microseconds each."""
    selector = selectors.EpollSelector()
    for c in conns:
        c.s.setblocking(False)
        selector.register(c.s, selectors.EVENT_READ, c)
    times, cpu, began = [], cpu_seconds(server), time.monotonic()
    for c in conns:
        c.ask()
    end, waiting = began + seconds, len(conns)
    while waiting:
        for key, _ in selector.select(60):
            c = key.data
            if not c.read():
                continue
            now = time.monotonic()
            times.append((now - c.began) * 1000)
            if now < end:
                c.ask()
            else:
                waiting -= 1
    took = time.monotonic() - began
    for c in conns:
        selector.unregister(c.s)
        c.s.setblocking(True)
    return len(times) / took, times, (cpu_seconds(server) - cpu) * 1e6 / len(times)


def login(server, user):
    """A session's cookie and the account."""
    c = http.client.HTTPSConnection("localhost", server.ports["https"], context=CONTEXT)
    origin = f"https://localhost:{server.ports['https']}"
    c.request("POST", "/auth/login", json.dumps({"user": user, "password": server.password(user)}),
              {"Content-Type": "application/json", "Origin": origin})
    r = c.getresponse()
    r.read()
    assert r.status == 204, r.status
    cookie = r.getheader("Set-Cookie").split(";")[0]
    c.request("GET", "/.well-known/jmap", headers={"Cookie": cookie, "Sec-Fetch-Site": "same-origin"})
    account = next(iter(json.loads(c.getresponse().read())["accounts"]))
    c.close()
    return f"Host: localhost:{server.ports['https']}\r\nCookie: {cookie}\r\nOrigin: {origin}\r\n", account


def post(fields, request):
    body = json.dumps(request).encode()
    return (f"POST /jmap/api HTTP/1.1\r\n{fields}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            .encode() + body)


def mailboxes(account):
    return {"using": [CORE, "urn:ietf:params:jmap:mail"],
            "methodCalls": [["Mailbox/get", {"accountId": account, "ids": None}, "c"]]}


def masked(message):
    payload = json.dumps(message).encode()
    size = bytes([128 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
    return b"\x81" + size + b"\0\0\0\0" + payload


def sockets(server, logins, n):
    key = base64.b64encode(os.urandom(16)).decode()
    more = (f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: jmap\r\n\r\n")
    out = []
    for i in range(n):
        head = f"GET /jmap/ws HTTP/1.1\r\n{logins[i % len(logins)][0]}{more}".encode()
        c = Conn(server.ports["https"], masked({"@type": "Request"} | ECHO), frame_done)
        c.upgrade(head)
        out.append(c)
    return out


def tell(table, name, result):
    rate, times, cpu = result
    table.row(f"{name}, a second", [rate], digits=0)
    table.row("    p50, ms", [percentile(times, 50)], "less", digits=2)
    table.row("    p99, ms", [percentile(times, 99)], "less", digits=2)
    table.row("    server CPU each, µs", [cpu], "less", digits=0)


def web_rows(table, work, binaries, seconds=SECONDS):
    # A user may have 20 WebSockets.
    server = GkMail(work / "web", binaries, users=60, cheap=True).start()
    try:
        measure(server, table, seconds)
    finally:
        server.stop()


def memory_rows(server, webd, table, logins):
    """First of all, as memory of connections that are over is used again. Owners come and go, and are left out."""
    n = CONNECTIONS[-1]
    before = memory([webd])
    conns = sockets(server, logins, n)
    time.sleep(2)
    table.head(f"{n} open WebSockets of {len(logins)} users, before their first message")
    table.row("KiB of gk-webd each", [(memory([webd]) - before) / n], "less")
    for c in conns:
        c.s.close()


def measure(server, table, seconds):
    port = server.ports["https"]
    webd = next(p["pid"] for p in server.info["processes"] if p["name"] == "webd")
    logins = [login(server, u) for u in server.users()]
    page = [f"GET / HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode()]
    questions = [("the page, HTTP/1.1", page), ("JMAP Core/echo, HTTP/1.1", [post(fields, ECHO) for fields, _ in logins]),
                 ("JMAP Mailbox/get, HTTP/1.1", [post(fields, mailboxes(account)) for fields, account in logins])]
    memory_rows(server, webd, table, logins)
    for n in CONNECTIONS:
        table.head(f"{n} TLS connection{'s' if n > 1 else ''}, each with one question under way; the users take turns")
        # A user may have 8 requests under way.
        for name, octets in questions if n < 8 * len(logins) else questions[:1]:
            conns = [Conn(port, octets[i % len(octets)], http_done) for i in range(n)]
            tell(table, name, drive(server, conns, seconds))
            for c in conns:
                c.s.close()
        conns = sockets(server, logins, n)
        tell(table, "JMAP Core/echo, WebSocket", drive(server, conns, seconds))
        for c in conns:
            c.s.close()
