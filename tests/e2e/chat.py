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

    def end(self, turn, agrees=None):
        """All that is told up to the end of that turn. agrees(card): what the person says to what a model that has read mail
        wants to change, True or False; None where nothing is to be asked, and a person who says nothing is none."""
        told = []
        while not told or told[-1]["type"] not in ("done", "error") or told[-1].get("id") != turn:
            told.append(self.next())
            if told[-1]["type"] == "confirm" and (yes := (agrees or self.agrees)(told[-1])) is not None:
                self.send({"type": "confirm", "id": turn, "call": told[-1]["call"], "yes": yes})
        return Answer(told)

    def agrees(self, card):
        raise AssertionError(f"nobody thought that anything would be asked: {card}")

    def ask(self, text, agrees=None, **context):
        return self.end(self.begin(text, **context), agrees)


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
    def cards(self):
        """What was asked, by what was answered: {"yes": [card, …], "no": …}."""
        asked = {m["call"]: m for m in self.of("confirm")}
        out = {"yes": [], "no": [], "time": []}
        for m in self.of("confirmed"):
            out[m["answer"]].append(asked[m["call"]])
        return out

    @property
    def tools(self):
        return [m["name"] for m in self.of("tool") if m["state"] == "running"]

    def __repr__(self):
        return "\n".join(map(repr, self.told))
