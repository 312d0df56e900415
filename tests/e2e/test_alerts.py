"""Each alert is raised and cleared for real: on a suite that is in trouble, by Debian's Prometheus with short times (watching.py)."""

import contextlib
import http.server
import os
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from agentmail import Agent, Human
from conftest import BIN, make, wait_for
from mcp import Stdio
from test_hostile import TOOLS
from watching import ALERTS, FAST, needed, watch, watched  # noqa: F401

pytestmark = needed


def test_what_is_down(watched, watch):
    s, p = watched, watch(watched)
    wait_for(lambda: p.query('gkmail_probe_up{what="dns"} == 1'))
    pids, alerts = [s.processes()[name] for name in ("smtpd", "authd", "dnsd")], ["GKMailServiceDown", "GKMailAccountsDown", "GKMailDnsDown"]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    for a in alerts:
        p.raises(a, 90)
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    for a in alerts:
        p.clears(a, 90)
    pid = s.info["pid"]
    os.kill(pid, signal.SIGSTOP)
    p.raises("GKMailMasterSilent", 90)
    os.kill(pid, signal.SIGCONT)
    p.clears("GKMailMasterSilent")
    # The process that would tell: everything else is not known then.
    pid = s.processes()["statd"]
    os.kill(pid, signal.SIGSTOP)
    p.raises("GKMailDown")
    os.kill(pid, signal.SIGCONT)
    p.clears("GKMailDown")


def test_a_daemon_that_is_held_up(watched, watch):
    """A turn of gk-statd's in which it is stopped for longer than a second: it is kept busy, so that one is soon met."""
    s, p = watched, watch(watched, GKMailSlow={"> 10": "> 0"})
    pid, ended = s.processes()["statd"], threading.Event()

    def ask():
        while not ended.is_set():
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{s.port('metrics')}/metrics", timeout=30).read()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for t in threads:
        t.start()
    try:
        def held_up():
            os.kill(pid, signal.SIGSTOP)
            time.sleep(1.2)  # what the alert is about
            os.kill(pid, signal.SIGCONT)
            wait_for(lambda: p.query('up{job="gkmail"} == 1'))
            return "GKMailSlow" in p.firing()
        wait_for(held_up, 90, "GKMailSlow raised")
    finally:
        ended.set()
        for t in threads:
            t.join()
    p.clears("GKMailSlow")


def test_the_model_and_agents(workdir, watch):
    """A model that is away; and a captured gk-smtpd that sends again what was approved once (tests/hostile/smtpd.c)."""
    place = Path(workdir) / "bin-watched-agents"
    shutil.copytree(BIN, place)
    for program in ("gk-mcpd", "gk-smtpd"):
        shutil.copy(TOOLS / program, place / program)
    place.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    s = make(workdir, "--users", "2",
             config=FAST + f'[assistant]\nprovider = "ollama"\nmodel = "m"\nurl = "http://127.0.0.1:{port}"\n')
    s.bin = place
    s.start()
    p = watch(s, GKMailAgentsDenied={"> 5": "> 1"})
    p.raises("GKMailModelDown")
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), http.server.SimpleHTTPRequestHandler) as model:
        threading.Thread(target=model.serve_forever, args=(0.05,), daemon=True).start()
        p.clears("GKMailModelDown")
        model.shutdown()
    human = Human(s)
    with Agent(s) as agent:
        def again():
            asked = agent.request_send(agent.draft([s.user("bob")["address"]], "attack twice"))
            assert human.approve(asked["id"]) is None
            return "GKMailAgentsDenied" in p.firing()
        wait_for(again, 90, "GKMailAgentsDenied raised")
    p.clears("GKMailAgentsDenied")
    assert s.stop() == 0


def test_a_crash_loop(watched, watch):
    s, p = watched, watch(watched)

    def crash():
        pid = s.processes()["connect"]
        if pid > 0:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return {"GKMailCrashLoop"} <= p.firing()

    seen = set()
    wait_for(lambda: seen.update(p.firing()) or crash(), 90, "GKMailCrashLoop raised")
    # It is left longer and longer between two starts: down for a while.
    assert "GKMailProcessDown" in seen or wait_for(lambda: "GKMailProcessDown" in p.firing() or crash() and False, 90)
    p.clears("GKMailCrashLoop", 90)
    p.clears("GKMailProcessDown", 90)


