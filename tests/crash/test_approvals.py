"""Agents ask and humans answer while power goes at random instants, disks fail and are full: agents.py says what must hold."""

import collections
import http.client
import json
import os
import random
import re
import signal
import threading
import time

import pytest

import machine
from agents import Agent, Refused, arrived, quiet, said, settled
from agentmail import Human
from jmapmail import Client
from suite import wait_for
from test_full import Filler
from world import Broken

POINTS = int(os.environ.get("GKMAIL_POINTS", "0")) // 4 or 6
A_WORLD = 6
SEED = int(os.environ.get("GKMAIL_SEED", "0")) or random.SystemRandom().randrange(1 << 32)
MAILS = 12  # of each user, to be thrown away
CONFIG = """
[queue]
retry_first = "1s"
retry_max = "1s"
checkpoint = "300ms"
segment_size = "1MiB"
min_free = "4MiB"
[mailbox]
linger = "0s"
"""
LOST = (OSError, EOFError, http.client.HTTPException, AssertionError, KeyError, ValueError, TypeError)
OVER = ("sent", "done", "failed", "refused")
CHANGES = ("create_draft", "request_send", "move")
power = pytest.mark.skipif(machine.why_not is not None, reason=f"power loss: {machine.why_not}")


class Asked:
    """One approval as its user knows it."""

    def __init__(self, subject, email):
        self.subject, self.email = subject, email  # of a send; what is thrown away
        self.minted = self.said = False            # a word may be there; it may be under way
        self.refusing = False
        self.state = "requested"                   # as it was told last


class Party(threading.Thread):
    """An agent and its human."""

    def __init__(self, suite, user, seed, before=None):
        super().__init__(daemon=True)
        self.suite, self.user, self.random = suite, user, random.Random(seed)
        self.agent = before.agent if before else Agent(suite, user)
        self.asked = before.asked if before else {}
        self.mails = before.mails if before else []
        self.answered = before.answered if before else collections.Counter()
        self.count = before.count if before else 0
        self.running, self.done, self.told = True, 0, []

    def first(self):
        with self.suite.smtp(None, port="smtp", tls=False) as c:
            for i in range(MAILS):
                c.sendmail("s@elsewhere.test", [self.suite.user(self.user)["address"]], f"Subject: old {i}\r\n\r\nx\r\n")
        got = wait_for(lambda: len(g := self.agent.use("list_threads", mailbox="inbox")["messages"]) == MAILS and g, 60, "mail")
        self.mails = [m["id"] for m in got]

    def use(self, tool, **arguments):
        got = self.agent.use(tool, **arguments)
        self.answered[tool] += 1
        return got

    def ask(self):
        waiting = [i for i, a in self.asked.items() if a.state == "requested"]
        if len(waiting) > 15:
            return self.refuse(waiting[0])
        self.count += 1
        if self.mails and self.random.random() < 0.3:
            email = self.mails.pop()
            self.asked[self.use("move", messages=[email], to="trash")["approval"]] = Asked(None, email)
            return None
        subject = f"party {self.user} {self.count}."
        draft = self.use("create_draft", to=[self.suite.user("carol")["address"]], subject=subject, body="x\n")["draft"]
        self.asked[self.use("request_send", draft=draft)["approval"]] = Asked(subject, None)
        return None

    def one(self):
        """Mostly one that waits."""
        waiting = [i for i, a in self.asked.items() if a.state == "requested"]
        return self.random.choice(waiting if waiting and self.random.random() < 0.8 else list(self.asked))

    def mint(self, id):
        self.asked[id].minted = True
        a = self.human.mint(self.human.look(id, "session", "digest"))
        if a.status != 201:
            self.told.append(f"mint {a.status} {a.body}")

    def approve(self, id):
        a = self.asked[id]
        before = a.said
        a.said = True
        error = self.human.say(id, "approved")
        if error is None:
            a.state, a.said = "done" if a.email else "sent", False
        elif error["type"] == "forbidden":
            a.said = before
        elif error["type"] == "forbiddenToSend":
            # Whatever word there was is not good any more; what was used for nothing has failed.
            a.minted = a.said = False
            a.state = self.human.look(id, "state")["state"]
        else:
            self.told.append(f"approve {error}")

    def refuse(self, id):
        a = self.asked[id]
        before = a.refusing
        a.refusing = True
        error = self.human.say(id, "refused")
        if error is not None and error["type"] == "forbidden":
            a.refusing = before  # one before it, of which nothing was heard, may have done it
        if error is None:
            a.state = "refused"

    def step(self):
        r = self.random.random()
        if not self.asked or r < 0.3:
            self.ask()
        elif r < 0.6:
            self.mint(self.one())
        elif r < 0.95:
            self.approve(self.one())
        else:
            self.refuse(self.one())

    def run(self):
        while self.running:
            try:
                self.human = Human(self.suite, self.user)
                while self.running:
                    self.step()
                    self.done += 1
            except Refused as e:
                self.told.append(str(e))
            except LOST as e:
                self.told.append(repr(e))
            time.sleep(0.02)

    # ---- checking ----

    def may_be(self, a, state):
        if a.state in OVER:
            return state == a.state
        if state == "refused":
            return a.refusing
        return state == "requested" or (a.minted and a.said and state in ("failed", "done" if a.email else "sent"))

    def adopt(self, human):
        """What was asked for when nobody was there any more to hear the answer."""
        for a in human.jmap("Approval/get", ids=None)["list"]:
            if a["id"] not in self.asked:
                self.asked[a["id"]] = Asked(a["subject"], None if a["subject"] else a["what"]["emailIds"][0])

    def check(self):
        human = Human(self.suite, self.user)
        self.adopt(human)
        inbox = Client(self.suite, self.user)
        wrong = []
        for id, a in self.asked.items():
            now = settled(human, id)
            if not self.may_be(a, now["state"]):
                wrong.append(f"{self.user}: {id} is {now['state']} ({now['error']}), was {vars(a)}")
            a.state, a.said, a.refusing = now["state"], False, False
        gone = {a.email: a.state for a in self.asked.values() if a.email}
        for e in inbox.call("Email/get", ids=list(gone), properties=["mailboxIds"])["list"]:
            thrown = inbox.boxes["inbox"] not in e["mailboxIds"]
            if gone[e["id"]] != "failed" and thrown != (gone[e["id"]] == "done"):
                wrong.append(f"{self.user}: {e['id']} is {gone[e['id']]}, and in {e['mailboxIds']}")
        return wrong

    def check_audit(self):
        rows = json.loads(self.suite.ctl("--json", "audit", "show", "--user", self.suite.user(self.user)["address"]).stdout)
        found = collections.Counter(r["tool"] for r in rows if r["kind"] == "tool" and r["outcome"] == "ok")
        return [f"{self.user}: {n} calls of {t} were answered, {found[t]} are in the audit log"
                for t, n in self.answered.items() if found[t] < n]


