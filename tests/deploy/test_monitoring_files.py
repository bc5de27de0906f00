"""What lies under deploy/ is what is generated; Prometheus takes it; metrics are shown, alerts explained."""

import ast
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from alvh.adapters.prometheus import DEFINITIONS
from monitoring.__main__ import RUNBOOK, files
from monitoring.alerts import ALERTS, Alert
from servers import program

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
BOARDS = sorted(place for place in files() if place.endswith(".json"))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as the usual renderers make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def kept(before: Any, after: Any, place: str = "") -> list[str]:  # noqa: ANN401 - any JSON
    """Name each member of `before` that `after` has lost or changed."""
    if isinstance(before, dict):
        if not isinstance(after, dict):
            return [place]
        return [lost for key, value in before.items() for lost in kept(value, after.get(key), f"{place}/{key}")]
    if isinstance(before, list):
        if not isinstance(after, list) or len(before) != len(after):
            return [place]
        return [
            lost
            for rank, (one, two) in enumerate(zip(before, after, strict=True))
            for lost in kept(one, two, f"{place}/{rank}")
        ]
    return [] if before == after or before is None else [place]


@pytest.mark.parametrize("place", files())
def test_what_is_committed_is_what_is_generated(place: str) -> None:
    assert (DEPLOY / place).read_text(encoding="utf-8") == files()[place], "write it anew: make monitoring"


def test_promtool_takes_the_rules() -> None:
    paths = [str(DEPLOY / "prometheus" / name) for name in ("recorded.yml", "alerts.yml")]
    subprocess.run([program("promtool"), "check", "rules", "--lint=all", "--lint-fatal", *paths], check=True)


def test_every_metric_is_on_a_dashboard() -> None:
    shown = " ".join(
        target["expr"]
        for place in BOARDS
        for panel in json.loads(files()[place])["panels"]
        for target in panel.get("targets", ())
    )
    assert not [each.name for each in DEFINITIONS if not re.search(rf"\b{each.name}(_bucket)?\b", shown)]


@pytest.mark.parametrize("place", BOARDS)
def test_a_dashboard_is_what_grafana_knows(place: str) -> None:
    """Grafana's own models drop what they do not know; nothing of ours may be lost on the way through them."""
    sdk = pytest.importorskip("grafana_foundation_sdk.models.dashboard")
    plugins = pytest.importorskip("grafana_foundation_sdk.cog.plugins")
    encoder = pytest.importorskip("grafana_foundation_sdk.cog.encoder")
    plugins.register_default_plugins()
    document = json.loads(files()[place])
    after = json.loads(encoder.JSONEncoder().encode(sdk.Dashboard.from_json(document)))
    # What the Prometheus data source itself makes of an annotation is not in the models.
    ours = {"/annotations/list/0/titleFormat", "/annotations/list/0/textFormat"}
    assert set(kept(document, after)) == ours


@pytest.mark.parametrize("place", BOARDS)
def test_panels_do_not_lie_upon_one_another(place: str) -> None:
    taken: set[tuple[int, int]] = set()
    document = json.loads(files()[place])
    numbers = [panel["id"] for panel in document["panels"]]
    assert len(set(numbers)) == len(numbers)
    for panel in document["panels"]:
        where = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(where["x"], where["x"] + where["w"])
            for y in range(where["y"], where["y"] + where["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not taken & cells, panel["title"]
        taken |= cells
        assert panel["type"] == "row" or panel["description"], panel["title"]


def test_the_same_alerts_stand_in_both_files() -> None:
    ours = yaml.safe_load(files()["prometheus/alerts.yml"])["groups"][0]["rules"]
    grafanas = yaml.safe_load(files()["grafana/alerting/rules.yaml"])["groups"][0]["rules"]
    assert [rule["alert"] for rule in ours] == [rule["title"] for rule in grafanas] == [each.name for each in ALERTS]
    for one, two in zip(ours, grafanas, strict=True):
        assert two["data"][0]["model"]["expr"] == f"({one['expr']}) ^ 0"
        assert one["labels"] == two["labels"]
        # Grafana puts environment variables into all of a provisioned rule but its annotations.
        assert "$" not in json.dumps([two["data"], two["labels"]])
        assert one["annotations"] == two["annotations"]
        assert int(two["for"].removesuffix("s")) >= int(one.get("for", "0s").removesuffix("s"))


def test_grafanas_rules_are_what_grafana_knows() -> None:
    sdk = pytest.importorskip("grafana_foundation_sdk.models.alerting")
    encoder = pytest.importorskip("grafana_foundation_sdk.cog.encoder")
    plugins = pytest.importorskip("grafana_foundation_sdk.cog.plugins")
    plugins.register_default_plugins()
    for rule in yaml.safe_load(files()["grafana/alerting/rules.yaml"])["groups"][0]["rules"]:
        after = json.loads(encoder.JSONEncoder().encode(sdk.Rule.from_json(rule)))
        assert kept(rule, after) == []


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_the_runbook_has_a_place_for_each_alert(alert: Alert) -> None:
    assert alert.anchor in anchors(ROOT / RUNBOOK)


@pytest.mark.parametrize("name", ["runbook.md", "operations.md"])
def test_links_of_the_operators_pages_lead_somewhere(name: str) -> None:
    page = ROOT / "docs" / name
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8")):
        there = page.parent / target if target else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), anchor


def test_the_runbook_knows_every_reason_for_not_being_ready() -> None:
    """The fixed words of the reasons that the daemon's window gives; the feed's own name an instrument."""
    source = (ROOT / "service" / "alvh" / "app" / "window.py").read_text(encoding="utf-8")
    giving = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and node.name in {"ready", "_feed_reasons"}
    ]
    words = [
        node.value.strip()
        for function in giving
        for node in ast.walk(ast.Module(function.body[1:] if ast.get_docstring(function) else function.body, []))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value.split()) > 1
    ]
    assert len(words) >= 4
    text = (ROOT / RUNBOOK).read_text(encoding="utf-8")
    assert not [each for each in words if each not in text]
