"""A client of gk-mcpd's tools that checks what it is given: arguments and results against the tools' own schemas."""

import json
import re
from email.message import EmailMessage

import jsonschema
from conftest import wait_for
from jmapclient import CORE, MAIL
from jmapmail import Client
from mcp import Stdio

RATE = -32000



class Refused(Exception):
    """A tool said no: what it said."""


class Tools(Stdio):
    def __init__(self, suite, user="alice"):
        super().__init__(suite, user)
        self.tools = {t["name"]: t for t in self.ask("tools/list")["result"]["tools"]}
        for t in self.tools.values():
            for schema in (t["inputSchema"], t["outputSchema"]):
                jsonschema.Draft202012Validator.check_schema(schema)

    def answer(self, id, timeout=30):
        """Without those of too much at a time: tests of one user together are faster than an agent may be."""
        got = super().answer(id, timeout)
        self.waits = got.get("error", {}).get("code") == RATE
        return got

    def ask(self, method, params=None, modern=True, **more):
        got = []

        def again():
            got.append(super(Tools, self).ask(method, params, modern, **more))
            return not self.waits

        wait_for(again, seconds=90, what="room for another call")
        return got[-1]

    def result(self, name, **arguments):
        """The whole result; its structured content fits the output schema."""
        tool = self.tools[name]
        jsonschema.validate(arguments, tool["inputSchema"])
        got = self.call(name, arguments)
        assert len(got["content"]) == 1 and got["content"][0]["type"] == "text"
        if not got["isError"]:
            jsonschema.validate(got["structuredContent"], tool["outputSchema"])
        return got

    def use(self, name, **arguments):
        """What the tool gave."""
        got = self.result(name, **arguments)
        if got["isError"]:
            raise Refused(got["content"][0]["text"])
        return got["structuredContent"]

    def text(self, name, **arguments):
        """What it said in text."""
        got = self.result(name, **arguments)
        if got["isError"]:
            raise Refused(got["content"][0]["text"])
        return got["content"][0]["text"]


def outside(text):
    """What stands outside of all fences; each is closed by its own line."""
    left = []
    rest = text
    while m := re.search(r"<<(?:mail|list|attachment) ([0-9a-f]{16})[^\n]*?>>", rest):
        left.append(rest[:m.start()])
        begin, end, rest = rest[m.end():].partition(f"<<end {m[1]}>>")
        assert end, f"not closed: {text}"
        assert "<<" not in begin, begin
    left.append(rest)
    assert "<<" not in rest, rest
    return "".join(left)


class Mail(Client):
    """Puts messages into mailboxes as they are."""

    def put(self, octets, mailbox="inbox", keywords=(), at=None):
        blob = self.upload(octets, "message/rfc822").json()["blobId"]
        email = {"blobId": blob, "mailboxIds": {self.boxes[mailbox]: True}, "keywords": {k: True for k in keywords}}
        if at:
            email["receivedAt"] = at
        made = self.call("Email/import", emails={"k": email})
        assert made["created"], made
        return made["created"]["k"]["id"]

    def approval(self, id):
        """As the user sees it."""
        answer = self.api({"using": [CORE, MAIL, "urn:x-gkmail:approval"],
                           "methodCalls": [["Approval/get", {"accountId": self.account, "ids": [id]}, "0"]]})
        return answer.json()["methodResponses"][0][1]["list"][0]

    def of(self, email, *properties):
        return self.call("Email/get", ids=[email], properties=list(properties))["list"][0]


def message(sender="Bob <bob@there.test>", to="alice@example.test", subject="hello", text="Hello Alice.\n", html=None,
            files=(), **fields):
    m = EmailMessage()
    m["From"], m["To"], m["Subject"] = sender, to, subject
    m["Message-ID"] = fields.pop("id", f"<{abs(hash((sender, subject, text)))}@there.test>")
    m["Date"] = "Fri, 20 Nov 2026 10:00:00 +0000"
    for name, value in fields.items():
        m[name.replace("_", "-")] = value
    m.set_content(text)
    if html is not None:
        m.add_alternative(html, subtype="html")
    for name, kind, octets in files:
        main, sub = kind.split("/")
        m.add_attachment(octets, maintype=main, subtype=sub, filename=name)
    return m.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def tokens(value):
    return len(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))) / 4
