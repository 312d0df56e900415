"""The tools of gk-mcpd on the real suite: reading, organizing, writing; good and bad cases of each."""

import json

import pytest
from agentmail import Human
from conftest import wait_for
from mcp import META
from mcptools import Mail, Refused, Tools, message, outside, tokens


@pytest.fixture(scope="module")
def mail(suite):
    return Mail(suite)


@pytest.fixture
def tools(suite):
    with Tools(suite) as t:
        yield t


@pytest.fixture(scope="module")
def here(suite):
    return suite.user("alice")["address"]


def test_all_of_them(tools):
    assert list(tools.tools) == [
        "list_mailboxes", "list_threads", "search", "read_message", "read_thread", "read_attachment_text", "flag", "move",
        "create_draft", "update_draft", "delete_draft", "request_send", "set_vacation", "contacts",
        "mailbox_changes", "undo_session"]
    reads = {"list_mailboxes", "list_threads", "search", "read_message", "read_thread", "read_attachment_text", "contacts",
             "mailbox_changes"}
    for name, t in tools.tools.items():
        assert t["annotations"].get("readOnlyHint", False) is (name in reads), name
        # Few have to do with anybody but the user.
        assert t["annotations"].get("openWorldHint", True) is (name in ("request_send", "set_vacation")), name
    assert tokens(list(tools.tools.values())) < 4000


# ---- lists ----


def test_list_and_pages(tools, mail):
    ids = [mail.put(message(subject=f"page {i}", id=f"<page{i}@x.test>"), "archive", at=f"2026-01-01T00:00:{i:02}Z")
           for i in range(7)]
    got = tools.use("list_threads", mailbox="archive", limit=3)
    assert [m["id"] for m in got["messages"]] == ids[:3:-1] and got["total"] == 7
    row = got["messages"][0]
    assert row["from"] == "Bob <bob@there.test>" and row["subject"] == "page 6" and row["unread"] is True
    assert row["date"] == "2026-01-01T00:00:06Z" and row["auth"] == "none" and row["messages"] == 1
    # What goes away between two pages shifts nothing.
    tools.use("move", messages=[ids[6]], to="inbox")
    got = tools.use("list_threads", mailbox="archive", limit=3, cursor=got["next"])
    assert [m["id"] for m in got["messages"]] == ids[3:0:-1]
    got = tools.use("list_threads", mailbox="archive", limit=3, cursor=got["next"])
    assert [m["id"] for m in got["messages"]] == ids[:1] and "next" not in got
    with pytest.raises(Refused, match="cursor"):
        tools.use("list_threads", cursor="nonsense")
    with pytest.raises(Refused, match="Inbox"):
        tools.use("list_threads", mailbox="No such one")


def test_unread_only(tools, mail):
    read = mail.put(message(subject="seen one"), keywords=["$seen"])
    new = mail.put(message(subject="new one"))
    ids = [m["id"] for m in tools.use("list_threads", unread=True, limit=50)["messages"]]
    assert new in ids and read not in ids


def test_fifty_cost_little(tools, mail):
    """In the worst case: long names and subjects, full of what JSON escapes."""
    worst = '\\"' * 300
    for i in range(50):
        mail.put(message(sender=f'"{"Zoë " * 30}" <{"a" * 60}@{"b" * 60}.test>', subject=worst + str(i), id=f"<w{i}@x.test>",
                         files=[("a.txt", "text/plain", b"x")]), "junk", keywords=["$flagged"], at="2026-02-01T00:00:00Z")
    got = tools.result("list_threads", mailbox="junk", limit=50)
    assert len(got["structuredContent"]["messages"]) == 50
    assert tokens(got["content"][0]["text"]) < 4000 and tokens(got["structuredContent"]) < 4000


