"""DMARC reports under lost power: what was counted durably is reported once, under one id, whatever was under way."""

import os
import random
import re
import shutil
import time

import pytest

import machine
from reported import CONFIG, Reported, attached, options, report_mails, report_of, send, texts, waiting
from strangers import GOOD
from suite import wait_for

POINTS = 40 if os.environ.get("GKMAIL_LONG") else 4
DISK = "[queue]\nsegment_size = '1MiB'\nmin_free = '4MiB'\n"
SEED = int(os.environ.get("GKMAIL_SEED", "0")) or random.SystemRandom().randrange(1 << 32)

pytestmark = [
    pytest.mark.skipif(machine.why_not is not None, reason=f"power loss: {machine.why_not}"),
    pytest.mark.skipif(not (shutil.which("ldns-signzone") and os.path.exists("/usr/sbin/nsd")), reason="no nsd or ldnsutils"),
]


def by_id(mails):
    """Report id -> its copies."""
    found = {}
    for m in mails:
        key = re.search(r"Report-ID: <(\w+)>", re.sub(r"\s+", " ", m["Subject"]))[1]
        found.setdefault(key, []).append(m)
    return found


def check(m, counted):
    m.ctl("dmarc", "report", "--now")
    wait_for(lambda: not waiting(m), 90, "all reports are sent")

    def told():
        found = by_id(report_mails(m))
        return found if sum(int(n) for v in found.values() for n in texts(report_of(v[0]), "record/row/count")) >= counted else None

    found = wait_for(told, what="a report of everything that was counted")
    for copies in found.values():
        # Twice where the end came between the queue's word and the record of it.
        assert len(copies) <= 2 and len({attached(c).get_payload() for c in copies}) == 1
    total = sum(int(n) for v in found.values() for n in texts(report_of(v[0]), "record/row/count"))
    assert total == counted, f"{total} told of {counted}"


def test_power_loss_reports(workdir):
    zones = Reported(workdir / "reported")
    m = machine.Machine(workdir, *options(), config=zones.conf(timeout="1s") + CONFIG + DISK)
    r = random.Random(SEED)
    counted = 0
    try:
        m.start()
        m.disk.sync()
        for i in range(POINTS):
            send(m, "author.test", GOOD, 3, f"power{i}")
            waiting(m)  # written down: the last seconds' counts alone may be lost, and are not meant here
            m.disk.sync()
            counted += 3
            m.ctl("dmarc", "report", "--now")
            time.sleep(r.uniform(0, 0.15))
            m.power_off()
            m.power_on()
        check(m, counted)
    except Exception as e:
        raise AssertionError(f"GKMAIL_SEED={SEED}: {e}\n{m.log()[-3000:]}") from e
    finally:
        m.destroy()
        zones.stop()
