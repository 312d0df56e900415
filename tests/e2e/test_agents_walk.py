"""Agents, humans and captured processes around approvals, at random and by model: nothing leaves that was not approved, nothing
leaves twice, and processes that are killed in between leave a record that says what became of it."""

import contextlib
import os
import random
import re
import shutil
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from agentmail import Agent, Human
from conftest import BIN, make, wait_for
from test_hostile import TOOLS

STEPS = int(os.environ.get("GKMAIL_WALK", "120"))
# Not "rcpt": carol is whom all of it is to.
ATTACKS = ("body", "bcc", "hold", "token", "approval", "field")


def start(workdir, name):
    place = Path(workdir) / name
    shutil.copytree(BIN, place)
    for program in ("gk-mcpd", "gk-smtpd"):
        shutil.copy(TOOLS / program, place / program)
    place.chmod(0o755)
    s = make(workdir, "--users", "3")
    s.bin = place
    return s.start()


def arrived(suite, name):
    found = (re.search(rb"^Subject: (.*?)\r$", m, re.M)[1].decode() for m in suite.inbox(name))
    return Counter(s for s in found if s.startswith(("walk", "attack")))


# ---- the walk ----


class Walk:
    """What has been asked for, which words authd has given, and what may have left by them."""

    def __init__(self, suite, seed):
        self.suite, self.random, self.seed = suite, random.Random(seed), seed
        self.humans = {n: Human(suite, n) for n in ("alice", "bob")}
        self.agents = [(n, Agent(suite, n)) for n in ("alice", "alice", "bob")]
        self.asked = []  # (user, approval, subject, attack or None)
        self.words = Counter()  # (user, session, digest) -> not used
        self.state, self.left = {}, Counter()
        self.before = arrived(suite, "carol")

    def close(self):
        for _, a in self.agents:
            a.close()

    def ask(self):
        user, agent = self.random.choice(self.agents)
        attack = self.random.choice(ATTACKS) if self.random.random() < 0.3 else None
        n = len(self.asked)
        subject = f"attack {attack}" if attack else f"walk {self.seed}.{n}"
        email = agent.draft([self.suite.user("carol")["address"]], subject, f"{self.seed} {n}\nx\ny\n")
        asked = agent.request_send(email)
        if asked.get("type") == "tooLarge":  # so many wait
            self.refuse_all(user)
            return
        assert asked["state"] == "requested", asked
        self.asked.append((user, asked, subject, attack))
        self.state[user, asked["id"]] = "requested"

    def refuse_all(self, user):
        for u, a, _, _ in self.asked:
            if u == user and self.state[u, a["id"]] == "requested":
                assert self.humans[u].say(a["id"], "refused") is None
                self.state[u, a["id"]] = "refused"

    def one(self):
        return self.random.choice(self.asked) if self.asked else None

    def mint(self):
        if not (x := self.one()):
            return
        user, asked, _, _ = x
        who = self.random.choice(("alice", "bob"))
        other = self.one()[1]
        given = {"session": self.random.choice((asked, asked, other))["session"],
                 "digest": self.random.choice((asked, asked, asked, other))["digest"]}
        assert self.humans[who].mint(given).status == 201
        self.words[who, given["session"], given["digest"]] += 1

    def approve(self):
        if not (x := self.one()):
            return
        user, asked, subject, attack = x
        id, key = asked["id"], (user, asked["session"], asked["digest"])
        error = self.humans[user].say(id, "approved")
        if self.state[user, id] != "requested":
            assert error["type"] == "forbidden", (x, error)
        elif self.words[key] > 0 and attack is None:
            assert error is None, (x, error)
            self.words[key] -= 1
            self.state[user, id] = "sent"
            self.left[subject] += 1
        else:
            assert error["type"] == "forbiddenToSend", (x, error)
            self.words[key] = 0  # nobody waits for them any more
        assert self.humans[user].look(id, "state")["state"] == self.state[user, id]

    def approve_another_users(self):
        if x := self.one():
            other = "bob" if x[0] == "alice" else "alice"
            if (other, x[1]["id"]) not in self.state:
                assert self.humans[other].say(x[1]["id"], "approved")["type"] == "notFound"

    def refuse(self):
        if (x := self.one()) and self.random.random() < 0.3:
            error = self.humans[x[0]].say(x[1]["id"], "refused")
            assert (error is None) == (self.state[x[0], x[1]["id"]] == "requested")
            if error is None:
                self.state[x[0], x[1]["id"]] = "refused"

    def by_the_agent(self):
        if x := self.one():
            _, agent = self.random.choice([a for a in self.agents if a[0] == x[0]])
            r = agent.jmap("Approval/set", update={x[1]["id"]: {"state": self.random.choice(("approved", "sent", "refused"))}})
            assert x[1]["id"] in r["notUpdated"]

    def run(self, steps):
        moves = [self.ask, self.ask, self.mint, self.mint, self.mint, self.approve, self.approve, self.approve, self.refuse,
                 self.approve_another_users, self.by_the_agent]
        for _ in range(steps):
            self.random.choice(moves)()


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_leaves_that_was_not_approved(workdir, seed):
    suite = start(workdir, f"bin-walk-{seed}")
    try:
        w = Walk(suite, seed)
        w.run(STEPS)
        w.close()
        assert w.left, "a walk that sends nothing says nothing"
        expected = w.before + w.left
        wait_for(lambda: not expected - arrived(suite, "carol"), what="all that was approved")
        assert arrived(suite, "carol") == expected
        # Alice and Bob wrote, and got nothing.
        assert not arrived(suite, "alice") and not arrived(suite, "bob")
    finally:
        suite.stop()


