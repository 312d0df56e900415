"""Logging in on the page and over HTTP: cookies, tokens, passwords; what other sites' pages may not; what outlasts what."""

import base64
import contextlib
import http.client
import json
import os
import re
import secrets
import signal
import socket
import ssl
import threading

import pytest
from suite import wait_for

COOKIE = "__Host-gk"

# Nobody is trusted, so that what comes from 127.0.0.x is what comes from the internet.
GUARDED = """
[limits]
trusted_networks = []
network_factor = 100
auth_failures = 4
ban_time = "1h"
"""


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)

    @property
    def cookie(self):
        """The cookie that was set: (value, attributes)."""
        values = self.headers.get_all("Set-Cookie") or []
        assert len(values) <= 1
        if not values:
            return None
        pair, *attributes = values[0].split("; ")
        name, value = pair.split("=", 1)
        assert name == COOKIE
        return value, {a.split("=")[0].lower(): a.partition("=")[2] for a in attributes}


class Browser:
    """A page of ours: it says where it comes from and keeps its cookie."""

    def __init__(self, suite, agent="Browser/1", source=None):
        self.suite, self.agent, self.source = suite, agent, source
        self.cookie = None
        self.origin = f"https://localhost:{suite.port('https')}"

    def ask(self, method, path, body=None, headers=None, raw=None, page=True):
        c = http.client.HTTPSConnection("localhost", self.suite.port("https"), context=self.suite.tls(), timeout=60,
                                        source_address=(self.source, 0) if self.source else None)
        send = {"User-Agent": self.agent}
        if page:
            send |= {"Sec-Fetch-Site": "same-origin"}
            if method != "GET":
                send |= {"Origin": self.origin}
        if self.cookie:
            send["Cookie"] = f"{COOKIE}={self.cookie}"
        if body is not None:
            raw = json.dumps(body).encode()
            send["Content-Type"] = "application/json"
        send |= headers or {}
        send = {k: v for k, v in send.items() if v is not None}
        with contextlib.closing(c):
            c.request(method, path, raw, send)
            answer = Answer(c.getresponse())
        if answer.cookie:
            self.cookie = answer.cookie[0] or None
        return answer

    def login(self, user="alice", password=None, **more):
        u = self.suite.user(user) if "@" not in user else {"address": user, "password": None}
        return self.ask("POST", "/auth/login", {"user": u["address"], "password": password or u["password"]}, **more)

    def who(self):
        a = self.ask("GET", "/auth/session")
        assert a.status in (200, 401), a.body
        return a.json()["user"] if a.status == 200 else None


def logged_in(suite, user="alice", **more):
    b = Browser(suite, **more)
    assert b.login(user).status == 204
    return b


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def problem(answer, status):
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.json()["status"] == status
    return answer.json()


@pytest.fixture
def dave(suite):
    """A user whose password a test may change."""
    address = "dave@" + suite.domain
    suite.ctl("user", "add", address, input="a fine secret\n")
    yield address
    suite.ctl("user", "del", address)


# ---- logging in ----