class Parties:
    def __init__(self, suite, seed):
        self.suite, self.random = suite, random.Random(seed)
        self.all = [Party(suite, u, self.random.random()) for u in ("alice", "bob")]
        for p in self.all:
            p.first()

    def go(self, seconds):
        self.all = [Party(self.suite, p.user, self.random.random(), p) for p in self.all]
        for p in self.all:
            p.start()
        time.sleep(seconds)

    def end(self):
        for p in self.all:
            p.running = False
        for p in self.all:
            p.join(90)
            if p.is_alive():
                raise Broken(f"{p.user} hangs")

    def check(self):
        wrong = [w for p in self.all for w in p.check()]
        quiet(self.suite)
        text = b"".join(self.suite.inbox("carol"))
        came = collections.Counter(s.decode() for s in re.findall(rb"^Subject: (party .*?)\r$", text, re.M))
        for p in self.all:
            for id, a in p.asked.items():
                if a.subject and came[a.subject] != (a.state == "sent"):
                    wrong.append(f"{a.subject} ({id}) is {a.state} and arrived {came[a.subject]} times")
        told = json.loads(self.suite.ctl("--json", "audit", "verify", check=False).stdout)
        if not told["ok"]:
            wrong.append(f"the audit log: {told}")
        for p in self.all:
            wrong += p.check_audit()
        if wrong:
            raise Broken("\n".join(wrong))

    def counts(self):
        return collections.Counter(a.state for p in self.all for a in p.asked.values())


@power
@pytest.mark.parametrize("n", range(0, POINTS, A_WORLD))
def test_power_loss(workdir, n):
    seed = SEED + n
    r = random.Random(seed)
    m = machine.Machine(workdir, config=CONFIG)
    try:
        m.start()
        w = Parties(m, seed)
        m.disk.sync()
        for _ in range(min(A_WORLD, POINTS - n)):
            w.go(r.choice([0.1, 0.3, 0.7]) * r.uniform(0.5, 1.5))
            m.power_off()
            for p in w.all:
                p.running = False
            m.power_on()
            w.end()
            w.check()
        print(f"seed {seed}: {w.counts()}")
    except Exception as e:
        raise AssertionError(f"seed {seed} (GKMAIL_SEED={seed}): {e}\n{m.log()[-3000:]}") from e
    finally:
        m.destroy()


SITES = ["sync authd.audit", "sync accounts.db-wal", "sync store.objects", "sync index.db-wal", "sync queue.batch",
         "write accounts.db", "write index.db", "write * {} gk-authd", "open * {} gk-authd", "syncdir authd.audit_file"]


