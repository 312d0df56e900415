"""The queue and other hosts: retries, notifications, destinations that are slow or dead."""

import email
import email.policy
import json
import os
import signal
import time

import pytest

from conftest import wait_for
from sink import Sink, closed_port, route

CONFIG = """
[queue]
retry_first = "1s"
retry_max = "2s"
checkpoint = "200ms"
segment_size = "1MiB"
"""


@pytest.fixture
def sinks():
    made = []

    def make(**more):
        made.append(Sink(**more))
        return made[-1]

    yield make
    for s in made:
        s.close()


def ask(suite, *arguments):
    return json.loads(suite.ctl("--json", "queue", *arguments).stdout)


def send(suite, to, subject="hello", sender="alice", **more):
    with suite.smtp(sender) as c:
        c.sendmail(suite.user(sender)["address"], [to] if isinstance(to, str) else to,
                   f"Subject: {subject}\r\n\r\nthe body\r\n", **more)


def messages(suite, user):
    found = []
    for part in ("new", "cur"):
        d = suite.maildir(user) / part
        found += [email.message_from_bytes(f.read_bytes(), policy=email.policy.default) for f in d.iterdir()] if d.is_dir() else []
    return found


def reports(suite, user):
    return [m for m in messages(suite, user) if m.get_content_type() == "multipart/report"]


def fields(report):
    return report.get_payload()[1].get_payload()


def empty(suite):
    wait_for(lambda: ask(suite, "list") == [], what="the queue's end")


def test_mail_goes_out(fresh_suite, sinks):
    one = sinks()
    suite = fresh_suite(config=CONFIG + route("one.test", one))
    send(suite, ["x@one.test", "Y@ONE.test", suite.user("bob")["address"]], subject="out")
    wait_for(lambda: one.subjects() == ["out"])
    empty(suite)
    sender, rcpts, octets = one.taken[0]
    assert sender.startswith(f"MAIL FROM:<{suite.user('alice')['address']}>")
    # The local part as it was given, the domain as DNS knows it; both in one transaction.
    assert [r.split(":", 1)[1].split()[0] for r in rcpts] == ["<Y@one.test>", "<x@one.test>"]
    assert not octets.startswith(b"Return-Path") and octets.startswith(b"Received: ")
    assert [m["Subject"] for m in messages(suite, "bob")] == ["out"]
    assert "gkmail_queue_remote_total{result=\"ok\"} 2" in suite.ctl("status", "--metrics").stdout


def test_refused_for_good_is_told_with_the_hosts_words(fresh_suite, sinks):
    one = sinks(rcpt=lambda w: "550 5.1.1 <who>: no such user" if "no" in w.split("@")[0] else "250 2.1.5 ok")
    suite = fresh_suite(config=CONFIG + route("one.test", one))
    send(suite, ["no1@one.test", "yes@one.test", "no2@one.test"], mail_options=["ENVID=abc+2B1", "RET=HDRS"],
         rcpt_options=["NOTIFY=FAILURE"])
    report, = wait_for(lambda: reports(suite, "alice"))
    empty(suite)
    message, *recipients = fields(report)
    assert message["Original-Envelope-Id"] == "abc+1"
    # One notification for both.
    assert [r["Final-Recipient"] for r in recipients] == ["rfc822; no1@one.test", "rfc822; no2@one.test"]
    for r in recipients:
        assert r["Action"] == "failed" and r["Status"] == "5.1.1"
        assert r["Diagnostic-Code"].startswith("smtp; 550 5.1.1 <who>: no such user")
        assert r["Remote-MTA"] == "dns; 127.0.0.1" or r["Remote-MTA"].startswith("dns; ")
    assert report.get_payload()[2].get_content_type() == "text/rfc822-headers"
    assert len(one.taken) == 1 and len(one.taken[0][1]) == 1


def test_refused_for_now_is_tried_again(fresh_suite, sinks):
    tries = []
    one = sinks(rcpt=lambda w: tries.append(w) or ("451 4.7.1 later" if len(tries) < 3 else "250 2.1.5 ok"))
    suite = fresh_suite(config=CONFIG + route("one.test", one))
    send(suite, "x@one.test")
    row, = wait_for(lambda: [r for r in ask(suite, "list") if r["state"] == "deferred"])
    assert row["destination"] == one.name and row["error"].startswith("4.7.1 451 4.7.1 later") and row["next"] > row["arrived"]
    wait_for(lambda: len(one.taken) == 1)
    empty(suite)
    assert len(tries) == 3 and reports(suite, "alice") == []


