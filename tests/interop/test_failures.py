"""What goes wrong at other hosts ends in the right retry, bounce or refusal."""

import json
import re
import time

import pytest
from world import wait_for


def bounce(world, to, subject):
    """The failure notice of that message, when it has come."""
    for m in world.one.inbox("alice"):
        if b"message/delivery-status" in m and to.encode() in m and b"Action: failed" in m and subject.encode() in m:
            return m.decode()
    return None


def queued(world):
    """What `gkmail queue show` says of each message that waits."""
    rows = json.loads(world.one.ctl("--json", "queue", "list").stdout)
    return [world.one.ctl("queue", "show", r["mid"], check=False).stdout for r in rows]


# ---- bounced at once ----

@pytest.mark.parametrize("domain,status,words", [
    ("null.odd.test", r"5\.1\.10", "null MX"),          # RFC 7505
    ("nowhere-at-all.odd.test", r"5\.1\.2", ""),        # no such domain
    ("nothing.odd.test", r"5\.\d\.\d", ""),             # neither MX nor address
    ("never.odd.test", r"5\.7\.1", "we do not like you"),
    ("rejects.odd.test", r"5\.6\.0", "what a message"),
])
def test_what_can_never_work_bounces_at_once(world, domain, status, words):
    to, subject = f"x@{domain}", f"bounce {domain}"
    world.one.write(to, subject)
    dsn = wait_for(lambda: bounce(world, to, subject), what=f"the bounce of {domain}")
    assert re.search(r"^Status: " + status, dsn, re.M) and words in dsn, dsn


def test_the_implicit_mx(world):
    """RFC 5321 5.1: a domain without MX is its own host."""
    world.one.write("x@nomx.odd.test", "implicit mx")
    wait_for(lambda: any(b"implicit mx" in m[2] for m in world.odd["works"].messages))


def test_the_second_mx(world):
    world.one.write("x@second.odd.test", "second mx")
    wait_for(lambda: any(b"second mx" in m[2] for m in world.odd["works"].messages))


# ---- tried again ----

def test_4xx_is_tried_again(world):
    host = world.odd["later"]
    world.one.write("x@later.odd.test", "later")
    wait_for(lambda: host.messages)
    assert host.verbs().count("RCPT") == 2 and len(host.messages) == 1


WAITING = {  # domain -> what the queue says of it
    "always.odd.test": "come back tomorrow", "refused.odd.test": "refused", "busy.odd.test": "too many of you",
    "silent.odd.test": "4.4.2", "forged.bogus.test": "bogus",
    "danewrong.odd.test": "4.7.", "danestripped.odd.test": "TLS is required",
    "stswrong.plain.test": "4.7.", "stsstripped.plain.test": "TLS is required", "stsothermx.plain.test": "4.7.",
}


@pytest.fixture(scope="module")
def waiting(world):
    """Mail to all of these at once, and the first reason that was seen for each: their lifetimes run side by side."""
    for domain in WAITING:
        world.one.write(f"x@{domain}", f"waits {domain}")
    reasons, end = {}, time.monotonic() + 20
    while len(reasons) < len(WAITING) and time.monotonic() < end:
        for shown in queued(world):
            for domain in WAITING:
                if f"x@{domain}" in shown and (m := re.search(r"^error\s+(4\..*)", shown, re.M)):
                    reasons.setdefault(domain, m[1])
    return reasons


@pytest.mark.parametrize("domain", WAITING)
def test_what_may_work_later_waits_and_then_expires(world, waiting, domain):
    """The queue says why; nothing is handed over; at the end of its lifetime the message bounces, its sender told before
    that it is late."""
    assert WAITING[domain] in waiting[domain], waiting
    to, subject, host = f"x@{domain}", f"waits {domain}", world.odd[domain.split(".")[0]]
    dsn = wait_for(lambda: bounce(world, to, subject), 60, f"the end of {to}")
    assert re.search(r"^Status: [45]\.", dsn, re.M), dsn
    late = [m for m in world.one.inbox("alice") if b"Action: delayed" in m and to.encode() in m]
    assert len(late) == 1
    assert host is None or not host.messages
    if "stripped" in domain or "wrong" in domain or "othermx" in domain:
        assert "MAIL" not in host.verbs(), host.seen  # nothing of the message was said in the clear
    assert not any(to in shown for shown in queued(world))


# ---- TLS ----

@pytest.mark.parametrize("name,tls", [("untrusted", True), ("breaks", False), ("works", False)])
def test_without_a_policy_tls_is_taken_as_it_is(world, name, tls):
    """RFC 7435: any certificate, or none where the handshake fails, is better than no delivery."""
    host = world.odd[name]
    world.one.write(f"x@{name}.odd.test", f"opportunistic {name}")
    wait_for(lambda: any(f"opportunistic {name}".encode() in m[2] for m in host.messages))
    assert [m[3] for m in host.messages if f"opportunistic {name}".encode() in m[2]] == [tls]


@pytest.mark.parametrize("name,zone,proof", [("dane", "odd.test", "dane"), ("sts", "plain.test", "pkix")])
def test_a_policy_that_is_met(world, name, zone, proof):
    to = f"x@{name}.{zone}"
    world.one.write(to, f"met {name}")
    wait_for(lambda: world.odd[name].messages)
    assert world.odd[name].messages[0][3]
    wait_for(lambda: any(to in x and f"verified={proof}" in x for x in world.one.log().splitlines()))
