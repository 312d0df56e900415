"""libspf2 behind our interface: the public suite with the differences that are known, and random zones for both engines."""

import ipaddress
import random
import subprocess

import pytest
from test_spf import PROGRAM, Zone, cases, evaluate

# What Debian's 1.2.10 answers otherwise than RFC 7208, by reason.
KNOWN = {
    "no prefix of length 0 (5.6)": """a-cidr4-0 a-cidr4-0-ip6 a-cidr6-0-ip4 a-cidr6-0-ip4mapped a-cidr6-0-ip6 a-cidr6-0-nxdomain
        a-nxdomain mx-nxdomain mx-cidr4-0 mx-cidr4-0-ip6 mx-cidr6-0-ip4 mx-cidr6-0-ip4mapped mx-cidr6-0-ip6 mx-cidr6-0-nxdomain
        cidr4-0 cidr6-0 cidr6-0-ip4 cidr6-ip4""",
    "a leading zero in a prefix length is taken": "cidr4-032",
    "a domain-spec may end in anything, even in nothing (7.1)": """invalid-domain ptr-empty-domain a-bad-domain a-null a-numeric
        a-numeric-toplabel a-bad-toplabel a-only-toplabel a-only-toplabel-trailing-dot a-empty-domain mx-bad-domain mx-null
        mx-numeric-top-label mx-bad-toplab mx-empty-domain exists-empty-domain exists-cidr exp-empty-domain exp-only-macro-char
        redirect-empty-domain""",
    "macros that are none are found late or never (7.1)": """exp-syntax-error invalid-macro-char invalid-embedded-macro-char
        invalid-trailing-macro-char unknown-modifier-syntax""",
    "modifiers: their names, their place, twice the same (6)": """modifier-charset-good redirect-after-mechanisms1
        redirect-after-mechanisms2 redirect-is-modifier exp-twice redirect-twice""",
    "octets beyond printable ASCII are passed over (4.5)": "non-ascii-policy control-char-policy",
    "an answer that fails for one PTR ends all (5.5)": "ptr-cname-loop",
    "limits: by mechanism, not by check; too many PTR names are an error; no limit on void answers (4.6.4)": """ptr-limit
        include-over-limit void-over-limit""",
}
DIFFERENT = {name for names in KNOWN.values() for name in names.split()}


def start(*args):
    return subprocess.Popen([PROGRAM, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def engines():
    with start() as own, start("libspf2") as other:
        yield own, other
        for p in own, other:
            p.stdin.close()
            assert p.wait(20) == 0


def test_differences_are_the_known_ones(engines):
    wrong = set()
    for param in cases():
        zone, case = param.values
        expected = case["result"] if isinstance(case["result"], list) else [case["result"]]
        if evaluate(engines[1], zone, case)[0] not in expected:
            wrong.add(param.id)
    assert wrong == DIFFERENT
    assert len(list(cases())) - len(wrong) == 147


NAMES = [f"{a}.{b}" for a in ("a", "b", "c", "mail") for b in ("example.org", "example.net")]
QUALIFIERS = ["", "+", "-", "~", "?"]


HOSTS = [f"192.0.2.{i}" for i in range(8)] + [f"2001:db8::{i}" for i in range(4)]


def address(r):
    return r.choice(HOSTS[:8])


def term(r):
    name, prefix = r.choice(NAMES), r.choice(["", "", "/24", "/30", "/32"])
    return r.choice(QUALIFIERS) + r.choice([
        f"ip4:{address(r)}{prefix}", f"ip6:2001:db8::{r.randrange(4)}", "a" + prefix, f"a:{name}{prefix}", "mx", f"mx:{name}{prefix}",
        f"include:{name}", "exists:%{i}.list.example.org", f"exists:{name}", "all"])


def random_zone(r):
    """Records that both engines read alike, few enough terms for every limit, no name that is missing."""
    data = {}
    for name in NAMES:
        data[name] = [{"A": address(r)} for _ in range(r.randrange(1, 3))] + [{"MX": [10, r.choice(NAMES)]}]
        data[name].append({"AAAA": f"2001:db8::{r.randrange(4)}"})
        terms = [term(r) for _ in range(r.randrange(3))]
        # Including others everywhere would meet the limits: names of example.net include nobody.
        if name.endswith("net"):
            terms = [t for t in terms if "include" not in t]
        else:
            terms = [t for t in terms if "include" not in t or t.endswith("net")][:2]
        data[name].append({"TXT": " ".join(["v=spf1", *terms, r.choice(["-all", "~all", "?all", "redirect=a.example.net"])
                                            if name != "a.example.net" else "-all"])})
    for host in HOSTS:
        data[".".join(host.split(".") if "." in host else ipaddress.ip_address(host).exploded.replace(":", "")) + ".list.example.org"] = [
            {"A": "127.0.0.2"}]
    return Zone(data)


@pytest.mark.parametrize("seed", range(20))
def test_both_agree_on_random_zones(engines, seed):
    r, seen = random.Random(seed), set()
    for _ in range(20):
        zone = random_zone(r)
        case = {"host": r.choice(HOSTS), "helo": "mail.example.org", "mailfrom": r.choice(["", f"x@{r.choice(NAMES)}"])}
        results = [evaluate(p, zone, case)[0] for p in engines]
        assert results[0] == results[1], (zone.names, case)
        seen.add(results[0])
    assert len(seen) > 1


def mutate(r, text):
    out = list(text)
    for _ in range(r.randrange(1, 6)):
        at = r.randrange(len(out) + 1)
        out[at:at + r.randrange(3)] = r.choice(["%", "%{", "}", "%{d99r.}", "%{p1r+-}", "/", "//", ":", "=", " ", "\0", "\xff", "." * 70, "9" * 30, "%{l}" * 40])
    return "".join(out)


@pytest.mark.parametrize("seed", range(10))
def test_neither_falls_over_broken_records(engines, seed):
    r = random.Random(1000 + seed)
    for _ in range(30):
        zone = random_zone(r)
        for records, _ in zone.names.values():
            records[:] = [(k, mutate(r, v) if k == "TXT" else v) for k, v in records]
        case = {"host": address(r), "helo": "mail.example.org", "mailfrom": f"x%{{d}}@{r.choice(NAMES)}"}
        for p in engines:
            assert evaluate(p, zone, case)[0] in ("none", "neutral", "pass", "fail", "softfail", "temperror", "permerror")
