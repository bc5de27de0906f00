"""What was proposed, remembered until people have answered: which answers fit it, and what is held behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from alvh.core.answers import is_approved, require
from alvh.core.events import Answer
from alvh.core.hedge import fills
from alvh.core.hedge.condor_moves import CondorMove
from alvh.core.hedge.holdings import Holdings
from alvh.core.hedge.outcome import Sizing
from alvh.core.hedge.sizing_desk import Change, Fees
from alvh.core.portfolio import PortfolioState
from alvh.message_parts import TargetLeg

PROPOSALS_KEPT: Final = 50
"""Adjustments whose changes are remembered until somebody says they were executed: months of them."""

AMENDABLE: Final[Mapping[str, tuple[float, float]]] = MappingProxyType({
    "phi": (0.40, 0.60), "a": (0.10, 0.20), "m": (0.60, 0.85), "roll_days": (7.0, 21.0),
})  # fmt: skip
"""Numbers a person may amend, within the ranges the seeds name (methodology 1.1, discretionary overlay)."""

GATES: Final = ("S34", "S39")
"""Gates a person may override, by `{field: override, new: <gate>}`: with the approvals that takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What answers to a proposal are held against.

    Attributes:
        approvals: distinct people a proposal needs.
        above: share of the loss above which `raised` approvals are needed, and how many.
        override: approvals an override needs.
        premium: greatest premium at risk, dollars.
        expires: when it lapses unanswered, ns; None where it does not: taken as executed (paper), or nothing proposed.
    """

    approvals: int
    above: tuple[float, int]
    override: int
    premium: float
    expires: int | None = None


def remember(
    state: PortfolioState,
    event_id: str,
    session: date,
    changes: Sequence[Change],
    moves: Sequence[CondorMove],
    sizing: Sizing | None,
    limits: Limits,
    *,
    is_done: bool,
) -> None:
    """Remember a proposal.

    Args:
        state: of the portfolio.
        event_id: of its adjustment.
        session: of its decision.
        changes: of the hedge.
        moves: of the condors, those a person chooses among left out.
        sizing: of it; None where there was none.
        limits: of amendments.
        is_done: taken as executed already (paper): answers change nothing of what is held.
    """
    rows = {} if sizing is None else {(row.leg, row.unit.terms): row for row in sizing.legs}
    known = [rows.get((each.lot.leg, each.unit.terms)) if each.unit else None for each in changes]
    held: dict[str, int] = {}
    for row in rows.values():
        held[row.leg] = held.get(row.leg, 0) + row.held
    for change in (change for change in changes if change.unit is None and change.roll is None):
        held[change.lot.leg] = held.get(change.lot.leg, 0) + change.held
    proposals = state.hedge.setdefault("proposals", {})
    proposals[event_id] = {
        "session": session.isoformat(),
        "is_done": is_done,
        **({} if limits.expires is None else {"expires": limits.expires}),
        "lots": Holdings(lots=[change.lot for change in changes]).as_plain()["lots"],
        "units": [change.units for change in changes],
        "prices": [list(change.prices) for change in changes],
        "rolls": [_roll_rows(change) for change in changes],
        "each": [None if row is None else [row.gain_design, row.cost, row.at_risk] for row in known],
        "held": held,
        "moves": [move.as_plain() for move in moves],
        "sized": None if sizing is None else {
            "gain": sizing.gain_design, "loss": sizing.protected_loss_design, "cost": sizing.cost, "cap": sizing.cap,
            "premium": sizing.premium_at_risk + sizing.loss_at_stops, "ceiling": sizing.ceiling,
        },
        "limits": [limits.approvals, limits.above[0], limits.above[1], limits.override, limits.premium],
    }  # fmt: skip
    while len(proposals) > PROPOSALS_KEPT:
        del proposals[next(iter(proposals))]


def _roll_rows(change: Change) -> list[Any] | None:
    """A lot as it is and as it becomes, of a ROLL_UP."""
    if change.roll is None:
        return None
    return list(Holdings(lots=[change.roll.held, change.roll.becomes]).as_plain()["lots"])


def want(state: PortfolioState, legs: Sequence[TargetLeg]) -> None:
    """Remember the hedge wanted."""
    state.hedge["wanted"] = [[leg.leg, leg.instrument, leg.target_quantity] for leg in legs]


def forget_settled(state: PortfolioState, before: Holdings, after: Holdings) -> None:
    """Let what has settled or was relabelled leave the hedge wanted."""
    gone = {symbol for _, symbol in before.contracts()} - {symbol for _, symbol in after.contracts()}
    if gone and "wanted" in state.hedge:
        state.hedge["wanted"] = [row for row in state.hedge["wanted"] if row[1] not in gone]


def refusal(state: PortfolioState, answer: Answer) -> str | None:
    """Return why an answer's amendments or fills do not fit what was proposed, or None."""
    proposal = state.hedge.get("proposals", {}).get(answer.event_id)
    if answer.decision == "executed" and answer.fills:
        plain = state.hedge.get("holdings")
        return fills.refusal(answer.fills, proposal, Holdings() if plain is None else Holdings.from_plain(plain))
    if answer.decision != "amend":
        return None
    if not answer.amendments:
        return "amendments: expected {leg, quantity} or {field, new}"
    for amendment in answer.amendments:
        fault = _leg_fault(proposal, amendment) if "leg" in amendment else _field_fault(amendment)
        if fault is not None:
            return fault
    return None


