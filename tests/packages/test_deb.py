"""The Debian package in a fresh Debian 12: installed, set up, used, upgraded, removed, installed again, purged.

`make packages` builds both versions that this takes, GKMAIL_DEB and GKMAIL_DEB_NEXT.
"""

import os
import re
import subprocess
import time
from pathlib import Path

import pytest
from machine import Machine, commands, debootstrap, depends, why_not

ROOT = Path(__file__).resolve().parents[2]
DEB, NEXT = os.environ.get("GKMAIL_DEB", ""), os.environ.get("GKMAIL_DEB_NEXT", "")

USERS = str(len(re.findall(r"^u ", (ROOT / "etc/gkmail.sysusers").read_text(), re.M)))

pytestmark = pytest.mark.skipif(bool(why_not() or not DEB), reason=why_not() or "make packages builds what this takes")

WORDS = r"""
export PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
cd /root
echo 'a long secret' >pw
printf 'Subject: hello\r\n\r\nhello\r\n' >mail
ready() { i=0; until gkmail status --json 2>/dev/null | grep -q '"ready": *true'; do
	i=$((i + 1)); [ $i -lt 300 ] || { gkmail status; gkmail log | tail -20; return 1; }; sleep 0.1; done; }
send() { curl -s smtp://localhost --mail-from x@y.test --mail-rcpt postmaster@example.org -T mail; }
count() { i=0; until curl -sk imaps://localhost/INBOX -u me@example.org:'a long secret' -X 'STATUS INBOX (MESSAGES)' |
	grep -q "MESSAGES $1"; do i=$((i + 1)); [ $i -lt 100 ] || { echo "not $1 messages"; return 1; }; sleep 0.1; done; echo "MESSAGES $1"; }
# No mail but what the stories send.
setup() { gkmail setup mail.example.org --domain example.org --user me@example.org --yes --offline --no-start <pw; }
"""


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("debian")
    yield path
    subprocess.run(["rm", "-rf", "--one-file-system", path])


@pytest.fixture(scope="session")
def base(folder):
    """GKMAIL_DEBIAN=folder: made there, and kept for the next time."""
    path = Path(os.environ.get("GKMAIL_DEBIAN") or folder / "base")
    started = time.monotonic()
    if not path.exists():
        debootstrap(path, ["systemd-sysv", "curl", "logrotate", "procps", *depends(DEB)])
        print(f"\nDebian 12 in {time.monotonic() - started:.0f} s")
    return path


@pytest.fixture
def machine(base, folder, request):
    m = Machine(base, folder / request.node.name)
    for deb in (DEB, NEXT):
        m.put(deb)
    yield m
    subprocess.run(["rm", "-rf", "--one-file-system", m.root])


