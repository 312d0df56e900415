"""gkmail queue, retries and notifications on a running suite."""

import contextlib
import email
import email.policy
import json
import os
import re
import shutil
import signal
import smtplib
import threading
import time

import pytest

from conftest import wait_for

CONFIG = """
[queue]
retry_first = "1s"
retry_max = "1s"
checkpoint = "200ms"
segment_size = "1MiB"
"""


@pytest.fixture
def suite(fresh_suite):
    return fresh_suite(config=CONFIG)


def ask(suite, *arguments):
    return json.loads(suite.ctl("--json", "queue", *arguments).stdout)


@contextlib.contextmanager
def blocked(suite, user):
    """Deliveries to the user fail for now: new/ is no folder."""
    new = suite.maildir(user) / "new"
    away = new.with_name("new.away")
    new.rename(away)
    new.touch()
    try:
        yield
    finally:
        new.unlink()
        away.rename(new)


@contextlib.contextmanager
def stopped(suite, name):
    pid = suite.processes()[name]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def make_home(suite, user):
    """The first message makes a home."""
    suite.send("alice", [user], subject="first")
    wait_for(lambda: len(files(suite, user)) == 1)


def files(suite, user):
    found = []
    for part in ("new", "cur"):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            found += [f for f in (suite.maildir(user) / part).iterdir() if f.is_file()]
    return found


def messages(suite, user):
    return [email.message_from_bytes(f.read_bytes(), policy=email.policy.default) for f in files(suite, user)]


def bounce_to(suite, user):
    """The one notification that the user got."""
    wait_for(lambda: any(m.get_content_type() == "multipart/report" for m in messages(suite, user)), what="a notification")
    return next(m for m in messages(suite, user) if m.get_content_type() == "multipart/report")


def status_of(report):
    """Fields per message, then per recipient, of the delivery-status part."""
    part = report.get_payload()[1]
    assert part.get_content_type() == "message/delivery-status"
    return part.get_payload()


def empty(suite):
    wait_for(lambda: ask(suite, "list") == [], what="the queue's end")


def remove_user(suite, user):
    suite.ctl("user", "del", suite.user(user)["address"])
    shutil.rmtree(suite.maildir(user).parent, ignore_errors=True)


def test_deferred_message_is_listed_shown_and_delivered(suite):
    make_home(suite, "bob")
    with blocked(suite, "bob"):
        suite.send("alice", ["bob", "carol"], subject="waits")
        wait_for(lambda: [m for m in ask(suite, "list") if m["state"] == "deferred"], what="a deferred message")
        (row,) = ask(suite, "list")
        assert row["sender"] == suite.user("alice")["address"]
        assert row["recipients"] == 1 and row["size"] > 100
        assert row["error"].startswith("4.3.0") and row["next"] > row["arrived"] and row["destination"] == "local"
        shown = ask(suite, "show", row["mid"])
        states = {r["address"].split("@")[0]: r["state"] for r in shown["recipients"]}
        assert states == {"bob": "waiting", "carol": "delivered"}
        assert int(shown["attempts"]) >= 1 and shown["user"] == suite.user("alice")["address"]
        metrics = suite.ctl("status", "--metrics").stdout
        assert re.search(r"^queue_size 1$", metrics, re.M)
    empty(suite)
    # carol got it once, although it was tried several times for bob.
    assert [m["Subject"] for m in messages(suite, "carol")] == ["waits"]
    assert sorted(m["Subject"] for m in messages(suite, "bob")) == ["first", "waits"]


def test_hold_survives_a_crash_and_release_delivers(suite):
    make_home(suite, "bob")
    with blocked(suite, "bob"):
        suite.send("alice", ["bob"], subject="held")
        mid = wait_for(lambda: ask(suite, "list"))[0]["mid"]
        assert ask(suite, "hold", mid) == {"count": 1}
        assert ask(suite, "hold", mid) == {"count": 0}
    suite.kill()
    suite.start()
    assert [m["state"] for m in ask(suite, "list")] == ["held"]
    assert ask(suite, "flush", "all") == {"count": 0}
    time.sleep(1.5)
    assert len(files(suite, "bob")) == 1
    assert ask(suite, "release", mid) == {"count": 1}
    empty(suite)
    assert len(files(suite, "bob")) == 2


def test_delete_is_for_good(suite):
    make_home(suite, "bob")
    with blocked(suite, "bob"):
        for i in range(3):
            suite.send("alice", ["bob"], subject=f"d{i}")
        wait_for(lambda: len(ask(suite, "list")) == 3)
        mid = ask(suite, "list")[0]["mid"]
        assert ask(suite, "delete", mid) == {"count": 1}
        assert suite.ctl("queue", "show", mid, check=False).returncode == 1
        assert suite.ctl("queue", "delete", mid, check=False).returncode == 1
        assert ask(suite, "delete", "all") == {"count": 2}
        assert ask(suite, "list") == []
    suite.kill()
    suite.start()
    time.sleep(1)
    assert ask(suite, "list") == []
    assert [m["Subject"] for m in messages(suite, "bob")] == ["first"]


