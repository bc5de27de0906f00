"""What the README tells a newcomer to type is there: targets, commands, links, and a configuration that is valid."""

import re
from pathlib import Path

import pytest

from alvh.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
COMMANDS = sorted(set(re.findall(r"`(?:[./\w]+/)?alvh ([a-z-]+)", README)))


def test_targets_exist() -> None:
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE))
    assert {"run", "test", "check", "bench"} <= named <= TARGETS


def test_the_table_of_commands_is_whole() -> None:
    assert {"run", "replay", "signals", "size", "check", "schema", "events", "status", "answer", "record"} <= set(
        COMMANDS
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_exist(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"alvh {command}" in capsys.readouterr().out


def test_the_configuration_is_valid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    file = tmp_path / "alvh.yaml"
    file.write_text(text, encoding="utf-8")
    assert main(["check", str(file)]) == 0, capsys.readouterr().err


PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")), *DECISIONS]


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.name)
def test_links_lead_somewhere(file: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", file.read_text(encoding="utf-8")):
        assert (file.parent / target).exists(), target


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.name)
def test_a_decision_has_its_three_parts(page: Path) -> None:
    assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", page.name)
    headings = re.findall(r"^## (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[:3] == ["Context", "Decision", "Consequences"]