def test_a_cookie_that_no_script_and_no_other_site_sees(suite):
    b = Browser(suite)
    a = b.login()
    assert a.status == 204 and a.body == b""
    value, attributes = a.cookie
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", value)
    assert attributes == {"path": "/", "max-age": str(90 * 86400), "secure": "", "httponly": "", "samesite": "Strict"}
    assert a.headers["Cache-Control"] == "no-store"
    info = b.ask("GET", "/auth/session").json()
    assert info["user"] == suite.user("alice")["address"] and info["addresses"] == [info["user"]]
    assert re.fullmatch(r"[0-9a-f]{16}", info["id"]) and info["kind"] == "browser"
    for key in ("created", "proven", "until"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", info[key])
    assert value not in json.dumps(info) and value not in suite.log()
    assert suite.user("alice")["password"] not in suite.log()


def test_names_and_passwords(suite):
    alice = suite.user("alice")
    b = Browser(suite)
    for user in (alice["address"], alice["address"].upper(), "alice"):
        # One domain only would make "alice" whole; this one has no other.
        assert b.ask("POST", "/auth/login", {"user": user, "password": alice["password"]}).status == 204
    b = Browser(suite)
    for user, password in ((alice["address"], alice["password"] + "x"), ("nobody@" + suite.domain, alice["password"]),
                           (alice["address"], suite.user("bob")["password"]), ("@@@", "secret"), ("\u202e", "x" * 1024)):
        a = b.ask("POST", "/auth/login", {"user": user, "password": password})
        assert problem(a, 401)["code"] == "login-failed"
        assert "Basic" not in (a.headers["WWW-Authenticate"] or "")
        assert a.cookie is None
    assert b.who() is None


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b'"x"', b'{"user":"a"}', b'{"user":"a","password":""}', b'{"user":"a","password":1}',
    b'{"user":"a","password":{"x":1}}', b'{"user":"a","password":"\xff"}', b'{"user":"a","password":"b\\u0000c"}',
    b'{"user":"a","password":"b"} {}', b'{"user":"' + b"a" * 600 + b'","password":"b"}', b"[" * 8000,
    b'{"user":"a","password":"' + b"b" * 1025 + b'"}', b'{"user":"a","password":"\\ud800"}'])
def test_bad_bodies(suite, body):
    b = Browser(suite)
    assert problem(b.ask("POST", "/auth/login", raw=body, headers={"Content-Type": "application/json"}), 400)
    assert b.cookie is None


def test_other_types_sizes_and_methods(suite):
    b = logged_in(suite)
    text = json.dumps({"user": "alice", "password": "x"}).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json", ""):
        problem(b.ask("POST", "/auth/login", raw=text, headers={"Content-Type": kind}), 415)
    a = b.ask("POST", "/auth/login", raw=b" " * 8193, headers={"Content-Type": "application/json"})
    problem(a, 413)
    for method, path in (("GET", "/auth/login"), ("GET", "/auth/logout"), ("GET", "/auth/password"),
                         ("POST", "/auth/session"), ("PUT", "/auth/app-passwords")):
        a = b.ask(method, path)
        problem(a, 405)
        assert a.headers["Allow"]
    for path in ("/auth", "/auth/", "/auth/nothing", "/auth/session/x"):
        assert b.ask("GET", path).status == 404
    assert b.who()


def test_logging_out(suite):
    b = logged_in(suite)
    old = b.cookie
    a = b.ask("POST", "/auth/logout", {})
    assert a.status == 204 and a.cookie[0] == "" and a.cookie[1]["max-age"] == "0"
    b.cookie = old
    assert b.who() is None
    problem(b.ask("POST", "/auth/logout", {}), 401)


def test_logging_in_again_ends_the_session_before(suite):
    b = logged_in(suite, "carol")
    old = b.cookie
    assert b.login("carol").status == 204
    new = b.cookie
    assert new != old
    b.cookie = old
    wait_for(lambda: b.who() is None, what="the old session to be over")
    b.cookie = new
    assert b.who()


# ---- forged ----


def test_forged_and_changed_cookies(suite):
    b = logged_in(suite)
    good = b.cookie
    for i in range(len(good)):
        b.cookie = good[:i] + ("A" if good[i] != "A" else "B") + good[i + 1:]
        assert b.who() is None, i
    info = None
    for value in (good[:-1], good + "A", "", '""', f'"{good}"', good + "=", "A" * 43, "x" * 4000, good.lower(), "%00" * 14):
        b.cookie = value or None
        assert b.who() is None, value
    b.cookie = good
    info = b.ask("GET", "/auth/session").json()
    # The id that people see opens nothing.
    b.cookie = info["id"]
    assert b.who() is None
    # Two cookies of the name: somebody has put one beside ours.
    b.cookie = None
    assert b.ask("GET", "/auth/session", headers={"Cookie": f"{COOKIE}={good}; {COOKIE}={'A' * 43}"}).status == 401
    assert b.ask("GET", "/auth/session", headers={"Cookie": f"gk={good}"}).status == 401
    assert b.ask("GET", "/auth/session", headers={"Cookie": f"a=b; {COOKIE}={good}; c=d"}).status == 200


