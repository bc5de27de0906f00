"""The import contracts and the core's bans bite: each is broken on purpose, in a copy, and must say so."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BROKEN = {
    "core/engine.py": "import time",
    "core/market.py": "import alvh.shell.ports",
    "shell/relay.py": "import alvh.adapters.redis\nimport redis",
    "adapters/mqtt/__init__.py": "import alvh.adapters.redis\nimport alvh.shell.relay",
    "messages.py": "import numpy",
}
BANNED = [
    "import asyncio",
    "import random",
    "import time",
    "from datetime import datetime\n\nNOW = datetime.now()",
    "from datetime import date\n\nTODAY = date.today()",
    "from time import time",
    "from numpy.random import default_rng",
    "import scipy.optimize",
    "import logging",
]


def test_every_contract_notices_its_breach(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "service", tmp_path / "service", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for file, line in BROKEN.items():
        source = tmp_path / "service" / "alvh" / file
        source.write_text(f"{source.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    surroundings = {**os.environ, "PYTHONPATH": "service", "COLUMNS": "200"}
    done = subprocess.run(command, cwd=tmp_path, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Contracts: 0 kept, 7 broken." in done.stdout


@pytest.mark.parametrize("snippet", BANNED)
def test_the_core_may_not_name(snippet: str) -> None:
    told = lint(snippet, "service/alvh/core/engine.py")
    assert "TID251" in told, told


def test_the_ban_is_on_the_core_alone() -> None:
    assert "TID251" not in lint("import asyncio", "service/alvh/shell/runner.py")


def lint(snippet: str, place: str) -> str:
    """Return what ruff says of a text if it stood in that place."""
    command = [str(Path(sys.executable).with_name("ruff")), "check", "--no-cache", "--output-format=concise"]
    text = f'"""A module."""\n\n{snippet}\n'
    done = subprocess.run(
        [*command, "--stdin-filename", place, "-"], cwd=ROOT, input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout
