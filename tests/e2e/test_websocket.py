"""JMAP over WebSocket (RFC 6455, 8887): messages, what is told by itself, what breaks the rules, and whatever dies."""

import contextlib
import json
import os
import signal
import struct
import threading
import time

import pytest
from conftest import wait_for
from jmapclient import BINARY, CLOSE, PING, PONG, TEXT, Closed, Jmap, WebSocket, echo
from test_crash import kill
from test_owner import no_owner
from test_web_auth import logged_in
from test_web_pipe import QUICK, metric, quick  # noqa: F401



def state_call(j):
    return {"using": ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"],
            "methodCalls": [["Email/get", {"accountId": j.account, "ids": []}, "m"]]}


# ---- messages ----


def test_requests_and_answers(suite):
    with Jmap(suite).socket() as w:
        assert "Sec-WebSocket-Protocol: jmap\r\n" in w.head + "\r\n"
        a = w.ask(echo(x="\u00e9\U0001f600"), "one")
        assert a["@type"] == "Response" and a["requestId"] == "one"
        assert a["methodResponses"] == [["Core/echo", {"x": "\u00e9\U0001f600"}, "c"]]
        # Many at once are answered in their order.
        for i in range(300):
            w.send({"@type": "Request", "id": str(i)} | echo(n=i))
        for i in range(300):
            a = w.next()
            assert a["requestId"] == str(i) and a["methodResponses"][0][1] == {"n": i}
        w.send({"@type": "Request", "id": "no"})
        a = w.next()
        assert a["@type"] == "RequestError" and a["requestId"] == "no"
        assert a["type"] == "urn:ietf:params:jmap:error:notRequest" and a["status"] == 400
        w.send("{")
        a = w.next()
        assert a["@type"] == "RequestError" and a["requestId"] is None and a["type"].endswith(":notJSON")
        w.send({"@type": "Nonsense"})
        assert w.next()["@type"] == "RequestError"
        assert w.ask(echo())["@type"] == "Response"


def test_large_messages(suite):
    text = "x" * 5_000_000
    with Jmap(suite).socket() as w:
        assert w.ask(echo(t=text))["methodResponses"][0][1]["t"] == text
        message = json.dumps({"@type": "Request"} | echo(t=text[:200_000])).encode()
        for size in (1, 5000):
            pieces = [message[i:i + size * 997] for i in range(0, len(message), size * 997)]
            for i, p in enumerate(pieces):
                w.send(p, opcode=0 if i else TEXT, fin=i == len(pieces) - 1)
                if i % 50 == 0:
                    w.send(b"between", opcode=PING)
            pongs = 0
            whole = b""
            while True:
                opcode, fin, payload = w.next_frame()
                if opcode == PONG:
                    assert payload == b"between"
                    pongs += 1
                    continue
                whole += payload
                if fin:
                    break
            assert json.loads(whole)["methodResponses"][0][1]["t"] == text[:200_000]
            # That of a ping behind the last piece may come behind the answer.
            assert pongs > 0 or w.next_frame()[0] == PONG


def test_octet_by_octet(suite):
    with Jmap(suite).socket() as w:
        octets = w.frame(json.dumps({"@type": "Request"} | echo(a=1)).encode()) + w.frame(b"x", opcode=PING)
        for i in range(len(octets)):
            w.sock.sendall(octets[i:i + 1])
        # A ping needs no owner: its answer may come first.
        frames = {opcode: payload for opcode, _, payload in (w.next_frame(), w.next_frame())}
        assert frames[PONG] == b"x" and json.loads(frames[TEXT])["methodResponses"][0][1] == {"a": 1}


def test_both_are_told_goodbye(suite):
    with Jmap(suite).socket() as w:
        w.send(struct.pack(">H", 1000) + b"bye", opcode=CLOSE)
        assert w.closed() == 1000
        with pytest.raises(Closed):
            w.receive()
    with Jmap(suite).socket() as w:
        w.ask(echo())
    wait_for(lambda: metric(suite, "websocket_connections_active") == 0)
    assert metric(suite, 'websocket_messages_total{direction="in"}') > 0


def test_who_takes_no_pongs_is_not_listened_to(suite):
    """What waits for a client that only asks is bounded by less than the server would hold of its answer."""
    with Jmap(suite).socket(receive=4096) as w:
        ping = w.frame(b"x" * 125, opcode=PING) * 500
        w.sock.settimeout(3)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 40_000_000:
                w.sock.sendall(ping)
                sent += len(ping)
        # A frame may have gone half: what comes are pongs.
        w.sock.settimeout(20)
        assert w.next_frame() == (PONG, True, b"x" * 125)
    assert Jmap(suite).api(echo()).status == 200


# ---- what breaks the rules ----


