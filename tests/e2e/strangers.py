"""Hosts that nobody trusts hand in mail: for the tests of what is checked then."""

import smtplib
import time

GOOD, BAD = "127.0.0.2", "127.0.0.3"  # may send for the domains below, and may not
STRANGERS = "[limits]\ntrusted_networks = ['127.0.0.1']\n[smtp]\ngreet_delay = '0s'\n"


def letter(author, subject="hello", body="Hello.\r\n", more=""):
    date = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime())
    return (f"{more}From: {author}\r\nTo: bob\r\nSubject: {subject}\r\nDate: {date}\r\n"
            f"Message-ID: <{time.monotonic_ns()}@x.test>\r\n\r\n{body}").encode()


def hand_in(suite, message, sender, source, to="bob", helo="mail.good.test", linger=0):
    """The reply to the message, as (code, text)."""
    with smtplib.SMTP("127.0.0.1", suite.port("smtp"), source_address=(source, 0), timeout=60) as c:
        c.ehlo(helo)
        time.sleep(linger)  # the name of its address is asked for meanwhile, and waited for by nobody
        assert c.mail(sender)[0] == 250
        assert c.rcpt(suite.user(to)["address"])[0] == 250
        code, text = c.data(message)
        return code, text.decode()


def messages(suite, box="INBOX", user="bob"):
    with suite.imap(user) as c:
        c.select(box, readonly=True)
        _, found = c.uid("SEARCH", None, "ALL")
        return [next(d[1] for d in c.uid("FETCH", uid.decode(), "(BODY.PEEK[])")[1] if isinstance(d, tuple))
                for uid in found[0].split()]