def test_search(tools, mail):
    one = mail.put(message(sender="Carol <carol@there.test>", subject="Invoice zebra", text="pay 12 EUR"), keywords=["$seen"])
    two = mail.put(message(subject="zebra crossing", files=[("a.pdf", "application/pdf", b"%PDF")]))
    gone = mail.put(message(subject="zebra thrown away"), "trash")

    def found(query, **more):
        return {m["id"] for m in tools.use("search", query=query, **more)["messages"]}

    assert found("zebra") == {one, two}
    assert found("zebra in:anywhere") == {one, two, gone}
    assert found("zebra in:trash") == {gone}
    assert found("zebra from:carol") == {one} == found("subject:zebra is:read") == found("zebra -has:attachment")
    assert found("zebra has:attachment is:unread") == {two}
    assert found("zebra after:today") == {one, two} and found("zebra before:2020") == set()
    assert found('"zebra crossing" OR from:carol') >= {one, two}
    for bad in ("in:nowhere", "before:soon", "is:happy", "larger:big"):
        with pytest.raises(Refused, match="says nothing"):
            tools.use("search", query="zebra " + bad)
    assert tools.use("search", query="nothinglikethis")["messages"] == []
    assert tools.call("search", {})["isError"]
    assert tools.call("search", {"query": "x", "limit": 51})["isError"]


# ---- reading ----


def test_read_message(tools, mail, here):
    id = mail.put(message(sender="Zoë <zoe@there.test>", to=f"{here}, Dan <dan@there.test>", subject="Café", text="Bonjour à tous\n",
                          files=[("note.txt", "text/plain", "é\n".encode()), ("p.png", "image/png", b"\x89PNG" * 10)],
                          Reply_To="other@there.test"))
    got = tools.use("read_message", message=id)
    assert got["from"] == ["Zoë <zoe@there.test>"] and got["to"] == [here, "Dan <dan@there.test>"]
    assert got["reply_to"] == ["other@there.test"] and got["subject"] == "Café" and got["text"].strip() == "Bonjour à tous"
    assert got["mailboxes"] == ["inbox"] and got["unread"] is True and "next" not in got
    assert [(a["name"], a["type"]) for a in got["attachments"]] == [("note.txt", "text/plain"), ("p.png", "image/png")]
    # Reading marks nothing.
    assert "$seen" not in mail.of(id, "keywords")["keywords"]
    text = tools.text("read_message", message=id)
    assert "Bonjour" in text and "Bonjour" not in outside(text) and "Zo" not in outside(text)
    for bad in ("e0", "nonsense", "m1"):
        with pytest.raises(Refused, match="no such message"):
            tools.use("read_message", message=bad)


def test_long_text_comes_in_pieces(tools, mail):
    words = " ".join(f"wörd{i}" for i in range(6000))
    id = mail.put(message(text=words + "\n"))
    text, cursor, pieces = "", {}, 0
    while True:
        got = tools.use("read_message", message=id, **cursor)
        assert len(got["text"].encode()) <= 12000
        text, pieces = text + got["text"], pieces + 1
        if "next" not in got:
            break
        cursor = {"cursor": got["next"]}
    assert text.split() == words.split() and pieces > 3
    assert tools.use("read_message", message=id, cursor="1000000")["text"] == ""
    with pytest.raises(Refused, match="cursor"):
        tools.use("read_message", message=id, cursor="-1")


def test_read_thread(tools, mail):
    first = mail.put(message(subject="plan", text="What about Monday?\n", id="<plan1@x.test>"), at="2026-03-01T00:00:00Z")
    second = mail.put(message(subject="Re: plan", text="> What about Monday?\nTuesday is better.\n", id="<plan2@x.test>",
                              In_Reply_To="<plan1@x.test>", References="<plan1@x.test>"), at="2026-03-02T00:00:00Z")
    got = tools.use("read_thread", message=first)
    assert [m["id"] for m in got["messages"]] == [first, second] and got["total"] == 2
    assert "Monday" in got["messages"][0]["text"] and got["messages"][1]["text"].strip() == "Tuesday is better."
    assert outside(tools.text("read_thread", message=second)).count("id: ") == 2
    with pytest.raises(Refused, match="no such message"):
        tools.use("read_thread", message="e0")


