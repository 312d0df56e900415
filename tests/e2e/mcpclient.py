"""A client of the Model Context Protocol over HTTP, in both of its eras: says what it is told, also what none should."""

import json
import socket
import ssl

MODERN = "2026-07-28"
LEGACY = "2025-11-25"


def token_of(suite, user="alice", name="desk", scopes="mail:read,mail:organize,mail:draft,mail:send", rate="6000"):
    out = suite.ctl("agent", "add", user, name, "--scopes", scopes, "--rate", rate, "--json").stdout
    return json.loads(out)["token"]


class Answer:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body
        self.type = fields.get("content-type", "")
        self.messages = []
        if self.type == "text/event-stream":
            self.messages = [json.loads(e[6:]) for e in body.decode().split("\n\n") if e.startswith("data: ")]
        elif self.type == "application/json" and body:
            self.messages = [json.loads(body)]

    @property
    def last(self):
        return self.messages[-1]

    @property
    def code(self):
        return self.last["error"]["code"] if self.messages and "error" in self.last else None

    @property
    def result(self):
        assert "result" in self.last, self.last
        return self.last["result"]


class Stream:
    """One exchange that is read as it comes. HTTP/1.1, chunked or with a length."""

    def __init__(self, suite, method, fields, body=b""):
        raw = socket.create_connection(("localhost", suite.port("https")), timeout=30)
        c = suite.tls()
        c.set_alpn_protocols(["http/1.1"])
        self.s = c.wrap_socket(raw, server_hostname="localhost")
        head = f"{method} /mcp HTTP/1.1\r\nHost: localhost:{suite.port('https')}\r\nConnection: close\r\n"
        for k, v in fields:
            head += f"{k}: {v}\r\n"
        if method == "POST":
            head += f"Content-Length: {len(body)}\r\n"
        self.s.sendall(head.encode() + b"\r\n" + body)
        self.data = b""
        self.ended = False
        while b"\r\n\r\n" not in self.data:
            assert self.more(), self.data
        top, _, self.data = self.data.partition(b"\r\n\r\n")
        lines = top.decode().split("\r\n")
        self.status = int(lines[0].split()[1])
        self.fields = {n.lower(): v for n, _, v in (x.partition(": ") for x in lines[1:])}
        self.chunked = self.fields.get("transfer-encoding") == "chunked"
        self.body = b""

    def more(self):
        try:
            some = self.s.recv(65536)
        except (ConnectionError, ssl.SSLError):
            some = b""
        self.data += some
        self.ended = self.ended or not some
        return bool(some)

    def take(self):
        """Moves what is there of the body; True at its end."""
        if not self.chunked:
            self.body += self.data
            self.data = b""
            return len(self.body) >= int(self.fields.get("content-length", 0))
        while b"\r\n" in self.data:
            size, _, rest = self.data.partition(b"\r\n")
            n = int(size, 16)
            if len(rest) < n + 2:
                return False
            self.body += rest[:n]
            self.data = rest[n + 2:]
            if n == 0:
                return True
        return False

    def answer(self):
        while not self.take():
            if not self.more():
                break
        self.close()
        return Answer(self.status, self.fields, self.body)

    def event(self):
        """The next message of events; comments are passed over. None: it has ended."""
        while True:
            while b"\n\n" in self.body:
                one, _, self.body = self.body.partition(b"\n\n")
                if one.startswith(b"data: "):
                    return json.loads(one[6:])
            over = self.take() or self.ended
            if b"\n\n" in self.body:
                continue
            if over:
                return None
            self.more()

    def close(self):
        self.s.close()


class Client:
    def __init__(self, suite, token, can=None):
        self.suite, self.token, self.session, self.n = suite, token, None, 0
        self.can = {"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {}} if can is None else can

    def post(self, body, fields=(), **more):
        return self.open("POST", body, fields, **more).answer()

    def open(self, method, body="", fields=(), without=()):
        given = {"Authorization": f"Bearer {self.token}", "Accept": "application/json, text/event-stream"}
        if method == "POST":
            given["Content-Type"] = "application/json"
        if self.session:
            given |= {"Mcp-Session-Id": self.session, "MCP-Protocol-Version": LEGACY}
        given |= dict(fields)
        sent = [(k, v) for k, v in given.items() if k not in without and v is not None]
        if not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        return Stream(self.suite, method, sent, body.encode() if isinstance(body, str) else body)

    # ---- today's ----

    def modern(self, method, params=None, meta=None, id=None):
        self.n += 1
        params = dict(params or {})
        params["_meta"] = {"io.modelcontextprotocol/protocolVersion": MODERN,
                           "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
                           "io.modelcontextprotocol/clientCapabilities": self.can, **(meta or {})}
        return {"jsonrpc": "2.0", "id": id if id is not None else self.n, "method": method, "params": params}

    def mirrored(self, message):
        fields = [("MCP-Protocol-Version", MODERN), ("Mcp-Method", message["method"])]
        name = message["params"].get("uri" if message["method"] == "resources/read" else "name")
        if name is not None and message["method"] in ("tools/call", "prompts/get", "resources/read"):
            fields.append(("Mcp-Name", name))
        return fields

    def ask(self, method, params=None, meta=None):
        m = self.modern(method, params, meta)
        return self.post(m, self.mirrored(m))

    def listen(self, method, params=None, meta=None):
        m = self.modern(method, params, meta)
        return self.open("POST", m, self.mirrored(m))

    def tool(self, name, arguments=None, **more):
        return self.ask("tools/call", {"name": name, "arguments": arguments or {}, **more})

    # ---- sessions ----

    def initialize(self, version=LEGACY):
        self.n += 1
        self.session = None
        a = self.post({"jsonrpc": "2.0", "id": self.n, "method": "initialize", "params": {
            "protocolVersion": version, "capabilities": self.can, "clientInfo": {"name": "tests", "version": "1"}}})
        self.session = a.fields.get("mcp-session-id")
        if self.session:
            assert self.post({"jsonrpc": "2.0", "method": "notifications/initialized"}).status == 202
        return a

    def request(self, method, params=None, **more):
        self.n += 1
        return {"jsonrpc": "2.0", "id": self.n, "method": method, "params": params or {}, **more}

    def call(self, method, params=None, fields=()):
        return self.post(self.request(method, params), fields)
