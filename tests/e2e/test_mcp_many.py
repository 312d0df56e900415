"""Many clients of /mcp at a time that do nothing, or nothing good: what they cost, and that others do not feel them."""

import contextlib
import json
import os
import re
import threading

from mcp import Stdio, meta
from mcpclient import Client, token_of
from suite import wait_for

LONG = bool(os.environ.get("GKMAIL_LONG"))
USERS = 8
LISTENERS = 200 if LONG else 24
SESSIONS = 1000 if LONG else 48
ROOM = 400_000 if "ASAN_OPTIONS" in os.environ else 20_000  # KiB; ASan keeps what was freed

CONFIG = """
[mailbox]
linger = "200ms"
[limits]
connections_per_ip = 10000
"""


def memory(suite):
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{suite.processes()['mcpd']}/status").read()).group(1))


def test_who_listens_keeps_no_owner(fresh_suite):
    suite = fresh_suite("--users", str(USERS), config=CONFIG)
    names = [u["address"].split("@")[0] for u in suite.info["users"]]
    clients = [Client(suite, token_of(suite, name)) for name in names]
    before = memory(suite)
    wish = {"notifications": {"resourceSubscriptions": ["mail://mailbox/inbox"]}}
    streams = [clients[i % USERS].listen("subscriptions/listen", wish) for i in range(LISTENERS)]
    for s in streams:
        assert s.event()["method"] == "notifications/subscriptions/acknowledged"
    wait_for(lambda: not suite.owners(), seconds=60, what="the owners' leave")
    print(f"{LISTENERS} listeners, {(memory(suite) - before) / LISTENERS:.1f} KiB each")
    for _ in range(2):
        with suite.smtp(None, port="smtp", tls=False) as c:
            c.sendmail("x@elsewhere.test", [u["address"] for u in suite.info["users"]], "Subject: wake\r\n\r\nup\r\n")
        for s in streams:
            assert s.event()["params"]["uri"] == "mail://mailbox/inbox"
        wait_for(lambda: not suite.owners(), seconds=60, what="the owners' leave again")
    # Who is revoked is told while it rests.
    suite.ctl("agent", "revoke", names[0], "desk")
    assert streams[0].event() is None or streams[0].event() is None
    for s in streams:
        s.close()
    assert suite.stop() == 0
    assert "level=error" not in suite.log() and " error " not in suite.log()


def test_sessions_that_do_nothing(fresh_suite):
    """Of agents that each have as many as one may; a further one makes room, and everybody else is served."""
    suite = fresh_suite("--users", "3", config=CONFIG + "[mcp]\nmax_clients = 1100\n")
    tokens = [token_of(suite, ("alice", "bob", "carol")[i % 3], f"a{i}") for i in range(min(90, SESSIONS // 8))]
    before = memory(suite)
    n = 0
    clients = []
    for token in tokens:
        for _ in range(8):
            c = Client(suite, token)
            c.initialize()
            clients.append(c)
            n += 1
    print(f"{n} sessions, {(memory(suite) - before) / n:.1f} KiB each")
    assert clients[0].call("ping").status == 200
    c = Client(suite, tokens[-1])
    c.initialize()
    assert clients[-8].call("ping").status == 404 and clients[-7].call("ping").status == 200
    wait_for(lambda: not suite.owners(), seconds=60, what="no owner")
    assert suite.stop() == 0


def test_lines_of_every_kind(fresh_suite):
    """An octet at a time; a line without end; JSON as deep as it gets; ten thousand requests at once, by who reads nothing
    meanwhile. Others are served, and gk-mcpd does not grow by it."""
    suite = fresh_suite("--users", "2", config=CONFIG)
    bob = Client(suite, token_of(suite, "bob"))
    pids = suite.processes()
    with Stdio(suite) as slow:
        line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta()}}).encode() + b"\n"
        for i in range(len(line)):
            slow.raw(line[i:i + 1])
        assert slow.answer(1)["result"]["tools"]
        before = memory(suite)
        for deep in (b"[" * 500_000, b'{"a":' * 150_000, b"[" * 400_000 + b"]" * 400_000):
            slow.raw(deep + b"\n")
            assert slow.hear()["error"]["code"] in (-32700, -32600)
        assert bob.ask("server/discover").status == 200
    with Stdio(suite) as endless:
        with contextlib.suppress(BrokenPipeError):
            for _ in range(100):
                endless.raw(b"x" * 1_000_000)
        assert endless.hear()["error"]["code"] == -32600
        assert endless.hear() is None
    with Stdio(suite) as many:
        many.ask("server/discover")
        pings = b"".join(json.dumps({"jsonrpc": "2.0", "id": i, "method": "server/discover", "params": {"_meta": meta()}}).encode()
                         + b"\n" for i in range(1, 10_001))
        writer = threading.Thread(target=many.raw, args=(pings,))
        writer.start()
        for _ in range(20):
            assert bob.ask("server/discover").status == 200
        assert memory(suite) - before < ROOM
        got = [many.hear()["id"] for _ in range(10_000)]
        writer.join()
        assert got == list(range(1, 10_001))
    assert suite.processes() == pids and memory(suite) - before < ROOM
    assert suite.stop() == 0


def test_the_end_with_calls_under_way(fresh_suite):
    """What has begun is answered, who listens is told that it is over, and all of it within the time to drain."""
    suite = fresh_suite("--users", "2", config=CONFIG)
    c = Client(suite, token_of(suite))
    listener = c.listen("subscriptions/listen", {"notifications": {}})
    assert listener.event() is not None
    legacy = Client(suite, c.token)
    legacy.initialize()
    stream = legacy.open("GET")
    suite.ctl("reload")
    with Stdio(suite) as s:
        s.ask("server/discover")
        ids = [s.begin("tools/call", {"name": "list_mailboxes", "arguments": {}}) for _ in range(20)]
        first = s.answer(ids[0])  # they have come
        assert not first["result"]["isError"]
        assert suite.stop() == 0
        assert all("result" in s.answer(i) or "error" in s.answer(i) for i in ids[1:])
        assert s.hear() is None
    assert "subscriptionId" in str(listener.event()) and listener.event() is None
    assert stream.event() is None
