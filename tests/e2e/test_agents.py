"""Agents: made, shown and revoked by the operator; their tokens are good for nothing but gk-mcpd."""

import base64
import imaplib
import json
import os
import re
import signal
import smtplib
import sqlite3
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

import mcpclient
import pytest
from conftest import wait_for
from test_web_auth import Browser, basic, logged_in, problem


def ask(suite, *args, **more):
    return json.loads(suite.ctl(*args, "--json", **more).stdout)


def test_made_shown_and_revoked(suite):
    made = ask(suite, "agent", "add", "alice", "desk", "--scopes", "mail:read,mail:draft", "--rate", "30", "--days", "9")
    assert re.fullmatch(r"gka_[0-9a-f]{64}", made["token"])
    rows = {r["name"]: r for r in ask(suite, "agent", "list", "alice")}
    assert rows["desk"]["scopes"] == "mail:read,mail:draft" and rows["desk"]["rate"] == 30
    assert rows["desk"]["expires"].endswith("Z") and not rows["desk"]["revoked"]
    assert rows["assistant"]["scopes"] == "mail:read,mail:organize,mail:draft,mail:send"
    suite.ctl("agent", "policy", "alice", "desk", "delete=never,move=free")
    shown = ask(suite, "agent", "show", "alice", "desk")
    assert "delete=never" in shown["policy"] and "move=free" in shown["policy"] and "send=approval" in shown["policy"]
    assert suite.ctl("agent", "policy", "alice", "desk", "send=free", check=False).returncode == 2
    assert suite.ctl("agent", "add", "alice", "desk", check=False).returncode == 1
    suite.ctl("agent", "revoke", "alice", "desk")
    assert ask(suite, "agent", "show", "alice", "desk")["revoked"]
    assert suite.ctl("agent", "revoke", "bob", "desk", check=False).returncode == 1
    assert made["token"] not in suite.log()


def test_a_token_is_no_other_credential(suite):
    token = ask(suite, "agent", "add", "bob", "desk", "--scopes", "mail:read,mail:send")["token"]
    bob = suite.user("bob")["address"]
    with suite.smtp(None) as c, pytest.raises(smtplib.SMTPAuthenticationError):
        c.login(bob, token)
    with suite.imap(None) as c, pytest.raises(imaplib.IMAP4.error):
        c.login(bob, token)
    page = Browser(suite)
    assert page.login(bob, token).status == 401
    for given in (basic(bob, token), {"Authorization": "Bearer " + token},
                  {"Authorization": "Bearer " + base64.urlsafe_b64encode(bytes.fromhex(token[4:])).decode().rstrip("=")},
                  {"Cookie": "__Host-gk=" + base64.urlsafe_b64encode(bytes.fromhex(token[4:])).decode().rstrip("=")}):
        for path in ("/auth/session", "/jmap/session"):
            assert page.ask("GET", path, headers=given, page=False).status == 401


# ---- by the page ----


def policies(page):
    return {a["name"]: a for a in page.ask("GET", "/auth/agents").json()["agents"]}


def test_made_changed_and_revoked_by_the_page(suite):
    page = logged_in(suite, "carol")
    assert policies(page).keys() == {"assistant"} and policies(page)["assistant"]["builtIn"]
    a = page.ask("POST", "/auth/agents", {"name": "loft", "scopes": ["mail:read", "mail:send"], "rate": 30,
                                          "expires": "2099-01-01T00:00:00Z", "policy": {"delete": "never"}})
    assert a.status == 201 and a.json()["name"] == "loft" and re.fullmatch(r"gka_[0-9a-f]{64}", a.json()["token"])
    loft = policies(page)["loft"]
    assert loft["scopes"] == ["mail:read", "mail:send"] and loft["rate"] == 30 and not loft["revoked"]
    assert loft["expires"].startswith("2099-01-01") and "lastUsed" not in loft and not loft["builtIn"]
    assert loft["policy"] == {"read": "free", "flag": "free", "draft": "free", "send": "approval", "delete": "never",
                              "move": "approval", "forward": "approval", "vacation": "approval"}
    assert page.ask("PATCH", "/auth/agents/loft", {"policy": {"send": "never", "delete": "approval"}}).status == 204
    assert page.ask("PATCH", "/auth/agents/assistant", {"policy": {"vacation": "never"}}).status == 204
    changed = policies(page)
    assert changed["loft"]["policy"]["send"] == "never" and changed["loft"]["policy"]["delete"] == "approval"
    assert changed["assistant"]["policy"]["vacation"] == "never"
    problem(page.ask("POST", "/auth/agents", {"name": "loft", "scopes": ["mail:read"]}), 409)
    problem(page.ask("PATCH", "/auth/agents/other", {"policy": {"send": "never"}}), 404)
    assert page.ask("DELETE", "/auth/agents/loft").status == 204
    assert policies(page)["loft"]["revoked"]
    problem(logged_in(suite, "bob").ask("DELETE", "/auth/agents/loft"), 404)
    assert a.json()["token"] not in suite.log()


