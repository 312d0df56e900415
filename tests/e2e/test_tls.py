"""TLS of the fronts: certificates by name, sessions resumed, clients' certificates, what is refused, and reloads."""

import contextlib
import json
import os
import re
import signal
import smtplib
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest
from conftest import BIN, wait_for
from test_master import conf_file, events, hup, refusal, state_of

FRONTS = {"smtp": b"smtp", "submission": b"smtp", "submissions": None, "imap": b"imap", "imaps": None}


# ---- helpers ----

def openssl(*words, **more):
    return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, **more).stdout


def make(directory, name, san=None, ca=None, rsa=False, days="30", more=""):
    """NAME.pem and NAME.key in the directory; signed by ca, or by itself."""
    key, pem, csr, ext = (directory / f"{name}.{x}" for x in ("key", "pem", "csr", "ext"))
    kind = ["-newkey", "rsa:2048"] if rsa else ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    openssl("req", "-new", *kind, "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", csr)
    ext.write_text((f"subjectAltName={san}\n" if san else "") + more)
    sign = ["-CA", directory / f"{ca}.pem", "-CAkey", directory / f"{ca}.key", "-CAcreateserial"] if ca else ["-key", key]
    openssl("x509", "-req", "-in", csr, *sign, "-days", days, "-extfile", ext, "-out", pem)
    return pem, key


def row(pem, key, names=None):
    return (f"[[certificate]]\ncertificate = '{pem}'\nkey = '{key}'\n"
            + (f"names = {json.dumps(names)}\n" if names else ""))


def anybody():
    """A client that takes any certificate."""
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname = False
    c.verify_mode = ssl.CERT_NONE
    return c


def plain(suite, port):
    """A connection on which the handshake may begin."""
    s = socket.create_connection(("localhost", suite.port(port)), 30)
    f = s.makefile("rwb")
    if FRONTS[port] == b"imap":
        f.readline()
        f.write(b"a STARTTLS\r\n")
        f.flush()
        assert f.readline().startswith(b"a OK")
    elif FRONTS[port] == b"smtp":
        f.readline()
        f.write(b"EHLO x.test\r\nSTARTTLS\r\n")
        f.flush()
        while not f.readline().startswith(b"220"):
            pass
    f.close()
    return s


@contextlib.contextmanager
def secured(suite, port="imaps", name=None, context=None, session=None):
    """The socket after the handshake, the greeting or the answer to NOOP read: the ticket has come too."""
    s = plain(suite, port)
    with (context or anybody()).wrap_socket(s, server_hostname=name, session=session) as t:
        if FRONTS[port] is not None:
            t.sendall(b"a NOOP\r\n" if FRONTS[port] == b"imap" else b"NOOP\r\n")
        assert t.recv(1000)
        yield t


def shown(suite, port="imaps", name=None):
    with secured(suite, port, name) as t:
        return ssl.DER_cert_to_PEM_cert(t.getpeercert(binary_form=True)).split()


def is_of(pem):
    return Path(pem).read_text().split()


def handshake(suite, *words, port="imaps", input=b""):
    """What openssl s_client says."""
    return subprocess.run(["openssl", "s_client", "-connect", f"localhost:{suite.port(port)}", *words], input=input,
                          capture_output=True, timeout=30, env=dict(os.environ, OPENSSL_CONF="/dev/null")).stdout.decode(
                              errors="replace")


@pytest.fixture(scope="module")
def files(workdir):
    d = workdir / "tls-files"
    d.mkdir(exist_ok=True)
    d.chmod(0o755)
    make(d, "second", "DNS:mail.second.test,DNS:*.second.test")
    make(d, "third", "DNS:nobody.test")
    make(d, "rsa", "DNS:rsa.second.test", rsa=True)
    make(d, "ca", more="basicConstraints=critical,CA:TRUE\n")
    make(d, "device", ca="ca")
    make(d, "stranger")
    return d


