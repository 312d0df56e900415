"""Who is who: logins by every mechanism, app passwords, recipients, senders, quotas, and where no secret may be."""

import base64
import hashlib
import imaplib
import json
import os
import random
import signal
import smtplib
import subprocess
import threading
import time

import pytest

from conftest import wait_for
from scram import ExporterClient, Scram, b64, smtp_scram


def connect(suite):
    return suite.smtp(login=None)


def login(suite, user, password, mechanism="PLAIN"):
    """The reply code of one login on a connection of its own."""
    with connect(suite) as c:
        if mechanism.startswith("SCRAM"):
            plus = mechanism.endswith("-PLUS")
            certificate = hashlib.sha256(c.sock.getpeercert(True)).digest()
            scram = Scram(user, password, "tls-server-end-point" if plus else None, certificate if plus else b"")
            return smtp_scram(c, scram, plus)
        c.user, c.password = user, password
        method = {"PLAIN": c.auth_plain, "LOGIN": c.auth_login}[mechanism]
        try:
            return c.auth(mechanism, method)[0]
        except smtplib.SMTPAuthenticationError as e:
            return e.smtp_code


def rcpt(suite, address, user="alice", options=()):
    with suite.smtp(user) as c:
        assert c.mail(suite.user(user)["address"], options)[0] == 250
        return c.rcpt(address)


def authd(suite):
    """The pid of authd, while it may be anything but ready."""
    processes = json.loads(suite.ctl("--json", "status", check=False).stdout)["processes"]
    return next((p["pid"] for p in processes if p["name"] == "authd"), None)


def code_of(reply):
    return reply[0], reply[1].split(b" ")[0].decode()


# ---- mechanisms ----


def test_nothing_is_offered_without_tls(suite):
    with suite.smtp(login=None, tls=False) as c:
        assert "auth" not in c.esmtp_features
        code, _ = c.docmd("AUTH", "PLAIN " + b64(b"\0alice\0secret"))
        assert code in (502, 503, 530, 538)
    with connect(suite) as c:
        assert c.esmtp_features["auth"].split() == ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"])
def test_every_mechanism(suite, mechanism):
    alice = suite.user("alice")
    assert login(suite, alice["address"], alice["password"], mechanism) == 235
    assert login(suite, alice["address"].upper(), alice["password"], mechanism) == 235
    assert login(suite, "alice", alice["password"], mechanism) == 235
    assert login(suite, alice["address"], alice["password"] + "x", mechanism) == 535
    assert login(suite, alice["address"], suite.user("bob")["password"], mechanism) == 535
    assert login(suite, "nobody@" + suite.domain, alice["password"], mechanism) == 535
    assert login(suite, "alice@elsewhere.test", alice["password"], mechanism) == 535


def test_binding_to_the_tls_exporter(suite):
    alice = suite.user("alice")
    for octets, code in ((None, 235), (bytes(32), 535)):
        c = ExporterClient(suite.port("submissions"))
        c.reply()
        c.say("EHLO client.test")
        scram = Scram(alice["address"], alice["password"], "tls-exporter", octets or c.exporter())
        assert smtp_scram(c, scram, plus=True) == code
        c.close()


def test_a_stripped_plus_is_noticed(suite):
    """A client that could bind, and was made to believe that the server cannot (RFC 5802 6)."""
    alice = suite.user("alice")
    with connect(suite) as c:
        assert smtp_scram(c, Scram(alice["address"], alice["password"], flag="y")) == 535


def test_an_unknown_user_looks_like_a_known_one(suite):
    def shown(user):
        with connect(suite) as c:
            code, words = c.docmd("AUTH", "SCRAM-SHA-256 " + b64(f"n,,n={user},r=abc".encode()))
            assert code == 334
            c.docmd("*")
            return base64.b64decode(words).decode().split(",", 1)[1]

    ghost = "ghost@" + suite.domain
    assert shown(ghost) == shown(ghost)
    assert shown(ghost) != shown("other@" + suite.domain)
    assert len(shown(ghost)) == len(shown(suite.user("alice")["address"]))