@pytest.mark.parametrize("dsn", [False, True])
def test_success_is_told_by_who_can(fresh_suite, sinks, dsn):
    one = sinks(dsn=dsn)
    suite = fresh_suite(config=CONFIG + route("one.test", one))
    send(suite, "x@one.test", mail_options=["ENVID=q1", "RET=FULL"],
         rcpt_options=["NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;first@one.test"])
    wait_for(lambda: one.taken)
    empty(suite)
    if dsn:
        assert "ENVID=q1" in one.taken[0][0] and "RET=FULL" in one.taken[0][0]
        assert "NOTIFY=SUCCESS,DELAY" in one.taken[0][1][0] and "ORCPT=rfc822;first@one.test" in one.taken[0][1][0]
        time.sleep(0.5)
        assert reports(suite, "alice") == []
        return
    report, = wait_for(lambda: reports(suite, "alice"))
    _, r = fields(report)
    assert r["Action"] == "relayed" and r["Status"].startswith("2.")
    assert r["Original-Recipient"] == "rfc822;first@one.test" and r["Remote-MTA"].startswith("dns; ")


def test_an_alias_leads_abroad(fresh_suite, sinks):
    one = sinks(dsn=True)
    suite = fresh_suite(config=CONFIG + route("one.test", one))
    d = suite.domain
    suite.ctl("alias", "add", f"away@{d}", "eve@one.test")
    suite.ctl("alias", "add", f"both@{d}", "eve@one.test", suite.user("bob")["address"])
    with suite.smtp(None, port="smtp", tls=False) as c:
        c.sendmail("stranger@two.test", [f"away@{d}"], "Subject: forwarded\r\n\r\nx\r\n")
        c.sendmail("stranger@two.test", [f"both@{d}"], "Subject: both\r\n\r\nx\r\n")
    wait_for(lambda: len(one.taken) == 2)
    empty(suite)
    sender, rcpts, octets = next(t for t in one.taken if b"Subject: forwarded" in t[2])
    # The sender stays, and who was written to is told (RFC 3461 5.2.1).
    assert sender.startswith("MAIL FROM:<stranger@two.test>")
    assert "RCPT TO:<eve@one.test>" in rcpts[0] and f"ORCPT=rfc822;away@{d}" in rcpts[0]
    assert [m["Subject"] for m in messages(suite, "bob")] == ["both"]


def test_a_dead_destination_delays_nobody_else(fresh_suite, sinks):
    port, two, silent = closed_port(), sinks(), sinks(greet=None)
    suite = fresh_suite(config=CONFIG.replace('"2s"', '"1m"').replace('"1s"', '"30s"') + route("dead.test", port) + route("two.test", two) +
                        route("silent.test", silent))
    with suite.smtp("alice") as c:
        for i in range(60):
            for domain in ("dead", "silent"):
                c.sendmail(suite.user("alice")["address"], [f"x@{domain}.test"], f"Subject: {i}\r\n\r\nx\r\n")
        for i in range(20):
            c.sendmail(suite.user("alice")["address"], ["x@two.test", suite.user("bob")["address"]], f"Subject: {i}\r\n\r\nx\r\n")
    wait_for(lambda: len(two.taken) == 20 and len(messages(suite, "bob")) == 20)
    wait_for(lambda: any(r["dead_until"] for r in ask(suite, "destinations")))
    rows = {r["destination"]: r for r in ask(suite, "destinations")}
    dead = rows[f"[127.0.0.1]:{port}"]
    assert dead["waiting"] == 60 and dead["running"] == 0 and dead["concurrency"] == 1 and dead["error"].startswith("4.")
    # So many were tried as it takes to know, the others only wait for it.
    log = suite.log()
    assert log.count("queue.dead") == 1 and 3 <= sum("queue.defer" in line for line in log.splitlines()) <= 6
    assert rows[silent.name]["running"] <= 5 and rows[silent.name]["running"] + rows[silent.name]["waiting"] == 60
    waiting = ask(suite, "list", "--destination", f"[127.0.0.1]:{port}")
    assert len(waiting) == 60 and all(r["state"] == "deferred" and r["next"] and r["error"] for r in waiting)
    # The operator: by destination, by sender.
    assert ask(suite, "delete", "--destination", f"[127.0.0.1]:{port}") == {"count": 60}
    assert ask(suite, "hold", "--sender", suite.user("alice")["address"], "--destination", silent.name)["count"] == 60
    assert ask(suite, "delete", "--sender", suite.user("bob")["address"]) == {"count": 0}