def calls(page, **query):
    """What the page is told that agents have called, all of it, from place to place."""
    told, places = [], set()
    while True:
        a = page.ask("GET", "/auth/agent-calls?" + urllib.parse.urlencode(query))
        assert a.status == 200, a.body
        told += a.json()["calls"]
        query["from"] = a.json().get("next")
        if not query["from"]:
            return told
        assert query["from"] not in places
        places.add(query["from"])


def test_who_reads_what_agents_called(fresh_suite):
    suite = fresh_suite()
    alice, bob = logged_in(suite, "alice"), logged_in(suite, "bob")
    assert calls(alice) == []
    tokens = {(who, name): ask(suite, "agent", "add", who, name, "--scopes", "mail:read,mail:organize")["token"]
              for who, name in (("alice", "desk"), ("alice", "loft"), ("bob", "desk"))}
    for i in range(60):
        assert mcpclient.Client(suite, tokens["alice", "desk"]).tool("search", {"query": "subject:plan%d" % i}).result
    mcpclient.Client(suite, tokens["alice", "loft"]).tool("flag", {"messages": ["e1"], "read": True})
    assert mcpclient.Client(suite, tokens["bob", "desk"]).tool("search", {"query": "from:secret"}).result
    wait_for(lambda: len(calls(alice)) == 61 and len(calls(bob)) == 1, what="the records")
    told = calls(alice)
    first = told[0]
    assert first["agent"] == "loft" and first["tool"] == "flag" and first["outcome"] != "ok", first
    assert [json.loads(c["arguments"])["query"] for c in told[1:]] == ["subject:plan%d" % i for i in range(59, -1, -1)]
    one = told[1]
    assert one["agent"] == "desk" and one["decision"] == "free" and one["outcome"] == "ok", one
    assert one["result"] > 0 and one["ms"] >= 0 and one["at"].endswith("Z") and re.fullmatch("[0-9a-f]{16}", one["session"])
    assert "secret" not in json.dumps(told) and [c["tool"] for c in calls(alice, agent="loft")] == ["flag"]
    assert calls(alice, agent="other") == [] and len(calls(alice, agent="desk")) == 60
    # A page is bounded.
    assert len(alice.ask("GET", "/auth/agent-calls").json()["calls"]) == 50
    # From any place it is one's own, and nothing else is one.
    for place in ("1-100", "1-99999999", "77-5", "1-0", "1-18446744073709551615"):
        for c in calls(bob, **{"from": place}):
            assert "secret" in c["arguments"]
    for place in ("0-1", "1", "-1", "1-x", "1-1-1", "9" * 30 + "-1"):
        problem(alice.ask("GET", "/auth/agent-calls?from=" + place), 400)
    problem(alice.ask("GET", "/auth/agent-calls?agent=" + "x" * 65), 400)
    # Who has the address after somebody else finds nothing of theirs.
    with sqlite3.connect(next(suite.dir.glob("**/accounts.db"))) as db:
        db.execute("UPDATE users SET created = created + 1000 WHERE address LIKE 'alice@%'")
    assert calls(alice) == [] and len(calls(bob)) == 1
    # Who asks for much at a time is put off, and then answered.
    with ThreadPoolExecutor(16) as pool:
        statuses = set(pool.map(lambda _: bob.ask("GET", "/auth/agent-calls").status, range(60)))
    assert 200 in statuses and statuses <= {200, 503}, statuses
    assert len(calls(bob)) == 1
    # It is for the page alone.
    assert Browser(suite).ask("GET", "/auth/agent-calls").status == 401
    given = {"Authorization": "Bearer " + tokens["alice", "desk"]}
    assert Browser(suite).ask("GET", "/auth/agent-calls", headers=given, page=False).status == 401
    given = basic(suite.user("bob")["address"], suite.user("bob")["password"])
    assert Browser(suite).ask("GET", "/auth/agent-calls", headers=given, page=False).status == 403


