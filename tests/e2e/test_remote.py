"""gk-remote and the hosts that the DNS names: MX and addresses, TLS, time-outs, hosts that misbehave."""

import os
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from conftest import make, wait_for
from sink import Sink
from test_queue_abroad import CONFIG, ask, empty, fields, reports, send
from zones import Zones

pytestmark = pytest.mark.skipif(not (shutil.which("ldns-signzone") and os.path.exists("/usr/sbin/nsd")),
                                reason="needs nsd and ldnsutils (make deps-check)")

ONE, TWO, SILENT, NOBODY = "127.0.7.1", "127.0.7.2", "127.0.7.3", "127.0.7.9"
RECORDS = f"""
one IN A {ONE}
two IN A {TWO}
silent IN A {SILENT}
nobody IN A {NOBODY}
a IN MX 10 one
second IN MX 10 nobody
second IN MX 20 two
slow IN MX 10 silent
slow IN MX 20 two
null IN MX 0 .
lost IN MX 10 nothing
number IN MX 10 127.0.7.1.
ours IN MX 10 mx.gk.test.
ours IN MX 20 one
alias IN CNAME a
text IN TXT x
xn--bcher-kva IN MX 10 one
*.many IN MX 10 one
"""
REMOTE = """
[remote]
idle = "500ms"
port = {port}
greeting_timeout = "{greeting}"
command_timeout = "2s"
data_timeout = "2s"
final_timeout = "2s"
connect_timeout = "2s"
"""


class MailZones(Zones):
    signed = ("root", "broken.test")
    plain = ("mail.test",)
    port_of_hosts = 0

    def write(self, zone, records):
        return super().write(zone, RECORDS if zone == "mail.test" else records)


def port_for(*addresses):
    """One that is free on all of them."""
    while True:
        with socket.create_server((addresses[0], 0)) as s:
            port = s.getsockname()[1]
        try:
            for a in addresses:
                socket.create_server((a, port)).close()
            return port
        except OSError:
            continue


@pytest.fixture(scope="module")
def zones(workdir):
    z = MailZones(workdir / "mail-zones")
    yield z
    z.stop()


class World:
    def __init__(self, workdir, zones, extra="", queue=CONFIG, greeting="1s"):
        self.port = port_for(ONE, TWO, SILENT, NOBODY)
        self.sinks = []
        self.suite = make(workdir, config=queue + zones.conf() + REMOTE.format(port=self.port, greeting=greeting) +
                          extra.format(port=self.port))

    def sink(self, address=ONE, **more):
        self.sinks.append(Sink(address=address, port=self.port, **more))
        return self.sinks[-1]

    def log(self, event):
        return [line for line in self.suite.log().splitlines() if f" {event} " in line]

    def close(self):
        self.suite.stop()
        for s in self.sinks:
            s.close()


@pytest.fixture
def world(workdir, zones):
    made = []

    def start(**more):
        w = World(workdir, zones, **more)
        made.append(w)
        w.suite.start()
        return w

    yield start
    for w in made:
        w.close()


def test_mail_goes_by_mx(world):
    w = world()
    one = w.sink()
    for i in range(10):
        send(w.suite, ["x@a.mail.test", "y@a.mail.test"], subject=str(i))
    for domain in ("one", "alias", "b.many", "c.many"):
        send(w.suite, f"x@{domain}.mail.test", subject=domain)
    wait_for(lambda: len(one.taken) == 14)
    empty(w.suite)
    # Connections are kept, for other domains of the same host too.
    assert one.sessions <= 10
    assert all(len(rcpts) == 2 for _, rcpts, octets in one.taken if b"Subject: 1\r\n" in octets)
    line = w.log("remote.deliver")[0]
    assert f"one.mail.test [{ONE}]:{w.port}" in line and "ms=" in line
    metrics = w.suite.ctl("status", "--metrics").stdout
    assert 'gkmail_remote_delivered_total{result="ok"} 24' in metrics