def test_random_tokens_find_nobody(suite):
    b = Browser(suite)
    for _ in range(50):
        b.cookie = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
        assert b.who() is None


# ---- other sites ----


def test_other_sites_pages_get_nothing(suite):
    b = logged_in(suite)
    evil = [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": b.origin + ".evil.example"},
            {"Origin": b.origin.replace("https", "http")}, {"Origin": "https://localhost"}, {"Origin": ""},
            {"Origin": None, "Sec-Fetch-Site": "cross-site"}, {"Origin": None, "Sec-Fetch-Site": "same-site"},
            # A request that says nothing of where it comes from is no page's: a cookie alone does not do.
            {"Origin": None, "Sec-Fetch-Site": None}]
    for headers in evil:
        for method, path, body in (("POST", "/auth/password", {"current": "x", "password": "y"}),
                                   ("POST", "/auth/app-passwords", {"name": "evil"}),
                                   ("DELETE", "/auth/sessions", None), ("POST", "/auth/logout", {}),
                                   ("POST", "/auth/logout", None), ("DELETE", "/auth/app-passwords/x", None)):
            a = b.ask(method, path, body, headers=headers)
            assert a.status == 403, (headers, method, path, a.body)
            assert "Access-Control-Allow-Origin" not in a.headers
    # Reading too, and as whoever they log in.
    for headers in evil[:-1]:
        assert b.ask("GET", "/auth/session", headers=headers).status == 403, headers
        assert b.login(headers=headers).status == 403, headers
    assert b.who() == suite.user("alice")["address"]
    assert [s["current"] for s in b.ask("GET", "/auth/sessions").json()["sessions"]].count(True) == 1
    a = b.ask("OPTIONS", "/auth/session", headers={"Origin": "https://evil.example",
                                                   "Access-Control-Request-Method": "POST"})
    assert a.status >= 400 and not [h for h in a.headers if h.lower().startswith("access-control")]


def test_programs_need_no_origin(suite):
    """Who has the token in a header is no page that was tricked."""
    b = logged_in(suite)
    token, b.cookie = b.cookie, None
    bearer = {"Authorization": "Bearer " + token}
    assert b.ask("GET", "/auth/session", headers=bearer, page=False).json()["user"] == suite.user("alice")["address"]
    assert b.ask("DELETE", "/auth/sessions", headers=bearer, page=False).status == 200
    assert b.ask("GET", "/auth/session", headers=bearer | {"Origin": "https://evil.example"}, page=False).status == 403
    assert b.ask("POST", "/auth/logout", headers=bearer, page=False).status == 204
    assert b.ask("GET", "/auth/session", headers=bearer, page=False).status == 401
    b.cookie = token
    assert b.ask("GET", "/auth/session", headers={"Authorization": "Bearer x"}, page=False).status == 401


# ---- programs ----


def test_basic(suite):
    bob = suite.user("bob")
    b = Browser(suite, agent="Program/2")
    a = b.ask("GET", "/auth/session", page=False)
    problem(a, 401)
    assert sorted(v.split()[0] for v in a.headers.get_all("WWW-Authenticate")) == ["Basic", "Bearer"]
    info = b.ask("GET", "/auth/session", headers=basic(bob["address"], bob["password"]), page=False).json()
    assert info["user"] == bob["address"] and info["kind"] == "program"
    for headers in (basic(bob["address"], bob["password"] + "x"), basic(bob["address"], ""), basic("", bob["password"]),
                    {"Authorization": "Basic ????"}, {"Authorization": "Basic"}, {"Authorization": "Negotiate AAAA"}):
        assert b.ask("GET", "/auth/session", headers=headers, page=False).status == 401, headers
    # One session for all that it asks.
    ids = {b.ask("GET", "/auth/session", headers=basic(bob["address"], bob["password"]), page=False).json()["id"]
           for _ in range(5)}
    assert ids == {info["id"]}
    for method, path, body in (("GET", "/auth/sessions", None), ("GET", "/auth/app-passwords", None),
                               ("POST", "/auth/app-passwords", {"name": "x"}), ("DELETE", "/auth/sessions", None),
                               ("POST", "/auth/password", {"current": bob["password"], "password": "new secret"})):
        a = b.ask(method, path, body, headers=basic(bob["address"], bob["password"]), page=False)
        problem(a, 403)


