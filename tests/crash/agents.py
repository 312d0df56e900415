"""Agents and those who answer them around lost power: what was asked for, approved, and done.

The promises (INVARIANTS 16, 20; docs/adr/0032-agents-and-approvals.md, 0035-undo-audit-trace.md):
  what was never approved is never done;
  what was answered as approved is done, and once;
  what was under way is done once, or waits for the human again, or has failed and says why;
  a human's word that was used, or that nobody waited for any more, is good for nothing;
  a call that changed something, and was answered, is in the audit log, which holds.
"""

import contextlib
import os
import re
import signal
import threading
from pathlib import Path

from agentmail import Human
from mcpclient import Client, token_of
from scenes import QUIET, must
from suite import wait_for


class Refused(Exception):
    """A tool said no."""


class Agent:
    def __init__(self, m, user="alice", name="desk"):
        self.m, self.user = m, user
        self.client = Client(m, token_of(m, user, name), can={})

    def use(self, tool, **arguments):
        a = self.client.tool(tool, arguments)
        if a.status != 200 or "result" not in a.last:
            raise Refused(f"{a.status} {a.body[:300]}")
        if a.result["isError"]:
            raise Refused(a.result["content"][0]["text"])
        return a.result["structuredContent"]

    def ask(self, subject, to="carol"):
        """The approval's id."""
        draft = self.use("create_draft", to=[self.m.user(to)["address"]], subject=subject, body=f"{subject}\n")["draft"]
        return self.use("request_send", draft=draft)["approval"]

    def throw_away(self, *ids):
        return self.use("move", messages=list(ids), to="trash")["approval"]


def arrived(m, subject, user="carol"):
    pattern = re.compile(rb"^Subject: " + re.escape(subject.encode()) + rb"\r$", re.M)
    return sum(bool(pattern.search(o)) for o in m.inbox(user))


def settled(human, id):
    """What became of it, when nothing is under way any more."""
    return wait_for(lambda: (a := human.look(id)) and a["state"] != "approved" and a, 60, f"a word on what became of {id}")


def quiet(m):
    wait_for(lambda: "empty" in m.ctl("queue", "list").stdout, 60, "the queue's end")


def once(m, subject):
    wait_for(lambda: arrived(m, subject), what=f"{subject} to arrive")
    quiet(m)
    must(arrived(m, subject) == 1, f"{subject} arrived {arrived(m, subject)} times")


def cut(m):
    """Power goes and comes again; the human logs in anew."""
    m.power_off()
    m.power_on()
    return Human(m)


def asleep(m, process):
    """Until it stands in the sleep that a fault has made of a sync."""
    threads = Path(f"/proc/{m.processes()[process]}/task")
    wait_for(lambda: any("nanosleep" in t.read_text() for t in threads.glob("*/wchan")), what=f"{process} to sleep")


def said(human, id):
    """A human says it, and is not at the other end any more when the answer comes."""
    def say():
        with contextlib.suppress(Exception):
            human.say(id, "approved")

    threading.Thread(target=say, daemon=True).start()


def use_unheard(m, human, id):
    """A human says it, and the owner stands still while authd writes down that the word is used: it never hears so."""
    must(human.mint(human.look(id)).status == 201, "no word for it")
    m.faults.add("sync accounts.db-wal sleep=5000 gk-authd 1")
    said(human, id)
    asleep(m, "authd")
    for owner in m.owners():
        os.kill(owner, signal.SIGSTOP)


# ---- scenes: as in scenes.py ----

def asked_and_approved(m):
    """What waits, a human's word, what was refused and what was sent: each outlasts the power that goes when it is answered."""
    agent, human = Agent(m), Human(m)
    kept, refused, sent = (agent.ask(f"scene {i}") for i in range(3))
    must(human.say(refused, "refused") is None, "it cannot be refused")
    must(human.approve(sent) is None, "it cannot be approved")
    must(human.mint(human.look(kept)).status == 201, "no word for it")
    human = cut(m)
    states = [human.look(i)["state"] for i in (kept, refused, sent)]
    must(states == ["requested", "refused", "sent"], f"of what was asked for there is {states}")
    once(m, "scene 2")
    # The word is not good for the others, and not twice for its own.
    must(human.say(kept, "approved") is None, "the human's word is lost")
    once(m, "scene 0")
    human = cut(m)
    for id, state in ((kept, "sent"), (refused, "refused"), (sent, "sent")):
        must(human.look(id)["state"] == state, f"{id} is {human.look(id)['state']}, not {state}")
        must(human.approve(id)["type"] == "forbidden", f"{id} can be approved again")
    quiet(m)
    must([arrived(m, f"scene {i}") for i in range(3)] == [1, 0, 1], "it was sent again, or what was refused")


