"""gk-dnsd against name servers on loopback: what is proven, what is not, what is forged, and servers that misbehave."""

import concurrent.futures
import json
import os
import shutil
import signal
import time

import pytest

from conftest import make, wait_for
from zones import Hostile, Zones

pytestmark = pytest.mark.skipif(not (shutil.which("ldns-signzone") and os.path.exists("/usr/sbin/nsd")),
                                reason="needs nsd and ldnsutils (make deps-check)")


@pytest.fixture(scope="module")
def zones(workdir):
    z = Zones(workdir / "zones")
    yield z
    z.stop()


@pytest.fixture(scope="module")
def hostile():
    h = Hostile()
    yield h
    h.stop()


@pytest.fixture(scope="module")
def suite(workdir, zones, hostile):
    s = make(workdir, config=zones.conf(hostile)).start()
    yield s
    assert s.processes()["dnsd"] and "sandbox_violation" not in s.log()
    assert s.stop() == 0


def look(suite, name, kind):
    return json.loads(suite.ctl("--json", "dns", "lookup", name, kind, check=False).stdout)


def metric(suite, name):
    return json.loads(suite.ctl("--json", "status", "--metrics").stdout)[name]


SPF = "v=spf1 ip4:192.0.2.1 -all"
TLSA = "3 1 1 " + "0123456789abcdef" * 4


@pytest.mark.parametrize("zone, secure", [("signed.test", True), ("sub.signed.test", True), ("plain.test", False),
                                          ("open.signed.test", False)])
def test_records(suite, zone, secure):
    def found(name, kind):
        r = look(suite, name, kind)
        assert (r["status"], r["secure"]) == ("found", secure), (name, kind, r)
        assert 0 < r["ttl"] <= 300
        return sorted(r["records"])

    assert found(zone, "MX") == [f"10 mx.{zone}", "20 mx2.plain.test"]
    assert found(zone.upper() + ".", "TXT") == [SPF]
    assert found(f"null.{zone}", "MX") == ["0 ."]
    assert found(f"mx.{zone}", "A") == ["192.0.2.25"]
    assert found(f"mx.{zone}", "AAAA") == ["2001:db8::25"]
    assert found(f"_25._tcp.mx.{zone}", "TLSA") == [TLSA]
    assert found(f"_imaps._tcp.{zone}", "SRV") == [f"0 1 993 mx.{zone}"]
    assert found(zone, "NS") == [f"ns.{zone}"]
    assert found(f"any.wild.{zone}", "A") == ["192.0.2.77"]
    assert found(f"alias.{zone}", "CNAME") == [f"alias2.{zone}"]


def test_pointers(suite):
    r = look(suite, "1.0.0.127.in-addr.arpa", "PTR")
    assert r["status"] == "found" and r["records"] == ["client.plain.test"]


def test_aliases(suite):
    r = look(suite, "alias.signed.test", "AAAA")
    assert (r["status"], r["secure"], r["canonical"]) == ("found", True, "mx.signed.test")
    r = look(suite, "dangling.signed.test", "A")
    assert (r["status"], r["secure"], r["canonical"]) == ("no_name", True, "nothing.signed.test")
    # What is proven leads to what is not.
    r = look(suite, "away.signed.test", "A")
    assert (r["status"], r["secure"], r["canonical"]) == ("found", False, "mx.plain.test")
    assert look(suite, "loop.signed.test", "A")["status"] == "temp"
    assert look(suite, "loop.plain.test", "A")["status"] == "temp"


@pytest.mark.parametrize("zone, secure", [("signed.test", True), ("plain.test", False)])
def test_what_is_not_there(suite, zone, secure):
    r = look(suite, f"nobody.{zone}", "MX")
    assert (r["status"], r["secure"], r["records"]) == ("no_name", secure, [])
    assert 0 < r["ttl"] <= 30  # the SOA's minimum, RFC 2308
    r = look(suite, f"mx.{zone}", "TXT")
    assert (r["status"], r["secure"]) == ("no_data", secure)
    assert suite.ctl("dns", "lookup", f"nobody.{zone}", "MX", check=False).returncode == 1


@pytest.mark.parametrize("name", ["mx.broken.test", "mx.expired.test"])
def test_forged(suite, name):
    r = look(suite, name, "A")
    assert (r["status"], r["secure"], r["records"]) == ("bogus", False, []) and r["why"]
    assert suite.ctl("dns", "lookup", name, "A", check=False).returncode == 75
    wait_for(lambda: any(" dns.bogus " in x and name in x for x in suite.log().splitlines()))


def test_the_rest_of_a_spoilt_zone_is_fine(suite):
    r = look(suite, "mx.broken.test", "AAAA")
    assert (r["status"], r["secure"]) == ("found", True)


def test_names_that_are_none(suite):
    for name in ("a..b", "x" * 64 + ".test", ".x", "a." * 130):
        assert look(suite, name, "A")["status"] == "no_name"
    # Odd, but a name: nothing of it is taken for syntax.
    for name in ("a b.plain.test", "a\\b.plain.test", "a;b.plain.test", "a\"b.plain.test", "\u00e9.plain.test"):
        assert look(suite, name, "A")["status"] == "no_name", name


def test_large(suite):
    """Past what UDP takes: truncated, asked again over TCP."""
    r = look(suite, "big.signed.test", "TXT")
    assert (r["status"], r["secure"]) == ("found", True)
    assert r["records"] == ["x" * 60000]
    assert look(suite, "many.plain.test", "A")["status"] == "too_large"


