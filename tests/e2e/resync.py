"""A client that keeps mailboxes across connections and resynchronises as RFC 7162 section 6 says: by QRESYNC, or with
CONDSTORE alone. What it keeps must be what the server has, whenever a sync() is through."""

import copy
import random
import re
import time


class Refused(Exception):
    """NO where a client has nothing to go on with."""


class Kept:
    """A mailbox as it was heard of."""

    def __init__(self, uidvalidity):
        self.uidvalidity, self.modseq = uidvalidity, 0
        self.flags = {}  # uid -> flags without \\Recent
        self.exists = 0  # how many there are, be their UIDs known or not
        self.upto = 0    # all messages to this UID were asked for; changes of later ones may be heard before


def numbers(text):
    for part in text.split(b","):
        a, _, b = part.partition(b":")
        yield from range(int(a), int(b or a) + 1)


def ranges(uids):
    """As sets are written: "1:3,7"."""
    out, uids = [], sorted(uids)
    for u in uids:
        if out and u == out[-1][1] + 1:
            out[-1][1] = u
        else:
            out.append([u, u])
    return ",".join(str(a) if a == b else f"{a}:{b}" for a, b in out)


def whole(c, name):
    """What the server has, asked without any of this."""
    c.ok(f'EXAMINE "{name}"')
    lines = c.ok("UID FETCH 1:* (FLAGS)")
    return {uid: flags for uid, flags in map(fetched, lines) if flags is not None}


def fetched(line):
    uid = re.search(rb"[( ]UID (\d+)", line)
    flags = re.search(rb"[( ]FLAGS \(([^)]*)\)", line)
    if not line.startswith(b"* ") or b" FETCH (" not in line or not uid:
        return 0, None
    words = frozenset(f.lower() for f in flags[1].decode().split() if f != r"\Recent") if flags else None
    return int(uid[1]), words


class Client:
    def __init__(self, seed=0):
        self.kept = {}
        self.random = random.Random(seed)
        self.selected = self.selecting = None
        self.exists = self.tag = 0
        self.c = None

    def __deepcopy__(self, memo):
        """What is kept, without the connection."""
        other = Client()
        other.kept = copy.deepcopy(self.kept, memo)
        return other

    def connect(self, raw, qresync=True):
        self.c, self.qresync, self.selected = raw, qresync, None
        line, = [x for x in raw.ok(f"ENABLE {'QRESYNC' if qresync else 'CONDSTORE'}") if x.startswith(b"* ENABLED")]
        assert line.endswith(b"QRESYNC" if qresync else b"CONDSTORE"), line

    # ---- hearing ----

    def begin(self, text):
        self.tag += 1
        self.highest, self.codes = 0, []
        self.c.send(b"r%d %s\r\n" % (self.tag, text.encode()))

    def ask(self, text):
        """Every line counts when it is heard: the connection may end behind it. Modseqs count at the end alone."""
        self.begin(text)
        return self.until_done()

    def must(self, text):
        lines, result = self.ask(text)
        if not result.startswith(b"OK"):
            raise Refused(result)
        return lines

    def until_done(self):
        lines = []
        while not (line := self.c.line()).startswith(b"r%d " % self.tag):
            self.hear(line)
            lines.append(line)
        result = line.split(b" ", 1)[1]
        self.hear(b"* " + result)
        if self.selected:
            k = self.kept[self.selected]
            k.modseq = self.codes[-1] if self.codes else max(k.modseq, self.highest)
        return lines, result

    def idle(self, seconds):
        self.begin("IDLE")
        while not (line := self.c.line()).startswith(b"+"):
            self.hear(line)
        time.sleep(seconds)
        self.c.send(b"DONE\r\n")
        self.until_done()

    def hear(self, line):
        if line.startswith(b"* OK [CLOSED]"):
            self.selected = None
        m = re.match(rb"\* OK \[UIDVALIDITY (\d+)\]", line)
        if m and self.selecting:
            self.selected, self.selecting = self.selecting, None
            if self.selected not in self.kept or self.kept[self.selected].uidvalidity != int(m[1]):
                self.kept[self.selected] = Kept(int(m[1]))
        m = re.match(rb"\* (?:OK|NO) \[HIGHESTMODSEQ (\d+)\]", line)
        if m:
            self.codes.append(int(m[1]))
        m = re.match(rb"\* (\d+) EXISTS", line)
        if m:
            self.exists = int(m[1])
        if self.selected:
            k = self.kept[self.selected]
            self.change(k.flags, line)
            k.exists = self.exists

    def change(self, here, line):
        m = re.match(rb"\* VANISHED (\(EARLIER\) )?(\S+)$", line)
        for uid in numbers(m[2]) if m else ():
            here.pop(uid, None)
            self.exists -= not m[1]
        if re.match(rb"\* \d+ EXPUNGE", line):
            assert not self.qresync, line
            self.exists -= 1
        uid, flags = fetched(line)
        if flags is not None:
            here[uid] = flags
        m = re.search(rb" FETCH .*MODSEQ \((\d+)\)", line)
        self.highest = max(self.highest, int(m[1]) if m else 0)

    # ---- syncing ----

    def parameter(self, k):
        """What is told of the mailbox, in the ways in which one may."""
        if not self.qresync:
            return " (CONDSTORE)"
        uids = sorted(k.flags) if k else []
        known = f" 1:{uids[-1]}" if uids and self.random.random() < 0.5 else ""
        match = ""
        # Sequence numbers are known of those only who miss nobody's UID.
        if uids and len(uids) == k.exists and self.random.random() < 0.5:
            some = sorted(self.random.sample(range(len(uids)), min(len(uids), 5)))
            match = f" ({ranges(i + 1 for i in some)} {ranges(uids[i] for i in some)})"
        return f" (QRESYNC ({k.uidvalidity} {k.modseq}{known}{match}))" if k and k.modseq else ""

    def sync(self, name):
        """What is kept of a mailbox afterwards; None: there is no such mailbox."""
        before = self.kept.get(name)
        since = before.modseq if before else 0
        self.selecting = name
        _, result = self.ask(f'SELECT "{name}"{self.parameter(before)}')
        if result.startswith(b"NO [NONEXISTENT]"):
            self.kept.pop(name, None)
            return None
        if not result.startswith(b"OK"):
            raise Refused(result)
        k = self.kept[name]
        if not self.qresync:
            self.by_condstore(k, since if k is before else 0)
        # New messages are asked for: they may have come between a SELECT and the end of its connection.
        for _ in range(20):
            self.must(f"UID FETCH {k.upto + 1}:* (FLAGS)")
            k.upto = max(k.flags, default=k.upto)
            if len(k.flags) == self.exists:
                return k.flags
        raise AssertionError(f"{name}: {self.exists} messages, known are {sorted(k.flags)}")

    def by_condstore(self, k, since):
        """RFC 4549 4.3.1: the changes, then who is still there. Only then the modseq of SELECT stands for something."""
        highest, k.modseq = k.modseq, since
        if since:
            self.must(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {since})")
        lines = self.must("UID SEARCH ALL")
        there = set(map(int, next(x for x in lines if x.startswith(b"* SEARCH")).split()[2:]))
        for uid in set(k.flags) - there:
            del k.flags[uid]
        k.modseq = max(k.modseq, highest)