def test_long_thread(tools, mail):
    for i in range(12):
        refs = {"References": " ".join(f"<long{k}@x.test>" for k in range(i))} if i else {}
        last = mail.put(message(subject="long", text=f"{i} " + "word " * 1000, id=f"<long{i}@x.test>", **refs),
                        at=f"2026-04-01T00:00:{i:02}Z")
    got = tools.use("read_thread", message=last)
    assert len(got["messages"]) == 10 and got["total"] == 12 and all(m["cut"] for m in got["messages"])
    assert tokens(got) < 10000
    got = tools.use("read_thread", message=last, cursor=got["next"])
    assert [m["text"].split()[0] for m in got["messages"]] == ["10", "11"] and "next" not in got


def test_attachments(tools, mail):
    id = mail.put(message(files=[
        ("latin.txt", "text/plain", "café".encode("latin-1")), ("table.csv", "text/csv", b"a,b\r\n1,2\r\n"),
        ("page.html", "text/html", b"<p>seen<span style='display:none'>hidden</span></p>"), ("p.pdf", "application/pdf", b"%PDF-1.4")]))
    parts = {a["name"]: a["attachment"] for a in tools.use("read_message", message=id)["attachments"]}
    assert "1,2" in tools.use("read_attachment_text", message=id, attachment=parts["table.csv"])["text"]
    assert "caf" in tools.use("read_attachment_text", message=id, attachment=parts["latin.txt"])["text"]
    html = tools.use("read_attachment_text", message=id, attachment=parts["page.html"])
    assert html["text"].strip() == "seen"
    pdf = tools.use("read_attachment_text", message=id, attachment=parts["p.pdf"])
    assert "text" not in pdf and "PDF" in pdf["note"] and pdf["size"] > 0
    with pytest.raises(Refused, match="no such attachment"):
        tools.use("read_attachment_text", message=id, attachment="be0-1")


# ---- organizing ----


def test_flag(tools, mail):
    a, b = mail.put(message(subject="f1")), mail.put(message(subject="f2"))
    got = tools.use("flag", messages=[a, b, "e0"], read=True, flagged=True)
    assert set(got["changed"]) == {a, b} and [f["message"] for f in got["failed"]] == ["e0"]
    assert set(mail.of(a, "keywords")["keywords"]) == {"$seen", "$flagged"}
    tools.use("flag", messages=[a], read=False)
    assert set(mail.of(a, "keywords")["keywords"]) == {"$flagged"}
    with pytest.raises(Refused, match="read or flagged"):
        tools.use("flag", messages=[a])
    with pytest.raises(Refused, match="no such message"):
        tools.use("flag", messages=["e0"], read=True)


def test_move(tools, mail):
    a = mail.put(message(subject="m1"))
    assert tools.use("move", messages=[a], to="archive")["changed"] == [a]
    assert mail.of(a, "mailboxIds")["mailboxIds"] == {mail.boxes["archive"]: True}
    with pytest.raises(Refused, match="no mailbox"):
        tools.use("move", messages=[a], to="Attacker's folder")
    made = mail.call("Mailbox/set", create={"k": {"name": "Été"}})["created"]["k"]["id"]
    tools.use("move", messages=[a], to="été")
    assert mail.of(a, "mailboxIds")["mailboxIds"] == {made: True}


# ---- writing ----


def test_draft(tools, mail, here):
    got = tools.use("create_draft", to=["Bob Miller <bob@there.test>"], cc=["carol@there.test"], subject="Lunch", body="At noon?\n")
    assert got["to"] == ["bob@there.test"] and got["from"] == [here]
    d = mail.of(got["draft"], "to", "cc", "subject", "keywords", "mailboxIds", "preview")
    assert d["to"] == [{"name": "Bob Miller", "email": "bob@there.test"}] and d["subject"] == "Lunch"
    assert {"$draft", "$agentdraft"} <= set(d["keywords"]) and set(d["mailboxIds"]) == {mail.boxes["drafts"]}
    new = tools.use("update_draft", draft=got["draft"], body="At one?\n")
    assert new["to"] == ["bob@there.test"] and new["cc"] == ["carol@there.test"] and new["subject"] == "Lunch"
    assert mail.call("Email/get", ids=[got["draft"]])["notFound"] == [got["draft"]]
    assert mail.of(new["draft"], "preview")["preview"] == "At one?"
    assert tools.use("delete_draft", draft=new["draft"])["deleted"] == new["draft"]
    with pytest.raises(Refused, match="own drafts"):
        tools.use("delete_draft", draft=new["draft"])
    with pytest.raises(Refused, match="no such draft"):
        tools.use("update_draft", draft=new["draft"], body="x")


