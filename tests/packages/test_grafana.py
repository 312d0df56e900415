"""The dashboards are what Grafana's own types of them (@grafana/schema, of the version in docker/compose.prod.yml) demand: each member
that must be there is, of its type, and none is there that Grafana does not know. Grafana itself is not in Debian."""

import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = Path(__file__).parent / "node_modules/@grafana/schema"
TSC = ROOT / "webd/ui/node_modules/.bin/tsc"
DASHBOARDS = sorted((ROOT / "etc/grafana/dashboards").glob("*.json"))

pytestmark = pytest.mark.skipif(not SCHEMA.is_dir() or not TSC.exists(), reason="make packaging")

# JSON has strings where TypeScript has enums. What a query of Prometheus is the schema leaves open.
TYPES = """\
import type {{ Dashboard, Panel }} from "{raw}/dashboard/x/dashboard_types.gen";
import type {{ Options as TimeSeries }} from "{raw}/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";
import type {{ Options as Stat }} from "{raw}/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type {{ Options as BarGauge }} from "{raw}/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen";
type Plain<T> = T extends string ? `${{T}}` : T extends number ? (`${{T}}` extends `${{infer N extends number}}` ? N : T)
	: T extends (infer E)[] ? Plain<E>[] : T extends object ? {{ [K in keyof T]: Plain<T[K]> }} : T;
type Query = {{ refId: string; datasource: {{ type: "prometheus"; uid: string }}; expr: string; legendFormat: string;
	instant: boolean; range: boolean }};
type Of<Kind, O> = Plain<Omit<Panel, "type" | "options" | "targets">> & {{ type: Kind; options: Plain<O>; targets: Query[] }};
type All = Plain<Omit<Dashboard, "panels">> & {{
	panels: (Of<"timeseries", TimeSeries> | Of<"stat", Stat> | Of<"bargauge", BarGauge>)[] }};
"""


def wrong(folder, dashboard):
    """What the compiler says of it."""
    text = TYPES.format(raw=SCHEMA / "dist/types/raw") + f"export const dashboard: All = {json.dumps(dashboard)};\n"
    (folder / "dashboard.ts").write_text(text)
    return subprocess.run([TSC, "--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "es2022", "--moduleResolution",
                           "bundler", folder / "dashboard.ts"], capture_output=True, text=True).stdout


def test_they_are_what_grafana_takes(tmp_path):
    version = json.loads((SCHEMA / "package.json").read_text())["version"]
    assert f"docker.io/grafana/grafana:{version}\n" in (ROOT / "docker/compose.prod.yml").read_text()
    together = [json.loads(p.read_text()) for p in DASHBOARDS]
    assert len(together) == 4
    for d in together[1:]:
        together[0]["panels"] += d["panels"]
        assert {k: v for k, v in d.items() if k not in ("panels", "uid", "title")} == \
            {k: v for k, v in together[0].items() if k not in ("panels", "uid", "title")}
    assert wrong(tmp_path, together[0]) == ""
    # And the compiler does see what is wrong.
    together[0]["panels"][0]["options"]["colorMode"] = "purple"
    assert "purple" in wrong(tmp_path, together[0])


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda p: p.stem)
def test_what_types_do_not_say(path):
    """Variables that queries use are there; ids and places are one panel's each; a unit is one that Grafana knows."""
    d = json.loads(path.read_text())
    variables = {v["name"]: v for v in d["templating"]["list"]}
    assert variables["source"]["type"] == "datasource" and variables["source"]["query"] == "prometheus"
    ids, cells = [p["id"] for p in d["panels"]], set()
    assert len(ids) == len(set(ids)) and d["uid"] == path.stem and len(d["uid"]) <= 40 and d["schemaVersion"] >= 36
    for p in d["panels"]:
        # Of @grafana/data's valueFormats/categories.
        assert p["fieldConfig"]["defaults"]["unit"] in ("none", "percentunit", "d", "bytes", "s", "reqps", "ops"), p["title"]
        place = p["gridPos"]
        taken = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not taken & cells and max(x for x, _ in taken) < 24
        cells |= taken
        assert len({t["refId"] for t in p["targets"]}) == len(p["targets"]) > 0
        for t in p["targets"]:
            used = set(re.findall(r"\$\{?(\w+)", t["expr"])) - {"__rate_interval"}
            assert used <= set(variables) and t["datasource"]["uid"] == "${source}"