@pytest.mark.parametrize("send,code", [
    (lambda w: w.send(b"\x00", opcode=BINARY), 1003),
    (lambda w: w.send(b"\xff\xfe"), 1007),
    (lambda w: w.send(b"{}", mask=False), 1002),
    (lambda w: w.send(b"{}", rsv=4), 1002),
    (lambda w: w.send(b"{}", opcode=3), 1002),
    (lambda w: w.send(b"{}", opcode=0), 1002),
    (lambda w: w.send(b"x" * 126, opcode=PING), 1002),
    (lambda w: w.send(b"x", opcode=PING, fin=False), 1002),
    (lambda w: (w.send(b"{", fin=False), w.send(b"}", opcode=TEXT)), 1002),
    (lambda w: w.sock.sendall(b"\x81\xff" + b"\xff" * 8 + b"abcd"), (1002, 1009)),
    (lambda w: w.sock.sendall(b"\x81\xff" + struct.pack(">Q", 20_000_000) + b"abcdx"), 1009),
    (lambda w: [w.send(b" " * 1_000_000, opcode=0 if i else TEXT, fin=False) for i in range(11)], 1009),
    (lambda w: w.send(b"\x03", opcode=CLOSE), 1002),
])
def test_a_breach_ends_it(suite, send, code):
    with Jmap(suite).socket() as w:
        with contextlib.suppress(OSError):
            send(w)
        # A server that closes while we still send may be past answering.
        assert w.closed() in (*(code if isinstance(code, tuple) else (code,)), None)
    assert Jmap(suite).api(echo()).status == 200


@pytest.mark.parametrize("how,status", [
    (dict(protocol=None), 400), (dict(protocol="chat"), 400),
    (dict(headers={"Sec-WebSocket-Version": "8"}), 426), (dict(headers={"Upgrade": None}), 426),
    (dict(headers={"Sec-WebSocket-Key": "short"}), 400), (dict(headers={"Origin": "https://evil.test"}), 403),
    (dict(headers={"Authorization": None}), 401)])
def test_what_is_no_socket(suite, how, status):
    w = WebSocket(Jmap(suite), **how)
    w.sock.close()
    assert w.status == status


def test_a_cookie_from_our_page_only(suite):
    b = logged_in(suite)
    j = Jmap(suite, headers={"Cookie": f"__Host-gk={b.cookie}"})
    with j.socket(headers={"Origin": b.origin}) as w:
        assert w.ask(echo())["@type"] == "Response"
    for origin in ("https://evil.test", "null", b.origin.replace("https", "http")):
        w = WebSocket(j, headers={"Origin": origin})
        w.sock.close()
        assert w.status == 403


def test_too_many(suite):
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            assert stack.enter_context(Jmap(suite).socket()).ask(echo())["@type"] == "Response"
        w = WebSocket(Jmap(suite))
        assert w.status == 429
        w.sock.close()
        with Jmap(suite, "bob").socket() as other:
            assert other.ask(echo())["@type"] == "Response"
    wait_for(lambda: metric(suite, "websocket_connections_active") == 0)
    with Jmap(suite).socket() as w:
        assert w.ask(echo())["@type"] == "Response"


# ---- what is told by itself ----


def quiet(w):
    """Nothing more is told of what was done so far."""
    assert w.ask(echo(), "quiet?")["requestId"] == "quiet?"


def test_changes_from_everywhere(suite):
    j = Jmap(suite, "carol")
    account = j.account
    with j.socket() as one, j.socket() as other:
        for w in (one, other):
            w.push()
            quiet(w)
        suite.send("alice", ["carol"])
        for w in (one, other):
            m = w.until("StateChange")
            assert {"Email", "Mailbox", "Thread", "EmailDelivery"} <= set(m["changed"][account]) and m["pushState"]
        with suite.imap("carol") as c:
            c.select("INBOX")
            c.store("1", "+FLAGS", "(\\Flagged)")
        for w in (one, other):
            m = w.until("StateChange")
            assert "Email" in m["changed"][account] and "EmailDelivery" not in m["changed"][account]
        # By the other page.
        one.send({"@type": "Request", "id": "make", "using": ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"],
                  "methodCalls": [["Mailbox/set", {"accountId": account, "create": {"k": {"name": "Made"}}}, "c"]]})
        assert "Mailbox" in other.until("StateChange")["changed"][account]


def test_only_what_was_asked_for(suite):
    j = Jmap(suite, "bob")
    with j.socket() as w, j.socket() as all_of_it:
        all_of_it.push()
        w.push(["Mailbox", "Nothing"])
        quiet(w), quiet(all_of_it)
        suite.send("alice", ["bob"])
        assert set(w.until("StateChange")["changed"][j.account]) == {"Mailbox"}
        m = all_of_it.until("StateChange")
        w.send({"@type": "WebSocketPushDisable"})
        quiet(w)
        suite.send("alice", ["bob"])
        assert all_of_it.until("StateChange")["pushState"] != m["pushState"]
        quiet(w)
        # What was missed is told to who names what it knows.
        w.push(since=m["pushState"])
        assert w.next()["@type"] == "StateChange"


