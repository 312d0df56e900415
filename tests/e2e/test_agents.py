"""Agents: made, shown and revoked by the operator; their tokens are good for nothing but gk-mcpd."""

import base64
import imaplib
import json
import re
import smtplib

import pytest
from test_web_auth import Browser, basic


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
