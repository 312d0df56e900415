"""HTTP clients for tests: raw octets, curl, and HTTP/2 frame by frame."""

import json
import socket
import ssl
import subprocess

import h2.config
import h2.connection
import h2.events


def curl(suite, path, *options, check=True):
    """curl's output for a path of https."""
    r = subprocess.run(["curl", "-sS", "-m", "20", "--cacert", suite.info["ca"], *options,
                        f"https://localhost:{suite.port('https')}{path}"], capture_output=True, timeout=40)
    if check:
        assert r.returncode == 0, r.stderr
    return r.stdout


def get(suite, path, *options):
    """status, fields (names in lower case), body; of the last response where there are several."""
    out = curl(suite, path, "-i", *options)
    head, _, body = out.partition(b"\r\n\r\n")
    while body.startswith(b"HTTP/") and b"100" in head.split(b"\r\n")[0]:
        head, _, body = body.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    fields = {}
    for line in lines[1:]:
        name, _, value = line.partition(": ")
        fields[name.lower()] = value
    return int(lines[0].split()[1]), fields, body


def connect(suite, port="https", alpn="http/1.1"):
    s = socket.create_connection(("localhost", suite.port(port)), timeout=30)
    if port == "https":
        c = suite.tls()
        if alpn:
            c.set_alpn_protocols([alpn])
        s = c.wrap_socket(s, server_hostname="localhost")
    return s


def read_all(s):
    """To the end of the connection."""
    out = b""
    try:
        while True:
            some = s.recv(65536)
            if not some:
                return out
            out += some
    except (ConnectionError, ssl.SSLError):
        return out


def talk(suite, octets, port="https"):
    """Sends octets, and what comes back until the server ends the connection. It is the server that has to."""
    with connect(suite, port) as s:
        try:
            s.sendall(octets)
        except (ConnectionError, ssl.SSLError):
            pass
        return read_all(s)


def response(s, buffered=b""):
    """One response with a length off a socket: status, fields, body, and what came behind it."""
    data = buffered
    while b"\r\n\r\n" not in data:
        some = s.recv(65536)
        assert some, data
        data += some
    head, _, rest = data.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    fields = {n.lower(): v for n, _, v in (line.partition(": ") for line in lines[1:])}
    n = int(fields.get("content-length", 0))
    while len(rest) < n:
        some = s.recv(65536)
        assert some, data
        rest += some
    return int(lines[0].split()[1]), fields, rest[:n], rest[n:]


class H2:
    """An HTTP/2 client that sends what it is told, also what no client should."""

    def __init__(self, suite):
        self.authority = f"localhost:{suite.port('https')}"
        self.s = connect(suite, alpn="h2")
        assert self.s.selected_alpn_protocol() == "h2"
        self.c = h2.connection.H2Connection(config=h2.config.H2Configuration(
            client_side=True, validate_outbound_headers=False, normalize_outbound_headers=False))
        self.c.initiate_connection()
        self.responses = {}
        self.goaway = None
        self.ended = False
        self.flush()

    def flush(self):
        try:
            self.s.sendall(self.c.data_to_send())
        except (ConnectionError, ssl.SSLError):
            self.ended = True

    def raw(self, octets):
        try:
            self.s.sendall(octets)
        except (ConnectionError, ssl.SSLError):
            self.ended = True

    def head(self, path="/", method="GET", more=(), pseudo=None):
        if pseudo is None:
            pseudo = [(":method", method), (":scheme", "https"), (":authority", self.authority), (":path", path)]
        return [*pseudo, *more]

    def request(self, path="/", method="GET", more=(), body=None, end=True, pseudo=None):
        id = self.c.get_next_available_stream_id()
        self.c.send_headers(id, self.head(path, method, more, pseudo), end_stream=end and body is None)
        self.responses[id] = {"status": None, "fields": {}, "body": b"", "done": False, "reset": None}
        if body is not None:
            self.c.send_data(id, body, end_stream=end)
        self.flush()
        return id

    def pump(self):
        """Takes what has come; False at the end."""
        try:
            data = self.s.recv(65536)
        except (ConnectionError, ssl.SSLError):
            data = b""
        if not data:
            self.ended = True
            return False
        for e in self.c.receive_data(data):
            r = self.responses.setdefault(getattr(e, "stream_id", None),
                                          {"status": None, "fields": {}, "body": b"", "done": False, "reset": None})
            if isinstance(e, h2.events.ResponseReceived):
                fields = {(n.decode() if isinstance(n, bytes) else n): (v.decode() if isinstance(v, bytes) else v)
                          for n, v in e.headers}
                r["status"] = int(fields.pop(":status"))
                r["fields"] = fields
            elif isinstance(e, h2.events.DataReceived):
                r["body"] += e.data
                self.c.acknowledge_received_data(e.flow_controlled_length, e.stream_id)
            elif isinstance(e, h2.events.StreamEnded):
                r["done"] = True
            elif isinstance(e, h2.events.StreamReset):
                r["reset"] = e.error_code
                r["done"] = True
            elif isinstance(e, h2.events.ConnectionTerminated):
                self.goaway = int(e.error_code)
        self.flush()
        return True

    def wait(self, *ids):
        """Until these are answered; the last one's response."""
        while not all(self.responses[i]["done"] for i in ids):
            assert self.pump(), (self.goaway, self.responses)
        return self.responses[ids[-1]]

    def wait_end(self):
        while not self.ended:
            self.pump()
        return self.goaway

    def close(self):
        self.s.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def problem(body, status):
    """A problem report of that status (RFC 9457)."""
    p = json.loads(body)
    assert p["status"] == status and p["title"] and p["type"]
    return p
