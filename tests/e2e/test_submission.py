"""Stock clients submit over STARTTLS and TLS, and what they sent lies in the Maildir as they sent it."""

import re
import smtplib
import subprocess
import uuid

import pytest
from conftest import wait_for


def stored(suite, marker, name="bob", seconds=30):
    """The octets of the one message in name's Maildir that holds the marker."""
    def find():
        for folder in ("new", "cur"):
            for path in (suite.maildir(name) / folder).glob("*"):
                if marker.encode() in (octets := path.read_bytes()):
                    return octets
        return None
    return wait_for(find, seconds, f"the arrival of {marker}")


def copies(suite, marker, name="bob"):
    return sum(marker.encode() in p.read_bytes() for f in ("new", "cur") for p in (suite.maildir(name) / f).glob("*"))


def message(suite, marker, sender="alice", extra=""):
    return f"From: {suite.user(sender)['address']}\r\nSubject: {marker}\r\n{extra}\r\nbody of {marker}\r\n"


@pytest.fixture
def marker():
    return "m" + uuid.uuid4().hex


def run(*command, input=None):
    r = subprocess.run([str(c) for c in command], input=input, capture_output=True, timeout=60)
    assert r.returncode == 0, (command, r.stdout.decode(errors="replace"), r.stderr.decode(errors="replace"))
    return r


# ---- stock clients ----

