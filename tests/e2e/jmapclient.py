"""A JMAP client of the tests: requests over HTTP, WebSockets in raw frames, event sources."""

import base64
import contextlib
import http.client
import json
import os
import socket
import struct
import threading

CORE = "urn:ietf:params:jmap:core"
MAIL = "urn:ietf:params:jmap:mail"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def basic(suite, user="alice", password=None):
    u = suite.user(user)
    return "Basic " + base64.b64encode(f"{u['address']}:{password or u['password']}".encode()).decode()


def echo(**arguments):
    return {"using": [CORE], "methodCalls": [["Core/echo", arguments, "c"]]}


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    def json(self):
        return json.loads(self.body)


class Jmap:
    """A program that speaks JMAP over HTTP, one connection a request."""

    def __init__(self, suite, user="alice", password=None, headers=None):
        self.suite, self.user = suite, user
        self.headers = headers or {"Authorization": basic(suite, user, password)}

    def connection(self):
        return http.client.HTTPSConnection("localhost", self.suite.port("https"), context=self.suite.tls(), timeout=60)

    def ask(self, method, path, body=None, headers=None):
        if isinstance(body, dict):
            body, headers = json.dumps(body).encode(), {"Content-Type": "application/json"} | (headers or {})
        with contextlib.closing(self.connection()) as c:
            c.request(method, path, body, self.headers | (headers or {}))
            return Answer(c.getresponse())

    def api(self, request):
        return self.ask("POST", "/jmap/api", request)

    def session(self):
        a = self.ask("GET", "/.well-known/jmap")
        assert a.status == 200, a.body
        return a.json()

    @property
    def account(self):
        return self.session()["primaryAccounts"][MAIL]

    def upload(self, octets, kind="application/octet-stream", account=None):
        return self.ask("POST", f"/jmap/upload/{account or self.account}/", octets, {"Content-Type": kind})

    def socket(self, **more):
        return WebSocket(self, **more)

    def events(self, **more):
        return Events(self, **more)


class Closed(Exception):
    """The other side has closed: its code (None: without a word)."""


def tls_to(suite, receive=None):
    s = socket.socket()
    if receive:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    s.settimeout(20)
    s.connect(("127.0.0.1", suite.port("https")))
    return suite.tls().wrap_socket(s, server_hostname="localhost")


class WebSocket:
    """RFC 6455 by hand, so that a test may break every rule of it."""

    def __init__(self, jmap, protocol="jmap", headers=None, receive=None, path="/jmap/ws"):
        self.sock = tls_to(jmap.suite, receive)
        lines = {"Host": f"localhost:{jmap.suite.port('https')}", "Upgrade": "websocket", "Connection": "Upgrade",
                 "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
                 "Sec-WebSocket-Protocol": protocol} | jmap.headers | (headers or {})
        head = f"GET {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items() if v is not None)
        self.sock.sendall(head.encode() + b"\r\n")
        self.have = b""
        while b"\r\n\r\n" not in self.have:
            self.have += self.receive()
        head, _, self.have = self.have.partition(b"\r\n\r\n")
        self.head = head.decode()
        self.status = int(self.head.split()[1])

    def __enter__(self):
        assert self.status == 101, self.head
        return self

    def __exit__(self, *_):
        self.sock.close()

    def receive(self):
        try:
            octets = self.sock.recv(65536)
        except ConnectionError:
            octets = b""
        if not octets:
            raise Closed(None)
        return octets

    def take(self, n):
        while len(self.have) < n:
            self.have += self.receive()
        octets, self.have = self.have[:n], self.have[n:]
        return octets

    @staticmethod
    def frame(payload, opcode=TEXT, fin=True, mask=True, rsv=0):
        n = len(payload)
        head = bytes([fin << 7 | rsv << 4 | opcode])
        size = bytes([n]) if n < 126 else b"\x7e" + struct.pack(">H", n) if n < 65536 else b"\x7f" + struct.pack(">Q", n)
        if not mask:
            return head + size + payload
        key = os.urandom(4)
        whole = (key * (n // 4 + 1))[:n]
        masked = (int.from_bytes(payload, "big") ^ int.from_bytes(whole, "big")).to_bytes(n, "big")
        return head + bytes([size[0] | 0x80]) + size[1:] + key + masked

    def send(self, message, **how):
        if isinstance(message, dict):
            message = json.dumps(message)
        if isinstance(message, str):
            message = message.encode()
        self.sock.sendall(self.frame(message, **how))

    def next_frame(self):
        a, b = self.take(2)
        assert not b & 0x80, "a server never masks"
        n = b & 0x7f
        if n == 126:
            n = struct.unpack(">H", self.take(2))[0]
        elif n == 127:
            n = struct.unpack(">Q", self.take(8))[0]
        return a & 0x0f, bool(a & 0x80), self.take(n)

    def next(self):
        """The next message, as JSON; pings are answered."""
        whole = b""
        while True:
            opcode, fin, payload = self.next_frame()
            if opcode == CLOSE:
                raise Closed(struct.unpack(">H", payload[:2])[0] if payload else None)
            if opcode == PING:
                self.send(payload, opcode=PONG)
            elif opcode in (0, TEXT):
                whole += payload
                if fin:
                    return json.loads(whole)

    def ask(self, request, name="r"):
        self.send({"@type": "Request", "id": name} | request)
        return self.next()

    def until(self, kind):
        while True:
            m = self.next()
            if m["@type"] == kind:
                return m

    def push(self, types=None, since=None):
        self.send({"@type": "WebSocketPushEnable", "dataTypes": types, "pushState": since})

    def closed(self):
        """The code of the close that comes, whatever comes before."""
        try:
            while True:
                self.next()
        except Closed as e:
            return e.args[0]


class Events:
    """An event source; `seen` gathers (event, id, data)."""

    def __init__(self, jmap, types="*", closeafter="no", ping=0, last=None):
        self.c = jmap.connection()
        headers = jmap.headers | ({"Last-Event-ID": last} if last else {})
        self.c.request("GET", f"/jmap/eventsource?types={types}&closeafter={closeafter}&ping={ping}", None, headers)
        self.r = self.c.getresponse()
        self.status = self.r.status
        self.seen, self.over = [], False
        if self.status == 200:
            assert self.r.headers["Content-Type"] == "text/event-stream"
            self.thread = threading.Thread(target=self.read, daemon=True)
            self.thread.start()

    def __enter__(self):
        assert self.status == 200, self.r.read()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.c.sock.shutdown(socket.SHUT_RDWR)
        self.c.close()

    def read(self):
        event = {}
        with contextlib.suppress(Exception):
            for line in self.r:
                line = line.decode().rstrip("\n")
                if not line and "data" in event:
                    self.seen.append((event.get("event"), event.get("id"), json.loads(event["data"])))
                if not line:
                    event = {}
                elif not line.startswith(":"):
                    k, _, v = line.partition(": ")
                    event[k] = v
        self.over = True
