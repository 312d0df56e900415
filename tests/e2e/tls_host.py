"""Hosts that other servers' mail goes to, with certificates made here: SMTP with STARTTLS and AUTH, and HTTPS."""

import base64
import contextlib
import hashlib
import hmac
import http.server
import os
import socket
import ssl
import subprocess
import threading


class Authority:
    """A certificate authority in a directory."""

    def __init__(self, directory):
        self.dir = directory
        self.dir.mkdir()
        self.file = self.dir / "ca.pem"
        self.key = self.dir / "ca.key"
        self.run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                 "-subj", "/CN=Test authority", "-keyout", self.key, "-out", self.file)

    def run(self, *words, input=None):
        return subprocess.run(["openssl", *map(str, words)], cwd=self.dir, check=True, capture_output=True, input=input).stdout

    def issue(self, *names, signed=True):
        """A file with a key, its certificate for these names and the authority's; self-signed when not signed by it."""
        pem = self.dir / f"{names[0]}{'' if signed else '-self'}.pem"
        by = ["-CA", self.file, "-CAkey", self.key] if signed else []
        key = self.dir / "leaf.key"
        certificate = self.dir / "leaf.pem"
        self.run("req", "-x509", *by, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
                 "-subj", f"/CN={names[0]}", "-addext", "subjectAltName=" + ",".join(f"DNS:{n}" for n in names),
                 "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", key, "-out", certificate)
        pem.write_text(key.read_text() + certificate.read_text() + self.file.read_text())
        return pem

    def digest_of_key(self, pem):
        """What TLSA 3 1 1 says of it."""
        public = self.run("x509", "-in", pem, "-noout", "-pubkey")
        return hashlib.sha256(self.run("pkey", "-pubin", "-outform", "DER", input=public)).hexdigest()

    def digest(self):
        """TLSA 2 0 1 of the authority."""
        return hashlib.sha256(self.run("x509", "-in", self.file, "-outform", "DER")).hexdigest()


def context(pem):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(pem)
    return c


class Host:
    """SMTP that takes all mail. tls: a file for STARTTLS; users: name -> password, whose login is then demanded."""

    def __init__(self, address, port, tls=None, users=None, mechanisms="PLAIN LOGIN"):
        self.tls = context(tls) if tls else None
        self.users, self.mechanisms = users, mechanisms
        self.taken = []  # (was it TLS, user, [recipient lines])
        self.logins = []
        self.listener = socket.create_server((address, port), backlog=50)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while True:
            try:
                c, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(c,), daemon=True).start()

    def serve(self, c):
        with contextlib.suppress(OSError, ValueError, ssl.SSLError), c:
            c.settimeout(30)
            Session(self, c).talk()


class Session:
    def __init__(self, host, c):
        self.host, self.c, self.f = host, c, c.makefile("rb")
        self.secure, self.user, self.rcpts = False, None, []

    def say(self, line):
        self.c.sendall(line.encode() + b"\r\n")

    def ask(self, text):
        """A 334, and the answer to it."""
        self.say("334 " + base64.b64encode(text).decode())
        return base64.b64decode(self.f.readline())

    def talk(self):
        self.say("220 host.test ESMTP")
        while line := self.f.readline():
            words = line.decode().strip()
            verb = words[:4].upper()
            if verb == "EHLO":
                self.hello()
            elif verb == "STAR":
                self.say("220 go on")
                self.f.close()
                self.c = self.host.tls.wrap_socket(self.c, server_side=True)
                self.f, self.secure = self.c.makefile("rb"), True
            elif verb == "AUTH":
                self.say("235 2.7.0 welcome" if self.login(*words.split()[1:]) else "535 5.7.8 no such login")
            elif verb == "MAIL" and self.host.users and not self.user:
                self.say("530 5.7.0 log in first")
            elif verb == "RCPT":
                self.rcpts.append(words)
                self.say("250 2.1.5 ok")
            elif verb == "DATA":
                self.say("354 go on")
                while self.f.readline() not in (b".\r\n", b""):
                    pass
                self.host.taken.append((self.secure, self.user, self.rcpts))
                self.rcpts = []
                self.say("250 2.0.0 taken")
            else:
                self.say("221 2.0.0 bye" if verb == "QUIT" else "250 2.0.0 ok")

    def hello(self):
        self.say("250-host.test")
        if self.host.tls and not self.secure:
            self.say("250-STARTTLS")
        if self.host.users and self.secure:
            self.say("250-AUTH " + self.host.mechanisms)
        self.say("250 8BITMIME")

    def login(self, mechanism, initial=None):
        self.host.logins.append((mechanism, self.secure))
        if mechanism == "PLAIN":
            _, name, password = base64.b64decode(initial).decode().split("\0")
        elif mechanism == "LOGIN":
            name, password = self.ask(b"Username:").decode(), self.ask(b"Password:").decode()
        else:
            return self.scram(base64.b64decode(initial).decode())
        if self.host.users.get(name) == password:
            self.user = name
        return self.user is not None

    def scram(self, first):
        """RFC 5802, for a client without channel binding."""
        bare = first.split(",", 2)[2]
        fields = dict(f.split("=", 1) for f in bare.split(","))
        salt, nonce = os.urandom(16), fields["r"] + "more"
        server_first = f"r={nonce},s={base64.b64encode(salt).decode()},i=4096"
        final = self.ask(server_first.encode()).decode()
        without, proof = final.rsplit(",p=", 1)
        name = fields["n"].replace("=2C", ",").replace("=3D", "=")
        password = self.host.users.get(name, "\0").encode()
        salted = hashlib.pbkdf2_hmac("sha256", password, salt, 4096)

        def mac(key, text):
            return hmac.new(key, text, "sha256").digest()

        key = mac(salted, b"Client Key")
        message = f"{bare},{server_first},{without}".encode()
        expected = bytes(a ^ b for a, b in zip(key, mac(hashlib.sha256(key).digest(), message)))
        if base64.b64decode(proof) != expected or without != f"c=biws,r={nonce}":
            return False
        self.user = name
        signature = base64.b64encode(mac(mac(salted, b"Server Key"), message))
        return self.ask(b"v=" + signature) == b""


class Web:
    """HTTPS; pages: host name -> (status, headers, body)."""

    def __init__(self, address, pem):
        self.pages, self.asked = {}, []
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.headers["Host"].split(":")[0]
                web.asked.append((name, self.path))
                status, headers, body = web.pages.get(name, (404, {}, ""))
                self.send_response(status)
                for k, v in headers.items():
                    self.send_header(k, v)
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(body.encode())

            def log_message(self, *words):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request, client_address):
                pass  # clients that do not trust us hang up

        self.server = Server((address, 0), Handler)
        self.server.socket = context(pem).wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
