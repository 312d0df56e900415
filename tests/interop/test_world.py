"""Mail across GK Mail, Postfix and another GK Mail."""

from world import wait_for


def message(sender, to, subject):
    return f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{subject}@test>\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\n\r\nhello\r\n".encode()


def test_postfix_sends_to_us_by_dane(world):
    world.postfix.send("root@post.test", "alice@one.test", message("root@post.test", "alice@one.test", "dane"))
    wait_for(lambda: any(b"Subject: dane" in m for m in world.one.inbox("alice")))
    assert "Verified TLS connection established to mx.one.test" in world.postfix.log()
