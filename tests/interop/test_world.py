"""Mail across GK Mail, Postfix and another GK Mail."""

from world import message, wait_for


def test_postfix_sends_to_us_by_dane(world):
    world.postfix.send("root@post.test", "alice@one.test", message("root@post.test", "alice@one.test", "dane"))
    wait_for(lambda: world.one.found("dane"))
    assert "Verified TLS connection established to mx.one.test" in world.postfix.log()
