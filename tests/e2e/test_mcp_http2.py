"""/mcp over HTTP/2, as browsers and most HTTP libraries come: calls, streams and sessions side by side on one connection; and a
request's state (requestState) that a client carries, over either."""

import json
import os
import signal
import subprocess

import pytest
import web
from mcpclient import LEGACY, MODERN, Answer, Client, token_of
from mcptools import Mail
from suite import wait_for


class Connection(web.H2):
    """Messages of the protocol on one connection; each gives its stream's number."""

    def __init__(self, suite, token):
        super().__init__(suite)
        self.words, self.session = Client(suite, token), None

    def send(self, message, fields=(), method="POST"):
        more = [("authorization", f"Bearer {self.words.token}"), ("accept", "application/json, text/event-stream")]
        if self.session:
            more += [("mcp-session-id", self.session), ("mcp-protocol-version", LEGACY)]
        if method == "POST":
            more.append(("content-type", "application/json"))
        more += [(k.lower(), v) for k, v in fields]
        return self.request("/mcp", method, more, json.dumps(message).encode() if method == "POST" else None)

    def modern(self, method, params=None, meta=None):
        m = self.words.modern(method, params, meta)
        return self.send(m, self.words.mirrored(m))

    def answer(self, id):
        r = self.wait(id)
        return Answer(r["status"], r["fields"], r["body"])

    def event(self, id):
        """The next message of a stream of events."""
        r = self.responses[id]
        while True:
            while b"\n\n" in r["body"]:
                one, _, r["body"] = r["body"].partition(b"\n\n")
                if one.startswith(b"data: "):
                    return json.loads(one[6:])
            assert not r["done"] and self.pump(), r

    def status(self, id):
        while self.responses[id]["status"] is None:
            assert self.pump()
        return self.responses[id]["status"]


@pytest.fixture(scope="module")
def token(suite):
    return token_of(suite)


@pytest.fixture
def client(suite, token):
    with Connection(suite, token) as c:
        yield c


def test_calls_side_by_side(client):
    ids = [client.modern("tools/call", {"name": "list_mailboxes", "arguments": {}}) for _ in range(20)]
    client.wait(*ids)
    for id in ids:
        assert client.answer(id).result["isError"] is False
    assert client.answer(client.modern("no/such")).status == 404
    m = client.words.modern("tools/call", {"name": "list_mailboxes", "arguments": {}})
    fields = dict(client.words.mirrored(m)) | {"Mcp-Name": "search"}
    assert client.answer(client.send(m, fields.items())).code == -32020
    m = client.words.modern("server/discover")
    assert client.answer(client.send(m, [*client.words.mirrored(m), ("Mcp-Method", "tools/list")])).status == 400


def test_a_subscription_beside_calls(suite, client):
    """What is told comes while other streams are answered; resetting its stream ends it alone."""
    s = client.modern("subscriptions/listen", {"notifications": {"resourceSubscriptions": ["mail://mailbox/inbox"]}})
    assert client.event(s)["method"] == "notifications/subscriptions/acknowledged"
    for n in range(3):
        suite.send("bob", ("alice",), subject=f"number {n}")
        assert client.answer(client.modern("tools/list")).status == 200
        assert client.event(s)["params"]["uri"] == "mail://mailbox/inbox"
    client.c.reset_stream(s, error_code=8)  # CANCEL
    client.flush()
    assert client.answer(client.modern("tools/list")).status == 200


def test_many_subscriptions_reset(client):
    """An agent's streams at a time are counted: those that were reset do not stay."""
    for _ in range(3):
        ids = [client.modern("subscriptions/listen", {"notifications": {}}) for _ in range(30)]
        assert {client.status(i) for i in ids} == {200}
        for i in ids:
            client.c.reset_stream(i, error_code=8)
        client.flush()
        wait_for(lambda: client.answer(client.modern("server/discover")).status == 200)


def test_a_session(suite, token, client):
    begin = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "tests", "version": "1"}}}
    a = client.answer(client.send(begin))
    assert a.status == 200 and a.result["protocolVersion"] == LEGACY
    client.session = a.fields["mcp-session-id"]
    assert client.answer(client.send({"jsonrpc": "2.0", "method": "notifications/initialized"})).status == 202
    stream = client.send(None, method="GET")
    assert client.status(stream) == 200
    uri = {"uri": "mail://mailbox/inbox"}
    assert client.answer(client.send(client.words.request("resources/subscribe", uri))).result == {}
    Mail(suite)  # the owner is there
    got = []

    def told():
        suite.send("bob", ("alice",), subject="in a session")
        id = client.send(client.words.request("ping"))
        assert client.answer(id).result == {}
        if b"\n\ndata: " in b"\n\n" + client.responses[stream]["body"]:
            got.append(client.event(stream))
        return got

    assert wait_for(told)[0]["params"] == uri
    # The same session by HTTP/1.1; and not by another's token.
    other = Client(suite, token)
    other.session = client.session
    assert other.call("ping").result == {}
    thief = Client(suite, token_of(suite, "bob", "thief"))
    thief.session = client.session
    assert thief.call("ping").status == 404
    client.wait(client.send(None, method="DELETE"))
    assert client.wait(stream)["reset"] is None
    assert client.answer(client.send(client.words.request("ping"))).status == 404