def test_flush_tries_at_once(fresh_suite):
    suite = fresh_suite(config=CONFIG.replace('"1s"', '"1h"'))
    make_home(suite, "bob")
    with blocked(suite, "bob"):
        suite.send("alice", ["bob"])
        wait_for(lambda: [m for m in ask(suite, "list") if m["state"] == "deferred"])
    time.sleep(0.5)
    assert len(files(suite, "bob")) == 1
    assert ask(suite, "flush", "all") == {"count": 1}
    empty(suite)
    assert len(files(suite, "bob")) == 2


def test_long_list_pages(suite):
    make_home(suite, "bob")
    with blocked(suite, "bob"):
        with suite.smtp("alice") as c:
            for i in range(700):
                c.sendmail(suite.user("alice")["address"], [suite.user("bob")["address"]], f"Subject: p{i}\r\n\r\nx\r\n")
        rows = ask(suite, "list")
        assert len(rows) == 700 and len({r["mid"] for r in rows}) == 700
    ask(suite, "flush", "all")
    empty(suite)
    assert len(files(suite, "bob")) == 701


# ---- notifications ----


def test_user_that_went_away_bounces(suite):
    with stopped(suite, "local"):
        suite.send("alice", ["bob"], subject="to nobody", body="original text\r\n")
        remove_user(suite, "bob")
    report = bounce_to(suite, "alice")
    empty(suite)
    assert report["To"] == suite.user("alice")["address"] and "MAILER-DAEMON" in report["From"]
    assert report["Auto-Submitted"] == "auto-replied" and report["Return-Path"] == "<>"
    assert report.get_param("report-type") == "delivery-status"
    message, recipient = status_of(report)
    assert message["Reporting-MTA"].startswith("dns;") and message["Arrival-Date"]
    assert recipient["Final-Recipient"] == f"rfc822; {suite.user('bob')['address']}"
    assert recipient["Action"] == "failed" and recipient["Status"] == "5.1.1"
    original = report.get_payload()[2]
    assert original.get_content_type() == "message/rfc822"
    assert original.get_payload()[0]["Subject"] == "to nobody"
    assert "original text" in original.as_string()


def test_large_message_bounces_with_its_header(suite):
    make_home(suite, "bob")
    body = "".join(f"line {i}\r\n" for i in range(50000))
    with blocked_home(suite, "bob"):
        suite.send("alice", ["bob"], subject="large", body=body)
        wait_for(lambda: ask(suite, "list"))
        suite.ctl("user", "del", suite.user("bob")["address"])
    report = bounce_to(suite, "alice")
    original = report.get_payload()[2]
    assert original.get_content_type() == "text/rfc822-headers"
    assert "Subject: large" in original.as_string() and "line 5" not in original.as_string()
    empty(suite)
    wait_for(lambda: not list((suite.dir / "data" / "mail" / ".incoming").iterdir()), what=".incoming to be empty")


@contextlib.contextmanager
def blocked_home(suite, user):
    """A file where the home would be; nothing afterwards."""
    home = suite.maildir(user).parent
    shutil.rmtree(home, ignore_errors=True)
    home.touch()
    try:
        yield
    finally:
        home.unlink(missing_ok=True)


def test_success_is_told_when_asked(suite):
    alice, bob = suite.user("alice")["address"], suite.user("bob")["address"]
    with suite.smtp("alice") as c:
        c.sendmail(alice, [bob], "Subject: told\r\n\r\nx\r\n", mail_options=["ENVID=QQ314", "RET=HDRS"],
                   rcpt_options=["NOTIFY=SUCCESS,FAILURE", f"ORCPT=rfc822;{bob}"])
    report = bounce_to(suite, "alice")
    message, recipient = status_of(report)
    assert message["Original-Envelope-Id"] == "QQ314"
    assert recipient["Action"] == "delivered" and recipient["Status"].startswith("2.")
    assert recipient["Original-Recipient"] == f"rfc822;{bob}"
    empty(suite)


def test_never_means_never(suite):
    alice, bob = suite.user("alice")["address"], suite.user("bob")["address"]
    with stopped(suite, "local"):
        with suite.smtp("alice") as c:
            c.sendmail(alice, [bob], "Subject: quiet\r\n\r\nx\r\n", rcpt_options=["NOTIFY=NEVER"])
        remove_user(suite, "bob")
    empty(suite)
    assert messages(suite, "alice") == []


def test_null_sender_never_bounces(suite):
    with stopped(suite, "local"):
        with suite.smtp(None, port="smtp", tls=False) as c:
            c.sendmail("", [suite.user("bob")["address"]], "Subject: x\r\n\r\nx\r\n")
        remove_user(suite, "bob")
    wait_for(lambda: "queue.bounce_undeliverable" in suite.log())
    empty(suite)
    assert suite.log().count("queue.notify") == 0


