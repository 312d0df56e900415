"""Certificates by ACME (RFC 8555): http-01, tls-alpn-01 (RFC 8737), renewal, and what goes wrong, against Debian's pebble."""

import json
import re
import socket
import ssl
import subprocess
import time
import urllib.request

import pytest
from conftest import wait_for
from pebble import Pebble


@pytest.fixture
def pebble(workdir):
    made = []

    def start(**more):
        made.append(Pebble(workdir / f"pebble{len(made)}-{id(made)}", **more))
        return made[-1].start()

    yield start
    for p in made:
        p.stop()


def status(s):
    return json.loads(s.ctl("--json", "acme", "status", check=False).stdout)


def issued(s):
    """Waits for the first certificate."""
    try:
        return wait_for(lambda: status(s)["until"])
    except AssertionError as e:
        raise AssertionError(status(s), s.log()[-300:], s.errors()) from e


def serial(s, port, context, name=None):
    """Verifies what is served there; its serial number."""
    with socket.create_connection(("127.0.0.1", s.port(port)), timeout=30) as raw:
        with context.wrap_socket(raw, server_hostname=name or f"mail.{s.domain}") as c:
            return c.getpeercert()["serialNumber"]


def served_key(s):
    pem = (s.dir / "data/tls/acme.pem").read_bytes()
    return subprocess.run(["openssl", "pkey", "-pubout"], input=pem, check=True, capture_output=True).stdout


def no_redirect(url):
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    try:
        return urllib.request.build_opener(Stay).open(url, timeout=30)
    except urllib.error.HTTPError as e:
        return e


def test_http_01_and_renewal(pebble, fresh_suite):
    """A fifth of all nonces is refused, and two names wanted. A connection stays open over the renewal."""
    p = pebble(nonces=20)
    s = fresh_suite(config=p.settings("http-01", "names = ['mail.sandbox.test', 'mta-sts.sandbox.test']\n"
                                      "contact = ['mailto:admin@sandbox.test']\n") + "[server]\nhost_name = 'mail.sandbox.test'\n")
    issued(s)
    root = p.roots()
    first = serial(s, "imaps", root, "mail.sandbox.test")
    assert serial(s, "https", root, "mta-sts.sandbox.test") == first
    assert serial(s, "submissions", root, "mail.sandbox.test") == first
    pids = s.processes()

    # All that is asked for otherwise is sent to HTTPS, at a name of ours.
    r = no_redirect(f"http://127.0.0.1:{p.http}/any?where")
    assert (r.status, r.headers["Location"]) == (308, "https://mail.sandbox.test/")
    assert no_redirect(f"http://127.0.0.1:{p.http}/.well-known/acme-challenge/none").status == 404

    raw = socket.create_connection(("127.0.0.1", s.port("imaps")), timeout=30)
    with root.wrap_socket(raw, server_hostname="mail.sandbox.test") as c:
        f = c.makefile("rwb")
        assert f.readline().startswith(b"* OK")
        key = served_key(s)
        s.ctl("acme", "renew")
        assert serial(s, "imaps", root, "mail.sandbox.test") != first
        f.write(b"a NOOP\r\n")
        f.flush()
        assert f.readline().startswith(b"a OK")
    assert served_key(s) == key  # acme.keep_key
    assert s.processes() == pids
    assert not re.search(r"PRIVATE KEY", (s.dir / "data/acme/state").read_text())
    assert (s.dir / "data/tls/acme.pem").stat().st_mode & 0o777 == 0o600
    now = status(s)
    assert now["failures"] == 0 and now["until"] > now["next"] > now["from"], now

    # A restart serves what is there, and asks for nothing.
    second = serial(s, "imaps", root, "mail.sandbox.test")
    s.restart()
    assert serial(s, "imaps", root, "mail.sandbox.test") == second
    assert status(s)["until"] == now["until"]


