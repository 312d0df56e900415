"""gk-mcpd over `gkmail mcp`: both eras of the protocol, tools, and what a client can do wrong."""

import json
import os
import re
import signal

import pytest
from conftest import wait_for
from mcp import LEGACY, MODERN, META, Stdio
from suite import children


@pytest.fixture
def client(suite):
    with Stdio(suite) as c:
        yield c


def error(answer, code):
    assert answer["error"]["code"] == code, answer
    return answer["error"]


# ---- the modern era ----


def test_discover(client):
    r = client.ask("server/discover")["result"]
    assert r["resultType"] == "complete" and r["supportedVersions"][0] == MODERN and LEGACY in r["supportedVersions"]
    assert "tools" in r["capabilities"] and r["cacheScope"] == "public" and r["ttlMs"] >= 0
    assert r["_meta"][META + "serverInfo"]["name"] == "gkmail"


def test_tools_are_listed_and_called(client):
    r = client.ask("tools/list")["result"]
    tools = {t["name"]: t for t in r["tools"]}
    assert r["cacheScope"] == "private" and "nextCursor" not in r
    t = tools["list_mailboxes"]
    assert t["inputSchema"]["type"] == "object" and t["outputSchema"]["type"] == "object"
    assert t["annotations"]["readOnlyHint"] is True and t["title"] and t["description"]
    got = client.call("list_mailboxes")
    assert got["isError"] is False and got["resultType"] == "complete"
    boxes = {b["role"]: b for b in got["structuredContent"]["mailboxes"] if "role" in b}
    assert {"inbox", "drafts", "sent", "trash", "junk"} <= set(boxes)
    assert boxes["inbox"]["total"] >= 0 and boxes["inbox"]["name"]
    assert got["content"][0]["type"] == "text" and "inbox" in got["content"][0]["text"]


def test_each_request_says_its_version(client):
    error(client.answer(client.begin("tools/list", modern=False)), -32602)
    e = error(client.ask("tools/list", **{META + "protocolVersion": "2031-01-01"}), -32022)
    assert MODERN in e["data"]["supported"] and e["data"]["requested"] == "2031-01-01"


def test_what_is_wrong_is_said(client):
    error(client.ask("no/such"), -32601)
    error(client.ask("ping"), -32601)  # of the other era
    error(client.ask("tools/call", {"name": "no_such"}), -32602)
    error(client.ask("tools/list", {"cursor": "abc"}), -32602)
    error(client.ask("tools/list", {"cursor": "9999"}), -32602)
    got = client.call("list_mailboxes", {"extra": 1})
    assert got["isError"] is True and "extra" in got["content"][0]["text"] and "structuredContent" not in got
    client.raw(b"no JSON\n\n   \n")
    error(client.hear(), -32700)
    client.raw(b"[]\n")
    error(client.hear(), -32600)
    client.raw(b'{"jsonrpc":"2.0","method":"notifications/unknown"}\n')
    client.raw(b'{"jsonrpc":"2.0","id":77,"result":{}}\n')  # to nothing that was asked
    assert client.ask("server/discover")["result"]


def test_each_round_to_the_mailbox_is_told_to_who_asks(client):
    params = {"name": "create_draft", "arguments": {"to": ["x@there.test"], "subject": "s", "body": "b"}}
    assert client.ask("tools/call", params, progressToken="p1")["result"]["isError"] is False
    told = [m["params"] for m in client.heard if m["method"] == "notifications/progress"]
    assert [(p["progressToken"], p["progress"]) for p in told] == [("p1", 1), ("p1", 2)]
    client.heard.clear()
    assert client.ask("tools/call", params)["result"]["isError"] is False and client.heard == []


def test_requests_go_on_side_by_side(client):
    ids = [client.begin("tools/call", {"name": "list_mailboxes"}, id=f"r{i}") for i in range(12)]
    assert {client.answer(i)["id"] for i in reversed(ids)} == set(ids)


# ---- with a session ----


@pytest.mark.parametrize("version", [LEGACY, "2025-06-18", "2025-03-26"])
def test_initialize(suite, version):
    with Stdio(suite) as c:
        r = c.initialize(version)
        assert r["protocolVersion"] == version and r["serverInfo"]["name"] == "gkmail" and r["instructions"]
        assert "resultType" not in r and "tools" in r["capabilities"]
        assert c.ask("ping", modern=False)["result"] == {}
        assert "list_mailboxes" in {t["name"] for t in c.ask("tools/list", modern=False)["result"]["tools"]}
        got = c.call("list_mailboxes", modern=False)
        assert not got["isError"] and "resultType" not in got and got["structuredContent"]["mailboxes"]
        assert c.ask("logging/setLevel", {"level": "warning"}, modern=False)["result"] == {}
        error(c.ask("logging/setLevel", {"level": "loud"}, modern=False), -32602)
        error(c.ask("initialize", {"protocolVersion": version, "capabilities": {}}, modern=False), -32600)
        error(c.ask("server/discover", modern=False), -32601)
        # One that says its version in the request is a modern one, whatever went before.
        assert c.ask("server/discover")["result"]["resultType"] == "complete"


def test_an_unknown_version_gets_ours(suite):
    with Stdio(suite) as c:
        assert c.initialize("1999-01-01")["protocolVersion"] == LEGACY
    with Stdio(suite) as c:
        error(c.ask("initialize", {"capabilities": {}}, modern=False), -32602)


# ---- the end ----


def test_the_end_of_input_ends_it_once_all_is_answered(suite):
    with Stdio(suite) as c:
        c.begin("tools/call", {"name": "list_mailboxes"}, id="last")
        c.p.stdin.close()
        assert c.answer("last")["result"]["isError"] is False
        assert c.hear() is None
        assert c.close() == 0


