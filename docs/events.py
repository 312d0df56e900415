"""Writes the table of events in LOGS.md anew, of what the code logs (make samples).

usage: events.py [--check]; with --check nothing is written, and a page that disagrees is exit 1.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/LOGS.md"
BEGIN, END = "<!-- events: written by docs/events.py -->\n", "<!-- end of events -->\n"
DAEMONS = {
    "master": "master", "authd": "authd", "dnsd": "dnsd", "smtpd/screen": "screen", "smtpd/sign": "sign", "smtpd/dkim": "screen, sign",
    "smtpd": "smtpd", "queue": "queue", "delivery/local": "local", "delivery/remote": "remote", "mailboxd": "mailboxd", "imapd": "imapd",
    "webd": "webd", "mcpd": "mcpd", "aid": "aid", "connect": "connect", "statd": "statd", "acme": "acme", "lib": "all",
}
CALL = re.compile(r"\blog_(error|warn|info|debug)\(\s*(?=\S)")
NAME = re.compile(r'"([a-z]+\.[a-z_0-9]+)"')


def arguments(text, at):
    """What stands between the parenthesis before `at` and the one that ends it."""
    depth, i, quoted = 1, at, False
    while depth > 0:
        c = text[i]
        if c == "\\" and quoted:
            i += 1
        elif c == '"':
            quoted = not quoted
        elif not quoted:
            depth += (c == "(") - (c == ")")
        i += 1
    return text[at:i - 1]


def named(first, text):
    """The events that the first argument of a call may be."""
    if NAME.search(first):
        return NAME.findall(first)
    if first.startswith("events"):
        return [e for m in re.finditer(r"\bevents\[\w*\] = \{(.*?)\}", text, re.S) for e in NAME.findall(m[1])]
    # A parameter: what the file's functions are called with, or choose from.
    return [e for e in NAME.findall(text) if not re.search(rf'log_\w+\(\s*"{re.escape(e)}"', text)]


def events():
    """{event: (levels, daemons, fields in the order of their first use)}"""
    found = {}
    for path in sorted(ROOT.rglob("*.c")):
        name = path.relative_to(ROOT).as_posix()
        daemon = next((d for folder, d in DAEMONS.items() if name.startswith(folder + "/")), None)
        if daemon is None or name.endswith(("_test.c", "_fuzz.c")):
            continue
        text = path.read_text()
        for m in CALL.finditer(text):
            call = arguments(text, m.end())
            for event in named(call.split(",")[0].strip(), text):
                levels, daemons, fields = found.setdefault(event, (set(), set(), []))
                levels.add(m[1])
                daemons.add(daemon)
                for f in re.finditer(r'\bL(?:[SZUI]\(\s*"([a-z_0-9]+)"|(E)\()', call):
                    field = f[1] or "error"
                    if field not in fields:
                        fields.append(field)
    return found


def table():
    lines = ["| event | level | of | fields |\n", "|---|---|---|---|\n"]
    for event, (levels, daemons, fields) in sorted(events().items()):
        order = [x for x in ("error", "warn", "info", "debug") if x in levels]
        lines.append(f"| `{event}` | {', '.join(order)} | {', '.join(sorted(daemons))} | {', '.join(f'`{f}`' for f in fields)} |\n")
    return "".join(lines)


def main():
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    written = before + BEGIN + "\n" + table() + "\n" + END + rest.split(END)[1]
    if "--check" not in sys.argv:
        PAGE.write_text(written)
        return 0
    if written != page:
        print("docs/LOGS.md: make samples writes the table of events anew")
    return written != page


if __name__ == "__main__":
    sys.exit(main())
