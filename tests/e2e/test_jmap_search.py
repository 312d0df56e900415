"""Searching by JMAP: what Email/query finds in a mailbox of many scripts is what a second, naive reading of every message
finds, while the index is behind, when it is whole, after its process was killed and after its file was damaged."""

import contextlib
import email.message
import email.policy
import functools
import os
import random
import signal
import sqlite3
import sys

import pytest
from conftest import wait_for
from imapraw import connect
from jmapclient import CORE, MAIL, Jmap

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "conformance"))
from oracle_words import matches  # noqa: E402

FIELDS = ["from", "to", "cc", "bcc", "subject", "body", "files"]
TEXTS = """The quarterly report is attached, please read it before Monday's meeting.
Könnten Sie mir bitte die Straße und die Größe der Räume mitteilen? Grüße aus München
Le café près de l'église était fermé à cause des élèves français.
El niño comió piñas en España mañana por la mañana
Встреча переносится на четверг, ёлка будет в зале
Η συνάντηση μεταφέρθηκε στις Αθήνα ΟΔΥΣΣΕΑΣ
明天下午三点在北京开会，请带上合同。
会議は東京都の本社で行います。カタカナとひらがな、ﾊﾝｶｸも。
회의는 서울에서 열립니다 안녕하세요
الاجتماع يوم الخميس في القاهرة كَتَبَ
הפגישה תתקיים בתל אביב שָׁלוֹם
ประชุมวันพรุ่งนี้ที่กรุงเทพ
बैठक कल दिल्ली में होगी हिन्दी
Order #12345 shipped via DHL; tracking 1Z-999-AA1, total €1,234.50
İstanbul'da toplantı, ığdır şehri çok güzel
e-mail: someone@example.com, see https://example.com/path?x=1&y=2""".splitlines()
PEOPLE = ["Ann Example <ann@example.test>", "Jörg Müller <joerg@other.test>", "山田太郎 <yamada@example.jp>",
          "Анна Каренина <anna@example.ru>", "bob@example.test"]


class Client(Jmap):
    @functools.cached_property
    def account(self):
        return super().account

    def call(self, name, **args):
        answer = self.api({"using": [CORE, MAIL], "methodCalls": [[name, {"accountId": self.account, **args}, "c"]]})
        assert answer.status == 200, answer.body
        got, result, _ = answer.json()["methodResponses"][0]
        assert got == name, result
        return result

    def query(self, filter):
        return self.call("Email/query", filter=filter)["ids"]


def compose(rng, n):
    m = email.message.EmailMessage(policy=email.policy.SMTP)
    m["From"], m["To"] = rng.choice(PEOPLE), rng.choice(PEOPLE)
    if rng.random() < 0.3:
        m["Cc"] = rng.choice(PEOPLE)
    m["Subject"] = f"{rng.choice(TEXTS)[:40]} n{n}x"
    m["Message-ID"] = f"<{n}@search.test>"
    body = "\n".join(rng.sample(TEXTS, rng.randint(1, 4)))
    kind = rng.random()
    files = ""
    if kind < 0.5:
        m.set_content(body, charset="utf-8", cte=rng.choice(["8bit", "base64", "quoted-printable"]))
    elif kind < 0.8:
        html = body.replace("&", "&amp;").replace("\n", "</p><p>")
        m.set_content(f"<style>.hiddenword {{}}</style><p>{html}</p><!-- hiddenword -->", subtype="html",
                      cte="quoted-printable")
    else:
        m.set_content(body, charset="utf-8", cte="base64")
        files = rng.choice(["Rechnung für März.pdf", "report.docx", "写真.jpg"])
        m.add_attachment(b"data", maintype="application", subtype="octet-stream", filename=files)
    return bytes(m), {"n": n, "from": m["From"], "to": m["To"], "cc": m["Cc"] or "", "bcc": "", "subject": m["Subject"],
                      "body": body, "files": files}


def question(rng):
    """Something somebody might type: words of a text, in quotes or not, the last one cut."""
    text = rng.choice(TEXTS + PEOPLE + ["hiddenword", "Rechnung report.docx", "写真", "nowhere"])
    text = "".join(c for c in text if c not in "\"'\\")
    start = rng.randrange(len(text))
    if rng.random() < 0.7 and " " in text[:start]:
        start = text.rindex(" ", 0, start) + 1
    piece = text[start:start + rng.randint(2, 14)].strip()
    return f'"{piece}"' if piece and rng.random() < 0.3 else piece


