"""A raw client of the Model Context Protocol over `gkmail mcp`: lines of JSON, nothing checked or added but what is asked."""

import json
import os
import select
import subprocess
import time

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
META = "io.modelcontextprotocol/"


def meta(**more):
    return {META + "protocolVersion": MODERN, META + "clientCapabilities": {}, **more}


class Stdio:
    """One `gkmail mcp` of a user. Requests may be answered in any order: answers are found by id."""

    def __init__(self, suite, user="alice"):
        self.p = subprocess.Popen([str(suite.bin / "gkmail"), "--dir", str(suite.dir), "mcp", "--user", user],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=suite.env)
        self.pending, self.heard, self.ids = b"", [], 0
        os.set_blocking(self.p.stdout.fileno(), False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self, timeout=30):
        if not self.p.stdin.closed:
            try:
                self.p.stdin.close()
            except BrokenPipeError:
                pass
        try:
            return self.p.wait(timeout)
        finally:
            if self.p.poll() is None:
                self.p.kill()
                self.p.wait()
            self.p.stdout.close()
            self.p.stderr.close()

    def raw(self, octets):
        self.p.stdin.write(octets)
        self.p.stdin.flush()

    def say(self, message):
        self.raw(json.dumps(message).encode() + b"\n")

    def hear(self, timeout=30):
        """The next message, or None at the end."""
        end = time.monotonic() + timeout
        while b"\n" not in self.pending:
            if not select.select([self.p.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError("no message")
            got = os.read(self.p.stdout.fileno(), 1 << 16)
            if not got:
                return None
            self.pending += got
        line, self.pending = self.pending.split(b"\n", 1)
        return json.loads(line)

    def answer(self, id, timeout=30):
        """The answer to a request; what comes meanwhile is kept in heard."""
        for i, m in enumerate(self.heard):
            if m.get("id") == id and "method" not in m:
                return self.heard.pop(i)
        while (m := self.hear(timeout)) is not None:
            if m.get("id") == id and "method" not in m:
                return m
            self.heard.append(m)
        raise EOFError("it has ended")

    def begin(self, method, params=None, modern=True, id=None, **more):
        self.ids += 1
        id = self.ids if id is None else id
        params = dict(params or {})
        if modern:
            params["_meta"] = meta(**more)
        elif more:
            params["_meta"] = more
        self.say({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
        return id

    def ask(self, method, params=None, modern=True, **more):
        """The whole answer."""
        return self.answer(self.begin(method, params, modern, **more))

    def call(self, tool, arguments=None, modern=True, **more):
        """The result of a tool."""
        a = self.ask("tools/call", {"name": tool, "arguments": arguments or {}}, modern, **more)
        assert "result" in a, a
        return a["result"]

    def initialize(self, version=LEGACY, capabilities=None):
        a = self.ask("initialize", {"protocolVersion": version, "capabilities": capabilities or {},
                                    "clientInfo": {"name": "raw", "version": "1"}}, modern=False)
        self.say({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return a["result"]
