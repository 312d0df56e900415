"""A small internet in one network name space: GK Mail twice, Debian's Postfix with opendkim, and a signed DNS.

Every host has addresses of its own on loopback and listens on port 25; the whole has a network name space for itself, so
nothing of it meets the machine's own services. nsd serves the zones, unbound validates for Postfix; GK Mail asks nsd
through its own gk-dnsd. Root only: ports, name spaces, Postfix's users.
"""

import ctypes
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / n) for n in ("e2e", "bench")]

from peers import MASTER_CF  # noqa: E402
from suite import Suite, wait_for  # noqa: E402

PROGRAMS = ("postfix", "opendkim", "nsd", "unbound", "ldns-signzone", "ip")
NSD, RESOLVER = "127.0.0.54", "127.0.0.53"
POSTFIX = "127.0.3.1"
PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"
CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000


def missing():
    """Why the world cannot be made here, or None."""
    if os.geteuid() != 0:
        return "interop needs root (ports, name spaces)"
    for p in PROGRAMS:
        if shutil.which(p, path=PATH) is None:
            return f"{p} is not installed"
    return None


def run(*command, cwd=None, check=True):
    r = subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, text=True, env=dict(os.environ, PATH=PATH))
    if check and r.returncode != 0:
        raise RuntimeError(f"{command}: {r.returncode}\n{r.stdout}\n{r.stderr}")
    return r.stdout


