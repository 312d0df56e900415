"""Undo by agent session: a thousand changes go back to exactly what was before, as IMAP and JMAP see it; killed in the middle
and asked again, to the same. What the user did since stays."""

import contextlib
import http.client
import random
import shutil
import threading
from pathlib import Path

import pytest
from agentmail import Agent
from conftest import BIN, make, wait_for
from jmapclient import CORE, MAIL
from jmapmail import Client
from test_hostile import TOOLS

AGENTS = "urn:x-gkmail:agents"
BOXES = ("INBOX", "Archive", "Junk", "Drafts", "Trash", "Sent")
KEYWORDS = ("$seen", "$flagged", "$answered", "$work", "$later")
MAILS = 150


@pytest.fixture(scope="module")
def suite(workdir):
    place = Path(workdir) / "bin-undo"
    shutil.copytree(BIN, place)
    shutil.copy(TOOLS / "gk-mcpd", place / "gk-mcpd")
    place.chmod(0o755)
    s = make(workdir, "--users", "4")
    s.bin = place
    s.start()
    yield s
    assert s.stop() == 0


def undo_of(client, **arguments):
    answer = client.api({"using": [CORE, MAIL, AGENTS], "methodCalls": [
        [arguments.pop("name", "AgentSession/undo"), {"accountId": client.account, **arguments}, "0"]]})
    assert answer.status == 200, answer.body
    return answer.json()["methodResponses"][0][1]


def fill(suite, user):
    """Mail with flags in two mailboxes: a state that is known."""
    r = random.Random(7)
    with suite.imap(user) as c:
        for i in range(MAILS):
            flags = " ".join(f for f in (r"\Seen", r"\Flagged", "$work") if r.random() < 0.4)
            c.append(BOXES[i % 2], f"({flags})", None, f"From: <a@x.test>\r\nSubject: m{i}\r\n\r\ntext {i}\r\n".encode())


def by_imap(suite, user):
    """Per mailbox the subject and flags of each message."""
    state = {}
    with suite.imap(user) as c:
        for box in BOXES:
            c.select(box, readonly=True)
            rows = c.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
            state[box] = sorted((r[1].strip(), tuple(sorted(r[0].split(b"FLAGS (")[1].split(b")")[0]
                                                            .replace(rb"\Recent", b"").split())))
                                for r in rows if isinstance(r, tuple))
    return state


def by_jmap(client):
    ids = client.call("Email/query")["ids"]
    emails = []
    for i in range(0, len(ids), 400):
        emails += client.call("Email/get", ids=ids[i:i + 400], properties=["keywords", "mailboxIds", "subject"])["list"]
    return sorted((e["id"], e["subject"], tuple(sorted(e["keywords"])), tuple(sorted(e["mailboxIds"]))) for e in emails)


def update_of(r, emails, boxes):
    update = {}
    for email in r.sample(emails, 20):
        what = r.random()
        if what < 0.5:
            update[email] = {"keywords/" + r.choice(KEYWORDS): r.choice([True, None])}
        elif what < 0.8:
            update[email] = {"mailboxIds": {r.choice(boxes): True}}
        else:
            update[email] = {"mailboxIds/" + r.choice(boxes): True}
    return update


def work(agent, emails, seed):
    """Some 1,200 changes of an agent: flags, moves, copies into another mailbox, drafts made and destroyed. Few calls of tools,
    whose rate is limited."""
    r = random.Random(seed)
    boxes, drafts = agent.boxes, []
    places = [boxes["inbox"], boxes["archive"]]
    for _ in range(13):
        calls = [["Email/set", {"update": update_of(r, emails, places), "destroy": [drafts.pop()] if n % 3 == 2 and drafts else []},
                  str(n)] for n in range(8)]
        calls.append(["Email/set", {"create": {str(k): {
            "mailboxIds": {boxes["drafts"]: True}, "keywords": {"$draft": True}, "from": [{"email": agent.address}],
            "to": [{"email": "b@x.test"}], "subject": f"draft {k}", "textBody": [{"partId": "t", "type": "text/plain"}],
            "bodyValues": {"t": {"value": "text"}}} for k in range(4)}}, "drafts"])
        got = agent.ask("tools/call", {"name": "jmap", "arguments": {"calls": calls}})["result"]["responses"]
        for _, result, _ in got:
            assert not result.get("notUpdated") and not result.get("notDestroyed") and not result.get("notCreated"), result
        drafts += [m["id"] for m in got[-1][1]["created"].values()]


