"""What an agent asks to be sent or done, from its question to what came of it: by the human's word for exactly that, once, or not
at all (INVARIANTS 18 to 20). The agent has a captured gk-mcpd at its side, so that nothing is refused before the owner, the queue
or authd do it."""

import contextlib
import json
import re
import shutil
import sqlite3
from pathlib import Path

import pytest
from agentmail import Agent, Human
from conftest import BIN, make, wait_for
from test_hostile import TOOLS, attempts


@pytest.fixture(scope="module")
def suite(workdir):
    place = Path(workdir) / "bin-agents-send"
    shutil.copytree(BIN, place)
    for program in ("gk-mcpd", "gk-smtpd"):
        shutil.copy(TOOLS / program, place / program)
    place.chmod(0o755)
    s = make(workdir, "--users", "4")
    s.bin = place
    s.start()
    yield s
    assert s.stop() == 0


@pytest.fixture
def agent(suite):
    with Agent(suite) as a:
        yield a


@pytest.fixture
def human(suite):
    h = Human(suite)
    yield h
    # Twenty may wait at a time.
    for a in h.jmap("Approval/get", ids=None)["list"]:
        if a["state"] == "requested":
            h.say(a["id"], "refused")


def subjects(suite, user):
    return [re.search(rb"^Subject: (.*?)\r$", m, re.M)[1].decode() for m in suite.inbox(user)]


# ---- a send ----


def test_asked_approved_and_there(suite, agent, human):
    email = agent.draft([suite.user("bob")["address"]], "deja vu", "Bonjour Bob\nà demain\n",
                        bcc=[{"email": suite.user("carol")["address"]}])
    asked = agent.request_send(email, origins=[{"value": "bob@x", "emailId": email, "where": "body"}])
    assert asked["state"] == "requested" and asked["action"] == "send" and asked["agent"] == "terminal", asked
    assert subjects(suite, "bob").count("deja vu") == 0
    shown = human.look(asked["id"])
    assert {r["email"] for r in shown["envelope"]["rcptTo"]} == {suite.user(n)["address"] for n in ("bob", "carol")}
    assert shown["origins"][0]["where"] == "body"
    octets = human.octets(asked["id"])
    assert b"carol" not in octets and len(octets) == shown["size"]
    assert human.approve(asked["id"]) is None
    for name in ("bob", "carol"):
        got = wait_for(lambda: [m for m in suite.inbox(name) if b"Subject: deja vu" in m], what=f"mail for {name}")
        assert len(got) == 1 and got[0].endswith(octets)
        # On top of what was frozen stands nothing but what the way adds.
        top = got[0][:-len(octets)].decode()
        names = {re.match(r"[\w-]+", f)[0] for f in re.split(r"\r\n(?![ \t])", top) if f}
        assert names <= {"Return-Path", "Received", "DKIM-Signature", "Authentication-Results", "Delivered-To"}, top
    done = human.look(asked["id"])
    assert done["state"] == "sent"
    wait_for(lambda: re.search(rf"queue\.approved mid={done['mid']} ", suite.log()))
    assert agent.look(asked["id"])["state"] == "sent"
    # The draft is what was sent, and stands there.
    boxes = human.jmap("Mailbox/get", ids=None)["list"]
    sent = next(b["id"] for b in boxes if b["role"] == "sent")
    got = human.jmap("Email/get", ids=[email], properties=["mailboxIds", "keywords"])["list"][0]
    assert got["mailboxIds"] == {sent: True} and got["keywords"] == {"$seen": True}
    # Once.
    assert human.say(asked["id"], "approved")["type"] == "forbidden"
    assert agent.request_send(email)["type"] in ("forbidden", "invalidEmail")


def test_not_without_the_humans_word(suite, agent, human):
    email = agent.draft([suite.user("bob")["address"]], "no word")
    asked = agent.request_send(email)
    # The agent itself, by any name.
    for state in ("approved", "sent", "refused"):
        r = agent.jmap("Approval/set", update={asked["id"]: {"state": state}})
        assert r["notUpdated"][asked["id"]]["type"] == "forbidden"
    assert agent.jmap("EmailSubmission/set", create={"s": {"emailId": email}})["type"] == "forbidden"
    # A page that says so without authd's having been asked, as a script in it could.
    r = human.say(asked["id"], "approved")
    assert r["type"] == "forbiddenToSend" and "554" in r["description"], r
    assert human.look(asked["id"])["state"] == "requested"
    # authd's word for another message, session or user.
    other = agent.request_send(agent.draft([suite.user("bob")["address"]], "another"))
    assert human.mint(other).status == 201
    assert human.say(asked["id"], "approved")["type"] == "forbiddenToSend"
    assert human.mint(asked | {"session": "0123456789abcdef"}).status == 201
    assert human.say(asked["id"], "approved")["type"] == "forbiddenToSend"
    assert Human(suite, "bob").mint(asked).status == 201
    assert human.say(asked["id"], "approved")["type"] == "forbiddenToSend"
    # What was refused stays so.
    assert human.say(asked["id"], "refused") is None
    assert human.approve(asked["id"])["type"] == "forbidden"
    assert "no word" not in subjects(suite, "bob")


