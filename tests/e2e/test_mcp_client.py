"""/mcp from end to end: both eras, sessions, what is cancelled, who is turned away."""

import json
import threading

import pytest
from mcpclient import LEGACY, MODERN, Client, token_of
from suite import wait_for


@pytest.fixture(scope="module")
def token(suite):
    return token_of(suite)


def test_today(suite, token):
    c = Client(suite, token)
    d = c.ask("server/discover")
    assert d.status == 200 and d.type == "application/json"
    assert MODERN in d.result["supportedVersions"] and d.result["resultType"] == "complete"
    assert "mcp-session-id" not in d.fields
    assert c.ask("tools/list").result["tools"]
    boxes = c.tool("list_mailboxes")
    assert boxes.status == 200 and not boxes.result["isError"]
    # The session of another era is passed over.
    m = c.modern("server/discover")
    assert c.post(m, c.mirrored(m) + [("Mcp-Session-Id", "x")]).status == 200


def test_statuses(suite, token):
    c = Client(suite, token)
    m = c.modern("tools/list")
    good = dict(c.mirrored(m))
    assert (c.ask("no/such").status, c.ask("no/such").code) == (404, -32601)
    assert c.ask("initialize").code == -32601
    for field, value in (("Mcp-Method", "tools/call"), ("Mcp-Method", None), ("MCP-Protocol-Version", LEGACY)):
        a = c.post(m, (good | {field: value}).items())
        assert (a.status, a.code, a.last["id"]) == (400, -32020, m["id"]), field
    call = c.modern("tools/call", {"name": "list_mailboxes", "arguments": {}})
    for name in ("flag", "", None, "=?base64?!?=", "=?base64?bGlzdF9tYWlsYm94ZXM=", "LIST_MAILBOXES"):
        a = c.post(call, [("MCP-Protocol-Version", MODERN), ("Mcp-Method", "tools/call"), ("Mcp-Name", name)])
        assert (a.status, a.code) == (400, -32020), name
    a = c.post(call, [("MCP-Protocol-Version", MODERN), ("Mcp-Method", "tools/call"),
                      ("Mcp-Name", "=?base64?bGlzdF9tYWlsYm94ZXM=?=")])
    assert a.status == 200
    old = c.modern("tools/list", meta={"io.modelcontextprotocol/protocolVersion": "1900-01-01"})
    a = c.post(old, (good | {"MCP-Protocol-Version": "1900-01-01"}).items())
    assert (a.status, a.code) == (400, -32022) and MODERN in a.last["error"]["data"]["supported"]
    bare = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    assert (lambda a: (a.status, a.code))(c.post(bare, good.items())) == (400, -32602)
    for part in ("protocolVersion", "clientCapabilities"):
        half = c.modern("tools/list")
        del half["params"]["_meta"]["io.modelcontextprotocol/" + part]
        a = c.post(half, good.items())
        assert (a.status, a.code, a.last["id"]) == (400, -32602, half["id"]), part


@pytest.mark.parametrize("body", [
    "", "{", "null", "[]", "1", '"x"', "{}", '{"jsonrpc":"1.0","id":1,"method":"ping"}', '{"jsonrpc":"2.0","id":null,"method":"ping"}',
    '{"jsonrpc":"2.0","id":1.5,"method":"ping"}', '{"jsonrpc":"2.0","id":{},"method":"ping"}', '{"jsonrpc":"2.0","id":1,"method":2}',
    '{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}', '{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}',
    '[{"jsonrpc":"2.0","id":1,"method":"ping"}]', '{"jsonrpc":"2.0","id":1,"method":"\\u0000"}', "[" * 100000,
    '{"jsonrpc":"2.0","id":"' + "x" * 300 + '","method":"ping"}', '{"jsonrpc":"2.0","id":1,"method":"ping"} x',
    b'{"jsonrpc":"2.0","id":1,"method":"\xff"}', '{"a":' * 60 + "1" + "}" * 60, "[" + "0," * 50000 + "0]"], ids=range(22))
