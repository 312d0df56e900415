"""What one sync alone protects, one scene each: so little else happens that no other sync does its work.

A scene works on a machine, cuts the power at the worst moment and raises Broken when a promise was not kept. On a "bare"
disk (an ext4 without journal) a sync makes durable what it names and nothing beside, but for new names of a file that is
synced itself, which ext4 always takes along.
"""

import os
import re
from copy import deepcopy

import imapraw
import resync
from jmapmail import Client
from suite import wait_for
from world import Broken

# Nothing but what a client does is synced.
QUIET = """
[queue]
checkpoint = "10m"
segment_size = "1MiB"
min_free = "4MiB"
retry_first = "1s"
[mailbox]
linger = "0s"
"""


def text(name, size=600):
    line = f"{name} " + "x" * 70 + "\r\n"
    return (f"From: <a@example.test>\r\nSubject: {name}\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\n"
            f"Message-ID: <{name}@example.test>\r\n\r\n" + line * (size // len(line) + 1)).encode()


def must(condition, what):
    if not condition:
        raise Broken(what)


def names_in(c, box, size=600):
    """uid -> subject, of messages whose octets are whole."""
    c.ok(f'SELECT "{box}"')
    found = {}
    for line in c.ok("UID FETCH 1:* (UID BODY.PEEK[])"):
        m = re.search(rb"UID (\d+)", line.split(b"\r\n", 1)[0])
        subject = re.search(rb"^Subject: (\S+)\r$", line, re.M)
        name = subject[1].decode() if subject else None
        whole = name and text(name, size) in line
        found[int(m[1])] = name if whole else f"torn {name}"
    return found


def owner_ends(m, user="alice"):
    """Nobody has the home open any more."""
    path = m.maildir(user).parent / "db" / "index.db-wal"
    wait_for(lambda: not path.exists(), what="the owner's end")


def commit_of_others(m):
    """Somebody else's sync makes the file system's own log durable."""
    with open(m.disk.place / ".other", "w") as f:
        f.write("x")
        f.flush()
        os.fsync(f.fileno())


# ---- the scenes ----

def many_moved(m):
    """A MOVE of many messages that were delivered just now."""
    with m.smtp(None, port="smtp", tls=False) as c:
        for i in range(30):
            c.sendmail("s@elsewhere.test", [m.user()["address"]], text(f"m{i}"))
    c = imapraw.connect(m)
    wait_for(lambda: len(names_in(c, "INBOX")) == 30)
    c.ok("MOVE 1:* Archive")
    m.power_off()
    m.power_on()
    found = names_in(imapraw.connect(m), "Archive")
    must(sorted(found.values()) == sorted(f"m{i}" for i in range(30)), f"after MOVE there is {found}")


def copied(m):
    """A COPY of a message that is durable already."""
    c = imapraw.connect(m)
    uid = c.append("INBOX", text("one"))
    c.ok("SELECT INBOX")
    c.ok(f"UID COPY {uid} Archive")
    m.power_off()
    m.power_on()
    c = imapraw.connect(m)
    for box in ("INBOX", "Archive"):
        must(list(names_in(c, box).values()) == ["one"], f"after COPY {box} has {names_in(c, box)}")


def expunged(m):
    """An EXPUNGE whose file was removed and whose tombstone says so."""
    c = imapraw.connect(m)
    for i in range(3):
        c.append("INBOX", text(f"e{i}"))
    # Other names, so that the inodes stay: one that is freed would take its name along when the disk is mended.
    for f in (m.maildir() / "cur").iterdir():
        os.link(f, m.disk.place / f".{f.name}")
    m.disk.sync()
    c.ok("SELECT INBOX")
    c.ok(r"STORE 2 +FLAGS.SILENT (\Deleted)")
    c.ok("EXPUNGE")
    c.ok("LOGOUT")
    owner_ends(m)
    m.power_off()
    m.power_on()
    found = names_in(imapraw.connect(m), "INBOX")
    must(sorted(found.values()) == ["e0", "e2"], f"after EXPUNGE there is {found}")


def validity(c, box):
    lines = c.ok(f'STATUS "{box}" (UIDVALIDITY)')
    return int(re.search(rb"UIDVALIDITY (\d+)", b" ".join(lines))[1])


def mailboxes_made(m, lost=False):
    """UIDVALIDITY beyond the block that was reserved first, of mailboxes that are gone again."""
    c = imapraw.connect(m)
    if lost:
        (m.maildir().parent / "db" / "state").unlink()
    m.disk.sync()
    highest = 0
    for i in range(130):
        c.ok(f"CREATE T{i}")
        highest = max(highest, validity(c, f"T{i}"))
        c.ok(f"DELETE T{i}")
    m.power_off()
    m.power_on()
    c = imapraw.connect(m)
    c.ok("CREATE Again")
    must(validity(c, "Again") > highest, f"UIDVALIDITY {validity(c, 'Again')} again, {highest} was shown")


def state_made_anew(m):
    """The same when db/state is not there to be written in place."""
    mailboxes_made(m, lost=True)


def renamed(m):
    """A RENAME of a mailbox with messages in it."""
    c = imapraw.connect(m)
    c.ok("CREATE Old")
    c.append("Old", text("kept"))
    m.disk.sync()
    c.ok("RENAME Old New")
    c.ok("LOGOUT")
    owner_ends(m)
    m.power_off()
    m.power_on()
    c = imapraw.connect(m)
    boxes = {re.search(rb"(\S+)$", line)[1] for line in c.ok('LIST "" "*"')}
    must(b"New" in boxes and b"Old" not in boxes, f"after RENAME there is {boxes}")
    must(list(names_in(c, "New").values()) == ["kept"], f"after RENAME there is {names_in(c, 'New')}")


def index_closed(m):
    """What the index's log held when the home was closed."""
    c = imapraw.connect(m)
    for i in range(5):
        c.append("INBOX", text(f"i{i}"))
    c.ok("SELECT INBOX")
    c.ok(r"STORE 1:5 +FLAGS.SILENT ($Mine)")
    before = names_in(c, "INBOX")
    c.ok("LOGOUT")
    owner_ends(m)
    commit_of_others(m)
    m.power_off()
    m.power_on()
    c = imapraw.connect(m)
    must(names_in(c, "INBOX") == before, f"after closing there is {names_in(c, 'INBOX')}")
    flags = [line for line in c.ok("FETCH 1:* (FLAGS)") if b"FETCH" in line]
    must(all(b"$Mine" in f for f in flags), f"after closing flags are {flags}")


def user_made(m):
    """gkmail user add."""
    m.ctl("user", "add", "dave@example.test", input="correct horse battery\n")
    m.power_off()
    m.power_on()
    must("dave@example.test" in m.ctl("user", "list").stdout, "the user is gone")


def accounts_closed(m):
    """Accounts made, the suite stopped as it should be, then the power goes."""
    m.ctl("user", "add", "dave@example.test", input="correct horse battery\n")
    m.stop()
    commit_of_others(m)
    for d in m.disks:
        d.cut()
    for d in reversed(m.disks):
        d.off()
    m.mounted = False
    m.power_on()
    must("dave@example.test" in m.ctl("user", "list").stdout, "the user is gone")


def told_and_lost(m):
    """Flags and a new message that clients had heard of when the power went, half a second before they are saved. Their
    clients come back, one with the modseq of it all and one that had heard without."""
    c = imapraw.connect(m)
    for i in range(5):
        c.append("INBOX", text(f"t{i}"))
    clients = [resync.Client(n) for n in range(2)]
    for client in clients:
        client.connect(imapraw.connect(m))
        client.sync("INBOX")
    c.ok("SELECT INBOX")
    m.disk.sync()
    with m.smtp(None, port="smtp", tls=False) as s:
        s.sendmail("s@elsewhere.test", [m.user()["address"]], text("t5"))
    c.ok(r"STORE 2 FLAGS.SILENT (\Flagged)")
    c.ok("STORE 4 FLAGS.SILENT ($Work)")
    clients[0].sync("INBOX")
    clients[1].ask("NOOP")
    clients[1].ask("UID FETCH 1:* (FLAGS)")
    m.power_off()
    m.power_on()
    wait_for(lambda: "empty" in m.ctl("queue", "list").stdout, what="the queue's end")
    c = imapraw.connect(m)
    wait_for(lambda: len(names_in(c, "INBOX")) == 6)
    for qresync in (False, True):
        for client in map(deepcopy, clients):
            client.connect(imapraw.connect(m), qresync)
            here, have = client.sync("INBOX"), resync.whole(c, "INBOX")
            must(here == have, f"after what was lost {'QRESYNC' if qresync else 'CONDSTORE'} leads to {here}, there is {have}")


def jmap_answered(m):
    """What JMAP has answered: an email made, one destroyed, a submission that waits, and that it does not any more."""
    c, bob = Client(m), m.user("bob")["address"]
    kept, gone = c.draft("kept", [bob]), c.draft("gone", [bob])
    made = c.submit(kept, to=[bob], hold={"HOLDFOR": "3600"})[0][1]["created"]["s"]
    c.call("Email/set", destroy=[gone])
    m.power_off()
    m.power_on()
    c = Client(m)
    there = {e["id"]: e["subject"] for e in c.call("Email/get", ids=[kept, gone], properties=["subject"])["list"]}
    must(there == {kept: "kept"}, f"after a draft and a destroy there is {there}")
    status = {s["id"]: s["undoStatus"] for s in c.call("EmailSubmission/get", ids=None)["list"]}
    must(status == {made["id"]: "pending"}, f"of what was submitted there is {status}")
    must("scheduled" in m.ctl("queue", "list").stdout, "what was to be sent later is not in the queue")
    result = c.call("EmailSubmission/set", update={made["id"]: {"undoStatus": "canceled"}})
    must(result["notUpdated"] is None, f"it cannot be taken back: {result}")
    m.power_off()
    m.power_on()
    must("empty" in m.ctl("queue", "list").stdout, "what was taken back is in the queue")
    status = [s["undoStatus"] for s in Client(m).call("EmailSubmission/get", ids=None)["list"]]
    must(status == ["canceled"], f"of what was taken back there is {status}")


def objects_answered(m):
    """What JMAP has answered of things that are neither mailbox nor message, and then the index is lost too."""
    c, bob = Client(m), m.user("bob")["address"]
    own = c.identity["id"]
    c.call("Identity/set", update={own: {"name": "Zoé", "textSignature": "-- \nZ."}})
    made, gone = (c.call("Identity/set", create={"n": {"name": name, "email": c.identity["email"]}})["created"]["n"]["id"]
                  for name in ("made", "gone"))
    sent = c.submit(c.draft("later", [bob]), to=[bob], hold={"HOLDFOR": "3600"})[0][1]["created"]["s"]["id"]
    c.call("Mailbox/set", update={c.boxes["archive"]: {"sortOrder": 7}})
    c.call("Identity/set", destroy=[gone])
    c.call("VacationResponse/set", update={"singleton": {"isEnabled": True, "subject": "away"}})
    m.power_off()
    m.power_on()
    for f in (m.maildir().parent / "db").glob("index.db*"):
        f.unlink()
    c = Client(m)
    names = {i["id"]: (i["name"], i["textSignature"]) for i in c.call("Identity/get", ids=None)["list"]}
    must(names == {own: ("Zoé", "-- \nZ."), made: ("made", "")}, f"of identities there is {names}")
    away = c.call("VacationResponse/get", ids=None)["list"][0]
    must(away["isEnabled"] and away["subject"] == "away", f"of a vacation there is {away}")
    status = {s["id"]: s["undoStatus"] for s in c.call("EmailSubmission/get", ids=None)["list"]}
    must(status == {sent: "pending"}, f"of what was submitted there is {status}")
    must(c.call("EmailSubmission/set", update={sent: {"undoStatus": "canceled"}})["notUpdated"] is None, "it cannot be taken back")
    again = c.call("Identity/set", create={"n": {"email": c.identity["email"]}})["created"]["n"]["id"]
    must(again not in (own, made, gone), f"the number {again} comes twice")


def maildir_of(folder, names, size=600):
    """As another program keeps mail."""
    for sub in ("cur", "new", "tmp"):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(names):
        (folder / "cur" / f"{1_700_000_000 + i}.M{i}.old:2,S").write_bytes(text(name, size))


def imported(m):
    """An import that was answered, of more messages than one."""
    names = sorted(f"f{i}" for i in range(30))
    # Where the power is not cut.
    maildir_of(m.dir.parent / f"{m.dir.name}-old", names)
    m.disk.sync()
    command = ("import", "maildir", str(m.dir.parent / f"{m.dir.name}-old"), "--user", m.user()["address"])
    must("imported 30" in m.ctl(*command).stdout, "30 were to come")
    m.power_off()
    m.power_on()
    found = names_in(imapraw.connect(m), "INBOX")
    must(sorted(found.values()) == names, f"after an import there is {found}")
    must("0 messages" in (said := m.ctl(*command).stdout), f"once more it says {said}")


# name -> (scene, how the machine is made, syncs that it shows to be needed)
SCENES = {
    "told_and_lost": (told_and_lost, {"config": QUIET}, []),
    "jmap_answered": (jmap_answered, {"config": QUIET}, ["sync queue.batch", "sync index.db-wal", "sync store.append"]),
    "objects_answered": (objects_answered, {"config": QUIET, "bare": True, "mount": "noauto_da_alloc"},
                         ["sync store.objects"]),
    "imported": (imported, {"config": QUIET}, ["syncall store.import"]),
    "many_moved": (many_moved, {"config": QUIET}, ["syncall store.copies"]),
    "copied": (copied, {"config": QUIET, "bare": True}, ["syncdir store.names"]),
    "expunged": (expunged, {"config": QUIET, "bare": True}, ["syncdir store.graves"]),
    "mailboxes_made": (mailboxes_made, {"config": QUIET, "bare": True}, ["sync store.state"]),
    "state_made_anew": (state_made_anew, {"config": QUIET, "bare": True, "mount": "noauto_da_alloc"},
                        ["sync store.state", "syncdir store.state_name"]),
    "renamed": (renamed, {"config": QUIET, "bare": True}, ["syncdir store.folders"]),
    "index_closed": (index_closed, {"config": QUIET}, ["sync index.db"]),
    "user_made": (user_made, {"config": QUIET}, ["sync accounts.db-wal"]),
    "accounts_closed": (accounts_closed, {"config": QUIET}, ["sync accounts.db"]),
}