def test_a_word_is_good_once_and_for_minutes(suite, agent, human):
    to = [suite.user("bob")["address"]]
    asked = agent.request_send(agent.draft(to, "too late"))
    assert human.mint(asked).status == 201
    with contextlib.closing(sqlite3.connect(suite.dir / "data" / "auth" / "accounts.db", timeout=20)) as db, db:
        db.execute("UPDATE approvals SET expires = strftime('%s') - 1 WHERE digest = ?", (bytes.fromhex(asked["digest"]),))
    assert human.say(asked["id"], "approved")["type"] == "forbiddenToSend"
    # It waits on, and a new word does.
    assert human.approve(asked["id"]) is None
    wait_for(lambda: "too late" in subjects(suite, "bob"), what="the mail")
    assert human.mint(asked).status == 201
    assert human.say(asked["id"], "approved")["type"] == "forbidden"
    assert subjects(suite, "bob").count("too late") == 1


def test_the_same_once(suite, agent, human):
    email = agent.draft([suite.user("bob")["address"]], "twice asked")
    first = agent.request_send(email)
    again = agent.request_send(email)
    assert again["type"] == "alreadyExists" and again["existingId"] == first["id"]


def test_who_sees_what(suite, agent, human):
    asked = agent.request_send(agent.draft([suite.user("bob")["address"]], "private"))
    with Agent(suite, "bob") as other:
        assert other.jmap("Approval/get", ids=[asked["id"]])["list"] == []
    bob = Human(suite, "bob")
    assert asked["id"] in bob.jmap("Approval/get", ids=[asked["id"]])["notFound"]
    assert bob.say(asked["id"], "approved")["type"] == "notFound"


def test_another_session_of_the_agents(suite, human):
    """What one session has asked for is not approved for another, also with the same words."""
    with Agent(suite) as one, Agent(suite) as two:
        email = one.draft([suite.user("bob")["address"]], "two sessions")
        a, b = one.request_send(email), two.request_send(email)
        assert a["session"] != b["session"] and a["digest"] != b["digest"]
        assert human.mint(a).status == 201
        assert human.say(b["id"], "approved")["type"] == "forbiddenToSend"
        assert human.say(a["id"], "approved") is None
    wait_for(lambda: subjects(suite, "bob").count("two sessions") == 1, what="the one of them")


def test_an_agent_that_was_revoked(suite):
    human = Human(suite, "user4")
    with Agent(suite, "user4") as a:
        email = a.draft([suite.user("bob")["address"]], "revoked")
        assert human.ask("DELETE", "/auth/agents/terminal").status == 204
        with contextlib.suppress(EOFError, BrokenPipeError, KeyError):
            assert "type" in a.request_send(email)
    assert human.jmap("Approval/get", ids=None)["list"] == []
    assert "revoked" not in subjects(suite, "bob")


# ---- in the terminal ----


def approve(suite, *words, user="alice", **more):
    return suite.ctl("approve", "--user", suite.user(user)["address"], *words, **more)


