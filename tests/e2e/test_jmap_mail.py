"""Writing by JMAP on the real suite: drafts, sending, undoing, delay, an absent user's answer, and what a crash leaves."""

import json
import os
import smtplib
import uuid

import pytest
from conftest import wait_for
from jmapmail import Client

def address(suite, name):
    return suite.user(name)["address"]


def stored(suite, marker, name):
    found = []
    for folder in ("new", "cur"):
        for path in (suite.maildir(name) / folder).glob("*"):
            if marker.encode() in (octets := path.read_bytes()):
                found.append(octets)
    return found


def arrived(suite, marker, name="bob"):
    return wait_for(lambda: stored(suite, marker, name), 60, f"the arrival of {marker}")[0]


def waiting(suite):
    return json.loads(suite.ctl("queue", "list", "--json").stdout or "[]")


@pytest.fixture
def marker():
    return "m" + uuid.uuid4().hex


@pytest.fixture
def alice(suite):
    return Client(suite)


def test_a_draft_is_sent_and_moves_on(suite, alice, marker):
    bob, carol = address(suite, "bob"), address(suite, "carol")
    email = alice.draft(marker, [bob], bcc=[{"email": carol}], cc=[{"email": bob.upper()}])
    first, second = alice.submit(email, onSuccessUpdateEmail={"#s": {
        "keywords/$draft": None, f"mailboxIds/{alice.boxes['drafts']}": None,
        f"mailboxIds/{alice.boxes['sent']}": True}})
    made = first[1]["created"]["s"]
    assert made["undoStatus"] == "final" and second[0] == "Email/set" and second[1]["notUpdated"] is None
    got = arrived(suite, marker)
    head = got.split(b"\r\n\r\n")[0]
    assert b"(GK Mail, from a mailbox here)" in head and b"carol" not in got
    assert b"From: =?utf-8?q?Zo=C3=A9?= <" in head
    assert arrived(suite, marker, "carol").split(b"\r\n\r\n")[1] == got.split(b"\r\n\r\n")[1]
    with suite.imap() as imap:
        imap.select("Sent")
        assert imap.search(None, "SUBJECT", marker, "UNDRAFT")[1] != [b""]
        imap.select("Drafts")
        assert imap.search(None, "SUBJECT", marker)[1] == [b""]

    def delivered():
        status = alice.call("EmailSubmission/get", ids=[made["id"]])["list"][0]["deliveryStatus"]
        return all(s["delivered"] in ("yes", "unknown") for s in status.values())
    wait_for(delivered, 60, "the delivery status")


def test_what_is_refused_has_a_name(suite, alice, marker):
    bob = address(suite, "bob")
    email = alice.draft(marker, [bob], **{"from": [{"email": bob}]})
    result = alice.submit(email)[0][1]
    assert result["notCreated"]["s"]["type"] == "forbiddenFrom"
    email = alice.draft(marker, ["nobody-of-that-name@" + suite.domain])
    result = alice.submit(email)[0][1]["notCreated"]["s"]
    assert result["type"] == "invalidRecipients" and result["invalidRecipients"] == ["nobody-of-that-name@" + suite.domain]
    email = alice.draft(marker, [bob])
    result = alice.submit(email, to=[bob], hold={"HOLDFOR": "999999999"})[0][1]["notCreated"]["s"]
    assert result["type"] == "invalidProperties"
    assert not stored(suite, marker, "bob")


