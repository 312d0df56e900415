"""An IMAP client that hides nothing: lines and literals as they came."""

import re
import ssl


class Raw:
    def __init__(self, sock):
        self.sock = sock
        self.buf = bytearray()
        self.n = 0

    def send(self, data):
        self.sock.sendall(data)

    def _more(self):
        try:
            data = self.sock.recv(65536)
        except (ConnectionResetError, BrokenPipeError, ssl.SSLError):
            data = b""
        if not data:
            raise EOFError(bytes(self.buf))
        self.buf += data

    def _take(self, n):
        out = bytes(self.buf[:n])
        del self.buf[:n]
        return out

    def line(self):
        """One line without CRLF; literals inside stand behind their "{n}CRLF"."""
        out = []
        while True:
            at = 0
            while (end := self.buf.find(b"\r\n", at)) < 0:
                at = max(len(self.buf) - 1, 0)
                self._more()
            out.append(self._take(end))
            del self.buf[:2]
            m = re.search(rb"\{(\d+)\}$", out[-1])
            if not m:
                return b"".join(out)
            size = int(m.group(1))
            while len(self.buf) < size:
                self._more()
            out += [b"\r\n", self._take(size)]

    def until(self, tag):
        """Lines up to the tagged one, and that. When the server ends it before: its last word."""
        lines = []
        while True:
            try:
                line = self.line()
            except EOFError as e:
                raise EOFError(next((x for x in lines if x.startswith(b"* BYE")), e.args[0])) from e
            if line.startswith(tag + b" "):
                return lines, line[len(tag) + 1:]
            lines.append(line)

    def command(self, text):
        """text: bytes or str without tag and CRLF. Synchronising literals are given as a tuple of pieces: each but the
        last ends in "{n}"."""
        self.n += 1
        tag = b"c%d" % self.n
        pieces = text if isinstance(text, (tuple, list)) else (text,)
        pieces = [p.encode() if isinstance(p, str) else p for p in pieces]
        out = tag + b" "
        for i, p in enumerate(pieces):
            self.send(out + p + b"\r\n" if i + 1 == len(pieces) or p.endswith(b"}") else out + p)
            out = b""
            if i + 1 < len(pieces):
                line = self.line()
                if not line.startswith(b"+"):
                    return [], line[len(tag) + 1:]
        return self.until(tag)

    def ok(self, text):
        lines, result = self.command(text)
        assert result.startswith(b"OK"), (text, lines, result)
        return lines

    def no(self, text, code=b""):
        _, result = self.command(text)
        assert result.startswith(b"NO " + code), (text, result)

    def bad(self, text):
        _, result = self.command(text)
        assert result.startswith(b"BAD"), (text, result)

    def append(self, mailbox, octets, args=""):
        args = args + " " if args else ""
        lines, result = self.command(f"APPEND {mailbox} {args}{{{len(octets)}+}}".encode() + b"\r\n" + octets)
        m = re.match(rb"OK \[APPENDUID (\d+) (\d+)\]", result)
        assert m, result
        return int(m.group(2))

    def close(self):
        self.sock.close()


def connect(suite, login="alice", port="imaps"):
    r = Raw(suite.connect(port, tls=port == "imaps"))
    greeting = r.line()
    assert greeting.startswith(b"* OK [CAPABILITY IMAP4rev1 "), greeting
    if login:
        u = suite.user(login)
        _, result = r.command(f'LOGIN "{u["address"]}" "{u["password"]}"')
        assert result.startswith(b"OK [CAPABILITY IMAP4rev1 "), result
    return r