@pytest.mark.parametrize("bad", ["bob", "bob@", "@there.test", "Bob <>", "a b c"])
def test_bad_recipients(tools, bad):
    with pytest.raises(Refused):
        tools.use("create_draft", to=[bad], body="x")


def test_not_in_another_name(tools):
    with pytest.raises(Refused, match="no such address"):
        tools.use("create_draft", to=["bob@there.test"], body="x", **{"from": "ceo@there.test"})


def test_reply(tools, mail, here):
    id = mail.put(message(subject="Question", to=f"{here}, Dan <dan@there.test>", id="<q1@x.test>"))
    got = tools.use("create_draft", reply_to_message=id, body="Yes.\n")
    assert got["to"] == ["bob@there.test"] and got["subject"] == "Re: Question" and "cc" not in got
    d = mail.of(got["draft"], "inReplyTo", "references")
    assert d["inReplyTo"] == ["q1@x.test"] == d["references"]
    got = tools.use("create_draft", reply_to_message=id, reply_all=True, body="Yes.\n")
    assert got["cc"] == ["dan@there.test"]
    with pytest.raises(Refused, match="reply_to_message"):
        tools.use("create_draft", reply_to_message="e0", body="x")


def test_attach_and_forward(tools, mail):
    id = mail.put(message(subject="with a file", files=[("a.txt", "text/plain", b"text of a")]))
    part = tools.use("read_message", message=id)["attachments"][0]["attachment"]
    got = tools.use("create_draft", to=["bob@there.test"], subject="f", body="See both.\n", attachments=[part, id])
    d = mail.of(got["draft"], "attachments")
    assert [(a["name"], a["type"]) for a in d["attachments"]] == [("a.txt", "text/plain"), ("with a file.eml", "message/rfc822")]
    new = tools.use("update_draft", draft=got["draft"], subject="g")
    assert len(mail.of(new["draft"], "attachments")["attachments"]) == 2
    with pytest.raises(Refused, match="attachments"):
        tools.use("create_draft", body="x", attachments=["be0-1"])


def test_no_draft_of_the_users(tools, mail):
    own = mail.draft("mine", ["bob@there.test"])
    with pytest.raises(Refused, match="agent"):
        tools.use("update_draft", draft=own, body="x")
    with pytest.raises(Refused, match="own drafts"):
        tools.use("delete_draft", draft=own)
    assert mail.of(own, "subject")["subject"] == "mine"


def test_request_send(tools, suite, mail):
    draft = tools.use("create_draft", to=[suite.user("bob")["address"]], subject="to be approved", body="Hi\n")["draft"]
    got = tools.use("request_send", draft=draft)
    assert got["state"] == "requested" and got["recipients"] == [suite.user("bob")["address"]] and got["origins"] == []
    # Asked again it asks nobody twice.
    assert tools.use("request_send", draft=draft)["approval"] == got["approval"]
    assert not any(b"to be approved" in m for m in suite.inbox("bob"))
    assert Human(suite).approve(got["approval"]) is None
    wait_for(lambda: any(b"to be approved" in m for m in suite.inbox("bob")), what="the message")
    wait_for(lambda: tools.use("request_send", draft=draft)["state"] == "sent", what="the agent to hear of it")
    with pytest.raises(Refused, match="no such draft"):
        tools.use("request_send", draft="e0")
    with pytest.raises(Refused):
        tools.use("request_send", draft=mail.draft("mine too", ["bob@there.test"]))