@pytest.mark.parametrize("mech", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("port,tls", [("submission", "--tls"), ("submissions", "--tls-on-connect")])
def test_swaks(suite, marker, port, tls, mech):
    alice = suite.user("alice")
    run("swaks", "--server", "127.0.0.1", "--port", suite.port(port), tls, "--tls-ca-path", suite.info["ca"],
        "--tls-verify", "--auth", mech, "--auth-user", alice["address"], "--auth-password", alice["password"],
        "--from", alice["address"], "--to", suite.user("bob")["address"], "--header", f"Subject: {marker}")
    assert b"with ESMTPSA id" in stored(suite, marker)


@pytest.mark.parametrize("auth", ["plain", "login", "scram-sha-256"])
@pytest.mark.parametrize("port,starttls", [("submission", "on"), ("submissions", "off")])
def test_msmtp(suite, marker, tmp_path, port, starttls, auth):
    alice = suite.user("alice")
    r = subprocess.run(["msmtp", "--version"], capture_output=True, text=True)
    if auth == "scram-sha-256" and "scram-sha-256" not in r.stdout:
        pytest.skip("this msmtp has no SCRAM-SHA-256")
    rc = tmp_path / "msmtprc"
    rc.write_text(f"account default\nhost localhost\nport {suite.port(port)}\ntls on\ntls_starttls {starttls}\n"
                  f"tls_trust_file {suite.info['ca']}\nauth {auth}\nuser {alice['address']}\n"
                  f"password {alice['password']}\nfrom {alice['address']}\n")
    rc.chmod(0o600)
    run("msmtp", "-C", rc, suite.user("bob")["address"], input=message(suite, marker).replace("\r\n", "\n").encode())
    assert stored(suite, marker).endswith(message(suite, marker).encode())


@pytest.mark.parametrize("port,scheme,options", [("submission", "smtp", ["--ssl-reqd"]), ("submissions", "smtps", [])])
def test_curl(suite, marker, tmp_path, port, scheme, options):
    alice = suite.user("alice")
    mail = tmp_path / "mail"
    mail.write_bytes(message(suite, marker).encode())
    run("curl", "-sS", *options, "--cacert", suite.info["ca"], "--url", f"{scheme}://localhost:{suite.port(port)}/c.test",
        "--user", f"{alice['address']}:{alice['password']}", "--mail-from", alice["address"], "--mail-rcpt",
        suite.user("bob")["address"], "--upload-file", mail)
    assert stored(suite, marker).endswith(message(suite, marker).encode())


@pytest.mark.parametrize("port", ["submission", "submissions"])
def test_smtplib(suite, marker, port):
    with suite.smtp("alice", port) as c:
        c.sendmail(suite.user("alice")["address"], [suite.user("bob")["address"], suite.user("carol")["address"]],
                   message(suite, marker).encode())
    assert stored(suite, marker).endswith(message(suite, marker).encode())
    # Several recipients: none is named to the others.
    assert b"for <" not in stored(suite, marker, "carol").split(b"\r\nFrom:")[0]


# ---- what is put on top ----

def test_trace_fields(suite, marker):
    alice, bob = suite.user("alice")["address"], suite.user("bob")["address"]
    with suite.smtp() as c:
        c.sendmail(alice, [bob], message(suite, marker).encode())
    head = stored(suite, marker).split(b"\r\n\r\n")[0].decode()
    assert head.startswith(f"Return-Path: <{alice}>\r\nReceived: from client.test (localhost [127.0.0.1])\r\n\tby ")
    received = re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")[1]
    assert re.search(rf" with ESMTPSA id [0-9a-z]{{20}} for <{bob}> tls TLS_\w+ \(TLSv1\.[23]\); \w+, ", received)
    # Both were missing (RFC 6409 8.2, 8.3).
    assert len(re.findall(r"(?m)^Date: ", head)) == 1 and len(re.findall(r"(?m)^Message-ID: <.+@.+>", head)) == 1


def test_present_fields_stay(suite, marker):
    extra = "date: Thu, 1 Jan 1970 00:00:00 +0000\r\nMESSAGE-ID: <1@x.test>\r\n"
    with suite.smtp() as c:
        c.sendmail(suite.user("alice")["address"], [suite.user("bob")["address"]], message(suite, marker, extra=extra).encode())
    head = stored(suite, marker).split(b"\r\n\r\n")[0].lower()
    assert head.count(b"\r\ndate:") == 1 and head.count(b"\r\nmessage-id:") == 1


def test_port_25_adds_only_trace(suite, marker):
    with suite.smtp(None, "smtp", tls=False) as c:
        c.sendmail("x@else.test", [suite.user("bob")["address"]], f"Subject: {marker}\r\n\r\nx\r\n".encode())
    octets = stored(suite, marker)
    assert b" with ESMTP id " in octets and b"\r\nDate:" not in octets and b"\r\nMessage-ID:" not in octets


def test_text_without_a_header_stays_text(suite, marker):
    with suite.smtp() as c:
        c.sendmail(suite.user("alice")["address"], [suite.user("bob")["address"]], f"{marker}\r\nFrom nobody\r\n".encode())
    assert stored(suite, marker).endswith(f"\r\n\r\n{marker}\r\nFrom nobody\r\n".encode())


# ---- octets ----

@pytest.mark.parametrize("body", [
    b".\r\n..\r\n...x\r\n. \r\n.x", b"\x80\xff\xc3\xa9 8-bit \x01\x7f", b"x" * 60000, b"", b"\r\n\r\n\r\n", b" \t \r\n\t\r\n"])
def test_octets_stay(suite, marker, body):
    text = message(suite, marker).encode() + body + b"\r\n"
    with suite.smtp() as c:
        c.sendmail(suite.user("alice")["address"], [suite.user("bob")["address"]], text)
    assert stored(suite, marker).endswith(b"\r\n" + text)


@pytest.mark.parametrize("size", [262144 - 400, 262144, 300 * 1024, 20 * 1024 * 1024])
@pytest.mark.parametrize("port", ["smtp", "submissions"])
def test_big_messages(suite, marker, port, size):
    text = message(suite, marker).encode() + b"".join(b"%070d\r\n" % i for i in range(size // 72))
    with suite.smtp("alice" if port != "smtp" else None, port, tls=port != "smtp") as c:
        c.sendmail(suite.user("alice")["address"], [suite.user("bob")["address"], suite.user("carol")["address"]], text)
    assert stored(suite, marker).endswith(b"\r\n" + text)
    assert stored(suite, marker, "carol").endswith(b"\r\n" + text)


def test_bdat(suite, marker):
    text = message(suite, marker).encode() + b".\r\n..\r\n" + (b"x" * 70 + b"\r\n") * 5000
    with suite.smtp() as c:
        c.mail(suite.user("alice")["address"], ["SIZE=%d" % len(text)])
        c.rcpt(suite.user("bob")["address"])
        for at in range(0, len(text), 70001):
            chunk = text[at:at + 70001]
            c.putcmd(f"BDAT {len(chunk)}")
            c.sock.sendall(chunk)
            assert c.getreply()[0] == 250
        assert c.docmd("BDAT 0 LAST")[0] == 250
    assert stored(suite, marker).endswith(b"\r\n" + text)


def test_pipelined_session_in_one_write(suite, marker):
    s = suite.connect("smtp")
    bob = suite.user("bob")["address"]
    s.sendall(f"EHLO c.test\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<{bob}>\r\nDATA\r\nSubject: {marker}\r\n\r\nx\r\n.\r\n"
              f"MAIL FROM:<a@x.test>\r\nRCPT TO:<{bob}>\r\nDATA\r\nSubject: {marker}\r\n\r\ny\r\n.\r\nQUIT\r\n".encode())
    said = b"".join(iter(lambda: s.recv(65536), b"")).decode()
    codes = [line[:3] for line in said.splitlines() if line[3] == " "]
    assert codes == ["220", "250", "250", "250", "354", "250", "250", "250", "354", "250", "221"]
    wait_for(lambda: copies(suite, marker) == 2, what="two copies")


# ---- recipients ----

def test_one_copy_each(suite, marker):
    bob = suite.user("bob")["address"]
    with suite.smtp() as c:
        c.sendmail(suite.user("alice")["address"], [bob, bob.upper(), bob.replace("@", "+a@"), suite.user("carol")["address"]],
                   message(suite, marker).encode())
    stored(suite, marker)
    stored(suite, marker, "carol")
    assert copies(suite, marker) <= 2  # the tagged address is another recipient that leads to bob


def test_a_thousand_recipients(fresh_suite, marker):
    suite = fresh_suite("--users", "2", config="[smtp]\nmax_recipients = 1000\n")
    bob = suite.user("bob")["address"]
    with suite.smtp(None, "smtp", tls=False) as c:
        c.mail("a@x.test")
        c.sock.sendall(b"".join(f"RCPT TO:<{bob.replace('@', f'+{i}@')}>\r\n".encode() for i in range(1100)))
        codes = [c.getreply()[0] for _ in range(1100)]
        # The rest is for another transaction, be it by number or because the envelope is full.
        taken = codes.count(250)
        assert 700 <= taken <= 1000 and codes == [250] * taken + [452] * (1100 - taken)
        assert c.data(f"Subject: {marker}\r\n\r\nx\r\n".encode())[0] == 250
    stored(suite, marker)


def test_recipient_limit(suite):
    bob = suite.user("bob")["address"]
    with suite.smtp(None, "smtp", tls=False) as c:
        c.mail("a@x.test")
        assert all(c.rcpt(bob.replace("@", f"+{i}@"))[0] == 250 for i in range(100))
        code, text = c.rcpt(bob.replace("@", "+more@"))
        assert code == 452 and text.startswith(b"4.5.3")


# ---- limits on size ----

def test_size_is_announced_and_held(fresh_suite, marker):
    suite = fresh_suite("--users", "2", config='[smtp]\nmax_size = "100KiB"\n')
    bob = suite.user("bob")["address"]
    with suite.smtp(None, "smtp", tls=False) as c:
        assert c.esmtp_features["size"] == "102400"
        assert c.mail("a@x.test", ["SIZE=102401"])[0] == 552
        c.mail("a@x.test")
        c.rcpt(bob)
        code, text = c.data(f"Subject: {marker}\r\n\r\n".encode() + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 2000)
        assert code == 552 and text.startswith(b"5.3.4")
        c.sendmail("a@x.test", [bob], f"Subject: {marker}\r\n\r\nsmall\r\n".encode())
    assert b"small" in stored(suite, marker)


def test_dsn_parameters_are_kept(suite, marker):
    """From the command through the journal to the notification that was asked for (RFC 3461 4, RFC 3464 2)."""
    with suite.smtp() as c:
        c.sendmail(suite.user("alice")["address"], [suite.user("bob")["address"]], message(suite, marker).encode(),
                   mail_options=["RET=HDRS", f"ENVID={marker}"],
                   rcpt_options=["NOTIFY=SUCCESS,FAILURE", f"ORCPT=rfc822;{marker}@x.test"])
    stored(suite, marker)

    def notification():
        return next((m for m in suite.inbox("alice") if f"Original-Envelope-Id: {marker}".encode() in m), None)

    told = wait_for(notification, what="the notification of success")
    assert told.startswith(b"Return-Path: <>") and b"Action: delivered" in told
    assert f"Original-Recipient: rfc822;{marker}@x.test".encode() in told.replace(b"rfc822; ", b"rfc822;")
    assert b"message/rfc822-headers" in told or b"text/rfc822-headers" in told


def test_passwords_stay_out_of_the_log(suite, marker):
    alice = suite.user("alice")
    with pytest.raises(smtplib.SMTPAuthenticationError):
        with suite.smtp(None) as c:
            c.login(alice["address"], marker + "wrong")
    assert alice["password"] not in suite.log() and marker not in suite.log()


def test_log_and_metrics(suite, marker):
    with suite.smtp() as c:
        c.sendmail(suite.user("alice")["address"], [suite.user("bob")["address"]], message(suite, marker).encode())
    mid = re.search(rb" id ([0-9a-z]{20})", stored(suite, marker))[1].decode()
    wait_for(lambda: any(f"mid={mid}" in line and "smtp.accept" in line for line in suite.log().splitlines()))
    # One id through all processes.
    wait_for(lambda: {line.split()[2] for line in suite.log().splitlines() if f"mid={mid}" in line} >= {"smtpd", "queue"})
    text = suite.ctl("status", "--metrics").stdout
    assert re.search(r"(?m)^gkmail_smtp_messages_total [1-9]", text)


def test_quota_is_answered_at_rcpt(fresh_suite):
    suite = fresh_suite("--users", "2")
    bob = suite.user("bob")["address"]
    with suite.smtp(None, "smtp", tls=False) as c:
        c.mail("a@x.test", ["SIZE=2000000"])
        assert c.rcpt(bob)[0] == 250
        c.rset()
        # What authd said before is forgotten when something changes.
        suite.ctl("user", "quota", bob, "1MiB")
        wait_for(lambda: c.rset()[0] == 250 and c.mail("a@x.test", ["SIZE=2000000"])[0] == 250 and c.rcpt(bob)[0] == 452)
        c.rset()
        c.mail("a@x.test", ["SIZE=2000"])
        assert c.rcpt(bob)[0] == 250
        suite.ctl("user", "del", bob)
        wait_for(lambda: c.rset()[0] == 250 and c.mail("a@x.test")[0] == 250 and c.rcpt(bob)[0] == 550)


def test_users_of_one_domain_may_send_as_anybody(fresh_suite):
    """Whose senders are free is a matter of the user's domain, for MAIL FROM, From and Sender alike."""
    suite = fresh_suite("--users", "2", config='[submission]\nfree_senders = ["Free.Test"]\n')
    suite.ctl("domain", "add", "free.test")
    suite.ctl("user", "add", "news@free.test", input="password of news\n")
    suite.info["users"].append({"address": "news@free.test", "password": "password of news"})
    alice, bob = suite.user("alice")["address"], suite.user("bob")["address"]

    def sends(login, sender, author):
        with suite.smtp(login) as c:
            code = c.mail(sender)[0]
            if code == 250:
                c.rcpt(bob)
                code = c.data(f"From: {author}\r\nSender: {author}\r\nSubject: x\r\n\r\nx\r\n")[0]
            return code

    assert sends("news", "news@free.test", "news@free.test") == 250
    assert sends("news", alice, "somebody@elsewhere.test") == 250
    assert sends("alice", bob, alice) == 550
    assert sends("alice", alice, "news@free.test") == 550
    assert sends("alice", alice, alice) == 250


def test_aliases(fresh_suite, marker):
    suite = fresh_suite("--users", "2")
    suite.ctl("alias", "add", f"team@{suite.domain}", suite.user("alice")["address"], suite.user("bob")["address"])
    with suite.smtp(None, "smtp", tls=False) as c:
        c.sendmail("a@x.test", [f"Team@{suite.domain}"], f"Subject: {marker}\r\n\r\nx\r\n".encode())
    assert f"for <Team@{suite.domain}>".encode() in stored(suite, marker, "alice")
    stored(suite, marker, "bob")
