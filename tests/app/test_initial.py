"""`alvh init`: what it writes is valid as it stands, and with every line of it in force still the defaults."""

import re
from pathlib import Path

import pytest

from alvh.__main__ import main
from alvh.app.initial import initial
from alvh.settings import Settings, load


def resolved(settings: Settings) -> object:
    return settings.model_dump(mode="json", by_alias=True)


def written(folder: Path, text: str) -> Path:
    file = folder / "alvh.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def with_every_line(text: str) -> str:
    """The same with each setting in force that stands behind a single #, the examples of a book excepted."""
    kept = [
        line for line in text.splitlines() if not re.match(r"#\s+(small_caps|condor|- \{expiry|   long_call)", line)
    ]
    return "\n".join(re.sub(r"^#(?!#)", "", line) for line in kept)


def test_as_it_stands_it_is_the_defaults(tmp_path: Path) -> None:
    assert resolved(load(written(tmp_path, initial("simulated")))) == resolved(load(None))


def test_every_line_is_a_setting_at_its_default(tmp_path: Path) -> None:
    """Nothing in it is out of date: all lines in force change nothing but the book's name and hedge."""
    settings = load(written(tmp_path, with_every_line(initial("simulated"))))
    changed = settings.model_copy(update={"portfolios": load(None).portfolios})
    assert resolved(changed) == resolved(load(None))
    assert settings.portfolios[0].methodology == load(None).portfolios[0].methodology


def test_every_knob_is_in_it() -> None:
    text = initial("ib")
    schema = Settings.model_json_schema()
    for section in ("Redis", "Mqtt", "Http", "IbFeed", "CalendarSettings", "Rates", "Fees", "Move3", "Timer"):
        for name in schema["$defs"][section]["properties"]:
            assert re.search(rf"^#?\s*{name}:", text, re.MULTILINE), f"{section}.{name}"


@pytest.mark.parametrize("feed", ["ib", "tape"])
def test_a_real_feed_starts_with_triggers_alone(feed: str, tmp_path: Path) -> None:
    """Nobody is told how to hedge a book that is not theirs."""
    (portfolio,) = load(written(tmp_path, initial(feed).replace("FOLDER", str(tmp_path)))).portfolios
    assert (portfolio.id, portfolio.hedge, portfolio.condors) == ("core", "none", [])


def test_the_command_replaces_nothing_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "alvh.yaml"
    assert main(["init", str(file)]) == 0
    assert str(file) in capsys.readouterr().err
    before = file.read_text()
    assert main(["init", str(file), "--feed", "ib"]) == 2
    assert "--force" in capsys.readouterr().err
    assert file.read_text() == before
    assert main(["init", str(file), "--feed", "ib", "--force"]) == 0
    assert "kind: ib" in file.read_text()
    assert main(["init", str(tmp_path / "no" / "such.yaml")]) == 2
    assert "cannot be written" in capsys.readouterr().err