def test_curl(suite, token, tmp_path):
    """As the documents have it (docs/AGENTS.md), over both versions."""
    m = Client(suite, token).modern("tools/call", {"name": "list_mailboxes", "arguments": {}})
    for version in ("--http1.1", "--http2"):
        r = subprocess.run(
            ["curl", "-sS", version, "--cacert", suite.info["ca"], "-w", "%{http_version} %{http_code}", "-o", tmp_path / "out",
             "-H", f"Authorization: Bearer {token}", "-H", "Content-Type: application/json",
             "-H", "Accept: application/json, text/event-stream", "-H", f"MCP-Protocol-Version: {MODERN}", "-H",
             "Mcp-Method: tools/call", "-H", "Mcp-Name: list_mailboxes", "--data-binary", json.dumps(m),
             f"https://localhost:{suite.port('https')}/mcp"], capture_output=True, text=True, timeout=60)
        assert r.stdout == ("2 200" if version == "--http2" else "1.1 200"), r
        assert json.loads((tmp_path / "out").read_text())["result"]["isError"] is False


# ---- what a client carries for us ----


@pytest.fixture
def asked(suite, token):
    """A client that was asked to show a page: (client, the call, its answer with the state)."""
    c = Client(suite, token)
    draft = c.tool("create_draft", {"to": [suite.user("bob")["address"]], "subject": "state", "body": "x"}).result
    call = {"name": "request_send", "arguments": {"draft": draft["structuredContent"]["draft"]}}
    got = c.ask("tools/call", call).result
    assert got["resultType"] == "input_required"
    return c, call, call | {"requestState": got["requestState"], "inputResponses": {"approval": {"action": "accept"}}}


def test_a_state_is_good_once(suite, token, asked):
    c, call, back = asked
    with Connection(suite, token) as other:  # the same client, by HTTP/2
        assert other.answer(other.modern("tools/call", back)).result["structuredContent"]["state"] == "requested"
    for _ in range(2):
        assert c.ask("tools/call", back).code == -32602
    # It was no approval, and the question can be put again.
    assert c.ask("tools/call", call).result["resultType"] == "input_required"


def test_a_state_is_its_holders_alone(suite, asked):
    c, _, back = asked
    for user, name in (("bob", "mallory"), ("alice", "another")):
        other = Client(suite, token_of(suite, user, name))
        assert other.ask("tools/call", back).code == -32602
    # Nobody else has used it up.
    assert c.ask("tools/call", back).result["structuredContent"]["state"] == "requested"


def test_a_state_that_was_altered(suite, asked):
    c, call, back = asked
    state = back["requestState"]
    for bad in ("", "x", state[:-1], state + "A", state[::-1], "A" + state[1:] if state[0] != "A" else "B" + state[1:],
                *(state[:i] + ("A" if state[i] != "A" else "B") + state[i + 1:] for i in range(2, len(state) - 2, 9)), 7, None, {}):
        a = c.ask("tools/call", back | {"requestState": bad})
        if bad is None:  # as none: an answer to nothing that was asked; who needs to know looks
            assert "error" in a.last or a.result["resultType"] == "complete"
        else:
            assert a.code == -32602, (bad, a.last)
    # For what was asked, and nothing else.
    for other in (back | {"name": "delete_draft"}, back | {"arguments": {"draft": "e1"}}):
        assert c.ask("tools/call", other).code == -32602
    assert c.ask("tools/call", back).result["structuredContent"]["state"] == "requested"


def test_a_state_of_before(suite, asked):
    """The key is drawn when gk-mcpd starts (ten minutes, the other end of a state, are for its unit test)."""
    c, call, back = asked
    pid = suite.processes()["mcpd"]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: suite.processes().get("mcpd") not in (pid, None) and c.ask("server/discover").status == 200)
    assert c.ask("tools/call", back).code == -32602
    assert c.ask("tools/call", call).result["resultType"] == "input_required"
