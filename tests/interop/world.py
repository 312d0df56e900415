"""A small internet: GK Mail twice, Debian's Postfix with OpenDKIM and OpenDMARC, and a signed DNS, each a host of its own (net.py), and
hosts that misbehave (odd.py).

nsd serves the zones, unbound validates for Postfix; GK Mail asks nsd through its own gk-dnsd. Everybody listens on port 25.
Root only: ports, name spaces, Postfix's users.
"""

import contextlib
import email
import email.policy
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / n) for n in ("e2e", "bench")]

from net import PATH, Host, add_address, leave_the_machine, run  # noqa: E402
from odd import Odd, PolicyHost  # noqa: E402
from peers import MASTER_CF  # noqa: E402
from suite import Suite, wait_for  # noqa: E402,F401

PROGRAMS = ("postfix", "opendkim", "opendmarc", "nsd", "unbound", "ldns-signzone", "ip")
OURS = "10.53.255.1"
NSD, RESOLVER = "10.53.0.54", "10.53.0.53"
POSTFIX = "10.53.3.1"


def missing():
    """Why the world cannot be made here, or None."""
    if os.geteuid() != 0:
        return "interop needs root (ports, name spaces)"
    for p in PROGRAMS:
        if shutil.which(p, path=PATH) is None:
            return f"{p} is not installed"
    try:
        run("unshare", "-n", "-m", "sh", "-c", "ip link add br0 type bridge && ip link add va type veth peer name vb")
    except RuntimeError:
        return "this kernel, or container, lets us make no name spaces with bridges"
    return None


def certificate(directory, name, ca):
    """A P-256 certificate for the names, by the authority; (certificate, key) files."""
    key, csr, crt, ext = (directory / f"{name}.{x}" for x in ("key", "csr", "pem", "ext"))
    run("openssl", "ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", key)
    run("openssl", "req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", csr)
    ext.write_text(f"subjectAltName=DNS:{name},DNS:localhost\n")
    run("openssl", "x509", "-req", "-in", csr, "-CA", ca / "ca.pem", "-CAkey", ca / "ca.key", "-CAcreateserial",
        "-days", "30", "-extfile", ext, "-out", crt)
    return crt, key


def authority(directory):
    directory.mkdir()
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
        directory / "ca.key", "-out", directory / "ca.pem", "-days", "30", "-subj", "/CN=interop authority")
    return directory


def tlsa(certificate_file):
    """TLSA 3 1 1 of a certificate (RFC 7671 5.1)."""
    der = subprocess.run(["openssl", "x509", "-in", certificate_file, "-noout", "-pubkey"], capture_output=True, check=True)
    key = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=der.stdout, capture_output=True, check=True)
    return "3 1 1 " + subprocess.run(["openssl", "dgst", "-sha256", "-r"], input=key.stdout, capture_output=True,
                                     check=True).stdout.decode().split()[0]


