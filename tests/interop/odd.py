"""Hosts of one address that do what a test wants of them: SMTP servers in a thread, and the web server of an MTA-STS policy."""

import base64
import contextlib
import http.server
import socket
import ssl
import threading

from net import add_address


class Odd:
    """An SMTP server on port 25. `replies`: verb -> its reply, where it is not the usual one (None: silence; a list: one
    after another, the last for ever). Without a certificate STARTTLS is not offered. login: (user, password) without which,
    under TLS, it takes no mail."""

    def __init__(self, address, certificate=None, login=None, **replies):
        add_address(address)
        self.address, self.replies, self.login = address, replies, login
        self.seen, self.messages = [], []
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*certificate)
        self.listener = socket.create_server((address, 25))
        threading.Thread(target=self.accept, daemon=True).start()

    def stop(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def verbs(self):
        return [v for v, _ in self.seen]

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                s, _ = self.listener.accept()
                threading.Thread(target=self.talk, args=(s,), daemon=True).start()

    def reply(self, verb, usual):
        r = self.replies.get(verb, usual)
        if isinstance(r, list):
            r = r.pop(0) if len(r) > 1 else r[0]
        return r

    def talk(self, s):
        with contextlib.suppress(OSError, ValueError):
            self.session(s)
        with contextlib.suppress(OSError):
            s.close()

    def session(self, s):
        f = s.makefile("rwb")

        def say(verb, usual):
            text = self.reply(verb, usual)
            if text is None:
                threading.Event().wait(600)
            f.write(text.encode() + b"\r\n")
            f.flush()
            return text
        say("greeting", "220 odd.test ESMTP")
        sender, rcpts, tls, known = None, [], False, self.login is None
        while line := f.readline():
            words = line.decode().split()
            verb = words[0].upper() if words else ""
            self.seen.append((verb, tls))
            if verb == "EHLO":
                say(verb, "250-odd.test\r\n" + ("250-STARTTLS\r\n" if self.context and not tls else "")
                    + ("250-AUTH PLAIN\r\n" if self.login and tls else "") + "250 8BITMIME")
            elif verb == "AUTH" and self.login and tls:
                known = words[2:] == [base64.b64encode("\0".join(("", *self.login)).encode()).decode()]
                say(verb, "235 2.7.0 welcome" if known else "535 5.7.8 no")
            elif verb == "MAIL" and not known:
                say(verb, "530 5.7.0 log in first")
            elif verb == "STARTTLS" and self.context:
                if say(verb, "220 go").startswith("220"):
                    s = self.context.wrap_socket(s, server_side=True)
                    f, tls = s.makefile("rwb"), True
            elif verb == "MAIL":
                sender, rcpts = line, []
                say(verb, "250 2.1.0 ok")
            elif verb == "RCPT":
                if say(verb, "250 2.1.5 ok").startswith("2"):
                    rcpts.append(line)
            elif verb == "DATA":
                if not say(verb, "354 go").startswith("354"):
                    continue
                text = b""
                while not text.endswith(b"\r\n.\r\n"):
                    text += f.readline() or exit_thread()
                if say("message", "250 2.0.0 ok").startswith("2"):
                    self.messages.append((sender, rcpts, text, tls))
            elif verb == "QUIT":
                say(verb, "221 2.0.0 bye")
                return
            else:
                say(verb, "250 2.0.0 ok" if verb in ("RSET", "NOOP") else "502 5.5.2 what?")


def exit_thread():
    raise OSError("the peer left in the middle of a message")


class PolicyHost:
    """mta-sts.DOMAIN: `text` at the well-known address, over HTTPS."""

    def __init__(self, address, certificate, text):
        outer = self
        self.text, self.asked = text, 0

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked += 1
                right = self.path == "/.well-known/mta-sts.txt"
                body = outer.text.encode()
                self.send_response(200 if right else 404)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        self.server = http.server.ThreadingHTTPServer((address, 443), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