def test_the_life_of_a_package(machine):
    """systemd starts, confines and ends the server. Data and what an administrator changed outlive all but purge, mail purge too."""
    steps = machine.boot(WORDS + rf"""
OLD={Path(DEB).name} NEW={Path(NEXT).name}
step install
dpkg -i $OLD
systemctl is-enabled gkmail; systemctl is-active gkmail || true
systemctl show gkmail -p ConditionResult -p Result
systemctl is-enabled gkmail-backup.timer || true
getent passwd | grep -c '^gkmail-'
step setup
date +%s.%N; setup; systemctl start gkmail; ready; date +%s.%N
step security
systemd-analyze security --no-pager gkmail
step confined
grep -E '^(Cap(Bnd|Eff)|NoNewPrivs|Seccomp_filters)' /proc/$(systemctl show -P MainPID gkmail)/status
for p in $(pgrep gk-); do stat -c %U /proc/$p | tr '\n' ' '; cat /proc/$p/comm; done
gkmail log | grep sandbox.missing || echo 'no layer is missing'
gkmail status --metrics | grep -E 'gkmail_process_resident_memory_bytes.*"authd"'
step mail
send; count 1
printf 'To: me@example.org\nSubject: from cron\n\nhello\n' | /usr/lib/sendmail -t; count 2
step backup
date +%s; systemctl enable --now gkmail-backup.timer; systemctl list-timers --no-pager gkmail-backup.timer
systemctl start gkmail-backup.service; systemctl show -P Result gkmail-backup.service
gkmail backup list; gkmail backup verify --all; stat -c '%U %a' /var/backups/gkmail
systemd-analyze security --no-pager gkmail-backup.service | tail -n 1
step rotate
logrotate -f /etc/logrotate.d/gkmail; ls /var/log/gkmail.log /var/log/gkmail.log.1; send; count 3
grep -c smtp.accept /var/log/gkmail.log
step upgrade
echo '# mine' >>/etc/logrotate.d/gkmail; echo '# mine' >>/etc/gkmail/gkmail.toml
gkmail version
date +%s.%N; dpkg -i $NEW; ready; date +%s.%N
gkmail version; systemctl is-active gkmail
tail -n 1 /etc/logrotate.d/gkmail /etc/gkmail/gkmail.toml
count 3; send; count 4
step reload
systemctl reload gkmail; systemctl is-active gkmail; systemctl is-active gkmail-backup.timer
step remove
dpkg -r gkmail; systemctl is-active gkmail || true
pgrep -l gk- || echo 'no process'
systemctl is-active gkmail-backup.timer || true
ls -d /etc/gkmail/gkmail.toml /var/lib/gkmail/mail /etc/logrotate.d/gkmail
step again
dpkg -i $NEW; ready; count 4; tail -n 1 /etc/gkmail/gkmail.toml
step wrong
sed -i 's/^host_name/hostname/' /etc/gkmail/gkmail.toml
dpkg -i $NEW; until systemctl is-failed gkmail; do sleep 0.1; done; journalctl -q -u gkmail -n 20 --no-pager
systemctl show -P NRestarts gkmail
step purge
dpkg -P gkmail
ls -d /etc/gkmail /var/log/gkmail.log* /etc/logrotate.d/gkmail 2>&1 || true
find /var/lib/gkmail/mail -type f -path '*/cur/*' -o -type f -path '*/new/*' | wc -l
step fresh
dpkg -i $OLD; setup; systemctl start gkmail; ready; count 4
""")
    assert "gkmail setup" in steps["install"] and "ConditionResult=no" in steps["install"]
    assert re.search(r"^enabled\ninactive$", steps["install"], re.M) and steps["install"].split()[-1] == USERS
    assert re.search(r"^disabled$", steps["install"], re.M)
    assert re.search(r"^success$", steps["backup"], re.M) and "root 700" in steps["backup"], steps["backup"]
    assert steps["reload"].split() == ["active", "active"], steps["reload"]
    exposure = float(re.search(r"exposure level for gkmail.service: ([\d.]+)", steps["security"]).group(1))
    assert exposure <= 2.7, steps["security"]
    assert "CapBnd:\t00000000000405eb" in steps["confined"] and "no layer is missing" in steps["confined"], steps["confined"]
    # What master reads in /proc of daemons that are other users it sees though the unit hides processes.
    assert re.search(r'"authd"\} [1-9]', steps["confined"]), steps["confined"]
    for line in ("root gk-master", "gkmail-auth gk-authd", "gkmail-store gk-mailboxd", "gkmail-web gk-webd"):
        assert line in steps["confined"], steps["confined"]
    assert steps["rotate"].strip().endswith("1")
    versions = re.findall(r"\S+-[0-9a-f]{12}", steps["upgrade"])
    assert len(versions) >= 2 and versions[0] != versions[-1] and "\nactive\n" in steps["upgrade"], steps["upgrade"]
    assert steps["upgrade"].count("# mine") == 2, steps["upgrade"]
    assert steps["remove"].count("inactive") == 2 and "no process" in steps["remove"]
    assert "# mine" in steps["again"]
    assert "failed" in steps["wrong"] and "did you mean host_name" in steps["wrong"], steps["wrong"]
    assert steps["wrong"].split()[-1] == "0"  # started anew: not once
    assert "rm -r /var/lib/gkmail" in steps["purge"] and steps["purge"].strip().endswith("4")
    assert steps["purge"].count("cannot access") == 3 or "No such file" in steps["purge"]
    for name in ("setup", "upgrade"):
        a, b = re.findall(r"^\d{10}\.\d+$", steps[name], re.M)
        print(f"\n{name}: {float(b) - float(a):.1f} s", end="")
    print(f"\nsystemd-analyze security: {exposure}; of the backup {re.search(r'service: ([0-9.]+)', steps['backup']).group(1)}")


def test_what_the_documents_say(machine):
    """Each command of docs/INSTALLATION.md that is about the package, as it stands there."""
    assert commands("ADMIN_GUIDE.md", "Backup and restore").count("sudo systemctl enable --now gkmail-backup.timer") == 1
    lines = [x for heading in ("Debian package", "First start", "Is it well?", "Upgrading and removing")
             for x in commands("INSTALLATION.md", heading)]
    names = dict.fromkeys(re.findall(r"gkmail_\S+\.deb", "\n".join(lines)))
    assert len(names) == 2 and len(lines) > 10
    for name, deb in zip(names, (DEB, NEXT)):
        machine.put(deb, name)
    story = WORDS + 'sudo() { "$@"; }; cp pw password\n'
    for line in lines:
        story += f"step '{line}'\n{line}\n" + ("ready\n" if re.search(r"systemctl start|0\.1\.1", line) else "")
    steps = machine.boot(story + "step end\nls -d /var/lib/gkmail/mail; ls -d /etc/gkmail || true\n")
    assert "_domainkey" in steps["sudo gkmail dns example.org"] and "me@example.org" in steps["sudo gkmail user list"]
    assert "active" in steps["systemctl is-active gkmail"] and "cannot access '/etc/gkmail'" in steps["end"]


def test_without_systemd(machine):
    """The init script does what the unit does: nothing before setup, restart by an upgrade, stop by removal."""
    # As sysvinit tells whom it starts; where no runlevel is known invoke-rc.d starts nothing.
    steps = machine.shell("export RUNLEVEL=2 PREVLEVEL=N\n" + WORDS + rf"""
step install
dpkg -i {Path(DEB).name}; service gkmail start; pgrep -l gk- || echo 'no process'
step start
setup; service gkmail start; ready; service gkmail status
send; count 1
step upgrade
dpkg -i {Path(NEXT).name}; ready; gkmail version; count 1
step remove
dpkg -r gkmail; pgrep -l gk- || echo 'no process'
ls /var/lib/gkmail
""")
    assert "gkmail setup comes first" in steps["install"] and "no process" in steps["install"]
    assert "is running" in steps["start"] and len(set(re.findall(r"\S+-[0-9a-f]{12}", steps["upgrade"]))) == 1
    assert "no process" in steps["remove"] and "mail" in steps["remove"]