def test_malformed_exchanges_end_and_the_session_goes_on(suite):
    alice = suite.user("alice")
    with connect(suite) as c:
        for words, code in (("PLAIN !", 501), ("PLAIN " + b64(b"alice"), 501), ("CRAM-MD5", 504),
                            ("SCRAM-SHA-256 " + b64(b"hello"), 501), ("PLAIN " + b64(b"\0a\0b\0c"), 501)):
            assert c.docmd("AUTH", words)[0] == code, words
        assert c.docmd("AUTH", "LOGIN")[0] == 334
        assert c.docmd("*")[0] == 501
        assert c.login(alice["address"], alice["password"])[0] == 235
        assert c.docmd("AUTH", "PLAIN " + b64(b"\0a\0b"))[0] == 503


@pytest.mark.parametrize("plus", [False, True])
def test_scram_over_imap(suite, plus):
    alice = suite.user("alice")
    for password, good in ((alice["password"], True), ("wrong words", False)):
        with suite.imap(login=None) as c:
            mechanism = "SCRAM-SHA-256-PLUS" if plus else "SCRAM-SHA-256"
            assert f"AUTH={mechanism}" in c.capabilities
            certificate = hashlib.sha256(c.sock.getpeercert(True)).digest()
            scram = Scram(alice["address"], password, "tls-server-end-point" if plus else None,
                          certificate if plus else b"")
            said = []

            def answer(challenge):
                said.append(challenge)
                if len(said) == 1:
                    return scram.first().encode()
                if len(said) == 2:
                    return scram.final(challenge.decode()).encode()
                scram.check(challenge.decode())
                return b""

            if good:
                assert c.authenticate(mechanism, answer)[0] == "OK" and len(said) == 3
                assert c.select("INBOX")[0] == "OK"
            else:
                with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
                    c.authenticate(mechanism, answer)


def test_imap_takes_no_password_without_tls(suite):
    alice = suite.user("alice")
    c = imaplib.IMAP4("localhost", suite.port("imap"), timeout=30)
    assert "LOGINDISABLED" in c.capabilities and not [x for x in c.capabilities if x.startswith("AUTH=")]
    with pytest.raises(imaplib.IMAP4.error, match="PRIVACYREQUIRED"):
        c.login(alice["address"], alice["password"])
    with pytest.raises(imaplib.IMAP4.error):
        c.authenticate("PLAIN", lambda _: f"\0{alice['address']}\0{alice['password']}".encode())
    c.logout()


@pytest.mark.parametrize("mechanism", ["scram-sha-256", "plain", "login"])
def test_msmtp(suite, tmp_path, mechanism):
    alice, bob = suite.user("alice"), suite.user("bob")
    r = subprocess.run(
        ["msmtp", "--file=/dev/null", "--host=localhost", f"--port={suite.port('submission')}", "--tls=on",
         f"--tls-trust-file={suite.info['ca']}", f"--auth={mechanism}", f"--user={alice['address']}",
         f"--passwordeval=echo {alice['password']}", f"--from={alice['address']}", bob["address"]],
        input=f"From: {alice['address']}\nTo: {bob['address']}\nSubject: {mechanism}\n\nhello\n",
        capture_output=True, text=True, timeout=60)
    assert r.returncode == 0, r.stderr


# ---- passwords ----


def test_app_passwords(suite):
    carol = suite.user("carol")
    made = suite.ctl("apppass", "add", carol["address"], "phone").stdout.strip().split()[-1]
    assert len(made) == 23 and made != carol["password"]
    for mechanism in ("PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"):
        assert login(suite, carol["address"], made, mechanism) == 235
        assert login(suite, carol["address"], carol["password"], mechanism) == 235
    assert login(suite, carol["address"], made.replace("-", "").upper()) == 235
    assert login(suite, suite.user("bob")["address"], made) == 535
    assert "phone" in suite.ctl("apppass", "list", carol["address"]).stdout
    assert suite.ctl("apppass", "add", carol["address"], "phone", check=False).returncode == 1
    suite.ctl("apppass", "del", carol["address"], "phone")
    for mechanism in ("PLAIN", "SCRAM-SHA-256"):
        assert login(suite, carol["address"], made, mechanism) == 535
        assert login(suite, carol["address"], carol["password"], mechanism) == 235
    assert made not in suite.log()


