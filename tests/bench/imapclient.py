"""IMAP and SMTP by hand: nothing between the socket and the stopwatch."""

import socket
import ssl
import time

CONTEXT = ssl.create_default_context()
CONTEXT.check_hostname = False
CONTEXT.verify_mode = ssl.CERT_NONE


class Imap:
    def __init__(self, server, user):
        s = socket.create_connection(("127.0.0.1", server.ports["imaps"]), timeout=120)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.s = CONTEXT.wrap_socket(s, server_hostname="localhost")
        self.s.recv(4096)
        self.login = self.command(f"LOGIN {server.login_name(user)} {server.password(user)}")[0]

    def open(self):
        """Milliseconds of LOGIN and SELECT INBOX together: some work falls to the one, some to the other."""
        return (self.login + self.command("SELECT INBOX")[0]) * 1000

    def command(self, text):
        """Seconds until the tagged reply, and how many octets came."""
        began = time.monotonic()
        self.s.sendall(b"t " + text.encode() + b"\r\n")
        return self.finish(text, began)

    def finish(self, text, began):
        n, tail = 0, b""
        while True:
            data = self.s.recv(1 << 20)
            if not data:
                raise RuntimeError(f"{text}: connection closed")
            n += len(data)
            tail = (tail + data)[-4000:]
            last = tail[:-2].rsplit(b"\r\n", 1)[-1]
            if tail.endswith(b"\r\n") and last.startswith((b"t OK", b"t NO", b"t BAD")):
                if not last.startswith(b"t OK"):
                    raise RuntimeError(f"{text}: {last!r}")
                return time.monotonic() - began, n

    def append(self, mailbox, message):
        """A synchronizing literal, as most clients send it."""
        began = time.monotonic()
        self.s.sendall(b"t APPEND %s {%d}\r\n" % (mailbox.encode(), len(message)))
        if not self.s.recv(4096).startswith(b"+"):
            raise RuntimeError("APPEND refused")
        self.s.sendall(message + b"\r\n")
        return self.finish("APPEND", began)[0]

    def idle(self):
        self.s.sendall(b"i IDLE\r\n")
        while b"+" not in self.s.recv(4096):
            pass

    def wait_exists(self):
        """When EXISTS comes, on the clock of time.monotonic()."""
        data = b""
        while b" EXISTS\r\n" not in data:
            got = self.s.recv(4096)
            if not got:
                raise RuntimeError("connection closed in IDLE")
            data += got
        return time.monotonic()

    def done(self):
        began = time.monotonic()
        self.s.sendall(b"DONE\r\n")
        data = b""
        while b"i OK" not in data:
            data += self.s.recv(4096)
        return time.monotonic() - began

    def close(self):
        self.s.close()


class Smtp:
    def __init__(self, server):
        self.s = socket.create_connection(("127.0.0.1", server.ports["smtp"]), timeout=60)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reply()
        self.say(b"EHLO bench.test\r\n")

    def reply(self):
        data = b""
        while not data.endswith(b"\n") or data.splitlines()[-1][3:4] != b" ":
            got = self.s.recv(4096)
            if not got:
                raise RuntimeError("connection closed")
            data += got
        if data[:1] not in b"23":
            raise RuntimeError(data)
        return data

    def say(self, line):
        self.s.sendall(line)
        return self.reply()

    def send(self, sender, to, body):
        """When the 250 came."""
        self.say(b"MAIL FROM:<%s>\r\n" % sender.encode())
        self.say(b"RCPT TO:<%s>\r\n" % to.encode())
        self.say(b"DATA\r\n")
        self.say(body + b".\r\n")
        return time.monotonic()

    def close(self):
        self.s.close()