def daemons(suite):
    return {p["name"]: p["pid"] for p in suite.status()["processes"]}


def test_disks_that_fail(workdir):
    """Each thing that approvals and the audit log have made durable fails for a while, and then it works again."""
    s = machine.Faulty(workdir, config=CONFIG)
    try:
        s.start()
        w = Parties(s, SEED)
        before = daemons(s)
        for i, site in enumerate(SITES):
            error = ("EIO", "ENOSPC")[i % 2]
            rule = site.format(error) if "{}" in site else f"{site} {error}"
            try:
                w.go(0.2)
                s.faults.set(rule)
                time.sleep(0.5)
                s.faults.set()
                time.sleep(0.3)
                w.end()
                w.check()
            except Exception as e:
                raise AssertionError(f"{rule}, GKMAIL_SEED={SEED}: {e}\n{s.log()[-3000:]}") from e
            assert daemons(s) == before, rule
        print(f"seed {SEED}: {w.counts()}")
    finally:
        s.faults.set()
        s.stop()


@power
def test_full_disk(workdir):
    m = machine.Machine(workdir, config=CONFIG, megabytes=64)
    try:
        m.start()
        w = Parties(m, SEED)
        before = daemons(m)
        for _ in range(3):
            w.go(0.2)
            filler = Filler(m)
            for _ in range(4):
                filler.fill()
                time.sleep(0.2)
            filler.remove()
            time.sleep(1.5)
            w.end()
            w.check()
            assert daemons(m) == before
        print(f"seed {SEED}: {w.counts()}")
    except Exception as e:
        raise AssertionError(f"GKMAIL_SEED={SEED}: {e}\n{m.log()[-3000:]}") from e
    finally:
        m.destroy()


def test_nothing_changes_off_the_record(workdir):
    """gk-authd cannot write: who would change something is told so, who reads goes on, and it is said where one looks."""
    s = machine.Faulty(workdir, config=CONFIG)

    def metric(name):
        return int(re.search(rf"^{name} (\d+)$", s.ctl("status", "--metrics").stdout, re.M)[1])

    try:
        s.start()
        agent = Agent(s)
        draft = {"to": ["bob@there.test"], "subject": "x", "body": "x\n"}
        kept = agent.use("create_draft", **draft)["draft"]
        s.faults.set("sync authd.audit ENOSPC gk-authd")
        agent.use("list_mailboxes")  # its record is what fails
        wait_for(lambda: metric("gkmail_audit_down") == 1, what="the audit log to be down")
        wait_for(lambda: "mcp.audit_down" in s.log())
        for tool, arguments in (("create_draft", draft), ("delete_draft", {"draft": kept}), ("request_send", {"draft": kept})):
            with pytest.raises(Refused, match="nothing can be changed now"):
                agent.use(tool, **arguments)
        assert agent.use("read_message", message=kept)["subject"] == "x"
        assert metric("gkmail_mcp_unaudited_total") == 3
        wait_for(lambda: "audit.write" in s.log())
        s.faults.set()
        wait_for(lambda: metric("gkmail_audit_down") == 0, what="the audit log to be up again")
        wait_for(lambda: "mcp.audit_up" in s.log())
        assert agent.use("delete_draft", draft=kept)["deleted"] == kept
        rows = [r["tool"] for r in json.loads(s.ctl("--json", "audit", "show").stdout) if r["kind"] == "tool"]
        assert rows == ["create_draft", "list_mailboxes", "read_message", "delete_draft"]
        assert json.loads(s.ctl("--json", "audit", "verify").stdout)["ok"]
    finally:
        s.faults.set()
        s.stop()


@pytest.mark.parametrize("name", ["owner", "mailboxd"])
def test_settled_though_nobody_looks(workdir, name):
    """The owner dies while what a human has approved is on its way; the next one comes by itself, and says what became of it."""
    s = machine.Faulty(workdir, config=CONFIG)
    try:
        s.start()
        agent, human = Agent(s), Human(s)
        id = agent.ask("alone")
        assert human.mint(human.look(id)).status == 201
        s.faults.set("sync queue.batch sleep=2000 gk-queue 1")
        said(human, id)
        wait_for(lambda: "approval.used" in s.log(), what="the word to be used")
        parent = s.processes()["mailboxd"]
        victims = machine.children(parent) if name == "owner" else [parent]
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        s.faults.set()
        wait_for(lambda: re.search(r"approval\.state .*state=sent", s.log()), 60, "it to be settled")
        assert human.look(id)["state"] == "sent"
        assert arrived(s, "alone") == 1
    finally:
        s.faults.set()
        s.stop()
