"""Reading by JMAP on the real suite (RFC 8621 4): mail that comes in is found, shown and followed, alike with IMAP."""

import uuid

import pytest
from conftest import wait_for
from jmapmail import Client

MESSAGE = """From: =?utf-8?q?Zo=C3=A9?= <zoe@elsewhere.test>
To: {to}
Subject: {marker} =?utf-8?q?caf=C3=A9?=
Date: Tue, 14 Nov 2023 22:13:20 +0100
Message-ID: <{marker}@elsewhere.test>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: multipart/alternative; boundary=a

--a
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

caf=E9 {marker}
--a
Content-Type: text/html; charset=utf-8

<p>{marker}</p>
--a--
--b
Content-Type: application/pdf
Content-Disposition: attachment; filename*=utf-8''caf%C3%A9.pdf
Content-Transfer-Encoding: base64

JVBERi0=
--b
Content-Type: message/rfc822

Subject: inner {marker}

inside
--b--
"""


@pytest.fixture
def bob(suite):
    return Client(suite, "bob")


@pytest.fixture
def marker():
    return "m" + uuid.uuid4().hex


def deliver(suite, marker):
    to = suite.user("bob")["address"]
    with suite.smtp() as c:
        c.sendmail(suite.user("alice")["address"], [to],
                   MESSAGE.format(to=to, marker=marker).replace("\n", "\r\n").replace(
                       "zoe@elsewhere.test", suite.user("alice")["address"]).encode())


def find(bob, marker):
    return wait_for(lambda: bob.call("Email/query", filter={"subject": marker})["ids"], 60, f"the arrival of {marker}")[0]


def test_mail_is_shown(suite, bob, marker):
    deliver(suite, marker)
    email = find(bob, marker)
    got = bob.call("Email/get", ids=[email], fetchTextBodyValues=True)["list"][0]
    assert got["from"] == [{"name": "Zoé", "email": suite.user("alice")["address"]}]
    assert got["subject"] == f"{marker} café" and got["sentAt"] == "2023-11-14T22:13:20+01:00"
    assert got["hasAttachment"] is True and got["preview"].startswith(f"café {marker}")
    assert got["bodyValues"]["1"]["value"].strip() == f"café {marker}"
    assert [p["partId"] for p in got["textBody"]] == ["1"] and [p["partId"] for p in got["htmlBody"]] == ["2"]
    pdf, inner = got["attachments"]
    assert (pdf["name"], pdf["size"], pdf["type"]) == ("café.pdf", 5, "application/pdf")
    answer = bob.ask("GET", f"/jmap/download/{bob.account}/{pdf['blobId']}/x.pdf?accept=application%2Fpdf")
    assert answer.status == 200 and answer.body == b"%PDF-"
    parsed = bob.call("Email/parse", blobIds=[inner["blobId"]])["parsed"][inner["blobId"]]
    assert parsed["subject"] == f"inner {marker}" and parsed["preview"] == "inside"
    # The ids are IMAP's, too (RFC 8474).
    with suite.imap("bob") as imap:
        imap.select("INBOX")
        uid = imap.uid("SEARCH", None, "SUBJECT", marker)[1][0].decode()
        fetched = imap.uid("FETCH", uid, "(EMAILID THREADID)")[1][0].decode()
    assert email in fetched and got["threadId"] in fetched


def test_a_client_that_follows_hears_of_imap(suite, bob, marker):
    args = {"filter": {"inMailbox": bob.boxes["inbox"]}, "collapseThreads": True}
    before = bob.call("Email/query", **args)
    state = bob.call("Email/get", ids=[])["state"]
    deliver(suite, marker)
    email = find(bob, marker)
    changes = bob.call("Email/changes", sinceState=state)
    assert changes["created"] == [email] and changes["updated"] == changes["destroyed"] == []
    query = bob.call("Email/queryChanges", sinceQueryState=before["queryState"], **args)
    assert {"id": email, "index": 0} in query["added"]
    with suite.imap("bob") as imap:
        imap.select("INBOX")
        uid = imap.uid("SEARCH", None, "SUBJECT", marker)[1][0].decode()
        imap.uid("STORE", uid, "+FLAGS", r"(\Seen \Flagged Later)")
        got = bob.call("Email/get", ids=[email], properties=["keywords"])["list"][0]
        assert got["keywords"] == {"$seen": True, "$flagged": True, "later": True}
        imap.uid("COPY", uid, "Archive")
        got = bob.call("Email/get", ids=[email], properties=["mailboxIds"])["list"][0]
        assert got["mailboxIds"] == {bob.boxes["inbox"]: True, bob.boxes["archive"]: True}
        assert bob.call("Email/changes", sinceState=changes["newState"])["updated"] == [email]
        state = bob.call("Email/get", ids=[])["state"]
        imap.uid("STORE", uid, "+FLAGS", r"(\Deleted)")
        imap.expunge()
        imap.select("Archive")
        imap.store("1:*", "+FLAGS", r"(\Deleted)")
    changes = bob.call("Email/changes", sinceState=state)
    assert email in changes["destroyed"]
    assert bob.call("Email/get", ids=[email])["notFound"] == [email]
    query = bob.call("Email/queryChanges", sinceQueryState=query["newQueryState"], **args)
    assert email in query["removed"]