def test_it_comes_back_to_life(fresh_suite, sinks):
    port = closed_port()
    suite = fresh_suite(config=CONFIG + route("one.test", port))
    with suite.smtp("alice") as c:
        for i in range(40):
            c.sendmail(suite.user("alice")["address"], ["x@one.test"], f"Subject: {i}\r\n\r\nx\r\n")
    wait_for(lambda: "queue.dead" in suite.log())
    # A restart knows them all again.
    suite.kill()
    suite.start()
    assert len(ask(suite, "list")) == 40
    one = sinks(port=port, delay=0.02)
    ask(suite, "flush", "--destination", one.name)
    wait_for(lambda: len(one.taken) == 40)
    empty(suite)
    assert sorted(one.subjects(), key=int) == [str(i) for i in range(40)]
    assert one.most <= 20


def test_the_delay_and_the_end_are_told_though_nothing_is_tried(fresh_suite, sinks):
    """In a dead destination messages wait untried, and still their senders hear."""
    suite = fresh_suite(config=CONFIG + 'delay_notice = "3s"\nlifetime = "10s"\n' + route("one.test", closed_port()))
    for i in range(12):
        send(suite, [f"x{i}@one.test", f"y{i}@one.test"], subject=f"m{i}")

    def told(action):
        return [m for m in reports(suite, "alice") if fields(m)[1]["Action"] == action]

    wait_for(lambda: len(told("delayed")) == 12)
    wait_for(lambda: len(told("failed")) == 12)
    empty(suite)
    assert len(told("delayed")) == 12 and len(told("failed")) == 12
    for m in told("failed"):
        _, *recipients = fields(m)
        assert len(recipients) == 2 and all(r["Status"] == "5.4.7" for r in recipients)
    assert ask(suite, "destinations")[1:] == []


def test_without_gk_remote_nothing_counts(fresh_suite, sinks):
    one = sinks()
    suite = fresh_suite(config=CONFIG + route("one.test", one))
    for _ in range(3):
        pid = wait_for(lambda: suite.processes().get("remote"))
        os.kill(pid, signal.SIGKILL)
        send(suite, "x@one.test")
        wait_for(lambda: suite.processes().get("remote") not in (None, 0, pid))
    wait_for(lambda: len(one.taken) == 3)
    empty(suite)
    assert "queue.defer" not in suite.log() and "queue.dead" not in suite.log()


def test_bounces_go_out_and_bounces_of_bounces_do_not(fresh_suite, sinks):
    one = sinks()
    two = sinks(rcpt="550 5.1.1 nobody")
    suite = fresh_suite(config=CONFIG + route("one.test", one) + route("two.test", two))
    suite.ctl("alias", "add", f"away@{suite.domain}", "eve@two.test")
    with suite.smtp(None, port="smtp", tls=False) as c:
        c.sendmail("sender@one.test", [f"away@{suite.domain}"], "Subject: x\r\n\r\nx\r\n")
        c.sendmail("sender@two.test", [f"away@{suite.domain}"], "Subject: y\r\n\r\nx\r\n")
    wait_for(lambda: len(one.taken) == 1 and "queue.bounce_undeliverable" in suite.log())
    empty(suite)
    sender, rcpts, octets = one.taken[0]
    assert sender.startswith("MAIL FROM:<>") and "RCPT TO:<sender@one.test>" in rcpts[0]
    report = email.message_from_bytes(octets, policy=email.policy.default)
    assert report.get_content_type() == "multipart/report" and report["Auto-Submitted"] == "auto-replied"
    _, r = fields(report)
    assert r["Final-Recipient"] == "rfc822; eve@two.test" and r["Original-Recipient"] == f"rfc822; away@{suite.domain}"
    wait_for(lambda: suite.log().count("queue.notify") == 2)


