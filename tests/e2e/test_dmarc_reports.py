"""DMARC reports: counted, sent to those who may have them, read when they come; bombs; crashes; failure reports."""

import email
import email.message
import email.policy
import email.utils
import gzip
import io
import json
import os
import random
import re
import shutil
import signal
import time
import zipfile

import pytest

from conftest import make, wait_for
from reported import CONFIG, NS, RUA, RUF, Reported, attached, options, path, report_mails, report_of, send, texts, waiting
from strangers import BAD, GOOD, hand_in, messages
from test_screen import arrived, results

pytestmark = pytest.mark.skipif(not (shutil.which("ldns-signzone") and os.path.exists("/usr/sbin/nsd")),
                                reason="needs nsd and ldnsutils (make deps-check)")


@pytest.fixture(scope="module")
def zones(workdir):
    z = Reported(workdir / "reported")
    yield z
    z.stop()


@pytest.fixture(scope="module")
def suite(workdir, zones):
    s = make(workdir, *options(), config=zones.conf() + CONFIG).start()
    yield s
    assert "sandbox_violation" not in s.log()
    assert s.stop() == 0


def test_counts_go_to_those_who_may_have_them(suite):
    send(suite, "author.test", GOOD, 2)
    send(suite, "author.test", BAD, 1, "forged")
    send(suite, "sub.author.test", BAD, 1, "forged-below")
    send(suite, "asking.test", GOOD, 1)
    send(suite, "silent.author.test", GOOD, 1)  # asks for no reports
    rows = waiting(suite)
    assert set(rows) == {"author.test", "asking.test"}
    assert rows["author.test"]["messages"] == 4 and rows["author.test"]["state"] == "counting"
    begin = int(time.time())
    assert {r["domain"] for r in json.loads(suite.ctl("--json", "dmarc", "report", "--now").stdout)} == {"author.test", "asking.test"}
    m, = wait_for(lambda: report_mails(suite), what="the report")
    wait_for(lambda: not waiting(suite), what="all is sent")

    # RFC 9990 3.5.2
    subject = re.fullmatch(r"Report Domain: author\.test Submitter: (\S+) Report-ID: <(\w+)>", re.sub(r"\s+", " ", m["Subject"]))
    host, report_id = subject.groups()
    name = attached(m).get_filename().split("!")
    assert name[:2] == [host, "author.test"] and name[4] == f"{report_id}.xml.gz"
    assert m["To"] == f"<{RUA}>" and m["Auto-Submitted"] == "auto-generated" and m["Return-Path"] == "<>"

    # RFC 9990 3.1, appendix A
    root = report_of(m)
    assert root.tag == NS + "feedback" and texts(root, "version") == ["1.0"]
    assert texts(root, "report_metadata/org_name") == [host] and texts(root, "report_metadata/report_id") == [report_id]
    dates = [texts(root, f"report_metadata/date_range/{k}")[0] for k in ("begin", "end")]
    assert dates == name[2:4] and int(dates[0]) <= begin <= int(dates[1]) <= begin + 60
    policy = {e.tag.removeprefix(NS): e.text for e in path(root, "policy_published/*".replace("*", "domain"))[0:1]}
    assert policy == {"domain": "author.test"}
    for key, value in {"p": "quarantine", "sp": "quarantine", "np": "quarantine", "testing": "n", "fo": "1", "adkim": "r",
                       "discovery_method": "treewalk"}.items():
        assert texts(root, f"policy_published/{key}") == [value]
    found = set()
    for r in path(root, "record"):
        one = lambda names: texts(r, names)[0]  # noqa: E731
        found.add((one("row/source_ip"), one("row/count"), one("row/policy_evaluated/disposition"), one("row/policy_evaluated/spf"),
                   one("row/policy_evaluated/dkim"), one("identifiers/header_from"), one("identifiers/envelope_from"),
                   one("auth_results/spf/result"), one("auth_results/spf/scope")))
    assert found == {
        (GOOD, "2", "pass", "pass", "fail", "author.test", "author.test", "pass", "mfrom"),
        (BAD, "1", "quarantine", "fail", "fail", "author.test", "author.test", "fail", "mfrom"),
        (BAD, "1", "quarantine", "fail", "fail", "sub.author.test", "sub.author.test", "none", "mfrom")}

    # The host of asking.test's address wanted them elsewhere; victim.test never agreed.
    other, = wait_for(lambda: report_mails(suite, "failures"), what="the other report")
    assert other["To"] == f"<{RUF}>"
    assert "victim.test" not in "".join(line for line in suite.log().splitlines() if "dmarc.report_sent" in line)

    # One that comes back to us is listed at once, and so is who sent.
    listed = json.loads(suite.ctl("--json", "dmarc", "list", "--domain", "author.test").stdout)
    assert [(r["organization"], r["messages"], r["passed"], r["verified"]) for r in listed] == [(host, 4, 2, 1)]
    shown = {r["source"]: r for r in json.loads(suite.ctl("--json", "dmarc", "show", "--domain", "AUTHOR.test").stdout)}
    assert shown[GOOD]["passed"] == 2 and shown[BAD]["passed"] == 0 and shown[BAD]["refused"] == 2