class Dns:
    """nsd with test. and zones below it, most of them signed, and unbound that validates them. test. is signed, and where
    trust begins: what is below is proven by its DS records, or proven not to be signed."""

    def __init__(self, directory):
        self.dir = directory
        self.dir.mkdir()
        self.dir.chmod(0o755)
        self.host = Host("dns", NSD, RESOLVER)
        self.zones, self.keys, self.processes = {}, {}, []

    def ds(self, zone):
        if zone not in self.keys:
            name = zone + "."
            key = run("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", name, cwd=self.dir).strip()
            self.keys[zone] = key, re.sub(r"\s+", " ", (self.dir / f"{key}.ds").read_text().strip())
        return self.keys[zone][1]

    def put(self, zone, records, signed=True, spoilt=False):
        """A zone, served from the next start() on. Spoilt: signed by a key that is not the one known to resolvers."""
        path = self.dir / zone
        path.write_text(f"$ORIGIN {zone}.\n$TTL 5\n@ IN SOA ns hostmaster {int(time.time())} 3600 600 86400 1\n"
                        f"@ IN NS ns\nns IN A {NSD}\n{records}\n")
        if signed:
            self.ds(zone)
            key = self.keys[zone][0]
            if spoilt:
                key = run("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", f"{zone}.", cwd=self.dir).strip()
            run("ldns-signzone", "-n", path, key, cwd=self.dir)
        self.zones[zone] = signed

    def put_parent(self):
        """test., after the others."""
        children = [z for z in self.zones if z.endswith(".test")]
        self.put("test", "\n".join(f"{z}. IN NS ns.{z}.\nns.{z}. IN A {NSD}\n" + (self.ds(z) if self.zones[z] else "")
                                   for z in children))

    def start(self):
        self.stop()
        self.put_parent()
        conf = [f'server:\n  ip-address: {NSD}@53\n  zonesdir: "{self.dir}"\n  username: ""\n  chroot: ""\n'
                f'  pidfile: "{self.dir}/nsd.pid"\n  database: ""\n  zonelistfile: "{self.dir}/list"\n'
                f'  xfrdfile: "{self.dir}/xfrd"\n  logfile: "{self.dir}/nsd.log"\n  server-count: 1\n  rrl-ratelimit: 0\n'
                "remote-control:\n  control-enable: no\n"]
        stubs = []
        for zone, signed in self.zones.items():
            conf.append(f'zone:\n  name: "{zone}"\n  zonefile: "{zone}{".signed" if signed else ""}"\n')
            stubs.append(f'stub-zone:\n  name: "{zone}"\n  stub-addr: {NSD}\n')
        (self.dir / "nsd.conf").write_text("".join(conf))
        (self.dir / "unbound.conf").write_text(
            f'server:\n  interface: {RESOLVER}\n  username: ""\n  chroot: ""\n  directory: "{self.dir}"\n  pidfile: ""\n'
            f'  logfile: "{self.dir}/unbound.log"\n  use-syslog: no\n  do-not-query-localhost: no\n  do-daemonize: no\n'
            '  access-control: 10.0.0.0/8 allow\n  local-zone: "test." nodefault\n  local-zone: "10.in-addr.arpa." nodefault\n'
            f'  trust-anchor: "{self.ds("test")}"\n  domain-insecure: "10.in-addr.arpa"\n' + "".join(stubs) + "remote-control:\n  control-enable: no\n")
        for command in (["nsd", "-d", "-c", self.dir / "nsd.conf"], ["unbound", "-d", "-c", self.dir / "unbound.conf"]):
            with self.host:
                self.processes.append(subprocess.Popen([shutil.which(command[0], path=PATH), *map(str, command[1:])],
                                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        wait_for(lambda: "nsd started" in (self.dir / "nsd.log").read_text() if (self.dir / "nsd.log").exists() else False)
        wait_for(lambda: "start of service" in (self.dir / "unbound.log").read_text()
                 if (self.dir / "unbound.log").exists() else False)

    def stop(self):
        for p in self.processes:
            p.terminate()
            p.wait(10)
        self.processes = []
        for n in ("nsd.log", "unbound.log"):
            (self.dir / n).unlink(missing_ok=True)

    def conf(self):
        """[dns] of a GK Mail in this world."""
        return (f"[dns]\nzones = ['test {NSD}', '10.in-addr.arpa {NSD}']\ntrust_anchors = ['{self.ds('test')}']\n"
                "insecure = ['10.in-addr.arpa']\ntimeout = '3s'\n")


MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = {address}
inet_protocols = ipv4
smtp_bind_address = {address}
myhostname = mx.post.test
myorigin = post.test
mydestination =
mynetworks = {address}/32 127.0.0.0/8
smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination
virtual_mailbox_domains = post.test
virtual_mailbox_base = {dir}/mail
virtual_mailbox_maps = static:box/
virtual_uid_maps = static:64100
virtual_gid_maps = static:64100
maillog_file = {dir}/log
maillog_file_prefixes = {dir}
smtpd_tls_cert_file = {cert}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = may
smtp_dns_support_level = dnssec
smtp_host_lookup = dns
smtp_tls_security_level = dane
smtp_tls_loglevel = 1
smtpd_milters = inet:127.0.0.1:8891, inet:127.0.0.1:8893
non_smtpd_milters = inet:127.0.0.1:8891
milter_default_action = tempfail
minimal_backoff_time = 2s
maximal_backoff_time = 4s
queue_run_delay = 2s
smtp_address_preference = ipv4
"""


class Postfix:
    def __init__(self, directory, ca):
        self.dir = directory
        self.dir.mkdir()
        self.dir.chmod(0o755)
        self.host = Host("post", POSTFIX)
        for d in ("conf", "queue", "data", "mail/box/new", "mail/box/cur", "mail/box/tmp", "dkim"):
            (self.dir / d).mkdir(parents=True)
        self.cert, key = certificate(self.dir, "mx.post.test", ca)
        run("opendkim-genkey", "-D", self.dir / "dkim", "-d", "post.test", "-s", "p1", "-b", "2048")
        values = dict(dir=self.dir, address=POSTFIX, cert=self.cert, key=key)
        (self.dir / "conf/main.cf").write_text(MAIN_CF.format(**values))
        services = "".join(x + "\n" for x in MASTER_CF.splitlines() if not x.startswith((" ", "127")))
        (self.dir / "conf/master.cf").write_text(f"{POSTFIX}:25 inet n - n - - smtpd\n" + services)
        (self.dir / "opendkim.conf").write_text(
            f"Domain post.test\nSelector p1\nKeyFile {self.dir}/dkim/p1.private\nSocket inet:8891@127.0.0.1\n"
            f"Mode sv\nInternalHosts csl:{POSTFIX},127.0.0.1\nBackground no\nSyslog no\nCanonicalization relaxed/relaxed\n"
            f"AlwaysAddARHeader yes\nAuthservID mx.post.test\nResolverConfiguration {self.dir}/resolver.conf\nUserID root\nRequireSafeKeys no\n")
        (self.dir / "suffixes").write_text("test\n")
        (self.dir / "opendmarc.conf").write_text(
            "AuthservID mx.post.test\nTrustedAuthservIDs mx.post.test\nSocket inet:8893@127.0.0.1\nSPFSelfValidate yes\n"
            f"PublicSuffixList {self.dir}/suffixes\nSPFIgnoreResults yes\nRejectFailures yes\nBackground no\nSyslog no\nUserID root\n")
        # Its libunbound takes test. for a zone of its own, which is empty.
        (self.dir / "resolver.conf").write_text('server:\n  local-zone: "test." nodefault\n'
                                                f'forward-zone:\n  name: "."\n  forward-addr: {RESOLVER}\n')
        run("chown", "-R", "64100:64100", self.dir / "mail")
        shutil.chown(self.dir / "data", "postfix", "postfix")
        self.milters = []

    def records(self):
        """The records of post.test."""
        txt = re.sub(r"\)\s*;.*", ")", (self.dir / "dkim/p1.txt").read_text())
        return (f"@ IN MX 10 mx\nmx IN A {POSTFIX}\n@ IN TXT \"v=spf1 ip4:{POSTFIX} -all\"\n{txt}\n"
                f"_dmarc IN TXT \"v=DMARC1; p=reject; rua=mailto:box@post.test\"\n_25._tcp.mx IN TLSA {tlsa(self.cert)}\nmx IN TXT \"v=spf1 a -all\"\n")

    def start(self):
        with self.host:
            self.begin()

    def begin(self):
        run("postfix", "-c", self.dir / "conf", "set-permissions", check=False)
        run("postfix", "-c", self.dir / "conf", "check", check=False)
        for program, words in (("opendkim", ("-f", "-x", self.dir / "opendkim.conf")),
                               ("opendmarc", ("-f", "-c", self.dir / "opendmarc.conf"))):
            self.milters.append(subprocess.Popen([shutil.which(program, path=PATH), *map(str, words)],
                                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        try:
            run("postfix", "-c", self.dir / "conf", "start")
        except RuntimeError as e:
            raise RuntimeError(self.log()) from e

    def stop(self):
        with self.host:  # it wants its address to be one of the machine's
            run("postfix", "-c", self.dir / "conf", "stop")
        for m in self.milters:
            m.terminate()
            m.wait(10)

    def log(self):
        return (self.dir / "log").read_text() if (self.dir / "log").exists() else ""

    def inbox(self):
        return [f.read_bytes() for f in sorted((self.dir / "mail/box/new").iterdir())]

    def send(self, sender, to, text):
        with self.host:
            subprocess.run([shutil.which("sendmail", path=PATH), "-C", str(self.dir / "conf"), "-f", sender, to], input=text,
                           check=True)


class Mail(Suite):
    """A GK Mail of a domain on a host of its own."""

    def __init__(self, directory, domain, address, extra=""):
        self.address, self.mx = address, f"mx.{domain}"
        self.host = Host(domain.split(".")[0], address)
        super().__init__(directory, "--users", "3", "--domain", domain, config=(
            f'[server]\nhost_name = "{self.mx}"\n[smtp]\nlisten = ["{address}:25"]\n[dmarc]\nreport_address = ["bob@{domain}"]\n{extra}'))

    def records(self):
        """What gkmail says that the zone needs, and the address, which only we know."""
        self.ctl("dkim", "generate", self.domain)
        return f"mx IN A {self.address}\n" + self.ctl("dns", self.domain).stdout

    def policy(self, world):
        """The web server of its MTA-STS policy."""
        with self.host:
            return PolicyHost(self.address, world.certificate(f"mta-sts.{self.domain}"),
                              f"version: STSv1\nmode: enforce\nmx: {self.mx}\nmax_age: 604800\n")

    def start(self):
        with self.host:
            return super().start()

    @contextlib.contextmanager
    def smtp(self, *words, **more):
        with self.host, super().smtp(*words, **more) as c:
            yield c

    @contextlib.contextmanager
    def imap(self, *words, **more):
        with self.host, super().imap(*words, **more) as c:
            yield c

    def write(self, to, subject, sender="alice", body="hello\r\n"):
        """A user submits a message."""
        address = self.user(sender)["address"]
        with self.smtp(sender) as c:
            c.sendmail(address, [to], message(address, to, subject, body))

    def found(self, subject, user="alice"):
        """The messages of that subject in the user's INBOX."""
        return [m for m in self.inbox(user) if f"Subject: {subject}\r\n".encode() in m]


def message(sender, to, subject, body="hello\r\n"):
    return (f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{subject.replace(' ', '.')}@interop.test>\r\n"
            f"Date: Sun, 22 Nov 2026 12:00:00 +0000\r\n\r\n{body}").encode()


def results(raw, host):
    """method -> result, of the Authentication-Results that the host put there."""
    out = {}
    for field in email.message_from_bytes(raw, policy=email.policy.default).get_all("Authentication-Results") or []:
        text = re.sub(r"\([^()]*\)", "", str(field))
        if text.split(";")[0].split()[0] == host:
            for part in text.split(";")[1:]:
                if m := re.match(r"\s*([a-z]+)\s*=\s*([a-z]+)", part):
                    out.setdefault(m[1], m[2])
    return out


class World:
    unsigned = ("plain.test", "10.in-addr.arpa")

    def __init__(self, directory):
        self.dir = directory
        self.ca = authority(directory / "ca")
        (directory / "resolv.conf").write_text(f"nameserver {RESOLVER}\noptions edns0 trust-ad\n")
        leave_the_machine(OURS, directory / "resolv.conf", self.ca / "ca.pem")
        self.dns = Dns(directory / "dns")
        conf = self.dns.conf()
        soon = "[queue]\nretry_first = '1s'\nretry_max = '2s'\nlifetime = '25s'\ndelay_notice = '8s'\n[remote]\ngreeting_timeout = '2s'\n"
        self.one = Mail(directory / "one", "one.test", "10.53.1.1", conf + soon)
        # Mail to one domain takes a smart host with a login, and mail below another what that domain's MX is.
        password = directory / "smart.password"
        password.write_text("a long secret\n")
        password.chmod(0o600)
        routes = ("[[route]]\ndomain = 'far.example'\nhost = 'mx.smart.odd.test'\ntls = 'required'\nuser = 'customer'\n"
                  f"password_file = '{password}'\n[[route]]\ndomain = '.branch.example'\nhost = 'mx:works.odd.test'\n")
        self.two = Mail(directory / "two", "two.test", "10.53.2.1", conf + routes)
        self.postfix = Postfix(directory / "postfix", self.ca)
        self.odd, self.records = {}, {"odd.test": [], "plain.test": [], "bogus.test": []}

    # ---- hosts that misbehave ----

    def add(self, name, zone="odd.test", n=None, certificate=None, tlsa_of=None, listen=True, **replies):
        """A domain NAME.ZONE whose one MX is an odd host. tlsa_of: the certificate file that its TLSA record is of."""
        n = n or len(self.odd) + 1
        address, lines = f"10.53.9.{n}", self.records[zone]
        lines += [f"{name} IN MX 10 mx.{name}", f"mx.{name} IN A {address}"]
        if tlsa_of:
            lines.append(f"_25._tcp.mx.{name} IN TLSA {tlsa(tlsa_of)}")
        if listen:
            self.odd[name] = Odd(address, certificate, **replies)
        else:
            add_address(address)
            self.odd[name] = None
        return self.odd[name]

    def certificate(self, name):
        return certificate(self.dir / "ca", name, self.ca)

    def self_signed(self, name):
        crt, key = self.dir / "ca" / f"{name}.self.pem", self.dir / "ca" / f"{name}.self.key"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
            "-out", crt, "-days", "30", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}")
        return crt, key

    # ---- life ----

    def reverse(self):
        hosts = {s.address: s.mx for s in (self.one, self.two)} | {POSTFIX: "mx.post.test"}
        return "".join(f"{'.'.join(reversed(a.split('.')[1:]))} IN PTR {name}.\n" for a, name in hosts.items())

    def start(self):
        """Call once all odd hosts are added."""
        for s in (self.one, self.two):
            s.start()
            self.dns.put(s.domain, s.records())
            self.odd[f"web-{s.domain}"] = s.policy(self)
        self.dns.put("post.test", self.postfix.records())
        self.dns.put("10.in-addr.arpa", self.reverse(), signed=False)
        for zone, lines in self.records.items():
            self.dns.put(zone, "\n".join(lines), signed=zone not in self.unsigned, spoilt=zone == "bogus.test")
        self.dns.start()
        self.postfix.start()
        return self

    def stop(self):
        self.postfix.stop()
        wrong = []
        for s in (self.one, self.two):
            wrong += [x for x in s.log().splitlines() if re.search(r" error master |loop\.slow", x)]
            if s.stop() != 0:
                wrong.append(f"{s.domain} did not drain\n{s.errors()[-4000:]}")
        for h in self.odd.values():
            if h:
                h.stop()
        self.dns.stop()
        assert not wrong, wrong
