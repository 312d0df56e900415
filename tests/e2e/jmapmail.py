"""A JMAP client that writes mail (RFC 8621), for tests."""

import functools

from jmapclient import CORE, MAIL, Jmap

SUBMISSION, VACATION = "urn:ietf:params:jmap:submission", "urn:ietf:params:jmap:vacationresponse"


class Client(Jmap):
    @functools.cached_property
    def account(self):
        return super().account

    def calls(self, *calls):
        answer = self.api({"using": [CORE, MAIL, SUBMISSION, VACATION], "methodCalls": [
            [name, {"accountId": self.account, **args}, str(i)] for i, (name, args) in enumerate(calls)]})
        assert answer.status == 200, answer.body
        return answer.json()["methodResponses"]

    def call(self, name, **args):
        (got, result, _), *_ = self.calls((name, args))
        assert got == name, result
        return result

    @functools.cached_property
    def boxes(self):
        return {m["role"]: m["id"] for m in self.call("Mailbox/get", ids=None)["list"]}

    @functools.cached_property
    def identity(self):
        return self.call("Identity/get", ids=None)["list"][0]

    def draft(self, subject, to, **more):
        result = self.call("Email/set", create={"k": {
            "mailboxIds": {self.boxes["drafts"]: True}, "keywords": {"$draft": True, "$seen": True},
            "from": [{"name": "Zoé", "email": self.identity["email"]}], "to": [{"email": a} for a in to],
            "subject": subject, "bodyValues": {"t": {"value": f"text of {subject}\n"}},
            "textBody": [{"partId": "t", "type": "text/plain"}]} | more})
        assert result["notCreated"] is None, result
        return result["created"]["k"]["id"]

    def submit(self, email, hold=None, to=None, **more):
        envelope = {"envelope": {"mailFrom": {"email": self.identity["email"], "parameters": hold},
                                 "rcptTo": [{"email": a} for a in to]}} if to else {}
        return self.calls(("EmailSubmission/set", {
            "create": {"s": {"identityId": self.identity["id"], "emailId": email} | envelope}} | more))