def test_tls_alpn_01(pebble, fresh_suite):
    """And what lives for seconds only is renewed by itself, with new keys."""
    p = pebble(validity=12)
    s = fresh_suite(config=p.settings("tls-alpn-01", "keep_key = false\n"))
    issued(s)
    root = p.roots()
    first, key = certificate(s), served_key(s)
    wait_for(lambda: certificate(s) != first)
    assert serial(s, "imaps", root)
    assert served_key(s) != key
    wait_for(lambda: "http.challenge_shown" in s.log())
    # Others who offer that protocol are nobody's.
    c = ssl.create_default_context(cafile=str(p.authority.file))
    c.set_alpn_protocols(["acme-tls/1"])
    with pytest.raises(ssl.SSLError):
        with socket.create_connection(("127.0.0.1", p.https), timeout=30) as raw:
            c.wrap_socket(raw, server_hostname=f"mail.{s.domain}")


def test_what_goes_wrong(pebble, fresh_suite):
    """The self-signed one is served while the authority is away, or refuses; the operator is told."""
    p = pebble(binding={"kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"})
    # Nobody listens where the authority looks.
    there, elsewhere = f"listen = ['127.0.0.1:{p.http}']", f"listen = ['127.0.0.1:{p.unused}']"
    s = fresh_suite(config=p.settings("http-01").replace(there, elsewhere))
    p.stop()
    if status(s)["failures"] == 0:
        wait_for(lambda: status(s)["failures"] > 0, what="a failure")
    assert certificate(s)
    r = s.ctl("acme", "renew", check=False)
    assert r.returncode == 1 and "reach the directory" in r.stdout, r.stdout
    assert "gkmail acme" in json.dumps(json.loads(s.ctl("--json", "status", check=False).stdout)["health"])

    # It wants an account that we do not have, then it does not.
    p.start()
    r = s.ctl("acme", "renew", check=False)
    assert r.returncode == 1 and "acme.eab_kid" in r.stdout, r.stdout
    key = p.dir / "eab"
    key.write_text(p.config["externalAccountMACKeys"]["kid-1"] + "\n")
    conf = s.dir / "gkmail.toml"
    text = conf.read_text()
    bound = text.replace("[acme]\n", f"[acme]\neab_kid = 'kid-1'\neab_key_file = '{key}'\n")
    conf.write_text(bound)
    s.ctl("reload")
    r = s.ctl("acme", "renew", check=False)
    assert r.returncode == 1 and f"mail.{s.domain}: " in r.stdout, r.stdout
    assert "remedy=" in next(line for line in reversed(s.log().splitlines()) if " acme.failed " in line)

    conf.write_text(bound.replace(str(p.unused), str(p.http)))
    s.ctl("reload")
    s.ctl("acme", "renew")
    assert serial(s, "imaps", p.roots())
    assert status(s)["failures"] == 0


def certificate(s):
    """Whatever is served, of whom and until when."""
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname = False
    c.verify_mode = ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", s.port("imaps")), timeout=30) as raw:
        with c.wrap_socket(raw) as t:
            return t.getpeercert(binary_form=True)


def test_killed_while_it_is_replaced(pebble, fresh_suite):
    """At any instant: what is there is a key with its own certificate, and is served."""
    p = pebble()
    s = fresh_suite(config=p.settings("tls-alpn-01", "keep_key = false\n"))
    issued(s)
    root = p.roots()
    began = time.monotonic()
    s.ctl("acme", "renew")
    whole = time.monotonic() - began
    for n in range(6):
        with subprocess.Popen([str(s.bin / "gkmail"), "--dir", str(s.dir), "acme", "renew"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as renew:
            time.sleep(whole * (n + 1) / 6)
            s.kill()
            renew.kill()
        s.start()
        assert serial(s, "imaps", root)
        pem = (s.dir / "data/tls/acme.pem").read_bytes()
        of_certificate = subprocess.run(["openssl", "x509", "-noout", "-pubkey"], input=pem, check=True, capture_output=True).stdout
        assert of_certificate == served_key(s)
    s.ctl("acme", "renew")
    assert serial(s, "imaps", root)
    assert not [x.name for x in (s.dir / "data/tls").iterdir() if x.name.startswith(".acme.")]
