"""Every process is confined: read from /proc, as root with users of their own, else as one ordinary user."""

import os
from pathlib import Path

import pytest

DAEMONS = {"authd", "dnsd", "smtpd", "screen", "sign", "queue", "local", "remote", "mailboxd", "imapd", "webd", "mcpd", "aid", "connect", "statd", "acme"}
FRONTS = {"smtpd", "imapd", "webd", "mcpd"}

# CHOWN, DAC_OVERRIDE, FOWNER, KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE, SYS_CHROOT
MASTER_KEEPS = sum(1 << c for c in (0, 1, 3, 5, 6, 7, 8, 10, 18))


def status_of(pid):
    fields = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        key, _, value = line.partition(":")
        fields[key] = value.strip()
    return fields


def descriptors(pid):
    return {os.readlink(p) for p in Path(f"/proc/{pid}/fd").iterdir()}


def test_every_daemon_runs(suite):
    assert DAEMONS <= set(suite.processes())


@pytest.mark.parametrize("name", sorted(DAEMONS))
def test_daemon_is_closed_in(suite, name):
    s = status_of(suite.processes()[name])
    assert s["Seccomp"] == "2"
    assert s["NoNewPrivs"] == "1"
    uids = set(s["Uid"].split())
    assert len(uids) == 1 and "0" not in uids
    if os.geteuid() == 0 and name == "mailboxd":
        assert int(s["CapEff"], 16) & ~(1 << 18) == 0  # CAP_SYS_CHROOT alone
    else:
        assert int(s["CapEff"], 16) == 0


def test_master_is_a_lesser_root(suite):
    s = status_of(suite.processes()["master"])
    assert s["Seccomp"] == "2" and s["NoNewPrivs"] == "1"
    if os.geteuid() == 0:
        needed = MASTER_KEEPS & int(status_of("self")["CapBnd"], 16)
        assert int(s["CapEff"], 16) == int(s["CapPrm"], 16) == int(s["CapBnd"], 16) == needed
    else:
        assert int(s["CapEff"], 16) == 0


@pytest.mark.parametrize("name", sorted(DAEMONS))
def test_daemon_inherits_what_master_gave_up(suite, name):
    s = status_of(suite.processes()[name])
    assert int(s["Seccomp_filters"]) >= 2
    if os.geteuid() == 0:
        assert int(s["CapBnd"], 16) & ~MASTER_KEEPS == 0


def test_owner_is_closed_in(suite):
    with suite.imap("alice") as c:
        c.select("INBOX")
        s = status_of(suite.owners()[0])
        assert s["Seccomp"] == "2" and s["NoNewPrivs"] == "1"
        assert "0" not in s["Uid"].split() and int(s["CapEff"], 16) == 0
        assert int(s["Seccomp_filters"]) >= 3  # master's, the parent's, its own


@pytest.mark.skipif(os.geteuid() != 0, reason="users of their own need root")
def test_users_are_apart(suite):
    uids = {n: status_of(p)["Uid"].split()[0] for n, p in suite.processes().items() if n in DAEMONS}
    assert uids["local"] == uids["mailboxd"]  # the store's
    assert len(set(uids.values())) == len(DAEMONS) - 1


@pytest.mark.skipif(os.geteuid() != 0, reason="a process is not dumpable: its descriptors are root's to see")
@pytest.mark.parametrize("name", sorted(FRONTS))
def test_front_has_no_descriptor_to_mail(suite, name):
    suite.send()
    with suite.imap("bob") as c:
        c.select("INBOX")
        for d in descriptors(suite.processes()[name]):
            assert "/mail" not in d and "/spool" not in d and "accounts.db" not in d


@pytest.mark.skipif(os.geteuid() != 0, reason="a process is not dumpable: its root is root's to see")
@pytest.mark.parametrize("name", sorted(DAEMONS))
def test_root_directory(suite, name):
    root = os.readlink(f"/proc/{suite.processes()[name]}/root")
    assert root.startswith(str(suite.dir)) and root != "/"