@pytest.fixture(scope="module")
def box(suite):
    """A mailbox of 250 messages, what each says, and the JMAP ids of both."""
    rng = random.Random(7)
    a = connect(suite)
    a.ok("CREATE searched")
    known = []
    for n in range(250):
        data, facts = compose(rng, n)
        a.append("searched", data)
        known.append(facts)
    a.ok("SELECT searched")
    lines = a.ok("FETCH 1:* (UID EMAILID)")
    ids = [line.split(b"EMAILID (")[1].split(b")")[0].decode() for line in lines if b"EMAILID (" in line]
    for facts, id in zip(known, ids, strict=True):
        facts["id"] = id
    box_id = a.command("STATUS searched (MAILBOXID)")[0][0].split(b"MAILBOXID (")[1].split(b")")[0].decode()
    a.close()
    return {"known": known, "id": box_id}


def check(suite, box, questions, seed):
    rng, j, found = random.Random(seed), Client(suite), 0
    for _ in range(questions):
        name, typed = rng.choice(FIELDS[:6] + ["text", "text"]), question(rng)
        looked = FIELDS if name == "text" else [name]
        want = {f["id"] for f in box["known"] if "id" in f and matches(typed, [f[k] for k in looked])}
        got = j.query({"inMailbox": box["id"], name: typed})
        assert set(got) == want and len(got) == len(want), (name, typed)
        found += len(want)
    assert found > questions or questions < 30


def index_of(suite):
    return suite.maildir().parent / "db" / "search.db"


def test_behind_and_whole(suite, box):
    check(suite, box, 40, 1)
    wait_for(lambda: not suite.owners(), 60, "the owner's leave")
    with contextlib.closing(sqlite3.connect(f"file:{index_of(suite)}?mode=ro", uri=True)) as db:
        assert db.execute("SELECT count(*) FROM docs WHERE email <> 0").fetchone() == (250,)
    check(suite, box, 80, 2)


def test_killed_while_indexing(suite, box):
    for round in range(4):
        check(suite, box, 5, 10 + round)
        for pid in suite.owners():
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not suite.owners(), what="the owner's end")
        check(suite, box, 15, 20 + round)


def test_damaged(suite, box):
    for pid in suite.owners():
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not suite.owners(), what="the owner's end")
    with open(index_of(suite), "r+b") as f:
        f.write(b"no database at all")
    check(suite, box, 30, 30)


def test_new_mail_and_expunged(suite, box):
    rng = random.Random(99)
    a = connect(suite)
    data, facts = compose(rng, 1000)
    a.append("searched", data)
    a.ok("SELECT searched")
    lines = a.ok("FETCH * (UID EMAILID)")
    facts["id"] = [line for line in lines if b"EMAILID (" in line][-1].split(b"EMAILID (")[1].split(b")")[0].decode()
    box["known"].append(facts)
    j = Client(suite)
    assert j.query({"inMailbox": box["id"], "subject": "n1000x"}) == [facts["id"]]
    a.ok(r"STORE 5 +FLAGS (\Deleted)")
    a.ok("EXPUNGE")
    gone = box["known"].pop(4)
    assert j.query({"inMailbox": box["id"], "subject": f"n{gone['n']}x"}) == []
    check(suite, box, 30, 40)
    a.close()


def test_snippets(suite, box):
    j = Client(suite)
    ids = j.query({"inMailbox": box["id"], "body": "合同"})
    assert ids
    got = j.call("SearchSnippet/get", filter={"body": "合同"}, emailIds=ids[:10] + ["nosuch"])
    assert got["notFound"] == ["nosuch"]
    for s in got["list"]:
        assert "<mark>合同</mark>" in s["preview"] and s["subject"] is None and len(s["preview"].encode()) <= 255


def test_nobody_else_has_an_index(suite, box):
    c = connect(suite, "bob")
    c.append("INBOX", compose(random.Random(1), 1)[0])
    c.ok("SELECT INBOX")
    c.close()
    assert not (suite.maildir("bob").parent / "db" / "search.db").exists()
