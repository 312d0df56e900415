"""What must be proven before mail is handed on: DANE, MTA-STS, routes with a login."""

import os
import shutil
import socket

import pytest

from conftest import make, wait_for
from test_queue_abroad import CONFIG, ask, send
from tls_host import Authority, Host, Web
from zones import Zones

pytestmark = pytest.mark.skipif(not (shutil.which("ldns-signzone") and os.path.exists("/usr/sbin/nsd")),
                                reason="needs nsd and ldnsutils (make deps-check)")

GOOD, PLAIN, CHAIN, SELF, WEB = (f"127.0.9.{i}" for i in range(1, 6))
STS = ("enforced", "selfsigned", "unlisted", "stripped", "testing", "badweb", "moved", "html", "large", "broken", "off")


def free_port(*addresses):
    while True:
        with socket.create_server((addresses[0], 0)) as s:
            port = s.getsockname()[1]
        try:
            for a in addresses:
                socket.create_server((a, port)).close()
            return port
        except OSError:
            continue


class PolicyZones(Zones):
    """dane.test is signed, sts.test is not."""

    signed = ("root", "dane.test", "spoilt.test")
    plain = ("sts.test",)

    def __init__(self, directory, port, authority, good):
        self.smtp, self.authority, self.good = port, authority, good
        super().__init__(directory)

    def records(self, zone):
        tlsa = f"_{self.smtp}._tcp"
        ours = self.authority.digest_of_key(self.good)
        if zone == "sts.test":
            lines = [f"mx1 IN A {GOOD}", f"mx2 IN A {SELF}", f"mx3 IN A {PLAIN}", f"web IN A {WEB}",
                     "nothing IN MX 10 mx3"]
            mx = {"selfsigned": "mx2", "testing": "mx2", "stripped": "mx3"}
            for d in STS:
                lines += [f"{d} IN MX 10 {mx.get(d, 'mx1')}", f'_mta-sts.{d} IN TXT "v=STSv1; id=1;"', f"mta-sts.{d} IN A {WEB}"]
            return "\n".join(lines)
        return f"""
good IN MX 10 mxgood
mxgood IN A {GOOD}
{tlsa}.mxgood IN TLSA 3 1 1 {ours}
bad IN MX 10 mxbad
mxbad IN A {SELF}
{tlsa}.mxbad IN TLSA 3 1 1 {"00" * 32}
both IN MX 10 mxbad
both IN MX 20 mxgood
stripped IN MX 10 mxstripped
mxstripped IN A {PLAIN}
{tlsa}.mxstripped IN TLSA 3 1 1 {ours}
chain IN MX 10 mxchain
mxchain IN A {CHAIN}
{tlsa}.mxchain IN TLSA 2 0 1 {self.authority.digest()}
other IN MX 10 mxother
mxother IN A {SELF}
{tlsa}.mxother IN TLSA 2 0 1 {self.authority.digest()}
unusable IN MX 10 mxunusable
mxunusable IN A {SELF}
{tlsa}.mxunusable IN TLSA 1 1 1 {ours}
useless IN MX 10 mxuseless
mxuseless IN A {PLAIN}
{tlsa}.mxuseless IN TLSA 1 1 1 {ours}
alias IN MX 10 mxalias
mxalias IN CNAME mxgood
none IN MX 10 mxnone
mxnone IN A {PLAIN}
forged IN MX 10 mx.spoilt.test.
mx IN A {GOOD}
{tlsa}.mx IN TLSA 3 1 1 {ours}
"""

    def write(self, zone, records):
        return super().write(zone, self.records(zone) if zone != "root" else "")

    def sign(self, zone):
        super().sign(zone)
        if zone == "spoilt.test":  # the record is another one than was signed
            signed = self.dir / "spoilt.test.signed"
            text = signed.read_text()
            ours = self.authority.digest_of_key(self.good)
            name = f"_{self.smtp}._tcp.mx.spoilt.test."
            signed.write_text("".join(line.replace(ours, "11" * 32).replace(ours.upper(), "11" * 32)
                                      if line.startswith(name) and "TLSA" in line else line
                                      for line in text.splitlines(True)))


