"""Mail crosses GK Mail, Postfix and another GK Mail, both ways, signed and checked."""

import re
import time

import pytest
from world import message, results, wait_for

HOSTS = ("one", "two", "postfix")
PAIRS = [(a, b) for a in HOSTS for b in HOSTS if a != b]


def address(world, name):
    return "root@post.test" if name == "postfix" else f"alice@{name}.test"


def send(world, sender, to, subject):
    if sender == "postfix":
        world.postfix.send("root@post.test", to, message("root@post.test", to, subject))
    else:
        getattr(world, sender).write(to, subject)


def received(world, name, subject):
    if name == "postfix":
        return [m for m in world.postfix.inbox() if f"Subject: {subject}\n".encode() in m]
    return getattr(world, name).found(subject)


@pytest.mark.parametrize("sender,to", PAIRS)
def test_mail_crosses(world, sender, to):
    subject = f"from {sender} to {to}"
    send(world, sender, address(world, to), subject)
    got = wait_for(lambda: received(world, to, subject), what=f"the message {subject}")
    assert len(got) == 1
    found = results(got[0], "mx.post.test" if to == "postfix" else f"mx.{to}.test")
    assert {m: found.get(m) for m in ("spf", "dkim", "dmarc")} == dict.fromkeys(("spf", "dkim", "dmarc"), "pass"), got[0].decode()
    # Over a connection that the TLSA record proved.
    if sender == "postfix":
        assert f"Verified TLS connection established to mx.{to}.test" in world.postfix.log()
    else:
        # The receiver has it a moment before the sender has its reply.
        wait_for(lambda: any("verified=dane" in x and address(world, to) in x
                             for x in getattr(world, sender).log().splitlines()), 20, "delivery over a proven connection")


def test_a_bounce_crosses(world):
    """Nobody there: the refusal comes at once from the one, as a bounce from the other."""
    subject = "nobody there"
    world.one.write("nobody@two.test", subject)
    dsn = wait_for(lambda: [m for m in world.one.inbox("alice") if b"message/delivery-status" in m and b"nobody@two.test" in m])
    assert b"Status: 5.1.1" in dsn[0] and b"Remote-MTA: dns; mx.two.test" in dsn[0]
    world.postfix.send("root@post.test", "nobody@two.test", message("root@post.test", "nobody@two.test", subject))
    wait_for(lambda: re.search(r"to=<nobody@two\.test>.*status=bounced.*550 5\.1\.1", world.postfix.log()))


def test_a_large_message_crosses(world):
    body = ("0123456789" * 7 + "\r\n") * 20000  # 1.4 MB
    world.one.write("bob@two.test", "large one", body=body)
    got = wait_for(lambda: world.two.found("large one", "bob"))
    assert body.encode() in got[0]
    assert results(got[0], "mx.two.test")["dkim"] == "pass"


def test_the_records_are_right(world):
    """What `gkmail dns` prints is in the zones, and `gkmail dns --check` finds it there."""
    for s in (world.one, world.two):
        end = time.monotonic() + 30
        # 75: no answer now, try later. What had none is not asked for again at once.
        while (done := s.ctl("dns", "--check", check=False)).returncode == 75 and time.monotonic() < end:
            time.sleep(1)
        assert done.returncode == 0 and " ok " in done.stdout, done.stdout + done.stderr
        assert "missing" not in done.stdout and "different" not in done.stdout, done.stdout


def test_a_smart_host(world):
    """The route's host, TLS that is verified, and its login."""
    world.two.write("x@far.example", "by the smart host")
    host = world.odd["smart"]
    wait_for(lambda: host.messages)
    sender, rcpts, text, tls = host.messages[0]
    assert tls and b"alice@two.test" in sender and b"x@far.example" in rcpts[0] and b"by the smart host" in text
    assert ("AUTH", True) in host.seen and ("AUTH", False) not in host.seen


def test_a_route_to_the_mx_of_another_domain(world):
    world.two.write("x@paris.branch.example", "by another domain")
    wait_for(lambda: any(b"by another domain" in m[2] and b"x@paris.branch.example" in m[1][0]
                         for m in world.odd["works"].messages))


def test_a_forwarded_message_passes_by_its_signature(world):
    """An alias to another host keeps the sender: SPF fails there, and what the first host signed does not."""
    world.two.ctl("alias", "add", "friend@two.test", "alice@one.test")
    world.postfix.send("root@post.test", "friend@two.test", message("root@post.test", "friend@two.test", "forwarded"))
    got = wait_for(lambda: world.one.found("forwarded"))[0]
    found = results(got, "mx.one.test")
    assert (found["spf"], found["dkim"], found["dmarc"]) == ("fail", "pass", "pass"), got.decode()


def test_a_bounce_passes_too(world):
    """A failure found after we took the message: the notice has no sender, and is signed for its author's domain."""
    world.two.ctl("alias", "add", "former@two.test", "gone@never.odd.test")
    world.postfix.send("root@post.test", "former@two.test", message("root@post.test", "former@two.test", "to the former"))
    got = wait_for(lambda: [m for m in world.postfix.inbox() if b"Subject: to the former" in m and b"delivery-status" in m])[0]
    assert got.startswith(b"Return-Path: <>") and b"we do not like you" in got
    found = results(got, "mx.post.test")
    assert (found["spf"], found["dkim"], found["dmarc"]) == ("pass", "pass", "pass"), got.decode()


def test_srs_keeps_spf_and_brings_bounces_back(world):
    """queue.srs at two: a forward has a sender of two's, for which SPF passes; its bounce goes to the first sender."""
    path = world.two.dir / "gkmail.toml"
    before = path.read_text()
    path.write_text(before.replace("[queue]\n", "[queue]\nsrs = true\n", 1))
    try:
        world.two.ctl("reload")
        world.two.ctl("alias", "add", "srs@two.test", "alice@one.test")
        world.two.ctl("alias", "add", "srsgone@two.test", "nobody@one.test")
        world.postfix.send("root@post.test", "srs@two.test", message("root@post.test", "srs@two.test", "with srs"))
        got = wait_for(lambda: world.one.found("with srs"))[0]
        assert got.startswith(b"Return-Path: <SRS0=") and b"@two.test>" in got.split(b"\r\n")[0], got[:200]
        found = results(got, "mx.one.test")
        assert (found["spf"], found["dkim"], found["dmarc"]) == ("pass", "pass", "pass"), got.decode()
        world.postfix.send("root@post.test", "srsgone@two.test", message("root@post.test", "srsgone@two.test", "srs gone"))
        wait_for(lambda: [m for m in world.postfix.inbox() if b"Subject: srs gone" in m and b"delivery-status" in m])
    finally:
        path.write_text(before)
        world.two.ctl("reload")
