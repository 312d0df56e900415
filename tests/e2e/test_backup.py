"""gkmail backup and restore: what was acknowledged is in a snapshot, nothing damaged is restored, nothing is lost by
an end at any moment (docs/adr, "backups")."""

import email
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import threading
import time

import pytest

from suite import wait_for


def ctl(s, *arguments, check=True):
    return json.loads(s.ctl("--json", *arguments, check=check).stdout)


def subjects(s, name, mailbox="INBOX"):
    with s.imap(name) as c:
        c.select(mailbox, readonly=True)
        _, answer = c.uid("FETCH", "1:*", "(UID FLAGS INTERNALDATE BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        found = {}
        for part in answer:
            if not isinstance(part, tuple):
                continue
            head = part[0].decode()
            subject = email.message_from_bytes(part[1])["Subject"]
            assert subject not in found, f"{subject} twice"
            flags = set(re.search(r"FLAGS \(([^)]*)\)", head)[1].split()) - {"\\Recent"}
            found[subject] = (flags, re.search(r'INTERNALDATE "([^"]*)"', head)[1], int(re.search(r"UID (\d+)", head)[1]))
        return found


class Senders:
    """Threads that submit, and one that flags, until told to stop; what was acknowledged when."""

    def __init__(self, s):
        self.s, self.acknowledged, self.lock, self.ends = s, [], threading.Lock(), threading.Event()
        self.threads = [threading.Thread(target=self.send, args=(n,)) for n in range(3)]
        self.threads.append(threading.Thread(target=self.flag))

    def send(self, n):
        user, to = self.s.user("bob")["address"], self.s.user("alice")["address"]
        k = 0
        while not self.ends.is_set():
            with self.s.smtp("bob") as c:
                for _ in range(20):
                    # Each tenth is a large one, which has a file of its own while it waits.
                    body = "x" * 70 + "\r\n"
                    body *= 5000 if k % 10 == 9 else 10
                    c.sendmail(user, [to], f"From: {user}\r\nTo: {to}\r\nSubject: n{n}-{k}\r\n\r\n{body}".encode())
                    with self.lock:
                        self.acknowledged.append(f"n{n}-{k}")
                    k += 1
                    if self.ends.is_set():
                        break

    def flag(self):
        while not self.ends.is_set():
            with self.s.imap("alice") as c:
                c.select("INBOX")
                for _ in range(20):
                    c.uid("STORE", "1:*", "+FLAGS", "(\\Seen $busy)")
                    c.uid("STORE", "1:*", "-FLAGS", "(\\Seen $busy)")
                    c.noop()

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def so_far(self):
        with self.lock:
            return list(self.acknowledged)

    def __exit__(self, *_):
        self.ends.set()
        for t in self.threads:
            t.join()


def end_restore_when_begun(s):
    """The power goes, for gkmail restore, while it writes. One that came to its end before that is undone and tried again."""
    for _ in range(20):
        p = subprocess.Popen([str(s.bin / "gkmail"), "--dir", str(s.dir), "restore"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while p.poll() is None and not (s.dir / "data/.restoring").exists():
            pass
        p.kill()
        said = p.communicate()
        if (s.dir / "data/.restoring").exists():
            return
        shutil.rmtree(s.dir / "data", ignore_errors=True)
    raise AssertionError(f"no restore was ended before its end: {said}")


def test_under_load_and_back(fresh_suite):
    s = fresh_suite()
    with s.imap("alice") as c:
        c.create("Kept/There")
        for n in range(3):
            c.append("Kept/There", "(\\Flagged $important)", '"01-Feb-2020 10:00:00 +0000"',
                     f"Subject: kept {n}\r\n\r\nkept\r\n".encode())
    with Senders(s) as at_work:
        wait_for(lambda: len(at_work.so_far()) > 60)
        before = at_work.so_far()
        taken = ctl(s, "backup")
        assert len(at_work.so_far()) > len(before), "nobody was at work meanwhile"
    assert ctl(s, "backup", "verify")["damaged"] == 0
    with s.imap("alice") as c:
        c.select("INBOX")
        told = max(v[2] for v in subjects(s, "alice").values())
        validity = c.response("UIDVALIDITY")[1]
    kept = subjects(s, "alice", "Kept/There")
    s.stop()

    shutil.move(s.dir / "data", s.dir / "lost")
    end_restore_when_begun(s)
    with pytest.raises(AssertionError, match="78"):
        s.start()
    s.info = None
    s.kill()
    assert "has not come to its end" in s.errors()
    assert ctl(s, "restore", "--at", taken["snapshot"])["snapshot"] == taken["snapshot"]
    s.start()
    wait_for(lambda: set(before) <= set(subjects(s, "alice")), 60)
    assert subjects(s, "alice", "Kept/There") == kept
    # No number that a client was told of since the snapshot is ever used for another message.
    with s.imap("alice") as c:
        c.append("INBOX", None, None, b"Subject: afterwards\r\n\r\nnew\r\n")
        c.select("INBOX")
        assert c.response("UIDVALIDITY")[1] == validity
    assert subjects(s, "alice")["afterwards"][2] > told
    # What had been delivered is not delivered again, and all of it agrees.
    assert not re.search(r" (warn|error) .*(queue|store|local)\.", s.log().split("master.start")[-1])
    assert s.ctl("mailbox", "check", s.user("alice")["address"]).returncode == 0
    s.ctl("prove", s.user("alice")["address"], input=s.user("alice")["password"] + "\n")


def fill(s, count, size, name="bob", to="carol", start=0):
    user, address = s.user(name)["address"], s.user(to)["address"]
    with s.smtp(name) as c:
        for n in range(start, start + count):
            noise = os.urandom(size // 2).hex()
            body = "\r\n".join(noise[i:i + 76] for i in range(0, len(noise), 76))
            c.sendmail(user, [address], f"From: {user}\r\nMessage-ID: <m{n}@x.test>\r\nSubject: m{n}\r\n\r\n{body}\r\n".encode())
    wait_for(lambda: len(s.inbox(to)) >= start + count)


@pytest.fixture(scope="module")
def kept(workdir):
    """A suite with mail in it, and a first snapshot."""
    from conftest import make
    s = make(workdir).start()
    fill(s, 20, 50000)
    with s.imap("carol") as c:
        c.select("INBOX")
        c.uid("STORE", "3:5", "+FLAGS", "(\\Answered $todo)")
        c.create("Work")
        c.uid("COPY", "1:4", "Work")
    s.first = ctl(s, "backup")
    yield s
    s.stop()


def files(s, taken):
    """path -> digest and size of a snapshot's files: its text is for plain tools, too."""
    out = {}
    for line in (s.dir / f"backup/snapshots/{taken['snapshot']}.manifest").read_text().splitlines():
        if line.startswith("f "):
            _, digest, size, _, _, _, _, path = line.split(" ", 7)
            out[path] = digest, int(size)
    return out


def test_incremental_copies_what_is_new(kept):
    s = kept
    assert s.first["new_octets"] > 20 * 50000
    again = ctl(s, "backup")
    known = {digest for digest, _ in files(s, s.first).values()}
    # What is written to (the journal, databases, keys of the DNS) may be new: nothing of the mail.
    assert not [path for path, (digest, _) in files(s, again).items() if digest not in known and "/Maildir/" in path]
    fill(s, 2, 50000, start=20)
    more = ctl(s, "backup")
    known |= {digest for digest, _ in files(s, again).values()}
    new = {path: (digest, size) for path, (digest, size) in files(s, more).items() if digest not in known}
    assert len([path for path in new if "/Maildir/" in path]) == 2
    assert more["new_octets"] <= sum(dict(new.values()).values()), "counted is what was written"
    assert more["octets"] > 22 * 50000
    modes = {oct(p.stat().st_mode & 0o777) for p in (s.dir / "backup").rglob("*")}
    assert modes <= {"0o600", "0o700"}


def objects(s):
    return sorted(p for p in (s.dir / "backup/objects").glob("*/*"))


def flip(path, at):
    octets = bytearray(path.read_bytes())
    octets[at % len(octets)] ^= 1 << (at % 8)
    path.write_bytes(octets)


def test_a_flipped_bit_is_found(kept):
    s = kept
    last = ctl(s, "backup")["snapshot"]
    manifest = s.dir / "backup/snapshots" / f"{last}.manifest"
    named = {line.split()[1] for line in manifest.read_text().splitlines() if line.startswith("f ")}
    mine = [p for p in objects(s) if p.parent.name + p.name in named and p.stat().st_size > 0]
    # One of each size of file is enough: messages, databases, keys, the journal.
    some = {p.stat().st_size // 20000: p for p in mine}
    for at, path in enumerate([*some.values(), manifest]):
        octets = path.read_bytes()
        flip(path, 7919 * (at + 1))
        r = s.ctl("backup", "verify", last, check=False)
        assert r.returncode == 1 and "damaged" in r.stdout + r.stderr, path
        path.write_bytes(octets)
    flip(mine[0], 0)
    path = mine[0]
    try:
        assert s.ctl("backup", "verify", check=False).returncode == 1
        into = s.dir / "elsewhere"
        config = s.dir / "elsewhere.toml"
        config.write_text((s.dir / "gkmail.toml").read_text().replace(str(s.dir / "data"), str(into))
                          .replace(str(s.dir / "run"), str(s.dir / "norun")))
        r = subprocess.run([str(s.bin / "gkmail"), "--config", str(config), "restore", "--from", str(s.dir / "backup")],
                           capture_output=True, text=True)
        assert r.returncode == 1 and "nothing was restored" in r.stderr
        assert not into.exists()
    finally:
        flip(path, 0)
    assert s.ctl("backup", "verify", "--all").returncode == 0


def test_killed_at_any_time(kept):
    s = kept
    command = [str(s.bin / "gkmail"), "--dir", str(s.dir), "backup", "--to", str(s.dir / "killed")]
    began = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    whole = time.monotonic() - began
    for n in range(12):
        if n % 4 == 0:
            for part in ("objects", "snapshots"):  # so that there is something to write
                shutil.rmtree(s.dir / "killed" / part, ignore_errors=True)  # those before may not have come that far
        p = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(whole * n / 12)
        p.kill()
        p.communicate()
        listed = ctl(s, "backup", "list", "--from", str(s.dir / "killed"), check=False)
        if isinstance(listed, list) and listed:
            assert s.ctl("backup", "verify", "--all", "--from", str(s.dir / "killed")).returncode == 0
    subprocess.run(command, check=True, capture_output=True)
    assert s.ctl("backup", "verify", "--all", "--from", str(s.dir / "killed")).returncode == 0
    # The queue goes on to let go of segments: whoever asked it to wait has ended.
    s.ctl("queue", "list")


def test_prune_keeps_what_stays(kept):
    s = kept
    for _ in range(3):
        fill(s, 1, 3000, start=len(s.inbox("carol")))
        ctl(s, "backup")
    n = len(objects(s))
    done = ctl(s, "backup", "prune", "--keep", "1")
    assert done["snapshots"] >= 3 and done["files"] > 0
    assert len(objects(s)) == n - done["files"]
    assert len(ctl(s, "backup", "list")) == 1
    assert s.ctl("backup", "verify", "--all").returncode == 0
    assert s.ctl("backup", "prune", check=False).returncode == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
def test_full_target(kept):
    s = kept
    target = s.dir / "small"
    target.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(target)], check=True)
    try:
        first = ctl(s, "backup", "--to", str(target))
        fill(s, 12, 800000, to="alice")
        r = s.ctl("backup", "--to", str(target), check=False)
        assert r.returncode == 75 and "space" in r.stderr, r
        assert [x["snapshot"] for x in ctl(s, "backup", "list", "--from", str(target))] == [first["snapshot"]]
        assert s.ctl("backup", "verify", "--from", str(target)).returncode == 0
        # And with room again it goes on.
        subprocess.run(["mount", "-o", "remount,size=60m", str(target)], check=True)
        ctl(s, "backup", "--to", str(target))
        assert s.ctl("backup", "verify", "--all", "--from", str(target)).returncode == 0
    finally:
        subprocess.run(["umount", str(target)], check=True)


def test_a_mailbox_and_a_message(kept):
    s = kept
    user = s.user("carol")["address"]
    ctl(s, "backup")
    inbox, work = subjects(s, "carol"), subjects(s, "carol", "Work")
    assert ctl(s, "restore", "--user", user)["restored"] == 0
    with s.imap("carol") as c:
        c.delete("Work")
        c.select("INBOX")
        c.uid("STORE", "3,4,7", "+FLAGS", "\\Deleted")
        c.expunge()
        # A session that looks on sees them come back.
        gone = set(inbox) - set(subjects(s, "carol"))
        assert len(gone) == 3
        assert ctl(s, "restore", "--user", user, "--mailbox", "INBOX", "--message", "7")["restored"] == 1
        assert ctl(s, "restore", "--user", user, "--message", "<m3@x.test>")["restored"] >= 1
        assert ctl(s, "restore", "--user", user, "--mailbox", "Work") == {"restored": 3, "there": 1, "missing": 0}
        assert ctl(s, "restore", "--user", user, "--mailbox", "inbox")["restored"] == 1
        c.noop()
        assert c.select("INBOX")[1] == [str(len(inbox)).encode()]
    now, there = subjects(s, "carol"), subjects(s, "carol", "Work")
    assert {k: v[:2] for k, v in now.items()} == {k: v[:2] for k, v in inbox.items()}
    assert {k: v[:2] for k, v in there.items()} == {k: v[:2] for k, v in work.items()}
    assert min(now[k][2] for k in gone) > max(v[2] for v in inbox.values())  # new ones
    assert ctl(s, "restore", "--user", user, "--mailbox", "Work", "--to-mailbox", "Restored/Work")["restored"] == 4
    assert set(subjects(s, "carol", "Restored/Work")) == set(work)
    r = s.ctl("restore", "--user", user, "--mailbox", "Nothing", check=False)
    assert r.returncode == 1 and "nothing of that" in r.stderr
    assert s.ctl("restore", "--user", "nobody@example.test", check=False).returncode == 1


def test_status_tells_the_last_one(kept):
    s = kept
    last = ctl(s, "backup")["snapshot"]
    told = s.status()["last_backup"]
    assert told["snapshot"] == last and told["age"] < 600
    assert f"last backup: {last}, 0 h ago" in s.ctl("status", check=False).stdout


def test_one_user_alone(kept):
    s = kept
    to = str(s.dir / "one")
    taken = ctl(s, "backup", "--user", s.user("carol")["address"], "--to", to)
    assert taken["homes"] == 1
    text = (s.dir / "one/snapshots" / f"{taken['snapshot']}.manifest").read_text()
    assert "/carol/" in text and "/alice/" not in text and "accounts.db" not in text
    assert ctl(s, "restore", "--from", to, "--user", s.user("carol")["address"])["restored"] == 0
    r = s.ctl("restore", "--from", to, check=False)
    assert r.returncode == 1
    r = s.ctl("backup", "--user", "nobody@example.test", "--to", to, check=False)
    assert r.returncode == 1 and "no mail" in r.stderr


def test_links_are_not_followed(kept):
    """Homes belong to processes that may be captured: nothing outside comes into a snapshot by them."""
    s = kept
    secret = s.dir / "secret"
    secret.write_text("do not copy")
    for place in (s.maildir("carol") / "cur/1600000000.aaaaaaaaaaaaaaaaaaaa.x,S=11", s.maildir("carol").parent / "db/extra"):
        place.symlink_to(secret)
    (s.maildir("carol") / ".Linked").symlink_to(s.dir)
    taken = ctl(s, "backup", "--to", str(s.dir / "linked"))
    text = (s.dir / "linked/snapshots" / f"{taken['snapshot']}.manifest").read_text()
    assert "db/extra" not in text and "Linked" not in text and "aaaaaaaaaaaaaaaaaaaa" not in text
    for place in (s.maildir("carol") / "cur").glob("*aaaaaaaaaaaaaaaaaaaa*"):
        place.unlink()
    (s.maildir("carol").parent / "db/extra").unlink()
    (s.maildir("carol") / ".Linked").unlink()


def test_a_copy_on_a_medium_is_enough(kept):
    """A copy of the folder is read without anything being written to it, and without what is empty in it."""
    s = kept
    taken = ctl(s, "backup")
    copy = s.dir / "copied"
    shutil.copytree(s.dir / "backup", copy, ignore=shutil.ignore_patterns("lock", "tmp"))
    before = sorted(copy.rglob("*"))
    assert ctl(s, "backup", "list", "--from", str(copy))[-1]["snapshot"] == taken["snapshot"]
    assert ctl(s, "backup", "verify", "--from", str(copy))["damaged"] == 0
    assert ctl(s, "restore", "--from", str(copy), "--user", s.user("carol")["address"])["restored"] == 0
    assert sorted(copy.rglob("*")) == before


def test_what_the_configuration_names(kept):
    """Also beside data_dir, under a name that begins as its own."""
    s = kept
    conf = s.dir / "gkmail.toml"
    before = conf.read_text()
    named = [s.dir / name for name in ("data-authorities.pem", "relay.pem", "relay.password", "eab")]
    for path in named:
        path.write_text("x\n")
    try:
        conf.write_text(before + f"\n[remote]\nca_file = '{named[0]}'\n[acme]\neab_kid = 'k'\neab_key_file = '{named[3]}'\n"
                        f"[[route]]\ndomain = 'away.test'\nhost = 'away.test'\nuser = 'u'\ntls = 'required'\n"
                        f"password_file = '{named[2]}'\nca_file = '{named[1]}'\n")
        found = files(s, ctl(s, "backup"))
        assert {f"config{path}" for path in named} <= set(found)
        # What is the system's stays with it.
        assert not any(path.startswith("config/etc/ssl") for path in found)
    finally:
        conf.write_text(before)


def test_an_end_leaves_no_half_configuration(kept):
    """Killed while it is written, it is written by the next try: what is there would stay."""
    s = kept
    ctl(s, "backup")
    into, conf = s.dir / "again/data", s.dir / "gkmail.toml"
    text = conf.read_text()
    command = [str(s.bin / "gkmail"), "--config", str(conf), "restore", "--from", str(s.dir / "backup")]
    moved = s.dir / "gkmail.toml.moved"
    conf.rename(moved)
    s.stop()
    shutil.move(s.dir / "data", s.dir / "before")
    try:
        r = subprocess.run(command, capture_output=True, text=True,
                           preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)))
        assert r.returncode != 0
        assert not conf.exists()
        r = subprocess.run(command, capture_output=True, text=True)
        assert r.returncode == 0, r
        assert conf.read_text() == text
        assert not into.exists()
    finally:
        s.start()


def test_the_last_is_the_last(kept):
    """Whatever the clock says: what is taken now is behind all that was taken."""
    s = kept
    to = str(s.dir / "clock")
    first = ctl(s, "backup", "--to", to)["snapshot"]
    snapshots = s.dir / "clock/snapshots"
    (snapshots / f"{first}.manifest").rename(snapshots / "29991231T235959Z.manifest")
    last = ctl(s, "backup", "--to", to)
    assert last["snapshot"] == "30000101T000000Z" and last["new_files"] < last["files"]
    assert [x["snapshot"] for x in ctl(s, "backup", "list", "--from", to)][-1] == last["snapshot"]


def test_one_user_is_not_counted_as_all(kept):
    s = kept
    to, user = str(s.dir / "counted"), s.user("carol")["address"]
    whole = [ctl(s, "backup", "--to", to)["snapshot"] for _ in range(2)]
    one = [ctl(s, "backup", "--to", to, "--user", user)["snapshot"] for _ in range(2)]
    assert ctl(s, "backup", "prune", "--from", to, "--keep", "1")["snapshots"] == 1
    assert [x["snapshot"] for x in ctl(s, "backup", "list", "--from", to)] == [whole[1], *one]
    # Nor is it what the next of all is held against.
    again = ctl(s, "backup", "--to", to)
    assert again["new_files"] < again["files"] / 2, again


def test_started_meanwhile(kept):
    """What lay still when it began is written to when it ends: that is no snapshot."""
    s = kept
    to = s.dir / "meanwhile"
    s.stop()
    large = s.dir / "data/large"
    with large.open("wb") as f:
        f.truncate(2 << 30)
    p = subprocess.Popen([str(s.bin / "gkmail"), "--dir", str(s.dir), "backup", "--to", str(to)], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: p.poll() is not None or any(x.stat().st_size > 1 << 20 for x in to.glob("tmp/*")))
        p.send_signal(signal.SIGSTOP)
        large.write_bytes(b"")  # no need for the rest of it
        s.start()
    finally:
        p.send_signal(signal.SIGCONT)
        said = p.communicate()
        large.unlink()
    assert p.returncode == 75 and "started meanwhile" in said[1], said
    assert ctl(s, "backup", "list", "--from", str(to)) == []
