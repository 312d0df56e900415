"""The official TypeScript clients of MCP (clients.mjs): of @modelcontextprotocol/sdk, as most programs have it, and of its
successor @modelcontextprotocol/client in both eras of the protocol."""

import subprocess
from email.message import EmailMessage

import pytest
from conftest import HERE
from mcpclient import token_of
from suite import make, wait_for

# Each with a mailbox of its own: an agent may call so often a minute.
CLIENTS = {"sdk": "alice", "client-2025": "carol", "client-2026": "user4", "client-auto": "user5"}


@pytest.fixture(scope="module")
def suite(workdir):
    s = make(workdir, "--users", "5").start()
    yield s
    assert s.stop() == 0


@pytest.fixture(scope="module")
def mail(suite):
    """Mail to read, and more mailboxes than resources/list tells at a time."""
    bob = suite.user("bob")["address"]
    users = list(CLIENTS.values())
    for i in range(3):
        m = EmailMessage()
        m["From"], m["To"], m["Subject"] = bob, ", ".join(suite.user(u)["address"] for u in users), f"zebra {i}"
        m.set_content("It is striped.\n")
        m.add_attachment("attached\n", filename="note.txt")
        with suite.smtp("bob") as c:
            c.send_message(m)
    for u in users:
        with suite.imap(u) as c:
            for i in range(100):
                assert c.create(f"Box{i}")[0] == "OK"
        wait_for(lambda: len(suite.inbox(u)) == 3, what="the mail")


@pytest.mark.parametrize("how", ["http", "stdio"])
@pytest.mark.parametrize("client", CLIENTS)
def test_client(suite, mail, node, client, how):
    user = CLIENTS[client]
    env = suite.env | {
        "URL": f"https://localhost:{suite.port('https')}/mcp", "TOKEN": token_of(suite, user, name=f"{client}-{how}"),
        "NODE_EXTRA_CA_CERTS": suite.info["ca"], "GKMAIL": str(suite.bin / "gkmail"), "DIR": str(suite.dir),
        "USER_": suite.user(user)["address"], "TO": suite.user("bob")["address"]}
    r = subprocess.run([node, HERE / "clients.mjs", client, how], env=env, capture_output=True, text=True, timeout=120)
    assert r.returncode == 0, r.stdout[-500:] + r.stderr[-3000:]