def test_a_changed_password_counts_at_once(suite):
    address = "dave@" + suite.domain
    suite.ctl("user", "add", address, input="first words\n")
    assert login(suite, address, "first words") == 235
    assert login(suite, address, "first words") == 235
    suite.ctl("user", "passwd", address, input="other words\n")
    assert login(suite, address, "first words") == 535
    assert login(suite, address, "first words", "SCRAM-SHA-256") == 535
    assert login(suite, address, "other words") == 235
    assert login(suite, address, "other words", "SCRAM-SHA-256") == 235
    suite.ctl("user", "del", address)
    assert login(suite, address, "other words") == 535
    assert code_of(rcpt(suite, address)) == (550, "5.1.1")


def test_a_changed_password_ends_sessions(fresh_suite):
    """Live ones and parked ones (INVARIANTS 16), and nobody else's."""
    suite = fresh_suite("--users", "3", config='[imap]\npark_after = "0s"\n[mailbox]\nlinger = "0s"\n')
    with suite.imap("alice") as live, suite.imap("alice") as parked, suite.imap("bob") as other, \
            suite.smtp("alice") as submitting, suite.smtp("bob") as still:
        live.select("INBOX")
        parked.select("INBOX")
        other.select("INBOX")
        parked.send(b"a1 IDLE\r\n")
        assert parked.readline().startswith(b"+")
        suite.ctl("user", "passwd", suite.user("alice")["address"], input="brand new words\n")
        with pytest.raises(imaplib.IMAP4.abort):
            for _ in range(20):
                live.noop()
                time.sleep(0.1)
        parked.sock.settimeout(10)
        assert parked.readline().startswith(b"* BYE")
        with pytest.raises(smtplib.SMTPServerDisconnected):
            assert submitting.noop()[0] == 421
            submitting.noop()
        assert other.noop()[0] == "OK"
        assert still.noop()[0] == 250
        suite.ctl("user", "del", suite.user("bob")["address"])
        with pytest.raises(imaplib.IMAP4.abort):
            for _ in range(20):
                other.noop()
                time.sleep(0.1)


def test_passwords_beyond_ascii(suite):
    """SASLprep: what looks the same is the same (RFC 4013)."""
    address = "eve@" + suite.domain
    suite.ctl("user", "add", address, input="p\u00e4ssw\u00f6rd \u2168\n")
    for typed in ("p\u00e4ssw\u00f6rd \u2168", "pa\u0308sswo\u0308rd\u00a0IX"):
        with connect(suite) as c:
            assert c.docmd("AUTH", "PLAIN " + b64(f"\0{address}\0{typed}".encode()))[0] == 235
    suite.ctl("user", "del", address)


def test_what_the_operator_may_not(suite):
    def refused(*words, input=None):
        r = suite.ctl(*words, input=input, check=False)
        assert r.returncode == 1, r
        return r.stderr

    domain = suite.domain
    assert "already" in refused("user", "add", "alice@" + domain, input="long enough\n")
    assert "short" in refused("user", "add", "frank@" + domain, input="short\n")
    assert "domain" in refused("user", "add", "frank@elsewhere.test", input="long enough\n")
    assert "tag" in refused("user", "add", "frank+x@" + domain, input="long enough\n")
    refused("user", "add", "../etc@" + domain, input="long enough\n")
    refused("user", "add", ".hidden@" + domain, input="long enough\n")
    refused("user", "del", "nobody@" + domain)
    refused("domain", "del", domain)
    refused("alias", "add", "dead@" + domain, "nobody@" + domain)
    refused("alias", "add", "alice@" + domain, "bob@" + domain)


# ---- recipients and senders ----