def used_and_not_taken(m):
    """The human's word is used up, and the queue's disk has not yet what it was for: it is gone, and the human is told."""
    agent, human = Agent(m), Human(m)
    id = agent.ask("scene lost")
    must(human.mint(human.look(id)).status == 201, "no word for it")
    m.faults.add("sync queue.batch sleep=20000 gk-queue 1")
    said(human, id)
    wait_for(lambda: "approval.used" in m.log(), what="the word to be used")
    asleep(m, "queue")
    m.faults.set()
    human = cut(m)
    a = settled(human, id)
    must(a["state"] == "failed" and "lost on its way" in a["error"], f"the human is told {a['state']}: {a['error']}")
    must(human.approve(id)["type"] == "forbidden", "it can be approved again")
    quiet(m)
    must(arrived(m, "scene lost") == 0, "it was sent")
    # The agent can ask again, and then it goes.
    must(human.approve(agent.ask("scene found")) is None, "nothing can be sent any more")
    once(m, "scene found")


def taken_and_not_told(m):
    """The queue has taken it, and its owner stands still before it hears so. When somebody asks it is delivered long since, and
    the journal has let go of it: it was sent."""
    agent, human = Agent(m), Human(m)
    id = agent.ask("scene taken")
    use_unheard(m, human, id)
    wait_for(lambda: "queue.approved" in m.log(), what="the queue to have it")
    m.faults.set()
    once(m, "scene taken")
    m.power_off()
    m.power_on()
    wait_for(lambda: len(list((m.dir / "data/spool/journal").glob("*.seg"))) <= 3, what="the old segment to go")
    a = settled(Human(m), id)
    must(a["state"] == "sent", f"the human is told {a['state']}: {a['error']}")
    once(m, "scene taken")


def approved_and_not_used(m):
    """The human has said it, and authd has not synced that the word was used: it waits for the human again. (Or has failed,
    where somebody else's sync has taken it along.)"""
    agent, human = Agent(m), Human(m)
    id = agent.ask("scene again")
    must(human.mint(human.look(id)).status == 201, "no word for it")
    m.faults.add("sync accounts.db-wal sleep=20000 gk-authd 1")
    said(human, id)
    asleep(m, "authd")
    m.faults.set()
    human = cut(m)
    a = settled(human, id)
    must(a["state"] in ("requested", "failed") and a["error"], f"the human is told {a['state']}: {a['error']}")
    must(human.say(id, "approved")["type"] in ("forbiddenToSend", "forbidden"), "a word that nobody waited for was used")
    quiet(m)
    must(arrived(m, "scene again") == 0, "it was sent")
    if a["state"] == "requested":
        must(human.approve(id) is None, "it cannot be approved again")
        once(m, "scene again")


def one_to_throw_away(m, agent):
    m.send("bob", ["alice"], subject="old")
    got = wait_for(lambda: agent.use("list_threads", mailbox="inbox")["messages"], what="mail")
    return agent.throw_away(got[0]["id"])


def thrown_away(m):
    """What another action did outlasts the power that goes when it is answered."""
    agent, human = Agent(m), Human(m)
    id = one_to_throw_away(m, agent)
    must(human.approve(id) is None, "it cannot be approved")
    human = cut(m)
    must(human.look(id)["state"] == "done", f"the human is told {human.look(id)['state']}")
    must(human.approve(id)["type"] == "forbidden", "it can be approved again")
    must(len(m.inbox("alice")) == 0, "it is in INBOX again")


def used_and_not_done(m):
    """The human's word is used up, and its owner stands still before it acts: nobody does it later, and the human is told."""
    agent, human = Agent(m), Human(m)
    id = one_to_throw_away(m, agent)
    use_unheard(m, human, id)
    wait_for(lambda: "approval.used" in m.log(), what="the word to be used")
    m.faults.set()
    human = cut(m)
    a = settled(human, id)
    must(a["state"] == "failed" and "interrupted" in a["error"], f"the human is told {a['state']}: {a['error']}")
    must(human.approve(id)["type"] == "forbidden", "it can be approved again")
    must(len(m.inbox("alice")) == 1, "it was done")


SCENES = {
    "asked_and_approved": (asked_and_approved, {"config": QUIET}, ["sync accounts.db-wal"]),
    "used_and_not_taken": (used_and_not_taken, {"config": QUIET}, []),
    "taken_and_not_told": (taken_and_not_told, {"config": QUIET.replace('"10m"', '"300ms"')}, []),
    "approved_and_not_used": (approved_and_not_used, {"config": QUIET}, []),
    "thrown_away": (thrown_away, {"config": QUIET}, []),
    "used_and_not_done": (used_and_not_done, {"config": QUIET}, []),
}
