"""gk-webd and what it speaks for: the page, JMAP over HTTP and WebSocket, memory of a WebSocket that is open.

nginx stands beside it for files by TLS, in the same run. For JMAP nobody does: the one other server of Debian 12 that
speaks it, Cyrus's httpd (in cyrus-caldav), is not set up here. A suite of its own with users enough that nobody
meets maxConcurrentRequests on its WebSockets; its last user has the mailbox of --mailbox messages, the others none.
"""

import http.client
import json
import re
import resource
import shutil
import socket
import subprocess
import time
from pathlib import Path

import nginx
from gk import GkMail
from imapclient import CONTEXT, Imap
from measure import cpu_seconds, median, memory, system_calls
from reading import fill

USERS = 130
PER_USER = 8  # WebSockets that all ask at once: maxConcurrentRequests
USING = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail", "urn:ietf:params:jmap:websocket"]
# What the page shows of a message in a list.
LIST = ["id", "threadId", "mailboxIds", "keywords", "from", "to", "subject", "receivedAt", "preview", "hasAttachment", "size"]
FLOOR = 50  # WebSocket requests a second that are asked for


class Web:
    """The suite, and who is logged in there."""

    def __init__(self, args, work):
        self.server = GkMail(work / "web", Path(args.build).resolve() / "bin", users=USERS, cheap=True)
        self.server.start()
        self.users = self.server.users()
        self.reader = self.users[-1]
        self.port = self.server.ports["https"]
        self.work = work

    def ask(self, method, path, body=None, token=None):
        c = http.client.HTTPSConnection("localhost", self.port, context=CONTEXT, timeout=120)
        head = {"Content-Type": "application/json"} if body else {}
        head |= {"Authorization": f"Bearer {token}"} if token else {"Origin": f"https://localhost:{self.port}"}
        c.request(method, path, body and json.dumps(body), head)
        r = c.getresponse()
        octets = r.read()
        c.close()
        if r.status not in (200, 204):
            raise RuntimeError(f"{method} {path}: {r.status} {octets!r}")
        return r, octets

    def login(self):
        self.token, self.account = {}, {}
        for u in self.users:
            r, _ = self.ask("POST", "/auth/login", {"user": u, "password": self.server.password(u)})
            self.token[u] = re.match("__Host-gk=([^;]+)", r.headers["Set-Cookie"])[1]
            session = json.loads(self.ask("GET", "/jmap/session", token=self.token[u])[1])
            self.account[u] = session["primaryAccounts"][USING[1]]

    def call(self, user, request):
        return json.loads(self.ask("POST", "/jmap/api", request, self.token[user])[1])["methodResponses"]

    def pid(self):
        status = subprocess.run([self.server.bin / "gkmail", "--dir", self.server.dir, "status", "--json"],
                                stdout=subprocess.PIPE, text=True).stdout
        return next(p["pid"] for p in json.loads(status)["processes"] if p["name"] == "webd")

    def fill(self, count):
        """The reader's mailbox, whose model, list data and index of words are made before anything is timed."""
        Imap(self.server, self.reader).close()
        self.server.owner_gone(self.reader)
        fill(self.server, self.reader, count)
        c = Imap(self.server, self.reader)
        c.open()
        c.close()
        self.inbox = self.call(self.reader, jmap("Mailbox/get", account=self.account[self.reader], ids=None))[0][1]["list"][0]["id"]
        account = self.account[self.reader]
        for at in range(0, count, 500):
            self.call(self.reader, list_view(account, self.inbox, at, 500))
        before = 0
        while (now := cpu_seconds(self.server)) - before > 0.05:
            before = now
            time.sleep(1)
            self.call(self.reader, jmap("Core/echo"))

    def asking(self, request_of, users, kind=None):
        """A file of tokens and requests for the load generator."""
        path = self.work / "asking"
        head = {"@type": "Request", "id": "r"} if kind == "socket" else {}
        path.write_text("".join(f"{self.token[u]}\t{json.dumps(head | request_of(u))}\n" for u in users))
        return path


def jmap(method, account=None, **arguments):
    if account:
        arguments["accountId"] = account
    return {"using": USING, "methodCalls": [[method, arguments, "c"]]}


