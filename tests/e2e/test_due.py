"""Users at whom nobody looks: their owners come by themselves when something is to be done."""

import os
import signal

import pytest
from jmapmail import Client
from suite import wait_for


@pytest.fixture
def own(fresh_suite):
    return fresh_suite(config="[mailbox]\nlinger = '0s'\n")


def due(suite, user="alice"):
    """The file that says so, or None."""
    return next(iter(suite.dir.glob(f"**/mail/.due/{suite.user(user)['address']}")), None)


@pytest.mark.parametrize("killed", [False, True])
def test_what_was_submitted_for_later(own, killed):
    c, bob = Client(own), own.user("bob")["address"]
    result = c.submit(c.draft("later", [bob]), to=[bob], hold={"HOLDFOR": "8"})[0][1]
    id = result["created"]["s"]["id"]
    wait_for(lambda: due(own), what="a word on when it is due")
    if killed:
        pid = own.processes()["mailboxd"]
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: own.processes().get("mailboxd") not in (None, 0, pid), what="another one")
    # Nobody looks, and there is nothing left to be done.
    wait_for(lambda: not due(own), 60, "somebody to look after it")
    assert "mailbox.due" in own.log() or not killed
    found = c.call("EmailSubmission/get", ids=[id])["list"][0]
    assert found["undoStatus"] == "final"
    assert found["deliveryStatus"][bob]["delivered"] == "yes"


def test_a_user_who_is_gone_is_not_due(own):
    c, bob = Client(own), own.user("bob")["address"]
    c.submit(c.draft("later", [bob]), to=[bob], hold={"HOLDFOR": "3600"})
    wait_for(lambda: due(own), what="a word on when it is due")
    own.ctl("user", "del", own.user("alice")["address"])
    wait_for(lambda: not due(own), what="it to be forgotten")
