"""docs/field-lessons.md names tests that exist, for each lesson of the live feed."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_lesson_has_tests_that_exist() -> None:
    page = (ROOT / "docs" / "field-lessons.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \|.*\|([^|]*)\|$", page, flags=re.MULTILINE)
    assert [int(number) for number, _ in rows] == [*range(1, 17), 22]
    written = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    defined = set(re.findall(r"def (test_\w+)\(", written))
    for number, cell in rows:
        named = re.findall(r"`(test_\w+)`", cell)
        assert named, number
        assert set(named) <= defined, (number, set(named) - defined)
    assert set(re.findall(r"`(test_\w+)`", page)) <= defined
