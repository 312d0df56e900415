"""gkmail prove: a line for each capability that the running server advertises, and each does what it promises."""

import json
import re

from conftest import make


def proven(suite, user="alice", password=None, check=True):
    u = suite.user(user)
    r = suite.ctl("--json", "prove", u["address"], input=(password or u["password"]) + "\n", check=check)
    return r.returncode, json.loads(r.stdout)


def test_all_that_is_advertised(suite):
    code, lines = proven(suite, check=False)
    assert code == 0, [x for x in lines if not x["ok"]]
    seen = {(x["protocol"], x["capability"]) for x in lines}
    with suite.smtp(None) as c:
        for keyword in c.esmtp_features:
            assert keyword == "auth" or ("smtp", keyword.upper()) in seen, keyword
        for mechanism in c.esmtp_features["auth"].split():
            assert ("smtp", "AUTH " + mechanism) in seen
    with suite.imap("alice") as c:
        for word in c.capability()[1][0].decode().split():
            assert ("imap", word) in seen, word
        # Nothing of it is left.
        assert not [x for x in c.list()[1] if b"gkmail-prove" in x]
    for protocol, n in (("smtp", 13), ("imap", 25), ("jmap", 9), ("mcp", 6)):
        assert len([x for x in seen if x[0] == protocol]) >= n, protocol
    assert suite.inbox("alice") == []


def test_as_text(suite):
    u = suite.user("alice")
    text = suite.ctl("prove", u["address"], input=u["password"] + "\n").stdout
    assert re.search(r"^ok    smtp  STARTTLS$", text, re.M) and re.search(r"^\d+ as promised, 0 not$", text, re.M)


def test_what_is_not_kept_is_told(workdir):
    """A wrong password: nothing but MCP, which needs none of the operator, can be tried."""
    s = make(workdir, "--users", "1").start()
    code, lines = proven(s, password="not the password", check=False)
    assert code == 1
    bad = {x["protocol"] for x in lines if not x["ok"]}
    assert bad == {"smtp", "imap", "jmap"} and all(x["why"] for x in lines if not x["ok"])
    assert s.stop() == 0