def test_who_does_not_read_is_not_written_to(suite):
    j = Jmap(suite, "bob")
    with j.socket(receive=4096) as deaf, j.socket() as w:
        deaf.push(), w.push()
        quiet(deaf), quiet(w)
        def ask():
            for i in range(60):
                deaf.send({"@type": "Request", "id": str(i)} | echo(t="x" * 60_000))

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        with suite.imap("bob") as c:
            c.select("INBOX")
            for i in range(100):
                c.append("INBOX", None, None, b"Subject: x\r\n\r\nx\r\n")
        # Others are served meanwhile, and it hears the latest in the end.
        state = j.api(state_call(j)).json()["methodResponses"][0][1]["state"]
        told = None
        while told != state:
            told = w.until("StateChange")["changed"][j.account].get("Email", told)
        seen, told = 0, None
        while seen < 60 or told != state:
            m = deaf.next()
            seen += m["@type"] == "Response"
            told = m.get("changed", {}).get(j.account, {}).get("Email", told)
        asking.join()


def test_an_idle_page_holds_no_process(quick):  # noqa: F811
    j = Jmap(quick)
    with j.socket() as w, j.socket() as silent:
        w.push()
        quiet(w)
        # One that does not want to be told needs no watch.
        assert silent.ask(echo())["@type"] == "Response"
        wait_for(lambda: metric(quick, "gkmail_web_watches_active") == 1, what="a watch")
        no_owner(quick)
        for _ in range(3):
            quick.send("bob", ["alice"])
            assert w.until("StateChange")["changed"]
            no_owner(quick)
        # What it says wakes it too.
        assert w.ask(echo(a=1))["methodResponses"][0][1] == {"a": 1}
        assert silent.ask(echo(a=1))["methodResponses"][0][1] == {"a": 1}
        no_owner(quick)
        with quick.imap("alice") as c:
            c.select("INBOX")
            c.store("1", "+FLAGS", "(\\Flagged)")
            assert w.until("StateChange")["changed"]
        no_owner(quick)
    wait_for(lambda: metric(quick, "gkmail_web_watches_active") == 0)


def test_no_change_falls_between_a_pipe_and_a_watch(fresh_suite):
    """Mail comes at all points of going to rest and waking; the page ends up with the latest state."""
    suite = fresh_suite(config='[mailbox]\nlinger = "0s"\n[web]\npark_after = "0s"\n')
    j = Jmap(suite)
    with j.socket() as w:
        w.push()
        for i in range(60):
            suite.send("bob", ["alice"], subject=str(i))
            time.sleep(i % 7 * 0.004)  # spreads the points; nothing hangs on it
        wait_for(lambda: len(suite.inbox()) == 60)
        state = j.api(state_call(j)).json()["methodResponses"][0][1]["state"]
        told = None
        while told != state:
            told = w.until("StateChange")["changed"][j.account].get("Email", told)


# ---- what dies ----


def test_a_killed_owner_is_not_noticed(quick):  # noqa: F811
    with Jmap(quick, "user4").socket() as w:
        w.push()
        for _ in range(3):
            quiet(w)
            for pid in quick.owners():
                os.kill(pid, signal.SIGKILL)
            quick.send("bob", ["user4"])
            w.until("StateChange")


def test_a_killed_parent_is_not_noticed(fresh_suite):
    suite = fresh_suite(config=QUICK)
    with Jmap(suite).socket() as w, Jmap(suite).socket() as waits:
        for one in (w, waits):
            one.push()
            quiet(one)
        no_owner(suite)
        quiet(w)
        kill(suite, "mailboxd")
        suite.send("bob", ["alice"])
        for one in (w, waits):
            one.until("StateChange")
            quiet(one)


def test_a_killed_webd(fresh_suite):
    suite = fresh_suite(config=QUICK)
    j = Jmap(suite)
    with j.socket() as w:
        w.push()
        quiet(w)
        suite.send("bob", ["alice"])
        state = w.until("StateChange")["pushState"]
        kill(suite, "webd")
        assert w.closed() is None
    suite.send("bob", ["alice"])

    def again():
        with contextlib.suppress(OSError, Closed):
            return j.socket()

    with wait_for(again) as w:
        w.push(since=state)
        w.until("StateChange")


def test_the_session_ends_and_its_socket_with_it(quick):  # noqa: F811
    mine, other = logged_in(quick, "carol"), logged_in(quick, "carol")
    sockets = [Jmap(quick, headers={"Cookie": f"__Host-gk={b.cookie}"}).socket(headers={"Origin": b.origin})
               for b in (mine, other)]
    with sockets[0] as w, sockets[1] as stays:
        for one in (w, stays):
            one.push()
            quiet(one)
        assert mine.ask("POST", "/auth/logout").status == 204
        assert w.closed() == 1008
        quiet(stays)
        # One that waits without a process ends as well.
        no_owner(quick)
        quick.ctl("session", "revoke", quick.user("carol")["address"])
        assert stays.closed() == 1008


def test_a_drain_says_goodbye(fresh_suite):
    suite = fresh_suite(config=QUICK)
    with Jmap(suite).socket() as w, Jmap(suite).socket() as waits:
        waits.push()
        quiet(waits), quiet(w)
        wait_for(lambda: metric(suite, "gkmail_web_watches_active") == 1)
        os.kill(suite.processes()["webd"], signal.SIGTERM)
        for one in (w, waits):
            assert one.closed() == 1001