def test_alias_delivers_once_to_each(suite):
    users = {u: suite.user(u)["address"] for u in ("alice", "bob", "carol")}
    suite.ctl("alias", "add", f"all@{suite.domain}", users["bob"], users["carol"])
    with suite.smtp("alice") as c:
        c.sendmail(users["alice"], [f"all@{suite.domain}", users["bob"]], "Subject: once\r\n\r\nx\r\n")
    wait_for(lambda: files(suite, "carol"))
    empty(suite)
    assert len(files(suite, "bob")) == len(files(suite, "carol")) == 1
    # One file, two names (ARCHITECTURE: the others are hard links).
    assert files(suite, "bob")[0].stat().st_ino == files(suite, "carol")[0].stat().st_ino
    assert files(suite, "bob")[0].stat().st_mode & 0o777 == 0o440


# ---- time ----


def reports(suite, user, action):
    """Notifications of that kind that the user has, by RFC 3464 2.3.3's Action."""
    found = [m for m in messages(suite, user) if m.get_content_type() == "multipart/report"]
    return [m for m in found if status_of(m)[1]["Action"] == action]


def crash(suite, name):
    pid = suite.processes()[name]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: suite.processes().get(name) not in (None, pid), what=f"{name} to be started again")


def test_delay_is_told_once_and_the_end_once(fresh_suite):
    suite = fresh_suite(config=CONFIG + 'delay_notice = "2s"\nlifetime = "9s"\n')
    make_home(suite, "bob")
    make_home(suite, "carol")
    with blocked(suite, "bob"):
        began = time.monotonic()
        suite.send("carol", ["bob"], subject="late")
        wait_for(lambda: reports(suite, "carol", "delayed"), what="the delay to be told")
        assert time.monotonic() - began > 2
        # Neither more attempts nor another queue tell it again.
        crash(suite, "queue")
        wait_for(lambda: reports(suite, "carol", "failed"), what="the end")
        assert time.monotonic() - began > 9
        empty(suite)
        crash(suite, "queue")
        time.sleep(2)
        assert len(reports(suite, "carol", "delayed")) == 1
        failed, = reports(suite, "carol", "failed")
        assert status_of(failed)[1]["Status"] == "5.4.7"
        assert b"Subject: late" in failed.as_bytes()
    assert len(files(suite, "bob")) == 1


# ---- room ----


def test_below_the_floor_mail_waits(fresh_suite):
    suite = fresh_suite(config=CONFIG + 'min_free = "1TiB"\n')
    with pytest.raises(smtplib.SMTPException) as caught:
        suite.send("alice", ["bob"])
    code, text = getattr(caught.value, "smtp_code", None), getattr(caught.value, "smtp_error", b"")
    if code is None:
        code, text = next(iter(caught.value.recipients.values()))
    assert code in (451, 452) and b"4.3.1" in text
    assert ask(suite, "list") == []


def test_backlog_withholds_until_there_is_room(fresh_suite):
    suite = fresh_suite(config=CONFIG + 'max_backlog = "1MiB"\n')
    make_home(suite, "bob")
    body = "x" * 70 + "\r\n"
    with blocked(suite, "bob"):
        for i in range(4):
            suite.send("alice", ["bob"], subject=f"b{i}", body=body * 3000)
        late = threading.Thread(target=suite.send, args=("alice", ["bob"]), kwargs={"body": body * 3000})
        late.start()
        time.sleep(1)
        assert late.is_alive(), "the 250 should be withheld"
    late.join(20)
    assert not late.is_alive()
    empty(suite)
    assert len(files(suite, "bob")) == 6


def test_at_the_cap_users_take_turns(fresh_suite):
    """One who floods does not hold another's single message."""
    suite = fresh_suite(config=CONFIG + 'max_backlog = "1MiB"\n')
    make_home(suite, "bob")
    body = ("x" * 70 + "\r\n") * 3000

    def withheld(user):
        t = threading.Thread(target=suite.send, args=(user, ["bob"]), kwargs={"body": body})
        t.start()
        return t

    with blocked(suite, "bob"):
        for i in range(4):
            suite.send("alice", ["bob"], subject=f"b{i}", body=body)
        flood = [withheld("alice") for _ in range(10)]
        time.sleep(2)
        single = withheld("carol")
        time.sleep(1)
        assert single.is_alive() and all(t.is_alive() for t in flood), "all should be withheld"
        # Room for two: one of each.
        for row in ask(suite, "list")[:2]:
            ask(suite, "delete", row["mid"])
        single.join(10)
        assert not single.is_alive()
        assert wait_for(lambda: sum(t.is_alive() for t in flood) == 9)
    for t in flood:
        t.join(20)
    empty(suite)
    assert len(files(suite, "bob")) == 14
