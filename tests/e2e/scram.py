"""A SCRAM-SHA-256(-PLUS) client of the tests' own (RFC 5802, RFC 7677), and one over a TLS session whose exporter
can be asked (RFC 9266), which Python's ssl module does not allow."""

import base64
import ctypes
import ctypes.util
import hashlib
import hmac
import os
import socket


def b64(data):
    return base64.b64encode(data).decode()


class Scram:
    """first() is the first message, final(challenge) the last; check(words) proves the server."""

    def __init__(self, user, password, binding=None, data=b"", flag=None):
        self.user = user.replace("=", "=3D").replace(",", "=2C")
        self.password = password.encode()
        self.gs2 = f"{flag or ('p=' + binding if binding else 'n')},,"
        self.data = data
        self.bare = f"n={self.user},r={b64(os.urandom(18))}"

    def first(self):
        return self.gs2 + self.bare

    def final(self, challenge):
        fields = dict(f.split("=", 1) for f in challenge.split(","))
        salted = hashlib.pbkdf2_hmac("sha256", self.password, base64.b64decode(fields["s"]), int(fields["i"]))
        client = hmac.digest(salted, b"Client Key", "sha256")
        without = f"c={b64(self.gs2.encode() + self.data)},r={fields['r']}"
        auth = f"{self.bare},{challenge},{without}".encode()
        signature = hmac.digest(hashlib.sha256(client).digest(), auth, "sha256")
        self.expected = b64(hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), auth, "sha256"))
        return f"{without},p={b64(bytes(a ^ b for a, b in zip(client, signature)))}"

    def check(self, words):
        assert words == "v=" + self.expected, "the server does not know the password"


def smtp_scram(c, scram, plus=False):
    """AUTH on an smtplib connection: the last reply code."""
    mech = "SCRAM-SHA-256-PLUS" if plus else "SCRAM-SHA-256"
    code, words = c.docmd("AUTH", f"{mech} {b64(scram.first().encode())}")
    if code != 334:
        return code
    code, words = c.docmd(b64(scram.final(base64.b64decode(words).decode()).encode()))
    if code != 334:
        return code
    scram.check(base64.b64decode(words).decode())
    return c.docmd("")[0]


class ExporterClient:
    """Lines over TLS by libssl itself. The certificate is not looked at: that is tested elsewhere."""

    def __init__(self, port):
        self.ssl_lib = ctypes.CDLL(ctypes.util.find_library("ssl") or "libssl.so.3")
        for name in ("TLS_client_method", "SSL_CTX_new", "SSL_new"):
            getattr(self.ssl_lib, name).restype = ctypes.c_void_p
        self.socket = socket.create_connection(("localhost", port), timeout=30)
        self.socket.settimeout(None)
        self.context = ctypes.c_void_p(self.ssl_lib.SSL_CTX_new(ctypes.c_void_p(self.ssl_lib.TLS_client_method())))
        self.ssl = ctypes.c_void_p(self.ssl_lib.SSL_new(self.context))
        self.ssl_lib.SSL_set_fd(self.ssl, self.socket.fileno())
        assert self.ssl_lib.SSL_connect(self.ssl) == 1
        self.buffer = b""

    def exporter(self):
        """RFC 9266 3: label EXPORTER-Channel-Binding, no context, 32 octets."""
        out = ctypes.create_string_buffer(32)
        label = b"EXPORTER-Channel-Binding"
        assert self.ssl_lib.SSL_export_keying_material(
            self.ssl, out, ctypes.c_size_t(32), label, ctypes.c_size_t(len(label)), b"", ctypes.c_size_t(0), 1) == 1
        return out.raw

    def reply(self):
        """One SMTP reply: its code and its last words."""
        while True:
            while b"\r\n" not in self.buffer:
                chunk = ctypes.create_string_buffer(4096)
                n = self.ssl_lib.SSL_read(self.ssl, chunk, 4096)
                assert n > 0, "the server hung up"
                self.buffer += chunk.raw[:n]
            line, self.buffer = self.buffer.split(b"\r\n", 1)
            if line[3:4] != b"-":
                return int(line[:3]), line[4:]

    def say(self, line):
        data = line.encode() + b"\r\n"
        assert self.ssl_lib.SSL_write(self.ssl, data, len(data)) == len(data)
        return self.reply()

    # What smtp_scram() needs of smtplib.
    def docmd(self, command, args=""):
        return self.say(f"{command} {args}".rstrip(" ") if args else command)

    def close(self):
        self.socket.close()