def test_refused(tools, suite):
    draft = tools.use("create_draft", to=[suite.user("bob")["address"]], subject="not wanted", body="Hi\n")["draft"]
    got = tools.use("request_send", draft=draft)
    assert Human(suite).say(got["approval"], "refused") is None
    again = tools.use("request_send", draft=draft)
    assert again["state"] == "refused" and again["approval"] == got["approval"] and "refused" in again["note"]
    # Another text is another question.
    draft = tools.use("update_draft", draft=draft, body="Please?\n")["draft"]
    assert tools.use("request_send", draft=draft)["approval"] != got["approval"]


def test_the_page_is_where_one_approves(tools, suite):
    """URL-mode elicitation: by result and state in the protocol of today."""
    can = {META + "clientCapabilities": {"elicitation": {"url": {}}}}
    draft = tools.use("create_draft", to=[suite.user("bob")["address"]], subject="by a page", body="Hi\n")["draft"]
    ask = {"name": "request_send", "arguments": {"draft": draft}}
    got = tools.ask("tools/call", ask, **can)["result"]
    assert got["resultType"] == "input_required"
    (key, wanted), = got["inputRequests"].items()
    assert wanted["method"] == "elicitation/create" and wanted["params"]["mode"] == "url"
    id = wanted["params"]["url"].partition("/#/approve/")[2]
    back = ask | {"inputResponses": {key: {"action": "accept"}}, "requestState": got["requestState"]}
    # Accepted is not approved.
    done = tools.ask("tools/call", back, **can)["result"]
    assert done["resultType"] == "complete" and done["structuredContent"]["state"] == "requested"
    assert done["structuredContent"]["approval"] == id
    assert not any(b"by a page" in m for m in suite.inbox("bob"))
    # The state is good once, and for that draft.
    assert "error" in tools.ask("tools/call", back, **can)
    got = tools.ask("tools/call", ask, **can)["result"]
    other = {"name": "request_send", "arguments": {"draft": "e0"}, "requestState": got["requestState"]}
    assert "error" in tools.ask("tools/call", other, **can)


def test_the_page_is_where_one_approves_a_move(tools, suite, mail):
    """As of a send; what became of it is told by the call where the human was quick, and by mailbox_changes to all."""
    can = {META + "clientCapabilities": {"elicitation": {"url": {}}}}
    human = Human(suite)
    moved = [mail.put(message(subject=f"by the page {i}", id=f"<bp{i}@x.test>")) for i in range(2)]
    asks = {"move": {"messages": moved, "to": "trash"}, "set_vacation": {"enabled": True, "body": "Away."}}
    for n, (tool, arguments) in enumerate(asks.items()):
        ask = {"name": tool, "arguments": arguments}
        got = tools.ask("tools/call", ask, **can)["result"]
        assert got["resultType"] == "input_required", got
        (key, wanted), = got["inputRequests"].items()
        id = wanted["params"]["url"].partition("/#/approve/")[2]
        assert {"approval": id, "action": "delete" if tool == "move" else "vacation", "state": "requested"} in \
            tools.use("mailbox_changes")["approvals"]
        if n == 0:
            assert human.approve(id) is None
            wait_for(lambda: human.look(id)["state"] == "done", what="the move")
        else:
            assert human.say(id, "refused") is None
        back = ask | {"inputResponses": {key: {"action": "accept"}}, "requestState": got["requestState"]}
        done = tools.ask("tools/call", back, **can)["result"]["structuredContent"]
        assert done["approval"] == id and done["state"] == ("refused" if n else "done") and done["note"]
        told = [a for a in tools.use("mailbox_changes")["approvals"] if a["approval"] == id]
        assert [a["state"] for a in told] == [done["state"]] and (n == 1 or told[0]["outcome"]["done"] == 2)
        # Asked once: no second approval came of the second call.
        assert "error" in tools.ask("tools/call", back, **can)
    assert mail.of(moved[0], "mailboxIds")["mailboxIds"] == {mail.boxes["trash"]: True}


