"""JMAP over HTTP, between a client and the owner of its user's mail: requests, blobs, event sources, and whatever dies."""

import concurrent.futures
import contextlib
import json
import os
import re
import signal

import pytest
from conftest import make, wait_for
from jmapclient import Jmap, basic, echo, tls_to
from test_crash import kill
from test_owner import no_owner

QUICK = '[mailbox]\nlinger = "200ms"\n[imap]\npark_after = "100ms"\n[web]\npark_after = "200ms"\n'


@pytest.fixture(scope="module")
def quick(workdir):
    """A suite whose owners leave soon, and whose pages wait without one soon."""
    s = make(workdir, "--users", "4", config=QUICK).start()
    yield s
    assert s.stop() == 0


def problem(a, status, kind=None):
    assert a.status == status, a.body
    assert a.headers["Content-Type"].startswith("application/problem+json")
    if kind:
        assert a.json()["type"] == "urn:ietf:params:jmap:error:" + kind
    return a.json()


def metric(suite, name):
    return float(re.search(rf"^{re.escape(name)} (\S+)", suite.ctl("status", "--metrics").stdout, re.M)[1])


# ---- requests ----


def test_a_session_and_a_call(suite):
    j = Jmap(suite)
    s = j.session()
    base = f"https://localhost:{suite.port('https')}"
    assert s["username"] == suite.user()["address"]
    assert s["apiUrl"] == base + "/jmap/api" and s["eventSourceUrl"].startswith(base)
    assert s["capabilities"]["urn:ietf:params:jmap:websocket"] == {
        "url": base.replace("https", "wss") + "/jmap/ws", "supportsPush": True}
    assert j.ask("GET", "/jmap/session").json() == s
    a = j.api(echo(hello=[1, {"x": "\u00e9\U0001f600"}]))
    assert a.status == 200 and a.headers["Content-Type"] == "application/json"
    assert a.headers["Cache-Control"] == "no-store"
    assert a.json()["methodResponses"] == [["Core/echo", {"hello": [1, {"x": "\u00e9\U0001f600"}]}, "c"]]
    assert a.json()["sessionState"] == s["state"]
    assert Jmap(suite, "bob").session()["accounts"].keys().isdisjoint(s["accounts"])


def test_what_is_no_request(suite):
    j = Jmap(suite)
    kind = {"Content-Type": "application/json"}
    problem(j.ask("POST", "/jmap/api", b"", kind), 400, "notJSON")
    problem(j.ask("POST", "/jmap/api", b'{"using": [', kind), 400, "notJSON")
    problem(j.ask("POST", "/jmap/api", b"[]", kind), 400, "notRequest")
    problem(j.api({"using": ["urn:nothing"], "methodCalls": []}), 400, "unknownCapability")
    problem(j.ask("POST", "/jmap/api", b"{}", {"Content-Type": "text/plain"}), 415)
    s = half_of_a_request(suite, length=10_000_001, body=b"")
    assert s.recv(100).startswith(b"HTTP/1.1 413")
    s.close()
    assert j.ask("GET", "/jmap/api").status == 405
    for path in ("/jmap", "/jmap/", "/jmap/api/", "/jmap/nothing", "/jmap/download/", "/jmap/download/a/b",
                 "/jmap/download/../../etc/passwd"):
        assert j.ask("GET", path).status in (400, 404, 405), path
    assert j.api(echo()).status == 200


def test_who_is_nobody_gets_nothing(suite):
    nobody = Jmap(suite, headers={"Cookie": "__Host-gk=" + "A" * 43, "Origin": f"https://localhost:{suite.port('https')}"})
    for a in (nobody.api(echo()), nobody.ask("GET", "/.well-known/jmap"), nobody.ask("GET", "/jmap/download/a/b/c"),
              nobody.upload(b"x", account="a"), nobody.ask("GET", "/jmap/eventsource?types=*&closeafter=no&ping=0"),
              Jmap(suite, password="wrong").api(echo()), Jmap(suite, headers={"X": "y"}).api(echo())):
        problem(a, 401)


def test_many_at_once(suite):
    """More than a user may have under way wait for their turn; nobody's answers go astray."""
    clients = [Jmap(suite, u) for u in ("alice", "bob")]

    def one(i):
        return i, clients[i % 2].api(echo(n=i))

    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        for i, a in pool.map(one, range(200)):
            assert a.status == 200 and a.json()["methodResponses"][0][1] == {"n": i}


