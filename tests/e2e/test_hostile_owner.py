"""An owner process turned hostile, as by a message that its parser did not bear: what it says to gk-webd, and asks of the
parent, harms nobody but its own user. The hostile one is that of mallory alone (tests/hostile/mailboxd.c)."""

import contextlib
import http.client
import json
import re
import shutil
import socket
import ssl
import time
from pathlib import Path

import pytest

from agentmail import Human
from conftest import BIN, make, wait_for
from jmapclient import Closed, Jmap, echo, tls_to
from jmapmail import Client
from mcp import Stdio
from test_hostile import TOOLS

# In place of an answer; what the client gets at best.
ANSWERS = ("data_first", "end_first", "two_heads", "endless_heads", "head_after_data", "cut_head", "status_7", "status_101",
           "lines_in_head", "more_than_promised", "less_than_promised", "promised_all", "length_4_gib", "kind_0", "kind_255",
           "half_a_frame", "kind_of_webd", "text_unasked", "two_answers", "gone")
# What looks like an answer until its end: nothing to tell of.
ODD = {"lines_in_head", "more_than_promised", "less_than_promised", "promised_all", "half_a_frame", "gone"}
TEXTS = ("text_that_is_none", "data_first", "end_first", "two_heads", "cut_head", "kind_of_webd", "length_4_gib", "kind_0",
         "kind_255", "half_a_frame", "state_that_is_none", "many_done")


@pytest.fixture(scope="module")
def suite(workdir):
    place = Path(workdir) / "bin-gk-mailboxd"
    shutil.copytree(BIN, place)
    shutil.copy(TOOLS / "gk-mailboxd", place / "gk-mailboxd")
    place.chmod(0o755)
    s = make(workdir, "--users", "3", config='[mailbox]\nlinger = "1h"\n')
    s.bin = place
    s.start()
    s.ctl("user", "add", f"mallory@{s.domain}", input="password of mallory\n")
    s.info["users"].append({"address": f"mallory@{s.domain}", "password": "password of mallory"})
    before = s.processes()
    yield s
    # Nobody else ended, or did what its filter forbids.
    assert s.processes() == before
    assert "sandbox_violation" not in s.log() and "master.exit" not in s.log()
    assert s.stop() == 0


def attack(suite, what, jmap=None):
    """What the client hears of it; None: nothing that is HTTP."""
    jmap = jmap or Jmap(suite, "mallory")
    try:
        return jmap.api({"using": [], "methodCalls": [[f"attack {what}", {}, "0"]]})
    except (OSError, http.client.HTTPException, ssl.SSLError):
        return None


def others_are_served(suite):
    assert Jmap(suite, "bob").api(echo(x=1)).json()["methodResponses"] == [["Core/echo", {"x": 1}, "c"]]


@pytest.mark.parametrize("what", ANSWERS)
def test_answers_that_are_none(suite, what):
    mark = len(suite.log())
    heard = attack(suite, what)
    others_are_served(suite)
    if what not in ODD:
        wait_for(lambda: "web.pipe" in suite.log()[mark:], what="a word in the log")
    if heard is not None:
        assert "Set-Cookie" not in heard.headers and "stolen" not in str(heard.headers) + heard.body.decode(errors="replace")
    if what == "two_answers":
        assert heard.json() == {"first": 1}
    # Its own user is served on too, and hears nothing of what was said behind an answer.
    for _ in range(3):
        again = attack(suite, "gone")
        assert again is None or b"second" not in again.body