def test_absurd_messages(suite, token, body):
    """Each is refused, as a mistake of the client's; the daemon goes on."""
    c = Client(suite, token)
    for fields in ([], [("MCP-Protocol-Version", MODERN), ("Mcp-Method", "ping")], [("MCP-Protocol-Version", LEGACY)]):
        a = c.post(body, fields)
        assert a.status == 400 and a.code in (-32700, -32600, -32602, -32020), (a.status, a.body)
    assert c.ask("server/discover").status == 200


def test_wrong_tokens(suite, token):
    for wrong in ("gka_" + "0" * 64, token[:-1], token + "0", token.upper(), token[4:], ""):
        a = Client(suite, wrong).ask("server/discover")
        assert a.status == 401 and a.fields["www-authenticate"].startswith("Bearer"), wrong
    alice = suite.user("alice")
    import base64
    basic = base64.b64encode(f"{alice['address']}:{alice['password']}".encode()).decode()
    c = Client(suite, token)
    m = c.modern("server/discover")
    assert c.post(m, c.mirrored(m) + [("Authorization", "Basic " + basic)]).status == 401


def test_a_session(suite, token):
    c = Client(suite, token)
    a = c.initialize()
    assert a.status == 200 and a.result["protocolVersion"] == LEGACY and len(c.session) == 43
    assert c.call("ping").result == {}
    assert c.call("tools/list").result["tools"]
    assert c.call("tools/call", {"name": "list_mailboxes", "arguments": {}}).result["isError"] is False
    assert c.post({"jsonrpc": "2.0", "method": "notifications/whatever"}).status == 202
    assert c.post({"jsonrpc": "2.0", "id": "gk-1", "result": {}}).status == 202
    assert c.call("initialize", {"protocolVersion": LEGACY, "capabilities": {}}).code == -32600
    gone = c.open("DELETE")
    assert gone.status == 204
    assert c.call("ping").status == 404
    assert c.open("DELETE").status == 404
    assert c.open("GET").status == 404


def test_sessions_are_their_makers_alone(suite, token):
    c, mallory = Client(suite, token), Client(suite, token_of(suite, "bob", "thief"))
    c.initialize()
    mallory.session = c.session
    assert mallory.call("ping").status == 404
    assert mallory.open("DELETE").status == 404
    assert mallory.open("GET").status == 404
    for forged in ("A" * 43, c.session[:-1] + ("A" if c.session[-1] != "A" else "B"), c.session + "A", c.session.lower(),
                   "x", "../../etc/passwd", "'; --"):
        other = Client(suite, token)
        other.session = forged
        assert other.call("ping").status == 404, forged
    assert c.call("ping").status == 200
    c.token = "gka_" + "0" * 64
    assert c.call("ping").status == 401


def test_a_failed_beginning_leaves_no_session(suite, token):
    c = Client(suite, token)
    a = c.post({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}})
    assert a.code == -32602 and "mcp-session-id" not in a.fields
    assert (lambda a: a.status)(c.post({"jsonrpc": "2.0", "id": 1, "method": "ping"}, [("MCP-Protocol-Version", LEGACY)])) in (400, 404)


def test_many_sessions_push_out_the_oldest(suite):
    token = token_of(suite, "alice", "hoarder")
    first = Client(suite, token)
    first.initialize()
    for _ in range(8):
        assert Client(suite, token).initialize().status == 200
    assert first.call("ping").status == 404


def test_the_stream_of_a_session(suite, token):
    c = Client(suite, token)
    c.initialize()
    one = c.open("GET")
    assert one.status == 200 and one.fields["content-type"] == "text/event-stream"
    assert one.fields["x-accel-buffering"] == "no"
    two = c.open("GET")
    assert two.status == 200
    assert one.event() is None  # the newer one has its place
    assert c.open("DELETE").status == 204
    assert two.event() is None


