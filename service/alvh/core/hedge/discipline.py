"""Loyalty and motion: is the hedge left away from its target, or turned about too often (methodology 1.1, 3.4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from alvh.errors import JournalError

DRIFT_BAND: Final = 0.05
"""How far the offset may lie from its target before a session counts as loyalty error; also the band of TIMER_5."""

LOYALTY_LIMIT: Final = 10
"""Sessions: the hard timer ends any loyalty error there."""

MOTION_LIMIT: Final = 1
"""Reversals within `MOTION_WINDOW` sessions."""

MOTION_WINDOW: Final = 10
"""Sessions over which reversals are counted; what is older is forgotten."""

REVERSAL_WITHIN: Final = 5
"""Sessions between two size changes of opposite sign that make the second one a reversal (the minimum hold)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discipline:
    """The two counters of one portfolio; plain values.

    Attributes:
        session: closes counted so far.
        loyalty_error: sessions since the newest adjustment at which the offset lay outside the drift band.
        reversals: the sessions, rising, of the reversals within the window.
        last_change: the session of the newest size change; None before the first.
        last_sign: its sign (+1 more hedge, -1 less); 0 before the first.
    """

    session: int = 0
    loyalty_error: int = 0
    reversals: tuple[int, ...] = ()
    last_change: int | None = None
    last_sign: int = 0

    @property
    def motion_error(self) -> int:
        """Reversals within the last ten sessions."""
        return len(self.reversals)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Notes for the message: which of the two limits is passed."""
        found = (
            ("loyalty_limit", self.loyalty_error > LOYALTY_LIMIT),
            ("motion_limit", self.motion_error > MOTION_LIMIT),
        )
        return tuple(note for note, applies in found if applies)

    def at_close(self, *, offset: float, phi: float, adjusted: bool, size_change: float) -> "Discipline":
        """Return the counters behind one session close.

        Args:
            offset: share of the condor loss the held hedge offsets, ratio.
            phi: the share wanted, ratio.
            adjusted: whether an adjustment message was made in this session.
            size_change: what it changes of the hedge's size (any unit; the sign counts), 0 for none.
        """
        session = self.session + 1
        drifted = abs(offset - phi) > DRIFT_BAND
        moved = replace(
            self,
            session=session,
            loyalty_error=0 if adjusted else self.loyalty_error + drifted,
            reversals=tuple(when for when in self.reversals if session - when < MOTION_WINDOW),
        )
        if not size_change:
            return moved
        sign = 1 if size_change > 0 else -1
        recent = self.last_change is not None and session - self.last_change <= REVERSAL_WITHIN
        turned = recent and sign == -self.last_sign
        return replace(
            moved,
            reversals=(*moved.reversals, session) if turned else moved.reversals,
            last_change=session,
            last_sign=sign,
        )

    def as_plain(self) -> dict[str, object]:
        """Return the counters as plain values for a checkpoint."""
        return {
            "session": self.session,
            "loyalty_error": self.loyalty_error,
            "reversals": list(self.reversals),
            "last_change": self.last_change,
            "last_sign": self.last_sign,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, object]) -> "Discipline":
        """Return the counters that `as_plain` wrote.

        Raises:
            JournalError: the checkpoint says something else.
        """
        match plain:
            case {
                "session": int(session),
                "loyalty_error": int(loyalty),
                "reversals": list(reversals) | tuple(reversals),
                "last_change": int() | None as last_change,
                "last_sign": int(sign),
            }:
                return cls(
                    session=session,
                    loyalty_error=loyalty,
                    reversals=tuple(int(when) for when in reversals),
                    last_change=last_change,
                    last_sign=sign,
                )
            case _:
                raise JournalError(f"not a discipline of this version: {dict(plain)!r}")


def count(
    hedge: dict[str, Any],
    *,
    offset: float,
    phi: float,
    adjusted: bool,
    size_change: float,
    session: date,
    is_close: bool,
) -> None:
    """Let a desk's counters follow a decision; what a move inside a session changed counts at that session's close.

    Args:
        hedge: what the desk keeps.
        offset: see `Discipline.at_close`, as `phi`, `adjusted` and `size_change`.
        phi: likewise.
        adjusted: likewise.
        size_change: likewise.
        session: of the decision.
        is_close: whether it was made at a close.
    """
    if size_change:
        hedge["last_change"] = session.isoformat()
    before = hedge.pop("inside", [False, 0.0])
    both = [before[0] or adjusted, before[1] + size_change]
    if not is_close:
        hedge["inside"] = both
        return
    known = Discipline.from_plain(hedge["discipline"]) if "discipline" in hedge else Discipline()
    hedge["discipline"] = known.at_close(offset=offset, phi=phi, adjusted=both[0], size_change=both[1]).as_plain()


def may_increase(*, hedge_pnl: float, signals_changed: Sequence[str]) -> bool:
    """Whether the hedge may grow now: not within one session after a hedge loss (rule iii of 1.1, the steward).

    Args:
        hedge_pnl: what the hedge made since the last session's close, dollars.
        signals_changed: ids of the signals whose state changed since then; any one lifts the rule.
    """
    return hedge_pnl >= 0.0 or bool(signals_changed)
