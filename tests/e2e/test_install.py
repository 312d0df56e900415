"""An installation as an administrator makes it: make install, gkmail setup, the init script, use, stop."""

import json
import re
import shutil
import subprocess

from conftest import BIN
from installed import ROOT, installed, machine, needs_machine  # noqa: F401  (fixtures)

pytestmark = needs_machine


def test_from_nothing_to_mail_and_away(machine):
    steps = machine(r"""
step setup
gkmail setup mail.example.org --domain example.org --user Me@example.org --yes <pw
step users
getent passwd gkmail-auth gkmail-dns gkmail-smtp gkmail-screen gkmail-sign gkmail-queue gkmail-store gkmail-out gkmail-imap gkmail-web gkmail-mcp gkmail-ai gkmail-connect gkmail-stat gkmail-acme
step start
/etc/init.d/gkmail start; /etc/init.d/gkmail start; /etc/init.d/gkmail status
step status
gkmail status --json
step owners
for p in $(pgrep gk-); do stat -c %U /proc/$p | tr '\n' ' '; cat /proc/$p/comm; done
stat -c '%n %U %a' /var/lib/gkmail/*
step mail
curl -s smtp://localhost --mail-from x@y.test --mail-rcpt postmaster@example.org --mail-rcpt abuse@example.org -T mail
curl -sk smtp://localhost:587 --ssl-reqd -u me@example.org:'a long secret' --mail-from me@example.org \
	--mail-rcpt postmaster@mail.example.org -T mail
for i in 1 2 3 4 5 6 7 8 9; do [ "$(gkmail queue list --json)" = "[]" ] && break; sleep 0.1; done
curl -sk imaps://localhost/INBOX -u me@example.org:'a long secret' -X 'STATUS INBOX (MESSAGES)'
step log
gkmail log | grep ' smtp.accept '
step mode
stat -c '%G %a' /var/log/gkmail.log
step again
gkmail setup --yes
step reload
/etc/init.d/gkmail reload; /etc/init.d/gkmail restart; gkmail user list
step rotate
mv /var/log/gkmail.log /var/log/gkmail.log.1
sed -n '/postrotate/,/endscript/p' /etc/logrotate.d/gkmail | sed '1d;$d' >rotate.sh; sh -e rotate.sh
while ! grep -s log_reopened /var/log/gkmail.log; do sleep 0.05; done
step stop
/etc/init.d/gkmail stop; /etc/init.d/gkmail stop; /etc/init.d/gkmail status || echo $?
pgrep -r R,S,D gk- || echo none
sh -e rotate.sh
""")
    assert "service gkmail start" in steps["setup"] and "user me@example.org" in steps["setup"]
    assert len(re.findall(r"^gkmail-.*:/nonexistent:/usr/sbin/nologin$", steps["users"], re.M)) == 15
    assert "is running" in steps["start"]
    status = json.loads(steps["status"])
    assert status["ready"] and {x["address"].split(":")[-1] for x in status["listeners"]} == \
        {"25", "587", "465", "143", "993", "443", "9090"}
    for line in ("root gk-master", "gkmail-auth gk-authd", "gkmail-dns gk-dnsd", "gkmail-smtp gk-smtpd", "gkmail-screen gk-screen", "gkmail-sign gk-sign", "gkmail-out gk-remote", "gkmail-queue gk-queue",
                 "gkmail-store gk-local", "gkmail-store gk-mailboxd", "gkmail-imap gk-imapd", "gkmail-web gk-webd", "gkmail-mcp gk-mcpd", "gkmail-ai gk-aid", "gkmail-connect gk-connect", "gkmail-stat gk-statd", "gkmail-acme gk-acme",
                 "/var/lib/gkmail/auth gkmail-auth 700", "/var/lib/gkmail/dns gkmail-dns 700", "/var/lib/gkmail/spool gkmail-queue 700",
                 "/var/lib/gkmail/mail gkmail-store 700", "/var/lib/gkmail/tls root 700"):
        assert line in steps["owners"], line
    assert "MESSAGES 2" in steps["mail"]
    assert "from=x@y.test" in steps["log"]
    assert steps["mode"].strip() == "gkmail-admin 640"
    assert "nothing is left to do" in steps["again"]
    assert "me@example.org" in steps["reload"]
    assert "log_reopened" in steps["rotate"]
    assert "\n3\n" in steps["stop"] and "none" in steps["stop"]