def test_cache(suite, zones):
    look(suite, "mx2.signed.test", "A")
    before = metric(suite, "gkmail_dns_cache_hits_total")
    for _ in range(5):
        look(suite, "mx2.signed.test", "A")
        look(suite, "MX2.Signed.Test.", "A")
    assert metric(suite, "gkmail_dns_cache_hits_total") - before == 10


@pytest.mark.parametrize("what", ["silent", "cut", "noise", "wrongid", "pointer", "short", "refused", "failed",
                                  "count", "chain"])
def test_servers_that_misbehave(suite, what):
    r = look(suite, f"{what}-1.hostile.test", "A")
    assert r["status"] == "temp" and r["why"], r
    assert look(suite, "mx.plain.test", "A")["status"] == "found"


def test_truncated_by_whom_it_is_asked(suite, hostile):
    r = look(suite, "truncated-1.hostile.test", "A")
    assert r["status"] == "found" and ("truncated", True) in hostile.asked


def test_lies_about_others_are_not_believed(suite):
    assert look(suite, "lies-1.hostile.test", "A")["status"] in ("no_data", "temp")
    assert look(suite, "mx.plain.test", "A")["records"] == ["192.0.2.25"]


def test_one_question_for_many(suite, hostile):
    merged = metric(suite, "gkmail_dns_merged_total")
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: look(suite, "slow-many.hostile.test", "A"), range(12)))
    assert [a["status"] for a in answers] == ["found"] * 12
    assert metric(suite, "gkmail_dns_merged_total") > merged
    assert len([x for x in hostile.asked if x[0] == "slow"]) < 12


def test_dead_servers_delay_nobody(fresh_suite, zones, hostile):
    suite = fresh_suite(config=zones.conf(hostile, timeout="15s"))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        dead = [pool.submit(look, suite, f"silent-{i}.hostile.test", "A") for i in range(8)]
        time.sleep(0.1)
        assert look(suite, "ns.plain.test", "A")["status"] == "found"
        assert not any(d.done() for d in dead)
        assert {d.result()["status"] for d in dead} == {"temp"}


def test_name_of_a_client(suite):
    """PTR and back; the greeting comes before that, and Received says it."""
    suite.send(to=("bob",))
    message = wait_for(lambda: suite.inbox("bob"))[-1]
    assert b" (client.plain.test [127.0.0.1])" in message


def test_keys_of_the_root(suite, fresh_suite):
    keys = suite.dir / "data/dns/root.key"
    assert "DNSKEY" in keys.read_text() or "DS" in keys.read_text()
    other = suite.dir.parent / "other-root.key"
    other.write_text(". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n")
    s = fresh_suite(config=f"[dns]\ntrust_anchor = '{other}'\n")
    own = s.dir / "data/dns/root.key"
    assert "20326" in own.read_text() and "38696" not in own.read_text()
    own.write_text(own.read_text() + "; learnt\n")  # as RFC 5011 would
    s.restart()
    assert "; learnt" in own.read_text()
    other.write_text(". IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16\n")
    s.ctl("reload")
    assert "38696" in own.read_text() and "learnt" not in own.read_text()


def test_keys_of_the_root_are_followed(fresh_suite, zones):
    """What RFC 5011 learns is written down, by the confined process."""
    other = zones.dir / "own-root.key"
    other.write_text(zones.root + "\n")
    s = fresh_suite(config=f"[dns]\nzones = ['. 127.0.0.1@{zones.port}']\ntrust_anchor = '{other}'\n")
    own = s.dir / "data/dns/root.key"
    assert own.read_text() == other.read_text()
    r = look(s, "mx", "A")
    assert (r["status"], r["secure"], r["records"]) == ("found", True, ["192.0.2.25"])
    text = wait_for(lambda: "VALID" in own.read_text() and own.read_text())
    assert "DNSKEY" in text and "last_success" in text
    # And with that it begins again.
    s.restart()
    assert "VALID" in own.read_text() and look(s, "mx", "A")["secure"] is True
    assert "sandbox_violation" not in s.log() and "dns.unbound" not in s.log()


def test_no_keys_at_hand(fresh_suite):
    s = fresh_suite(config="[dns]\ntrust_anchor = '/nowhere/root.key'\n")
    assert "20326" in (s.dir / "data/dns/root.key").read_text()
    assert look(s, "localhost", "A")["records"] == ["127.0.0.1"]


def test_upstream(fresh_suite, hostile):
    """Another resolver is asked, on this host too."""
    s = fresh_suite(config=f"[dns]\nupstreams = ['127.0.0.1@{hostile.port}']\ntrust_anchor = ''\n")
    assert look(s, "anything.example.org", "A")["records"] == ["192.0.2.1"]
    assert look(s, "silent-1.example.org", "A")["status"] == "temp"
    wait_for(lambda: "dns.no_trust_anchor" in s.log())


def test_reload_and_crash(fresh_suite, zones):
    s = fresh_suite(config=zones.conf(timeout="1s").replace("plain.test 127.0.0.1", "elsewhere.test 127.0.0.1"))
    extra = s.dir / "gkmail.toml"
    assert look(s, "mx.plain.test", "A")["status"] != "found"
    extra.write_text(extra.read_text().replace("elsewhere.test 127.0.0.1", "plain.test 127.0.0.1"))
    s.ctl("reload")
    assert look(s, "mx.plain.test", "A")["status"] == "found"
    pid = s.processes()["dnsd"]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: s.processes()["dnsd"] not in (pid, 0) and s.status()["ready"])
    assert look(s, "mx.signed.test", "A")["secure"] is True
    extra.write_text(extra.read_text().replace("plain.test 127.0.0.1", "plain.test 127.0.0.1.2"))
    assert "dns.zones" in s.ctl("reload", check=False).stderr
    assert look(s, "mx.plain.test", "A")["status"] == "found"