def test_parameters_of_an_envelope_go_along(suite, alice, marker):
    """RFC 8621 7: as JSON has them, without xtext; the notification that was asked for tells them again (RFC 3464 2)."""
    bob, own = address(suite, "bob"), alice.identity["email"]
    extensions = alice.session()["accounts"][alice.account]["accountCapabilities"][
        "urn:ietf:params:jmap:submission"]["submissionExtensions"]
    assert {"DSN", "FUTURERELEASE", "SIZE"} <= set(extensions)

    def submit(mail, rcpt):
        return alice.call("EmailSubmission/set", create={"s": {
            "identityId": alice.identity["id"], "emailId": email, "envelope": {
                "mailFrom": {"email": own, "parameters": mail}, "rcptTo": [{"email": bob, "parameters": rcpt}]}}})

    email = alice.draft(marker, [bob])
    good = {"RET": "HDRS", "ENVID": f"{marker} +=é", "SIZE": "1000", "BODY": "8BITMIME"}
    made = submit(good, {"NOTIFY": "SUCCESS", "ORCPT": f"rfc822;{marker}+tag@x.test"})["created"]["s"]
    assert alice.call("EmailSubmission/get", ids=[made["id"]])["list"][0]["envelope"]["mailFrom"]["parameters"] == good
    arrived(suite, marker)
    told = wait_for(lambda: [m for m in stored(suite, marker, "alice") if b"Original-Envelope-Id" in m], 60, "the notification")[0]
    assert b"Action: delivered" in told and b"text of" not in told
    assert f"Original-Recipient: rfc822;{marker}+tag@x.test".encode() in told.replace(b"rfc822; ", b"rfc822;")
    assert submit({"SIZE": "99999999999"}, None)["notCreated"]["s"]["type"] == "tooLarge"
    for mail, rcpt in (({"RET": "ALL"}, None), ({"X": None}, None), (None, {"NOTIFY": "NEVER,DELAY"}),
                       (None, {"ORCPT": "x\r\nDATA"}), ({"HOLDUNTIL": "soon"}, None)):
        refused = submit(mail, rcpt)["notCreated"]["s"]
        assert (refused["type"], refused["properties"]) == ("invalidProperties", ["envelope"])
    assert len(stored(suite, marker, "bob")) == 1


def test_identities_are_what_smtp_takes(fresh_suite):
    """One rule for both: RFC 8621 6 leaves it to the server, and gk-smtpd asks the same gk-authd."""
    suite = fresh_suite(config='[auth]\ntag_separator = "-"\ngroup_senders = ["board@example.test"]\n'
                               '[submission]\nfree_senders = ["free.test"]\n')
    d, own = suite.domain, address(suite, "alice")
    suite.ctl("domain", "add", "catch.test")
    suite.ctl("domain", "add", "free.test")
    suite.ctl("user", "add", "news@free.test", input="password of news\n")
    suite.info["users"].append({"address": "news@free.test", "password": "password of news"})
    for name, *targets in ((f"sales@{d}", own), (f"team@{d}", own, address(suite, "bob")), ("@catch.test", own),
                           ("board@example.test", own, address(suite, "bob"))):
        suite.ctl("alias", "add", name, *targets)
    mine = {own, f"alice-tag@{d}", f"sales@{d}", f"sales-x@{d}", "anything@catch.test", "board@example.test"}
    others = {f"alice+tag@{d}", f"team@{d}", address(suite, "bob"), "someone@elsewhere.test", f"nobody@{d}"}

    def offered(name):
        jmap = Client(suite, name)
        all_ = sorted(mine | others)
        made = jmap.call("Identity/set", create={f"k{i}": {"email": a} for i, a in enumerate(all_)})["created"] or {}
        return {a for i, a in enumerate(all_) if f"k{i}" in made}

    def taken(name):
        with suite.smtp(name) as c:
            return {a for a in mine | others if c.mail(a)[0] == 250 and c.rset()[0] == 250}

    assert offered("alice") == taken("alice") == mine
    listed = {i["email"] for i in Client(suite).call("Identity/get", ids=None)["list"] if not i["mayDelete"]}
    assert own in listed and listed <= mine and f"sales@{d}" in listed
    assert offered("news") == taken("news") == mine | others