def session_of(client):
    got = undo_of(client, name="AgentSession/query", limit=1)
    return undo_of(client, name="AgentSession/get", ids=got["ids"])["list"][0]


def test_a_thousand_changes_go_back(suite):
    fill(suite, "alice")
    client = Client(suite, "alice")
    before = by_imap(suite, "alice"), by_jmap(client)
    emails = [e[0] for e in before[1]]
    with Agent(suite, "alice") as agent:
        work(agent, emails, 1)
    session = session_of(client)
    assert session["changes"] >= 1000 and session["agent"] == "terminal" and session["undoneAt"] is None, session
    assert (by_imap(suite, "alice"), by_jmap(client)) != before
    got = undo_of(client, session=session["id"])
    assert got["conflictsTotal"] == 0 and got["lostTotal"] == 0, got
    assert (by_imap(suite, "alice"), by_jmap(client)) == before
    assert session_of(client)["undoneAt"]
    again = undo_of(client, session=session["id"])
    assert not any(again["restored"].values()), again
    assert (by_imap(suite, "alice"), by_jmap(client)) == before


def count(imap, box):
    return int(imap.status(box, "(MESSAGES)")[1][0].split()[-1].rstrip(b")"))


def kill_during_undo(suite, client, session):
    """Kills everything when another connection sees that some of it is undone, which its own changes have made durable."""
    def ask():
        with contextlib.suppress(OSError, http.client.HTTPException):
            undo_of(client, session=session)

    thread = threading.Thread(target=ask, daemon=True)
    with suite.imap("bob") as c:
        first = [count(c, b) for b in BOXES[:2]]
        thread.start()
        while thread.is_alive() and [count(c, b) for b in BOXES[:2]] == first:
            c.create("x")
            c.delete("x")
        suite.kill()
    thread.join(30)
    suite.start()


def test_killed_in_the_middle_and_asked_again(suite):
    fill(suite, "bob")
    client = Client(suite, "bob")
    before = by_imap(suite, "bob"), by_jmap(client)
    with Agent(suite, "bob") as agent:
        work(agent, [e[0] for e in before[1]], 2)
    session = session_of(client)["id"]
    changed, partly = by_imap(suite, "bob"), 0
    for _ in range(4):
        kill_during_undo(suite, client, session)
        client = Client(suite, "bob")
        partly += by_imap(suite, "bob") not in (changed, before[0])
    got = undo_of(client, session=session)
    assert got["conflictsTotal"] == 0 and got["lostTotal"] == 0, got
    assert (by_imap(suite, "bob"), by_jmap(client)) == before
    assert partly > 0


def test_what_the_user_did_since_stays(suite):
    fill(suite, "carol")
    client = Client(suite, "carol")
    emails = [e[0] for e in by_jmap(client)]
    inbox, archive, junk = (client.boxes[b] for b in ("inbox", "archive", "junk"))
    a, b, c = [e for e in client.call("Email/query", filter={"inMailbox": inbox})["ids"]][:3]
    with Agent(suite, "carol") as agent:
        agent.jmap("Email/set", update={a: {"keywords/$agent": True}, b: {"mailboxIds": {archive: True}},
                                        c: {"mailboxIds": {archive: True}}})
        made = agent.draft(["b@x.test"])
        other = undo_of(client, name="AgentSession/query", limit=1)["ids"][0]
        # Another agent's session is not for this one; its own is.
        refused = agent.jmap("AgentSession/undo", session="0123456789abcdef")
        assert "restored" not in refused, refused
    client.call("Email/set", update={a: {"keywords/$mine": True}, b: {"mailboxIds": {junk: True}}})
    got = undo_of(client, session=other)
    assert got["conflictsTotal"] == 1 and got["conflicts"][0]["emailId"] == b and got["conflicts"][0]["code"] == "changed"
    shown = {e["id"]: e for e in client.call("Email/get", ids=[a, b, c, made], properties=["keywords", "mailboxIds"])["list"]}
    assert "$mine" in shown[a]["keywords"] and "$agent" not in shown[a]["keywords"]
    assert list(shown[b]["mailboxIds"]) == [junk] and list(shown[c]["mailboxIds"]) == [inbox] and made not in shown
    assert len(by_jmap(client)) == len(emails)
    wait_for(lambda: "agent.undone" in suite.log(), what="a line of it")
