"""Writes the Grafana dashboards beside it, of the tables below (make samples).

usage: dashboards.py [--check]; with --check nothing is written, and a file that disagrees is exit 1.
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent / "dashboards"
I = 'instance=~"$instance"'  # noqa: E741
R = "$__rate_interval"


def rate(metric, by="", labels=""):
    by = f"sum by ({by}) " if by else "sum"
    return f"{by}(rate({metric}{{{I}{',' + labels if labels else ''}}}[{R}]))"


def quantile(q, metric):
    return f"histogram_quantile({q}, sum by (le) (rate({metric}_bucket{{{I}}}[{R}])))"


def both(metric, unit="s", title=""):
    return title, unit, "timeseries", [(quantile(0.5, metric), "median"), (quantile(0.95, metric), "95 %")]


# Title, unit, kind of panel, queries with their legends.
DASHBOARDS = {
    "gkmail-health": ("GK Mail: health", [
        ("Scraped", "none", "stat", [('up{job="gkmail",' + I + "}", "{{instance}}")]),
        ("Listeners that greet", "none", "stat", [(f"min by (what) (gkmail_probe_up{{{I}}})", "{{what}}")]),
        ("Processes not ready", "none", "stat", [(f"count(gkmail_process_up{{{I}}} == 0) or vector(0)", "not ready")]),
        ("Alerts", "none", "stat", [('count(ALERTS{alertstate="firing"}) or vector(0)', "firing")]),
        ("Disk in use", "percentunit", "timeseries", [(f"gkmail:disk_used_ratio{{{I}}}", "{{directory}}")]),
        ("Certificates: days left", "d", "stat",
         [(f"(gkmail_certificate_expires_timestamp_seconds{{{I}}} - time()) / 86400", "{{file}}")]),
        ("Failures since a certificate was issued", "none", "stat", [(f"gkmail_acme_failures{{{I}}}", "failures")]),
        ("Memory of each process", "bytes", "timeseries", [(f"gkmail_process_resident_memory_bytes{{{I}}}", "{{process}}")]),
        ("Processor time", "percentunit", "timeseries", [(rate("gkmail_process_cpu_seconds_total", "process"), "{{process}}")]),
        ("Restarts", "none", "timeseries", [(f"increase(gkmail_process_restarts_total{{{I}}}[10m])", "{{process}}")]),
        ("Time to a greeting", "s", "timeseries", [(f"gkmail_probe_duration_seconds{{{I}}}", "{{what}}")]),
        ("Part that fails", "percentunit", "timeseries", [(f"gkmail:error_ratio{{{I}}}", "{{what}}")]),
        ("Turns of event loops over a second", "none", "timeseries", [(rate("gkmail_loop_slow_turns_total"), "slow turns")]),
        ("Mailbox owners", "none", "timeseries", [(f"gkmail_mailbox_owners_active{{{I}}}", "active"),
                                                  (rate("gkmail_mailbox_owner_starts_total"), "started a second")]),
        ("DNS questions", "reqps", "timeseries", [(rate("gkmail_dns_questions_total", "result"), "{{result}}"),
                                                  (rate("gkmail_dns_cache_hits_total"), "from the cache")]),
        both("gkmail_dns_duration_seconds", title="Time to a DNS answer, cache left out"),
    ]),
    "gkmail-mail": ("GK Mail: mail", [
        ("Messages taken", "ops", "timeseries", [(rate("gkmail_smtp_messages_total"), "answered 250"),
                                                 (rate("gkmail_smtp_rejected_total"), "refused")]),
        ("SMTP sessions", "ops", "timeseries", [(rate("smtp_sessions_total", "result"), "{{result}}")]),
        ("Connections", "none", "timeseries", [(f"gkmail_smtp_connections_active{{{I}}}", "SMTP"),
                                               (f"imap_connections_active{{{I}}}", "IMAP"),
                                               (f"gkmail_imap_connections_parked{{{I}}}", "IMAP, parked"),
                                               (f"gkmail_http_connections_active{{{I}}}", "HTTP"),
                                               (f"websocket_connections_active{{{I}}}", "WebSocket")]),
        both("smtp_commands_duration_seconds", title="Time of an SMTP command"),
        both("gkmail_imap_commands_duration_seconds", title="Time of an IMAP command"),
        both("gkmail_http_requests_duration_seconds", title="Time of an HTTP request"),
        ("Queue", "none", "timeseries", [(f"queue_size{{{I}}}", "messages"), (f"gkmail_queue_segments{{{I}}}", "segments")]),
        ("Age of the oldest message", "s", "timeseries",
         [(f"(time() - gkmail_queue_oldest_timestamp_seconds{{{I}}}) * (gkmail_queue_oldest_timestamp_seconds{{{I}}} > bool 0)", "oldest")]),
        both("gkmail_queue_sync_seconds", title="Time of a journal sync"),
        ("Messages per sync", "none", "timeseries",
         [(f"{rate('gkmail_queue_synced_records_total')} / {rate('gkmail_queue_sync_seconds_count')}", "messages")]),
        both("gkmail_queue_checkpoint_seconds", title="Time of a checkpoint"),
        ("Into mailboxes", "ops", "timeseries", [(rate("gkmail_local_delivered_total", "result"), "{{result}}")]),
        ("To other hosts", "ops", "timeseries", [(rate("gkmail_remote_class_total", "class,result"), "{{class}} {{result}}")]),
        both("gkmail_remote_duration_seconds", title="Time of an attempt at another host"),
        ("Bounces", "ops", "timeseries", [(rate("gkmail_queue_bounced_total"), "recipients")]),
        ("Destinations that wait", "none", "timeseries", [(f"gkmail_queue_destinations{{{I}}}", "waited for"),
                                                          (f"gkmail_queue_destinations_dead{{{I}}}", "not reached")]),
        ("Largest mailboxes", "bytes", "bargauge", [(f"topk(20, maildir_size_bytes{{{I}}})", "{{user}}")]),
        ("Mailboxes", "bytes", "timeseries", [(f"sum(maildir_size_bytes{{{I}}})", "in all")]),
        ("Users", "none", "stat", [(f"gkmail_users{{{I}}}", "users"), (f"gkmail_messages{{{I}}}", "messages")]),
    ]),
    "gkmail-llm": ("GK Mail: assistant and agents", [
        ("Requests to the model", "ops", "timeseries", [(rate("llm_requests_total", "result"), "{{result}}")]),
        both("llm_latency_seconds", title="Time of a request to the model"),
        both("gkmail_llm_first_text_seconds", title="Time to the first text"),
        ("Tokens", "ops", "timeseries", [(rate("gkmail_llm_tokens_total", "direction"), "{{direction}}")]),
        ("What the assistant was asked", "ops", "timeseries", [(rate("gkmail_assistant_requests_total", "result"), "{{result}}"),
                                                               (rate("gkmail_assistant_fallbacks_total"), "without the model")]),
        both("gkmail_assistant_requests_duration_seconds", title="Time of an answer"),
        ("Chats", "none", "timeseries", [(f"gkmail_assistant_chats_active{{{I}}}", "pages"),
                                         (f"gkmail_agent_sessions_active{{{I}}}", "sessions of agents"),
                                         (f"gkmail_mcp_clients_active{{{I}}}", "clients of MCP")]),
        ("Calls of tools", "ops", "timeseries", [(rate("mcp_tool_calls_total", "tool"), "{{tool}}")]),
        both("gkmail_agent_call_duration_seconds", title="Time of a tool"),
        ("What was decided of calls", "ops", "timeseries", [(rate("gkmail_agent_calls_total", "decision"), "{{decision}}")]),
        ("Requests of MCP", "ops", "timeseries", [(rate("gkmail_mcp_requests_total", "result"), "{{result}}")]),
        ("WebSocket messages", "ops", "timeseries", [(rate("websocket_messages_total", "direction"), "{{direction}}")]),
    ]),
    "gkmail-security": ("GK Mail: security", [
        ("Logins", "ops", "timeseries", [(rate("auth_attempts_total", "method,result"), "{{method}} {{result}}")]),
        ("Failed logins, of all", "percentunit", "timeseries",
         [(rate("auth_attempts_total", labels='result="fail"') + " / " + rate("auth_attempts_total"), "failed")]),
        both("gkmail_auth_hash_seconds", title="Time of a password check"),
        ("Bans", "none", "timeseries", [(f"gkmail_auth_bans_active{{{I}}}", "in force"),
                                        (f"increase(gkmail_auth_bans_total{{{I}}}[10m])", "new in 10 minutes")]),
        ("Banned clients hung up on", "ops", "timeseries", [(rate("gkmail_banned_total", "front"), "{{front}}")]),
        ("Limits that refused", "ops", "timeseries", [(rate("gkmail_limits_total", "what"), "{{what}}")]),
        ("Greylisting", "ops", "timeseries", [(rate("gkmail_greylist_total", "result"), "{{result}}"),
                                              (rate("gkmail_smtp_early_talkers_total"), "early talkers")]),
        ("SPF", "ops", "timeseries", [(rate("gkmail_spf_results_total", "result"), "{{result}}")]),
        ("DKIM", "ops", "timeseries", [(rate("gkmail_dkim_results_total", "result"), "{{result}}")]),
        ("DMARC", "ops", "timeseries", [(rate("gkmail_dmarc_results_total", "result"), "{{result}}")]),
        ("Verdicts on mail from other hosts", "ops", "timeseries", [(rate("gkmail_screen_messages_total", "verdict"), "{{verdict}}")]),
        ("Encrypted sessions to other hosts", "percentunit", "timeseries",
         [(f"{rate('gkmail_remote_sessions_tls_total')} / {rate('gkmail_remote_sessions_total')}", "with TLS")]),
        ("Signatures", "ops", "timeseries", [(rate("gkmail_sign_messages_total", "result"), "{{result}}")]),
        ("Approvals", "none", "timeseries", [(f"increase(gkmail_approvals_made_total{{{I}}}[10m])", "given"),
                                             (f"increase(gkmail_approvals_used_total{{{I}}}[10m])", "used"),
                                             (f"increase(gkmail_approvals_denied_total{{{I}}}[10m])", "missing")]),
        ("Audit log", "ops", "timeseries", [(rate("gkmail_audit_records_total"), "records"),
                                            (rate("gkmail_audit_failed_total"), "failed")]),
        ("DMARC reports", "none", "timeseries", [(f"increase(gkmail_dmarc_reports_total{{{I}}}[1d])", "{{result}}")]),
    ]),
}
SOURCE = {"type": "prometheus", "uid": "${source}"}
LEGEND = {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []}
LAST = {"calcs": ["lastNotNull"], "fields": "", "values": False}
# All that Grafana's own types demand (tests/packages/test_grafana.py): it need not guess what a file of another version meant.
OPTIONS = {
    "timeseries": {"legend": LEGEND, "tooltip": {"mode": "multi", "sort": "desc"}},
    "stat": {"reduceOptions": LAST, "orientation": "auto", "colorMode": "value", "graphMode": "none", "justifyMode": "auto",
             "textMode": "value_and_name", "wideLayout": True, "showPercentChange": False, "percentChangeColorMode": "standard"},
    "bargauge": {"reduceOptions": LAST, "orientation": "horizontal", "displayMode": "basic", "valueMode": "color", "namePlacement": "auto",
                 "showUnfilled": True, "sizing": "auto", "minVizWidth": 8, "minVizHeight": 16, "maxVizHeight": 300,
                 "legend": LEGEND | {"showLegend": False}},
}


def panel(number, place, title, unit, kind, queries):
    p = {
        "id": number, "type": kind, "title": title, "datasource": SOURCE, "gridPos": place,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [{"refId": chr(65 + i), "datasource": SOURCE, "expr": expr, "legendFormat": legend,
                     "instant": kind != "timeseries", "range": kind == "timeseries"} for i, (expr, legend) in enumerate(queries)],
    }
    p["options"] = OPTIONS[kind]
    return p


def dashboard(uid, title, panels):
    width, height = 8, 8  # of 24 columns
    return {
        "uid": uid, "title": title, "tags": ["gkmail"], "timezone": "browser", "schemaVersion": 37, "version": 1, "editable": True,
        "refresh": "30s", "time": {"from": "now-6h", "to": "now"},
        "links": [{"type": "dashboards", "tags": ["gkmail"], "title": "GK Mail", "asDropdown": True, "keepTime": True,
                   "includeVars": True, "targetBlank": False, "icon": "external link", "tooltip": "", "url": ""}],
        "templating": {"list": [
            {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
            {"name": "instance", "label": "Server", "type": "query", "datasource": SOURCE, "refresh": 2, "includeAll": True,
             "multi": True, "allValue": ".*", "current": {"text": "All", "value": "$__all"},
             "query": {"query": "label_values(gkmail_build_info, instance)", "refId": "instance"}},
        ]},
        "panels": [panel(i + 1, {"x": i % 3 * width, "y": i // 3 * height, "w": width, "h": height}, *p) for i, p in enumerate(panels)],
    }


def main():
    bad = 0
    HERE.mkdir(exist_ok=True)
    for uid, (title, panels) in DASHBOARDS.items():
        text = json.dumps(dashboard(uid, title, panels), indent=1, ensure_ascii=False) + "\n"
        path = HERE / f"{uid}.json"
        if "--check" not in sys.argv:
            path.write_text(text)
        elif not path.is_file() or path.read_text() != text:
            print(f"{path}: make samples writes it anew")
            bad = 1
    return bad


if __name__ == "__main__":
    sys.exit(main())