def test_what_a_user_may_send_counts_both_ways(fresh_suite):
    """What was sent by a mail program and by JMAP is one sum, and at its end both are refused."""
    suite = fresh_suite(config="[limits]\nuser_messages_per_hour = 3\ntrusted_networks = []\n")
    alice, bob = Client(suite), address(suite, "bob")

    def by_smtp():
        with suite.smtp("alice") as c:
            c.sendmail(alice.identity["email"], [bob], f"From: {alice.identity['email']}\r\nSubject: x\r\n\r\nx\r\n")

    by_smtp()
    for _ in range(2):
        assert alice.submit(alice.draft("by JMAP", [bob]))[0][1]["notCreated"] is None
    refused = alice.submit(alice.draft("one too many", [bob]))[0][1]["notCreated"]["s"]
    assert refused["type"] == "forbiddenToSend" and "4.7.1" in refused["description"]
    with pytest.raises(smtplib.SMTPRecipientsRefused) as told:
        by_smtp()
    assert b"4.7.1" in told.value.recipients[bob][1]
    assert len(alice.call("EmailSubmission/get", ids=None)["list"]) == 2


def test_sending_is_undone(suite, alice, marker):
    bob = address(suite, "bob")
    email = alice.draft(marker, [bob])
    made = alice.submit(email, to=[bob], hold={"HOLDFOR": "3600"})[0][1]["created"]["s"]
    assert made["undoStatus"] == "pending"
    mine = [m for m in waiting(suite) if m["sender"] == address(suite, "alice")]
    assert [m["state"] for m in mine] == ["scheduled"]
    # The operator's flush is no reason to send what its author may still take back.
    suite.ctl("queue", "flush", "all")
    assert [m["state"] for m in waiting(suite) if m["sender"] == address(suite, "alice")] == ["scheduled"]
    result = alice.call("EmailSubmission/set", update={made["id"]: {"undoStatus": "canceled"}})
    assert result["notUpdated"] is None
    assert not [m for m in waiting(suite) if m["sender"] == address(suite, "alice")]
    assert alice.call("EmailSubmission/get", ids=[made["id"]])["list"][0]["undoStatus"] == "canceled"
    # What has gone its way is not taken back.
    made = alice.submit(email)[0][1]["created"]["s"]
    arrived(suite, marker)
    result = alice.call("EmailSubmission/set", update={made["id"]: {"undoStatus": "canceled"}})
    assert result["notUpdated"][made["id"]]["type"] == "cannotUnsend"
    assert len(stored(suite, marker, "bob")) == 1


def test_what_is_put_off_is_sent_then(suite, alice, marker):
    bob = address(suite, "bob")
    made = alice.submit(alice.draft(marker, [bob]), to=[bob], hold={"HOLDFOR": "2"})[0][1]["created"]["s"]
    assert made["undoStatus"] == "pending"
    arrived(suite, marker)
    wait_for(lambda: alice.call("EmailSubmission/get", ids=[made["id"]])["list"][0]["undoStatus"] == "final")


def test_what_was_put_off_is_told_when_it_goes(suite, alice, marker):
    """Nobody asks: who listens hears that it cannot be taken back any more, and that it has arrived."""
    bob = address(suite, "bob")
    with alice.events(types="EmailSubmission") as source:
        made = alice.submit(alice.draft(marker, [bob]), to=[bob], hold={"HOLDFOR": "3"})[0][1]
        name = made["created"]["s"]["id"]
        wait_for(lambda: source.seen and source.seen[-1][2]["changed"][alice.account]["EmailSubmission"] != made["newState"],
                 60, "another state")
        now = alice.call("EmailSubmission/get", ids=[name])["list"][0]
        assert now["undoStatus"] == "final"
    wait_for(lambda: alice.call("EmailSubmission/get", ids=[name])["list"][0]["deliveryStatus"][bob]["delivered"] == "yes")