def test_who_waits_in_line_gets_the_pipe_that_is_free(fresh_suite):
    suite = fresh_suite(config='[log]\nmailboxd = "debug"\n')
    clients = [Jmap(suite) for _ in range(20)]
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda j: [j.api(echo()).status for _ in range(20)], clients))
    assert answers == [[200] * 20] * 20
    # Not one a request, though only so many are kept that nobody uses.
    assert 0 < suite.log().count(" jmap.open ") < 100


def test_an_answer_larger_than_any_buffer(suite):
    text = "x" * 9_000_000
    a = Jmap(suite).api(echo(text=text))
    assert a.json()["methodResponses"][0][1]["text"] == text


def half_of_a_request(suite, user="alice", path="/jmap/api", length=1000, body=b"{"):
    s = tls_to(suite)
    s.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost:{suite.port('https')}\r\nAuthorization: {basic(suite, user)}\r\n"
              f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n".encode() + body)
    return s


def test_who_reads_nothing_and_who_leaves_in_the_middle_harm_nobody(quick):
    j = Jmap(quick)
    body = json.dumps(echo(text="x" * 5_000_000)).encode()
    deaf = [half_of_a_request(quick, length=len(body), body=body) for _ in range(3)]
    halves = [half_of_a_request(quick) for _ in range(3)]
    assert j.api(echo(a=1)).status == 200
    assert Jmap(quick, "bob").api(echo(a=1)).status == 200
    for s in deaf + halves:
        s.close()
    assert j.api(echo(a=1)).status == 200
    no_owner(quick)


# ---- blobs ----


@pytest.mark.parametrize("size", [0, 1, 65536, 3_000_001])
def test_octets_up_and_down(suite, size):
    j, octets = Jmap(suite), os.urandom(size)
    account = j.account
    a = j.upload(octets, "image/png", account)
    assert a.status == 201
    blob = a.json()
    assert blob["accountId"] == account and blob["type"] == "image/png" and blob["size"] == size
    a = j.ask("GET", f"/jmap/download/{account}/{blob['blobId']}/a%20b%22%C3%BC.png?accept=image%2Fpng")
    assert a.status == 200 and a.body == octets
    assert a.headers["Content-Type"] == "image/png" and a.headers["Content-Length"] == str(size)
    assert a.headers["Content-Disposition"] == "attachment; filename*=UTF-8''a%20b%22%C3%BC.png"
    assert "immutable" in a.headers["Cache-Control"] and "private" in a.headers["Cache-Control"]
    head = j.ask("HEAD", f"/jmap/download/{account}/{blob['blobId']}/x?accept=image/png")
    assert head.status == 200 and head.body == b""


def test_what_is_downloaded_is_no_page_of_ours(suite):
    j = Jmap(suite)
    blob = j.upload(b"<script>alert(1)</script>", "text/html").json()
    a = j.ask("GET", f"/jmap/download/{blob['accountId']}/{blob['blobId']}/x.html?accept=text/html")
    assert a.status == 200
    assert "sandbox" in a.headers["Content-Security-Policy"] and "default-src 'none'" in a.headers["Content-Security-Policy"]
    assert a.headers["X-Content-Type-Options"] == "nosniff"
    assert a.headers["Content-Disposition"].startswith("attachment")
    a = j.ask("GET", f"/jmap/download/{blob['accountId']}/{blob['blobId']}/x?accept=a/b%0d%0aX-Evil:1")
    assert a.status == 200 and a.headers["X-Evil"] is None and a.headers["Content-Type"] == "text/html"


