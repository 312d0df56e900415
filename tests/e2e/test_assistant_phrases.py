"""What people say to the assistant and what comes of it, without a model: tests/data/phrases_en.json, _fr.json.

A phrase: say; open: the subject of the mail that is open in the page; before, then: what is said around it. What is expected:
finds (subjects that are listed, in order), says and asks (regular expressions), effect (of mails by subject), draft, approval (the
action that waits for a human). Whatever it changed is undone afterwards, and all is exactly as before.
"""

import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from chat import Chat
from jmapclient import CORE, MAIL
from mcptools import Mail, message

DATA = Path(__file__).parents[1] / "data"
HERE = "alice@example.test"


def ago(days):
    # In the zone of the page (+01:00) it is today at any time of the day.
    return (datetime.now(timezone.utc) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def fill(suite):
    m = Mail(suite)
    bob, carol = "Bob Miller <bob@there.test>", "Carol <carol@there.test>"
    work = m.call("Mailbox/set", create={"w": {"name": "Work"}})["created"]["w"]["id"]
    m.boxes["Work"] = work
    m.put(message(bob, subject="Old minutes", text="The minutes of our last meeting.\n"), "archive", ["$seen"], ago(60))
    m.put(message(bob, subject="Budget 2026", text="Here is the budget.\n", files=[("budget.pdf", "application/pdf", b"%PDF")]),
          "inbox", ["$seen"], ago(10))
    m.put(message(f"Alice <{HERE}>", "Dave Durand <dave@there.test>, Erik Friend <erik@there.test>", subject="Trip", text="We go.\n"),
          "sent", ["$seen"], ago(5))
    m.put(message("Erik Other <erik@other.test>", subject="Hello from Erik", text="Hello.\n"), "archive", ["$seen"], ago(20))
    m.put(message("Accounts <accounts@there.test>", subject="Invoice 42", text="Dear customer,\n\nThe amount due is 300 euros. "
                  "Please pay it before the end of the month.\n"), "inbox", ["$seen"], ago(3))
    m.put(message("News <news@there.test>", subject="Weekly news", text="This week: nothing new.\n"), "inbox", [], ago(2))
    m.put(message(bob, subject="Lunch on Tuesday", text="Shall we have lunch on Tuesday? I know a good place.\n"), "inbox", [], ago(1.2))
    m.put(message("Win <win@spam.test>", subject="Win money", text="Win money now.\n"), "junk", [], ago(1))
    m.put(message(carol, subject="Project plan", text="The plan is attached soon.\n"), "Work", [], ago(1))
    m.put(message(carol, subject="Contract renewal", text="The contract ends in May. Do you agree to renew it?\n"),
          "inbox", ["$flagged"], ago(0))
    return m


def state(m):
    """All emails of mailboxes but drafts and trash: subject, mailboxes, keywords."""
    ids = m.call("Email/query", filter={"inMailboxOtherThan": [m.boxes["drafts"], m.boxes["trash"]]})["ids"]
    names = {v: k for k, v in m.boxes.items()}
    return {e["subject"]: (sorted(names[b] for b in e["mailboxIds"]), sorted(e["keywords"]), e["id"])
            for e in m.call("Email/get", ids=ids, properties=["subject", "mailboxIds", "keywords"])["list"]}


def approval(m, id):
    answer = m.api({"using": [CORE, MAIL, "urn:x-gkmail:approval"],
                    "methodCalls": [["Approval/get", {"accountId": m.account, "ids": [id]}, "0"]]}).json()
    return answer["methodResponses"][0][1]["list"][0]


def check_effect(now, subject, wanted):
    boxes, keywords, _ = now[subject]
    seen = {"seen": "$seen" in keywords, "unseen": "$seen" not in keywords, "starred": "$flagged" in keywords,
            "plain": "$flagged" not in keywords}
    assert seen.get(wanted, boxes == [wanted]), (subject, wanted, now[subject])


def check_draft(m, wanted):
    (id,) = m.call("Email/query", filter={"inMailbox": m.boxes["drafts"]}, sort=[{"property": "receivedAt", "isAscending": False}],
                   limit=1)["ids"]
    email = m.call("Email/get", ids=[id], properties=["to", "subject", "textBody", "bodyValues"], fetchTextBodyValues=True)["list"][0]
    got = {"to": [a["email"] for a in email["to"]], "subject": email["subject"],
           "text": "".join(v["value"] for v in email["bodyValues"].values()).split("\n\nOn ")[0].strip()}
    for key, value in wanted.items():
        assert got[key] == value, (key, got)


def check(c, m, p, before):
    context = {"emailId": before[p["open"]][2]} if "open" in p else {}
    for text in p.get("before", ()):
        assert not c.ask(text, **context).error
    a = c.ask(p["say"], **context)
    assert not a.error, a
    if "asks" in p:
        assert re.search(p["asks"], a.one("question")["text"]), a
    for text in p.get("then", ()):
        a = c.ask(text, **context)
        assert not a.error, a
    if "asks" not in p or "then" in p:
        assert not a.of("question"), a
    if "finds" in p:
        assert [i["subject"] for i in a.items] == p["finds"], a
    if "says" in p:
        assert re.search(p["says"], a.text, re.S), a.text
    if "draft" in p:
        check_draft(m, p["draft"])
    if "approval" in p:
        waits = approval(m, a.one("approval")["approvalId"])
        assert waits["action"] == p["approval"] and waits["state"] == "requested" and waits["agent"] == "assistant", waits
    else:
        assert not a.of("approval"), a
    now = state(m)
    for subject, wanted in p.get("effect", {}).items():
        check_effect(now, subject, wanted)
    if now != before or "draft" in p:
        assert a.of("undoable") or "draft" in p, a
        a = c.ask("Undo everything" if c.language == "en" else "Annule tout")
        assert not a.error and re.search("^Undone|^Annulé", a.text), a
    assert state(m) == before
    c.send({"type": "new"})
    c.hello()


@pytest.mark.parametrize("language", ["en", "fr"])
def test_phrases(fresh_suite, language):
    suite = fresh_suite("--users", "2")
    phrases = json.loads((DATA / f"phrases_{language}.json").read_text())
    assert len(phrases) >= 60
    m = fill(suite)
    before = state(m)
    wrong = []
    for p in phrases:
        with Chat(suite, language=language) as c:
            c.hello()
            try:
                check(c, m, p, before)
            except AssertionError as e:
                wrong.append(f"{p['say']}: {e}")
    assert not wrong, "\n\n".join(wrong)