def test_requests_side_by_side_are_one_login(suite):
    carol = suite.user("carol")
    b = Browser(suite, agent="Crowd/1")
    found = []

    def one():
        a = b.ask("GET", "/auth/session", headers=basic(carol["address"], carol["password"]), page=False)
        found.append(a.json()["id"])

    threads = [threading.Thread(target=one) for _ in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(found) == 12 and len(set(found)) == 1


# ---- sessions ----


def sessions(b):
    return b.ask("GET", "/auth/sessions").json()["sessions"]


def test_sessions_are_listed_and_ended(suite, dave):
    def browser(agent):
        b = Browser(suite, agent=agent)
        assert b.login(dave, "a fine secret").status == 204
        return b

    desk, phone, alien = browser("Desk/1"), browser("Phone <b>\xe9" + "x" * 400), logged_in(suite, "bob")
    rows = {s["userAgent"]: s for s in sessions(desk)}
    assert set(rows) == {"Desk/1", ("Phone <b>?" + "x" * 400)[:256]}
    assert rows["Desk/1"]["current"] is True and rows["Desk/1"]["peer"] == "127.0.0.1"
    other = next(s for s in rows.values() if not s["current"])
    assert desk.ask("DELETE", "/auth/sessions/" + alien.ask("GET", "/auth/session").json()["id"]).status == 404
    for path in ("/auth/sessions/others", "/auth/sessions/" + "0" * 16, "/auth/sessions/x/y", "/auth/sessions/"):
        assert desk.ask("DELETE", path).status == 404, path
    assert phone.who() == dave
    assert desk.ask("DELETE", "/auth/sessions/" + other["id"]).status == 204
    assert phone.who() is None and desk.who() == dave and alien.who()
    phone, tablet = browser("Phone/2"), browser("Tablet/1")
    assert desk.ask("DELETE", "/auth/sessions").json() == {"ended": 2}
    assert (desk.who(), phone.who(), tablet.who()) == (dave, None, None)
    # Oneself.
    mine = next(s["id"] for s in sessions(desk) if s["current"])
    assert desk.ask("DELETE", "/auth/sessions/" + mine).status == 204
    assert desk.who() is None


def test_the_operator_lists_and_revokes(suite, dave):
    a, b = Browser(suite, agent="A/1"), Browser(suite, agent="B/1")
    for x in (a, b):
        assert x.login(dave, "a fine secret").status == 204
    rows = json.loads(suite.ctl("--json", "session", "list", dave).stdout)
    assert {r["agent"] for r in rows} == {"A/1", "B/1"} and {r["kind"] for r in rows} == {"browser"}
    assert "A/1" in suite.ctl("session", "list", dave).stdout
    one = next(r["id"] for r in rows if r["agent"] == "A/1")
    assert suite.ctl("session", "revoke", dave, one).stdout == "1 ended\n"
    wait_for(lambda: a.who() is None, what="A's end")
    assert b.who() == dave
    assert suite.ctl("session", "revoke", dave, one, check=False).returncode == 1
    assert json.loads(suite.ctl("--json", "session", "revoke", dave).stdout) == {"ok": True, "ended": 1}
    wait_for(lambda: b.who() is None, what="B's end")
    for words in (("list", "nobody@" + suite.domain), ("revoke", "nobody@" + suite.domain)):
        r = suite.ctl("session", *words, check=False)
        assert r.returncode == 1 and "no such user" in r.stderr


def test_a_new_password_ends_all_others(suite, dave):
    b, other = Browser(suite), Browser(suite)
    for x in (b, other):
        assert x.login(dave, "a fine secret").status == 204
    program = basic(dave, "a fine secret")
    assert other.ask("GET", "/auth/session", headers=program, page=False).status == 200
    a = b.ask("POST", "/auth/password", {"current": "not so fine", "password": "another secret"})
    assert problem(a, 403)["code"] == "password-wrong"
    assert "shorter" in problem(b.ask("POST", "/auth/password", {"current": "a fine secret", "password": "x"}), 400)["detail"]
    assert other.who() == dave
    assert b.ask("POST", "/auth/password", {"current": "a fine secret", "password": "another secret"}).status == 204
    assert b.who() == dave
    wait_for(lambda: other.who() is None, what="the other session's end")
    page = Browser(suite)
    wait_for(lambda: page.ask("GET", "/auth/session", headers=program, page=False).status == 401, what="the program's end")
    assert page.login(dave, "a fine secret").status == 401
    assert page.login(dave, "another secret").status == 204
    with suite.imap(None) as c:
        c.login(dave, "another secret")
    # By the operator: all of them.
    suite.ctl("user", "passwd", dave, input="a third secret\n")
    wait_for(lambda: b.who() is None and page.who() is None, what="all to end")


def test_app_passwords(suite, dave):
    b = Browser(suite)
    assert b.login(dave, "a fine secret").status == 204
    a = b.ask("POST", "/auth/app-passwords", {"name": "téléphone"})
    assert a.status == 201 and a.json()["name"] == "téléphone"
    secret = a.json()["password"]
    assert re.fullmatch(r"[a-z2-9]{5}(-[a-z2-9]{5}){3}", secret)
    rows = b.ask("GET", "/auth/app-passwords").json()["appPasswords"]
    assert [r["name"] for r in rows] == ["téléphone"] and rows[0]["created"].endswith("Z")
    assert secret not in json.dumps(rows) and secret not in suite.log()
    problem(b.ask("POST", "/auth/app-passwords", {"name": "téléphone"}), 409)
    for name in ("", "x" * 65, "a\nb", "a\u0085b", "\u202egnp.exe", 7, None):
        problem(b.ask("POST", "/auth/app-passwords", {"name": name}), 400)
    problem(b.ask("POST", "/auth/app-passwords", {"name": "b", "current": "wrong"}), 403)
    assert b.ask("POST", "/auth/app-passwords", {"name": "<i>a/b c", "current": "a fine secret"}).status == 201
    program = basic(dave, secret)
    x = Browser(suite)
    assert x.ask("GET", "/auth/session", headers=program, page=False).json()["user"] == dave
    used = {r["name"]: r.get("lastUsed") for r in b.ask("GET", "/auth/app-passwords").json()["appPasswords"]}
    assert used["téléphone"].endswith("Z") and used["<i>a/b c"] is None
    assert x.login(dave, secret).status == 401  # the page wants the password itself
    problem(b.ask("DELETE", "/auth/app-passwords/phone"), 404)
    assert b.ask("DELETE", "/auth/app-passwords/t%C3%A9l%C3%A9phone").status == 204
    wait_for(lambda: x.ask("GET", "/auth/session", headers=program, page=False).status == 401, what="the program's end")
    assert b.who() == dave
    assert b.ask("DELETE", "/auth/app-passwords/%3Ci%3Ea%2Fb%20c").status == 204
    assert b.ask("GET", "/auth/app-passwords").json() == {"appPasswords": []}


def test_showing_the_password_again(suite, dave):
    b = Browser(suite)
    assert b.login(dave, "a fine secret").status == 204
    before = b.ask("GET", "/auth/session").json()["proven"]
    problem(b.ask("POST", "/auth/prove", {"password": "wrong"}), 403)
    assert b.ask("POST", "/auth/prove", {"password": "a fine secret"}).status == 204
    row = next(s for s in sessions(b) if s["current"])
    assert row["proven"] >= before


def test_who_is_removed_is_logged_out(suite):
    address = "erin@" + suite.domain
    suite.ctl("user", "add", address, input="a fine secret\n")
    b = Browser(suite)
    assert b.login(address, "a fine secret").status == 204
    suite.ctl("user", "del", address)
    wait_for(lambda: b.who() is None, what="the end")
    suite.ctl("user", "add", address, input="a fine secret\n")
    assert b.who() is None
    suite.ctl("user", "del", address)


def test_addresses_are_those_that_lead_to_the_user(suite, dave):
    suite.ctl("alias", "add", "sales@" + suite.domain, dave)
    b = Browser(suite)
    assert b.login(dave, "a fine secret").status == 204
    assert b.ask("GET", "/auth/session").json()["addresses"] == [dave, "sales@" + suite.domain]
    suite.ctl("alias", "del", "sales@" + suite.domain)


# ---- what outlasts what ----


def test_browsers_stay_logged_in_over_restarts(fresh_suite):
    suite = fresh_suite("--users", "2")
    alice, gone = logged_in(suite), logged_in(suite, "bob")
    assert gone.ask("POST", "/auth/logout", {}).status == 204
    other = logged_in(suite, "bob")
    ended = logged_in(suite, "bob")
    assert other.ask("DELETE", "/auth/sessions").json() == {"ended": 1}
    before = {s["id"] for s in sessions(alice)}
    assert suite.stop() == 0
    suite.start()
    assert alice.who() == suite.user("alice")["address"] and other.who() == suite.user("bob")["address"]
    assert {s["id"] for s in sessions(alice)} == before
    assert ended.who() is None
    # Not when authd alone dies, nor at once after a login.
    late = logged_in(suite)
    pid = suite.processes()["authd"]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: suite.processes().get("authd") not in (None, pid), what="authd to be back")
    bob = suite.user("bob")

    def back():
        a = late.ask("GET", "/auth/session")
        assert a.status in (200, 503), a.body
        return a.status == 200

    wait_for(back, what="the session to be there")
    assert alice.who()
    assert other.ask("GET", "/auth/session", headers=basic(bob["address"], bob["password"]), page=False).status == 200


