"""What an SMTP client sees while processes die, the configuration changes and the suite ends."""

import os
import signal
import threading
import time

import pytest
from conftest import wait_for


def begin(c, suite):
    assert c.mail("a@x.test")[0] == 250
    assert c.rcpt(suite.user("bob")["address"])[0] == 250
    assert c.docmd("DATA")[0] == 354


def finish(c):
    c.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
    return c.getreply()


@pytest.mark.parametrize("name", ["authd", "dnsd", "screen", "sign", "queue", "local", "remote", "mailboxd", "imapd", "webd", "mcpd"])
def test_a_session_outlives_other_processes(suite, name):
    with suite.smtp(None, "smtp", tls=False) as c:
        c.mail("a@x.test")
        os.kill(suite.processes()[name], signal.SIGKILL)
        # An address that no answer is remembered for.
        code, _ = c.rcpt(suite.user("bob")["address"].replace("@", f"+{name}@"))
        assert code in (250, 451)
        c.rset()
        wait_for(lambda: suite.processes().get(name), what="the restart")
        begin(c, suite)
        os.kill(suite.processes()[name], signal.SIGKILL)
        assert finish(c)[0] in (250, 451)
        wait_for(lambda: suite.processes().get(name), what="the restart")

        def again():
            begin(c, suite)
            return finish(c)[0] == 250
        wait_for(again, what="a message taken")


def test_smtpd_comes_back(suite):
    pid = suite.processes()["smtpd"]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: suite.processes().get("smtpd") not in (None, pid), what="the restart")
    with suite.smtp(None, "smtp", tls=False) as c:
        begin(c, suite)
        assert finish(c)[0] == 250


def test_reload_drops_nobody(suite):
    with suite.smtp(None, "smtp", tls=False) as c, suite.smtp("alice") as d:
        begin(c, suite)
        suite.ctl("reload")
        assert finish(c)[0] == 250
        assert d.noop()[0] == 250
        begin(c, suite)
        assert finish(c)[0] == 250
    with suite.smtp("alice", "submissions") as c:
        assert c.noop()[0] == 250


def test_drain(fresh_suite):
    """At the end idle sessions hear so, and a message under way is taken."""
    suite = fresh_suite("--users", "2")
    with suite.smtp(None, "smtp", tls=False) as busy, suite.connect("smtp") as idle:
        assert idle.recv(1000).startswith(b"220 ")
        begin(busy, suite)
        results = []
        t = threading.Thread(target=lambda: results.append(suite.stop()))
        t.start()
        said = b"".join(iter(lambda: idle.recv(1000), b""))
        assert said.startswith(b"421 4.3.2 ")
        time.sleep(0.2)
        assert finish(busy)[0] == 250
        t.join()
        assert results == [0]


def test_a_handshake_is_ended_first(fresh_suite):
    """TLS that has only begun when the end comes: through it goes what all are told."""
    suite = fresh_suite("--users", "1")
    with suite.connect("submissions") as tls, suite.connect("smtp") as start, suite.connect("imaps") as imaps, \
            suite.connect("imap") as imap:
        for s, line, ready in ((start, b"EHLO x\r\n", b"250 "), (start, b"STARTTLS\r\n", b"220 "), (imap, b"a STARTTLS\r\n", b"a OK")):
            s.sendall(line)
            said = b""
            while ready not in said or not said.endswith(b"\n"):
                said += s.recv(1000)
        results = []
        t = threading.Thread(target=lambda: results.append(suite.stop()))
        t.start()
        wait_for(lambda: suite.log().count("master.drain "), what="the drain")
        time.sleep(0.5)  # the fronts are told: this shows nothing where it takes them longer
        for s, word in ((tls, b"421 4.3.2 "), (start, b"421 4.3.2 "), (imaps, b"* BYE "), (imap, b"* BYE ")):
            with suite.tls().wrap_socket(s, server_hostname="localhost") as c:
                said = b"".join(iter(lambda: c.recv(1000), b""))
                assert said.split(b"\r\n")[-2].startswith(word), said
        t.join()
        assert results == [0]
