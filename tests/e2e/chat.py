"""A page that talks with the assistant: the WebSocket /assistant, and what is told by it (aid/chat.h)."""

import itertools

from jmapclient import WebSocket
from test_web_auth import COOKIE, logged_in


class Chat(WebSocket):
    def __init__(self, suite, user="alice", language="en", browser=None, headers=None, **more):
        self.suite = suite
        self.browser = browser or logged_in(suite, user)
        self.headers = {}
        self.language = language
        self.ids = map(str, itertools.count(1))
        super().__init__(self, protocol=None, path=f"/assistant?language={language}&zone=60",
                         headers={"Cookie": f"{COOKIE}={self.browser.cookie}", "Origin": self.browser.origin} | (headers or {}), **more)

    def hello(self):
        m = self.next()
        assert m["type"] == "hello", m
        return m

    def begin(self, text, **context):
        """Asks, and does not wait for the answer: the id of the turn."""
        turn = next(self.ids)
        self.send({"type": "ask", "id": turn, "text": text, "language": self.language, "zone": 60, "context": context})
        return turn

    def end(self, turn):
        """All that is told up to the end of that turn."""
        told = []
        while not told or told[-1]["type"] not in ("done", "error") or told[-1].get("id") != turn:
            told.append(self.next())
        return Answer(told)

    def ask(self, text, **context):
        return self.end(self.begin(text, **context))


class Answer:
    def __init__(self, told):
        self.told = told
        self.text = "".join(m["text"] for m in told if m["type"] == "delta")
        self.error = told[-1]["code"] if told[-1]["type"] == "error" else None

    def of(self, kind):
        return [m for m in self.told if m["type"] == kind]

    def one(self, kind):
        got = self.of(kind)
        assert len(got) == 1, f"{kind}: {self}"
        return got[0]

    @property
    def items(self):
        return [m for of in self.of("messages") for m in of["items"]]

    @property
    def tools(self):
        return [m["name"] for m in self.of("tool") if m["state"] == "running"]

    def __repr__(self):
        return "\n".join(map(repr, self.told))