def test_revoked_in_the_middle(suite):
    token = token_of(suite, "alice", "short")
    c, legacy = Client(suite, token), Client(suite, token)
    s = c.listen("subscriptions/listen", {"notifications": {}})
    assert s.event()["method"] == "notifications/subscriptions/acknowledged"
    legacy.initialize()
    stream = legacy.open("GET")
    suite.ctl("agent", "revoke", "alice", "short")
    assert s.event() is None and stream.event() is None
    wait_for(lambda: c.ask("server/discover").status == 401, what="the token to be refused")
    assert legacy.call("ping").status == 401


def test_listening(suite, token):
    c = Client(suite, token)
    uris = ["mail://mailbox/inbox", "file:///etc/passwd"]
    s = c.listen("subscriptions/listen", {"notifications": {
        "resourceSubscriptions": uris, "resourcesListChanged": True, "toolsListChanged": True}})
    assert s.status == 200 and s.fields["content-type"] == "text/event-stream"
    first = s.event()
    assert first["method"] == "notifications/subscriptions/acknowledged"
    assert first["params"]["notifications"] == {"resourceSubscriptions": uris[:1], "resourcesListChanged": True}
    tag = {"io.modelcontextprotocol/subscriptionId": c.n}
    assert first["params"]["_meta"] == tag
    suite.send("bob", ("alice",), subject="hello")
    event = s.event()
    assert event == {"jsonrpc": "2.0", "method": "notifications/resources/updated",
                     "params": {"uri": uris[0], "_meta": tag}}
    with suite.imap("alice") as imap:
        imap.select("INBOX")
        imap.store("1", "+FLAGS", r"(\Flagged)")  # no count of the mailbox changes by that
        assert s.event()["params"]["uri"] == uris[0]
        imap.create("Brandnew")
    while True:
        event = s.event()
        if event["method"] == "notifications/resources/list_changed":
            break
        assert event["params"]["uri"] == uris[0]
    assert event["params"]["_meta"] == tag
    s.close()
    assert c.ask("subscriptions/listen", {"notifications": 1}).code == -32602


def test_subscribing_in_a_session(suite, token):
    c = Client(suite, token)
    c.initialize()
    stream = c.open("GET")
    assert c.call("resources/subscribe", {"uri": "mail://mailbox/INBOX"}).result == {}
    assert c.call("resources/subscribe", {"uri": "mail://nowhere"}).code == -32002
    wait_for(lambda: "mcp.session" in suite.log(), what="the log")

    def tell():
        suite.send("bob", ("alice",), subject="again")

    # It is watched once the owner is there: a message that came before is no change.
    got = []
    reader = threading.Thread(target=lambda: got.append(stream.event()))
    reader.start()
    while reader.is_alive():
        tell()
        reader.join(2)
    assert got[0]["method"] == "notifications/resources/updated" and got[0]["params"] == {"uri": "mail://mailbox/INBOX"}
    assert c.call("resources/unsubscribe", {"uri": "mail://mailbox/INBOX"}).result == {}
    assert c.open("DELETE").status == 204


def test_who_leaves_cancels(suite, token):
    """A hundred clients that leave in the middle; nothing is left over."""
    c = Client(suite, token)
    for i in range(30):
        m = c.modern("tools/call", {"name": "list_mailboxes", "arguments": {}})
        raw = json.dumps(m)
        try:
            s = c.open("POST", raw[:len(raw) - i % 2], c.mirrored(m))
            s.close()
        except (AssertionError, OSError):
            pass
    streams = [c.listen("subscriptions/listen", {"notifications": {}}) for _ in range(20)]
    for s in streams:
        assert s.event() is not None
        s.close()
    assert c.tool("list_mailboxes").status == 200


def test_so_many_at_a_time(suite):
    c = Client(suite, token_of(suite, "alice", "flood"))
    streams = [c.listen("subscriptions/listen", {"notifications": {}}) for _ in range(40)]
    assert {s.status for s in streams} == {200, 429}
    assert [s.status for s in streams].count(200) == 32
    for s in streams:
        s.close()
    wait_for(lambda: c.ask("server/discover").status == 200, what="room again")
