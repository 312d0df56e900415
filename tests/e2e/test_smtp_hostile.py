"""Clients that mean no good, beside one that does."""

import contextlib
import re
import socket
import threading
import time

import pytest
from conftest import wait_for


def talk(suite, text, port="smtp"):
    """Everything the server says to these octets."""
    with suite.connect(port) as s:
        s.sendall(text if isinstance(text, bytes) else text.encode())
        s.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: s.recv(65536), b"")).decode()


def final_codes(said):
    return [line[:3] for line in said.splitlines() if line[3:4] == " "]


# ---- never a relay ----

TRICKS = [
    "victim@elsewhere.test", "victim%elsewhere.test@$D", "elsewhere.test!victim@$D", "elsewhere.test!victim",
    '"victim@elsewhere.test"@$D', '"victim%elsewhere.test"@$D', "@$D:victim@elsewhere.test", "@elsewhere.test,@$D:victim@elsewhere.test",
    "victim@elsewhere.test@$D", "victim@$D@elsewhere.test", "victim@[127.0.0.1]", "victim@[IPv6:::1]", "victim@localhost",
    "victim@mail.$D", "victim@sub.$D", "victim@$D.", "victim@.$D", "victim@$D.elsewhere.test", "victim@elsewhere.test.$D",
    "bob@$D\\0.elsewhere.test", "<victim@elsewhere.test>", "victim@elsewhere.test(@$D)", "victim@(x)elsewhere.test",
    '"bob@$D"@elsewhere.test', "bob@$D,victim@elsewhere.test", "bob@$D victim@elsewhere.test", "victim", "@", "@elsewhere.test",
    "|/bin/sh@$D", "/etc/passwd@$D", "../bob@$D", "bob/../alice@$D", ":include:/etc/passwd@$D", "VICTIM@ELSEWHERE.TEST",
    "victim@ELSEWHERE.test", "alice@$D@", "@$D:@elsewhere.test:x@y.test", "victim@elsewhere。test", "victim@elsewhere.test\\r",
    "victim@2130706433", "victim@0x7f000001", "victim@127.0.0.1",
]


@pytest.mark.parametrize("sender", ["x@else.test", "", "bob@$D", "postmaster@$D"])
@pytest.mark.parametrize("trick", TRICKS)
def test_no_relay(suite, trick, sender):
    trick = trick.replace("$D", suite.domain).replace("\\0", "\0").replace("\\r", "\r")
    sender = sender.replace("$D", suite.domain)
    said = talk(suite, f"EHLO c.test\r\nMAIL FROM:<{sender}> SMTPUTF8\r\nRCPT TO:<{trick}>\r\nDATA\r\nQUIT\r\n")
    codes = final_codes(said)
    assert codes[:3] == ["220", "250", "250"], said
    assert codes[3][0] == "5" and codes[4] in ("554", "503"), said


def test_submission_needs_a_login(suite):
    said = talk(suite, f"EHLO c\r\nMAIL FROM:<alice@{suite.domain}>\r\nRCPT TO:<bob@{suite.domain}>\r\nDATA\r\n", "submission")
    assert final_codes(said) == ["220", "250", "530", "503", "503"]


# ---- one bad, one good ----

@contextlib.contextmanager
def crowd(suite, n, text=b""):
    clients = [suite.connect("smtp") for _ in range(n)]
    try:
        for c in clients:
            if text:
                c.sendall(text)
        yield clients
    finally:
        for c in clients:
            c.close()


def healthy(suite):
    """A whole session of a good client."""
    said = talk(suite, f"EHLO good\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<bob@{suite.domain}>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\nQUIT\r\n")
    assert final_codes(said) == ["220", "250", "250", "250", "354", "250", "221"], said


def test_silent_and_slow_clients(suite):
    with crowd(suite, 40) as silent, crowd(suite, 40, b"EHLO c\r\nMAIL FROM:<a@x.test>\r\n"):
        for octet in b"NOOP\r\nNOOP\r\n":
            for c in silent[:20]:
                c.sendall(bytes([octet]))
            healthy(suite)