def test_an_answer_without_end(suite):
    """A client that reads nothing: the owner is held back, and what waits for the client is bounded."""
    def memory():
        return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{suite.processes()['webd']}/status").read_text())[1])

    body = json.dumps({"using": [], "methodCalls": [["attack endless", {}, "0"]]}).encode()
    head = "".join(f"{k}: {v}\r\n" for k, v in Jmap(suite, "mallory").headers.items())
    before = memory()
    with contextlib.closing(tls_to(suite, receive=4096)) as s:
        s.sendall(f"POST /jmap/api HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{head}"
                  f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert s.recv(12) == b"HTTP/1.1 200"
        end = time.monotonic() + 2
        while time.monotonic() < end:
            others_are_served(suite)
        assert memory() - before < 20_000
    others_are_served(suite)


@pytest.mark.parametrize("what", TEXTS)
def test_texts_that_are_none(suite, what):
    with Jmap(suite, "bob").socket() as bob, Jmap(suite, "mallory").socket() as mallory:
        mallory.send({"@type": "Request", "id": "r", "using": [], "methodCalls": [[f"attack {what}", {}, "0"]]})
        if what not in ("many_done", "text_that_is_none"):  # as text it goes on, without end or not
            assert mallory.closed() in (1011, 1012, 1013)
        assert bob.ask(echo(x=2))["methodResponses"] == [["Core/echo", {"x": 2}, "c"]]


def test_a_text_without_end(suite):
    with Jmap(suite, "mallory").socket(receive=4096) as mallory:
        mallory.send({"@type": "Request", "id": "r", "using": [], "methodCalls": [["attack endless_text", {}, "0"]]})
        end = time.monotonic() + 2
        while time.monotonic() < end:
            others_are_served(suite)
        with contextlib.suppress(Closed, OSError, socket.timeout):
            for _ in range(2000):
                mallory.receive()
    others_are_served(suite)


def test_mail_in_the_name_of_others(suite):
    bob, own = suite.user("bob")["address"], suite.user("mallory")["address"]
    for how in ("envelope", "header"):
        assert attack(suite, f"{how} {bob}").json() == {"given": 0, "refused": 1}
    assert attack(suite, f"header {own}").json() == {"given": 1, "refused": 0}
    got = wait_for(lambda: suite.inbox("mallory"))
    assert len(got) == 1 and f"From: {own}".encode() in got[0]
    wait_for(lambda: "smtp.reject" in suite.log())


def test_messages_of_others_are_not_taken_back(suite):
    bob = Client(suite, "bob")
    alice = suite.user("alice")["address"]
    made = bob.submit(bob.draft("bob's own", [alice]), to=[alice], hold={"HOLDFOR": "3600"})[0][1]["created"]["s"]
    mid, = (m["mid"] for m in json.loads(suite.ctl("queue", "list", "--json").stdout) if m["sender"] == bob.identity["email"])
    told = attack(suite, f"submitted {mid}").json()
    assert told == {"given": 0, "refused": 12}
    assert bob.call("EmailSubmission/get", ids=[made["id"]])["list"][0]["undoStatus"] == "pending"
    assert bob.call("EmailSubmission/set", update={made["id"]: {"undoStatus": "canceled"}})["notUpdated"] is None


def test_what_was_approved_for_another(suite):
    """bob has said yes to what his agent asked for. mallory's owner uses up nothing of it, nor spoils it, and nothing goes
    out as from any agent."""
    bob = Client(suite, "bob")
    suite.send("carol", ("bob",), subject="to be deleted")
    email, = wait_for(lambda: bob.call("Email/query", filter={"subject": "to be deleted"})["ids"])
    human = Human(suite, "bob")
    with Stdio(suite, "bob") as agent:
        asked = agent.call("move", {"messages": [email], "to": "trash"})["structuredContent"]["approval"]
        approval = human.look(asked)
        assert human.mint(approval).status == 201
        before = {n: len(suite.inbox(n)) for n in ("alice", "bob", "carol", "mallory")}
        told = attack(suite, f"approval {approval['session']} {approval['digest']}").json()
        assert told["given"] == 0 and told["refused"] == 9
        assert human.say(asked, "approved") is None
        assert human.look(asked)["state"] == "done"
    assert {n: len(suite.inbox(n)) for n in before} == {**before, "bob": before["bob"] - 1}


@pytest.mark.parametrize("what", ["smtp_at_once", "smtp_in_turn"])
def test_connections_in_any_number(suite, what):
    """gk-smtpd has so many of one owner, and others submit as before."""
    told = attack(suite, what).json()
    assert told["given"] <= 32 and told["given"] + told["refused"] == 300
    wait_for(lambda: re.search(r"warn smtpd limit\.connections user=mallory@", suite.log()))
    bob = Client(suite, "bob")
    made = bob.submit(bob.draft(what, [suite.user("alice")["address"]]))[0][1]
    assert made["notCreated"] is None
    suite.send("carol", ["alice"], subject="by SMTP " + what)
    for subject in (what, "by SMTP " + what):
        wait_for(lambda s=subject: [m for m in suite.inbox("alice") if f"Subject: {s}".encode() in m])
