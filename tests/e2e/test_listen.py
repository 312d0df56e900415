"""Sockets for every address: an IPv4 client is an IPv4 client."""

import contextlib
import re
import smtplib

import pytest
from conftest import make, wait_for

EVERYWHERE = ('[smtp]\nlisten = ["*:0"]\ngreet_delay = "0s"\n[imap]\nlisten_tls = ["*:0"]\n[submission]\nlisten_tls = ["*:0"]\n'
              '[limits]\nconnections_per_ip = 2\ntrusted_networks = []\n[screen]\nenabled = false\n')


@pytest.fixture(scope="module")
def everywhere(workdir):
    s = make(workdir, "--users", "1", config=EVERYWHERE).start()
    yield s
    assert s.stop() == 0


def test_addresses_in_logs_and_trace(everywhere):
    alice = everywhere.user("alice")["address"]
    # By number: localhost may well be ::1.
    with smtplib.SMTP("127.0.0.1", everywhere.port("smtp"), timeout=30) as c:
        c.sendmail("x@there.test", [alice], "Subject: traced\r\n\r\nx\r\n")
    mails = wait_for(lambda: everywhere.inbox("alice"))
    assert re.search(rb"^Received: from .* \((\S+ )?\[127\.0\.0\.1\]\)\r?$", mails[0], re.M) and b"ffff" not in mails[0]
    assert "ffff:" not in everywhere.log() and "peer=127.0.0.1" in everywhere.log()


@pytest.mark.parametrize("port", ["smtp", "imaps"])
def test_networks_do_not_share_a_limit(everywhere, port):
    """Two connections an address: those of 127.0.0.1 take nothing from 127.0.0.2."""
    import socket
    with contextlib.ExitStack() as stack:
        for source in ("127.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.0.2", "127.0.0.3"):
            s = socket.create_connection(("127.0.0.1", everywhere.port(port)), timeout=20, source_address=(source, 0))
            stack.callback(s.close)
            if port == "imaps":
                s = everywhere.tls().wrap_socket(s, server_hostname="localhost")
            assert re.match(rb"220|\* OK", s.recv(100)), source