@pytest.fixture(scope="module")
def suite(workdir, files):
    from suite import make as suite_make
    s = suite_make(workdir, config=row(files / "second.pem", files / "second.key")
                   + row(files / "third.pem", files / "third.key", ["third.test"])
                   + row(files / "rsa.pem", files / "rsa.key")).start()
    yield s
    assert s.stop() == 0


# ---- by name ----

@pytest.mark.parametrize("port", FRONTS)
def test_the_name_asked_for_decides(suite, files, port):
    own = is_of(suite.dir / "tls/certificate.pem")
    assert shown(suite, port) == own
    assert shown(suite, port, "localhost") == own
    assert shown(suite, port, "nobody.test") == own  # in the certificate, but names = [...] are others
    assert shown(suite, port, "mail.second.test") == is_of(files / "second.pem")
    assert shown(suite, port, "IMAP.second.test") == is_of(files / "second.pem")
    assert shown(suite, port, "third.test") == is_of(files / "third.pem")
    assert shown(suite, port, "rsa.second.test") == is_of(files / "rsa.pem")  # before the wildcard


@pytest.mark.skipif(os.geteuid() != 0, reason="only root sees the descriptors of a confined process")
def test_no_key_stays_open_in_a_front(suite):
    for name in ("smtpd", "imapd"):
        pid = suite.processes()[name]
        links = [os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")]
        assert not any(x.endswith((".pem", ".key")) or "tls" in x for x in links), links


# ---- what is spoken ----

def test_only_modern_ciphers(suite):
    text = handshake(suite, "-tls1_3")
    assert "Cipher is TLS_" in text and "Compression: NONE" in text
    for good in ("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"):
        assert f"Cipher is {good}" in handshake(suite, "-tls1_2", "-cipher", good)
    for bad in ("ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES128-CCM",
                "ECDHE-ECDSA-NULL-SHA", "AECDH-AES128-SHA"):
        assert "Cipher is (NONE)" in handshake(suite, "-tls1_2", "-cipher", f"{bad}:@SECLEVEL=0"), bad
    name = "-servername", "rsa.second.test", "-tls1_2", "-cipher"
    assert "Cipher is ECDHE-RSA-AES128-GCM-SHA256" in handshake(suite, *name, "ECDHE-RSA-AES128-GCM-SHA256")
    for bad in ("AES128-GCM-SHA256", "AES128-SHA", "DHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA256"):
        assert "Cipher is (NONE)" in handshake(suite, *name, f"{bad}:@SECLEVEL=0"), bad
    for old in ("-tls1", "-tls1_1"):
        assert "Cipher is (NONE)" in handshake(suite, old, "-cipher", "ALL:@SECLEVEL=0"), old


def test_no_renegotiation(suite):
    text = handshake(suite, "-tls1_2", input=b"R\na NOOP\r\n")
    assert "a OK" not in text and "Cipher is ECDHE" in text


@pytest.mark.parametrize("port,offer,taken", [("imaps", ["imap"], "imap"), ("submissions", ["h2", "smtp"], "smtp"),
                                              ("imaps", ["http/1.1"], None), ("submissions", ["http/1.1", "h2"], None)])
def test_who_means_another_protocol_is_not_answered(suite, port, offer, taken):
    c = anybody()
    c.set_alpn_protocols(offer)
    if taken:
        with secured(suite, port, context=c) as t:
            assert t.selected_alpn_protocol() == taken
    else:
        with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"), secured(suite, port, context=c):
            pass


def test_tls_1_3_only(fresh_suite):
    s = fresh_suite(config="[tls]\nmin_version = '1.3'\n")
    for port in FRONTS:
        c = anybody()
        c.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(ssl.SSLError, match="(?i)protocol.version"), secured(s, port, context=c):
            pass
        with secured(s, port) as t:
            assert t.version() == "TLSv1.3"


# ---- sessions resumed ----

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def of_version(version):
    c = anybody()
    c.minimum_version = c.maximum_version = VERSIONS[version]
    return c


@pytest.mark.parametrize("version", VERSIONS)
def test_sessions_are_resumed(suite, version):
    c = of_version(version)
    with secured(suite, "imaps", "localhost", c) as t:
        assert not t.session_reused
        session = t.session
    assert session.has_ticket
    for port in ("imaps", "imap"):
        with secured(suite, port, "localhost", c, session) as t:
            assert t.session_reused
    with secured(suite, "submissions", "localhost", c, session) as t:
        assert not t.session_reused  # another front has other keys
    assert "master.reloaded" in hup(suite)
    with secured(suite, "imaps", "localhost", c, session) as t:
        assert t.session_reused
    os.kill(state_of(suite, "imapd")["pid"], signal.SIGKILL)
    wait_for(lambda: state_of(suite, "imapd")["state"] == "ready")
    with secured(suite, "imaps", "localhost", c, session) as t:
        assert t.session_reused


# ---- reloads ----

def replace(suite, pem, key):
    for name, source in (("certificate.pem", pem), ("key.pem", key)):
        new = suite.dir / "tls" / (name + ".new")
        new.write_bytes(source.read_bytes())
        new.rename(suite.dir / "tls" / name)


@pytest.fixture
def kept(suite):
    """The suite's own certificate stands there again afterwards."""
    names = ("certificate.pem", "key.pem")
    before = {n: (suite.dir / "tls" / n).read_bytes() for n in names}
    yield
    for n in names:
        (suite.dir / "tls" / n).write_bytes(before[n])
    suite.ctl("reload")


def test_certificates_change_under_live_connections(suite, files, kept):
    old, stop, failed, talked = shown(suite), threading.Event(), [], [0, 0]

    def stay():
        with secured(suite) as t:
            while not stop.is_set():
                t.sendall(b"a NOOP\r\n")
                if not t.recv(100).startswith(b"a OK"):
                    failed.append("the connection that stayed")
                talked[0] += 1

    def come():
        while not stop.is_set():
            try:
                shown(suite)
                talked[1] += 1
            except OSError as e:
                failed.append(repr(e))
    threads = [threading.Thread(target=f) for f in (stay, stay, come, come)]
    for t in threads:
        t.start()
    try:
        for i in range(10):
            n = "third" if i % 2 else "second"
            replace(suite, files / f"{n}.pem", files / f"{n}.key")
            assert "master.reloaded" in hup(suite)
            assert shown(suite) == is_of(files / f"{n}.pem") != old
    finally:
        stop.set()
        for t in threads:
            t.join()
    assert not failed and talked[0] > 10 and talked[1] > 10, (failed, talked)


def test_a_bad_new_certificate_changes_nothing(suite, files, kept):
    old = shown(suite)
    with secured(suite) as live:
        replace(suite, files / "second.pem", files / "third.key")
        line = hup(suite)
        assert "master.reload_refused" in line and "do not belong together" in line and "certificate.pem" in line, line
        live.sendall(b"a NOOP\r\n")
        assert live.recv(100).startswith(b"a OK")
    assert shown(suite) == old
    r = suite.ctl("reload", check=False)
    assert r.returncode == 1 and "nothing was changed" in r.stderr
    r = suite.ctl("check", str(suite.dir / "gkmail.toml"), check=False)
    assert r.returncode == 1 and "do not belong together" in r.stderr


def test_rows_come_and_go(suite, files, workdir):
    path = suite.dir / "gkmail.toml"
    before = path.read_text()
    # The layers of a sandbox are one file: rows stand at its end.
    assert before.count("[[certificate]]") == 3
    try:
        path.write_text(before[:before.index("[[certificate]]")] + row(files / "third.pem", files / "third.key"))
        assert "master.reloaded" in hup(suite)
        assert shown(suite, name="nobody.test") == is_of(files / "third.pem")
        assert shown(suite, name="mail.second.test") == is_of(suite.dir / "tls/certificate.pem")
    finally:
        path.write_text(before)
        suite.ctl("reload")
    assert shown(suite, name="mail.second.test") == is_of(files / "second.pem")


# ---- what is refused, or warned of, at the start ----

def test_rows_that_cannot_be(workdir, files):
    base = workdir / f"t{time.monotonic_ns()}"
    base.mkdir()
    make(base, "nameless")
    cases = [
        (f"[[certificate]]\ncertificate = '{files}/second.pem'\n",
         r":\d+:\d+: \[\[certificate\]\]: key is missing; write an absolute file name"),
        ("[[certificate]]\ncertificate = 'second.pem'\nkey = '/x'\n",
         r":\d+:\d+: certificate\.certificate: .*write an absolute file name"),
        (row(files / "second.pem", "/nonexistent"), r":\d+: certificate\.key: open /nonexistent: No such file"),
        (row(files / "second.pem", files / "third.key"),
         r":\d+: certificate\.certificate: .*second\.pem with .*third\.key: private key and certificate do not belong together"),
        (row(files / "second.key", files / "second.key"), r":\d+: certificate\.certificate: .*no PEM in it"),
        (row(base / "nameless.pem", base / "nameless.key"),
         r":\d+: certificate\.certificate: .*no host name in it .*write names = \[\"mail\.example\.org\"\]"),
        (row(files / "second.pem", files / "second.key", ["not a name"]), r":\d+:\d+: certificate\.names: .*host names such as"),
        ("[submission]\nclient_certificates = 'require'\n", r": submission\.client_certificates is set but tls\.client_ca is not"),
        (f"[tls]\nclient_ca = '{files}/ca.key'\n", r":\d+: tls\.client_ca: .*no certificate in it"),
        ("[tls]\nclient_ca = '/nonexistent'\n", r":\d+: tls\.client_ca: open /nonexistent: No such file"),
    ]
    for text, said in cases:
        if text.startswith("[submission]"):
            file = conf_file(base, submission__client_certificates="require")
        else:
            file = conf_file(base, text)
        error = refusal(file)
        assert re.search(re.escape(str(file)) + said, error), error
        r = subprocess.run([BIN / "gkmail", "check", file], capture_output=True, text=True)
        assert r.returncode == 1 and re.search(said, r.stderr), r.stderr


def expired(directory):
    """A certificate that is over, and one that soon will be."""
    (directory / "ca.txt").write_text("")
    (directory / "serial").write_text("01\n")
    (directory / "ca.cnf").write_text(
        f"[ca]\ndefault_ca=d\n[d]\ndatabase={directory}/ca.txt\nserial={directory}/serial\nnew_certs_dir={directory}\n"
        "default_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n")
    for name, start, end in (("over", "20200101000000Z", "20210101000000Z"),
                             ("soon", "20200101000000Z", time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + 86400)))):
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-keyout", directory / f"{name}.key", "-out", directory / f"{name}.csr")
        openssl("ca", "-config", directory / "ca.cnf", "-batch", "-selfsign", "-keyfile", directory / f"{name}.key", "-in",
                directory / f"{name}.csr", "-startdate", start, "-enddate", end, "-notext", "-out", directory / f"{name}.pem")


