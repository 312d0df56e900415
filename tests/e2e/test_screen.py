"""Mail of strangers: SPF, DKIM and DMARC against zones on loopback, refusals at SMTP time, Junk over IMAP."""

import os
import re
import shutil
import signal
import socket

import pytest

from conftest import make, wait_for
from dkimsign import Key
from strangers import BAD, GOOD, STRANGERS, hand_in, letter, messages
from zones import Zones, free_port

pytestmark = pytest.mark.skipif(not (shutil.which("ldns-signzone") and os.path.exists("/usr/sbin/nsd")),
                                reason="needs nsd and ldnsutils (make deps-check)")


class Senders(Zones):
    signed = ("root",)
    plain = ("good.test", "calm.test", "open.test", "list.test", "bomb.test", "big.test", "test", "127.in-addr.arpa")

    def __init__(self, directory):
        self.dir = directory
        self.dir.mkdir()
        self.port, self.silent = free_port(), free_port()
        self.anchors = []
        self.keys = {d: Key(self.dir, d, "s1") for d in ("good.test", "list.test")}
        self.sign("root")
        for zone in self.plain:
            self.write(zone, self.records(zone))
        self.start()

    def records(self, zone):
        if zone.endswith("arpa"):
            return "2.0.0 300 IN PTR mail.good.test.\n"
        if zone == "test":  # the walk for DMARC ends here
            return ""
        if zone == "bomb.test":  # includes itself, and more than ten terms
            return "@ IN TXT \"v=spf1 include:bomb.test " + " ".join(f"a:a{i}.bomb.test" for i in range(12)) + " -all\""
        if zone == "big.test":
            return "@ IN TXT " + " ".join('"' + "x" * 250 + '"' for _ in range(250))
        policy = {"good.test": "reject", "calm.test": "quarantine", "open.test": "none", "list.test": "none"}[zone]
        key = self.keys[zone].zone_line() if zone in self.keys else ""
        return (f"@ IN TXT \"v=spf1 ip4:{GOOD} -all\"\n_dmarc IN TXT \"v=DMARC1; p={policy}\"\nmail IN A {GOOD}\n{key}\n")

    def conf(self, **more):
        text = super().conf()
        return text.replace("zones = [", f"zones = ['silent.test 127.0.0.1@{self.silent}', ").replace(
            "insecure = [", "insecure = ['silent.test', ")


@pytest.fixture(scope="module")
def zones(workdir):
    z = Senders(workdir / "senders")
    yield z
    z.stop()


@pytest.fixture(scope="module")
def suite(workdir, zones):
    s = make(workdir, config=zones.conf() + STRANGERS).start()
    yield s
    assert "sandbox_violation" not in s.log()
    assert s.stop() == 0


def arrived(suite, subject, box="INBOX", user="bob"):
    """The one message with the subject, once it is there."""
    mark = f"Subject: {subject}\r\n".encode()

    def look():
        return [m for m in messages(suite, box, user) if mark in m]
    found = wait_for(look, what=subject)
    assert len(found) == 1
    return found[0]


def results(message):
    """Our Authentication-Results: the first field below Return-Path, unfolded."""
    lines = message.split(b"\r\n", 1)[1]
    assert lines.startswith(b"Authentication-Results: ")
    return re.sub(rb"\r\n[ \t]+", b" ", re.split(rb"\r\n(?![ \t])", lines)[0]).decode()


def test_all_pass(suite, zones):
    m = zones.keys["good.test"].sign(letter("a@good.test", "all-pass"))
    assert hand_in(suite, m, "a@good.test", GOOD, linger=1)[0] == 250
    got = arrived(suite, "all-pass")
    r = results(got)
    for part in ("spf=pass smtp.mailfrom=a@good.test", "dkim=pass header.d=good.test header.s=s1", "dmarc=pass",
                 "header.from=good.test polrec.p=reject", "iprev=pass policy.iprev=127.0.0.2"):
        assert part in r, r
    assert b"X-Spam-Status: No, score=0 required=6\r\n\ttests=none\r\n" in got
    assert got.endswith(m)
    assert "verdict=accept" in wait_for(lambda: re.search(r"screen\.verdict .*all-pass|screen\.verdict [^\n]*dmarc=pass[^\n]*",
                                                          suite.log())).group()


def test_dkim_alone_carries_what_was_forwarded(suite, zones):
    m = zones.keys["good.test"].sign(letter("a@good.test", "forwarded"))
    assert hand_in(suite, m, "a@good.test", BAD)[0] == 250
    r = results(arrived(suite, "forwarded"))
    assert "spf=fail" in r and "dkim=pass" in r and "dmarc=pass" in r


