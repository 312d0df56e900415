"""gk-mcpd: calls of tools by HTTP, and what a model pays for typical tasks (a token is four octets here).

A suite of its own; the last user has the mailbox of --mailbox messages. An agent for each client: an agent's own rate
is 6,000 calls a minute at most, all of which it may make at once.
"""

import http.client
import json
import subprocess
import threading
import time
from pathlib import Path

from gk import GkMail
from imapclient import CONTEXT
from measure import cpu_seconds, median, memory, percentile
from reading import fill

CLIENTS = 8
CALLS = 400  # of each in a round
META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}


class Agent:
    def __init__(self, server, user, name):
        out = subprocess.run([server.bin / "gkmail", "--dir", server.dir, "--json", "agent", "add", user, name, "--rate", "6000",
                              "--scopes", "mail:read,mail:organize,mail:draft,mail:send"], stdout=subprocess.PIPE, check=True)
        self.token = json.loads(out.stdout)["token"]
        self.c = http.client.HTTPSConnection("localhost", server.ports["https"], context=CONTEXT, timeout=120)

    def ask(self, method, params=None, name=None):
        """The octets of the answer."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": {**(params or {}), "_meta": META}})
        head = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json",
                "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method}
        if name:
            head["Mcp-Name"] = name
        self.c.request("POST", "/mcp", body, head)
        r = self.c.getresponse()
        octets = r.read()
        if r.status != 200 or b'"isError":true' in octets or b'"error":' in octets[:40]:
            raise RuntimeError(f"{method} {name}: {r.status} {octets[:300]!r}")
        return octets

    def call(self, tool, **arguments):
        return self.ask("tools/call", {"name": tool, "arguments": arguments}, tool)


def pid_of(server):
    out = subprocess.run([server.bin / "gkmail", "--dir", server.dir, "--json", "status"], stdout=subprocess.PIPE, check=True)
    return next(p["pid"] for p in json.loads(out.stdout)["processes"] if p["name"] == "mcpd")


def result(octets):
    return json.loads(octets)["result"]


def text_tokens(octets):
    """Of what a model reads: the text."""
    return sum(len(p.get("text", "").encode()) for p in result(octets)["content"]) / 4


def timed(agent, tool, times, **arguments):
    took = []
    for _ in range(times):
        began = time.perf_counter()
        agent.call(tool, **arguments)
        took.append((time.perf_counter() - began) * 1000)
    return took


def together(agents, tool, *each, **arguments):
    """Calls a second of all of them. each: the arguments of one each."""
    threads = [threading.Thread(target=timed, args=(a, tool, CALLS), kwargs=each[i] if each else arguments)
               for i, a in enumerate(agents)]
    began = time.perf_counter()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return len(agents) * CALLS / (time.perf_counter() - began)


def mcp_rows(args, table, work):
    server = GkMail(work / "mcp", Path(args.build).resolve() / "bin", users=CLIENTS).start()
    try:
        users = server.users()
        reader = Agent(server, users[-1], "reader")
        reader.call("list_mailboxes")  # makes the home
        fill(server, users[-1], args.mailbox)
        while result(reader.call("list_mailboxes"))["structuredContent"]["mailboxes"][0]["total"] < args.mailbox:
            time.sleep(0.5)
        message = result(reader.call("search", query="garden", limit=1))["structuredContent"]["messages"][0]["id"]
        agents = [Agent(server, u, "bench") for u in users]
        for a in agents:
            a.call("list_mailboxes")
        table.head(f"agents by MCP over HTTP ({CLIENTS} clients at once, then one; a mailbox of {args.mailbox:,} messages)")
        before, rates = cpu_seconds(server), []
        for _ in range(min(args.rounds, 3)):
            rates.append(together(agents, "list_mailboxes"))
        spent = cpu_seconds(server) - before
        table.row("calls of list_mailboxes a second", [median(rates)], goal=("least", 200), digits=0)
        table.row("CPU of all daemons for one, ms", [spent * 1000 / (len(rates) * CLIENTS * CALLS)], better="less", digits=2)
        # What changes something waits for its record to be durable.
        drafts = [{"messages": [result(a.call("create_draft", body="x"))["structuredContent"]["draft"]], "flagged": True}
                  for a in agents]
        rates = [together(agents, "flag", *drafts) for _ in range(min(args.rounds, 3))]
        table.row("calls of flag a second", [median(rates)], digits=0)
        for tool, arguments in (("list_mailboxes", {}), ("flag", {"messages": [message], "flagged": True}), ("list_threads", {"limit": 50}), ("search", {"query": "garden", "limit": 20}),
                                ("read_message", {"message": message})):
            took = timed(reader, tool, 200, **arguments)
            table.row(f"{tool}, ms, median", [median(took)], better="less", digits=2)
            table.row(f"{tool}, ms, 99 of 100", [percentile(took, 99)], better="less", goal=("most", 250), digits=2)
        table.row("gk-mcpd, MiB", [memory([pid_of(server)]) / 1024], better="less")
        table.head("tokens that a model reads")
        table.row("tools/list, all tools", [len(reader.ask("tools/list")) / 4], better="less", digits=0)
        table.row("50 conversations listed", [text_tokens(reader.call("list_threads", limit=50))], better="less",
                  goal=("most", 4000), digits=0)
        table.row("20 messages found", [text_tokens(reader.call("search", query="garden", limit=20))], better="less", digits=0)
        table.row("one message of 4 KiB read", [text_tokens(reader.call("read_message", message=message))], better="less", digits=0)
    finally:
        server.stop()
