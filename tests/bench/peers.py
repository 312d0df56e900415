"""Debian's Postfix and Dovecot as private instances on loopback, to stand beside GK Mail in the same run.

Postfix takes SMTP (25 and 465 alike) and delivers with its own virtual(8) into Maildirs, each file synced as Postfix does;
Dovecot reads the same Maildirs. Both need root. Their whole configuration is written here and printed with the results.
"""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from measure import anywhere

MAIL_UID = 64100
USERS = 20
PASSWORD = "bench-password"
DOMAIN = "bench.test"

DOVECOT = """\
base_dir = {dir}/dovecot
state_dir = {dir}/dovecot
log_path = {dir}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{cert}
ssl_key = <{key}
disable_plaintext_auth = yes
mail_location = maildir:{dir}/mail/%n/
first_valid_uid = 1000
mail_uid = {uid}
mail_gid = {uid}
default_client_limit = 20000
# Many logins of one user at a time are what is measured, not refused.
mail_max_userip_connections = 0
default_process_limit = 2000
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={uid} home={dir}/mail/%n
}}
service imap-login {{
  # One process for many logins, as Dovecot's manual advises for speed.
  service_count = 0
  client_limit = 2000
  process_min_avail = 2
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service imap {{
  service_count = 100
  process_limit = 2000
}}
service auth {{
  unix_listener {dir}/postfix/private/auth {{
    mode = 0666
  }}
}}
"""

MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {dir}/postfix
data_directory = {dir}/postfix-data
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.{domain}
mydestination =
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {dir}/mail
virtual_mailbox_maps = texthash:{dir}/conf/users
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{uid}
virtual_mailbox_limit = 0
smtpd_peername_lookup = no
maillog_file = {dir}/postfix.log
maillog_file_prefixes = {dir}
smtpd_tls_cert_file = {cert}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = may
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination
mynetworks = 127.0.0.0/8
default_process_limit = 150
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
# Not slowed on purpose when it takes mail faster than it delivers.
in_flow_delay = 0
"""

MASTER_CF = """\
127.0.0.1:{smtp} inet n - n - - smtpd
127.0.0.1:{smtps} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def addresses():
    return [f"u{i}@{DOMAIN}" for i in range(USERS)]


class Peers:
    name = "Postfix + Dovecot"

    def __init__(self, directory):
        self.dir = Path(directory)
        self.ports = {n: free_port() for n in ("smtp", "submissions", "imaps")}
        self.dovecot = None

    def write(self):
        d = self.dir
        for sub in ("conf", "postfix", "postfix-data", "mail", "dovecot"):
            (d / sub).mkdir(parents=True)
        d.chmod(0o755)
        cert, key = d / "cert.pem", d / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", key, "-out", cert, "-days", "30", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
        values = dict(dir=d, cert=cert, key=key, uid=MAIL_UID, password=PASSWORD, domain=DOMAIN,
                      smtp=self.ports["smtp"], smtps=self.ports["submissions"], imaps=self.ports["imaps"])
        (d / "conf/main.cf").write_text(MAIN_CF.format(**values))
        (d / "conf/master.cf").write_text(MASTER_CF.format(**values))
        (d / "conf/dovecot.conf").write_text(DOVECOT.format(**values))
        (d / "conf/users").write_text("".join(f"{a} {a.split('@')[0]}/\n" for a in addresses()))
        for a in addresses():
            home = self.maildir(a)
            for sub in ("cur", "new", "tmp"):
                (home / sub).mkdir(parents=True)
        subprocess.run(["chown", "-R", f"{MAIL_UID}:{MAIL_UID}", d / "mail"], check=True)
        shutil.chown(d / "postfix-data", "postfix", "postfix")

    def start(self):
        self.write()
        conf = self.dir / "conf"
        # Dovecot first: Postfix finds its SASL socket when it makes the directories.
        subprocess.run(["postfix", "-c", conf, "set-permissions"], capture_output=True)
        subprocess.run(["postfix", "-c", conf, "check"], capture_output=True)
        with anywhere():
            self.dovecot = subprocess.Popen(["dovecot", "-F", "-c", conf / "dovecot.conf"])
            subprocess.run(["postfix", "-c", conf, "start"], check=True, capture_output=True)
        for name in self.ports:
            self.wait_port(self.ports[name])
        return self

    @staticmethod
    def wait_port(port):
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"nothing listens on {port}")

    def stop(self):
        subprocess.run(["postfix", "-c", self.dir / "conf", "stop"], capture_output=True)
        if self.dovecot:
            self.dovecot.terminate()
            self.dovecot.wait(20)

    def configuration(self):
        conf = self.dir / "conf"
        postfix = subprocess.run(["postconf", "-c", conf, "-n"], capture_output=True, text=True).stdout
        dovecot = subprocess.run(["doveconf", "-c", conf / "dovecot.conf", "-n"], capture_output=True, text=True).stdout
        return f"# postconf -n\n{postfix}# doveconf -n\n{dovecot}"

    def users(self):
        return addresses()

    def password(self, _user):
        return PASSWORD

    def login_name(self, user):
        return user.split("@")[0]

    def maildir(self, user):
        return self.dir / "mail" / user.split("@")[0]

    def settled(self):
        """Nothing is in the queue: virtual(8) syncs a message's file before it leaves."""
        return not any(f.is_file() for q in ("maildrop", "incoming", "active", "deferred")
                       for f in (self.dir / "postfix" / q).rglob("*"))

    def owner_gone(self, user):
        """No imap process serves the user any more."""

    def forget_cache(self, user):
        for f in self.maildir(user).glob("dovecot.index.cache*"):
            f.unlink()

    def pids(self):
        """Every process of both: the masters and what runs below them."""
        roots = {self.dovecot.pid, int((self.dir / "postfix/pid/master.pid").read_text())}
        return descendants(roots)


def descendants(roots):
    parents = {}
    for p in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(p.name)] = int((p / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError):
            continue
    found = set(roots)
    grown = True
    while grown:
        grown = False
        for pid, parent in parents.items():
            if parent in found and pid not in found:
                found.add(pid)
                grown = True
    return found


def available():
    return os.geteuid() == 0 and shutil.which("postfix") and shutil.which("dovecot")