def test_parts_of_what_is_downloaded(suite):
    """RFC 9110 14: what a browser asks for that shows a film; 13: what it asks that has it."""
    j = Jmap(suite)
    octets = bytes(range(256)) * 2000
    blob = j.upload(octets, "video/mp4").json()
    path = f"/jmap/download/{blob['accountId']}/{blob['blobId']}/film.mp4?accept=video/mp4"
    whole = j.ask("GET", path)
    tag = whole.headers["ETag"]
    assert whole.status == 200 and whole.body == octets and whole.headers["Accept-Ranges"] == "bytes" and tag.startswith('"')

    def part(value, first, last, more={}):
        a = j.ask("GET", path, headers={"Range": value} | more)
        assert a.status == 206 and a.body == octets[first:last + 1], (value, a.status)
        assert a.headers["Content-Range"] == f"bytes {first}-{last}/{len(octets)}"
        assert a.headers["Content-Length"] == str(last + 1 - first) and a.headers["Content-Type"] == "video/mp4"
        assert a.headers["ETag"] == tag and a.headers["Content-Disposition"].startswith("attachment")
        assert "sandbox" in a.headers["Content-Security-Policy"] and a.headers["X-Content-Type-Options"] == "nosniff"

    end = len(octets) - 1
    part("bytes=0-", 0, end), part("bytes=1000-1999", 1000, 1999), part("bytes=-7", end - 6, end)
    part("bytes=300000-9999999", 300000, end), part("bytes=5-5", 5, 5, {"If-Range": tag})
    part("bytes=5-5", 5, 5, {"Accept-Encoding": "gzip"})
    for head in ({"Range": "bytes=0-1,5-6"}, {"Range": "lines=1-2"}, {"Range": "bytes=5-4"}, {"Range": "bytes=" + "0" * 300 + "-"},
                 {"Range": "bytes=0-1", "If-Range": '"another"'}, {"Range": "bytes=0-1", "If-Range": "W/" + tag},
                 {"Range": "bytes=0-1", "If-Range": "Sat, 29 Oct 1994 19:43:31 GMT"}):
        a = j.ask("GET", path, headers=head)
        assert a.status == 200 and a.body == octets, head
    a = j.ask("GET", path, headers={"Range": f"bytes={len(octets)}-"})
    assert problem(a, 416) and a.headers["Content-Range"] == f"bytes */{len(octets)}" and a.headers["ETag"] is None
    for value in (tag, "W/" + tag, '"x", ' + tag, "*"):
        a = j.ask("GET", path, headers={"If-None-Match": value, "Range": "bytes=0-1"})
        assert a.status == 304 and a.body == b"" and a.headers["ETag"] == tag
    assert j.ask("GET", path, headers={"If-None-Match": '"other"'}).status == 200
    a = j.ask("HEAD", path, headers={"Range": "bytes=0-1"})
    assert a.status == 200 and a.body == b"" and a.headers["Content-Length"] == str(len(octets)) and a.headers["ETag"] == tag
    assert j.ask("HEAD", "/jmap/session").status == 200
    # Text is given as it is, too: a part of it is a part of that.
    text = j.upload(b"line\n" * 1000, "text/plain").json()
    a = j.ask("GET", f"/jmap/download/{text['accountId']}/{text['blobId']}/", headers={"Accept-Encoding": "gzip"})
    assert a.headers["Content-Encoding"] is None and len(a.body) == 5000 and a.headers["Content-Disposition"] == "attachment"
    # Nobody is told of what there is not.
    a = j.ask("GET", f"/jmap/download/{blob['accountId']}/u00000000000000000000/x", headers={"If-None-Match": "*"})
    assert a.status == 404 and a.headers["ETag"] is None and a.headers["Cache-Control"] == "no-store"


def test_blobs_are_the_users_own(suite):
    alice, bob = Jmap(suite), Jmap(suite, "bob")
    blob = alice.upload(b"secret").json()
    name = f"{blob['accountId']}/{blob['blobId']}/x"
    assert alice.ask("GET", "/jmap/download/" + name).body == b"secret"
    problem(bob.ask("GET", "/jmap/download/" + name), 404)
    problem(bob.ask("GET", f"/jmap/download/{bob.account}/{blob['blobId']}/x"), 404)
    problem(bob.upload(b"x", account=blob["accountId"]), 404)


def test_uploads_too_many_and_too_large(suite):
    j = Jmap(suite)
    account = j.account
    slow = [half_of_a_request(suite, path=f"/jmap/upload/{account}/", length=1 << 20) for _ in range(4)]

    def refused():
        a = j.upload(b"x", account=account)
        return a if a.status != 201 else None

    assert problem(wait_for(refused), 400, "limit")["limit"] == "maxConcurrentUpload"
    assert j.api(echo()).status == 200
    for s in slow:
        s.close()
    wait_for(lambda: j.upload(b"x", account=account).status == 201)
    s = half_of_a_request(suite, path=f"/jmap/upload/{account}/", length=(50 << 20) + 1, body=b"")
    assert s.recv(100).startswith(b"HTTP/1.1 413")
    s.close()


# ---- event sources ----