def _field_fault(amendment: Mapping[str, Any]) -> str | None:
    name, new = amendment.get("field"), amendment.get("new")
    if name == "override":
        return None if new in GATES else f"override: expected one of {', '.join(GATES)}, got {new!r}"
    if not isinstance(name, str) or name not in AMENDABLE:
        return f"field: expected override or one of {', '.join(AMENDABLE)}, got {name!r}"
    low, high = AMENDABLE[name]
    if isinstance(new, bool) or not isinstance(new, int | float) or not low <= new <= high:
        return f"{name}: expected a number from {low:g} to {high:g}, got {new!r}"
    return None


def _leg_fault(proposal: Mapping[str, Any] | None, amendment: Mapping[str, Any]) -> str | None:
    leg, quantity = amendment["leg"], amendment.get("quantity")
    if not isinstance(leg, str):
        return f"leg: expected the name of a leg, got {leg!r}"
    if isinstance(quantity, bool) or not isinstance(quantity, int) or quantity < 0:
        return f"quantity: expected whole units of {leg} to hold, got {quantity!r}"
    found = None if proposal is None else _amended(proposal, {leg: quantity})
    if proposal is None or found is None:
        return f"{leg}: no proposal of it can be amended to {quantity}"
    units, at = found
    more = units[at] - proposal["units"][at]
    if proposal["each"][at] is None and more > 0:
        return f"{leg}: expected at most {quantity - more} units"
    if proposal["sized"] is None or proposal["each"][at] is None or not more:
        return None
    return _limit_fault(proposal, f"{leg}: {quantity} would", more, proposal["each"][at])


def _limit_fault(proposal: Mapping[str, Any], what: str, more: int, each: Sequence[float]) -> str | None:
    """Return which limit a proposal with `more` units of [gain, cost, premium] would pass, or None."""
    sized = proposal["sized"]
    if sized["loss"] > 0.0:
        offset, proposed = (sized["gain"] + more * each[0]) / sized["loss"], sized["gain"] / sized["loss"]
        low, high = min(AMENDABLE["phi"][0], proposed), max(sized["ceiling"], proposed)
        if not low - 1e-9 <= offset <= high + 1e-9:
            return f"{what} offset {offset:.1%} of the loss, expected {low:.1%} to {high:.1%}"
    if more > 0 and sized["cost"] + more * each[1] > sized["cap"] + 1e-6:
        return f"{what} cost {sized['cost'] + more * each[1]:,.2f} USD, above the cap"
    if more > 0 and sized["premium"] + more * each[2] > proposal["limits"][4] + 1e-6:
        return f"{what} put more premium at risk than the condors' credit"
    return None


def _amended(proposal: Mapping[str, Any], wanted: Mapping[str, int]) -> tuple[list[int], int] | None:
    """Return the units of each change with a leg held at another quantity, and which change gives way; None if none."""
    units, found = list(proposal["units"]), -1
    for leg, quantity in wanted.items():
        # A roll changes no quantity of its leg; a proposal remembered by an older version knows none.
        rolls = proposal.get("rolls") or [None] * len(units)
        ranks = [at for at, lot in enumerate(proposal["lots"]) if lot[0] == leg and rolls[at] is None]
        if not ranks:
            return None
        more = quantity - (proposal["held"].get(leg, 0) + sum(units[at] for at in ranks))
        # The purchase gives way; where there is only a sale, less or more of it is sold.
        found = max(ranks, key=lambda at: units[at])
        before = units[found]
        units[found] += more
        if (before > 0 and units[found] < 0) or (before < 0 and not -proposal["held"].get(leg, 0) <= units[found] <= 0):
            return None
    return units, found