@pytest.mark.parametrize("domain, status", [
    ("null.mail.test", "5.1.10"), ("nowhere.mail.test", "5.1.2"), ("lost.mail.test", "5.4.4"), ("number.mail.test", "5.4.4"),
    ("text.mail.test", "5.4.4")])
def test_the_dns_says_that_there_is_no_way(world_of_dns, domain, status):
    before = len(reports(world_of_dns.suite, "alice"))
    send(world_of_dns.suite, f"x@{domain}")
    wait_for(lambda: len(reports(world_of_dns.suite, "alice")) > before)
    assert any(r["Final-Recipient"] == f"rfc822; x@{domain}" and r["Status"] == status
               for m in reports(world_of_dns.suite, "alice") for r in fields(m)[1:])


@pytest.fixture(scope="module")
def world_of_dns(workdir, zones):
    w = World(workdir, zones)
    w.suite.start()
    yield w
    w.close()


def test_forged_answers_make_mail_wait(world_of_dns):
    suite = world_of_dns.suite
    send(suite, "x@mx.broken.test")
    row, = wait_for(lambda: [r for r in ask(suite, "list") if r["destination"] == "mx.broken.test" and r["error"]])
    assert row["state"] == "deferred" and row["error"].startswith("4.4.3 ") and "bogus" in row["error"]
    ask(suite, "delete", "--destination", "mx.broken.test")


def test_the_second_mx_gets_what_the_first_does_not_take(world):
    w = world()
    two = w.sink(TWO)
    silent = w.sink(SILENT, greet=None)
    for i in range(5):
        send(w.suite, "x@second.mail.test", subject=f"second {i}")
        send(w.suite, "x@slow.mail.test", subject=f"slow {i}")
    wait_for(lambda: len(two.taken) == 10)
    # Known by now: the time-out is not paid again.
    before = silent.sessions
    time.sleep(0.2)
    send(w.suite, "x@slow.mail.test", subject="again")
    wait_for(lambda: len(two.taken) == 11)
    assert silent.sessions == before
    empty(w.suite)


def test_mail_does_not_come_back_to_us(world):
    w = world()
    w.sink(greet="220 us.mail.test hello")
    w.suite.stop()
    w.suite.config += '[server]\nhost_name = "us.mail.test"\n'
    w.suite.start()
    send(w.suite, "x@a.mail.test")
    wait_for(lambda: reports(w.suite, "alice"))
    assert fields(reports(w.suite, "alice")[0])[1]["Status"] == "5.4.6"
    empty(w.suite)


@pytest.mark.parametrize("stage", ["greet", "helo", "mail", "rcpt", "data", "dot"])
def test_each_answer_has_its_time(world, stage):
    calm = threading.Event()

    def late(_):
        calm.wait(60)
        return "421 4.4.2 too late"

    w = world()
    one = w.sink(**{stage: late} if stage != "greet" else {"greet": None})
    send(w.suite, "x@a.mail.test")
    row, = wait_for(lambda: [r for r in ask(w.suite, "list") if r["error"]])
    assert row["error"].startswith("4.4.2 timed out"), row
    calm.set()
    assert one.taken == []


def test_a_byte_a_second_delays_nobody_else(world):
    """A host that says its greeting by the octet, and one that takes a message so."""
    w = world(queue=CONFIG.replace('"2s"', '"1h"').replace('"1s"', '"1h"'), greeting="10s",
              extra='block_timeout = "2s"\nmin_rate = "1MiB"\n')
    two = w.sink(TWO)
    drip = socket.create_server((SILENT, w.port))
    w.sinks.append(drip)

    def greet(c):
        try:
            for octet in b"220 a slow host that says one octet in a second\r\n" * 100:
                c.sendall(bytes([octet]))
                time.sleep(0.3)
        except OSError:
            pass

    def serve():
        while True:
            try:
                c, _ = drip.accept()
            except OSError:
                return
            threading.Thread(target=greet, args=(c,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    for i in range(20):
        send(w.suite, "x@silent.mail.test", subject=f"slow {i}")
    for i in range(20):
        send(w.suite, "x@two.mail.test", subject=f"quick {i}")
    wait_for(lambda: len(two.taken) == 20)
    assert not [r for r in ask(w.suite, "list") if r["error"]], "they waited until the slow ones were given up"
    rows = wait_for(lambda: [r for r in ask(w.suite, "list") if "timed out waiting for the greeting" in r["error"]])
    assert rows[0]["error"].startswith("4.4.2")


def test_a_slow_taker_ends(world):
    w = world(queue=CONFIG.replace('"2s"', '"1h"').replace('"1s"', '"1h"'), extra='block_timeout = "1s"\nmin_rate = "2MiB"\n')
    stop = threading.Event()
    taker = socket.socket()
    taker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    taker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taker.bind((ONE, w.port))
    taker.listen(10)
    w.sinks.append(taker)

    def serve():
        c, _ = taker.accept()
        f = c.makefile("rb")
        c.sendall(b"220 x\r\n")
        for answer in (b"250 x\r\n", b"250 x\r\n", b"250 x\r\n", b"354 x\r\n"):
            f.readline()
            c.sendall(answer)
        while not stop.wait(0.2):
            if not c.recv(1000):
                return

    threading.Thread(target=serve, daemon=True).start()
    with w.suite.smtp("alice") as c:
        c.sendmail(w.suite.user("alice")["address"], ["x@one.mail.test"], "Subject: big\r\n\r\n" + ("x" * 70 + "\r\n") * 100000)
    row, = wait_for(lambda: [r for r in ask(w.suite, "list") if r["error"]])
    assert row["error"] == "4.4.2 timed out waiting for it to take the message"
    stop.set()


@pytest.fixture(scope="module")
def certificate(workdir):
    d = workdir / "remote-certificate"
    d.mkdir()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    d / "key.pem", "-out", d / "cert.pem", "-days", "3", "-subj", "/CN=one.mail.test", "-addext",
                    "subjectAltName=DNS:one.mail.test"], check=True, capture_output=True)
    return d / "cert.pem", d / "key.pem"


def test_tls_where_it_is_offered(world, certificate):
    w = world()
    one = w.sink(certificate=certificate)
    two = w.sink(TWO, certificate=certificate, starttls="454 4.7.0 not today")
    three = w.sink(SILENT, certificate=certificate, broken_tls=True)
    for i in range(3):
        for host in ("one", "two", "silent"):
            send(w.suite, f"x@{host}.mail.test")
    wait_for(lambda: len(one.taken) == len(two.taken) == len(three.taken) == 3)
    assert one.secured >= 1 and two.secured == three.secured == 0
    lines = w.log("remote.deliver")
    assert all(("TLSv1.3" in line) == ("one.mail.test" in line) for line in lines), lines
    empty(w.suite)
    # That it does not work is remembered.
    before = three.handshakes
    time.sleep(1)
    send(w.suite, "x@silent.mail.test")
    wait_for(lambda: len(three.taken) == 4)
    assert three.handshakes == before


@pytest.mark.parametrize("stripped", [True, False])
def test_tls_where_it_is_demanded(world, certificate, stripped):
    """With a certificate of an authority that the route names."""
    w = world(extra=f'[[route]]\ndomain = "one.mail.test"\ntls = "required"\nca_file = "{certificate[0]}"\n' + "port = {port}\n")
    one = w.sink(certificate=None if stripped else certificate)
    send(w.suite, "x@one.mail.test")
    if stripped:
        row, = wait_for(lambda: [r for r in ask(w.suite, "list") if r["error"]])
        assert row["error"].startswith("4.7.4 TLS is required")
        assert one.taken == []
        one.context = one.load(certificate)
    wait_for(lambda: len(one.taken) == 1)
    empty(w.suite)
    assert one.secured >= 1 and "verified=pkix" in w.log("remote.deliver")[0]