# ---- kills ----


def victims(suite, name):
    return suite.owners() if name == "owner" else [suite.processes().get(name)]


def settled(human, id):
    """The state once nothing is under way any more."""
    def look():
        with contextlib.suppress(Exception):
            state = human.look(id, "state")["state"]
            return state if state != "approved" else None
    return wait_for(look, 60, "a word on what became of it")


@pytest.mark.parametrize("name", ["authd", "queue", "owner", "smtpd"])
def test_killed_in_between(workdir, name):
    """A process is killed while what a human has approved is on its way: at most once, never unapproved, and it is told."""
    suite = make(workdir, "--users", "3")
    suite.bin = Path(workdir) / f"bin-kill-{name}"
    shutil.copytree(BIN, suite.bin)
    shutil.copy(TOOLS / "gk-mcpd", suite.bin / "gk-mcpd")
    suite.bin.chmod(0o755)
    suite.start()
    dice = random.Random(name)
    seen = Counter()
    try:
        human = Human(suite)
        for n in range(8):
            subject = f"walk {name} {n}"
            with Agent(suite) as agent:
                asked = agent.request_send(agent.draft([suite.user("carol")["address"]], subject))
            assert human.mint(asked).status == 201
            before = victims(suite, name)

            def approve():
                with contextlib.suppress(Exception):
                    human.say(asked["id"], "approved")

            t = threading.Thread(target=approve)
            t.start()
            # Somewhere in the few milliseconds that it takes: not timed, but spread.
            time.sleep(dice.choice((0, 0.002, 0.004, 0.006, 0.01, 0.02)))
            for pid in before:
                with contextlib.suppress(ProcessLookupError, TypeError):
                    os.kill(pid, signal.SIGKILL)
            t.join()
            if name != "owner":
                wait_for(lambda: suite.processes().get(name) not in (None, 0, *before), 60, "another one")
            wait_for(lambda: human.who() or None, 60, "authd's answers")
            state = settled(human, asked["id"])
            seen[state] += 1
            assert state in ("sent", "requested", "failed"), state
            if state == "requested":
                # What was approved and not used never will be: the human says it again, and it goes once.
                assert arrived(suite, "carol")[subject] == 0
                assert human.approve(asked["id"]) is None
                state = "sent"
            if state == "sent":
                wait_for(lambda: arrived(suite, "carol")[subject], 60, "the mail")
            assert arrived(suite, "carol")[subject] == (state == "sent")
        assert sum(seen.values()) == 8, seen
    finally:
        suite.stop()