def answered(state: PortfolioState, answer: Answer, fees: Fees) -> None:
    """Let what is wanted, and what is held, follow an answer that counts."""
    proposals = state.hedge.get("proposals", {})
    proposal = proposals.get(answer.event_id)
    if answer.decision == "amend":
        _amend(state, answer, proposal)
    _take_fields(state, answer.event_id)
    if answer.decision == "reject":
        state.hedge.pop("wanted", None)
    if answer.decision != "executed" or proposal is None or "holdings" not in state.hedge:
        return
    del proposals[answer.event_id]
    if proposal["is_done"]:
        return
    holdings = Holdings.from_plain(state.hedge["holdings"])
    fills.book_fills(holdings, proposal, answer.fills, fees)
    state.hedge["holdings"] = holdings.as_plain()


def _amend(state: PortfolioState, answer: Answer, proposal: dict[str, Any] | None) -> None:
    """Take amendments: quantities at once, numbers when enough people agree; overrides raise how many that are."""
    legs = {each["leg"]: each["quantity"] for each in answer.amendments if "leg" in each}
    fields = {each["field"]: each["new"] for each in answer.amendments if each.get("field") in AMENDABLE}
    if fields:
        state.hedge["to_amend"] = {"event_id": answer.event_id, "phase": state.phase, "fields": fields}
    if proposal is None:
        return
    _, above, raised, override, _ = proposal["limits"]
    if any(each.get("field") == "override" for each in answer.amendments):
        require(state, answer.event_id, override)
    found = _amended(proposal, legs) if legs else None
    if found is None:
        return
    units, sized = found[0], proposal["sized"]
    gains = [each[0] if each else 0.0 for each in proposal["each"]]
    more = [now - was for now, was in zip(units, proposal["units"], strict=True)]
    if sized is not None and sized["loss"] > 0.0:
        gain = sized["gain"] + sum(count * gain for count, gain in zip(more, gains, strict=True))
        if gain / sized["loss"] > above and gain > sized["gain"]:
            require(state, answer.event_id, raised)
    _follow(state, proposal, more)
    proposal["units"] = units


def _follow(state: PortfolioState, proposal: Mapping[str, Any], more: Sequence[int]) -> None:
    """Let the hedge wanted follow amended units."""
    wanted = {(row[0], row[1]): row for row in state.hedge.get("wanted", [])}
    for lot, count in zip(proposal["lots"], more, strict=True):
        for symbol, _, _, _, ratio in lot[1]:
            row = wanted.setdefault((lot[0], symbol), [lot[0], symbol, 0])
            row[2] += ratio * count
    state.hedge["wanted"] = [row for row in wanted.values() if row[2]]


def _take_fields(state: PortfolioState, event_id: str) -> None:
    """Let amended numbers hold from here on, once they are approved, until the phase changes."""
    waiting = state.hedge.get("to_amend")
    if waiting is not None and waiting["event_id"] == event_id and is_approved(state, event_id):
        del state.hedge["to_amend"]
        state.hedge["amended"] = {"phase": waiting["phase"], **waiting["fields"]}


def legs(state: PortfolioState) -> list[dict[str, Any]]:
    """Return the contracts wanted and held now, by instrument."""
    if "holdings" not in state.hedge:
        return []
    holdings = Holdings.from_plain(state.hedge["holdings"])
    held = holdings.contracts()
    rows = state.hedge.get("wanted")
    wanted = dict(held) if rows is None else _wanted(rows, held)
    return [
        {"leg": leg, "instrument": symbol, "target_quantity": wanted.get((leg, symbol), 0),
         "current_quantity": held.get((leg, symbol), 0)}
        for leg, symbol in [*held, *(key for key in wanted if key not in held)]
        if wanted.get((leg, symbol), 0) or held.get((leg, symbol), 0)
    ]  # fmt: skip


def _wanted(rows: Sequence[Sequence[Any]], held: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    """Return the contracts wanted by leg and symbol; of a symbol that aged into another leg, under the leg it is in."""
    legs: dict[str, list[str]] = {}
    for leg, symbol in held:
        legs.setdefault(symbol, []).append(leg)
    found: dict[tuple[str, str], int] = {}
    for leg, symbol, count in rows:
        now = legs.get(symbol, [])
        key = (now[0] if len(now) == 1 and leg not in now else leg, symbol)
        found[key] = found.get(key, 0) + count
    return found