def test_where_mail_may_go(fresh_suite):
    suite = fresh_suite("--users", "2")
    d = suite.domain
    suite.ctl("alias", "add", f"sales@{d}", f"alice@{d}", f"bob@{d}")
    suite.ctl("alias", "add", f"team@{d}", f"sales@{d}")
    suite.ctl("domain", "add", "all.test")
    suite.ctl("alias", "add", "@all.test", f"bob@{d}")
    for address in (f"bob@{d}", f"BOB@{d.upper()}", f"bob+tag@{d}", f"sales@{d}", f"team@{d}", f"team+x@{d}",
                    "whoever@all.test", f"postmaster@{d}", f"abuse@{d}", "postmaster@all.test"):
        assert code_of(rcpt(suite, address))[0] == 250, address
    assert code_of(rcpt(suite, f"nobody@{d}")) == (550, "5.1.1")
    # Users may write to the world, and an alias may lead there for everybody.
    assert code_of(rcpt(suite, "someone@elsewhere.test"))[0] == 250
    suite.ctl("alias", "add", f"away@{d}", "someone@elsewhere.test")
    # Answers are not remembered past a change.
    suite.ctl("alias", "del", f"sales@{d}")
    assert code_of(rcpt(suite, f"sales@{d}")) == (550, "5.1.1")
    assert code_of(rcpt(suite, f"team@{d}")) == (550, "5.1.1")
    suite.ctl("alias", "add", f"circle@{d}", f"alice@{d}")
    suite.ctl("alias", "add", f"round@{d}", f"circle@{d}")
    assert "circle" in suite.ctl("alias", "add", f"circle@{d}", f"round@{d}", check=False).stderr
    # A stranger on port 25: our users, and no one else's.
    with suite.smtp(login=None, port="smtp", tls=False) as c:
        c.mail("stranger@elsewhere.test")
        assert c.rcpt(f"bob@{d}")[0] == 250
        assert c.rcpt(f"away@{d}")[0] == 250
        assert code_of(c.rcpt("someone@elsewhere.test")) == (550, "5.7.1")


def test_users_send_as_themselves_only(fresh_suite):
    suite = fresh_suite("--users", "2")
    d = suite.domain
    suite.ctl("alias", "add", f"sales@{d}", f"alice@{d}")
    with suite.smtp("alice") as c:
        for sender, code in ((f"alice@{d}", 250), (f"Alice@{d}", 250), (f"alice+tag@{d}", 250), (f"sales@{d}", 250),
                             (f"bob@{d}", 550), (f"alice+bob@{d}", 250), (f"nobody@{d}", 550),
                             ("alice@elsewhere.test", 550)):
            assert c.mail(sender)[0] == code, sender
            c.rset()
    with suite.smtp("bob") as c:
        assert code_of(c.mail(f"sales@{d}")) == (550, "5.7.1")


def test_quota_at_rcpt(fresh_suite):
    suite = fresh_suite("--users", "2")
    d = suite.domain
    suite.ctl("user", "quota", f"bob@{d}", "100KiB")
    assert code_of(rcpt(suite, f"bob@{d}", options=["size=90000"]))[0] == 250
    assert code_of(rcpt(suite, f"bob@{d}", options=["size=110000"])) == (452, "4.2.2")
    assert code_of(rcpt(suite, f"alice@{d}", options=["size=110000"]))[0] == 250
    suite.send("alice", ["bob"], body="x" * 70 + "\r\n" + ("y" * 998 + "\r\n") * 95)
    wait_for(lambda: code_of(rcpt(suite, f"bob@{d}", options=["size=20000"])) == (452, "4.2.2"),
             what="a fuller mailbox")
    suite.ctl("user", "quota", f"bob@{d}", "0")
    assert code_of(rcpt(suite, f"bob@{d}", options=["size=20000"]))[0] == 250


