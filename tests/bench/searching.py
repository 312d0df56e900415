#!/usr/bin/env python3
"""Search by JMAP in a large mailbox: the first search, which reads, others while the index is being made, what that takes,
and searches of the index. searching.py [MESSAGES] [BUILD]"""

import os
import pathlib
import random
import signal
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "e2e"))
MESSAGES = int(sys.argv[1]) if len(sys.argv) > 1 else 10000
BUILD = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else "build").resolve()
os.environ.setdefault("GKMAIL_BIN", str(BUILD / "bin"))

from jmapclient import CORE, MAIL, Jmap  # noqa: E402
from suite import make  # noqa: E402

VOCABULARY = 50000


def vocabulary(rng):
    parts = "ba ce di fo gu ha je ki lo mu na pe qui ra se ti vo wa xe yo za con pre ing tion er".split()
    return ["".join(rng.choice(parts) for _ in range(rng.randint(1, 4))) for _ in range(VOCABULARY)]


def fill(maildir, rng):
    """Messages of some 200 words, their frequencies as Zipf has them."""
    words = vocabulary(rng)
    pool = [" ".join(words[int(VOCABULARY ** rng.random()) - 1] for _ in range(12)) for _ in range(20000)]
    for n in range(MESSAGES):
        lines = rng.choices(pool, k=rng.randint(4, 30))
        name, *subject = lines[0].split()[:6]
        data = (f"From: {name.title()} <{name}@example.test>\r\nTo: <alice@example.test>\r\n"
                f"Subject: {' '.join(subject)}\r\nMessage-ID: <{n}@bench.test>\r\n"
                f"Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n\r\n" + "\r\n".join(lines) + f"\r\nitem{n} rare{n % 1000}\r\n")
        data = data.encode()
        path = maildir / "cur" / f"{1700000000 + n * 60}.b{n}.host,S={len(data)}:2,S"
        path.write_bytes(data)
        os.chown(path, os.stat(maildir).st_uid, os.stat(maildir).st_gid)
    return words


class Client(Jmap):
    id = None

    def call(self, name, **args):
        self.id = self.id or self.account
        t = time.monotonic()
        answer = self.api({"using": [CORE, MAIL], "methodCalls": [[name, {"accountId": self.id, **args}, "c"]]}).json()
        t = (time.monotonic() - t) * 1000
        assert answer["methodResponses"][0][0] == name, answer
        return answer["methodResponses"][0][1], t

    def search(self, **filter):
        got, ms = self.call("Email/query", filter=filter, calculateTotal=True, limit=50)
        return got["total"], ms


def main():
    rng = random.Random(1)
    with tempfile.TemporaryDirectory(prefix="gk-searching.", dir="/tmp") as directory:
        os.chmod(directory, 0o755)
        suite = make(directory)
        suite.start()
        try:
            run(suite, rng)
        finally:
            suite.stop()


def cpu(suite):
    return sum(sum(map(int, open(f"/proc/{p}/stat").read().rsplit(")", 1)[1].split()[11:13]))
               for p in suite.owners()) / os.sysconf("SC_CLK_TCK")


def memory(suite):
    return [int(line.split()[1]) // 1024 for p in suite.owners() for line in open(f"/proc/{p}/status")
            if line.startswith("VmRSS")]


def run(suite, rng):
    j = Client(suite)
    j.search()
    for pid in suite.owners():
        os.kill(int(pid), signal.SIGKILL)
    words = fill(suite.maildir(), rng)
    total, ms = j.search()
    assert total == MESSAGES
    print(f"{MESSAGES} messages picked up, first Email/query: {ms:.0f} ms, the next {j.search()[1]:.0f} ms")
    j.call("Mailbox/get", ids=None)  # finds all threads
    began, used, before = time.monotonic(), cpu(suite), memory(suite)
    total, ms = j.search(text="rare7")
    print(f"first search, everything read: {total} found, {ms:.0f} ms")
    plain, texts, last, still = [], [], 0, 0
    while still < 8:
        plain.append(j.call("Mailbox/get", ids=None)[1])
        texts.append(j.search(text=f"rare{len(texts)}")[1] if len(texts) < 5 else 0)
        time.sleep(0.2)
        now = cpu(suite)
        still = still + 1 if now - last < 0.03 else 0
        last = now
    print(f"index made in {time.monotonic() - began - 1.6:.0f} s, {cpu(suite) - used:.1f} s of processor; Mailbox/get meanwhile: "
          f"median {statistics.median(plain):.1f}, longest {max(plain):.0f} ms; searches meanwhile: "
          f"{', '.join(f'{t:.0f}' for t in texts[:5])} ms; memory {before} -> {memory(suite)} MiB")
    db = suite.maildir().parent / "db" / "search.db"
    print(f"{db.stat().st_size / 1e6:.1f} MB of index")
    for name, filter in (("rare word", {"text": "rare8"}), ("one message", {"text": "item77"}),
                         ("common word", {"text": words[0]}), ("prefix of three letters", {"text": "con"}),
                         ("two words", {"text": f"{words[3]} {words[5]} "}), ("phrase", {"body": f'"{words[1]} {words[2]}"'}),
                         ("subject", {"subject": words[30]}), ("nothing", {"text": "nowhere"})):
        total, ms = j.search(**filter)
        print(f"  {name:26} {total:7} found {ms:7.1f} ms")


main()
