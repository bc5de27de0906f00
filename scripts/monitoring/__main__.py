"""Writes dashboards and rules under deploy/, or into the folder named, from the definitions.

Usage: python -m monitoring [FOLDER] [--runbook URL]. Alerts link to URL#alert; where the documentation is published
it is that page's address, and by default its place in the repository.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from monitoring.dashboards import DASHBOARDS, dashboard_file
from monitoring.rules import alert_file, grafana_file, recording_file

RUNBOOK: Final = "docs/runbook.md"
DEPLOY: Final = Path(__file__).resolve().parents[2] / "deploy"


def files(runbook: str = RUNBOOK) -> Mapping[str, str]:
    """Return what stands in each file, by its place under deploy/."""
    boards = {
        f"grafana/dashboards/{board.uid.removeprefix('alvh-')}.json": dashboard_file(board) for board in DASHBOARDS
    }
    return {
        **boards,
        "prometheus/recorded.yml": recording_file(),
        "prometheus/alerts.yml": alert_file(runbook),
        "grafana/alerting/rules.yaml": grafana_file(runbook),
    }


def main() -> None:
    """Write them."""
    arguments = argparse.ArgumentParser(prog="monitoring", description="Write dashboards and rules.")
    arguments.add_argument("folder", nargs="?", type=Path, default=DEPLOY)
    arguments.add_argument("--runbook", default=RUNBOOK)
    asked = arguments.parse_args()
    for place, text in files(asked.runbook).items():
        path = asked.folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