def test_dates_names_and_readers_are_warned_of(workdir, fresh_suite):
    d = workdir / f"d{time.monotonic_ns()}"
    d.mkdir()
    d.chmod(0o755)
    expired(d)
    (d / "over.key").chmod(0o644)
    s = fresh_suite(config=f"[tls]\ncertificate = '{d}/over.pem'\nkey = '{d}/over.key'\n"
                    + row(d / "soon.pem", d / "soon.key", ["soon.test"]))
    def one(event):
        lines = events(s, event)
        assert len(lines) == 1, s.log()[:2000]
        return lines[0]
    assert "over.pem since=2021-01-01T00:00:00" in one("master.certificate_expired")
    assert "soon.pem at=20" in one("master.certificate_expires")
    assert "over.key" in one("master.key_readable")
    assert "over.pem" in one("master.certificate_name")
    r = s.ctl("check", str(s.dir / "gkmail.toml"))
    assert re.search(r"warning: .*over\.pem: the certificate has expired at 2021-01-01", r.stdout), r.stdout
    assert re.search(r"warning: .*soon\.pem: the certificate expires at 20", r.stdout), r.stdout
    assert "warning: no certificate is for" in r.stdout
    assert len(json.loads(s.ctl("--json", "check", str(s.dir / "gkmail.toml")).stdout)["warnings"]) == 3


