"""A scripted next host: takes mail as it is told to, and remembers what it took."""

import contextlib
import socket
import ssl
import threading
import time


class Sink:
    """answers: a dict from a word ("helo", "mail", "rcpt", "data", "dot", "starttls") to a reply line, or to a function of
    the argument that gives one; what is not in it goes well. greet: the first line. dsn: DSN is announced. certificate: a
    file and its key, STARTTLS is announced; broken_tls: and ends in the middle of the handshake."""

    def __init__(self, greet="220 sink", dsn=False, delay=0.0, port=0, address="127.0.0.1", log=None, certificate=None,
                 broken_tls=False, **answers):
        self.greet, self.dsn, self.delay, self.answers = greet, dsn, delay, answers
        self.context, self.broken_tls = self.load(certificate), broken_tls
        self.secured = self.handshakes = self.chunks = 0
        self.hellos = []
        self.lock = threading.Lock()
        self.taken = []  # (sender line, [recipient lines], octets) of messages answered 250
        self.sessions = 0
        self.open = 0
        self.most = 0
        self.log = log
        self.listener = socket.create_server((address, port), backlog=200)
        self.port = self.listener.getsockname()[1]
        self.stopped = False
        self.conns = set()
        threading.Thread(target=self._accept, daemon=True).start()

    @staticmethod
    def load(certificate):
        if not certificate:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        return context

    @property
    def name(self):
        return f"[127.0.0.1]:{self.port}"

    def close(self):
        self.stopped = True
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            for c in self.conns:
                with contextlib.suppress(OSError):
                    c.shutdown(socket.SHUT_RDWR)

    def subjects(self):
        with self.lock:
            return [next((line[9:].decode() for line in octets.split(b"\r\n") if line.startswith(b"Subject: ")), "")
                    for _, _, octets in self.taken]

    def _accept(self):
        while not self.stopped:
            try:
                c, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(c,), daemon=True).start()

    def _serve(self, c):
        with self.lock:
            self.sessions += 1
            self.open += 1
            self.most = max(self.most, self.open)
            self.conns.add(c)
        try:
            self._talk(c, c.makefile("rb"))
        except (OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.open -= 1
                self.conns.discard(c)
            c.close()

    def _say(self, c, line):
        c.sendall(line.encode() + b"\r\n")

    def _answer(self, word, argument, otherwise):
        a = self.answers.get(word, otherwise)
        return a(argument) if callable(a) else a

    def _talk(self, c, f):
        sender, rcpts = "", []
        if self.greet is None:
            time.sleep(3600)
        self._say(c, self.greet)
        while line := f.readline():
            words = line.decode().rstrip("\r\n")
            verb = words[:4].upper()
            if verb == "EHLO":
                self.hellos.append(words)
                self._say(c, "250-sink")
                if self.context and not isinstance(c, ssl.SSLSocket):
                    self._say(c, "250-STARTTLS")
                if self.dsn:
                    self._say(c, "250-DSN")
                self._say(c, self._answer("helo", words, "250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8"))
            elif verb == "MAIL":
                sender, rcpts = words, []
                self._say(c, self._answer("mail", words, "250 2.1.0 ok"))
            elif verb == "RCPT":
                reply = self._answer("rcpt", words, "250 2.1.5 ok")
                if reply.startswith("2"):
                    rcpts.append(words)
                self._say(c, reply)
            elif verb == "DATA":
                reply = self._answer("data", words, "354 go on" if rcpts else "554 5.5.1 nobody")
                self._say(c, reply)
                if reply.startswith("354"):
                    self._take(c, f, sender, rcpts)
            elif verb == "STAR" and self.context:
                reply = self._answer("starttls", words, "220 go on")
                self._say(c, reply)
                if reply.startswith("220"):
                    self.handshakes += 1
                    if self.broken_tls:
                        return
                    c = self.context.wrap_socket(c, server_side=True)
                    f = c.makefile("rb")
                    self.secured += 1
            elif verb == "BDAT":
                octets = f.read(int(words.split()[1]))
                self.chunks += 1
                with self.lock:
                    self.taken.append((sender, list(rcpts), octets))
                self._say(c, "250 2.0.0 taken")
            elif verb == "RSET":
                self._say(c, "250 2.0.0 ok")
            elif verb == "QUIT":
                self._say(c, "221 2.0.0 bye")
                return
            else:
                self._say(c, "502 5.5.1 what?")

    def _take(self, c, f, sender, rcpts):
        octets = bytearray()
        while (line := f.readline()) != b".\r\n":
            if not line:
                return
            octets += line[1:] if line.startswith(b".") else line
        octets = bytes(octets)
        if self.delay:
            time.sleep(self.delay)
        reply = self._answer("dot", octets, "250 2.0.0 taken")
        if reply.startswith("2"):
            with self.lock:
                self.taken.append((sender, list(rcpts), octets))
                if self.log:
                    self.log.write(octets.split(b"\r\n\r\n", 1)[0] + b"\r\n\r\n")
                    self.log.flush()
        self._say(c, reply)


def route(domain, sink, **more):
    """Mail for the domain goes to the sink, or to that port."""
    port = sink if isinstance(sink, int) else sink.port
    rows = "".join(f'{k} = "{v}"\n' for k, v in more.items())
    return f'\n[[route]]\ndomain = "{domain}"\nhost = "[127.0.0.1]"\nport = {port}\n' + (rows or 'tls = "none"\n')


def closed_port():
    """Where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]