def test_a_changed_quota_reaches_an_open_mailbox(fresh_suite):
    suite = fresh_suite("--users", "1")
    address = suite.user("alice")["address"]
    suite.ctl("user", "quota", address, "1MiB")
    with suite.imap("alice") as c:
        c.select("INBOX")
        assert b"STORAGE 0 1024" in c.getquota('""')[1][0]
        suite.ctl("user", "quota", address, "2MiB")
        wait_for(lambda: b"STORAGE 0 2048" in c.getquota('""')[1][0], what="the new quota")
        suite.ctl("user", "quota", address, "1KiB")
        wait_for(lambda: b"STORAGE 0 1)" in c.getquota('""')[1][0], what="the small quota")
        assert c.append("INBOX", None, None, b"Subject: big\r\n\r\n" + b"x" * 2000)[0] == "NO"


def test_quota_of_a_domain(fresh_suite):
    suite = fresh_suite("--users", "1")
    suite.ctl("domain", "add", "small.test", "--quota", "50KiB")
    suite.ctl("user", "add", "one@small.test", input="long enough\n")
    suite.ctl("user", "add", "two@small.test", input="long enough\n")
    assert code_of(rcpt(suite, "one@small.test", options=["size=40000"]))[0] == 250
    assert code_of(rcpt(suite, "two@small.test", options=["size=60000"])) == (452, "4.2.2")


# ---- under pressure, and after a crash ----


def test_guessing_does_not_block_others(suite):
    """Many wrong passwords at once: who is logged in notices nothing, and who knows a password gets in."""
    alice = suite.user("alice")
    assert login(suite, alice["address"], alice["password"]) == 235
    stop = threading.Event()

    def guess(n):
        i = 0
        while not stop.is_set():
            i += 1
            login(suite, alice["address"], f"guess {n} {i}")

    threads = [threading.Thread(target=guess, args=(n,)) for n in range(8)]
    with suite.smtp("alice") as c:
        for t in threads:
            t.start()
        time.sleep(0.5)
        slowest = 0
        for _ in range(30):
            began = time.monotonic()
            assert c.mail(alice["address"])[0] == 250
            assert c.rcpt(suite.user("bob")["address"])[0] == 250
            c.rset()
            slowest = max(slowest, time.monotonic() - began)
        began = time.monotonic()
        assert login(suite, alice["address"], alice["password"]) == 235
        again = time.monotonic() - began
        stop.set()
        for t in threads:
            t.join()
    assert slowest < 2 and again < 5


def test_a_storm_of_exchanges(suite):
    """Clients that abort, leave in the middle, send nonsense, guess and know: nobody of ours notices."""
    alice, before = suite.user("alice"), suite.processes()
    offset, failures = len(suite.log()), []

    def leave(c):
        c.docmd("AUTH", "SCRAM-SHA-256 " + b64(b"n,,n=alice,r=abc"))
        c.close()

    def abort(c):
        c.docmd("AUTH", "LOGIN " + b64(b"alice"))
        assert c.docmd("*")[0] == 501

    def vanish(c):
        c.putcmd("AUTH", "PLAIN " + b64(b"\0alice\0guess"))
        c.close()

    def nonsense(c):
        assert c.docmd("AUTH", "SCRAM-SHA-256 " + b64(os.urandom(50)))[0] == 501

    def know(c):
        assert smtp_scram(c, Scram(alice["address"], alice["password"])) == 235

    def guess(c):
        assert smtp_scram(c, Scram("ghost", "guess")) == 535

    def client(n):
        r = random.Random(n)
        end = time.monotonic() + 4
        try:
            while time.monotonic() < end:
                with connect(suite) as c:
                    r.choice((leave, abort, vanish, nonsense, know, guess))(c)
        except Exception as e:
            failures.append(repr(e))

    threads = [threading.Thread(target=client, args=(n,)) for n in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures, failures[:3]
    assert suite.processes() == before
    assert login(suite, alice["address"], alice["password"]) == 235
    assert not [x for x in suite.log()[offset:].splitlines() if " warn " in x or " error " in x]


def test_an_answered_change_survives_a_crash(fresh_suite):
    suite = fresh_suite("--users", "1")
    d = suite.domain
    for i in range(5):
        suite.ctl("user", "add", f"new{i}@{d}", input=f"password {i}\n")
        pid = authd(suite)
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: authd(suite) not in (None, pid), what="a new authd")
        wait_for(lambda: login(suite, f"new{i}@{d}", f"password {i}") == 235, what="a login")
    listed = suite.ctl("user", "list").stdout
    assert all(f"new{i}@{d}" in listed for i in range(5))