def test_vacation(tools, mail):
    got = tools.use("set_vacation", enabled=True, body="Away.", until="2026-12-24T12:00:00+01:00")
    shown = mail.approval(got["approval"])
    assert shown["action"] == "vacation" and shown["state"] == "requested" and "Away." in json.dumps(shown["what"])
    assert "2026-12-24T11:00:00Z" in json.dumps(shown["what"])
    assert tools.use("set_vacation", enabled=False)["approval"] != got["approval"]
    with pytest.raises(Refused, match="until"):
        tools.use("set_vacation", enabled=True, body="x", until="tomorrow")


def test_what_waits_for_the_user(tools, mail):
    """The Trash, Junk and many at a time: approvals with exactly that."""
    id = mail.put(message(subject="thrown"))
    for to, action in (("trash", "delete"), ("junk", "move")):
        got = tools.use("move", messages=[id], to=to)
        assert got["changed"] == [] and "approve" in got["note"]
        shown = mail.approval(got["approval"])
        assert shown["action"] == action and shown["what"]["emailIds"] == [id] and shown["what"]["mailboxId"] == mail.boxes[to]
    many = [mail.put(message(subject=f"many {i}", id=f"<m{i}@x.test>")) for i in range(21)]
    shown = mail.approval(tools.use("move", messages=many, to="archive")["approval"])
    assert len(shown["what"]["emailIds"]) == 21
    assert all(set(mail.of(m, "mailboxIds")["mailboxIds"]) == {mail.boxes["inbox"]} for m in (id, *many[:3]))
    assert len(tools.use("move", messages=many[:20], to="archive")["changed"]) == 20


# ---- contacts, changes ----


def test_contacts(tools, mail, here):
    mail.put(message(sender=f"Alice <{here}>", to="Erik Friend <erik@there.test>", subject="sent one"), "sent", keywords=["$seen"])
    mail.put(message(sender="Erika Stranger <erika@there.test>", subject="came"))
    got = tools.use("contacts", query="erik")
    assert [(c["email"], c["name"], c["sent"] > 0) for c in got["contacts"]] == [
        ("erik@there.test", "Erik Friend", True), ("erika@there.test", "Erika Stranger", False)]
    assert tools.use("contacts", query="friend")["total"] == 1
    assert tools.use("contacts", query="nobodyhere")["contacts"] == []
    assert len(tools.use("contacts", limit=1)["contacts"]) == 1


def test_changes(tools, mail):
    state = tools.use("mailbox_changes")["state"]
    id = mail.put(message(subject="just came"))
    got = tools.use("mailbox_changes", since=state)
    assert [m["id"] for m in got["new"]] == [id] and got["state"] != state
    tools.use("flag", messages=[id], read=True)
    after = tools.use("mailbox_changes", since=got["state"])
    assert after["new"] == [] and after["changed"] == [id]
    with pytest.raises(Refused, match="since"):
        tools.use("mailbox_changes", since="nonsense")


# ---- resources and prompts ----


def test_resources(tools, mail):
    id = mail.put(message(subject="as a resource", text="readable\n", files=[("n.txt", "text/plain", b"attached")]))
    listed = tools.ask("resources/list")["result"]
    assert "mail://mailbox/inbox" in [r["uri"] for r in listed["resources"]]
    templates = tools.ask("resources/templates/list")["result"]["resourceTemplates"]
    assert {t["uriTemplate"].split("/")[2] for t in templates} == {"mailbox", "message", "thread", "attachment"}
    for uri in (f"mail://message/{id}", f"mail://thread/{id}"):
        got = tools.ask("resources/read", {"uri": uri})["result"]["contents"][0]
        assert got["uri"] == uri and "readable" in got["text"] and "readable" not in outside(got["text"])
    part = tools.use("read_message", message=id)["attachments"][0]["attachment"]
    got = tools.ask("resources/read", {"uri": f"mail://attachment/{part}"})["result"]["contents"][0]
    assert "attached" in got["text"]
    got = tools.ask("resources/read", {"uri": "mail://mailbox/inbox"})["result"]["contents"][0]
    assert id in [m["id"] for m in json.loads(got["text"])["messages"]]
    for bad in ("mail://message/e0", "mail://mailbox/none", "mail://x/y", "file:///etc/passwd", "mail://message/", "mail://message/%zz", 1):
        assert tools.ask("resources/read", {"uri": bad})["error"]["code"] == -32602, bad
    assert tools.ask("resources/list", {"cursor": "x"})["error"]["code"] == -32602