def test_sessions_end_of_age(fresh_suite):
    suite = fresh_suite("--users", "1", config='[web]\nsession_age = "10s"\n')
    b = logged_in(suite)
    assert b.login().cookie[1]["max-age"] == "10"
    info = b.ask("GET", "/auth/session").json()
    assert info["until"] > info["created"]
    wait_for(lambda: b.who() is None, seconds=100, what="the session's end")


def test_who_does_not_wait_for_the_login_leaves_no_session(suite, dave):
    authd = suite.processes()["authd"]
    os.kill(authd, signal.SIGSTOP)
    try:
        c = http.client.HTTPSConnection("localhost", suite.port("https"), context=suite.tls(), timeout=60)
        c.request("POST", "/auth/login", json.dumps({"user": dave, "password": "a fine secret"}),
                  {"Content-Type": "application/json", "User-Agent": "Impatient/1"})
        c.close()
        wait_for(lambda: re.search(r"http\.request .*path=/auth/login .*client left", suite.log()), what="the client to be gone")
    finally:
        os.kill(authd, signal.SIGCONT)
    wait_for(lambda: f"auth.session_end user={dave}" in suite.log(), what="the end of its session")
    wait_for(lambda: json.loads(suite.ctl("--json", "session", "list", dave).stdout) == [], what="no session")