@pytest.mark.parametrize("chunking", [True, False])
@pytest.mark.parametrize("size", [100, 30_000, 200_000, 3_000_000])
def test_octets_arrive_as_they_were(world_of_octets, size, chunking):
    w, one, two = world_of_octets
    sink, host = (two, "two") if chunking else (one, "one")
    before = len(sink.taken)
    body = "".join(f".{i}\r\n..{i}\r\n.\r\n{'x' * (i % 70)}.\r\n" for i in range(size // 54))
    with w.suite.smtp("alice") as c:
        c.sendmail(w.suite.user("alice")["address"], [f"x@{host}.mail.test"], f"Subject: octets\r\n\r\n{body}")
    wait_for(lambda: len(sink.taken) == before + 1)
    octets = sink.taken[-1][2]
    assert octets.split(b"\r\n\r\n", 1)[1] == body.encode()
    assert (two.chunks > 0) == any(t for t in two.taken)


@pytest.fixture(scope="module")
def world_of_octets(workdir, zones):
    w = World(workdir, zones)
    w.suite.start()
    one, two = w.sink(), w.sink(TWO, helo="250-PIPELINING\r\n250-CHUNKING\r\n250 8BITMIME")
    yield w, one, two
    w.close()


def test_international_mail(world):
    w = world()
    one = w.sink(helo="250-PIPELINING\r\n250 8BITMIME")
    two = w.sink(TWO)  # offers SMTPUTF8
    with w.suite.smtp("alice") as c:
        sender = w.suite.user("alice")["address"]
        options = ["SMTPUTF8", "BODY=8BITMIME"]
        c.sendmail(sender, ["x@bücher.mail.test"], b"Subject: plain\r\n\r\nx\r\n", options)
        c.sendmail(sender, ["x@one.mail.test"], "Subject: \u00e9\r\n\r\nx\r\n".encode(), options)
        c.sendmail(sender, ["\u00e9@two.mail.test"], "Subject: \u00e9\r\n\r\nx\r\n".encode(), options)
    wait_for(lambda: one.taken and two.taken and reports(w.suite, "alice"))
    empty(w.suite)
    assert one.taken[0][1][0].startswith("RCPT TO:<x@xn--bcher-kva.mail.test>") and len(one.taken) == 1
    assert "SMTPUTF8" in two.taken[0][0] and two.taken[0][1][0].startswith("RCPT TO:<\u00e9@two.mail.test>")
    assert len(w.log("remote.fail")) == 1 and 'text="5.6.9 ' in w.log("remote.fail")[0]


def test_what_is_being_sent_is_finished(world):
    """SIGTERM while a host thinks about the message."""
    w = world()
    w.sink(delay=1.0)
    one = w.sinks[0]
    send(w.suite, "x@a.mail.test")
    wait_for(lambda: one.sessions)
    time.sleep(0.3)
    os.kill(w.suite.processes()["remote"], signal.SIGTERM)
    wait_for(lambda: one.taken)
    time.sleep(0.5)
    empty(w.suite)
    assert len(one.taken) == 1


def test_a_reload_takes_the_new_settings(world):
    w = world()
    one = w.sink()
    send(w.suite, "x@a.mail.test")
    wait_for(lambda: one.taken)
    assert one.hellos[-1] != "EHLO other.name.test"
    conf = w.suite.dir / "gkmail.toml"
    conf.write_text(conf.read_text().replace("[remote]\n", '[remote]\nhelo = "other.name.test"\n'))
    w.suite.ctl("reload")
    send(w.suite, "x@a.mail.test")
    wait_for(lambda: len(one.taken) == 2)
    assert one.hellos[-1] == "EHLO other.name.test"


@pytest.mark.skipif(not os.path.exists("/usr/sbin/smtp-sink"), reason="needs Postfix's smtp-sink (make deps-bench)")
def test_postfix_smtp_sink(world):
    w = world()
    sink = subprocess.Popen(["/usr/sbin/smtp-sink", *(["-u", "nobody"] if os.geteuid() == 0 else []), "-c", f"{ONE}:{w.port}", "100"],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.2)
        for i in range(30):
            send(w.suite, [f"x{i}@a.mail.test", f"y{i}@b.many.mail.test"], subject=str(i))
        wait_for(lambda: len(w.log("remote.deliver")) == 60)
        empty(w.suite)
    finally:
        sink.terminate()
        sink.wait()