def policy(mode, *mx, age=86400):
    return "version: STSv1\n" + f"mode: {mode}\n" + "".join(f"mx: {m}\n" for m in mx) + f"max_age: {age}\n"


class World:
    def __init__(self, workdir, extra=""):
        self.dir = workdir / f"policy-{os.urandom(4).hex()}"
        self.dir.mkdir()
        self.port = free_port(GOOD, PLAIN, CHAIN, SELF)
        self.authority = Authority(self.dir / "authority")
        good = self.authority.issue("mx1.sts.test")
        self.zones = PolicyZones(self.dir / "zones", self.port, self.authority, good)
        self.good = Host(GOOD, self.port, good)
        self.plain = Host(PLAIN, self.port)
        self.chain = Host(CHAIN, self.port, self.authority.issue("mxchain.dane.test"))
        self.self = Host(SELF, self.port, self.authority.issue("mx2.sts.test", signed=False))
        self.start_web()
        self.suite = make(workdir, config=CONFIG + self.zones.conf() +
                          f'[remote]\nport = {self.port}\nca_file = "{self.authority.file}"\n' + extra,
                          env={"GKMAIL_TEST_HTTPS_PORT": str(self.web.port)})

    def start_web(self):
        text = {"Content-Type": "text/plain"}
        self.web = Web(WEB, self.authority.issue(*(f"mta-sts.{d}.sts.test" for d in STS if d != "badweb")))
        bodies = {"enforced": policy("enforce", "mx1.sts.test"), "selfsigned": policy("enforce", "*.sts.test"),
                  "unlisted": policy("enforce", "*.elsewhere.test"), "stripped": policy("enforce", "mx3.sts.test"),
                  "testing": policy("testing", "mx9.sts.test"), "badweb": policy("enforce", "nobody.test"),
                  "broken": "version: STSv1\nmode: enforce\n", "off": policy("none"),
                  "large": policy("enforce", "nobody.test") + "x: " + "y" * 70000}
        self.web.pages = {f"mta-sts.{d}.sts.test": (200, text, body) for d, body in bodies.items()}
        self.web.pages["mta-sts.html.sts.test"] = (200, {"Content-Type": "text/html"}, policy("enforce", "nobody.test"))
        self.web.pages["mta-sts.moved.sts.test"] = (
            302, {"Location": f"https://mta-sts.enforced.sts.test:{self.web.port}/"}, "")

    def close(self):
        self.suite.stop()
        for part in (self.good, self.plain, self.chain, self.self, self.web):
            part.close()
        self.zones.stop()

    def log(self, event):
        return [line for line in self.suite.log().splitlines() if f" {event} " in line]

    def waits(self, domain, *words):
        """The message to the domain waits, and says why."""
        def row():
            return [r for r in ask(self.suite, "list") if r["destination"] == domain and r["error"]]
        found = wait_for(row, what=f"mail for {domain} to wait")[0]
        assert all(w in found["error"] for w in words), found["error"]
        assert found["error"].startswith("4."), found["error"]
        return found

    def reached(self, host, domain):
        """The host takes a message to the domain; whether over TLS."""
        def taken():
            return [t for t in host.taken if any(f"@{domain}>" in r for r in t[2])]
        return wait_for(taken, what=f"mail to {domain}")[0][0]


@pytest.fixture(scope="module")
def world(workdir):
    w = World(workdir)
    w.suite.start()
    yield w
    w.close()


@pytest.mark.parametrize("domain,host,tls", [
    ("good", "good", True), ("alias", "good", True), ("chain", "chain", True), ("both", "good", True),
    ("unusable", "self", True), ("none", "plain", False)])
