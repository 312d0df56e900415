"""A person at a terminal: python3 terminal.py COMMAND… <script. Each line of the script is "what is waited for|what is typed";
^C and ^D are the keys. Prints all that was seen; exits as the command did (128 + n: by signal n), 99: what was waited for did
not come.
"""

import os
import pty
import select
import signal
import sys
import time

script = [line.rstrip("\n").rsplit("|", 1) for line in sys.stdin if line.strip()]
pid, fd = pty.fork()
if pid == 0:
    # Whoever started the tests may have had these ignored, as a shell does for what runs in the background.
    for sig in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(sig, signal.SIG_DFL)
    os.execvp(sys.argv[1], sys.argv[1:])
seen, at, ended = "", 0, False


def more(end):
    """Whether the command still speaks."""
    global seen, ended
    if not select.select([fd], [], [], max(0, end - time.monotonic()))[0]:
        return False
    try:
        octets = os.read(fd, 4096)
    except OSError:
        ended = True
        return False
    seen += octets.decode(errors="replace")
    return bool(octets)


def leave(code):
    print(seen.replace("\r", ""))
    sys.exit(code)


for wanted, typed in script:
    end = time.monotonic() + 30
    while (found := seen.find(wanted, at)) < 0:
        if not more(end):
            print(f"{wanted!r} did not come after:")
            leave(99)
    at = found + len(wanted)
    key = {"^C": b"\x03", "^D": b"\x04"}.get(typed)
    os.write(fd, key if key else typed.encode() + b"\n")
while more(time.monotonic() + 30):
    pass
if not ended:
    print("it does not end:")
    os.kill(pid, signal.SIGKILL)
status = os.waitpid(pid, 0)[1]
leave(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
