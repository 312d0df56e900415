"""A language model by script, behind the protocol of Ollama or of OpenAI-compatible servers, on the loopback alone.

`model(request)` is asked for each answer and gives what it says: Say, a Raw (octets as they are), or a list of these
and of pauses. What it is asked is kept in `requests`.
"""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Say:
    """Text, then calls: (name, arguments) pairs; arguments may be anything at all."""

    def __init__(self, text="", *calls, tokens=(11, 7), reason=None):
        self.text, self.calls, self.tokens, self.reason = text, calls, tokens, reason


class Raw:
    """Octets of a body as they are, in these pieces. end: "close" ends it well, "cut" in the middle, "hang" never."""

    def __init__(self, *pieces, status=200, end="close", headers=()):
        self.pieces, self.status, self.end, self.headers = pieces, status, end, headers


class Request:
    """One question to the model, in either protocol."""

    def __init__(self, path, body, headers):
        self.path, self.body, self.headers = path, body, headers
        self.messages = body.get("messages", [])
        self.tools = [t["function"]["name"] for t in body.get("tools", [])]

    @property
    def picks(self):
        """It asks for the form of the second phase."""
        return "format" in self.body or "response_format" in self.body

    @property
    def system(self):
        return self.messages[0]["content"]

    @property
    def asked(self):
        """What the person said last, without what follows in brackets."""
        return [m["content"] for m in self.messages if m["role"] == "user"][-1].split("\n\n(")[0]

    @property
    def results(self):
        """What tools said in this turn, oldest first."""
        last = max(i for i, m in enumerate(self.messages) if m["role"] == "user")
        return [m["content"] for m in self.messages[last:] if m["role"] == "tool"]

    @property
    def result(self):
        return self.results[-1]


def split(octets, size):
    return [octets[i:i + size] for i in range(0, len(octets), size)]


class Model:
    def __init__(self, model, kind="ollama", show=None, name="script", piece=None, tls=None, host="127.0.0.1"):
        self.model, self.kind, self.name, self.piece = model, kind, name, piece
        self.show = show or {"capabilities": ["completion", "tools"], "details": {}}
        self.requests = []
        self.peers = 0
        self.stop = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                outer.serve(self)

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Server((host, 0), Handler)
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.scheme = "https" if tls else "http"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def config(self, **more):
        """The [assistant] section."""
        keys = {"provider": self.kind, "url": self.url, "model": self.name} | more
        return "[assistant]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in keys.items())

    # ---- answers ----

    def lines(self, say):
        """What Ollama would send."""
        def line(**more):
            return json.dumps({"model": self.name, "created_at": "2026-01-01T00:00:00Z"} | more).encode() + b"\n"
        words = say.text.split(" ")
        for i, w in enumerate(words):
            yield line(message={"role": "assistant", "content": w + (" " if i + 1 < len(words) else "")}, done=False)
        for name, arguments in say.calls:
            yield line(message={"role": "assistant", "content": "", "tool_calls": [
                {"function": {"name": name, "arguments": arguments}}]}, done=False)
        yield line(message={"role": "assistant", "content": ""}, done=True, done_reason=say.reason or "stop",
                   prompt_eval_count=say.tokens[0], eval_count=say.tokens[1])

    def events(self, say):
        """What OpenAI-compatible servers would send."""
        def event(o):
            return b"data: " + json.dumps(o).encode() + b"\n\n"
        for w in split(say.text, 9):
            yield event({"choices": [{"index": 0, "delta": {"content": w}, "finish_reason": None}]})
        for i, (name, arguments) in enumerate(say.calls):
            text = arguments if isinstance(arguments, str) else json.dumps(arguments)
            first = {"index": i, "id": f"call_{i}", "type": "function", "function": {"name": name, "arguments": ""}}
            yield event({"choices": [{"index": 0, "delta": {"tool_calls": [first]}}]})
            for part in split(text, 7):
                more = {"index": i, "function": {"arguments": part}}
                yield event({"choices": [{"index": 0, "delta": {"tool_calls": [more]}}]})
        reason = say.reason or ("tool_calls" if say.calls else "stop")
        yield event({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        yield event({"choices": [], "usage": {"prompt_tokens": say.tokens[0], "completion_tokens": say.tokens[1]}})
        yield b"data: [DONE]\n\n"

    def serve(self, h):
        self.peers += 1
        body = json.loads(h.rfile.read(int(h.headers["Content-Length"])))
        h.close_connection = True
        if h.path == "/api/show":
            answer = self.show if isinstance(self.show, Raw) else Raw(json.dumps(self.show).encode())
        else:
            want = "/api/chat" if self.kind == "ollama" else "/v1/chat/completions"
            request = Request(h.path, body, h.headers)
            self.requests.append(request)
            answer = self.model(request) if h.path == want else Raw(b"{}", status=404)
        if isinstance(answer, Say):
            answer = Raw(*(self.lines(answer) if self.kind == "ollama" else self.events(answer)))
        self.send(h, answer)

    def send(self, h, raw):
        h.send_response(raw.status)
        h.send_header("Transfer-Encoding", "chunked")
        h.send_header("Connection", "close")
        for name, value in raw.headers:
            h.send_header(name, value)
        h.end_headers()
        for piece in raw.pieces:
            for part in split(piece, self.piece) if self.piece else [piece]:
                h.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                h.wfile.flush()
        if raw.end == "hang":
            self.stop.wait(120)
        if raw.end == "close":
            h.wfile.write(b"0\r\n\r\n")
        h.wfile.flush()
        h.connection.shutdown(socket.SHUT_RDWR)
