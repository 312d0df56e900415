"""Mail to other hosts under kill -9 and lost power: each message that was answered 250 is taken by its next host or
comes back as a bounce, nothing is stuck, and a message is sent twice only when the end came between the next host's
250 and the record of it (RFC 5321 6.1)."""

import contextlib
import email
import email.policy
import json
import os
import random
import signal
import smtplib
import threading
import time
from collections import Counter

import pytest

import machine
from sink import Sink, route
from suite import Suite, wait_for

KILLS = int(os.environ.get("GKMAIL_KILLS", "0")) or (80 if os.environ.get("GKMAIL_LONG") else 10)
POINTS = 30 if os.environ.get("GKMAIL_LONG") else 4
SEED = int(os.environ.get("GKMAIL_SEED", "0")) or random.SystemRandom().randrange(1 << 32)
SENDERS = 4
# Under way to each destination when the end comes, at most (delivery.destination_max).
WINDOW = 20

CONFIG = """
[screen]
enabled = false
[limits]
connections_per_ip = 10000
[queue]
retry_first = "1s"
retry_max = "1s"
checkpoint = "200ms"
segment_size = "1MiB"
min_free = "4MiB"
"""


class World:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.lock = threading.Lock()
        self.sinks = {"ok": Sink(delay=0.005), "flaky": Sink(rcpt=self.flaky, dot=self.flaky),
                      "no": Sink(rcpt="550 5.1.1 nobody"), "back": Sink()}
        self.config = CONFIG + "".join(route(f"{n}.test", s) for n, s in self.sinks.items())
        self.accepted = []
        self.running = False
        self.n = 0

    def flaky(self, _):
        with self.lock:
            x = self.r.random()
        if x < 0.05:
            raise ValueError("gone")
        return "451 4.3.0 later" if x < 0.2 else "250 2.0.0 ok"

    def prepare(self, suite):
        for name in ("ok", "flaky", "no"):
            suite.ctl("alias", "add", f"{name}@{suite.domain}", f"x@{name}.test")

    def submit(self, suite, port):
        while self.running:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                with smtplib.SMTP("127.0.0.1", port, timeout=10) as c:
                    for _ in range(20):
                        with self.lock:
                            self.n += 1
                            name, to = f"m{self.n}", self.r.choice(["ok", "ok", "flaky", "no"])
                        c.sendmail("sender@back.test", [f"{to}@{suite.domain}"], f"Subject: {name}\r\n\r\nx\r\n")
                        with self.lock:
                            self.accepted.append((name, to))
                        if not self.running:
                            return

    def go(self, suite, seconds):
        self.running = True
        self.threads = [threading.Thread(target=self.submit, args=(suite, suite.port("smtp"))) for _ in range(SENDERS)]
        for t in self.threads:
            t.start()
        time.sleep(seconds)

    def end(self):
        self.running = False
        for t in self.threads:
            t.join()

    def bounced(self):
        found = []
        for _, _, octets in list(self.sinks["back"].taken):
            report = email.message_from_bytes(octets, policy=email.policy.default)
            found.append(report.get_payload()[2].get_payload()[0]["Subject"])
        return found

    def check(self, suite, ends):
        def empty():
            return json.loads(suite.ctl("--json", "queue", "list").stdout) == []

        wait_for(empty, 90, "the queue's end")
        taken = {"ok": self.sinks["ok"].subjects(), "flaky": self.sinks["flaky"].subjects(), "no": self.bounced()}
        for name, to in self.accepted:
            assert name in taken[to], f"{name} to {to} is lost"
        for to, names in taken.items():
            twice = sum(n - 1 for n in Counter(names).values())
            assert twice <= ends * WINDOW, f"{twice} repetitions at {to} after {ends} ends"
        return {to: len(v) for to, v in taken.items()}

    def close(self):
        for s in self.sinks.values():
            s.close()


def alive(suite, name):
    return suite.processes().get(name)


def test_kill_abroad(workdir):
    w = World(SEED)
    r = random.Random(SEED)
    directory = workdir / "abroad"
    directory.mkdir()
    suite = Suite(directory, config=w.config)
    try:
        suite.start()
        w.prepare(suite)
        for _ in range(KILLS):
            w.go(suite, r.uniform(0.05, 0.5))
            name = r.choice(["queue", "remote", "remote", "queue", "master"])
            if name == "master":
                w.running = False
                suite.kill()
                w.end()
                suite.start()
                continue
            pid = wait_for(lambda: alive(suite, name))
            os.kill(pid, signal.SIGKILL)
            time.sleep(r.uniform(0, 0.2))
            w.end()
            wait_for(lambda: alive(suite, name) not in (None, 0, pid))
        counts = w.check(suite, KILLS)
        assert "4.4.7" not in suite.log()
    except Exception as e:
        raise AssertionError(f"GKMAIL_SEED={SEED} GKMAIL_KILLS={KILLS}: {e}\n{suite.log()[-3000:]}") from e
    finally:
        suite.kill()
        w.close()
    print(f"seed {SEED}: {len(w.accepted)} messages accepted, {counts} taken, bounced")


@pytest.mark.skipif(machine.why_not is not None, reason=f"power loss: {machine.why_not}")
def test_power_loss_abroad(workdir):
    w = World(SEED)
    r = random.Random(SEED)
    m = machine.Machine(workdir, config=w.config)
    try:
        m.start()
        w.prepare(m)
        m.disk.sync()
        for _ in range(POINTS):
            w.go(m, r.uniform(0.1, 0.8))
            w.running = False
            m.power_off()
            w.end()
            m.power_on()
        counts = w.check(m, POINTS)
    except Exception as e:
        raise AssertionError(f"GKMAIL_SEED={SEED}: {e}") from e
    finally:
        m.destroy()
        w.close()
    print(f"seed {SEED}: {len(w.accepted)} messages accepted, {counts} taken, bounced")