def test_while_authd_is_away_answers_are_temporary(fresh_suite):
    """Nobody hears that a user does not exist or that a password is wrong because a process is restarting."""
    suite = fresh_suite("--users", "2")
    alice, bob = suite.user("alice"), suite.user("bob")
    codes = {"login": set(), "mail": set(), "rcpt": set()}
    with suite.smtp("alice") as c:
        for _ in range(3):
            os.kill(authd(suite), signal.SIGKILL)
            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                codes["login"].add(login(suite, alice["address"], alice["password"]))
                code = c.mail(alice["address"])[0]
                codes["mail"].add(code)
                if code == 250:
                    codes["rcpt"].add(c.rcpt(bob["address"])[0])
                c.rset()
    assert codes["login"] <= {235, 454} and 235 in codes["login"], codes
    assert codes["mail"] <= {250, 451} and 250 in codes["mail"], codes
    assert codes["rcpt"] <= {250, 451} and 250 in codes["rcpt"], codes


# ---- secrets ----


def test_no_password_lies_anywhere(fresh_suite):
    """Not in accounts.db, not in its log, not in the spool, not in a log line: not even a wrong one."""
    suite = fresh_suite("--users", "1")
    d = suite.domain
    secret, wrong, other = "zebra-quartz-violin", "almost-zebra-quartz", "meteor-garden-piano"
    suite.ctl("user", "add", f"frank@{d}", input=secret + "\n")
    app = suite.ctl("apppass", "add", f"frank@{d}", "phone").stdout.strip().split()[-1]
    for mechanism in ("PLAIN", "LOGIN", "SCRAM-SHA-256"):
        assert login(suite, f"frank@{d}", secret, mechanism) == 235
        assert login(suite, f"frank@{d}", app, mechanism) == 235
        assert login(suite, f"frank@{d}", wrong, mechanism) == 535
        assert login(suite, "alice", suite.user("alice")["password"], mechanism) == 235
    suite.ctl("user", "passwd", f"frank@{d}", input=other + "\n")
    assert login(suite, f"frank@{d}", other) == 235
    needles = []
    for word in (secret, wrong, other, app, app.replace("-", ""), suite.user("alice")["password"]):
        needles += [word.encode(), base64.b64encode(word.encode())[:-4], word.encode().hex().encode(),
                    b64(f"\0frank@{d}\0{word}".encode()).encode()]

    def search(when):
        for path in suite.dir.rglob("*"):
            if path.is_file():
                data = path.read_bytes()
                for needle in needles:
                    assert needle not in data, f"{needle} in {path} {when}"

    search("while it runs")
    suite.stop()
    search("after its end")
    database = suite.dir / "data/auth/accounts.db"
    assert database.stat().st_mode & 0o777 == 0o600
    assert b"$argon2id$" in database.read_bytes()


def test_logins_are_in_the_log(suite):
    alice = suite.user("alice")
    login(suite, alice["address"], alice["password"], "SCRAM-SHA-256")
    login(suite, "mallory\x01\nfake=1@" + suite.domain, "wrong words here")

    def lines(event):
        return [line for line in suite.log().splitlines() if f" {event} " in line]

    ok = wait_for(lambda: [x for x in lines("auth.ok") if "SCRAM-SHA-256" in x])
    assert "peer=127.0.0.1" in ok[-1] and alice["address"] in ok[-1] and "sid=" in ok[-1]
    bad = wait_for(lambda: [x for x in lines("auth.fail") if "mallory" in x])
    assert "peer=127.0.0.1" in bad[-1] and "\nfake" not in bad[-1] and "\x01" not in bad[-1]