def test_dane_delivers(world, domain, host, tls):
    send(world.suite, f"x@{domain}.dane.test")
    assert world.reached(getattr(world, host), f"{domain}.dane.test") == tls


@pytest.mark.parametrize("domain,words", [
    ("bad", ["4.7.5", "(DANE)"]), ("other", ["4.7.5", "(DANE)"]),
    ("stripped", ["4.7.4 TLS is required (DANE), and the host does not offer it"]),
    ("useless", ["4.7.4 TLS is required (DANE)"]),
    ("forged", ["4.4.3 mx.spoilt.test: TLSA of mx.spoilt.test: bogus"])])
def test_dane_keeps_mail_back(world, domain, words):
    send(world.suite, f"x@{domain}.dane.test")
    world.waits(f"{domain}.dane.test", *words)


def test_sts_delivers_to_a_host_that_the_policy_names(world):
    send(world.suite, "x@enforced.sts.test")
    assert world.reached(world.good, "enforced.sts.test")
    assert ("mta-sts.enforced.sts.test", "/.well-known/mta-sts.txt") in world.web.asked
    assert any("mode=enforce" in line and "domain=enforced.sts.test" in line for line in world.log("sts.policy"))


@pytest.mark.parametrize("domain,words", [
    ("selfsigned", ["4.7.5", "(MTA-STS)", "certificate"]),
    ("unlisted", ["4.7.5 mx1.sts.test: the domain's MTA-STS policy does not name this host"]),
    ("stripped", ["4.7.4 TLS is required (MTA-STS), and the host does not offer it"])])
def test_sts_keeps_mail_back(world, domain, words):
    send(world.suite, f"x@{domain}.sts.test")
    world.waits(f"{domain}.sts.test", *words)


def test_a_policy_that_tests_only_tells(world):
    send(world.suite, "x@testing.sts.test")
    assert world.reached(world.self, "testing.sts.test")
    assert any("host=mx2.sts.test" in line for line in world.log("sts.testing"))
    assert wait_for(lambda: [line for line in world.log("remote.unproven") if "domain=testing.sts.test" in line])


@pytest.mark.parametrize("domain,why", [
    ("badweb", "certificate"), ("moved", "HTTP status 302"), ("html", "not text/plain"), ("large", "too large"),
    ("broken", "no policy"), ("off", None), ("nothing", None)])
def test_what_is_no_policy_hinders_nothing(world, domain, why):
    send(world.suite, f"x@{domain}.sts.test")
    host = world.plain if domain == "nothing" else world.good
    assert world.reached(host, f"{domain}.sts.test") == (domain != "nothing")
    lines = [line for line in world.log("sts.fetch") if f"domain={domain}.sts.test" in line]
    assert [why in line for line in lines] == ([True] if why else []), lines


def test_a_policy_outlives_restart_and_web_server(workdir):
    w = World(workdir)
    w.suite.start()
    try:
        send(w.suite, "x@selfsigned.sts.test")
        w.waits("selfsigned.sts.test", "(MTA-STS)")
        w.suite.stop()
        w.web.close()
        file = w.suite.dir / "data/remote/sts/selfsigned.sts.test"
        assert file.read_text().startswith("gkmail-sts 1\nid: 1\n")
        w.suite.start()
        send(w.suite, "y@selfsigned.sts.test")
        wait_for(lambda: len([r for r in ask(w.suite, "list") if "(MTA-STS)" in (r["error"] or "")]) == 2)
        assert w.self.taken == [] and len(w.web.asked) == 1
    finally:
        w.close()


RELAY = """
[[route]]
domain = "{domain}"
host = "localhost"
port = {port}
tls = "required"
ca_file = "{ca}"
user = "{user}"
password_file = "{password}"
"""