def test_reject_at_smtp_time(suite, zones):
    code, text = hand_in(suite, letter("a@good.test", "spoofed"), "a@good.test", BAD)
    assert code == 550 and text.startswith("5.7.26 ") and "good.test" in text
    signed = zones.keys["good.test"].sign(letter("a@good.test", "altered"))
    code, text = hand_in(suite, signed.replace(b"Hello.", b"Hellp."), "a@good.test", BAD)
    assert code == 550 and text.startswith("5.7.26 ")
    # Somebody else's signature and sender do not help.
    other = zones.keys["list.test"].sign(letter("a@good.test", "other"))
    assert hand_in(suite, other, "x@list.test", GOOD)[0] == 550
    assert not any(s in m for m in messages(suite) + messages(suite, "Junk") for s in (b"spoofed", b"altered", b"other"))
    wait_for(lambda: "reason=screen_dmarc" in suite.log(), what="its event")


def test_a_list_goes_to_junk(suite):
    m = letter("a@good.test", "by-list", more="List-Id: <l.list.test>\r\n")
    assert hand_in(suite, m, "l@list.test", GOOD)[0] == 250
    assert "dmarc=fail" in results(arrived(suite, "by-list", "Junk"))


def test_quarantine_goes_to_junk(suite):
    with suite.imap("bob") as c:  # an owner that is awake
        c.select("Junk")
        assert hand_in(suite, letter("a@calm.test", "calm"), "a@calm.test", BAD)[0] == 250
        wait_for(lambda: c.noop() and int(c.response("EXISTS")[1][-1] or 0) > 0, what="EXISTS in Junk")
    got = arrived(suite, "calm", "Junk")
    assert b"X-Spam-Flag: YES\r\n" in got and b"X-Spam-Status: Yes, " in got
    assert not any(b"Subject: calm" in m for m in messages(suite))
    # carol has not had an owner or a mailbox yet.
    assert hand_in(suite, letter("a@calm.test", "calm-too"), "a@calm.test", BAD, to="carol")[0] == 250
    arrived(suite, "calm-too", "Junk", "carol")
    with suite.imap("carol") as c:
        assert rb"\Junk" in next(line for line in c.list()[1] if b'"Junk"' in line or line.endswith(b"Junk"))


def test_a_junk_box_that_was_deleted_comes_again(suite):
    with suite.imap("alice") as c:
        assert c.delete("Junk")[0] == "OK"
        assert hand_in(suite, letter("a@calm.test", "again"), "a@calm.test", BAD, to="alice")[0] == 250
        wait_for(lambda: c.status("Junk", "(MESSAGES)")[0] == "OK", what="Junk")
    arrived(suite, "again", "Junk", "alice")


def test_no_policy_is_only_told(suite):
    assert hand_in(suite, letter("a@open.test", "open"), "a@open.test", BAD, helo="mail.open.test", linger=1)[0] == 250
    got = arrived(suite, "open", "Junk")  # SPF_FAIL 3, DMARC_FAIL 2, NO_CLIENT_NAME 2
    r = results(got)
    assert "spf=fail" in r and "dmarc=fail" in r and "polrec.p=none" in r and "iprev=fail" in r
    assert b"tests=SPF_FAIL,DMARC_FAIL,NO_CLIENT_NAME" in got
    assert hand_in(suite, letter("a@nowhere.test", "unknown"), "a@nowhere.test", GOOD)[0] == 250
    assert "spf=none" in results(arrived(suite, "unknown"))


def test_dns_without_an_answer_defers(suite):
    code, text = hand_in(suite, letter("a@silent.test", "silent"), "a@silent.test", GOOD)
    assert code == 451 and text.startswith("4.4.3 ")


def test_bombs_are_permanent_errors(suite):
    for domain in ("bomb.test", "big.test"):
        code, _ = hand_in(suite, letter(f"a@{domain}", domain), f"a@{domain}", GOOD)
        assert code == 250
        r = results(arrived(suite, domain))
        assert "spf=permerror" in r or "spf=none" in r, r


def test_what_is_forged_is_taken_out(suite):
    host = re.search(r"host_name = .([\w.-]+)", (suite.dir / "gkmail.toml").read_text()).group(1)
    lie = f"Authentication-Results: {host}; dmarc=pass header.from=bank.test\r\n"
    other = "Authentication-Results: relay.test; dkim=pass\r\n"
    m = letter("a@good.test", "forged", more=lie + other + "X-Spam-Status: No, score=-99\r\n")
    assert hand_in(suite, m, "a@good.test", GOOD)[0] == 250
    got = arrived(suite, "forged")
    assert b"bank.test" not in got and b"score=-99" not in got and other.encode() in got
    with suite.smtp("alice") as c:  # submitted mail too
        own = suite.user("alice")["address"]
        c.sendmail(own, [suite.user("bob")["address"]], lie.encode() + letter(own, "forged-own"))
    assert b"bank.test" not in arrived(suite, "forged-own")