def list_view(account, mailbox, position=0, limit=50):
    """What a program asks for that shows a mailbox: newest first, 50 of them."""
    query = {"accountId": account, "filter": {"inMailbox": mailbox}, "position": position, "limit": limit, "calculateTotal": True,
             "sort": [{"property": "receivedAt", "isAscending": False}]}
    get = {"accountId": account, "properties": LIST, "#ids": {"resultOf": "q", "name": "Email/query", "path": "/ids"}}
    return {"using": USING, "methodCalls": [["Email/query", query, "q"], ["Email/get", get, "g"]]}


def page_view(account, mailbox):
    """What the page asks for: 50 conversations, and all messages of them."""
    r = list_view(account, mailbox)
    query, get = r["methodCalls"]
    query[1]["collapseThreads"] = True
    threads = {"accountId": account, "#ids": {"resultOf": "t", "name": "Email/get", "path": "/list/*/threadId"}}
    r["methodCalls"] = [
        query, ["Email/get", get[1] | {"properties": ["threadId"]}, "t"], ["Thread/get", threads, "m"],
        ["Email/get", get[1] | {"#ids": {"resultOf": "m", "name": "Thread/get", "path": "/list/*/emailIds"}}, "g"]]
    return r


# ---- running ----

def settled(server):
    """No process comes or goes: one that ends while its CPU is read would count for the run that follows."""
    seen, since = server.pids(), time.monotonic()
    while time.monotonic() - since < 1.5:
        time.sleep(0.1)
        now = server.pids()
        if now != seen:
            seen, since = now, time.monotonic()