@pytest.fixture
def relay(workdir, fresh_suite):
    """relay(mechanisms, password) -> suite, host: all foreign mail goes there with a login."""
    made = []

    def start(mechanisms="PLAIN LOGIN", password="se cret", names=("localhost",)):
        directory = workdir / f"relay-{os.urandom(4).hex()}"
        authority = Authority(directory)
        host = Host("127.0.0.1", 0, authority.issue(*names), users={"cust=omer,1": "se cret"}, mechanisms=mechanisms)
        made.append(host)
        (directory / "password").write_text(password + "\nnot this line\n")
        os.chmod(directory / "password", 0o600)
        suite = fresh_suite(config=CONFIG + RELAY.format(domain="*", port=host.port, ca=authority.file, user="cust=omer,1",
                                                         password=directory / "password"))
        return suite, host

    yield start
    for host in made:
        host.close()


@pytest.mark.parametrize("mechanisms,used", [
    ("PLAIN LOGIN SCRAM-SHA-256", "SCRAM-SHA-256"), ("LOGIN PLAIN", "PLAIN"), ("LOGIN CRAM-MD5", "LOGIN")])
def test_a_smart_host_with_a_login(relay, mechanisms, used):
    suite, host = relay(mechanisms)
    send(suite, "x@one.test")
    send(suite, "y@two.test")
    wait_for(lambda: len(host.taken) == 2)
    assert all(secure and user == "cust=omer,1" for secure, user, _ in host.taken)
    assert set(host.logins) == {(used, True)}


@pytest.mark.parametrize("mechanisms", ["PLAIN", "SCRAM-SHA-256"])
def test_a_wrong_password_keeps_mail_back(relay, mechanisms):
    suite, host = relay(mechanisms, password="wrong")
    send(suite, "x@one.test")
    row = wait_for(lambda: [r for r in ask(suite, "list") if r["error"]])[0]
    assert row["destination"] == f"localhost:{host.port}"
    assert row["error"].startswith("4.7.8 535 5.7.8 no such login")
    assert host.taken == []


def test_the_password_goes_to_nobody_else(relay):
    suite, host = relay(names=("other.test",))
    send(suite, "x@one.test")
    row = wait_for(lambda: [r for r in ask(suite, "list") if r["error"]])[0]
    assert "4.7.5 TLS (route)" in row["error"] and "mismatch" in row["error"]
    assert host.logins == [] and host.taken == []


def test_routes_by_domain(fresh_suite):
    """The most specific one; hosts that a route names are one destination."""
    one, two = Host("127.0.0.1", 0), Host("127.0.0.1", 0)
    rows = "".join(f'[[route]]\ndomain = "{domain}"\nhost = "[127.0.0.1]"\nport = {host.port}\ntls = "none"\n'
                   for domain, host in (("*", one), (".two.test", two), ("one.two.test", one)))
    try:
        suite = fresh_suite(config=CONFIG + rows)
        for domain in ("two.test", "one.two.test", "a.two.test", "b.a.two.test", "elsewhere.test"):
            send(suite, f"x@{domain}")
        wait_for(lambda: len(one.taken) + len(two.taken) == 5)
        names = [sorted(r.split("@")[1].split(">")[0] for _, _, rcpts in h.taken for r in rcpts) for h in (one, two)]
        assert names == [["elsewhere.test", "one.two.test", "two.test"], ["a.two.test", "b.a.two.test"]]
    finally:
        one.close()
        two.close()


def test_a_route_to_a_file_that_is_not_there_is_refused(fresh_suite, workdir):
    suite = fresh_suite(config=CONFIG)
    conf = suite.dir / "gkmail.toml"
    before = conf.read_text()
    conf.write_text(before + '[[route]]\ndomain = "*"\nhost = "relay.test"\ntls = "required"\nca_file = "/nowhere/ca.pem"\n')
    done = suite.ctl("reload", check=False)
    assert done.returncode == 1 and "route.ca_file" in done.stderr and "/nowhere/ca.pem" in done.stderr
    conf.write_text(before)
    suite.ctl("reload")