def test_the_end_of_input_ends_a_subscription(suite):
    with Stdio(suite) as c:
        id = c.begin("subscriptions/listen", {"notifications": {"resourcesListChanged": True}})
        assert c.hear()["method"] == "notifications/subscriptions/acknowledged"
        c.p.stdin.close()
        assert c.answer(id)["result"]["_meta"][META + "subscriptionId"] == id
        assert c.hear() is None and c.close() == 0


@pytest.mark.parametrize("how", ["killed", "closed"])
def test_a_client_that_leaves_ends_its_calls(fresh_suite, how):
    """At once, not when they would be given up: the owner, which is to answer, is stopped."""
    s = fresh_suite(config='[mcp]\ncall_timeout = "10m"\n')
    with Stdio(s) as c:
        c.call("list_mailboxes")
        stopped = [p["pid"] for p in s.status()["processes"] if p["name"].startswith("mailboxd")]
        owners = [x for pid in stopped for x in children(pid)]
        for pid in stopped + owners:
            os.kill(pid, signal.SIGSTOP)
        try:
            c.begin("tools/call", {"name": "list_mailboxes"})
            c.begin("server/discover", id="heard")
            c.answer("heard")  # so the call before it is under way
            if how == "killed":
                c.p.kill()
            else:
                c.p.stdin.close()
                c.p.stdout.close()
            wait_for(lambda: "cancelled" in s.ctl("audit", "show", "--agent", "terminal").stdout, what="the end of the call")
        finally:
            for pid in stopped + owners:
                os.kill(pid, signal.SIGCONT)


def test_a_line_that_is_too_long_ends_it(suite):
    with Stdio(suite) as c:
        try:
            c.raw(b"x" * (1 << 20))
            c.raw(b"x" * 5000)
        except BrokenPipeError:
            pass
        error(c.hear(), -32600)
        assert c.hear() is None


def test_whose_mail(suite):
    r = suite.ctl("mcp", "--user", "nobody", input="", check=False)
    assert r.returncode == 1 and "no such user" in r.stderr
    assert suite.ctl("mcp", input="", check=False).returncode == 2


# ---- the agent ----


def rows(suite, user="alice"):
    return {r["name"]: r for r in json.loads(suite.ctl("agent", "list", user, "--json").stdout)}


def test_scopes_and_the_end_of_an_agent(suite):
    suite.ctl("agent", "policy", "carol", "terminal", "delete=never")
    with Stdio(suite, "carol") as c:
        assert c.call("list_mailboxes")["isError"] is False
        suite.ctl("agent", "revoke", "carol", "terminal")
        assert c.hear() is None
    assert "terminal" in rows(suite, "carol")
    r = suite.ctl("mcp", "--user", "carol", input="", check=False)
    assert r.returncode == 1 and "no such agent" in r.stderr


def test_what_it_does_is_in_the_audit_log(suite, client):
    client.call("list_mailboxes")
    client.call("list_mailboxes", {"extra": "x" * 500})

    def records():
        shown = json.loads(suite.ctl("audit", "show", "--agent", "terminal", "--json").stdout)
        return [r for r in shown if r.get("tool") == "list_mailboxes"]

    last = wait_for(lambda: [r for r in records() if "extra" in json.dumps(r["arguments"])])[-1]
    assert last["outcome"] != "ok" and "x" * 400 not in json.dumps(last)
    assert any(r["outcome"] == "ok" and r["decision"] == "free" for r in records())
    assert re.search(r'mcp_tool_calls_total\{tool="list_mailboxes"\} [1-9]', suite.ctl("status", "--metrics").stdout)


def test_what_it_changed_is_undone_by_its_session(suite):
    with suite.smtp("bob") as c:
        c.sendmail(suite.user("bob")["address"], [suite.user("alice")["address"]], b"Subject: undo me\r\n\r\nText.\r\n")
    with Stdio(suite) as c:
        def found():
            return c.call("search", {"query": "subject:undo"})["structuredContent"]["messages"]

        m = wait_for(found)[0]
        marked = c.call("flag", {"messages": [m["id"]], "flagged": True})
        assert marked["isError"] is False and found()[0] != m, marked
        undone = c.call("undo_session")
        assert undone["isError"] is False, undone
        assert undone["structuredContent"]["session"]
        assert found()[0] == m


# ---- the daemon ----


@pytest.mark.parametrize("name", ["mcpd", "authd", "mailboxd"])
def test_a_process_that_dies_is_an_error_and_no_hang(suite, name):
    with Stdio(suite) as c:
        assert c.call("list_mailboxes")["isError"] is False
        ids = [c.begin("tools/call", {"name": "list_mailboxes"}) for _ in range(4)]
        os.kill(suite.processes()[name], signal.SIGKILL)
        try:
            for i in ids:
                assert "result" in c.answer(i)
            wait_for(lambda: name == "mcpd" or not c.call("list_mailboxes")["isError"])
        except (EOFError, BrokenPipeError):
            assert name in ("mcpd", "authd")  # the stream ends, or the session that nobody knows any more

    def works():
        r = suite.ctl("mcp", "--user", "alice", input="", check=False)
        return r.returncode == 0

    wait_for(works)
    with Stdio(suite) as c:
        wait_for(lambda: not c.call("list_mailboxes")["isError"])


def test_reload_and_drain(suite):
    with Stdio(suite) as c:
        c.call("list_mailboxes")
        suite.ctl("reload")
        assert c.call("list_mailboxes")["isError"] is False


def test_changes_are_the_sessions(suite, client):
    client.call("list_mailboxes")
    wait_for(lambda: "agent.open" in suite.log() and 'agent=terminal' in suite.log())
    client.close()
    wait_for(lambda: suite.log().count("agent.end") >= 1)
