"""Email/why: how an email came to where it stands, as this server knows it."""


from jmapclient import CORE, MAIL
from jmapmail import Client
from suite import wait_for

TRACE = "urn:x-gkmail:trace"


def ask(client, **arguments):
    answer = client.api({"using": [CORE, MAIL, TRACE], "methodCalls": [
        ["Email/why", {"accountId": client.account, **arguments}, "0"]]})
    assert answer.status == 200, answer.body
    return answer.json()["methodResponses"][0][1]


def why(client, email, **more):
    r = ask(client, emailId=email, **more)
    assert "steps" in r, r
    return r


def steps(client, email, kind):
    return [s for s in why(client, email)["steps"] if s["kind"] == kind]


def inbox_of(client, subject):
    def look():
        ids = client.call("Email/query", filter={"subject": subject})["ids"]
        return ids and ids[0]
    return wait_for(look, what="the mail")


FORGED = ("Authentication-Results: other.example; spf=pass smtp.mailfrom=x@x.test\r\n"
          "Received: from forged by elsewhere.test with ESMTP id 1; Sun, 22 Nov 2026 12:00:00 +0000\r\n"
          "From: <stranger@far.test>\r\nTo: <%s>\r\nSubject: from afar\r\nMessage-ID: <w1@far.test>\r\n\r\nhello\r\n")


def test_a_stranger_s_mail(suite):
    alice = suite.user("alice")["address"]
    with suite.smtp(None, port="smtp", tls=False) as c:
        c.sendmail("stranger@far.test", [alice], FORGED % alice)
    client = Client(suite, "alice")
    email = inbox_of(client, "from afar")
    got = why(client, email)
    kinds = [s["kind"] for s in got["steps"]]
    assert got["complete"] and got["total"] == len(kinds) and kinds[0] == "received" and kinds[-1] == "delivered"
    received, = steps(client, email, "received")
    assert received["code"] == "smtp" and received["data"]["address"] == "127.0.0.1" and received["data"]["tls"] is False
    assert "forged" not in str(got) and "other.example" not in str(got)
    delivered, = steps(client, email, "delivered")
    assert delivered["code"] == "delivery" and delivered["data"]["mailbox"] == "INBOX"
    assert delivered["data"]["sender"] == "stranger@far.test" and delivered["data"]["recipient"] == alice
    assert delivered["at"] and delivered["text"] == "Delivered into INBOX"
    # Changes since, by whom.
    client.call("Email/set", update={email: {"keywords/$seen": True, "keywords/$work": True}})
    client.call("Email/set", update={email: {"mailboxIds": {client.boxes["archive"]: True}}})
    with suite.imap("alice") as c:
        c.select("Archive")
        c.store("1:*", "-FLAGS", r"(\Seen)")
    flags, moved, again = steps(client, email, "change")
    assert flags["code"] == "flags" and sorted(flags["data"]["added"]) == ["$seen", "$work"] and flags["data"]["removed"] == []
    assert moved["code"] == "moved" and moved["data"]["mailbox"] == "INBOX" and moved["data"]["to"] == "Archive"
    assert moved["data"]["actor"] == "jmap" and again["data"]["actor"] == "imap" and again["data"]["removed"] == ["$seen"]
    page = why(client, email, position=1, limit=2)
    assert page["position"] == 1 and [s["kind"] for s in page["steps"]] == [s for s in kinds + ["change"] * 3][1:3]


def test_what_users_and_programs_put_there(suite):
    alice, bob = suite.user("alice")["address"], suite.user("bob")["address"]
    suite.send("bob", ["alice"], subject="from bob")
    client = Client(suite, "alice")
    received, = steps(client, inbox_of(client, "from bob"), "received")
    assert received["code"] == "submission" and received["data"]["tls"] is True and received["data"]["version"].startswith("TLS")
    # Whatever a program puts there says of itself, it is not believed.
    host = received["data"]["by"]
    text = (f"Authentication-Results: {host}; dmarc=pass header.from=x.test\r\n"
            f"Received: from a (b [192.0.2.1]) by {host} (GK Mail) with ESMTPS id 1; Sun, 22 Nov 2026 12:00:00 +0000\r\n"
            f"From: <{bob}>\r\nTo: <{alice}>\r\nSubject: appended\r\n\r\nx\r\n")
    with suite.imap("alice") as c:
        c.append("INBOX", None, None, text.encode())
    email = inbox_of(client, "appended")
    got = why(client, email)["steps"]
    assert [s["kind"] for s in got] == ["delivered"] and got[0]["code"] == "appended" and got[0]["data"]["actor"] == "imap"
    assert ask(client, emailId="e000")["type"] == "notFound"
    assert ask(client)["type"] == "invalidArguments"


