"""Several users at work, and a ledger of what the server has promised them.

An Actor is the only one who changes its user's mail over IMAP; submitters send to all users. Each writes down what it was
answered and when. After a crash check() compares what the server has with what it must have, and goes on from there.

The promises (INVARIANTS, "After each simulated crash"):
  250          the message is in the INBOX of each recipient, octet for octet below the trace fields, once;
  APPEND OK    mailbox, UID, octets, flags and internal date;
  COPY, MOVE   the copies with their UIDs; of a MOVE not finished at least one of both;
  EXPUNGE OK   it never comes back, by whatever UID; nor does what a MOVE took away;
  STORE OK     flags a second later, or with the next of the above;
  and a UID once shown never means another message, UIDNEXT and HIGHESTMODSEQ never fall.

A Follower for each user only looks, and keeps what it hears: after the crash it resynchronises by QRESYNC, or with CONDSTORE
alone, to exactly what the server has.

A Mailer has a home of its own and speaks JMAP: an Email/set that was answered made or destroyed the email, an EmailSubmission
that was answered is kept, and its mail arrives, once or in a few repetitions.
"""

import base64
import contextlib
import http.client
import random
import re
import smtplib
import ssl
import threading
import time
from copy import deepcopy

import imapraw
import resync
from jmapmail import Client
from suite import wait_for

FLAGS = [r"\Seen", r"\Answered", r"\Flagged", r"\Draft", "$Label", "Work"]
DURABLE_AFTER = 1.0  # seconds from the OK of a STORE
QUIET_SECONDS = 60
LARGE = 300_000      # above the size that goes through memory
GONE = (OSError, EOFError, ssl.SSLError, smtplib.SMTPException, ValueError)


class Broken(AssertionError):
    """A promise was not kept."""