def test_clients_that_do_not_read(suite):
    """Replies pile up at clients that never read them: the server stops listening to these, and to no other."""
    with crowd(suite, 10) as deaf:
        for c in deaf:
            c.setblocking(False)
        for _ in range(50):
            for c in deaf:
                with contextlib.suppress(BlockingIOError, ConnectionResetError, BrokenPipeError):
                    c.send(b"NOOP\r\n" * 10000)
        healthy(suite)


def test_floods_of_connections(fresh_suite):
    suite = fresh_suite("--users", "2", config="[limits]\nconnections_per_ip = 20\n"
                        "trusted_networks = []\n[smtp]\ngreet_delay = '0s'\n")
    with crowd(suite, 20):
        for _ in range(50):
            with suite.connect("smtp") as s:
                said = b"".join(iter(lambda: s.recv(4096), b""))
                assert said.startswith(b"421 4.7.0 ")

    def has_room():
        # As long as there is none, the QUIT meets a closed socket.
        with contextlib.suppress(ConnectionError):
            return final_codes(talk(suite, "QUIT\r\n")) == ["220", "221"]

    wait_for(has_room, what="room again")
    # Told once a minute, however many there were.
    assert suite.log().count("limit.connections") == 1 and "reason=connections_per_ip" in suite.log()


def test_a_message_octet_by_octet(suite):
    """The slowest sender of all gets its message through, and nobody waits for it."""
    text = (f"EHLO c\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<bob@{suite.domain}>\r\nDATA\r\nSubject: slow\r\n\r\n"
            "..x\r\n.\r\nQUIT\r\n").encode()
    with suite.connect("smtp") as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i, octet in enumerate(text):
            s.sendall(bytes([octet]))
            if i % 40 == 0:
                healthy(suite)
        said = b"".join(iter(lambda: s.recv(65536), b"")).decode()
    assert final_codes(said) == ["220", "250", "250", "250", "354", "250", "221"]


def test_big_senders_beside_a_small_one(suite):
    """Several send 20 MiB at once; a small message passes them."""
    stop = threading.Event()
    results = []

    def send():
        with suite.smtp(None, "smtp", tls=False) as c:
            c.mail("a@x.test")
            c.rcpt(f"bob@{suite.domain}")
            results.append(c.data(b"Subject: big\r\n\r\n" + (b"x" * 70 + b"\r\n") * 280000)[0])
    threads = [threading.Thread(target=send) for _ in range(4)]
    for t in threads:
        t.start()
    while any(t.is_alive() for t in threads):
        healthy(suite)
        time.sleep(0.05)
    for t in threads:
        t.join()
    assert results == [250] * 4
    stop.set()


def test_timeouts(fresh_suite):
    suite = fresh_suite("--users", "2", config='[smtp]\ncommand_timeout = "1s"\n')
    with suite.connect("smtp") as s:
        s.sendall(b"EHLO c\r\n")
        said = b"".join(iter(lambda: s.recv(4096), b"")).decode()
        assert said.splitlines()[-1].startswith("421 4.4.2 ")


def test_garbage(suite):
    for junk in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), bytes(range(256)) * 50, b"\r\n" * 50, b"\n" * 50, b"A" * 300000):
        with contextlib.suppress(ConnectionResetError, BrokenPipeError), suite.connect("smtp") as s:
            s.sendall(junk)
            s.shutdown(socket.SHUT_WR)
            while s.recv(65536):
                pass
    healthy(suite)
    with contextlib.suppress(ConnectionResetError), suite.connect("submissions") as s:
        s.sendall(b"EHLO c\r\n")
        s.recv(100)
    healthy(suite)


def test_clients_that_leave_in_the_middle(suite):
    pieces = [b"EHLO c\r\n", b"MAIL FROM:<a@x.test>\r\n", f"RCPT TO:<bob@{suite.domain}>\r\n".encode(), b"DATA\r\n",
              b"Subject: gone\r\n\r\n", b"x" * 300000, b"\r\n", b"."]
    for n in range(len(pieces) + 1):
        with suite.connect("smtp") as s:
            s.sendall(b"".join(pieces[:n]))
            if n % 2:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    healthy(suite)
    assert not re.search(r"smtpd master\.exit|process=smtpd.*code=", suite.log())
