"""The dialogues of tests/chat/smtp, each on a connection of its own (tests/chat/README says how they are written)."""

import base64
import re
import ssl
from pathlib import Path

import pytest
from conftest import wait_for

CHATS = sorted((Path(__file__).parents[1] / "chat/smtp").glob("*.chat"))
ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\"}


def octets(text):
    """The escapes of C+ and C*."""
    def one(m):
        return chr(int(m[2], 16)) if m[2] else ESCAPES[m[1]]
    return re.sub(r"\\(?:([rnt0\\])|x([0-9a-fA-F]{2}))", one, text).encode("latin-1")


def matches(pattern, text):
    return re.fullmatch(".*".join(re.escape(p) for p in pattern.split("*")), text, re.S)


class Chat:
    def __init__(self, suite, path):
        self.suite = suite
        self.path = path
        self.lines = path.read_text().splitlines()
        self.port = next((line.split(":")[1].strip() for line in self.lines if line.startswith("# port:")), "smtp")
        alice = suite.user("alice")
        plain = base64.b64encode(f"\0{alice['address']}\0{alice['password']}".encode()).decode()
        self.words = {"$ALICE_PLAIN": plain, "$ALICE": alice["address"], "$BOB": suite.user("bob")["address"],
                      "$DOMAIN": suite.domain}
        self.held = b""

    def fill(self, text):
        for word, value in self.words.items():
            text = text.replace(word, value)
        return text

    def read_line(self):
        while b"\n" not in self.held:
            try:
                more = self.socket.recv(65536)
            except (ConnectionResetError, ssl.SSLEOFError):
                more = b""
            if not more:
                return None
            self.held += more
        line, self.held = self.held.split(b"\n", 1)
        assert line.endswith(b"\r"), line
        return line[:-1].decode()

    def read_reply(self):
        lines = []
        while True:
            line = self.read_line()
            if line is None:
                return "<closed>" if not lines else "\n".join(lines)
            lines.append(line)
            if line[3:4] != "-":
                return "\n".join(lines)

    def secure(self):
        assert not self.held, self.held
        self.socket = self.suite.tls().wrap_socket(self.socket, server_hostname="localhost")

    def step(self, line):
        kind, _, rest = line.partition(" ")
        rest = self.fill(rest)
        if kind == "S:":
            reply = self.read_reply()
            assert matches(rest, reply), f"want {rest!r}, got {reply!r}"
        elif kind == "C:":
            self.socket.sendall(rest.encode() + b"\r\n")
        elif kind == "C+":
            self.socket.sendall(octets(rest))
        elif kind == "C*":
            times, _, what = rest.partition(" ")
            self.socket.sendall(octets(what) * int(times))
        elif kind == "TLS":
            self.secure()
        else:
            raise ValueError(line)

    def logged(self, start, wanted):
        event, *fields = self.fill(wanted).split()

        def found():
            for line in self.suite.log()[start:].splitlines():
                words = line.split()
                if event in words and all(f in words for f in fields):
                    return True
            return False
        wait_for(found, what=f"the log line {wanted!r}")

    def run(self):
        start = len(self.suite.log())
        self.socket = self.suite.connect(self.port, tls=self.port == "submissions")
        try:
            for number, line in enumerate(self.lines, 1):
                if not line or line.startswith("#") or line.startswith("log:"):
                    continue
                try:
                    self.step(line)
                except (AssertionError, OSError) as e:
                    raise AssertionError(f"{self.path.name}:{number}: {line}: {e}") from e
        finally:
            self.socket.close()
        for line in self.lines:
            if line.startswith("log:"):
                self.logged(start, line[4:])


@pytest.mark.parametrize("path", CHATS, ids=lambda p: p.stem)
def test_chat(suite, path):
    Chat(suite, path).run()