def test_failing_logins_and_bounces(watched, watch):
    s, p = watched, watch(watched, GKMailBackscatter={"> 10": "> 5"}, GKMailQueueOld={"14400": "1"}, GKMailQueueLarge={"1000": "2"})

    def fail():
        with smtplib.SMTP("localhost", s.port("submission"), timeout=30) as c:
            c.starttls(context=s.tls())
            for _ in range(3):
                with contextlib.suppress(smtplib.SMTPException):
                    c.login(s.user("alice")["address"], "wrong")
        return "GKMailAuthFailures" in p.firing()

    wait_for(fail, 90, "GKMailAuthFailures raised")
    p.clears("GKMailAuthFailures")
    # A domain that does not exist: bounced at once.
    address = s.user("alice")["address"]

    def bounce():
        with s.smtp("alice") as c:
            c.sendmail(address, [f"u{i}@nowhere.invalid" for i in range(10)], b"Subject: x\r\n\r\nx\r\n")
        return "GKMailBackscatter" in p.firing()

    wait_for(bounce, 90, "GKMailBackscatter raised")
    p.raises("GKMailReceiverRefuses")
    p.clears("GKMailBackscatter")
    p.clears("GKMailReceiverRefuses")
    # Mail for a mailbox whose deliveries hang.
    pid = s.processes()["local"]
    os.kill(pid, signal.SIGSTOP)
    for _ in range(3):
        s.send()
    p.raises("GKMailQueueOld")
    p.raises("GKMailQueueLarge")
    os.kill(pid, signal.SIGCONT)
    p.clears("GKMailQueueOld")
    p.clears("GKMailQueueLarge")


def test_a_certificate_that_ends(watched, watch):
    s, p = watched, watch(watched)
    good = {n: (s.dir / "tls" / n).read_bytes() for n in ("certificate.pem", "key.pem")}
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", s.dir / "tls/key.pem",
                    "-out", s.dir / "tls/certificate.pem"], check=True, capture_output=True)
    s.ctl("reload")
    p.raises("GKMailCertificateExpires")
    p.raises("GKMailCertificateExpired")
    for name, octets in good.items():
        (s.dir / "tls" / name).write_bytes(octets)
    s.ctl("reload")
    p.clears("GKMailCertificateExpired")
    p.clears("GKMailCertificateExpires")


def test_errors_of_more_than_a_tenth(watched, watch):
    s, p = watched, watch(watched)

    def fail():
        """No other host takes this, now or ever."""
        with s.smtp("alice") as c:
            c.sendmail(s.user("alice")["address"], ["u@nowhere.invalid"], b"Subject: x\r\n\r\nx\r\n")
        return "GKMailErrorRate" in p.firing()

    wait_for(fail, 90, "GKMailErrorRate raised")
    p.clears("GKMailErrorRate", 90)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk, as root")
def test_a_disk_that_fills(workdir, watch, tmp_path):
    s = make(workdir, "--users", "1", config=FAST + '[queue]\nmin_free = "1MiB"\nsegment_size = "1MiB"\n[delivery]\nreserve = "1MiB"\n')
    s.dir.mkdir(exist_ok=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,nr_inodes=3000", "none", s.dir]).returncode != 0:
        pytest.skip("cannot mount here")
    ballast = s.dir / "ballast"
    try:
        s.start()
        # Full within a minute, going on like this; the log alone is no such trend.
        p = watch(s, GKMailDiskFilling={"86400": "60"})

        def fills():
            with open(ballast, "ab") as f:
                f.write(b"\0" * (1 << 20))
            return "GKMailDiskFilling" in p.firing()

        wait_for(fills, 60, "GKMailDiskFilling raised")
        p.clears("GKMailDiskFilling")
        with open(ballast, "ab") as f, contextlib.suppress(OSError):
            while True:
                f.write(b"\0" * 65536)
                f.flush()
        p.raises("GKMailDiskFull")
        # Nothing can be written of what an agent does.
        agents = []
        try:
            for _ in range(200):
                agents.append(Stdio(s))
                if "GKMailAuditFails" in p.firing():
                    break
            p.raises("GKMailAuditFails")
        finally:
            for a in agents:
                a.close()
        ballast.unlink()
        p.clears("GKMailDiskFull")
        p.clears("GKMailAuditFails")
        many = s.dir / "many"
        many.mkdir()
        with contextlib.suppress(OSError):
            for i in range(3000):
                (many / str(i)).touch()
        p.raises("GKMailInodesLow")
        shutil.rmtree(many)
        p.clears("GKMailInodesLow")
        assert s.stop() == 0
    finally:
        s.kill()
        subprocess.run(["umount", "-l", s.dir])


def test_each_alert_is_raised_and_cleared_for_real():
    """By the tests above."""
    text = Path(__file__).read_text()
    for alert in ALERTS:
        listed = f'"{alert}"' in re.search(r"alerts = .*", text)[0]
        assert listed or f'raises("{alert}"' in text or f'"{alert}" in p.firing()' in text or f'{{"{alert}"}} <= p.firing()' in text, alert
        assert listed or f'clears("{alert}"' in text, alert
