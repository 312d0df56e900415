"""One home by two protocols: clients of IMAP and of JMAP change it at random, others follow by QRESYNC, /changes and
/queryChanges, and all of them must have what is there, and the same."""

import random
import re

import pytest
from imapraw import connect
from jmapmail import Client
from jmapsync import Follower
from resync import Client as Imap
from resync import fetched, whole

WORDS = [r"\Seen", r"\Flagged", r"\Answered", r"\Draft", "later", r"\Deleted"]


class Walk:
    """Who changes things: one step is one command or one method call."""

    def __init__(self, suite, seed):
        self.seed, self.random = seed, random.Random(seed)
        self.jmap, self.imap, self.folders = Client(suite, "carol"), connect(suite, "carol"), connect(suite, "carol")
        self.made = 0

    def names(self):
        """Of mailboxes; names above some that are none are left out (RFC 3501 6.3.4)."""
        return [m[1].decode() for line in self.folders.ok('LIST "" *')
                if rb"\Noselect" not in line and rb"\NonExistent" not in line and (m := re.search(rb'" "?([^"]+)"?$', line))]

    def message(self):
        self.made += 1
        of = self.random.randrange(self.made)
        return (f"Message-ID: <{self.made}@x>\r\nReferences: <{of}@x>\r\nSubject: s{of}\r\n"
                f"From: a@x.test\r\n\r\n{'x' * self.random.randrange(200)}\r\n").encode()

    # ---- IMAP ----

    def by_imap(self):
        r, names = self.random, self.names()
        name, other = r.choice(names), r.choice(names)
        self.imap.ok(f'SELECT "{name}"')
        uids = [int(u) for u in self.imap.ok("UID SEARCH ALL")[-1].split()[2:] if u.isdigit()]
        some = ",".join(map(str, r.sample(uids, min(len(uids), r.randint(1, 3)))))
        how = r.choice("+-")
        flags = " ".join(r.sample(WORDS, r.randint(1, 2)))
        what = r.randrange(10)
        if what < 3 or not uids:
            self.imap.append(f'"{name}"', self.message(), f"({' '.join(r.sample(WORDS[:4], r.randint(0, 2)))})")
        elif what < 6:
            self.imap.ok(f"UID STORE {some} {how}FLAGS.SILENT ({flags})")
        elif what == 6:
            self.imap.ok(f'UID COPY {some} "{other}"')
        elif what == 7:
            self.imap.command(f'UID MOVE {some} "{other}"')
        else:
            self.imap.ok("EXPUNGE")

    def folders_by_imap(self):
        r, mine = self.random, [n for n in self.names() if n.startswith("w")]
        what = r.randrange(4)
        if what < 2 or not mine:
            self.made += 1
            self.folders.ok(f'CREATE "{r.choice(mine) + "/" if mine and r.random() < 0.4 else ""}w{self.seed}x{self.made}"')
        elif what == 2:
            self.made += 1
            self.folders.ok(f'RENAME "{r.choice(mine)}" "w{self.seed}x{self.made}"')
        else:
            self.folders.command(f'DELETE "{r.choice(mine)}"')

    # ---- JMAP ----

    def by_jmap(self):
        r, j = self.random, self.jmap
        boxes = [m["id"] for m in j.call("Mailbox/get", properties=["id"])["list"]]
        emails = j.call("Email/query", limit=50, position=-r.randint(1, 30))["ids"]
        patch, destroy = {}, []
        for e in r.sample(emails, min(len(emails), r.randint(1, 3))):
            what = r.randrange(6)
            if what < 3:
                patch[e] = {f"keywords/{r.choice(['$seen', '$flagged', 'later'])}": r.choice([True, None])}
            elif what == 3:
                patch[e] = {"mailboxIds": dict.fromkeys(r.sample(boxes, r.randint(1, 2)), True)}
            elif what == 4:
                patch[e] = {f"mailboxIds/{r.choice(boxes)}": True}
            else:
                destroy.append(e)
        result = j.call("Email/set", update=patch, destroy=destroy)
        assert result["notUpdated"] is None and result["notDestroyed"] is None, result
        if r.random() < 0.3:
            self.made += 1
            j.draft(f"s{r.randrange(self.made)}", ["b@x.test"], mailboxIds={r.choice(boxes): True})

    def folders_by_jmap(self):
        r, j = self.random, self.jmap
        mine = [m for m in j.call("Mailbox/get")["list"] if m["name"].startswith("w")]
        self.made += 1
        any_id = r.choice(mine)["id"] if mine else None
        what = r.randrange(4)
        if what == 0 or not mine:
            args = {"create": {"k": {"name": f"w{self.seed}x{self.made}", "parentId": r.choice([None, any_id])}}}
        elif what == 1:
            args = {"update": {any_id: {"name": f"w{self.seed}x{self.made}", "sortOrder": self.made}}}
        elif what == 2:
            args = {"update": {any_id: {"parentId": r.choice([None] + [m["id"] for m in mine])}}}
        else:
            args = {"destroy": [any_id], "onDestroyRemoveEmails": True}
        # Some are refused: below itself, with others below.
        j.call("Mailbox/set", **args)

    def step(self):
        self.random.choices([self.by_imap, self.by_jmap, self.folders_by_imap, self.folders_by_jmap], [8, 6, 1, 1])[0]()


