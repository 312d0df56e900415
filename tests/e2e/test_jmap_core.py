"""JMAP's core (RFC 8620) and mailboxes (RFC 8621 2) on the real suite."""

import json

import pytest

from conftest import make, wait_for
from jmapclient import CORE, MAIL, Jmap

USING = [CORE, MAIL]


@pytest.fixture(scope="module")
def suite(workdir):
    s = make(workdir)
    s.start()
    yield s
    s.stop()


@pytest.fixture
def jmap(suite):
    return Jmap(suite)


def calls(jmap, *methods):
    a = jmap.api({"using": USING, "methodCalls": [[m, {"accountId": jmap.account} | args, str(i)]
                                                  for i, (m, args) in enumerate(methods)]})
    assert a.status == 200, a.body
    return [r[1] for r in a.json()["methodResponses"]]


def call(jmap, method, **arguments):
    return calls(jmap, (method, arguments))[0]


def mailboxes(jmap):
    return {m["name"]: m for m in call(jmap, "Mailbox/get")["list"]}


def test_the_session_object(jmap):
    s = jmap.session()
    assert set(USING) <= set(s["capabilities"]) and s["username"].startswith("alice@")
    assert list(s["accounts"]) == [s["primaryAccounts"][MAIL]]
    for url in ("apiUrl", "downloadUrl", "uploadUrl", "eventSourceUrl"):
        assert s[url].startswith("https://")
    assert jmap.api({"using": [], "methodCalls": []}).json()["sessionState"] == s["state"]


@pytest.mark.parametrize("body,kind", [
    (b"{", "notJSON"), (b'{"a":1,"a":2}', "notJSON"), (b'"\xff"', "notJSON"), (b"[]", "notRequest"),
    (b'{"using":["urn:nobody"],"methodCalls":[]}', "unknownCapability"),
    (json.dumps({"using": [CORE], "methodCalls": [["Core/echo", {}, "c"]] * 33}).encode(), "limit"),
    (b"[" * 100000, "limit")])
def test_requests_that_are_none(jmap, body, kind):
    a = jmap.ask("POST", "/jmap/api", body, {"Content-Type": "application/json"})
    assert a.status == 400 and a.headers["Content-Type"].startswith("application/problem+json")
    assert a.json()["type"] == f"urn:ietf:params:jmap:error:{kind}"


def test_a_batch_refers_to_itself(jmap):
    query, get = calls(jmap, ("Mailbox/query", {"filter": {"role": "inbox"}}),
                       ("Mailbox/get", {"#ids": {"resultOf": "0", "name": "Mailbox/query", "path": "/ids"}}))
    assert [m["id"] for m in get["list"]] == query["ids"] and get["list"][0]["role"] == "inbox"


def test_mailboxes_are_those_of_imap(suite, jmap):
    before = call(jmap, "Mailbox/get", ids=[])["state"]
    made = call(jmap, "Mailbox/set", create={"b": {"name": "Déjà", "parentId": "#a"}, "a": {"name": "Work"}})["created"]
    with suite.imap("alice") as imap:
        names = b" ".join(imap.list()[1])
        assert b'"Work"' in names or b" Work" in names
        assert imap.status("Work", "(MAILBOXID)")[1][0].endswith(f"(MAILBOXID ({made['a']['id']}))".encode())
        imap.rename("Work", "Play")
    changes = call(jmap, "Mailbox/changes", sinceState=before)
    assert {made["a"]["id"], made["b"]["id"]} <= set(changes["created"])
    got = {m["id"]: m for m in call(jmap, "Mailbox/get")["list"]}
    assert got[made["a"]["id"]]["name"] == "Play"
    assert got[made["b"]["id"]]["name"] == "Déjà" and got[made["b"]["id"]]["parentId"] == made["a"]["id"]
    gone = call(jmap, "Mailbox/set", destroy=[made["a"]["id"], made["b"]["id"]])
    assert set(gone["destroyed"]) == {made["a"]["id"], made["b"]["id"]}


def test_mail_counts_and_is_told(suite, jmap):
    state, count = call(jmap, "Mailbox/get", ids=[])["state"], mailboxes(jmap)["Inbox"]["unreadEmails"]
    suite.send(sender="bob", to=("alice",))
    wait_for(lambda: mailboxes(jmap)["Inbox"]["unreadEmails"] == count + 1)
    changes = call(jmap, "Mailbox/changes", sinceState=state)
    assert mailboxes(jmap)["Inbox"]["id"] in changes["updated"] and "unreadEmails" in changes["updatedProperties"]


def test_blobs_go_up_and_down(jmap):
    octets = bytes(range(256)) * 5000
    up = jmap.upload(octets, "application/x-test").json()
    assert up["size"] == len(octets) and up["type"] == "application/x-test"
    down = jmap.ask("GET", f"/jmap/download/{jmap.account}/{up['blobId']}/a.bin?accept=application/x-test")
    assert down.status == 200 and down.body == octets
    assert jmap.ask("GET", f"/jmap/download/{jmap.account}/unone/a.bin?accept=a/b").status == 404
    copied = call(jmap, "Blob/copy", fromAccountId=jmap.account, blobIds=[up["blobId"]])
    assert copied["copied"] == {up["blobId"]: up["blobId"]}


def test_states_outlive_the_process(suite, jmap):
    state = call(jmap, "Mailbox/get", ids=[])["state"]
    suite.restart()
    again = Jmap(suite)
    assert call(again, "Mailbox/changes", sinceState=state)["newState"] == call(again, "Mailbox/get", ids=[])["state"]


def test_another_users_things_are_nobodys(suite, jmap):
    up = jmap.upload(b"secret").json()
    bob = Jmap(suite, "bob")
    assert bob.account != jmap.account
    assert bob.ask("GET", f"/jmap/download/{jmap.account}/{up['blobId']}/a?accept=a/b").status == 404
    assert bob.ask("GET", f"/jmap/download/{bob.account}/{up['blobId']}/a?accept=a/b").status == 404
    a = bob.api({"using": USING, "methodCalls": [["Mailbox/get", {"accountId": jmap.account}, "c"]]})
    assert a.json()["methodResponses"][0][1]["type"] == "accountNotFound"
