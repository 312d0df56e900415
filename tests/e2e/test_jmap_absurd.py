"""What no client should ask (RFC 8620 3.6, 8.4): an error with the standard's name, within bounds of memory, and mail of
everybody, the same user's by IMAP included, goes on meanwhile."""

import concurrent.futures
import json
import threading

import pytest
from imapraw import connect
from jmapclient import CORE, MAIL
from jmapmail import Client

NOTHING = {"operator": "AND", "conditions": []}


def nested(depth):
    f = NOTHING
    for _ in range(depth):
        f = {"operator": "NOT", "conditions": [f]}
    return f


def refer(path, to="0", name="Core/echo"):
    return {"resultOf": to, "name": name, "path": path}


# (method, arguments, error of the method); another method's answer may be referred to as "0".
CALLS = {
    "many ids": ("Email/get", {"ids": [f"e{i:013x}" for i in range(200000)]}, "requestTooLarge"),
    "many ids of blobs": ("Email/parse", {"blobIds": ["u1"] * 100000}, "requestTooLarge"),
    "many ids of snippets": ("SearchSnippet/get", {"filter": None, "emailIds": ["e1"] * 100000}, "requestTooLarge"),
    "many properties": ("Email/get", {"ids": [], "properties": ["subject"] * 100000}, "invalidArguments"),
    "an id without end": ("Email/get", {"ids": ["e" * 1000000]}, "invalidArguments"),
    "many to destroy": ("Email/set", {"destroy": ["e0000000000001"] * 100000}, "requestTooLarge"),
    "many to import": ("Email/import", {"emails": {f"k{i}": {} for i in range(50000)}}, "requestTooLarge"),
    "nested filters of mailboxes": ("Mailbox/query", {"filter": {"operator": "OR", "conditions": [nested(9)] * 5000}},
                                    "unsupportedFilter"),
    "wide filters": ("Email/query", {"filter": {"operator": "OR", "conditions": [{"minSize": 1}] * 60000}},
                     "unsupportedFilter"),
    "a text without end": ("Email/query", {"filter": {"text": "word " * 1000000}}, "unsupportedFilter"),
    "many to sort by": ("Email/query", {"sort": [{"property": "size"}] * 60000}, "unsupportedSort"),
    "mailboxes by many": ("Mailbox/query", {"sort": [{"property": "name"}] * 60000}, "unsupportedSort"),
    "beyond numbers": ("Email/query", {"position": 2 ** 53}, "invalidArguments"),
    "a limit below 0": ("Email/query", {"limit": -1}, "invalidArguments"),
    "no changes": ("Email/changes", {"sinceState": "0-0", "maxChanges": 0}, ("invalidArguments", "cannotCalculateChanges")),
    "a state of nobody": ("Email/changes", {"sinceState": "9" * 100000}, "cannotCalculateChanges"),
    "a path of many": ("Email/get", {"#ids": refer("/*" * 30000)}, "invalidResultReference"),
    "a path to nowhere": ("Email/get", {"#ids": refer("/a/~2")}, "invalidResultReference"),
    "a reference to none": ("Email/get", {"#ids": refer("/list", "nobody")}, "invalidResultReference"),
    "an argument twice": ("Email/get", {"ids": [], "#ids": refer("/list")}, "invalidArguments"),
}


@pytest.fixture(scope="module")
def alice(suite):
    return Client(suite)


@pytest.mark.parametrize("what", CALLS)
def test_an_error_with_a_name(alice, what):
    name, args, error = CALLS[what]
    _, (got, result, _) = alice.calls(("Core/echo", {"list": [[]]}), (name, args))
    assert got == "error" and result["type"] in (error if isinstance(error, tuple) else (error,)), result


def test_a_request_without_end(alice):
    """A million values are refused before any is looked at."""
    body = json.dumps({"using": [CORE, MAIL], "methodCalls": [["Email/get", {"ids": ["x"] * 1000000}, "c"]]}).encode()
    a = alice.ask("POST", "/jmap/api", body, {"Content-Type": "application/json"})
    assert a.status == 400 and a.json()["limit"] == "maxSizeRequest"


def test_filters_in_filters(alice):
    """As deep as JSON may be here, and no deeper."""
    assert "ids" in alice.call("Email/query", filter=nested(28))
    assert "ids" in alice.call("Mailbox/query", filter=nested(28))
    a = alice.api({"using": [CORE, MAIL], "methodCalls": [
        ["Email/query", {"accountId": alice.account, "filter": nested(40)}, "c"]]})
    assert a.status == 400 and a.json()["type"].endswith(":limit")


def test_references_that_multiply(alice):
    """Each call takes twice all that the one before has: 2^31 values, if nobody counted."""
    batch = [["Core/echo", {"a": {"v": [0] * 64}}, "0"]]
    for i in range(31):
        batch.append(["Core/echo", {"#a": refer("", str(i)), "#b": refer("", str(i))}, str(i + 1)])
    a = alice.api({"using": [CORE], "methodCalls": batch})
    assert a.status == 200 and len(a.body) < 64 << 20
    responses = a.json()["methodResponses"]
    assert [r[2] for r in responses] == [c[2] for c in batch]
    # What it would cost is over: the calls behind it say so.
    assert responses[-1][0] == "error" and responses[-1][1]["type"] == "invalidResultReference"


@pytest.mark.parametrize("patch,error", [
    ({f"keywords/k{i}": True for i in range(5000)}, ("invalidPatch", "tooLarge")),
    ({"/".join(["keywords"] + ["a"] * 500): True}, ("invalidPatch",)),
    ({"keywords": {}, "keywords/a": True}, ("invalidPatch",)),
    ({"keywords/~1x/y": True}, ("invalidPatch",)), ({"keywords/~": True}, ("invalidPatch",)),
    ({"mailboxIds/m1/x": True}, ("invalidPatch",)), ({"": True}, ("invalidProperties", "invalidPatch")),
    ({"keywords": {f"k{i}": True for i in range(5000)}}, ("tooManyKeywords",)),
    ({"mailboxIds": {f"m{i}": True for i in range(1, 5000)}}, ("tooManyMailboxes",))])
def test_patches_of_patches(alice, patch, error):
    email = alice.draft("patched", ["b@x.test"])
    result = alice.call("Email/set", update={email: patch})
    assert result["updated"] is None and result["notUpdated"][email]["type"] in error, result
    assert alice.call("Email/get", ids=[email], properties=["keywords"])["list"][0]["keywords"] == {
        "$draft": True, "$seen": True}


def memory(pid):
    """The most that it ever had, in MiB."""
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
    return 0


def test_nobody_else_is_harmed(suite, alice):
    """While alice asks for the dearest things there are and uploads, bob's page, and alice's own mail by IMAP, are
    answered: each of their questions while hers are under way."""
    bob, imap, over = Client(suite, "bob"), connect(suite, "alice"), threading.Event()
    imap.ok("SELECT INBOX")
    dear = [{"using": [CORE, MAIL], "methodCalls": [[n, {"accountId": alice.account} | a, "c"]]}
            for n, a, _ in CALLS.values()]
    whole = {"using": [CORE], "methodCalls": [["Core/echo", {"x": ["y" * 1000] * 9000}, "c"]]}

    def ask(request):
        a = alice.api(request)
        assert a.status in (200, 400, 429, 503), a.body
        return a.status

    def upload(_):
        a = alice.upload(b"z" * (50 << 20), account=alice.account)
        assert a.status in (201, 400, 429, 503, 507), a.body
        return a.status

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        work = [pool.submit(upload, i) for i in range(4)] + [pool.submit(ask, r) for r in [whole] * 3 + dear]
        pool.submit(lambda: (concurrent.futures.wait(work), over.set()))
        asked = 0
        while asked < 3 or not over.is_set():
            assert bob.call("Mailbox/get", ids=None)["list"]
            imap.ok("UID FETCH 1:* (FLAGS)")
            asked += 1
        codes = [w.result() for w in work]
    assert codes.count(201) >= 1 and codes.count(200) >= 1
    assert max(memory(p) for p in suite.owners()) < 700
    imap.close()