def imap_view(c, names):
    """What JMAP must show of it (RFC 8621 4.1.1): mailboxes by id, and emails with where they stand and their keywords."""
    boxes, copies = {}, {}
    for name in names:
        line, = [x for x in c.ok(f'STATUS "{name}" (MAILBOXID)') if b"MAILBOXID" in x]
        boxes[name] = re.search(rb"MAILBOXID \(([^)]+)\)", line)[1].decode()
        c.ok(f'EXAMINE "{name}"')
        for line in c.ok("UID FETCH 1:* (FLAGS EMAILID)"):
            email, (_, flags) = re.search(rb"EMAILID \(([^)]+)\)", line), fetched(line)
            if email and r"\deleted" not in flags:
                copies.setdefault(email[1].decode(), []).append((boxes[name], flags))
    emails = {}
    for email, standing in copies.items():
        words = {w.replace("\\", "$") for _, flags in standing for w in flags}
        if not all(r"\seen" in flags for _, flags in standing):
            words.discard("$seen")
        emails[email] = ({b for b, _ in standing}, words)
    return boxes, emails


def agree(walk, follower, imap):
    follower.sync()
    follower.check()
    names = walk.names()
    for name in set(imap.kept) - set(names):
        del imap.kept[name]
    for name in names:
        assert imap.sync(name) == whole(walk.imap, name), name
    boxes, emails = imap_view(walk.imap, names)
    assert set(boxes.values()) == follower.kept["Mailbox"].keys()
    assert {i: (set(e["mailboxIds"]), set(e["keywords"])) for i, e in follower.kept["Email"].items()} == emails
    for name, box in boxes.items():
        m = follower.kept["Mailbox"][box]
        inside = [e for e in emails.values() if box in e[0]]
        assert m["totalEmails"] == len(inside), name
        assert m["unreadEmails"] == sum(not words & {"$seen", "$draft"} for _, words in inside), name
    threads = {t for e in follower.kept["Email"].values() for t in [e["threadId"]]}
    assert follower.kept["Thread"].keys() == threads


@pytest.mark.parametrize("seed", range(1, 7))
def test_both_follow_both(suite, seed):
    walk = Walk(suite, seed)
    follower, imap, c = Follower(Client(suite, "carol"), walk.random), Imap(seed), connect(suite, "carol")
    imap.connect(c)
    for _ in range(14):
        for _ in range(walk.random.randint(1, 8)):
            walk.step()
        agree(walk, follower, imap)
    c.close()
    walk.imap.close()
    walk.folders.close()


def test_copies_that_hide_and_show_an_email(suite):
    """Of several copies with \\Deleted none is there (RFC 8621 4.1.1); with the first that loses it the email is."""
    jmap, imap = Client(suite, "bob"), connect(suite, "bob")
    imap.ok("CREATE copies")
    imap.append('"INBOX"', b"Message-ID: <hides@x>\r\nSubject: hides\r\n\r\nx\r\n")
    imap.append('"INBOX"', b"Message-ID: <stays@x>\r\nSubject: stays\r\n\r\nx\r\n")
    hides, = jmap.call("Email/query", filter={"subject": "hides"})["ids"]
    stays, = jmap.call("Email/query", filter={"subject": "stays"})["ids"]

    def state():
        return jmap.call("Email/get", ids=[])["state"]

    def store(*steps):
        for name, flag in steps:
            imap.ok(f'SELECT "{name}"')
            imap.ok(f"STORE 1 {flag}")

    def told(since, **more):
        r = jmap.call("Email/changes", sinceState=since, **more)
        return {k: r[k] for k in ("created", "updated", "destroyed") if r[k]}, r["newState"]

    imap.ok('SELECT "INBOX"')
    imap.ok('COPY 1 "copies"')
    shown = state()
    store(("INBOX", r"+FLAGS (\Deleted)"))
    assert told(shown)[0] == {"updated": [hides]}
    store(("copies", r"+FLAGS (\Deleted)"))
    assert told(shown)[0] == {"destroyed": [hides]}
    hidden = state()
    store(("INBOX", r"-FLAGS (\Deleted)"), ("copies", r"-FLAGS (\Deleted)"))
    assert told(hidden)[0] == {"created": [hides]}
    assert told(shown)[0] == {"updated": [hides]}
    # What is told of a part of the log is as it was where the part ends.
    imap.ok('SELECT "INBOX"')
    imap.ok(r"STORE 2 +FLAGS (\Flagged)")
    store(("INBOX", r"+FLAGS (\Deleted)"), ("copies", r"+FLAGS (\Deleted)"))
    first, between = told(hidden, maxChanges=1)
    assert first == {"created": [hides]}
    assert told(between)[0] == {"updated": [stays], "destroyed": [hides]}
    assert told(hidden)[0] == {"updated": [stays]}
    imap.close()