def test_failures_are_told(suite):
    send(suite, "author.test", BAD, 1, "failing")
    m, = wait_for(lambda: [m for m in messages(suite, user="failures") if b"Subject: failing-0" in m], what="a failure report")
    parts = list(email.message_from_bytes(m).walk())
    assert [p.get_content_type() for p in parts][:2] == ["multipart/report", "text/plain"]
    told = m.decode()
    assert "Auth-Failure: dmarc" in told and f"Source-IP: {BAD}" in told and "Reported-Domain: author.test" in told
    assert "Identity-Alignment: dkim, spf" in told and 'SPF-DNS: txt : author.test : "v=spf1' in told
    assert "\r\nFrom: a@author.test\r\n" in told and "\r\nHello.\r\n" not in told  # the header alone
    # No more than five an hour.
    send(suite, "author.test", BAD, 10, "failing")
    wait_for(lambda: len([m for m in messages(suite, user="failures") if b"feedback-report" in m]) == 5, what="more of them")
    time.sleep(1)
    assert len([m for m in messages(suite, user="failures") if b"feedback-report" in m]) <= 5


def foreign(report_id, domain="author.test", count=7, source="198.51.100.9"):
    """As large receivers send them: RFC 7489's format."""
    return (f"""<?xml version="1.0" encoding="UTF-8" ?>
<feedback><report_metadata><org_name>google.com</org_name><email>noreply@google.com</email><report_id>{report_id}</report_id>
<date_range><begin>{int(time.time()) - 86400}</begin><end>{int(time.time()) - 1}</end></date_range></report_metadata>
<policy_published><domain>{domain}</domain><adkim>r</adkim><aspf>r</aspf><p>none</p><sp>none</sp><pct>100</pct></policy_published>
<record><row><source_ip>{source}</source_ip><count>{count}</count><policy_evaluated><disposition>none</disposition>
<dkim>fail</dkim><spf>pass</spf></policy_evaluated></row><identifiers><header_from>{domain}</header_from></identifiers>
<auth_results><spf><domain>{domain}</domain><result>pass</result></spf></auth_results></record></feedback>""").encode()


def carrier(subject, kind, name, data, author="noreply@second.test"):
    m = email.message.EmailMessage(policy=email.policy.SMTP)
    m["From"], m["To"], m["Subject"] = author, f"DMARC <{RUA}>", subject
    m["Date"], m["Message-ID"] = email.utils.formatdate(), email.utils.make_msgid(domain="second.test")
    m.set_content("A report.")
    m.add_attachment(data, maintype="application", subtype=kind, filename=name)
    return m.as_bytes()