# ---- clients' certificates ----

def device(files, name="device"):
    c = anybody()
    if name:
        c.load_cert_chain(files / f"{name}.pem", files / f"{name}.key")
    return c


def login(suite, context, who="alice"):
    u = suite.user(who)
    with smtplib.SMTP("localhost", suite.port("submission"), timeout=30) as c:
        c.starttls(context=context)
        c.login(u["address"], u["password"])
        c.sendmail(u["address"], [u["address"]], f"From: {u['address']}\r\nSubject: by certificate\r\n\r\nx\r\n")


def test_submission_requires_a_certificate(fresh_suite, files):
    s = fresh_suite(config=f"[tls]\nclient_ca = '{files}/ca.pem'\n[submission]\nclient_certificates = 'require'\n")
    login(s, device(files))
    wait_for(lambda: s.inbox())
    assert "client=CN=device" in events(s, "smtp.auth")[0] or 'client="CN=device"' in events(s, "smtp.auth")[0]
    for who in (None, "stranger"):
        for port in ("submission", "submissions"):
            with pytest.raises(OSError), secured(s, port, context=device(files, who)):
                pass
    wait_for(lambda: "peer did not return a certificate" in s.log())
    for port in ("smtp", "imap", "imaps"):  # nobody asks there
        with secured(s, port):
            pass
    # A session of port 25 is no way in.
    for version in VERSIONS:
        c = of_version(version)
        with secured(s, "smtp", "localhost", c) as t:
            session = t.session
        with secured(s, "smtp", "localhost", c, session) as t:
            assert t.session_reused
        with pytest.raises(OSError), secured(s, "submissions", "localhost", c, session):
            pass
        # And one with a certificate is resumed with it.
        c = of_version(version)
        c.load_cert_chain(files / "device.pem", files / "device.key")
        with secured(s, "submissions", "localhost", c) as t:
            session = t.session
        with secured(s, "submission", "localhost", c, session) as t:
            assert t.session_reused


def test_a_certificate_is_its_users(fresh_suite, files):
    s = fresh_suite(config=f"[tls]\nclient_ca = '{files}/ca.pem'\n[submission]\nclient_certificates = 'request'\n")
    make(files, "alices", san=f"email:{s.user('alice')['address']}", ca="ca")
    login(s, device(files, "alices"))
    with pytest.raises(smtplib.SMTPAuthenticationError) as e:
        login(s, device(files, "alices"), "bob")
    assert e.value.smtp_code == 535
    assert "user=" + s.user("bob")["address"] in events(s, "smtp.auth_certificate")[0]
    login(s, device(files, "device"), "bob")    # it names nobody
    login(s, device(files, None), "bob")        # none is needed
    login(s, device(files, "stranger"), "bob")  # as good as none
    assert sum("client=CN=" in x or 'client="CN=' in x for x in events(s, "smtp.auth")) == 2


def test_revoked_certificates(fresh_suite, files):
    make(files, "lost", ca="ca")
    (files / "index.txt").write_text("")
    (files / "ca.cnf").write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={files}/index.txt\ndefault_md=sha256\n"
                                  "default_crl_days=30\nunique_subject=no\n")
    words = "ca", "-config", files / "ca.cnf", "-keyfile", files / "ca.key", "-cert", files / "ca.pem"
    openssl(*words, "-revoke", files / "lost.pem")
    openssl(*words, "-gencrl", "-out", files / "crl.pem")
    (files / "both.pem").write_text((files / "ca.pem").read_text() + (files / "crl.pem").read_text())
    s = fresh_suite(config=f"[tls]\nclient_ca = '{files}/both.pem'\n[submission]\nclient_certificates = 'require'\n")
    login(s, device(files))
    with pytest.raises((OSError, smtplib.SMTPException)):
        login(s, device(files, "lost"))
    wait_for(lambda: "certificate verify failed" in s.log() or "revoked" in s.log())
