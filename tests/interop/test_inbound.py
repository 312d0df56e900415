"""What comes from other hosts and is not what it says, is refused when it comes, or told."""

import smtplib

import pytest
from world import message, results, wait_for


def test_postfix_sends_to_us_by_dane(world):
    world.postfix.send("root@post.test", "alice@one.test", message("root@post.test", "alice@one.test", "dane"))
    got = wait_for(lambda: world.one.found("dane"))
    assert "Verified TLS connection established to mx.one.test" in world.postfix.log()
    found = results(got[0], "mx.one.test")
    assert (found["spf"], found["dkim"], found["dmarc"]) == ("pass", "pass", "pass")


def hand_over(world, sender, to, text, source="10.53.3.1"):
    """As a client of that address."""
    host = world.postfix.host if source == "10.53.3.1" else world.dns.host
    with host, smtplib.SMTP(world.one.address, 25, local_hostname="mx.post.test", timeout=30) as c:
        c.sendmail(sender, [to], text)


def test_a_spoofed_author_is_refused(world):
    with pytest.raises(smtplib.SMTPDataError) as e:
        hand_over(world, "x@dns.invalid", "alice@one.test", message("boss@post.test", "alice@one.test", "spoofed"), "dns")
    assert e.value.smtp_code == 550 and e.value.smtp_error.startswith(b"5.7."), e.value
    assert not world.one.found("spoofed")


def signed_by_postfix(world):
    """A message as Postfix's signer left it, found at two."""
    subject = "to be broken"
    if not world.two.found(subject):
        world.postfix.send("root@post.test", "alice@two.test", message("root@post.test", "alice@two.test", subject))
    raw = wait_for(lambda: world.two.found(subject))[0]
    return raw[raw.index(b"DKIM-Signature:"):]


def test_a_broken_signature_from_elsewhere_is_refused(world):
    text = signed_by_postfix(world)
    with pytest.raises(smtplib.SMTPDataError) as e:
        hand_over(world, "x@dns.invalid", "alice@one.test", text.replace(b"hello", b"pay me"), "dns")
    assert e.value.smtp_code == 550
    # Unbroken, it passes from anywhere: DKIM is what forwarders leave whole.
    hand_over(world, "x@dns.invalid", "alice@one.test", text, "dns")
    got = wait_for(lambda: world.one.found("to be broken"))
    assert results(got[0], "mx.one.test")["dkim"] == "pass" and results(got[0], "mx.one.test")["dmarc"] == "pass"


def test_a_broken_signature_from_its_own_host_is_told(world):
    """SPF still passes, and so does DMARC: the message is taken, and says that DKIM failed."""
    text = signed_by_postfix(world).replace(b"hello", b"hullo").replace(b"to be broken", b"broken here")
    hand_over(world, "root@post.test", "alice@one.test", text)
    got = wait_for(lambda: world.one.found("broken here"))
    found = results(got[0], "mx.one.test")
    assert (found["dkim"], found["spf"], found["dmarc"]) == ("fail", "pass", "pass"), found