def test_in_the_terminal(suite, agent, human):
    bob, carol = suite.user("bob")["address"], suite.user("carol")["address"]
    text = "Visible\u200b text\nand \u202emore\x1b[31m\n"
    asked = agent.request_send(agent.draft([bob], "by terminal", text, bcc=[{"email": carol}]),
                               origins=[{"value": bob, "emailId": "e1", "where": "body"}])
    id = asked["id"]
    rows = json.loads(approve(suite, "list", "--json").stdout)
    assert any(r["id"] == id and r["state"] == "requested" for r in rows)
    assert re.search(rf"^{id} +requested ", approve(suite, "list").stdout, re.M)
    shown = approve(suite, "show", id).stdout
    assert re.search(rf"^goes to +{bob}$", shown, re.M) and re.search(rf"^goes to +{carol} .*blind", shown, re.M)
    assert "  Visible text\n" in shown and "\x1b" not in shown and "\u202e" not in shown
    assert "comes from the text of a message (body)" in shown
    # Nobody agreed.
    r = approve(suite, "send", id, check=False, input="")
    assert r.returncode == 2 and agent.look(id)["state"] == "requested"
    assert approve(suite, "send", "q999", "--yes", check=False).returncode == 1
    assert approve(suite, "send", id, "--yes", user="bob", check=False).returncode == 1
    assert approve(suite, "send", id, "--yes").stdout.endswith(f"{id} sent\n")
    for name in ("bob", "carol"):
        wait_for(lambda: subjects(suite, name).count("by terminal") == 1, what="the mail")
    r = approve(suite, "send", id, "--yes", check=False)
    assert r.returncode == 1 and "does not wait" in r.stderr
    other = agent.request_send(agent.draft([bob], "not by terminal"))
    assert approve(suite, "refuse", other["id"]).stdout == f"{other['id']} refused\n"
    assert approve(suite, "send", other["id"], "--yes", check=False).returncode == 1


def test_an_action_in_the_terminal(suite, agent, human):
    ids = deliver(suite, human, 2, "terminalaction")
    asked = agent.request(action="delete", emailIds=ids)
    shown = approve(suite, "show", asked["id"]).stdout
    assert shown.count("terminalaction") == 2 and re.search(r"^to +Trash$", shown, re.M)
    assert approve(suite, "send", asked["id"], "--yes").stdout.endswith(" done\n")
    assert boxes_of(human, ids) == [{agent.boxes["trash"]: True}] * 2
    asked = agent.request(action="vacation", vacation={"isEnabled": True, "textBody": "un\ndeux\n"})
    shown = approve(suite, "show", asked["id"]).stdout
    assert "textBody\n  un\n  deux\n" in shown and re.search(r"^isEnabled +yes$", shown, re.M)
    assert approve(suite, "refuse", asked["id"]).returncode == 0


# ---- captured processes ----


@pytest.mark.parametrize("what", ["body", "line", "cut", "field", "subject", "bcc", "rcpt", "sender", "hold", "user", "token",
                                  "approval"])
def test_a_hostile_smtp_front_sends_nothing_else(suite, agent, human, what):
    """gk-smtpd hands in another message than the one that was approved (tests/hostile/smtpd.c)."""
    before = {n: len(suite.inbox(n)) for n in ("bob", "carol")}
    asked = agent.request_send(agent.draft([suite.user("bob")["address"]], f"attack {what}", "one\ntwo\nthree\n"))
    r = human.approve(asked["id"])
    assert r["type"] == "forbiddenToSend", r
    # What was approved and not used never will be.
    assert human.look(asked["id"])["state"] == "requested"
    wait_for(lambda: "queue.refuse" in suite.log())
    assert {n: len(suite.inbox(n)) for n in before} == before


def test_a_hostile_smtp_front_sends_it_once(suite, agent, human):
    asked = agent.request_send(agent.draft([suite.user("bob")["address"]], "attack twice"))
    assert human.approve(asked["id"]) is None
    wait_for(lambda: len([a for a in attempts(suite) if a[0] == "twice"]) == 3, what="its attempts")
    assert set(a[1] for a in attempts(suite) if a[0] == "twice") == {"refused"}
    wait_for(lambda: "attack twice" in subjects(suite, "bob"), what="the one of them")
    assert subjects(suite, "bob").count("attack twice") == 1


def test_a_hostile_mcp_server_works_for_nobody_else(suite, agent):
    with Agent(suite, "bob") as other:
        session = other.request_send(other.draft([suite.user("carol")["address"]]))["session"]
        agent.ask("tools/call", {"name": "steal", "arguments": {"token": "gka_" + "0" * 64, "session": session}})
        wait_for(lambda: len(attempts(suite)) >= 5 and any(a[0] == "used ticket" for a in attempts(suite)), what="its attempts")
    assert {a[1] for a in attempts(suite) if "ticket" in a[0] or "session" in a[0] or "token" in a[0]} == {"refused"}


# ---- other actions ----


def deliver(suite, human, n, subject):
    for i in range(n):
        suite.send("bob", ("alice",), subject=f"{subject} {i}")
    found = wait_for(lambda: (ids := human.jmap("Email/query", filter={"subject": subject})["ids"]) and len(ids) == n and ids,
                     what="mail to work on")
    return found