def leave_the_machine(resolv_conf):
    """This process, and all it starts from now on, has a network and mounts of its own."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET | CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    run("mount", "--make-rprivate", "/")
    run("ip", "link", "set", "lo", "up")
    run("ip", "address", "add", f"{POSTFIX}/8", "dev", "lo")  # Postfix wants an interface to have it
    resolv_conf.write_text(f"nameserver {RESOLVER}\noptions edns0 trust-ad\n")
    run("mount", "--bind", resolv_conf, "/etc/resolv.conf")


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
    """nsd with signed zones below a signed root, and unbound that validates them."""

    def __init__(self, directory):
        self.dir = directory
        self.dir.mkdir()
        self.dir.chmod(0o755)
        self.zones, self.keys, self.processes = {}, {}, []

    def ds(self, zone):
        if zone not in self.keys:
            name = zone + "."
            key = run("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", name, cwd=self.dir).strip()
            self.keys[zone] = key, re.sub(r"\s+", " ", (self.dir / f"{key}.ds").read_text().strip())
        return self.keys[zone][1]

    def put(self, zone, records, signed=True):
        """A zone, served from the next start() on."""
        path = self.dir / zone
        path.write_text(f"$ORIGIN {zone}.\n$TTL 5\n@ IN SOA ns hostmaster {int(time.time())} 3600 600 86400 1\n"
                        f"@ IN NS ns\nns IN A {NSD}\n{records}\n")
        if signed:
            self.ds(zone)
            run("ldns-signzone", "-n", path, self.keys[zone][0], cwd=self.dir)
        self.zones[zone] = signed

    def start(self):
        self.stop()
        conf = [f'server:\n  ip-address: {NSD}@53\n  zonesdir: "{self.dir}"\n  username: ""\n  chroot: ""\n'
                f'  pidfile: "{self.dir}/nsd.pid"\n  database: ""\n  zonelistfile: "{self.dir}/list"\n'
                f'  xfrdfile: "{self.dir}/xfrd"\n  logfile: "{self.dir}/nsd.log"\n  server-count: 1\n  rrl-ratelimit: 0\n'
                "remote-control:\n  control-enable: no\n"]
        stubs, insecure = [], []
        for zone, signed in self.zones.items():
            conf.append(f'zone:\n  name: "{zone}"\n  zonefile: "{zone}{".signed" if signed else ""}"\n')
            stubs.append(f'stub-zone:\n  name: "{zone}"\n  stub-addr: {NSD}\n')
            insecure.append(f'  trust-anchor: "{self.ds(zone)}"\n' if signed else f'  domain-insecure: "{zone}"\n')
        (self.dir / "nsd.conf").write_text("".join(conf))
        (self.dir / "unbound.conf").write_text(
            f'server:\n  interface: {RESOLVER}\n  username: ""\n  chroot: ""\n  directory: "{self.dir}"\n  pidfile: ""\n'
            f'  logfile: "{self.dir}/unbound.log"\n  use-syslog: no\n  do-not-query-localhost: no\n  do-daemonize: no\n'
            '  access-control: 127.0.0.0/8 allow\n  local-zone: "test." nodefault\n  local-zone: "127.in-addr.arpa." nodefault\n'
            + "".join(insecure) + "".join(stubs) + "remote-control:\n  control-enable: no\n")
        for command in (["nsd", "-d", "-c", self.dir / "nsd.conf"], ["unbound", "-d", "-c", self.dir / "unbound.conf"]):
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

    def conf(self, names):
        """[dns] of a GK Mail in this world."""
        signed = [z for z in names if self.zones.get(z, True)]
        quote = lambda v: "[" + ", ".join(f"'{x}'" for x in v) + "]"  # noqa: E731
        return (f"[dns]\nzones = {quote(f'{z} {NSD}' for z in names)}\ntrust_anchors = {quote(self.ds(z) for z in signed)}\n"
                f"insecure = {quote(z for z in names if z not in signed)}\ntimeout = '3s'\n")


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
mynetworks = {address}/32
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
smtpd_milters = inet:127.0.0.55:8891
non_smtpd_milters = inet:127.0.0.55:8891
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
        for d in ("conf", "queue", "data", "mail/box/new", "mail/box/cur", "mail/box/tmp", "dkim"):
            (self.dir / d).mkdir(parents=True)
        self.cert, key = certificate(self.dir, "mx.post.test", ca)
        run("opendkim-genkey", "-D", self.dir / "dkim", "-d", "post.test", "-s", "p1", "-b", "2048")
        values = dict(dir=self.dir, address=POSTFIX, cert=self.cert, key=key)
        (self.dir / "conf/main.cf").write_text(MAIN_CF.format(**values))
        services = "".join(x + "\n" for x in MASTER_CF.splitlines() if not x.startswith((" ", "127")))
        (self.dir / "conf/master.cf").write_text(f"{POSTFIX}:25 inet n - n - - smtpd\n" + services)
        (self.dir / "opendkim.conf").write_text(
            f"Domain post.test\nSelector p1\nKeyFile {self.dir}/dkim/p1.private\nSocket inet:8891@127.0.0.55\n"
            f"Mode sv\nInternalHosts {POSTFIX}\nBackground no\nSyslog no\nCanonicalization relaxed/relaxed\n"
            f"AlwaysAddARHeader yes\nAuthservID mx.post.test\nNameservers {RESOLVER}\nUserID root\nRequireSafeKeys no\n")
        run("chown", "-R", "64100:64100", self.dir / "mail")
        shutil.chown(self.dir / "data", "postfix", "postfix")
        self.milter = None

    def records(self):
        """The records of post.test."""
        txt = re.sub(r"\s*;.*", "", (self.dir / "dkim/p1.txt").read_text())
        return (f"@ IN MX 10 mx\nmx IN A {POSTFIX}\n@ IN TXT \"v=spf1 ip4:{POSTFIX} -all\"\n{txt}\n"
                f"_dmarc IN TXT \"v=DMARC1; p=reject\"\n_25._tcp.mx IN TLSA {tlsa(self.cert)}\nmx IN TXT \"v=spf1 a -all\"\n")

    def start(self):
        run("postfix", "-c", self.dir / "conf", "set-permissions", check=False)
        run("postfix", "-c", self.dir / "conf", "check", check=False)
        self.milter = subprocess.Popen([shutil.which("opendkim", path=PATH), "-f", "-x", str(self.dir / "opendkim.conf")],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            run("postfix", "-c", self.dir / "conf", "start")
        except RuntimeError as e:
            raise RuntimeError(self.log()) from e

    def stop(self):
        run("postfix", "-c", self.dir / "conf", "stop", check=False)
        if self.milter:
            self.milter.terminate()
            self.milter.wait(10)

    def log(self):
        return (self.dir / "log").read_text() if (self.dir / "log").exists() else ""

    def inbox(self):
        return [f.read_bytes() for f in sorted((self.dir / "mail/box/new").iterdir())]

    def send(self, sender, to, text):
        subprocess.run([shutil.which("sendmail", path=PATH), "-C", str(self.dir / "conf"), "-f", sender, to], input=text,
                       check=True)


class Mail(Suite):
    """A GK Mail of a domain, its port 25 on an address of its own."""

    def __init__(self, directory, domain, address, dns, extra=""):
        self.address, self.mx = address, f"mx.{domain}"
        super().__init__(directory, "--users", "3", "--domain", domain, config=(
            f'[server]\nhost_name = "{self.mx}"\n[smtp]\nlisten = ["{address}:25"]\n{dns}{extra}'))

    def records(self):
        cert = next((self.dir / "tls").glob("*cert*.pem"), None) or next((self.dir / "tls").glob("*.pem"))
        return (f"@ IN MX 10 mx\nmx IN A {self.address}\n@ IN TXT \"v=spf1 ip4:{self.address} -all\"\n"
                f"mx IN TXT \"v=spf1 a -all\"\n_25._tcp.mx IN TLSA {tlsa(cert)}\n_dmarc IN TXT \"v=DMARC1; p=reject\"\n")


class World:
    domains = ("one.test", "two.test", "post.test")

    def __init__(self, directory):
        self.dir = directory
        leave_the_machine(directory / "resolv.conf")
        self.ca = authority(directory / "ca")
        self.dns = Dns(directory / "dns")
        conf = self.dns.conf(self.domains)
        self.one = Mail(directory / "one", "one.test", "127.0.1.1", conf)
        self.two = Mail(directory / "two", "two.test", "127.0.2.1", conf)
        self.postfix = Postfix(directory / "postfix", self.ca)

    def start(self):
        for s in (self.one, self.two):
            s.start()
            self.dns.put(s.domain, s.records())
        self.dns.put("post.test", self.postfix.records())
        self.dns.start()
        self.postfix.start()
        return self

    def stop(self):
        self.postfix.stop()
        for s in (self.one, self.two):
            s.stop()
        self.dns.stop()