@pytest.mark.parametrize("end", ["session", "password", "operator", "user"])
def test_what_a_session_has_open_ends_with_it(suite, end):
    """An event source that waits, as a WebSocket would."""
    address = "fay@" + suite.domain
    suite.ctl("user", "add", address, input="a fine secret\n")
    b, other = Browser(suite), Browser(suite)
    for x in (b, other):
        assert x.login(address, "a fine secret").status == 204
    url = b.ask("GET", "/.well-known/jmap").json()["eventSourceUrl"]
    url = re.sub(r"^https://[^/]*", "", url).replace("{types}", "*").replace("{closeafter}", "no").replace("{ping}", "0")
    c = http.client.HTTPSConnection("localhost", suite.port("https"), context=suite.tls(), timeout=60)
    c.request("GET", url, headers={"Cookie": f"{COOKIE}={b.cookie}"})
    r = c.getresponse()
    assert r.status == 200 and r.headers["Content-Type"].startswith("text/event-stream")
    if end == "session":
        assert other.ask("DELETE", "/auth/sessions").json() == {"ended": 1}
    elif end == "password":
        body = {"current": "a fine secret", "password": "another secret"}
        assert other.ask("POST", "/auth/password", body).status == 204
    elif end == "operator":
        suite.ctl("session", "revoke", address)
    else:
        suite.ctl("user", "del", address)
    with contextlib.suppress(http.client.IncompleteRead, ConnectionError, ssl.SSLError):
        r.read()  # to its end, which comes
    c.close()
    wait_for(lambda: b.who() is None, what="the session's end")
    if end in ("session", "password"):
        assert other.who() == address
    if end != "user":
        suite.ctl("user", "del", address)


