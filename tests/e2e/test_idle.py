"""Many connections that do nothing, slow ones, hostile ones, beside honest ones. GKMAIL_LONG=1 for the long forms."""

import contextlib
import os
import re
import selectors
import socket
import threading
import time

from conftest import wait_for
from imapraw import Raw

LONG = bool(os.environ.get("GKMAIL_LONG"))
IDLE = 1000 if LONG else 150
CONFIG = """
[mailbox]
linger = "200ms"
max_connections = 1000
[imap]
park_after = "100ms"
[limits]
connections_per_ip = 100000
"""


def metric(suite, name):
    m = re.search(rf"^{name} (\d+)", suite.ctl("status", "--metrics").stdout, re.M)
    return int(m.group(1)) if m else 0


def memory(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read()).group(1))


def idle(suite, user):
    r = Raw(suite.connect("imaps", tls=True))
    r.line()
    u = suite.user(user)
    r.ok(f'LOGIN "{u["address"]}" "{u["password"]}"')
    r.ok("SELECT INBOX")
    r.send(b"i IDLE\r\n")
    assert r.line().startswith(b"+")
    return r


def in_parallel(n, work):
    """work(i) for i < n in a few threads; what they return."""
    out, errors = [None] * n, []
    todo = iter(range(n))
    lock = threading.Lock()

    def run():
        while not errors:
            with lock:
                i = next(todo, None)
            if i is None:
                return
            try:
                out[i] = work(i)
            except BaseException as e:
                errors.append(e)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if errors:
        raise errors[0]
    return out