def test_what_went_while_nobody_was_there_is_told(fresh_suite, marker):
    """The owner has left before the time; the next one asks the queue."""
    suite = fresh_suite(config='[mailbox]\nlinger = "200ms"\n')
    alice, bob = Client(suite), address(suite, "bob")
    made = alice.submit(alice.draft(marker, [bob]), to=[bob], hold={"HOLDFOR": "20"})[0][1]
    name = made["created"]["s"]["id"]
    wait_for(lambda: not suite.owners(), 60, "the sleep of alice's owner")
    arrived(suite, marker)
    with alice.events(types="EmailSubmission"):
        wait_for(lambda: alice.call("EmailSubmission/changes", sinceState=made["newState"])["updated"] == [name], 60)
    now = alice.call("EmailSubmission/get", ids=[name])["list"][0]
    assert now["undoStatus"] == "final" and now["deliveryStatus"][bob]["delivered"] != "queued"


def test_a_crash_keeps_what_was_answered(fresh_suite, marker):
    suite = fresh_suite()
    alice, bob = Client(suite), address(suite, "bob")
    later = marker + "later"
    kept = alice.draft(later, [bob])
    held = alice.submit(kept, to=[bob], hold={"HOLDFOR": "3600"})[0][1]["created"]["s"]
    made = alice.submit(alice.draft(marker, [bob]))[0][1]["created"]["s"]
    suite.kill()
    suite.start()
    arrived(suite, marker)
    alice = Client(suite)
    ids = {s["id"]: s["undoStatus"] for s in alice.call("EmailSubmission/get", ids=None)["list"]}
    assert ids == {held["id"]: "pending", made["id"]: "final"}
    assert [m["state"] for m in waiting(suite)] == ["scheduled"]
    result = alice.call("EmailSubmission/set", update={held["id"]: {"undoStatus": "canceled"}})
    assert result["notUpdated"] is None
    suite.kill()
    suite.start()
    assert waiting(suite) == []
    alice = Client(suite)
    assert alice.call("EmailSubmission/get", ids=[held["id"]])["list"][0]["undoStatus"] == "canceled"
    assert alice.call("Email/set", destroy=[kept])["notDestroyed"] is None
    suite.kill()
    suite.start()
    assert Client(suite).call("Email/set", destroy=[kept])["notDestroyed"][kept]["type"] == "notFound"
    assert not stored(suite, later, "bob")


def test_an_absent_user_answers_asleep(fresh_suite, marker):
    suite = fresh_suite(config='[mailbox]\nlinger = "200ms"\n')
    alice, bob = Client(suite), address(suite, "bob")
    result = alice.call("VacationResponse/set", update={"singleton": {
        "isEnabled": True, "subject": "Gone " + marker, "textBody": "back on Monday", "htmlBody": "<p>back</p>"}})
    assert result["notUpdated"] is None
    wait_for(lambda: not suite.owners(), 60, "the sleep of alice's owner")
    suite.send("bob", ("alice",), subject="one")
    got = arrived(suite, marker)
    head = got.split(b"\r\n\r\n")[0]
    assert head.startswith(b"Return-Path: <>\r\n") and b"Auto-Submitted: auto-replied (vacation)" in head
    assert f"From: <{address(suite, 'alice')}>".encode() in head and f"To: <{bob}>".encode() in head
    assert b"In-Reply-To: <" in head and b"back on Monday" in got
    # Once: the next one that is answered is of somebody else.
    suite.send("bob", ("alice",), subject="two")
    suite.send("carol", ("alice",), subject="three")
    arrived(suite, marker, "carol")
    assert len(stored(suite, marker, "bob")) == 1
    assert alice.call("VacationResponse/set", update={"singleton": {"isEnabled": False}})["notUpdated"] is None
    wait_for(lambda: not suite.owners(), 60, "the sleep of alice's owner")
    assert not list(suite.maildir("alice").parent.glob("db/vacation.db*"))
    assert os.path.exists(suite.maildir("alice"))