def test_an_event_source_tells_of_changes(quick):
    j = Jmap(quick)
    with j.events(types="Email,Mailbox") as e:
        quick.send("bob", ["alice"])
        wait_for(lambda: e.seen, what="an event")
        kind, last, data = e.seen[-1]
        assert kind == "state" and data["@type"] == "StateChange" and last
        assert set(data["changed"][j.account]) <= {"Email", "Mailbox"}
    quick.send("bob", ["alice"])
    # What has changed while nobody listened is told to who comes back.
    with j.events(last=last) as e:
        wait_for(lambda: e.seen, what="what was missed")
        last = e.seen[-1][1]
    with j.events(last=last, closeafter="state") as e:
        quick.send("bob", ["alice"])
        wait_for(lambda: e.over, what="the end after an event")
        assert len(e.seen) == 1


@pytest.mark.parametrize("query", ["", "types=", "types=*&closeafter=maybe", "types=*&ping=-1", "types=*&ping=x",
                                   "types=" + "a" * 600])
def test_what_is_no_event_source(suite, query):
    problem(Jmap(suite).ask("GET", "/jmap/eventsource?" + query), 400)


def test_an_idle_event_source_holds_no_process(quick):
    with Jmap(quick).events() as e:
        wait_for(lambda: metric(quick, "gkmail_web_watches_active") == 1, what="a watch")
        no_owner(quick)
        for n in (1, 2):
            before = len(e.seen)
            quick.send("bob", ["alice"])
            wait_for(lambda: len(e.seen) > before, what="news")
            no_owner(quick)
        # By another way in, too.
        before = len(e.seen)
        with quick.imap("alice") as c:
            c.select("INBOX")
            c.store("1", "+FLAGS", "(\\Flagged)")
            wait_for(lambda: len(e.seen) > before, what="the flag")
        no_owner(quick)
    wait_for(lambda: metric(quick, "gkmail_web_watches_active") == 0)
    assert metric(quick, "gkmail_event_sources_active") == 0


# ---- what dies ----


def test_a_killed_owner(quick):
    j = Jmap(quick, "user4")
    no_owner(quick)
    with j.events() as e:
        for _ in range(3):
            assert j.api(echo()).status == 200
            for pid in quick.owners():
                os.kill(pid, signal.SIGKILL)
            wait_for(lambda: j.api(echo()).status == 200, what="the next owner")
        before = len(e.seen)
        quick.send("bob", ["user4"])
        wait_for(lambda: len(e.seen) > before, what="news")
        assert not e.over


@pytest.mark.parametrize("which", ["mailboxd", "authd"])
def test_a_killed_daemon(fresh_suite, which):
    suite = fresh_suite(config=QUICK)
    j = Jmap(suite)
    for user in ("alice", "bob"):
        assert Jmap(suite, user).api(echo()).status == 200
    with j.events() as waiting:
        wait_for(lambda: metric(suite, "gkmail_web_watches_active") == 1, what="a watch")
        with j.events() as e:
            kill(suite, which)
            wait_for(lambda: j.api(echo()).status == 200, what="an answer")
            live = []
            for one in (waiting, e):
                if which == "authd" and one.over:
                    continue  # authd knows of no session of a program any more: the client comes back by itself
                live.append(one)
            before = [len(one.seen) for one in live]
            suite.send("bob", ["alice"])
            for one, n in zip(live, before):
                wait_for(lambda: len(one.seen) > n or (which == "authd" and one.over), what="news")


def test_a_killed_webd(fresh_suite):
    suite = fresh_suite(config=QUICK)
    j = Jmap(suite)
    with j.events() as e:
        suite.send("bob", ["alice"])
        wait_for(lambda: e.seen)
        kill(suite, "webd")
        wait_for(lambda: e.over)
    suite.send("bob", ["alice"])

    def again():
        with contextlib.suppress(OSError):
            return j.api(echo()).status == 200

    wait_for(again)
    with j.events(last=e.seen[-1][1]) as later:
        wait_for(lambda: later.seen, what="what was missed")
    no_owner(suite)


def test_the_users_sessions_end(quick):
    address = "dora@" + quick.domain
    quick.ctl("user", "add", address, input="a fine secret\n")
    quick.info["users"].append({"address": address, "password": "a fine secret"})
    j = Jmap(quick, "dora")
    try:
        with j.events() as waiting:
            wait_for(lambda: metric(quick, "gkmail_web_watches_active") == 1)
            with j.events() as e:
                assert j.api(echo()).status == 200
                quick.ctl("user", "passwd", address, input="another secret\n")
                wait_for(lambda: e.over and waiting.over, what="the end of both")
                problem(j.api(echo()), 401)
    finally:
        quick.ctl("user", "del", address)
        quick.info["users"].pop()
    no_owner(quick)
