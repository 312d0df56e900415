"""The hosts that misbehave, each the only MX of a domain."""

from net import add_address
from odd import PolicyHost

POLICY = "version: STSv1\nmode: enforce\nmx: {mx}\nmax_age: 86400\n"
PLAIN = "plain.test"


def populate(world):
    """Before world.start()."""
    mx = {}

    def add(name, zone="odd.test", **more):
        mx[name] = world.add(name, zone, **more)

    # Answers.
    add("works")
    add("later", RCPT=["451 4.3.0 not now", "250 2.1.5 ok"])
    add("never", RCPT="550 5.7.1 we do not like you")
    add("rejects", message="554 5.6.0 what a message")
    add("always", RCPT="451 4.3.0 come back tomorrow")
    add("refused", listen=False)
    add("silent", greeting=None)
    add("busy", greeting="421 4.3.2 too many of you")
    # TLS, with no more than STARTTLS to go by.
    add("untrusted", certificate=world.self_signed("untrusted.test"))
    add("breaks", certificate=world.self_signed("breaks.test"), STARTTLS="454 4.7.0 no TLS today")
    add("smart", certificate=world.certificate("mx.smart.odd.test"), login=("customer", "a long secret"))
    # DANE.
    good = world.certificate("mx.dane.odd.test")
    add("dane", certificate=good, tlsa_of=good[0])
    other = world.certificate("mx.danewrong.odd.test")
    add("danewrong", certificate=other, tlsa_of=good[0])
    add("danestripped", tlsa_of=good[0])
    # MTA-STS, in a zone that is not signed.
    for name, how in (("sts", {"certificate": world.certificate(f"mx.sts.{PLAIN}")}), ("stsstripped", {}),
                      ("stswrong", {"certificate": world.self_signed(f"mx.stswrong.{PLAIN}")}),
                      ("stsothermx", {"certificate": world.certificate(f"mx.stsothermx.{PLAIN}")})):
        add(name, PLAIN, **how)
        allowed = "other.example" if name == "stsothermx" else f"mx.{name}.{PLAIN}"
        address = f"10.53.8.{len(mx)}"
        add_address(address)
        world.odd[f"web-{name}"] = PolicyHost(address, world.certificate(f"mta-sts.{name}.{PLAIN}"), POLICY.format(mx=allowed))
        world.records[PLAIN] += [f'_mta-sts.{name} IN TXT "v=STSv1; id=1"', f"mta-sts.{name} IN A {address}"]
    # The DNS itself.
    add("forged", "bogus.test")
    world.records["odd.test"] += ["null IN MX 0 .", "nomx IN A 10.53.9.1", "nothing IN TXT x", "gone IN MX 10 nowhere"]
    # Two MX, of which the first is away.
    world.records["odd.test"] += ["second IN MX 10 mx.refused", "second IN MX 20 mx.works"]