def run(server, load, *args):
    """One run of webload, with what it took of the server between the first request and the last answer."""
    settled(server)
    p = subprocess.Popen(["taskset", "-c", str(load.cpu), load.tool.with_name("webload"), *map(str, args)],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if p.stdout.readline() != "ready\n":
        raise RuntimeError("webload")
    cpu = cpu_seconds(server)
    p.stdin.write("\n")
    p.stdin.flush()
    out = json.loads(p.stdout.readline())
    cpu = cpu_seconds(server) - cpu
    p.stdin.close()
    if p.wait() != 0:
        raise RuntimeError(f"{out['failed']} failed")
    return {"rate": out["rate"], "p50": out["p50_us"] / 1000, "p99": out["p99_us"] / 1000, "octets": out["octets_each"],
            "cpu": cpu * 1000 / out["requests"], "load": 100 * out["load_cpu_seconds"] / out["seconds"]}


def h2load(server, load, connections, requests, path):
    """HTTP/2 by nghttp2's generator, ten streams at a time on each connection."""
    cpu, own = cpu_seconds(server), resource.getrusage(resource.RUSAGE_CHILDREN)
    out = subprocess.run(["taskset", "-c", str(load.cpu), "h2load", "-n", str(requests), "-c", str(connections), "-m", "10",
                          f"https://127.0.0.1:{server.ports['https']}{path}"], capture_output=True, text=True, check=True).stdout
    cpu, used = cpu_seconds(server) - cpu, resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds, unit, rate = re.search(r"finished in ([\d.]+)(\w+), ([\d.]+) req/s", out).groups()
    seconds = float(seconds) * {"s": 1, "ms": 1e-3, "us": 1e-6}[unit]
    if f" {requests} 2xx" not in out:
        raise RuntimeError(out)
    own = used.ru_utime + used.ru_stime - own.ru_utime - own.ru_stime
    return {"rate": float(rate), "cpu": cpu * 1000 / requests, "load": 100 * own / seconds}


def rows(table, name, what, results, goal=None):
    def medians(key):
        return [median([x[key] for x in r]) for r in results]
    table.row(name, medians("rate"), digits=0, goal=goal)
    if "p50" in results[0][0]:
        table.row("  p50 ms", medians("p50"), "less", digits=2)
        table.row("  p99 ms", medians("p99"), "less", digits=2)
    table.row(f"  server CPU, ms a {what}", medians("cpu"), "less", digits=3)
    table.row("  load generator, % of its CPU", medians("load"), "less")


def interleaved(servers, rounds, measure):
    results = [[] for _ in servers]
    for _ in range(rounds):
        for s, r in zip(servers, results):
            r.append(measure(s))
    return results


# ---- rows ----

def page_files(web):
    """The page, and the largest of its files, as they come without compression."""
    _, page = web.ask("GET", "/")
    found = {p: web.ask("GET", p)[1] for p in re.findall(r'(?:src|href)="(/[^"]+)"', page.decode())}
    largest = max(found, key=lambda p: len(found[p]))
    return page, largest, {"/": page, largest: found[largest]}


def file_rows(web, load, table, rounds, peer):
    page, largest, files = page_files(web)
    servers = [web.server]
    if peer:
        peer.start(files)
        servers.append(peer)
        print("".join(f"    {line}\n" for line in peer.configuration().splitlines()))
    table.head(f"Files by TLS, requests a second; the page has {len(page):,} octets" + (", the peer is nginx" if peer else ""))
    for name, connections, requests, path, more in (
            ("HTTP/1.1, the page, 1 connection", 1, 5000, "/", ()), ("the page, 20 connections", 20, 20000, "/", ()),
            (f"a file of {len(files[largest]):,} octets, 20 connections", 20, 3000, largest, ()),
            ("the page, a new connection each, 20 at a time", 20, 1500, "/", ("-1",))):
        rows(table, name, "request", interleaved(servers, rounds, lambda s: run(
            s, load, "-p", s.ports["https"], "-s", connections, "-m", requests, "-g", path, *more)))
    if shutil.which("h2load"):
        for connections, requests in ((1, 10000), (20, 20000)):
            name = f"HTTP/2, the page, {connections} connection{'s' * (connections > 1)}, 10 streams each"
            rows(table, name, "request", interleaved(servers, rounds, lambda s: h2load(s, load, connections, requests, "/")))
    if peer:
        peer.stop()


def requests_of(web):
    account = web.account[web.reader]
    return {"Core/echo": lambda u: jmap("Core/echo", hello="world"), "list": lambda u: list_view(account, web.inbox),
            "page": lambda u: page_view(account, web.inbox)}


# Of one user: name, request, what the answer holds, connections, requests.
JMAP = (
    ("Core/echo, 1 connection", "Core/echo", '"Core/echo"', 1, 3000),
    ("Core/echo, 20 connections", "Core/echo", '"Core/echo"', 20, 8000),
    ("a list of 50 messages, 1 connection", "list", '"Email/get"', 1, 500),
    ("a list of 50 messages, 20 connections", "list", '"Email/get"', 20, 1000),
    ("the page's list of 50 conversations, 1 connection", "page", '"Thread/get"', 1, 500),
)


def jmap_rows(web, load, table, rounds, count):
    table.head(f"JMAP over HTTP/1.1, requests a second, one user with {count:,} messages (no peer)")
    for name, kind, expect, connections, requests in JMAP:
        asking = web.asking(requests_of(web)[kind], [web.reader])
        results = interleaved([web.server], rounds, lambda s: run(s, load, "-p", web.port, "-s", connections, "-m", requests,
                                                                  "-a", asking, "-e", expect))
        rows(table, name, "request", results)
        table.row("  octets of an answer", [median([x["octets"] for x in results[0]])], "less", digits=0)


# Name, request, expected, connections, messages, a second (0: as they come).
SOCKETS = (
    ("Core/echo, 1 connection", "Core/echo", '"Core/echo"', 1, 5000, 0),
    ("Core/echo, 100 connections", "Core/echo", '"Core/echo"', 100, 20000, 0),
    ("Core/echo, 1,000 connections", "Core/echo", '"Core/echo"', 1000, 20000, 0),
    ("Core/echo, 1,000 connections, 1,000 a second asked", "Core/echo", '"Core/echo"', 1000, 5000, 1000),
    ("a list of 50 messages, 1 connection", "list", '"Email/get"', 1, 500, 0),
    (f"a list of 50 messages, {PER_USER} connections", "list", '"Email/get"', PER_USER, 1000, 0),
)


def socket_rows(web, load, table, rounds):
    table.head(f"JMAP over WebSocket, messages a second; Core/echo of up to {USERS} users, lists of the one")
    for name, kind, expect, connections, messages, rate in SOCKETS:
        users = [web.reader] if kind == "list" else web.users
        asking = web.asking(requests_of(web)[kind], users, "socket")
        more = ("-r", rate) if rate else ()
        results = interleaved([web.server], rounds, lambda s: run(s, load, "-w", "-p", web.port, "-s", connections, "-m",
                                                                  messages, "-a", asking, "-e", expect, *more))
        rows(table, name, "message", results, ("least", FLOOR))


def call_rows(web, load, table, work):
    """In runs of their own: a traced server is slow."""
    table.head(f"System calls of all processes for each (strace, {PER_USER} connections)")
    for name, kind, requests, socketed in (("the page, HTTP/1.1", None, 1000, False), ("Core/echo, HTTP/1.1", "Core/echo", 1000, False),
                                           ("a list of 50, HTTP/1.1", "list", 300, False),
                                           ("Core/echo, WebSocket", "Core/echo", 1000, True), ("a list of 50, WebSocket", "list", 300, True)):
        what = ["-g", "/"]
        if kind:
            what = ["-a", web.asking(requests_of(web)[kind], [web.reader], "socket" if socketed else None)]
        what += ["-w"] if socketed else []
        traced = system_calls(web.server, work, lambda: run(web.server, load, "-p", web.port, "-s", PER_USER, "-m", requests, *what))
        if traced is None:
            table.head("(no strace)")
            return
        table.row(name, [traced[0] / (requests + PER_USER)], "less")
        most = sorted(traced[2].items(), key=lambda x: -x[1])[:6]
        print("    " + ", ".join(f"{n / (requests + PER_USER):.2f} {k}" for k, n in most))


# ---- waiting ----

class Socket:
    """One WebSocket of a program that listens."""

    def __init__(self, web, user):
        s = socket.create_connection(("127.0.0.1", web.port), timeout=120)
        self.s = CONTEXT.wrap_socket(s, server_hostname="localhost")
        self.s.sendall((f"GET /jmap/ws HTTP/1.1\r\nHost: localhost:{web.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                        f"Sec-WebSocket-Protocol: jmap\r\nAuthorization: Bearer {web.token[user]}\r\n\r\n").encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.s.recv(4096)
        if b" 101 " not in head[:20]:
            raise RuntimeError(head)

    def say(self, message):
        octets = json.dumps(message).encode()
        n = len(octets)
        size = bytes([0x80 | n]) if n < 126 else b"\xfe" + n.to_bytes(2, "big")
        self.s.sendall(b"\x81" + size + bytes(4) + octets)

    def echo(self):
        self.say({"@type": "Request", "id": "r"} | jmap("Core/echo"))

    def hear(self, what):
        """A StateChange may stand before it."""
        seen = b""
        while what not in seen:
            more = self.s.recv(65536)
            if not more:
                raise RuntimeError("closed")
            seen += more


def wait_until(what, condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    raise RuntimeError(f"waited too long for {what}")


def watches(web):
    return web.server.metrics()["gkmail_web_watches_active"]


def memory_rows(web, table, connections):
    """The first rows on this suite: memory that others have left would be used again."""
    connections = min(connections, USERS * PER_USER)
    pid = web.pid()
    time.sleep(5)  # kept pipes and owners of the logins leave
    idle = memory([pid]), memory(web.server.pids())
    sockets = [Socket(web, web.users[i % USERS]) for i in range(connections)]
    for s in sockets:
        s.say({"@type": "WebSocketPushEnable", "dataTypes": None})
    for s in sockets:
        s.echo()
    for s in sockets:
        s.hear(b'"Core/echo"')
    table.head(f"KiB of memory (PSS) each, {connections} WebSockets of {min(USERS, connections)} users with push")
    opened = memory([pid]), memory(web.server.pids())
    table.row("open, with an owner process: gk-webd", [(opened[0] - idle[0]) / connections], "less")
    table.row("  all processes, the owners' among them", [(opened[1] - idle[1]) / connections], "less")
    wait_until("the sockets to be watches", lambda: watches(web) == connections)
    for u in web.users:
        web.server.owner_gone(u)
    parked = memory([pid]), memory(web.server.pids())
    table.row("idle, a watch without an owner: gk-webd", [(parked[0] - idle[0]) / connections], "less")
    table.row("  all processes", [(parked[1] - idle[1]) / connections], "less")
    for s in sockets:
        s.s.close()


def web_rows(args, load, table, work):
    web = Web(args, work)
    try:
        web.login()
        memory_rows(web, table, args.idle)
        web.fill(args.mailbox)
        peer = None
        if nginx.available() and not args.alone:
            peer = nginx.Nginx(work / "nginx")
        file_rows(web, load, table, args.rounds, peer)
        jmap_rows(web, load, table, args.rounds, args.mailbox)
        socket_rows(web, load, table, args.rounds)
        call_rows(web, load, table, work)
    finally:
        web.server.stop()
