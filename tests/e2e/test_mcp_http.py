"""/mcp: what gk-webd looks at before gk-mcpd hears of a request."""

import json

import pytest
import web

BODY = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"})
GOOD = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
        "Authorization": "Bearer gka_" + "0" * 64}


def ask(suite, method="POST", body=BODY, fields=(), without=()):
    """Status, fields and body; the fields of GOOD with those put in place or left out."""
    sent = {k: v for k, v in GOOD.items() if k not in without}
    options = ["-X", method]
    for k, v in sent.items():
        if k not in dict(fields):
            options += ["-H", f"{k}: {v}"]
    for k, v in fields:
        options += ["-H", f"{k}: {v}"]
    if method == "POST":
        options += ["--data-binary", body]
    return web.get(suite, "/mcp", *options)


@pytest.mark.parametrize("credential", [
    None, "Basic YWxpY2U6eA==", "Bearer", "gka_" + "0" * 64, "Digest x"])
def test_only_bearer_tokens(suite, credential):
    status, fields, _ = ask(suite, fields=[("Authorization", credential)] if credential else [],
                            without=["Authorization"])
    assert status == 401 and fields["www-authenticate"].startswith("Bearer")


def test_a_cookie_is_none(suite):
    status, fields, _ = ask(suite, fields=[("Cookie", "__Host-gk=" + "A" * 43)], without=["Authorization"])
    assert status == 401 and fields["www-authenticate"].startswith("Bearer")


def test_other_sites_pages(suite):
    port = suite.port("https")
    for origin in ("https://evil.example", "null", f"http://localhost:{port}", f"https://localhost:{port + 1}",
                   f"https://localhost:{port}.evil.example"):
        assert ask(suite, fields=[("Origin", origin)])[0] == 403, origin
    assert ask(suite, fields=[("Sec-Fetch-Site", "cross-site")])[0] == 403
    # A name that its owner made lead here: of the page's own origin, and none of ours.
    assert ask(suite, fields=[("Host", "evil.example"), ("Origin", "https://evil.example")])[0] == 403
    # None is asked for behind these.
    for fields in ([("Origin", f"https://localhost:{port}")], [("Sec-Fetch-Site", "same-origin")]):
        assert ask(suite, fields=fields, without=["Authorization"])[0] == 401


def test_methods(suite):
    for method in ("GET", "DELETE"):
        status, fields, _ = ask(suite, method)
        assert status == 405 and fields["allow"] == "POST"
    assert ask(suite, "PUT")[0] == 405
    assert ask(suite, "PATCH")[0] == 405


def test_bodies(suite, tmp_path):
    assert ask(suite, fields=[("Content-Type", "text/plain")])[0] == 415
    assert ask(suite, fields=[("Content-Type", "application/x-www-form-urlencoded")])[0] == 415
    (tmp_path / "much").write_bytes(b"x" * ((1 << 20) + 1))
    assert ask(suite, body=f"@{tmp_path}/much", fields=[("Expect", "")])[0] == 413
    assert ask(suite, fields=[("Accept", "text/html")])[0] == 406


@pytest.mark.parametrize("name", ["Authorization", "MCP-Protocol-Version", "Mcp-Method", "mcp-name", "Mcp-Session-Id"])
def test_smuggled_fields(suite, name):
    """Of two fields a proxy may have looked at the other one."""
    twice = [(name, GOOD.get(name, "a")), (name, "b")]
    assert ask(suite, fields=twice)[0] == (401 if name == "Authorization" else 400)


def test_fields_that_are_too_long(suite):
    assert ask(suite, fields=[("Mcp-Name", "x" * 5000)])[0] in (400, 431)
