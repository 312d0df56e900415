"""Mail that is read: one mailbox of many messages, cold (no owner, nothing cached of the messages) and warm."""

import os
import random
import time

import peers
from delivery import deliver
from imapclient import Imap
from measure import median

WORDS = ("invoice meeting report travel budget release network garden kitchen summer winter family school project draft "
         "final update question answer review contract delivery account weekend photo music energy market").split()


def message(i, octets, rng):
    """A plausible message, not two alike."""
    subject = " ".join(rng.choice(WORDS) for _ in range(4))
    head = (f"Return-Path: <s{i % 97}@sender.test>\r\n"
            f"Received: from mail.sender.test (mail.sender.test [192.0.2.{i % 250}]) by mx.bench.test\r\n"
            f" with ESMTPS id {i:012d}; Sat, 31 Jan 2026 12:00:{i % 60:02d} +0000\r\n"
            f"From: \"Sender {i % 97}\" <s{i % 97}@sender.test>\r\nTo: reader@bench.test, other{i % 13}@bench.test\r\n"
            f"Subject: {subject} {i}\r\nDate: Sat, {1 + i % 28} Jan 2026 12:00:00 +0000\r\nMessage-ID: <{i}@sender.test>\r\n"
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n")
    lines, n = [head], len(head)
    while n < octets:
        line = " ".join(rng.choice(WORDS) for _ in range(9)) + "\r\n"
        lines.append(line)
        n += len(line)
    return "".join(lines).encode()


def fill(server, user, count, octets=4096):
    """Puts files where deliveries come, as another program on the machine might."""
    rng = random.Random(1)
    new = server.maildir(user) / "new"
    owner = new.stat()
    for i in range(count):
        text = message(i, octets, rng)
        path = new / f"{1769860800 + i}.M{i:012d}P1.bench,S={len(text)}"
        path.write_bytes(text)
        os.chmod(path, 0o440)
        os.chown(path, owner.st_uid, owner.st_gid)


# Name, command, goal cold, goal warm. "Parity where both are at memory speed": FLAGS, and warm ENVELOPE and SUBJECT.
READS = (
    ("FETCH FLAGS", "FETCH 1:* (UID FLAGS)", 1, 1),
    ("FETCH ENVELOPE", "FETCH 1:* (ENVELOPE)", 2, 1),
    ("FETCH BODYSTRUCTURE", "FETCH 1:* (BODYSTRUCTURE)", 2, 1),
    ("FETCH header fields", "FETCH 1:* (BODY.PEEK[HEADER.FIELDS (From To Cc Subject Date Message-ID References)])", 2, 1),
    ("FETCH BODY[]", "FETCH 1:* (BODY.PEEK[])", 2, 2),
    ("SEARCH SUBJECT", "SEARCH SUBJECT garden", 2, 1),
    ("SEARCH OR FROM SUBJECT", "SEARCH OR FROM garden SUBJECT garden", 2, 1),
    ("SEARCH TEXT", "SEARCH TEXT zzzznotthere", 2, 2),
)


def read_cold(servers, user):
    """Every reading after the cache was emptied. All servers row by row: what disturbs the machine disturbs both."""
    out = [{} for _ in servers]
    for name, command, _, _ in READS:
        for s, u, r in zip(servers, user, out):
            forget(s, u)
            c = Imap(s, u)
            r.setdefault("open", []).append(c.open())
            r[name] = c.command(command)[0]
            c.close()
    for r in out:
        r["open"] = min(r["open"])
    return out


def read_warm(servers, user):
    out = [{} for _ in servers]
    sessions = [Imap(s, u) for s, u in zip(servers, user)]
    for c, r in zip(sessions, out):
        r["open"] = c.open()
    for name, command, _, _ in READS:
        for c, r in zip(sessions, out):
            r[name] = c.command(command)[0]
    for c in sessions:
        c.close()
    return out


def forget(server, user):
    server.owner_gone(user)
    server.forget_cache(user)


def change_all(server, user, count):
    """What clients change, in milliseconds or messages a second."""
    c = Imap(server, user)
    few = min(1000, count)
    text = message(7, 4096, random.Random(2))
    out = {}
    c.command("SELECT INBOX")
    out["STORE +FLAGS, all"] = count / c.command("STORE 1:* +FLAGS.SILENT (\\Flagged)")[0]
    out["STORE -FLAGS, all"] = count / c.command("STORE 1:* -FLAGS.SILENT (\\Flagged)")[0]
    c.command("CREATE Bench")
    out[f"COPY of {few}"] = few / c.command(f"COPY 1:{few} Bench")[0]
    out["APPEND of 4 KiB, one by one"] = 100 / sum(c.append("Bench", text) for _ in range(100))
    c.command("SELECT Bench")
    c.command("STORE 1:* +FLAGS.SILENT (\\Deleted)")
    out[f"EXPUNGE of {few + 100}"] = (few + 100) / c.command("EXPUNGE")[0]
    c.command("SELECT INBOX")
    c.command("DELETE Bench")
    c.close()
    return out


def reading_rows(servers, table, rounds, count, load):
    user = [s.users()[peers.USERS - 1] for s in servers]
    table.head(f"A mailbox of {count:,} messages of 4 KiB: picked up for the first time")
    first = []
    for s, u in zip(servers, user):
        Imap(s, u).close()  # makes the home
        s.owner_gone(u)
        fill(s, u, count)
        c = Imap(s, u)
        first.append(c.open())
        c.close()
    table.row("LOGIN and SELECT, ms", first, "less", ("ratio", 2))
    for state, read in (("cold", read_cold), ("warm", read_warm)):
        if state == "warm":
            read_warm(servers, user)  # fills the caches
            time.sleep(3)  # and what is written of them later is written
        rounds_of = list(zip(*[read(servers, user) for _ in range(rounds)]))
        table.head(f"Messages a second, {state}")
        table.row("LOGIN and SELECT, ms", [median([x["open"] for x in r]) for r in rounds_of], "less",
                  ("ratio", 2 if state == "cold" else 1), 2)
        for name, _, cold_goal, warm_goal in READS:
            table.row(name, [count / median([x[name] for x in r]) for r in rounds_of], digits=0,
                      goal=("ratio", cold_goal if state == "cold" else warm_goal))
    table.head("Changes, messages a second")
    rounds_of = list(zip(*[[change_all(s, u, count) for s, u in zip(servers, user)] for _ in range(rounds)]))
    for name in rounds_of[0][0]:
        table.row(name, [median([x[name] for x in r]) for r in rounds_of], digits=0, goal=("ratio", 2))
    arrivals(servers, user, table, load, rounds)


def arrivals(servers, user, table, load, rounds):
    """SELECT of the same mailbox after 100 messages have come: logged in meanwhile, and with a new login."""
    table.head("After 100 messages have arrived")
    awake, asleep = [[] for _ in servers], [[] for _ in servers]
    for _ in range(rounds):
        for s, u, a, b in zip(servers, user, awake, asleep):
            c = Imap(s, u)
            c.command("SELECT INBOX")
            c.command("UNSELECT")
            deliver(s, load, 10, 100, 4096, to=[u])
            a.append(c.command("SELECT INBOX")[0] * 1000)
            c.close()
            s.owner_gone(u)
            deliver(s, load, 10, 100, 4096, to=[u])
            c = Imap(s, u)
            b.append(c.open())
            c.close()
    table.row("SELECT, logged in meanwhile, ms", [median(r) for r in awake], "less", ("most", 9.9), 2)
    table.row("LOGIN and SELECT, ms", [median(r) for r in asleep], "less", ("most", 9.9), 2)


