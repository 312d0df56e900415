"""An agent and a human around one mailbox. The agent has the captured gk-mcpd's tool "jmap" (tests/hostile/mcpd.c): it can say
whatever JMAP can. The human has a browser: JMAP by its cookie, and what authd gives it to say."""

import base64

from mcp import Stdio
from suite import wait_for
from test_web_auth import Browser

USING = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail", "urn:ietf:params:jmap:submission",
         "urn:ietf:params:jmap:vacationresponse", "urn:x-gkmail:approval"]


class Agent(Stdio):
    """The user's agent "terminal" in a session of its own."""

    def __init__(self, suite, user="alice"):
        super().__init__(suite, user)
        self.address = suite.user(user)["address"]

    def jmap(self, name, **arguments):
        """The result of one method; an error's too."""
        # So many calls a minute: more of them wait.
        r = wait_for(lambda: self.ask("tools/call", {"name": "jmap", "arguments": {"calls": [[name, arguments, "0"]]}}).get("result"),
                     90, "an answer")
        return r["responses"][0][1]

    @property
    def boxes(self):
        return {b["role"]: b["id"] for b in self.jmap("Mailbox/get", ids=None)["list"] if b.get("role")}

    def draft(self, to, subject="from an agent", text="Bonjour\n", **more):
        r = self.jmap("Email/set", create={"d": {
            "mailboxIds": {self.boxes["drafts"]: True}, "keywords": {"$draft": True}, "from": [{"email": self.address}],
            "to": [{"email": a} for a in to], "subject": subject, "textBody": [{"partId": "t", "type": "text/plain"}],
            "bodyValues": {"t": {"value": text}}, **more}})
        assert r["notCreated"] is None, r
        return r["created"]["d"]["id"]

    def request(self, **fields):
        """The SetError, or the Approval as it was made."""
        r = self.jmap("Approval/set", create={"r": fields})
        return (r.get("created") or {}).get("r") or r.get("notCreated", {}).get("r") or r

    def request_send(self, email, **more):
        identity = self.jmap("Identity/get", ids=None)["list"][0]["id"]
        return self.request(identityId=identity, emailId=email, **more)

    def look(self, id):
        return self.jmap("Approval/get", ids=[id])["list"][0]


class Human(Browser):
    def __init__(self, suite, user="alice"):
        super().__init__(suite)
        assert self.login(user).status == 204
        self.account = next(iter(self.ask("GET", "/jmap/session").json()["accounts"]))

    def jmap(self, name, **arguments):
        a = self.ask("POST", "/jmap/api", {"using": USING, "methodCalls": [[name, {"accountId": self.account, **arguments}, "0"]]})
        assert a.status == 200, a.body
        return a.json()["methodResponses"][0][1]

    def look(self, id, *properties):
        return self.jmap("Approval/get", ids=[id], **({"properties": list(properties)} if properties else {}))["list"][0]

    def octets(self, id):
        return base64.b64decode(self.look(id, "octets")["octets"])

    def mint(self, approval):
        return self.ask("POST", "/auth/approvals", {k: approval[k] for k in ("session", "digest")} | {"what": "a test"})

    def say(self, id, state):
        """None, or the SetError."""
        return (self.jmap("Approval/set", update={id: {"state": state}})["notUpdated"] or {}).get(id)

    def approve(self, id):
        a = self.mint(self.look(id))
        assert a.status == 201, a.body
        return self.say(id, "approved")