# ---- behind a proxy ----


def test_behind_a_proxy(fresh_suite):
    suite = fresh_suite("--users", "1", config='[web]\nlisten_plain = ["127.0.0.1:0"]\ntrusted_proxies = ["127.0.0.1"]\n'
                        '[limits]\nauth_failures = 3\n')
    alice = suite.user("alice")

    def login(password, **headers):
        c = http.client.HTTPConnection("localhost", suite.port("http"), timeout=60)
        send = {"Host": "mail.example.test", "Content-Type": "application/json"}
        send |= {k.replace("_", "-"): v for k, v in headers.items()}
        with contextlib.closing(c):
            c.request("POST", "/auth/login", json.dumps({"user": alice["address"], "password": password}), send)
            return Answer(c.getresponse())

    assert login(alice["password"]).status == 403  # not in the clear
    assert login(alice["password"], X_Forwarded_Proto="http").status == 403
    https = {"X_Forwarded_Proto": "https", "X_Forwarded_For": "203.0.113.80"}
    a = login(alice["password"], Origin="https://mail.example.test", **https)
    assert a.status == 204 and "secure" in a.cookie[1]
    assert login(alice["password"], Origin="http://mail.example.test", **https).status == 403
    row, = json.loads(suite.ctl("--json", "session", "list", alice["address"]).stdout)
    assert row["address"] == "203.0.113.80"
    # Who guesses is who is banned, and not the proxy.
    https["X_Forwarded_For"] = "203.0.113.81"
    for i in range(3):
        assert login(f"guess {i}", **https).status in (401, 403)
    wait_for(lambda: login(alice["password"], **https).status == 403, what="the ban")
    assert [r["network"] for r in json.loads(suite.ctl("--json", "ban", "list").stdout)] == ["203.0.113.81"]
    https["X_Forwarded_For"] = "203.0.113.82"
    assert login(alice["password"], **https).status == 204


# ---- guessing ----


def test_guessing_leads_to_the_ban_of_all_fronts(fresh_suite):
    suite = fresh_suite("--users", "2", config=GUARDED)
    alice = suite.user("alice")
    b = Browser(suite, source="127.0.0.31")
    inside = Browser(suite, source="127.0.0.32")
    assert inside.login().status == 204
    assert b.login(password="guess 1").status == 401
    assert b.ask("GET", "/auth/session", headers=basic(alice["address"], "guess 2"), page=False).status == 401
    # A session that was stolen guesses its user's password no better.
    b.cookie = inside.cookie
    assert b.ask("POST", "/auth/password", {"current": "guess 3", "password": "another one"}).status == 403
    with contextlib.suppress(OSError, http.client.HTTPException):
        b.ask("POST", "/auth/prove", {"password": "guess 4"})

    def bans():
        return [r["network"] for r in json.loads(suite.ctl("--json", "ban", "list").stdout)]

    wait_for(lambda: "127.0.0.31" in bans(), what="the ban")

    def turned_away():
        try:
            return b.login().status in (403, 429, 503)
        except (OSError, http.client.HTTPException):
            return True

    wait_for(turned_away, what="the ban at the HTTP front")
    # At every front, and nobody else.
    with socket.create_connection(("127.0.0.1", suite.port("imaps")), timeout=30, source_address=("127.0.0.31", 0)) as s:
        assert s.recv(100) == b""
    assert inside.who() == alice["address"]
    assert Browser(suite, source="127.0.0.33").login().status == 204
    wait_for(lambda: "service=web" in suite.log() and "service=jmap" in suite.log() and "service=prove" in suite.log())
