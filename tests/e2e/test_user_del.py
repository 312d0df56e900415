"""A removed user's mail is out of the way of the next user of that name, whatever dies meanwhile."""

import os
import signal
import subprocess
import time

import pytest
from conftest import BIN, wait_for

PASSWORD = "a long enough word\n"


def make_dave(suite, mails=3):
    """Dave with some mail; his home."""
    address = f"dave@{suite.domain}"
    suite.ctl("user", "add", address, input=PASSWORD)
    alice = suite.user("alice")["address"]
    with suite.smtp("alice") as c:
        for i in range(mails):
            c.sendmail(alice, [address], f"From: {alice}\r\nTo: {address}\r\nSubject: private {i}\r\n\r\nx\r\n")
    home = suite.maildir("alice").parents[1] / "dave"
    wait_for(lambda: len(list(home.glob("Maildir/new/*")) + list(home.glob("Maildir/cur/*"))) == mails,
             what="delivery to dave")
    return address, home


@pytest.fixture
def dave(suite):
    address, home = make_dave(suite)
    suite.info["users"].append({"address": address, "password": PASSWORD.strip(), "maildir": str(home / "Maildir")})
    yield address, home
    suite.info["users"].pop()
    suite.ctl("user", "del", address, "--purge", check=False)
    for p in home.parent.glob(".deleted-dave-*"):
        subprocess.run(["rm", "-r", p], check=True)


def kept(home):
    return list(home.parent.glob(".deleted-dave-*"))


def test_the_mail_is_put_aside(suite, dave):
    address, home = dave
    assert len(suite.inbox("dave")) == 3
    suite.ctl("user", "del", address)
    # When gkmail has answered it is done.
    assert not home.exists() and len(kept(home)) == 1
    assert len(list(kept(home)[0].glob("Maildir/*/*"))) >= 3
    suite.ctl("user", "add", address, input=PASSWORD)
    assert suite.inbox("dave") == []
    suite.ctl("user", "del", address)
    assert len(kept(home)) == 2


def test_purge_removes_it(suite, dave):
    address, home = dave
    (home / "Maildir/.a folder").mkdir()
    suite.inbox("alice")
    (home / "Maildir/.a folder/elsewhere").symlink_to(home.parent / "alice")
    for i in range(1000):
        (home / "Maildir/.a folder" / f"file {i}").touch()
    if os.geteuid() == 0:
        st = home.stat()
        os.chown(home / "Maildir/.a folder", st.st_uid, st.st_gid)
    suite.ctl("user", "del", address, "--purge")
    assert not home.exists() and not kept(home) and not list(home.parent.glob(".purge*"))
    assert (home.parent / "alice/Maildir/cur").is_dir()
    suite.ctl("user", "add", address, input=PASSWORD)
    assert suite.inbox("dave") == []


def test_open_connections_end_first(suite, dave):
    address, home = dave
    with suite.imap("dave") as c:
        c.select("INBOX")
        suite.ctl("user", "del", address)
        assert not home.exists() and len(kept(home)) == 1
        with pytest.raises(Exception):
            c.noop()
            c.noop()


def test_the_name_is_not_free_before(suite, dave):
    """mailboxd stands still, so the home cannot be put aside: no new dave yet."""
    address, home = dave
    mailboxd = suite.processes()["mailboxd"]
    os.kill(mailboxd, signal.SIGSTOP)
    try:
        p = subprocess.Popen([BIN / "gkmail", "--dir", suite.dir, "user", "del", address], stdout=subprocess.PIPE)
        wait_for(lambda: address not in suite.ctl("user", "list").stdout, what="the end of the account")
        done = suite.ctl("user", "add", address, input=PASSWORD, check=False)
        assert done.returncode == 75 and "put aside" in done.stderr
    finally:
        os.kill(mailboxd, signal.SIGCONT)
    assert p.wait(20) == 0
    p.stdout.close()
    assert not home.exists()
    suite.ctl("user", "add", address, input=PASSWORD)
    assert suite.inbox("dave") == []


def test_a_crash_of_any_loses_nothing(suite, dave):
    """mailboxd and authd are killed before the home is put aside."""
    address, home = dave
    before = suite.processes()
    os.kill(before["mailboxd"], signal.SIGSTOP)
    p = subprocess.Popen([BIN / "gkmail", "--dir", suite.dir, "user", "del", address, "--purge"],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(lambda: address not in suite.ctl("user", "list").stdout, what="the end of the account")
    assert home.exists()
    os.kill(before["authd"], signal.SIGKILL)
    os.kill(before["mailboxd"], signal.SIGKILL)
    p.wait(20)
    p.stdout.close()
    p.stderr.close()
    wait_for(lambda: suite.status()["ready"], what="both again")
    wait_for(lambda: not home.exists(), what="the removal")
    end = time.monotonic() + 20
    while suite.ctl("user", "add", address, input=PASSWORD, check=False).returncode == 75:
        assert time.monotonic() < end
    assert suite.inbox("dave") == []
