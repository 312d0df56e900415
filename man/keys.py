"""Writes the keys of gkmail.toml(5) anew from `gkmail config explain --json`.

usage: keys.py GKMAIL PAGE [--check]; with --check nothing is written, and a page that disagrees is exit 1.
"""

import json
import re
import subprocess
import sys

BEGIN, END = '.\\" The keys: written by man/keys.py (make samples).\n', '.\\" End of the keys.\n'
SECTIONS = {
    "server": "The whole suite.",
    "tls": "Certificate and policy of every TLS listener.",
    "acme": "The server's certificate from an authority:\n.Xr gk-acme 8 .",
    "smtp": "Mail from other hosts, and limits of every SMTP session.",
    "submission": "Mail from the users' own programs.",
    "imap": "Reading mail.",
    "mailbox": "The processes that own mailboxes.",
    "queue": "Messages that wait.",
    "web": "The web client and JMAP:\n.Xr gk-webd 8 .",
    "mcp": "What agents come by:\n.Xr gk-mcpd 8 .",
    "delivery": "Into mailboxes.",
    "dns": "Questions to the DNS.",
    "auth": "Accounts and passwords.",
    "limits": "What clients may use up.",
    "assistant": "The assistant in the web client:\n.Xr gk-aid 8 .",
    "metrics": "Numbers and health, for those who watch over the suite:\n.Xr gk-statd 8 .",
    "backup": "Snapshots of everything, by gkmail backup:\n.Xr gkmail 8 .",
    "log": "The log.",
    "certificate": "One more certificate, for clients that ask for one of its names (SNI).\n"
                   "The one in\n.Sx [tls]\nis for all others.\n"
                   "Of several with the same name and keys of different kinds the client's algorithms decide.",
    "remote": "Mail to other hosts.",
    "screen": "Checks of mail from other hosts:\n.Xr gk-screen 8 .",
    "dmarc": "Policies that domains publish about mail in their name, and reports about it.",
    "dkim": "Signatures on what users send.",
    "route": "Where mail to a domain goes, in place of the hosts that the DNS names, and how it is protected on the way.\n"
             "The most specific domain wins: a name over those below\n.Dq .example.org ,\nlonger ones over shorter, and\n"
             ".Dq *\nlast.",
}


def text(s):
    """A sentence a line; nothing is taken for a macro."""
    lines = re.sub(r"(?<=[.:]) (?=[A-Z\"0-9])", "\n", s.replace("\\", "\\e")).split("\n")
    return "".join(("\\&" if line[:1] in ".'" else "") + line + "\n" for line in lines)


def value(row):
    if row["default"] == "":
        return ""
    return f".Pp\nDefault: {text(row['default'])}"


def limits(row):
    if not row["limits"]:
        return ""
    if row["type"] == "choice":
        return ": " + ", ".join(c for c in row["limits"].split("|") if c)
    low, _, high = row["limits"].partition("..")
    return f" from {low} to {high}" if low and high else f" from {low}" if low else f" up to {high}"


def page(rows):
    out, section = [], None
    for row in rows:
        if row["section"] != section:
            if section:
                out.append(".El\n")
            section = row["section"]
            name = f"[[{section}]]" if row["table"] else f"[{section}]"
            out.append(f".Ss {name}\n{SECTIONS.get(section, '')}\n.Bl -tag -width Ds\n")
        out.append(f".It Ic {row['key']} Pq {row['type']}{limits(row)}\n{text(row['help'])}{value(row)}")
    out.append(".El\n")
    return "".join(out)


def main(gkmail, path, *options):
    rows = json.loads(subprocess.run([gkmail, "config", "explain", "--json"], check=True, capture_output=True,
                                     text=True).stdout)
    with open(path) as f:
        old = f.read()
    head, _, rest = old.partition(BEGIN)
    new = head + BEGIN + page(rows) + END + rest.partition(END)[2]
    if "--check" in options:
        if new != old:
            print(f"{path}: make samples writes its keys anew")
        return new != old
    with open(path, "w") as f:
        f.write(new)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
