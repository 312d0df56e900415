"""The page's WebSocket to the assistant: who may open it, what may be said, and what ends it."""

import json
import os
import signal

import pytest
from chat import Chat
from conftest import wait_for
from jmapclient import CLOSE, PING, PONG, Closed, Jmap
from test_web_auth import COOKIE, logged_in


def test_hello(suite):
    with Chat(suite) as c:
        m = c.hello()
        assert m["provider"] == "builtin" and m["local"] is True and m["providers"] == ["builtin"]
        a = c.ask("help")
        assert a.told[0]["type"] == "start" and "List my unread emails" in a.text and a.one("done")["usage"]["calls"] == 0
    with Chat(suite, language="fr") as c:
        c.hello()
        assert "Liste mes messages non lus" in c.ask("aide").text


def test_for_the_page_alone(suite):
    b = logged_in(suite)
    cookie = f"{COOKIE}={b.cookie}"
    refused = [
        ({"Cookie": None}, 401),
        ({"Cookie": f"{COOKIE}={'A' * 43}"}, 401),
        ({"Origin": "https://evil.test"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": None}, 403),
        ({"Cookie": None, "Authorization": Jmap(suite).headers["Authorization"]}, 403),
        ({"Upgrade": None}, 426),
    ]
    for headers, status in refused:
        c = Chat(suite, browser=b, headers={"Cookie": cookie} | headers)
        assert c.status == status, (headers, c.head)
        c.sock.close()
    assert b.ask("POST", "/assistant", {}).status == 405


def test_the_end_of_the_session(suite):
    b = logged_in(suite)
    with Chat(suite, browser=b) as c:
        c.hello()
        assert b.ask("POST", "/auth/logout").status == 204
        assert c.closed() == 1008


def test_what_breaks_the_rules(suite):
    with Chat(suite) as c:
        c.hello()
        for said in ("", "{", "[]", "{}", '{"type":"ask"}', json.dumps({"type": "ask", "id": "x" * 65, "text": ""}),
                     json.dumps({"type": "ask", "id": "1", "text": "x" * 16385}), '{"type":"provider","name":"other"}'):
            c.send(said)
            m = c.next()
            assert m["type"] == "error" and m["code"] == "invalid", (said, m)
        c.send(b"are you there?", opcode=PING)
        opcode, _, payload = c.next_frame()
        assert (opcode, payload) == (PONG, b"are you there?")
        c.send({"type": "new"})
        c.hello()
        c.send(b"x" * (32 * 1024 + 1))
        assert c.closed() == 1009
    with Chat(suite) as c:
        c.hello()
        c.send(b"\xff")
        assert c.closed() == 1007
    with Chat(suite) as c:
        c.send(b"\x03\xe8", opcode=CLOSE)
        assert c.closed() == 1000


def test_too_many(suite):
    b = logged_in(suite, "carol")
    chats = [Chat(suite, browser=b) for _ in range(8)]
    assert [c.status for c in chats] == [101] * 8
    assert Chat(suite, browser=b).status == 429
    for c in chats:
        c.sock.close()

    def again():
        c = Chat(suite, browser=b)
        c.sock.close()
        return c.status == 101
    wait_for(again)


@pytest.mark.parametrize("name", ["aid", "mcpd"])
def test_killed(suite, name):
    with Chat(suite) as c:
        c.hello()
        c.ask("help")
        pid = suite.processes()[name]
        os.kill(pid, signal.SIGKILL)
        if name == "aid":
            assert c.closed() == 1012
        else:
            wait_for(lambda: c.ask("help").error is None)
    wait_for(lambda: suite.processes().get(name, pid) != pid)

    def talks():
        c = Chat(suite)
        if c.status != 101:
            return False
        with c:
            try:
                c.hello()
                return c.ask("help").error is None
            except Closed:
                return False
    wait_for(talks)