@pytest.mark.parametrize("size", [20_000, 200_000, 300_000, 5_000_000])
def test_large_messages_are_whole(suite, zones, size):
    body = "".join(f"{i:070d}\r\n" for i in range(size // 72))
    m = zones.keys["good.test"].sign(letter("a@good.test", f"large-{size}", body))
    assert hand_in(suite, m, "a@good.test", GOOD)[0] == 250
    got = arrived(suite, f"large-{size}")
    assert got.endswith(m) and b"From:" not in got[:-len(m)]
    assert "dkim=pass" in results(got) and "dmarc=pass" in results(got)


def test_trusted_networks_are_not_checked(suite):
    assert hand_in(suite, letter("a@good.test", "trusted"), "a@good.test", "127.0.0.1")[0] == 250
    assert b"Authentication-Results" not in arrived(suite, "trusted")


def test_killed_in_the_middle(suite, zones):
    """Nothing is taken without a verdict, and the next message is checked by the next process."""
    body = "".join(f"{i:070d}\r\n" for i in range(20_000))
    with socket.create_connection(("127.0.0.1", suite.port("smtp")), source_address=(GOOD, 0), timeout=60) as c:
        f = c.makefile("rb")

        def say(line):
            c.sendall(line.encode() + b"\r\n")
            while (r := f.readline())[3:4] == b"-":
                pass
            return r
        f.readline()
        say("EHLO mail.good.test")
        say("MAIL FROM:<a@good.test>")
        say(f"RCPT TO:<{suite.user('bob')['address']}>")
        assert say("DATA").startswith(b"354")
        m = letter("a@good.test", "killed", body)
        c.sendall(m[:600_000])
        wait_for(lambda: suite.ctl("--json", "status", "--metrics").stdout.count('gkmail_screen_messages_active'))
        before = suite.processes()["screen"]
        os.kill(before, signal.SIGKILL)
        c.sendall(m[600_000:])
        assert say(".").startswith(b"451 4.7.1")
    wait_for(lambda: suite.processes().get("screen", before) not in (before, 0), what="a new gk-screen")
    assert not any(b"Subject: killed\r\n" in m for m in messages(suite))
    m = zones.keys["good.test"].sign(letter("a@good.test", "after"))
    wait_for(lambda: hand_in(suite, m, "a@good.test", GOOD)[0] == 250, what="mail is checked again")
    assert "dmarc=pass" in results(arrived(suite, "after"))


def test_options(fresh_suite, zones):
    s = fresh_suite(config=zones.conf() + STRANGERS + "[screen]\nspf_fail = 'reject'\njunk_score = 0\n"
                    "[dmarc]\nenforce = 'none'\n")
    assert hand_in(s, letter("a@good.test", "no-dmarc"), "a@good.test", GOOD)[0] == 250
    code, text = hand_in(s, letter("a@good.test", "spf"), "a@good.test", BAD)
    assert code == 550 and text.startswith("5.7.23 ")
    s.stop()
    off = fresh_suite(config=zones.conf() + STRANGERS + "[screen]\nenabled = false\n")
    assert hand_in(off, letter("a@good.test", "off"), "a@good.test", BAD)[0] == 250
    assert b"Authentication-Results" not in arrived(off, "off")


def test_junk_through_crashes_and_a_replay(fresh_suite, zones):
    """It comes once, into Junk, whatever dies; and what was expunged there stays so (INVARIANTS 1, 2)."""
    s = fresh_suite(config=zones.conf() + STRANGERS)

    def subjects(box):
        return sorted(re.search(rb"Subject: (\S+)", m).group(1).decode() for m in messages(s, box))

    for i in range(3):
        assert hand_in(s, letter("a@calm.test", f"before-{i}"), "a@calm.test", BAD)[0] == 250
    wait_for(lambda: subjects("Junk") == ["before-0", "before-1", "before-2"], what="Junk")
    with s.imap("bob") as c:
        c.select("Junk")
        number = next(n for n in (b"1", b"2", b"3") if b"before-1" in c.fetch(n, "(BODY.PEEK[HEADER])")[1][0][1])
        c.store(number, "+FLAGS", r"(\Deleted)")
        c.expunge()
        c.select("INBOX")
    assert hand_in(s, letter("a@calm.test", "at-the-end"), "a@calm.test", BAD)[0] == 250
    s.kill()
    # As after lost power: no name in a Maildir is believed, all that the journal has is written again.
    (s.dir / "data" / "spool" / "replay").touch()
    s.start()
    wait_for(lambda: subjects("Junk") == ["at-the-end", "before-0", "before-2"], what="the replay")
    s.stop()
    s.start()
    assert subjects("Junk") == ["at-the-end", "before-0", "before-2"] and subjects("INBOX") == []
