"""Writes anew what is printed from tables (make samples): etc/gkmail.toml, etc/gkmail.bash, the keys of gkmail.toml(5), the
dashboards of Grafana, the events of LOGS.md.

usage: samples.py GKMAIL [--check]; with --check nothing is written, and a file that disagrees is exit 1 (make lint).
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PRINTED = {"etc/gkmail.toml": ["config", "sample"], "etc/gkmail.bash": ["completion"]}


def main(gkmail, *options):
    bad = 0
    for name, words in PRINTED.items():
        text = subprocess.run([gkmail, *words], check=True, capture_output=True).stdout
        if "--check" not in options:
            (ROOT / name).write_bytes(text)
        elif text != (ROOT / name).read_bytes():
            print(f"{name}: make samples writes it anew")
            bad = 1
    for script, *words in (["man/keys.py", gkmail, ROOT / "man/gkmail.toml.5"], ["etc/grafana/dashboards.py"], ["docs/events.py"]):
        bad |= subprocess.run([sys.executable, ROOT / script, *words, *options]).returncode
    return bad


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