def zipped(name, data):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr(name, data)
    return out.getvalue()


def deliver(suite, message, subject):
    assert hand_in(suite, message, "noreply@second.test", GOOD, to="dmarc")[0] == 250
    return arrived(suite, subject, user="dmarc")


def listed(suite, report_id, organization="google.com"):
    # Its id is not shown: the number of messages tells it.
    return [r for r in json.loads(suite.ctl("--json", "dmarc", "list").stdout)
            if r["organization"] == organization and r["messages"] == report_id]


@pytest.mark.parametrize("number, kind, name, pack", [
    (101, "gzip", "a!b!1!2.xml.gz", gzip.compress), (102, "zip", "a!b!1!2.zip", lambda x: zipped("a.xml", x)),
    (103, "octet-stream", "A.XML", bytes)])
def test_reports_are_read(suite, number, kind, name, pack):
    deliver(suite, carrier(f"report-{number}", kind, name, pack(foreign(number, count=number))), f"report-{number}")
    row, = wait_for(lambda: listed(suite, number), what="the report in the list")
    assert row["domain"] == "author.test" and row["passed"] == number and row["sender"] == "second.test" and row["verified"] == 1
    # The same again counts once.
    deliver(suite, carrier(f"again-{number}", kind, name, pack(foreign(number, count=number))), f"again-{number}")
    wait_for(lambda: re.search(rf"dmarc.report_in .*report={number} .*known=1", suite.log()), what="the log")
    assert len(listed(suite, number)) == 1


def test_whose_report_it_is_stands_with_it(suite):
    carried = carrier("unproven", "gzip", "a.xml.gz", gzip.compress(foreign(201, count=201)))
    assert hand_in(suite, carried, "noreply@second.test", BAD, to="dmarc", linger=2)[0] == 250
    arrived(suite, "unproven", "Junk", user="dmarc")
    row, = wait_for(lambda: listed(suite, 201), what="the report in the list")
    assert row["verified"] == 0


def rss(suite):
    text = open(f"/proc/{suite.processes()['screen']}/status").read()
    return int(re.search(r"VmHWM:\s+(\d+)", text)[1])


@pytest.mark.parametrize("what", ["gzip", "zip", "entities", "depth", "rows", "twice"])
def test_bombs(suite, what):
    big = b" " * (40 << 20)
    deep = b"<feedback>" + b"<a>" * 1000000
    rows = b"<feedback>" + b"<record/>" * 2000000 + b"</feedback>"
    entities = b'<!DOCTYPE f [<!ENTITY a "aaaaaaaaaa">' + b"".join(
        b'<!ENTITY %s "&%s;&%s;&%s;&%s;&%s;&%s;&%s;&%s;">' % ((bytes([98 + i]),) + (bytes([97 + i]),) * 8) for i in range(9)
    ) + b"]><feedback>&j;</feedback>"
    name, data = {
        "gzip": ("a.xml.gz", gzip.compress(big)), "zip": ("a.zip", zipped("a.xml", big)), "entities": ("a.xml", entities),
        "depth": ("a.xml.gz", gzip.compress(deep)), "rows": ("a.xml.gz", gzip.compress(rows)),
        "twice": ("a.xml.gz", gzip.compress(gzip.compress(big)))}[what]
    before, pid = suite.log().count("dmarc.report_refused"), suite.processes()["screen"]
    deliver(suite, carrier(f"bomb-{what}", "octet-stream", name, data), f"bomb-{what}")
    wait_for(lambda: suite.log().count("dmarc.report_refused") > before, what="the refusal")
    assert suite.processes()["screen"] == pid
    assert rss(suite) < 160 << 10  # KiB: 32 MiB unpacked, what is read of it, and the message