def boxes_of(human, ids):
    return [e["mailboxIds"] for e in human.jmap("Email/get", ids=ids, properties=["mailboxIds"])["list"]]


def test_a_move_of_many(suite, agent, human):
    ids = deliver(suite, human, 21, "manymoves")
    archive = human.jmap("Mailbox/set", create={"a": {"name": "Clients"}})["created"]["a"]["id"]
    r = agent.jmap("Email/set", update={i: {"mailboxIds": {archive: True}} for i in ids})
    assert r["type"] == "forbidden" and "approve" in r["description"]
    asked = agent.request(action="move", emailIds=ids, mailboxId=archive)
    assert asked["what"] == {"emailIds": ids, "mailboxId": archive, "mailboxName": "Clients"}, asked
    assert human.say(asked["id"], "approved")["type"] == "forbiddenToSend"
    assert Human(suite, "bob").mint(asked).status == 201
    assert human.say(asked["id"], "approved")["type"] == "forbiddenToSend"
    assert human.approve(asked["id"]) is None
    assert boxes_of(human, ids) == [{archive: True}] * 21
    done = human.look(asked["id"])
    assert done["state"] == "done" and done["outcome"] == {"done": 21, "failed": 0}
    assert human.approve(asked["id"])["type"] == "forbidden"
    # Renamed since it was shown: it is another mailbox now.
    other = agent.request(action="move", emailIds=ids[:1], mailboxId=archive)
    human.jmap("Mailbox/set", update={archive: {"name": "Others"}})
    assert human.approve(other["id"])["type"] == "forbiddenToSend"
    assert human.look(other["id"])["state"] == "failed"


def test_deleting(suite, agent, human):
    ids = deliver(suite, human, 3, "deletions")
    trash = agent.boxes["trash"]
    r = agent.jmap("Email/set", update={ids[0]: {"mailboxIds": {trash: True}}}, destroy=[ids[1]])
    assert r["notUpdated"][ids[0]]["type"] == "forbidden" and r["notDestroyed"][ids[1]]["type"] == "forbidden"
    a = agent.request(action="delete", emailIds=[ids[0]])
    b = agent.request(action="delete", emailIds=[ids[1]], destroy=True)
    c = agent.request(action="delete", emailIds=[ids[2]])
    assert a["what"]["mailboxId"] == trash and b["what"]["destroy"] is True
    assert human.mint(a).status == 201
    # The word for one is none for another.
    assert human.say(c["id"], "approved")["type"] == "forbiddenToSend"
    assert human.say(a["id"], "approved") is None
    assert human.approve(b["id"]) is None
    got = {e["id"]: e["mailboxIds"] for e in human.jmap("Email/get", ids=ids, properties=["mailboxIds"])["list"]}
    assert got[ids[0]] == {trash: True} and ids[1] not in got and ids[2] in got and got[ids[2]] != {trash: True}


def test_vacation(suite, agent, human):
    assert agent.jmap("VacationResponse/set", update={"singleton": {"isEnabled": True}})["type"] == "forbidden"
    asked = agent.request(action="vacation", vacation={"isEnabled": True, "subject": "Absente", "textBody": "Je reviens.\n"})
    assert asked["what"]["subject"] == "Absente" and asked["what"]["htmlBody"] is None, asked
    assert human.say(asked["id"], "approved")["type"] == "forbiddenToSend"
    assert human.approve(asked["id"]) is None
    got = human.jmap("VacationResponse/get", ids=None)["list"][0]
    assert got["isEnabled"] is True and got["textBody"] == "Je reviens.\n"
    human.jmap("VacationResponse/set", update={"singleton": {"isEnabled": False}})


def test_never_is_never(suite):
    human = Human(suite, "carol")
    policy = {"send": "never", "delete": "never", "move": "never", "vacation": "never", "forward": "never"}
    assert human.ask("PATCH", "/auth/agents/terminal", {"policy": policy}).status == 204
    with Agent(suite, "carol") as a:
        email = a.draft([suite.user("bob")["address"]], "never")
        box = a.boxes
        for asked in ({"action": "send", "emailId": email, "identityId": a.jmap("Identity/get", ids=None)["list"][0]["id"]},
                      {"action": "delete", "emailIds": [email]}, {"action": "vacation", "vacation": {"isEnabled": True}},
                      {"action": "move", "emailIds": [email], "mailboxId": box["inbox"]}):
            assert a.request(**asked)["type"] == "forbidden", asked
    assert human.jmap("Approval/get", ids=None)["list"] == []
