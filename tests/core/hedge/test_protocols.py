"""Every leg has a protocol in words and numbers before it may be proposed."""

from dataclasses import replace

import pytest

from alvh.core.hedge.contracts import SelectionRules
from alvh.core.hedge.protocols import protocol
from alvh.errors import InputError


@pytest.mark.parametrize("leg", ["L1", "L1b", "L2", "L3a", "L3b", "FIN", "COND"])
def test_all_four_fields_and_numbers(leg: str) -> None:
    found = protocol(leg)
    for text in (found.entry, found.exit, found.roll, found.stop):
        assert len(text) > 20
        assert text.endswith(".")
    assert found.triggers
    assert all(isinstance(value, float | int) for value in found.triggers.values())


def test_numbers_are_the_rules_own() -> None:
    rules = SelectionRules()
    moved = replace(rules, windows={**rules.windows, "L1": replace(rules.windows["L1"], high=50)})
    assert protocol("L1", moved).triggers["dte_high_days"] == 50
    assert "20-50 days" in protocol("L1", moved).entry
    assert protocol("L2").triggers["stop_loss_points"] == 1.0


def test_no_leg_without_a_protocol() -> None:
    with pytest.raises(InputError, match="L9"):
        protocol("L9")