def test_a_taken_port_is_said(machine):
    steps = machine(r"""
gkmail setup mail.example.org --domain example.org --yes
python3 -c 'import socket, time; s = socket.create_server(("", 143)); open("bound", "w"); time.sleep(60)' &
while [ ! -e bound ]; do sleep 0.05; done
step start
/etc/init.d/gkmail start 2>&1 || echo "exit $?"
step wrong
sed -i 's/host_name/hostname/' /etc/gkmail/gkmail.toml
/etc/init.d/gkmail start 2>&1 || echo "exit $?"
""")
    assert "imap.listen: listen on *:143: Address already in use" in steps["start"] and "exit 1" in steps["start"]
    assert "did you mean host_name?" in steps["wrong"] and "exit 6" in steps["wrong"]


def test_setup_asks_and_may_be_told_no(machine):
    """At a terminal; and what was said no to is printed as lines that do the same."""
    steps = machine(r"""
step ask
printf '%s\n' mail.example.org example.org me@example.org '' '' no |
	script -qec 'gkmail setup' /dev/null | tr -d '\r'
step lines
gkmail setup >lines; cat lines
grep -E '^  (useradd|groupadd)' lines | sh -e
getent group gkmail-admin; gkmail setup --yes --domain example.org --json
""")
    assert "Name of this server" in steps["ask"] and "[example.org]" in steps["ask"]
    assert "[me@example.org]" in steps["ask"] and "groupadd" in steps["ask"]
    assert "Password" not in steps["ask"]
    assert "gkmail domain add example.org" in steps["lines"]
    last = json.loads(steps["lines"].strip().splitlines()[-1])
    assert (last["ok"], last["written"], last["prepared"], last["running"]) == (True, False, True, False)
    assert last["made"] == ["domain example.org", "signing keys of example.org"]


def test_another_prefix_is_whole(workdir):
    """As an ordinary user would: everything below one folder, and nothing elsewhere."""
    prefix, copy = workdir / "prefix", workdir / "B"
    shutil.copytree(BIN.parent / "obj", copy / "obj")
    for name in ("libgkmail.a", "flags"):
        shutil.copy2(BIN.parent / name, copy)
    done = subprocess.run(["make", "--no-print-directory", "install", f"B={copy}", f"prefix={prefix}"], cwd=ROOT,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert str(prefix / "sbin/gkmail") in done.stdout
    assert f"CONFIG={prefix}/etc/gkmail/gkmail.toml" in (prefix / "etc/init.d/gkmail").read_text()
    for name in ("gkmail.service", "gkmail-backup.service"):
        commands = re.findall(r"^Exec\w+=(\S+) .*?(\S+/gkmail.toml)", (prefix / "lib/systemd/system" / name).read_text(), re.M)
        assert len(commands) == 2 and all(x.startswith(f"{prefix}/") for row in commands for x in row), commands
    assert f"{prefix}/etc/gkmail/gkmail.toml" in subprocess.run(
        [prefix / "sbin/gkmail", "--help"], capture_output=True, text=True).stdout
    for name in ("libexec/gkmail/gk-master", "share/man/man8/gkmail.8", "lib/systemd/system/gkmail-backup.timer",
                 "share/bash-completion/completions/gkmail", "lib/sysusers.d/gkmail.conf"):
        assert (prefix / name).is_file(), name
    subprocess.run(["make", "-s", "uninstall", f"B={copy}", f"prefix={prefix}"], cwd=ROOT, check=True,
                   capture_output=True)
    assert [p for p in prefix.rglob("*") if p.is_file()] == []