def test_a_message_is_traced_through_every_process(fresh_suite, sinks):
    one = sinks(rcpt="550 5.1.1 nobody")
    suite = fresh_suite(config=CONFIG + route("one.test", one))
    send(suite, ["x@one.test", suite.user("bob")["address"]])
    wait_for(lambda: reports(suite, "alice"))
    log = suite.log()
    mid = next(word[4:] for line in log.splitlines() if "queue.accept" in line for word in line.split() if word.startswith("mid="))
    suite.ctl("status")
    for more in ([], ["--recent"]):
        lines = suite.ctl("trace", mid, *more).stdout.splitlines()
        found = {(line.split()[2], line.split()[3]) for line in lines}
        assert {("queue", "queue.accept"), ("queue", "queue.deliver"), ("queue", "queue.fail"), ("queue", "queue.notify"),
                ("local", "local.deliver")} <= found, lines
        assert any(daemon == "smtpd" for daemon, _ in found) and any(daemon == "remote" for daemon, _ in found), lines
        assert all(mid in line for line in lines) and lines == sorted(lines, key=lambda x: x.split()[0])
    assert suite.ctl("trace", "0" * 20, "--recent", check=False).returncode == 1
    assert suite.ctl("trace", "nonsense", check=False).returncode == 2


def test_srs_there_and_back(fresh_suite, sinks):
    one, two = sinks(), sinks()
    suite = fresh_suite(config=CONFIG.replace("[queue]", "[queue]\nsrs = true") + route("one.test", one) + route("two.test", two))
    d = suite.domain
    suite.ctl("alias", "add", f"away@{d}", "eve@one.test")

    def strange(sender, to):
        with suite.smtp(None, port="smtp", tls=False) as c:
            c.sendmail(sender, [to], "Subject: x\r\n\r\nx\r\n")

    strange("Writer@two.test", f"away@{d}")
    wait_for(lambda: len(one.taken) == 1)
    sender = one.taken[0][0].split("<")[1].split(">")[0]
    assert sender.startswith("SRS0=") and sender.endswith(f"=two.test=Writer@{d}")
    # A bounce to it goes to who wrote; a made-up one nowhere.
    strange("", sender)
    wait_for(lambda: len(two.taken) == 1)
    assert two.taken[0][0].startswith("MAIL FROM:<>") and "RCPT TO:<Writer@two.test>" in two.taken[0][1][0]
    with suite.smtp(None, port="smtp", tls=False) as c:
        c.mail("")
        assert c.rcpt(sender.replace("Writer", "victim"))[0] == 550
        assert c.rcpt(f"SRS0=aaaa=AA=two.test=victim@{d}")[0] == 550
    # Ours stay as they are, and so does what was written to the address itself.
    send(suite, f"away@{d}")
    send(suite, "x@one.test")
    wait_for(lambda: len(one.taken) == 3)
    assert all(t[0].startswith(f"MAIL FROM:<{suite.user('alice')['address']}>") for t in one.taken[1:])
    empty(suite)


def test_senders_take_turns(fresh_suite, sinks):
    """Who has hundreds waiting for a slow host does not delay who has one."""
    one = sinks(delay=0.1)
    suite = fresh_suite(config=CONFIG + "[delivery]\ndestination_max = 5\n" + route("one.test", one))
    with suite.smtp("alice") as c:
        for i in range(200):
            c.sendmail(suite.user("alice")["address"], ["x@one.test"], f"Subject: bulk{i}\r\n\r\nx\r\n")
    at = len(one.taken)
    send(suite, "x@one.test", subject="single", sender="bob")
    wait_for(lambda: "single" in one.subjects())
    assert one.subjects().index("single") - at < 40 and len(ask(suite, "list")) > 50
    assert one.most <= 5


def test_a_changed_route_takes_along_what_waits(fresh_suite, sinks):
    dead, one = closed_port(), sinks()
    suite = fresh_suite(config=CONFIG.replace('"1s"', '"1h"').replace('"2s"', '"1h"') + route("one.test", dead))
    with suite.smtp("alice") as c:
        for i in range(30):
            c.sendmail(suite.user("alice")["address"], ["x@one.test"], f"Subject: {i}\r\n\r\nx\r\n")
    wait_for(lambda: "queue.dead" in suite.log())
    for f in (suite.dir / "gkmail.toml", *suite.dir.parent.glob(f"{suite.dir.name}-extra.toml")):
        if f.exists():
            f.write_text(f.read_text().replace(f"port = {dead}", f"port = {one.port}"))
    suite.ctl("reload")
    # Those that were tried wait for their time, which is under the old name until then.
    wait_for(lambda: len(one.taken) >= 20)
    suite.ctl("queue", "flush", "all")
    wait_for(lambda: len(one.taken) == 30)
    empty(suite)
