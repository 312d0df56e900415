"""The audit log: what it has of agents, that it holds, and what is done to it is found."""

import json
import os
import re

import pytest
from mcp import Stdio
from suite import wait_for


def ask(suite, *args, **more):
    return json.loads(suite.ctl(*args, "--json", **more).stdout)


def records(suite, *args):
    return ask(suite, "audit", "show", *args)


def files(suite):
    return sorted(suite.dir.glob("**/auth/audit/*.jsonl"))


@pytest.fixture
def own(fresh_suite):
    return fresh_suite()


def fill(suite, n=3):
    """So many records, each of a batch of its own."""
    for i in range(n):
        name = "a%d" % i
        suite.ctl("agent", "add", "alice", name, "--scopes", "mail:read")
        wait_for(lambda: [r for r in records(suite) if r.get("agent") == name], what="a record")


def test_shows_what_was_done_of_agents(own):
    assert "no records" in own.ctl("audit", "verify").stdout
    alice = own.user("alice")["address"]
    token = ask(own, "agent", "add", "alice", "desk", "--scopes", "mail:read,mail:send", "--days", "9")["token"]
    own.ctl("agent", "policy", "alice", "desk", "delete=never")
    own.ctl("agent", "revoke", "alice", "desk")
    wait_for(lambda: len(records(own)) == 3, what="three records")
    made, policy, revoked = records(own, "--user", alice)
    assert made["kind"] == "agent-made" and made["agent"] == "desk" and made["by"] == "operator"
    assert made["scopes"] == "mail:read,mail:send" and [r["seq"] for r in records(own)] == [1, 2, 3]
    assert policy["kind"] == "agent-policy" and "delete=never" in policy["policy"]
    assert revoked["kind"] == "agent-revoked"
    assert records(own, "--user", "bob@" + own.domain) == []
    assert len(records(own, "--agent", "desk", "--since", "1h")) == 3
    assert records(own, "--since", "2999-01-01") == []
    assert own.ctl("audit", "show", "--since", "soon", check=False).returncode == 2
    line = own.ctl("audit", "show").stdout.splitlines()[0]
    assert re.match(r"20\S+Z agent-made %s desk by=operator scopes=mail:read,mail:send" % re.escape(alice), line)
    assert token not in files(own)[0].read_text()
    shown = ask(own, "audit", "verify")
    assert shown["ok"] and shown["first"] == 1 and shown["last"] == 3 and re.fullmatch("[0-9a-f]{64}", shown["hash"])


def test_goes_on_over_restarts_and_kills(own):
    fill(own, 2)
    head = ask(own, "audit", "verify")
    own.restart()
    fill_again = ask(own, "agent", "add", "bob", "x")["token"]
    assert fill_again
    wait_for(lambda: len(records(own)) == 3, what="a third record")
    own.kill()
    own.start()
    assert ask(own, "audit", "verify", "--head", "%d:%s" % (head["last"], head["hash"]))["last"] == 3
    assert not own.ctl("audit", "verify", "--head", "9:" + head["hash"], check=False).returncode == 0
    assert own.ctl("audit", "verify", "--head", "2:zz", check=False).returncode == 2
    # Files of a backup say the same without a suite.
    assert ask(own, "audit", "verify", *[str(f) for f in files(own)])["last"] == 3


def test_what_power_cut_is_mended(own):
    fill(own, 2)
    own.stop()
    with open(files(own)[0], "ab") as f:
        f.write(b'{"seq":3,"at":"2026-')
    own.start()
    wait_for(lambda: [r for r in records(own) if r["kind"] == "mended"], what="a record of it")
    assert records(own)[-1]["octets"] == 20
    assert ask(own, "audit", "verify")["ok"]
    assert "audit.mended" in own.log()


def alter(lines):
    lines[1] = lines[1].replace(b"agent-made", b"agent-mode")


def remove(lines):
    del lines[1]


def swap(lines):
    lines[1], lines[2] = lines[2], lines[1]


def truncate(lines):
    del lines[2:]


@pytest.mark.parametrize("harm,first", [(alter, 2), (remove, 2), (swap, 2), (truncate, 3)])
@pytest.mark.parametrize("running", [True, False])
def test_tampering_is_found(own, harm, first, running):
    fill(own, 4)
    assert ask(own, "audit", "verify")["ok"]
    if not running:
        own.stop()
    file = files(own)[0]
    lines = file.read_bytes().splitlines(keepends=True)
    harm(lines)
    fd = os.open(file, os.O_WRONLY | os.O_TRUNC)
    os.write(fd, b"".join(lines))
    os.close(fd)
    if not running:
        own.start()
    wrong = own.ctl("audit", "verify", "--json", check=False)
    assert wrong.returncode == 1
    assert ("record %d:" % first) in json.loads(wrong.stdout)["error"]
    assert ("record %d:" % first) in own.ctl("audit", "verify", check=False).stderr
    if not running:
        assert "audit.broken" in own.log()
        assert [r for r in records(own) if r["kind"] == "broken"]


def calls_of(suite):
    return [r for r in records(suite) if r["kind"] == "tool"]


def test_calls_on_record_stay_whatever_dies(own):
    """The durability point: what is shown was synced before."""
    called = 0
    for _ in range(2):
        with Stdio(own, "alice") as agent:
            for _ in range(5):
                assert not agent.call("list_mailboxes", {})["isError"]
                called += 1
            wait_for(lambda: len(calls_of(own)) == called, what="records of all calls")
            own.kill()
        own.start()
        assert len(calls_of(own)) == called and ask(own, "audit", "verify")["ok"]
    calls = calls_of(own)
    assert {(r["tool"], r["decision"], r["outcome"], r["agent"], r["proven"]) for r in calls} == {
        ("list_mailboxes", "free", "ok", "terminal", "yes")}
    assert {r["kind"] for r in records(own, "--session", calls[0]["session"])} >= {"tool", "session"}
