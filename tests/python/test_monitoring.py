"""Checks the metrics, the dashboard and the alerts with the parsers of Prometheus."""

import json
import os
import re
import subprocess
import urllib.request

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from conftest import ROOT, Server

MONITORING = ROOT / "docs" / "monitoring"
ALERTS = yaml.safe_load((MONITORING / "alerts.yaml").read_text())
DASHBOARD = json.loads((MONITORING / "grafana-dashboard.json").read_text())
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def errors_in(queries):
    """Returns the syntax errors that Prometheus' own grammar finds."""
    modules = ROOT / "target" / "test-node" / "node_modules"
    ran = subprocess.run(
        ["node", ROOT / "tests" / "node" / "promql.cjs"],
        input=json.dumps(queries), env={**os.environ, "NODE_PATH": str(modules)},
        capture_output=True, text=True, timeout=60, check=True,
    )
    return json.loads(ran.stdout)


def test_wrong_queries_are_noticed():
    assert errors_in(["rate(a[5m])"]) == []
    for wrong in ["rate(a[5m]", "sum by (a b) (c)", "a{b=c}", "a >", "rate(a[5x])"]:
        assert errors_in([wrong]), wrong


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_is_whole(rule):
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}, rule
    assert errors_in([rule["expr"]]) == []
    assert re.fullmatch(r"[0-9]+[smh]", rule.get("for", "1m"))
    assert rule["labels"] in ({"severity": "critical"}, {"severity": "warning"}, {"severity": "info"})
    assert set(rule["annotations"]) == {"summary", "runbook"}
    assert "$labels.instance" in rule["annotations"]["summary"]
    # An alert without a comparison would never stop firing.
    assert re.search(r"[<>=!]=?\s", rule["expr"]), rule


def test_the_dashboard_is_whole():
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    # Values of the variables that Grafana inserts before it queries.
    variables = {"$__rate_interval": "1m", "$instance": ".*", "$job": ".*"}
    places = set()
    for panel in PANELS:
        assert panel["title"] and panel["description"] and panel["fieldConfig"]["defaults"]["unit"], panel
        for target in panel["targets"]:
            query = target["expr"]
            for name, value in variables.items():
                query = query.replace(name, value)
            assert "$" not in query and errors_in([query]) == [], query
            assert 'instance=~"$instance"' in target["expr"], query
        place = panel["gridPos"]
        squares = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not squares & places and place["x"] + place["w"] <= 24, panel["title"]
        places |= squares


def test_page_names_panels_of_the_dashboard():
    page = (ROOT / "docs/monitoring.md").read_text()
    named = set(re.findall(r"(?<!\*)\*([A-Z][^*\n]+)\*(?!\*)", page)) - {"Dashboards → New → Import"}
    assert len(named) > 8
    assert named <= {panel["title"] for panel in PANELS}


def test_prometheus_own_reader_understands_the_metrics(tmp_path):
    server = Server(tmp_path, METRICS_ADDR="127.0.0.1:0", DATABASE_URL=f"sqlite://{tmp_path}/store.db")
    try:
        address = next(found for line in server.log if (found := re.search(r"metrics: (http://\S+/metrics)", line)))
        urllib.request.urlopen(f"{server.url}/health", timeout=60).read()
        with urllib.request.urlopen(address.group(1), timeout=60) as answer:
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            page = answer.read().decode()
    finally:
        server.stop()
    families = {family.name: family for family in text_string_to_metric_families(page)}
    requests = families["inwren_http_requests"]
    assert requests.type == "counter"
    served = {tuple(sample.labels.values()): sample.value for sample in requests.samples}
    assert served["get_health", "200"] == 1
    assert served["login", "401"] == 0
    durations = families["inwren_http_request_duration_seconds"]
    assert durations.type == "histogram"
    of_health = [sample for sample in durations.samples if sample.labels["operation"] == "get_health"]
    buckets = [sample.value for sample in of_health if sample.name.endswith("_bucket")]
    assert buckets == sorted(buckets) and buckets[-1] == 1
    bounds = [float(sample.labels["le"]) for sample in of_health if sample.name.endswith("_bucket")]
    assert bounds == sorted(bounds) and bounds[-1] == float("inf")
    total = next(sample.value for sample in of_health if sample.name.endswith("_sum"))
    assert 0 < total < 10
    assert all(family.documentation for family in families.values())
    print(f"{sum(len(family.samples) for family in families.values())} series, {len(page)} bytes")