def test_what_proves_itself_a_report_is_not_reported_on(suite):
    """second.test asks for no reports; author.test does, and sends one of its own."""
    before = waiting(suite).get("author.test", {"messages": 0})["messages"]
    m = carrier("Report Domain: x Submitter: y Report-ID: <z1>", "gzip", "a.xml.gz", gzip.compress(foreign(301, count=301)),
                author="noreply@author.test")
    assert hand_in(suite, m, "noreply@author.test", GOOD, to="dmarc")[0] == 250
    wait_for(lambda: listed(suite, 301), what="the report in the list")
    send(suite, "author.test", GOOD, 1, "counted")
    assert waiting(suite)["author.test"]["messages"] == before + 1


def test_a_crash_neither_loses_nor_multiplies(suite):
    """gk-screen is killed at any instant of counting and sending."""
    r = random.Random(7)
    had = len(report_mails(suite))
    for i in range(6):
        send(suite, "author.test", GOOD, 1, f"crash{i}")
        waiting(suite)  # written down: what is counted in memory may be lost
        suite.ctl("dmarc", "report", "--now")
        time.sleep(r.random() * 0.03)
        os.kill(suite.processes()["screen"], signal.SIGKILL)
        wait_for(lambda: suite.status()["processes"] and suite.ctl("dmarc", "report", check=False).returncode == 0, what="gk-screen again")
    wait_for(lambda: not waiting(suite), what="all is sent", seconds=90)
    wait_for(lambda: len(report_mails(suite)) >= had + 6, what="six reports")
    ids = {}
    for m in report_mails(suite):
        key = re.search(r"Report-ID: <(\w+)>", re.sub(r"\s+", " ", m["Subject"]))[1]
        ids.setdefault(key, []).append((attached(m).get_filename(), attached(m).get_payload()))
    for copies in ids.values():
        assert len(copies) <= 2 and len(set(copies)) == 1
    assert len(ids) >= had + 6


def test_libspf2_may_decide(workdir, zones):
    s = make(workdir, *options(), config=zones.conf() + CONFIG + "[screen]\nspf_engine = 'libspf2'\n").start()
    send(s, "author.test", GOOD, 1, "by-libspf2")
    send(s, "author.test", BAD, 1, "by-libspf2-forged")
    assert "spf=pass smtp.mailfrom=a@author.test" in results(arrived(s, "by-libspf2-0"))
    assert "spf=fail smtp.mailfrom=a@author.test" in results(arrived(s, "by-libspf2-forged-0", box="Junk"))
    assert "sandbox_violation" not in s.log()
    assert s.stop() == 0


def test_a_damaged_store_is_put_aside(workdir, zones):
    s = make(workdir, *options(), config=zones.conf() + CONFIG).start()
    assert s.stop() == 0
    store, = s.dir.glob("**/screen/reports.db")
    store.write_bytes(b"no database at all, but long enough to look like one " * 200)
    s.start()
    send(s, "author.test", GOOD, 1)
    assert waiting(s)["author.test"]["messages"] == 1
    assert store.with_name("reports.db.damaged").exists()
    wait_for(lambda: "dmarc.store_damaged" in s.log())
    assert s.stop() == 0
    assert s.start() and waiting(s)["author.test"]["messages"] == 1  # a clean stop writes all down
    assert s.stop() == 0


def test_without_a_store_mail_is_checked(workdir, zones):
    s = make(workdir, *options(), config=zones.conf() + CONFIG).start()
    assert s.stop() == 0
    store, = s.dir.glob("**/screen/reports.db")
    store.unlink()
    store.mkdir()
    s.start()
    send(s, "author.test", GOOD, 1, "unreported")
    assert "dmarc=pass" in results(arrived(s, "unreported-0"))
    deliver(s, carrier("unread", "gzip", "a.xml.gz", gzip.compress(foreign(1))), "unread")
    for words in (["dmarc", "report", "--now"], ["dmarc", "list"], ["dmarc", "show"]):
        assert s.ctl(*words, check=False).returncode == 75
    wait_for(lambda: "dmarc.no_store" in s.log())
    store.rmdir()
    assert s.stop() == 0
