"""Clients of every kind at work at the same time, each of which says what went wrong for it."""

import json
import smtplib
import ssl
import threading
import time
import traceback

import h2.exceptions
import imapraw
import web
from jmapclient import Closed, Jmap

BROKEN = (OSError, EOFError, AssertionError, smtplib.SMTPException, ssl.SSLError, Closed)


class Client(threading.Thread):
    """Works until it is told to stop. Each turn is a transaction; one that fails is noted in `failed`, and the client
    begins anew as a patient program would."""

    def __init__(self, crowd, number):
        super().__init__(daemon=True)
        self.crowd, self.suite, self.number = crowd, crowd.suite, number
        self.turns, self.failed = 0, []

    def begin(self):
        """Connects."""

    def turn(self):
        raise NotImplementedError

    def end(self):
        """Lets go of the connection."""

    def run(self):
        while not self.crowd.over:
            try:
                self.begin()
                while not self.crowd.over:
                    self.turn()
                    self.turns += 1
                    time.sleep(0.01)
            except BROKEN as e:
                where = [f"{x.name}:{x.lineno}" for x in traceback.extract_tb(e.__traceback__)]
                self.failed.append((type(self).__name__, time.time(), repr(e), where))
                time.sleep(0.1)
            finally:
                try:
                    self.end()
                except BROKEN:
                    pass


def hello(c):
    """smtplib tries HELO when EHLO is answered 421, and tells only that the connection was closed then."""
    code, text = c.ehlo("client.test")
    if code != 250:
        raise smtplib.SMTPResponseException(code, text)


class Submitter(Client):
    """One session after the other submits; each message to a user and to another host."""

    c = None

    def begin(self):
        self.c = smtplib.SMTP("localhost", self.suite.port("submission"), timeout=30)
        hello(self.c)
        self.c.starttls(context=self.crowd.tls)
        hello(self.c)
        u = self.suite.user("alice")
        self.c.login(u["address"], u["password"])

    def turn(self):
        name = f"{type(self).__name__}-{self.number}-{self.turns}-{len(self.failed)}"
        to = [self.suite.user("bob")["address"], *self.crowd.abroad]
        self.crowd.tried.add(name)
        text = f"From: {self.suite.user('alice')['address']}\r\nTo: {', '.join(to)}\r\nSubject: {name}\r\n\r\nhello\r\n"
        refused = self.c.sendmail(self.suite.user("alice")["address"], to, text)
        assert not refused, refused
        self.crowd.accepted.add(name)

    def end(self):
        if self.c is not None:
            self.c.close()


class Stranger(Client):
    """A new connection for each message."""

    def turn(self):
        name = f"stranger-{self.number}-{self.turns}-{len(self.failed)}"
        self.crowd.tried.add(name)
        with smtplib.SMTP("localhost", self.suite.port("smtp"), timeout=30) as c:
            hello(c)
            c.sendmail("s@elsewhere.test", [self.suite.user("bob")["address"]], f"Subject: {name}\r\n\r\nhello\r\n")
            self.crowd.accepted.add(name)


class Reader(Client):
    r = None

    def begin(self):
        self.r = imapraw.connect(self.suite, "carol")
        self.r.ok("SELECT INBOX")

    def turn(self):
        uid = self.r.append("INBOX", b"Subject: kept\r\n\r\nx\r\n")
        self.crowd.appended.append(uid)
        self.r.ok(f"UID STORE {uid} +FLAGS (\\Seen)")
        self.r.ok(f"UID FETCH {uid} BODY[]")
        self.r.ok("SEARCH UNSEEN")

    def end(self):
        if self.r is not None:
            self.r.close()


class Idler(Reader):
    """In IDLE nearly all the time."""

    def turn(self):
        self.r.send(b"i IDLE\r\n")
        while not (line := self.r.line()).startswith(b"+"):
            assert line.startswith(b"* ") and not line.startswith(b"* BYE"), line
        time.sleep(0.3)
        self.r.send(b"DONE\r\n")
        _, result = self.r.until(b"i")
        assert result.startswith(b"OK"), result


class Http1(Client):
    """JMAP over one connection."""

    j = None

    def begin(self):
        self.j = Jmap(self.suite, "carol")
        self.c = self.j.connection()

    def turn(self):
        self.c.request("POST", "/jmap/api", json.dumps(
            {"using": ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"],
             "methodCalls": [["Mailbox/get", {"accountId": self.crowd.account, "ids": None}, "0"]]}),
            self.j.headers | {"Content-Type": "application/json"})
        r = self.c.getresponse()
        body = r.read()
        assert r.status == 200 and b"Mailbox/get" in body, (r.status, body[:200])
        assert self.c.sock is not None, "the connection was closed"

    def end(self):
        if self.j is not None:
            self.c.close()


class Http2(Client):
    h = None

    def begin(self):
        self.h = web.H2(self.suite)

    def turn(self):
        ids = [self.h.request("/") for _ in range(3)]
        try:
            self.h.wait(*ids)
        except h2.exceptions.ProtocolError as e:
            # Behind GOAWAY streams end in order (RFC 9113 6.8), which python3-h2 does not take.
            raise EOFError(str(e)) from e
        assert all(self.h.responses.pop(i)["status"] == 200 for i in ids)
        assert self.h.goaway is None, "GOAWAY"

    def end(self):
        if self.h is not None:
            self.h.close()


class Socket(Client):
    """A WebSocket that is told of changes, and asks."""

    w = None

    def begin(self):
        self.w = Jmap(self.suite, "carol").socket()
        assert self.w.status == 101, self.w.head
        self.w.push()

    def turn(self):
        self.w.send({"@type": "Request", "id": "r", "using": ["urn:ietf:params:jmap:core"],
                     "methodCalls": [["Core/echo", {"n": self.turns}, "0"]]})
        answer = self.w.until("Response")
        assert answer["methodResponses"][0][1] == {"n": self.turns}, answer
        time.sleep(0.05)

    def end(self):
        if self.w is not None:
            self.w.sock.close()


class Crowd:
    """with Crowd(suite, (Reader, Http2 …), abroad=[addresses]): they work meanwhile."""

    def __init__(self, suite, kinds, abroad=()):
        self.suite, self.abroad, self.over = suite, list(abroad), False
        self.tls = suite.tls()
        self.account = Jmap(suite, "carol").account
        self.tried, self.accepted, self.appended = set(), set(), []
        self.clients = [kind(self, i) for i, kind in enumerate(kinds)]

    def __enter__(self):
        for c in self.clients:
            c.start()
        return self

    def __exit__(self, *_):
        self.over = True
        for c in self.clients:
            c.join(60)
            assert not c.is_alive(), f"{type(c).__name__} hangs"

    def turns(self):
        return {f"{type(c).__name__}-{c.number}": c.turns for c in self.clients}

    def failures(self):
        return [f for c in self.clients for f in c.failed]


ALL = (Submitter, Submitter, Stranger, Stranger, Reader, Idler, Http1, Http2, Socket)