class Ledger:
    """All messages there ever were, by name, and who was promised which."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.lock = threading.Lock()
        self.octets = {}
        self.promised = {}  # name -> {user: answered 250?}
        self.count = 0

    def message(self, kind, size, to):
        with self.lock:
            self.count += 1
            name = f"{kind}{self.count}"
        line = f"{name} " + "abcdefghijklmnopqrstuvwxyz0123456789" * 2 + "\r\n"
        text = (f"From: <sender@example.test>\r\nTo: {to}\r\nSubject: {name}\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\n"
                f"Message-ID: <{name}@example.test>\r\n\r\n") + line * max(1, size // len(line))
        self.octets[name] = text.encode()
        return name, self.octets[name]

    def size(self, r, large=0.04):
        return LARGE + r.randrange(60_000) if r.random() < large else r.choice([60, 400, 3000, 12_000, 70_000])


class Submitter(threading.Thread):
    """Sends over the port for other servers: no login, so that a second of a test is a second of mail."""

    def __init__(self, world, seed, pause=0.004):
        super().__init__(daemon=True)
        self.world, self.suite, self.ledger, self.users = world, world.suite, world.ledger, world.users
        self.pause = pause
        self.random = random.Random(seed)
        self.running, self.refused, self.accepted = True, [], 0

    def one(self, client):
        to = self.random.sample(self.users, self.random.choice([1, 1, 2, len(self.users)]))
        addresses = [self.suite.user(u)["address"] for u in to]
        name, octets = self.ledger.message("s", self.ledger.size(self.random), addresses[0])
        promised = self.ledger.promised[name] = dict.fromkeys(to, False)
        try:
            refused = client.sendmail("sender@elsewhere.test", addresses, octets)
        except smtplib.SMTPResponseException as e:
            self.refused.append((e.smtp_code, e.smtp_error))
            if isinstance(e, smtplib.SMTPServerDisconnected):
                raise
            client.rset()
            time.sleep(0.05)
            return
        for u, a in zip(to, addresses):
            promised[u] = a not in refused
        self.accepted += 1

    def run(self):
        while self.running:
            with contextlib.suppress(*GONE):
                with self.suite.smtp(None, port="smtp", tls=False) as client:
                    while self.running:
                        self.one(client)
                        time.sleep(self.pause)
            time.sleep(0.02)


class Copy:
    """A message in a mailbox, as far as its user knows."""

    def __init__(self, name, flags, firm, date=None, by="FETCH"):
        self.name, self.firm, self.date, self.by = name, firm, date, by
        self.shown = time.monotonic()
        self.flags = [(0.0 if firm else self.shown, frozenset(flags))]  # when told, and what; the first one is durable

    def settle(self, before):
        """All that was told before is durable."""
        if self.shown < before:
            self.firm = True
        while len(self.flags) > 1 and self.flags[1][0] < before:
            self.flags.pop(0)


class Box:
    def __init__(self, uidvalidity, uidnext=1):
        self.uidvalidity, self.uidnext, self.modseq = uidvalidity, uidnext, 0
        self.copies = {}
        self.seen_to = 0  # INBOX: the highest UID asked for


class Doubt:
    """The command under way when the power went: what it may or may not have done."""

    def __init__(self, verb, gone=(), added=(), flags=None, boxes=()):
        self.verb = verb
        self.gone = set(gone)      # (box, uid)
        self.added = list(added)   # (box, name)
        self.flags = flags or {}   # (box, uid) -> flags
        self.boxes = set(boxes)    # names that may come or go


class Actor(threading.Thread):
    """One user's mail client."""

    def __init__(self, world, user, seed):
        super().__init__(daemon=True)
        self.world, self.suite, self.ledger, self.user = world, world.suite, world.ledger, user
        self.random = random.Random(seed)
        self.boxes = {}
        self.shown = {}    # (uidvalidity, uid) -> name, for ever
        self.met = set()   # names that were once in a mailbox
        self.validity = 0  # the highest UIDVALIDITY
        self.doubt = self.doubt_was = None
        self.selected = None
        self.running = False
        self.refused = []
        self.done = 0
        self.temporary = 0

    def fork(self):
        """The same user with a new thread: what is known goes along."""
        a = Actor(self.world, self.user, self.random.random())
        for k in ("boxes", "shown", "met", "validity", "temporary"):
            setattr(a, k, getattr(self, k))
        return a

    # ---- talking ----

    def connect(self):
        self.c = imapraw.connect(self.suite, self.user)
        self.condstore = b"CONDSTORE" in b" ".join(self.c.ok("CAPABILITY"))

    def ask(self, text, doubt=None, durable=True):
        """Sends a command whose OK promises something, that all is durable (but for STORE)."""
        self.doubt = doubt
        sent = time.monotonic()
        lines, result = self.c.command(text)
        if not result.startswith(b"OK"):
            self.refused.append((text, result))
            # Refused is refused; but a commit that failed may have reached the disk.
            raise Refused(result)
        self.doubt = None
        if doubt is not None and durable:
            for b in self.boxes.values():
                for copy in b.copies.values():
                    copy.settle(sent)
        return lines, result

    def select(self, box):
        if self.selected != box:
            lines, _ = self.ask(f'SELECT "{box}"')
            self.selected = box
            self.numbers(box, b"\r\n".join(lines))

    def numbers(self, box, text):
        b = self.boxes[box]
        validity = int(re.search(rb"\[UIDVALIDITY (\d+)\]", text)[1])
        if validity != b.uidvalidity:
            raise Broken(f"{self.user}/{box}: UIDVALIDITY {b.uidvalidity} became {validity}")
        b.uidnext = max(b.uidnext, int(re.search(rb"\[UIDNEXT (\d+)\]", text)[1]))
        m = re.search(rb"\[HIGHESTMODSEQ (\d+)\]", text)
        b.modseq = max(b.modseq, int(m[1]) if m else 0)

    def show(self, box, uid, name):
        b = self.boxes[box]
        key = (b.uidvalidity, uid)
        if self.shown.setdefault(key, name) != name:
            raise Broken(f"{self.user}/{box}: UID {uid} was {self.shown[key]} and is {name}")
        b.uidnext = max(b.uidnext, uid + 1)
        self.met.add(name)

    # ---- what a client does ----

    def look(self):
        """New mail in INBOX."""
        self.select("INBOX")
        b = self.boxes["INBOX"]
        lines, _ = self.ask(f"UID FETCH {b.seen_to + 1}:* (UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        for uid, flags, head in fetched(lines):
            if uid > b.seen_to:
                name = re.search(rb"Subject: (\S+)", head)[1].decode()
                self.show("INBOX", uid, name)
                if uid not in b.copies:
                    b.copies[uid] = Copy(name, flags, False)
        b.seen_to = max([b.seen_to, *b.copies])

    def some(self, box, most=4):
        uids = list(self.boxes[box].copies)
        return sorted(self.random.sample(uids, min(len(uids), self.random.randint(1, most))))

    def pick_flags(self):
        return frozenset(self.random.sample(FLAGS, self.random.randint(0, 3)))

    def append(self):
        box, flags = self.random.choice(list(self.boxes)), self.pick_flags()
        name, octets = self.ledger.message("a", self.ledger.size(self.random, 0.03), self.user)
        date = f"{self.random.randint(10, 28)}-Nov-2020 10:11:12 +0000"
        text = f'APPEND "{box}" ({" ".join(flags)}) "{date}" {{{len(octets)}+}}\r\n'.encode() + octets
        _, result = self.ask(text, Doubt("APPEND", added=[(box, name)]))
        validity, uid = map(int, re.search(rb"APPENDUID (\d+) (\d+)", result).groups())
        self.check_validity(box, validity)
        self.show(box, uid, name)
        self.boxes[box].copies[uid] = Copy(name, flags, True, date, "APPEND")

    def check_validity(self, box, validity):
        if validity != self.boxes[box].uidvalidity:
            raise Broken(f"{self.user}/{box}: UIDVALIDITY {self.boxes[box].uidvalidity} became {validity}")

    def store(self):
        box = self.random.choice(list(self.boxes))
        uids = self.some(box)
        if not uids:
            return
        self.select(box)
        flags = self.pick_flags()
        self.set_flags(box, f"FLAGS.SILENT ({' '.join(flags)})", {u: flags for u in uids})

    def set_flags(self, box, how, after):
        """Between its OK and the second after, a STORE is there or not; without an OK too."""
        copies = self.boxes[box].copies
        self.ask(f"UID STORE {sequence(after)} {how}",
                 Doubt("STORE", flags={(box, u): f for u, f in after.items()}), durable=False)
        for u, flags in after.items():
            copies[u].flags.append((time.monotonic(), flags))

    def copy(self, verb="COPY"):
        box, to = self.random.choice(list(self.boxes)), self.random.choice(list(self.boxes))
        uids = self.some(box)
        if not uids or to == box:
            return
        self.select(box)
        here, there = self.boxes[box], self.boxes[to]
        added = [(to, here.copies[u].name) for u in uids]
        gone = [(box, u) for u in uids] if verb == "MOVE" else []
        lines, result = self.ask(f'UID {verb} {sequence(uids)} "{to}"', Doubt(verb, gone=gone, added=added))
        m = re.search(rb"COPYUID (\d+) (\S+) ([\d:,]+)\]", b"\r\n".join([*lines, result]))
        self.check_validity(to, int(m[1]))
        if numbers_of(m[2]) != uids:
            raise Broken(f"{self.user}: {verb} of {uids} told of {m[2]}")
        for u, v in zip(uids, numbers_of(m[3])):
            old = here.copies[u]
            self.show(to, v, old.name)
            there.copies[v] = Copy(old.name, old.flags[-1][1], True, old.date, verb)
            if verb == "MOVE":
                del here.copies[u]

    def move(self):
        self.copy("MOVE")

    def expunge(self):
        box = self.random.choice(list(self.boxes))
        uids = self.some(box)
        if not uids:
            return
        self.select(box)
        b = self.boxes[box]
        self.set_flags(box, r"+FLAGS.SILENT (\Deleted)", {u: b.copies[u].flags[-1][1] | {r"\Deleted"} for u in uids})
        self.ask(f"UID EXPUNGE {sequence(uids)}", Doubt("EXPUNGE", gone=[(box, u) for u in uids]))
        for u in uids:
            del b.copies[u]

    def folders(self):
        extra = [b for b in self.boxes if b.startswith("T")]
        if len(extra) < 2:
            self.temporary += 1
            name = f"T{self.temporary}"
            self.ask(f'CREATE "{name}"', Doubt("CREATE", boxes=[name]))
            self.meet_box(name)
            return
        name = self.random.choice(extra)
        if self.selected == name:
            self.ask("UNSELECT")
            self.selected = None
        if self.random.random() < 0.5:
            self.temporary += 1
            new = f"T{self.temporary}"
            self.ask(f'RENAME "{name}" "{new}"', Doubt("RENAME", boxes=[name, new]))
            self.boxes[new] = self.boxes.pop(name)
        else:
            self.ask(f'DELETE "{name}"', Doubt("DELETE", boxes=[name]))
            del self.boxes[name]

    def meet_box(self, name):
        lines, _ = self.ask(f'STATUS "{name}" (UIDVALIDITY UIDNEXT)', Doubt("CREATE", boxes=[name]))
        validity, uidnext = status_of(lines)
        if validity <= self.validity:
            raise Broken(f"{self.user}/{name}: UIDVALIDITY {validity} of a new mailbox was used before")
        self.validity = validity
        self.boxes[name] = Box(validity, uidnext)

    def step(self):
        r = self.random.random()
        total = sum(len(b.copies) for b in self.boxes.values())
        if total > 60:
            r = self.random.choice([r, 0.9])
        for limit, what in ((0.25, self.look), (0.45, self.append), (0.6, self.store), (0.7, self.copy),
                            (0.83, self.move), (0.97, self.expunge), (1.0, self.folders)):
            if r < limit:
                return what()
        return None

    def first(self):
        """Mailboxes of a new home."""
        self.connect()
        for line in self.c.ok('LIST "" "*"'):
            name = re.search(rb'"/" "?([^"]+)"?$', line)[1].decode()
            lines = self.c.ok(f'STATUS "{name}" (UIDVALIDITY UIDNEXT)')
            self.boxes[name] = Box(*status_of(lines))
            self.validity = max(self.validity, self.boxes[name].uidvalidity)
        self.c.close()

    def run(self):
        try:
            self.connect()
            self.running = True
            while self.running:
                self.step()
                self.done += 1
            self.ask("LOGOUT")
        except Refused:
            pass
        except Broken as e:
            self.world.broken.append(str(e))
        except GONE as e:
            if not self.world.crashing:
                self.world.broken.append(f"{self.user}: {e!r} without a crash")


class Follower(threading.Thread):
    """A client that goes from mailbox to mailbox and is told of changes in every way there is."""

    WORDS = ["NOOP", "FETCH 1:* (FLAGS MODSEQ)", "UID FETCH 1:* (FLAGS)", "SEARCH ALL", "UID SEARCH 1:*",
             "STORE 1:* (UNCHANGEDSINCE 1) FLAGS ()"]

    def __init__(self, world, actor, client):
        super().__init__(daemon=True)
        self.world, self.actor, self.user, self.client = world, actor, actor.user, client
        self.random = client.random
        self.running = False

    def boxes(self):
        lines, _ = self.client.ask('LIST "" "*"')
        return [re.search(rb'"/" "?([^"]+)"?$', x)[1].decode() for x in lines if x.startswith(b"* LIST")]

    def round(self, boxes):
        """Mostly where something happens."""
        self.client.sync(self.random.choice([self.actor.selected or "INBOX"] * len(boxes) + boxes))
        for _ in range(self.random.randrange(6)):
            if not self.client.selected or self.random.random() < 0.4:
                self.client.idle(self.random.random() * 0.03)
            else:
                self.client.ask(self.random.choice(self.WORDS))

    def follow(self):
        """Until the connection ends, as it does when somebody deletes the mailbox."""
        c = imapraw.connect(self.world.suite, self.user)
        self.client.connect(c)
        with contextlib.closing(c), contextlib.suppress(*GONE, resync.Refused):
            while self.running:
                self.round(self.boxes())

    def run(self):
        self.running = True
        try:
            while self.running:
                self.follow()
        except GONE as e:
            if not self.world.crashing:
                self.world.broken.append(f"{self.user}'s follower: {e!r} without a crash")
        except AssertionError as e:
            if not self.world.crashing:
                self.world.broken.append(f"{self.user}'s follower: {e}")


class Refused(Exception):
    pass


class Mailer(threading.Thread):
    """Writes, sends to itself and throws away by JMAP. What is in doubt when the server goes is left out of both sets."""

    NAME, PASSWORD = "mailer", "password of the mailer"
    LOST = (*GONE, http.client.HTTPException, AssertionError, KeyError)

    def __init__(self, world, seed, before=None):
        super().__init__(daemon=True)
        self.world, self.suite, self.random, self.running = world, world.suite, random.Random(seed), True
        self.address = f"{self.NAME}@{world.suite.domain}"
        self.there = dict(before.there) if before else {}  # email -> subject
        self.gone = set(before.gone) if before else set()
        self.sent = dict(before.sent) if before else {}    # submission -> subject
        self.count = before.count if before else 0
        self.done = 0

    def client(self):
        word = base64.b64encode(f"{self.address}:{self.PASSWORD}".encode()).decode()
        return Client(self.suite, headers={"Authorization": f"Basic {word}"})

    def step(self, c):
        if len(self.there) > 3 and self.random.random() < 0.3:
            email = self.random.choice(list(self.there))
            self.there.pop(email)
            if c.call("Email/set", destroy=[email])["destroyed"] == [email]:
                self.gone.add(email)
            return
        self.count += 1
        subject = f"jmap{self.count}."
        email = c.draft(subject, [self.address])
        self.there[email] = subject
        if self.random.random() < 0.6:
            made = c.submit(email)[0][1]["created"]
            self.sent |= {s["id"]: subject for s in (made or {}).values()}

    def run(self):
        while self.running:
            with contextlib.suppress(*self.LOST):
                c = self.client()
                while self.running:
                    self.step(c)
                    self.done += 1
            time.sleep(0.02)

    def check(self):
        c, broken = self.client(), self.world.broken.append
        found = {e["id"]: e["subject"] for e in self.get(c, "Email", [*self.there, *self.gone], ["subject"])}
        if found != self.there:
            broken(f"JMAP: of emails there are {found}, not {self.there}")
        kept = {s["id"] for s in self.get(c, "EmailSubmission", list(self.sent), ["undoStatus"])}
        if kept != set(self.sent):
            broken(f"JMAP: submissions {set(self.sent) - kept} were answered and are gone")
        c = imapraw.connect(self.suite, None)
        c.ok(f'LOGIN {self.address} "{self.PASSWORD}"')
        c.ok("SELECT INBOX")
        inbox = b"".join(c.ok("FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])"))
        c.close()
        for subject in self.sent.values():
            if f"Subject: {subject}\r".encode() not in inbox:
                broken(f"JMAP: what was submitted as {subject} did not arrive")

    @staticmethod
    def get(c, kind, ids, properties):
        """In pieces that the server takes."""
        return [o for i in range(0, len(ids), 100)
                for o in c.call(f"{kind}/get", ids=ids[i:i + 100], properties=properties)["list"]]


def sequence(uids):
    return ",".join(map(str, uids))


def numbers_of(text):
    out = []
    for part in text.decode().split(","):
        a, _, b = part.partition(":")
        out += range(int(a), int(b or a) + 1)
    return out


def status_of(lines):
    text = b" ".join(lines)
    return tuple(int(re.search(key + rb" (\d+)", text)[1]) for key in (b"UIDVALIDITY", b"UIDNEXT"))


def fetched(lines):
    """(uid, flags, octets of the one literal) of FETCH answers."""
    for line in lines:
        head = line.split(b"\r\n", 1)[0]
        if b" FETCH (" not in head or b"BODY[" not in head:
            continue
        uid = int(re.search(rb"UID (\d+)", head)[1])
        flags = re.search(rb"FLAGS \(([^)]*)\)", head)[1].decode().split()
        size = int(re.search(rb"\{(\d+)\}$", head)[1])
        yield uid, [f for f in flags if f != r"\Recent"], line[len(head) + 2:len(head) + 2 + size]


class World:
    """Users, submitters and a suite. go() lets them work, check() looks whether all promises hold."""

    def __init__(self, suite, seed, users=("alice", "bob", "carol"), submitters=2):
        self.suite, self.users, self.seed = suite, list(users), seed
        self.random = random.Random(seed)
        self.ledger = Ledger(self.random.random())
        self.nsubmitters = submitters
        self.crashing = False
        self.broken = []
        self.extra = 0  # copies that nobody asked for
        self.done = self.accepted = 0
        self.followed = {u: resync.Client(self.random.random()) for u in self.users}
        self.resynced = 0  # mailboxes
        self.actors = [Actor(self, u, self.random.random()) for u in self.users]
        for a in self.actors:
            a.first()
        suite.ctl("user", "add", f"{Mailer.NAME}@{suite.domain}", input=Mailer.PASSWORD + "\n")
        self.mailer = Mailer(self, self.random.random())

    # ---- working ----

    def go(self, seconds):
        """Begins to work; true when all clients are at work for so long."""
        self.crashing = False
        self.actors = [a.fork() for a in self.actors]
        self.submitters = [Submitter(self, self.random.random()) for _ in range(self.nsubmitters)]
        self.followers = [Follower(self, a, self.followed[a.user]) for a in self.actors]
        self.mailer = Mailer(self, self.random.random(), self.mailer)
        for t in self.actors + self.submitters + self.followers + [self.mailer]:
            t.start()
        wait_for(lambda: all(a.running for a in self.actors + self.followers) or self.broken, what="logins")
        time.sleep(seconds)

    def end(self):
        """All threads end; their connections are gone already, or are taken."""
        threads = self.actors + self.submitters + self.followers + [self.mailer]
        for t in threads:
            t.running = False
        for t in threads:
            t.join(60)
            if t.is_alive():
                raise Broken(f"{t} hangs")
        self.done += sum(a.done for a in self.actors)
        self.accepted += sum(s.accepted for s in self.submitters)

    def quiet(self):
        """Everything accepted is delivered, and those who have a home open were told."""
        wait_for(lambda: "empty" in self.suite.ctl("queue", "list").stdout, QUIET_SECONDS, "the queue's end")
        time.sleep(0.05)

    # ---- checking ----

    def look(self, crashed_at):
        """At once after the start, while the queue may still deliver again: no mailbox shows less than it must."""
        for a in self.actors:
            Check(self, a, crashed_at).look()
        self.raise_broken()

    def check(self, crashed_at=None):
        """crashed_at None: nothing crashed, every OK counts."""
        for a in self.actors:
            Check(self, a, crashed_at or time.monotonic() + 3600).run()
        self.mailer.check()
        for user, client in self.followed.items():
            self.resync(user, deepcopy(client.kept), False)
            self.resync(user, client.kept, True)
        self.raise_broken()

    def resync(self, user, kept, qresync):
        """Each mailbox that was followed, and then all it has to be."""
        client = self.followed[user]
        mine, other = imapraw.connect(self.suite, user), imapraw.connect(self.suite, user)
        client.kept = kept
        client.connect(mine, qresync)
        for box in list(kept):
            try:
                here = client.sync(box)
                have = resync.whole(other, box) if here is not None else None
            except AssertionError as e:
                here, have = str(e), None
            if here != have:
                self.broken.append(f"{user}/{box}: {'QRESYNC' if qresync else 'CONDSTORE'} leads to {here}, there is {have}")
            self.resynced += 1
        mine.close()
        other.close()

    def raise_broken(self):
        if self.broken:
            raise Broken("\n".join(self.broken + [f"{a.user} was at {a.doubt_was or a.doubt and vars(a.doubt)}" for a in self.actors]))


class Check:
    """One user's mail as it is, against what was promised."""

    def __init__(self, world, actor, crashed_at):
        self.world, self.a, self.user, self.crashed_at = world, actor, actor.user, crashed_at
        self.doubt = actor.doubt or Doubt(None)
        self.found = {}   # box -> {uid: (name, flags, date)}
        self.counts = {}  # name -> copies in the whole home

    def broken(self, text):
        self.world.broken.append(f"{self.user}: {text}")

    def look(self):
        for b in self.a.boxes.values():
            for copy in b.copies.values():
                copy.settle(self.crashed_at - DURABLE_AFTER)
        c = imapraw.connect(self.world.suite, self.user)
        boxes = {re.search(rb'"/" "?([^"]+)"?$', line)[1].decode() for line in c.ok('LIST "" "*"')}
        self.check_boxes(boxes)
        for box in sorted(boxes):
            self.read(c, box)
        c.close()
        for box in self.found:
            self.check_copies(box)

    def run(self):
        self.look()
        self.check_counts()
        self.adopt()

    def check_boxes(self, boxes):
        """Mailboxes that are there and must not be, and the other way round. Renamed is one of both names."""
        mine = set(self.a.boxes)
        for name in (mine - boxes) - self.doubt.boxes:
            self.broken(f"mailbox {name} is lost")
        for name in (boxes - mine) - self.doubt.boxes:
            self.broken(f"mailbox {name} is there")
        if self.doubt.verb == "RENAME" and len(boxes & self.doubt.boxes) != 1:
            self.broken(f"RENAME of {self.doubt.boxes} left {boxes & self.doubt.boxes}")
        if self.doubt.verb == "RENAME" and not mine & boxes & self.doubt.boxes:
            old, = mine & self.doubt.boxes
            for new in boxes & self.doubt.boxes:
                self.a.boxes[new] = self.a.boxes.pop(old)

    def read(self, c, box):
        text = b"\r\n".join(c.ok(f'SELECT "{box}"'))
        a = self.a
        if box not in a.boxes:
            a.boxes[box] = Box(int(re.search(rb"UIDVALIDITY (\d+)", text)[1]))
            a.validity = max(a.validity, a.boxes[box].uidvalidity)
        before = a.boxes[box].uidnext, a.boxes[box].modseq
        self.uidnext = int(re.search(rb"\[UIDNEXT (\d+)\]", text)[1])
        if self.uidnext < before[0]:
            self.broken(f"{box}: UIDNEXT fell from {before[0]} to {self.uidnext}")
        m = re.search(rb"\[HIGHESTMODSEQ (\d+)\]", text)
        if m and int(m[1]) < before[1]:
            self.broken(f"{box}: HIGHESTMODSEQ fell from {before[1]} to {int(m[1])}")
        try:
            a.numbers(box, text)
        except Broken as e:
            self.world.broken.append(str(e))
        here = self.found[box] = {}
        for line in c.ok("UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])"):
            for uid, flags, octets in fetched([line]):
                date = re.search(rb'INTERNALDATE "([^"]+)"', line)[1].decode()
                here[uid] = (self.identify(box, uid, octets), frozenset(flags), date)

    def identify(self, box, uid, octets):
        """The name of a message whose octets are as they were sent."""
        m = re.search(rb"^Subject: (\S+)\r$", octets.split(b"\r\n\r\n", 1)[0], re.M)
        name = m[1].decode() if m else None
        sent = self.world.ledger.octets.get(name)
        if sent is None:
            self.broken(f"{box}/{uid}: {len(octets)} octets that nobody sent: {octets[:60]!r}")
        elif not octets.endswith(sent) or (name[0] == "a" and octets != sent):
            self.broken(f"{box}/{uid}: {name} is not what was sent ({len(octets)} octets of {len(sent)})")
        else:
            self.counts[name] = self.counts.get(name, 0) + 1
        return name

    def check_copies(self, box):
        a, b = self.a, self.a.boxes[box]
        for uid, copy in b.copies.items():
            here = self.found[box].get(uid)
            if here is None:
                if copy.firm and (box, uid) not in self.doubt.gone:
                    self.broken(f"{box}/{uid}: {copy.name} is lost, told by {copy.by} "
                                f"{self.crashed_at - copy.shown:.3f} s before; it is at {self.where(copy.name)}")
                continue
            if here[0] != copy.name:
                self.broken(f"{box}/{uid}: {copy.name} became {here[0]}")
            allowed = {f for _, f in copy.flags}
            if (box, uid) in self.doubt.gone and self.doubt.verb == "EXPUNGE":
                allowed |= {f | {r"\Deleted"} for f in allowed}
            if (box, uid) in self.doubt.flags:
                allowed.add(frozenset(self.doubt.flags[box, uid]))
            if self.doubt.verb in (None, "STORE") and here[1] not in allowed:
                self.broken(f"{box}/{uid}: flags {set(here[1])}, told were {[set(f) for f in allowed]}")
            if copy.date and here[2].strip() != copy.date:
                self.broken(f"{box}/{uid}: INTERNALDATE {here[2]}, given was {copy.date}")
        for uid, (name, _, _) in self.found[box].items():
            if uid in b.copies:
                continue
            key = (b.uidvalidity, uid)
            if a.shown.get(key, name) != name:
                self.broken(f"{box}/{uid}: was {a.shown[key]}, is {name}")
            elif key in a.shown and (box, name) not in self.doubt.added:
                self.broken(f"{box}/{uid}: {name} was expunged and is back")

    def where(self, name):
        return [f"{b}/{u}" for b, here in self.found.items() for u, m in here.items() if m[0] == name]

    def check_counts(self):
        """How many copies of each message there must be, and may be."""
        least, most = {}, {}
        for box, b in self.a.boxes.items():
            for uid, copy in b.copies.items():
                if box not in self.found:
                    continue  # a DELETE under way took it along
                maybe = self.doubt.verb == "DELETE" and box in self.doubt.boxes
                maybe |= self.doubt.verb == "EXPUNGE" and (box, uid) in self.doubt.gone
                least[copy.name] = least.get(copy.name, 0) + (not maybe)
                most[copy.name] = most.get(copy.name, 0) + 1
        for _, name in self.doubt.added:
            most[name] = most.get(name, 0) + 1
        for name, promised in self.world.ledger.promised.items():
            if self.user in promised and name not in self.a.met:
                least[name] = least.get(name, 0) + promised[self.user]
                most[name] = most.get(name, 0) + 1
        for name in set(least) | set(self.counts):
            n = self.counts.get(name, 0)
            if n < least.get(name, 0):
                self.broken(f"{name}: {n} copies, {least[name]} were promised")
            if n > most.get(name, 0):
                self.world.extra += n - most.get(name, 0)
                what = "is there" if name in self.a.met else "was never promised and is there"
                self.broken(f"{name} {what} {n} times, at most {most.get(name, 0)} expected: {self.where(name)}")

    def adopt(self):
        """What is there is what is known from now on."""
        a = self.a
        for box in [b for b in a.boxes if b not in self.found]:
            del a.boxes[box]
        for box, here in self.found.items():
            b = a.boxes[box]
            old = b.copies
            # What was taken in just now has a UID that the next crash may take back.
            b.copies = {uid: Copy(name, flags, uid in old and old[uid].firm, old[uid].date if uid in old else None,
                                  "check") for uid, (name, flags, _) in here.items()}
            for uid, (name, _, _) in here.items():
                a.shown.setdefault((b.uidvalidity, uid), name)
                a.met.add(name)
            b.seen_to = max([b.seen_to, *here])
            b.uidnext = max([b.uidnext, *(u + 1 for u in here)])
        for name, promised in self.world.ledger.promised.items():
            # Whatever it was that nobody was told of: it is here, or it never comes.
            if self.user in promised and name not in a.met:
                promised[self.user] = False
        a.doubt_was = vars(a.doubt) if a.doubt else None
        a.doubt = None