def test_idle_connections_leave_no_owner_and_hear_of_mail(fresh_suite):
    users = max(2, IDLE // 20)
    suite = fresh_suite("--users", str(users), config=CONFIG)
    names = [u["address"].split("@")[0] for u in suite.info["users"]]
    front = suite.processes()["imapd"]
    before = memory(front)
    some = in_parallel(IDLE, lambda i: idle(suite, names[i % users]))
    wait_for(lambda: metric(suite, "gkmail_imap_connections_parked") == IDLE, 60, "parking")
    wait_for(lambda: not suite.owners(), what="the owners' leave")
    print(f"{IDLE} parked, {(memory(front) - before) / IDLE:.1f} KiB each in the front")
    began = time.monotonic()
    with suite.smtp(None, port="smtp", tls=False) as c:
        for at in range(0, users, 50):
            c.sendmail("x@elsewhere.test", [u["address"] for u in suite.info["users"][at:at + 50]],
                       "Subject: wake\r\n\r\nup\r\n")

    def hear(i):
        some[i].sock.settimeout(60)
        assert some[i].line() == b"* 1 EXISTS"
        return time.monotonic() - began

    times = sorted(in_parallel(IDLE, hear))
    print(f"heard of mail: p50 {times[IDLE // 2]:.3f} s, last {times[-1]:.3f} s")
    wait_for(lambda: not suite.owners(), 60, "the owners' leave")
    for r in some:
        r.close()
    assert suite.stop() == 0


def test_news_come_at_once_and_start_no_owner(fresh_suite):
    suite = fresh_suite("--users", "1", config=CONFIG.replace("200ms", "0s").replace("100ms", "0s"))
    r = idle(suite, "alice")
    wait_for(lambda: metric(suite, "gkmail_imap_connections_parked") == 1 and not suite.owners(), what="parking")
    time.sleep(1.1)
    starts = metric(suite, "gkmail_mailbox_owner_starts_total")
    seconds, n, heard = 3.0, 0, []

    def listen():
        with contextlib.suppress(OSError, EOFError):
            while True:
                line = r.line()
                if line.endswith(b"EXISTS"):
                    heard.append((time.monotonic(), int(line.split()[1])))

    t = threading.Thread(target=listen)
    t.start()
    began = time.monotonic()
    with suite.smtp(None, port="smtp", tls=False) as c:
        while time.monotonic() - began < seconds:
            c.sendmail("x@elsewhere.test", [suite.user()["address"]], "Subject: n\r\n\r\nx\r\n")
            n += 1
            time.sleep(0.02)
    wait_for(lambda: heard and heard[-1][1] == n, what="all of it")
    assert heard[0][0] - began < 0.9, heard[0][0] - began
    assert n > 20 and metric(suite, "gkmail_mailbox_owner_starts_total") == starts
    r.sock.shutdown(socket.SHUT_RDWR)
    t.join()
    r.close()


def until(r, *wanted):
    while (line := r.line()) not in wanted:
        assert line.startswith(b"* "), line


def test_what_was_told_without_an_owner_holds_when_it_comes(fresh_suite):
    suite = fresh_suite("--users", "1", config=CONFIG)
    r, other = idle(suite, "alice"), idle(suite, "alice")
    wait_for(lambda: metric(suite, "gkmail_imap_connections_parked") == 2 and not suite.owners(), what="parking")
    with suite.smtp(None, port="smtp", tls=False) as c:
        for i in range(3):
            c.sendmail("x@elsewhere.test", [suite.user()["address"]], f"Subject: n{i}\r\n\r\nx\r\n")
    until(r, b"* 3 EXISTS")
    until(other, b"* 3 EXISTS")
    assert not suite.owners()
    # The client that speaks gets an owner, UIDs, and what it was told of.
    other.send(b"DONE\r\n")
    until(other, b"i OK Idle completed")
    assert other.ok("FETCH 1:* UID")[:3] == [b"* %d FETCH (UID %d)" % (i, i) for i in (1, 2, 3)]
    other.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
    other.ok("EXPUNGE")
    # The first knows nothing of the three but their number: the last goes. Unless STORE has woken it before EXPUNGE.
    until(r, b"* 3 EXPUNGE", b"* 2 EXPUNGE")
    r.send(b"DONE\r\n")
    until(r, b"i OK Idle completed")
    assert r.ok("FETCH 1:* UID")[:2] == [b"* 1 FETCH (UID 1)", b"* 2 FETCH (UID 3)"]
    r.close()
    other.close()


# ---- beside others who are slow, or who guess ----


def honest(suite, n=15):
    """Seconds that logins with a SELECT take, sorted."""
    times = []
    for _ in range(n):
        began = time.monotonic()
        with suite.imap("alice") as c:
            assert c.select("INBOX")[0] == "OK"
            times.append(time.monotonic() - began)
    return sorted(times)


def test_slow_clients_beside_honest_ones(fresh_suite):
    suite = fresh_suite("--users", "2", config=CONFIG)
    n = 1000 if LONG else 200
    before = honest(suite)
    line = b"a LOGIN someone@example.test a-password-that-takes-long-to-say\r\n"
    slow = [suite.connect("imap" if i % 2 else "smtp") for i in range(n)]
    over = threading.Event()

    def drip():
        """A byte a second each."""
        at = 0
        while not over.is_set():
            began = time.monotonic()
            for s in slow:
                with contextlib.suppress(OSError):
                    s.send(line[at % len(line):][:1])
            at += 1
            over.wait(max(0.05, 1 - (time.monotonic() - began)))

    t = threading.Thread(target=drip)
    t.start()
    try:
        time.sleep(2)
        after = honest(suite)
        began = time.monotonic()
        suite.send("alice", ["user2" if "user2" in str(suite.info["users"]) else "bob"])
        sent = time.monotonic() - began
    finally:
        over.set()
        t.join()
    print(f"{n} slow clients: login p50 {before[7] * 1000:.0f} -> {after[7] * 1000:.0f} ms, worst "
          f"{after[-1] * 1000:.0f} ms, a submission {sent * 1000:.0f} ms")
    assert after[-1] < 5 and sent < 5
    for s in slow:
        s.close()


def test_wrong_logins_beside_honest_ones(fresh_suite):
    suite = fresh_suite("--users", "2", config=CONFIG)
    before = honest(suite)
    over = threading.Event()
    tried = [0]

    def guess():
        while not over.is_set():
            with contextlib.suppress(OSError, EOFError):
                r = Raw(suite.connect("imaps", tls=True))
                r.sock.settimeout(20)
                r.line()
                for k in range(3):
                    r.command(f'LOGIN "{suite.user("bob")["address"]}" "guess-{tried[0]}"')
                    tried[0] += 1
                    if over.is_set():
                        break
                r.close()

    threads = [threading.Thread(target=guess) for _ in range(100 if LONG else 30)]
    for t in threads:
        t.start()
    try:
        time.sleep(2)
        after = honest(suite)
    finally:
        over.set()
        for t in threads:
            t.join()
    print(f"{tried[0]} wrong logins by {len(threads)}: honest p50 {before[7] * 1000:.0f} -> {after[7] * 1000:.0f} ms, "
          f"worst {after[-1] * 1000:.0f} ms")
    assert after[7] < 3 and after[-1] < 10


def test_idle_tls_connections_are_held(fresh_suite):
    """10,000 of them in the long form: open, secured, before login."""
    n = 9500 if LONG else 300
    suite = fresh_suite("--users", "1", config=CONFIG)
    if LONG:
        import resource
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        n = min(10000 - 1, hard - 500)  # one more for alice; limits.connections is 10,000
    front = suite.processes()["imapd"]
    before, context = memory(front), suite.tls()
    began = time.monotonic()

    def open_one(_):
        s = context.wrap_socket(socket.create_connection(("localhost", suite.port("imaps")), timeout=60),
                                server_hostname="localhost")
        assert s.recv(1000).startswith(b"* OK")
        return s

    held = in_parallel(n, open_one)
    print(f"{n} TLS connections in {time.monotonic() - began:.1f} s, {(memory(front) - before) / n:.1f} KiB each")
    times = honest(suite, 5)
    print(f"login beside them: {times[2] * 1000:.0f} ms")
    assert times[-1] < 5
    # None was let go.
    sel = selectors.DefaultSelector()
    for s in held:
        s.setblocking(False)
        sel.register(s, selectors.EVENT_READ)
    assert not sel.select(1)
    held[0].setblocking(True)
    held[0].sendall(b"a NOOP\r\n")
    assert held[0].recv(100).startswith(b"a OK")
    for s in held:
        s.close()
    assert suite.stop() == 0