def test_prompts(tools):
    prompts = {p["name"]: p for p in tools.ask("prompts/list")["result"]["prompts"]}
    assert set(prompts) == {"triage", "reply", "digest"}
    got = tools.ask("prompts/get", {"name": "triage", "arguments": {"mailbox": 'Wörk"'}})["result"]
    assert "\"Wörk'\"" in got["messages"][0]["content"]["text"]
    got = tools.ask("prompts/get", {"name": "reply", "arguments": {"message": "e1", "language": "fr"}})["result"]
    assert "Lis la conversation du message e1" in got["messages"][0]["content"]["text"]
    assert "after:today" in tools.ask("prompts/get", {"name": "digest"})["result"]["messages"][0]["content"]["text"]
    for bad in ({"name": "none"}, {"name": "reply"}, {"name": "reply", "arguments": {"message": 1}},
                {"name": "triage", "arguments": {"other": "x"}}):
        assert tools.ask("prompts/get", bad)["error"]["code"] == -32602


def test_completion(tools, mail):
    id = mail.put(message(subject="newest"))

    def complete(ref, name, value):
        got = tools.ask("completion/complete", {"ref": ref, "argument": {"name": name, "value": value}})
        return got["result"]["completion"]["values"] if "result" in got else got["error"]["code"]

    assert complete({"type": "ref/resource", "uri": "mail://mailbox/{name}"}, "name", "in") == ["inbox"]
    assert id in complete({"type": "ref/resource", "uri": "mail://message/{id}"}, "id", id[:5])
    assert complete({"type": "ref/prompt", "name": "triage"}, "mailbox", "arc") == ["archive"]
    assert complete({"type": "ref/prompt", "name": "triage"}, "language", "") == ["en", "fr"]
    assert complete({"type": "ref/prompt", "name": "digest"}, "since", "to") == ["today"]
    assert complete({"type": "ref/prompt", "name": "none"}, "x", "") == -32602
    assert complete({"type": "ref/prompt", "name": "triage"}, "none", "") == -32602
    assert complete({"type": "ref/other"}, "x", "") == -32602


# ---- scopes ----


def test_the_terminal_is_the_assistant_of_one_user(suite, mail):
    """Ids of another's mail say nothing."""
    id = mail.put(message(subject="of alice"))
    with Tools(suite, "carol") as t:
        with pytest.raises(Refused, match="no such message"):
            t.use("read_message", message=id)


# ---- undo ----


def test_undo(suite, mail):
    """Marks and mailboxes as they were; what somebody changed again since stays, and is told."""
    a, b, c = (mail.put(message(subject=f"undo {i}", id=f"<undo{i}@x.test>")) for i in range(3))
    before = [mail.of(m, "keywords", "mailboxIds") for m in (a, b)]
    with Tools(suite) as t:
        with pytest.raises(Refused, match="nothing"):
            t.use("undo_session")
        t.use("flag", messages=[a, b, c], read=True, flagged=True)
        t.use("move", messages=[a, b], to="archive")
        draft = t.use("create_draft", to=["bob@there.test"], body="x")["draft"]
        mail.call("Email/set", update={c: {"keywords/$flagged": None}})
        got = t.use("undo_session")
        assert [mail.of(m, "keywords", "mailboxIds") for m in (a, b)] == before
        assert mail.boxes["drafts"] not in (mail.call("Email/get", ids=[draft], properties=["mailboxIds"])["list"] or [{"mailboxIds": {}}])[0]["mailboxIds"]
        assert sum(got["restored"].values()) >= 5
        # Twice is once.
        again = t.use("undo_session", session=got["session"])
        assert [mail.of(m, "keywords", "mailboxIds") for m in (a, b)] == before and again["session"] == got["session"]
    with Tools(suite, "bob") as t, pytest.raises(Refused):
        t.use("undo_session", session=got["session"])