def test_what_the_page_may_not_say_of_an_agent(suite):
    page = logged_in(suite, "carol")
    for body in ({}, {"name": "x"}, {"name": "x", "scopes": []}, {"name": "x", "scopes": "mail:read"},
                 {"name": "x", "scopes": ["mail:everything"]}, {"name": "x", "scopes": ["mail:read,mail:send"]},
                 {"name": "assistant", "scopes": ["mail:read"]}, {"name": "a b", "scopes": ["mail:read"]},
                 {"name": "x" * 65, "scopes": ["mail:read"]}, {"name": "x", "scopes": ["mail:read"], "rate": 0},
                 {"name": "x", "scopes": ["mail:read"], "rate": 100000},
                 {"name": "x", "scopes": ["mail:read"], "expires": "2001-01-01T00:00:00Z"},
                 {"name": "x", "scopes": ["mail:read"], "expires": "tomorrow"},
                 {"name": "x", "scopes": ["mail:read"], "policy": {"send": "free"}},
                 {"name": "x", "scopes": ["mail:read"], "policy": {"send=never,delete": "free"}},
                 {"name": "x", "scopes": ["mail:read"], "policy": ["send"]}):
        problem(page.ask("POST", "/auth/agents", body), 400)
    for body in ({}, {"policy": {}}, {"policy": {"send": "free"}}, {"policy": {"nothing": "never"}}):
        problem(page.ask("PATCH", "/auth/agents/assistant", body), 400)
    assert "x" not in policies(page)


def test_a_programs_password_makes_no_agent_and_approves_nothing(suite):
    carol = suite.user("carol")
    x, headers = Browser(suite), basic(carol["address"], carol["password"])
    for method, path, body in (("GET", "/auth/agents", None), ("DELETE", "/auth/agents/loft", None),
                               ("POST", "/auth/agents", {"name": "x", "scopes": ["mail:read"]}),
                               ("PATCH", "/auth/agents/assistant", {"policy": {"send": "never"}}),
                               ("POST", "/auth/approvals", {"session": "0" * 16, "digest": "ab" * 32})):
        problem(x.ask(method, path, body, headers=headers, page=False), 403)
        assert x.ask(method, path, body).status == 401
        b = logged_in(suite)
        assert b.ask(method, path, body, headers={"Origin": "https://evil.example"}).status == 403


def test_a_word_for_a_digest(suite):
    page = logged_in(suite, "carol")
    good = {"session": "0123456789abcdef", "digest": "ab" * 32, "what": "a line\nfor the log"}
    a = page.ask("POST", "/auth/approvals", good)
    assert a.status == 201 and re.fullmatch(r"[0-9a-f]{16}", a.json()["id"])
    assert re.fullmatch(r"\d{4}-.*Z", a.json()["until"])
    for wrong in ({"digest": "ab" * 31}, {"digest": "zz" * 32}, {"digest": 5}, {"session": "x"}, {"session": ""},
                  {"session": "0123456789ABCDEF"}, {"what": ["x"]}):
        problem(page.ask("POST", "/auth/approvals", good | wrong), 400)


def test_the_password_was_shown_long_ago(fresh_suite):
    suite = fresh_suite("--users", "1")
    page = logged_in(suite)
    with sqlite3.connect(suite.dir / "data" / "auth" / "accounts.db", timeout=20) as db:
        db.execute("UPDATE web_sessions SET proven = proven - 901")
    # What is in memory is from before.
    pid = suite.processes()["authd"]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: suite.processes().get("authd") not in (None, 0, pid), what="another authd")
    wait_for(page.who, what="its answers")
    password = suite.user("alice")["password"]
    asked = (("POST", "/auth/agents", {"name": "x", "scopes": ["mail:read"]}),
             ("PATCH", "/auth/agents/assistant", {"policy": {"send": "never"}}),
             ("POST", "/auth/approvals", {"session": "0" * 16, "digest": "ab" * 32, "what": "x"}))
    for method, path, body in asked:
        assert problem(page.ask(method, path, body), 403)["code"] == "password-needed"
        assert problem(page.ask(method, path, body | {"current": "wrong"}), 403)["code"] == "password-wrong"
    assert page.ask("POST", "/auth/agents", asked[0][2] | {"current": password}).status == 201
    assert page.ask(*asked[1]).status == 204
    assert page.ask(*asked[2]).status == 201
