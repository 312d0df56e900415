"""DMARC aggregate reports between hosts: to Postfix, which only has to take them, and to another of ours, which reads them."""

import email
import gzip
import json
import re
import smtplib

from world import message, results, wait_for


def is_report(raw, domain):
    subject = re.sub(r"\s+", " ", email.message_from_bytes(raw)["Subject"])
    return subject.startswith(f"Report Domain: {domain} Submitter: mx.two.test Report-ID: <")


def xml(raw):
    part = next(p for p in email.message_from_bytes(raw).walk() if p.get_content_type() == "application/gzip")
    return gzip.decompress(part.get_payload(decode=True)).decode()


def test_reports_cross_the_world(world):
    world.postfix.send("root@post.test", "alice@two.test", message("root@post.test", "alice@two.test", "to be counted"))
    with world.one.host, smtplib.SMTP(world.two.address, 25, local_hostname="mx.one.test", timeout=30) as c:
        c.sendmail("alice@one.test", ["alice@two.test"], message("alice@one.test", "alice@two.test", "counted too"))
    wait_for(lambda: world.two.found("to be counted") and world.two.found("counted too"))
    waiting = {r["domain"] for r in json.loads(world.two.ctl("--json", "dmarc", "report", "--now").stdout)}
    assert waiting >= {"post.test", "one.test"}

    got, = wait_for(lambda: [m for m in world.postfix.inbox() if is_report(m, "post.test")], what="the report at Postfix")
    assert "<source_ip>10.53.3.1</source_ip>" in xml(got) and "<disposition>pass</disposition>" in xml(got)

    got, = wait_for(lambda: [m for m in world.one.inbox("bob") if is_report(m, "one.test")], what="the report at one.test")
    assert results(got, "mx.one.test")["dmarc"] == "pass"  # RFC 9990 3.5.2: or nobody believes it
    assert "<source_ip>10.53.1.1</source_ip>" in xml(got)
    row, = wait_for(lambda: json.loads(world.one.ctl("--json", "dmarc", "list").stdout), what="the report in the list")
    assert (row["domain"], row["organization"], row["verified"]) == ("one.test", "mx.two.test", 1)
    assert row["messages"] == row["passed"] >= 1
    shown, = json.loads(world.one.ctl("--json", "dmarc", "show").stdout)
    assert shown["source"] == "10.53.1.1" and shown["passed"] == shown["messages"]
