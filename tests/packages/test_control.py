"""debian/ says the same as the rest of the tree."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_what_a_build_depends_on():
    """What `make deps` installs, but for what every Debian build has (build-essential)."""
    field = re.search(r"^Build-Depends: (.*?)^\S", (ROOT / "debian/control").read_text(), re.M | re.S).group(1)
    packages = {x.split()[0] for x in field.split(",") if x.strip() and not x.strip().startswith("dh-")}
    wanted = set((ROOT / "etc/build-depends").read_text().split()) - {"gcc", "libc6-dev"}
    assert packages - {"debhelper-compat"} == wanted


def test_the_unit_gives_master_what_it_keeps():
    kept = set(re.findall(r"CAP_\w+", re.search(r"needed\[\] = \{(.*?)\}", (ROOT / "lib/svc/confine.c").read_text(), re.S).group(1)))
    given = re.findall(r"^CapabilityBoundingSet=(.*)", (ROOT / "etc/gkmail.service").read_text(), re.M)
    assert set(" ".join(given).split()) == kept


def test_every_user_of_a_daemon_is_made():
    """master/service.c, etc/gkmail.sysusers, gkmail setup."""
    needed = set(re.findall(r'\{"\w+", PEER_\w+, "(\w+)", \d+,', (ROOT / "master/service.c").read_text()))
    made = set(re.findall(r"^u gkmail-(\w+)", (ROOT / "etc/gkmail.sysusers").read_text(), re.M))
    assert needed and needed == made
    roles = re.search(r"roles\[\] = \{(.*?)\};", (ROOT / "ctl/setup_system.c").read_text(), re.S).group(1)
    assert set(re.findall(r'"(\w+)"', roles)) == needed
