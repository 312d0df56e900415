#!/usr/bin/python3
"""Writes the page's files (webd/ui's output) as C: struct file of webd/files.h. Usage: embed.py FOLDER >page_files.h"""

import gzip
import hashlib
import sys
from pathlib import Path

TYPES = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon",
    ".json": "application/json", ".webmanifest": "application/manifest+json", ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8", ".map": "application/json", ".mp3": "audio/mpeg", ".ogg": "audio/ogg",
}


def read(folder):
    """path -> octets, path -> policy."""
    found = {"/" + str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
    policies = dict(line.split(" ", 1) for line in found.pop("/policy", b"").decode().splitlines())
    # The document has one address.
    found["/"] = found.pop("/index.html")
    return found, policies


def literal(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def array(name, octets):
    print(f"static const unsigned char {name}[] = {{")
    for i in range(0, len(octets), 32):
        print("".join(f"{b}," for b in octets[i:i + 32]))
    print("};")


def main():
    found, policies = read(Path(sys.argv[1]))
    rows = []
    print("/* Made by webd/embed.py. */")
    for i, (path, octets) in enumerate(sorted(found.items())):
        suffix = Path(path).suffix if path != "/" else ".html"
        if suffix not in TYPES:
            sys.exit(f"embed.py: {path}: no type is known for it")
        octets = octets or b"\n"
        small = gzip.compress(octets, 9, mtime=0)
        array(f"plain_{i}", octets)
        if len(small) < len(octets) * 0.95:
            array(f"gzip_{i}", small)
            gz = f"{{(const char *)gzip_{i}, {len(small)}}}"
        else:
            gz = "{NULL, 0}"
        policy = literal(policies[path]) if path in policies else "NULL"
        immutable = "true" if path.startswith("/assets/") else "false"
        digest = hashlib.sha256(octets).hexdigest()[:32]
        rows.append(f"{{{literal(path)}, {literal(TYPES[suffix])}, {literal(digest)}, {policy}, "
                    f"{{(const char *)plain_{i}, {len(octets)}}}, {gz}, {immutable}}},")
    print("\nconst struct file files[] = {")
    print("\n".join(rows))
    print("{0},\n};")


main()
